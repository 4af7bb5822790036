-- Curves: what is kept, what is marked, what is refused.
select lora.curve(step, loss, 4, 'minmax') as curve
from (values (1, 2.5), (2, 2.4), (3, 9.9), (4, 2.2), (5, 0.5), (6, 1.9)) as point (step, loss);

-- Each method keeps a spike, the dip and both ends.
select method, jsonb_array_length(curve -> 'x') as points,
  curve -> 'x' @> '[1, 54321, 70000, 100000]' as has_all, curve -> 'points' as of
from unnest(array['minmax', 'lttb', 'minmaxlttb', 'last']) as method
cross join lateral (
  select lora.curve(step, case step when 54321 then 9.9 when 70000 then -3 else 2 + sin(step / 500.0) end, 320, method) as curve
  from generate_series(1, 100000) as step
) as sampled order by method;

-- Order does not matter, and ties in x are ordered by y.
select lora.curve(x, y, 4, 'lttb' order by y) = lora.curve(x, y, 4, 'lttb' order by y desc) as same,
  lora.curve(x, y, 10, 'lttb' order by y desc) -> 'y' as y
from (values (1, 3.0), (1, 1.0), (1, 2.0), (2, 0.0)) as point (x, y);

-- What is no number is marked, and what is NULL is left out.
select jsonb_pretty(lora.curve(x, y, 4, 'last')) as curve
from (values (1, 1.0::float8), (2, 'NaN'), (3, 'NaN'), (4, 'Infinity'), (5, 2.0), (6, null), (null, 3.0)) as point (x, y);
select lora.curve(x, 'NaN'::float8, 4, 'lttb') as diverged from generate_series(1, 5) as x;
select lora.curve(x::float8, 1.0, 4, 'lttb') as nothing from generate_series(1, 0) as x;
select lora.curve(null::float8, 1.0, 4, 'lttb') as nothing;

-- Integers of any size are exact.
select lora.curve(x, 1.0, 4, 'minmax') -> 'x' as x
from unnest(array[9223372036854775807, -9223372036854775808, 1767225600000001]) as x;

-- Also where there is no room for all of them, and whatever lies between them.
select method, jsonb_array_length(curve -> 'x') as points,
  curve -> 'x' @> '[-9223372036854775808, 1767225600000777, 9223372036854775807]' as has_all
from unnest(array['minmax', 'lttb', 'minmaxlttb', 'last']) as method
cross join lateral (
  select lora.curve(x, case x when 1767225600000777 then 9.9 else 2 + sin(x % 1000) end, 12, method) as curve
  from (
    select 1767225600000000 + number from generate_series(1, 1000) as number
    union all values (9223372036854775807), (-9223372036854775808)
  ) as stamp (x)
) as sampled order by method;

-- At infinity, or at what is no number, there is no place to draw at; points that share a place are ordered by y.
select method, curve -> 'x' as x, curve -> 'y' as y, curve -> 'marks' as marks, curve -> 'non_finite' as non_finite
from unnest(array['minmax', 'lttb', 'minmaxlttb', 'last']) as method
cross join lateral (
  select lora.curve(x, y, 4, method) as curve
  from (values (1::float8, 5.0::float8), (1, 4), (1, 9), (2, 7), (2, 1), (2, 6), (3, 3), ('Infinity', 99), ('-Infinity', -99),
    ('-Infinity', 'NaN'), ('NaN', 1)) as point (x, y)
) as sampled order by method;

-- One point, a flat line, and nothing but what is no number.
select method, lora.curve(x, 2.5, 4, method) filter (where x = 7) -> 'x' as one, lora.curve(x, 2.5, 4, method) -> 'x' as flat,
  lora.curve(x, 'Infinity', 4, method) - 'points' as diverged
from unnest(array['minmax', 'lttb', 'minmaxlttb', 'last']) as method, generate_series(1, 9) as x group by method order by method;

-- Smoothed as a whole, then sampled.
select lora.curve(x, (x % 5)::float8, 4, 'minmax', 0.6) as curve from generate_series(1, 100) as x;
select lora.smooth(array[1, null, 'NaN', 2, 4]::float8[], 0.5) as smoothed, lora.smooth('{}', 0.6) as empty;

-- What is wrong with a run, in any order of its points.
select jsonb_pretty(lora.curve_health(step, loss, evaluation, 0.0002, norm, 1800, 95 order by random())) as findings
from generate_series(1, 300) as step
cross join lateral (
  select case when step < 250 then 2.5 - step / 200.0 when step = 300 then 'NaN' else 9 end :: float8 as loss,
    case step when 40 then 2.5 end as evaluation, case step when 100 then 20 else 0.8 end as norm
) as figures;
select lora.curve_health(step, 2.5 - step / 200.0, null, null, null, null, null) as well from generate_series(1, 300) as step;
select lora.curve_health(null::bigint, 1, null, null, null, null, null) as nothing;

select lora.curve(1, 1.0, 3, 'minmax');
\echo :SQLSTATE
select lora.curve(x, 1.0, -2147483648, 'last') from generate_series(1, 9) as x;
\echo :SQLSTATE
select lora.curve(1, 1.0, 100001, 'minmax');
\echo :SQLSTATE
select lora.curve(1, 1.0, null, 'minmax');
\echo :SQLSTATE
select lora.curve(1, 1.0, 4, 'random');
\echo :SQLSTATE
select lora.curve(1, 1.0, 4, null);
\echo :SQLSTATE
select lora.curve(1, 1.0, 4, 'lttb', 1);
\echo :SQLSTATE
select lora.smooth(array[1.0], -0.1);
\echo :SQLSTATE
