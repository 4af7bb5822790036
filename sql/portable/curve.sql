-- curve: the points of a series that are worth drawing. core/src/metric/series.rs says what and why. A point of the state is x and y;
-- an x of type bigint has two floats, its upper and its lower half, as one does not hold all of them.

create or replace function lora._curve_begin(max_points integer, method text, smoothing double precision)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := 100000; -- CURVE_POINTS
  methods constant text[] := array[
    -- Generated: methods.
    'minmax', 'lttb', 'minmaxlttb', 'last'
    -- End.
  ];
  place integer;
begin
  if max_points is null or method is null then
    raise exception '"%" is NULL', case when max_points is null then 'max_points' else 'method' end
      using errcode = '22023', hint = 'Pass how many points to draw and minmax, lttb, minmaxlttb or last.';
  elsif max_points not between 4 and most then
    raise exception '"max_points" is %', max_points using errcode = '22023',
      hint = pg_catalog.format('Ask for 4 (the first, the last, the lowest and the highest) to %s points.', most);
  end if;
  perform lora._check_weight(smoothing);
  place := pg_catalog.array_position(methods, method);
  if place is null then
    raise exception '"method" is "%"', pg_catalog."left"(method, 50)
      using errcode = '22023', hint = 'Use minmax, lttb, minmaxlttb or last.';
  end if;
  return lora._series_begin(max_points, place, coalesce(smoothing, 0));
end
$$;
grant execute on function lora._curve_begin(integer, text, double precision) to public;

create or replace function lora._curve_add(
  state double precision[], x double precision, y double precision, max_points integer, method text, smoothing double precision
)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The arguments of the first row count, as they are the same in each.
  if pg_catalog.cardinality(state) = 0 then
    state := lora._curve_begin(max_points, method, smoothing);
  end if;
  -- As other aggregates: what is unknown is not added.
  if x is null or y is null then
    return state;
  elsif pg_catalog.cardinality(state) > 300 then
    state := lora._series_set_apart(state, 2);
    perform lora._check_series(state[1]);
  end if;
  return pg_catalog.array_cat(state, array[x, y]);
end
$$;
grant execute on function lora._curve_add(
  double precision[], double precision, double precision, integer, text, double precision) to public;

create or replace function lora._curve_add(
  state double precision[], x bigint, y double precision, max_points integer, method text, smoothing double precision
)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.cardinality(state) = 0 then
    state := lora._curve_begin(max_points, method, smoothing);
  end if;
  if x is null or y is null then
    return state;
  elsif pg_catalog.cardinality(state) > 450 then
    state := lora._series_set_apart(state, 3);
    perform lora._check_series(state[1]);
  end if;
  return pg_catalog.array_cat(state, array[x >> 32, x & 4294967295, y]);
end
$$;
grant execute on function lora._curve_add(
  double precision[], bigint, double precision, integer, text, double precision) to public;

create or replace function lora._curve_add(
  state double precision[], x double precision, y double precision, max_points integer, method text
)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One expression, and no call for each row: either would cost as much as the rest of it.
  return case when pg_catalog.cardinality(state) between 1 and 300 and x is not null and y is not null then pg_catalog.array_cat(state, array[x, y])
    else lora._curve_add(state, x, y, max_points, method, null) end;
end
$$;
grant execute on function lora._curve_add(double precision[], double precision, double precision, integer, text) to public;

create or replace function lora._curve_add(
  state double precision[], x bigint, y double precision, max_points integer, method text
)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One expression, and no call for each row: either would cost as much as the rest of it.
  return case when pg_catalog.cardinality(state) between 1 and 450 and x is not null and y is not null
      then pg_catalog.array_cat(state, array[x >> 32, x & 4294967295, y])
    else lora._curve_add(state, x, y, max_points, method, null) end;
end
$$;
grant execute on function lora._curve_add(double precision[], bigint, double precision, integer, text) to public;

create or replace function lora._check_series(points double precision)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := 20000000; -- SERIES_POINTS
begin
  if points > most then
    raise exception 'the series has more than % points', most
      using errcode = '22003', hint = 'Ask for a part of it, such as a range of steps.';
  end if;
end
$$;
grant execute on function lora._check_series(double precision) to public;

create or replace function lora._curve_final(state double precision[])
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- The points as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  answer jsonb := lora._series_answer(state);
  points double precision[];
  x double precision[];
  y double precision[];
  odd_x double precision[];
  odd_y double precision[];
  odd_places bigint[];
begin
  if state = '{}' or answer is not null then
    return answer;
  end if;
  points := lora._series_rows(state);
  perform lora._check_series(pg_catalog.cardinality(points) / 2);
  if pg_catalog.cardinality(points) = 0 then
    -- As other aggregates: NULL of no points.
    return null;
  end if;
  -- Places are counted in the list of what is selected, as a function among the tables is written down first.
  if exists (
    select from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 2) as place) as point
    where not (pg_catalog.abs(points[place]) < 'Infinity' and pg_catalog.abs(points[place + 1]) < 'Infinity'
      and coalesce(points[place] < points[place + 2], true))
  ) then
    -- In the order of their bits, as the extension has them: −0 before 0, and a NaN with a sign before all others.
    select pg_catalog.array_agg(point.x) filter (where point.is_drawn), pg_catalog.array_agg(point.y) filter (where point.is_drawn),
      pg_catalog.array_agg(point.x) filter (where not point.is_drawn), pg_catalog.array_agg(point.y) filter (where not point.is_drawn),
      pg_catalog.array_agg(point.place) filter (where not point.is_drawn)
    into x, y, odd_x, odd_y, odd_places
    from (
      select points[place] as x, points[place + 1] as y, pg_catalog.abs(points[place]) < 'Infinity' and pg_catalog.abs(points[place + 1]) < 'Infinity' as is_drawn, pg_catalog.row_number() over sorted as place
      from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 2) as place) as point
      window sorted as (
        order by points[place] = 'NaN' and lora._is_negative(points[place]) desc, points[place], points[place] = 0 and not lora._is_negative(points[place]),
          points[place + 1] = 'NaN' and lora._is_negative(points[place + 1]) desc, points[place + 1], points[place + 1] = 0 and not lora._is_negative(points[place + 1])
      )
    ) as point;
  else
    -- As a run is read mostly: all can be drawn, in their order already.
    x := array(
      select points[place] from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 2) as place) as point);
    y := array(
      select points[place + 1] from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 2) as place) as point);
  end if;
  return lora._series_close(state, lora._curve(
    coalesce(x, '{}'), coalesce(y, '{}'), coalesce(odd_x, '{}'), coalesce(odd_y, '{}'), coalesce(odd_places, '{}'),
    state[3]::integer, state[4]::integer, state[5]));
end
$$;
grant execute on function lora._curve_final(double precision[]) to public;

create or replace function lora._curve_bigint_final(state double precision[])
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- The points as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  answer jsonb := lora._series_answer(state);
  points double precision[];
  x bigint[];
  y double precision[];
  odd_x bigint[];
  odd_y double precision[];
  odd_places bigint[];
begin
  if state = '{}' or answer is not null then
    return answer;
  end if;
  points := lora._series_rows(state);
  perform lora._check_series(pg_catalog.cardinality(points) / 3);
  if pg_catalog.cardinality(points) = 0 then
    -- As other aggregates: NULL of no points.
    return null;
  end if;
  -- Places are counted in the list of what is selected, as a function among the tables is written down first.
  if exists (
    select from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 3) as place) as point
    where not (pg_catalog.abs(points[place + 2]) < 'Infinity'
      and coalesce(points[place] < points[place + 3] or points[place] = points[place + 3] and points[place + 1] < points[place + 4], true))
  ) then
    -- In the order of their bits, as the extension has them: −0 before 0, and a NaN with a sign before all others.
    select pg_catalog.array_agg(point.x) filter (where point.is_drawn), pg_catalog.array_agg(point.y) filter (where point.is_drawn),
      pg_catalog.array_agg(point.x) filter (where not point.is_drawn), pg_catalog.array_agg(point.y) filter (where not point.is_drawn),
      pg_catalog.array_agg(point.place) filter (where not point.is_drawn)
    into x, y, odd_x, odd_y, odd_places
    from (
      select (points[place]::bigint << 32) + points[place + 1]::bigint as x, points[place + 2] as y, pg_catalog.abs(points[place + 2]) < 'Infinity' as is_drawn, pg_catalog.row_number() over sorted as place
      from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 3) as place) as point
      window sorted as (
        order by points[place], points[place + 1],
          points[place + 2] = 'NaN' and lora._is_negative(points[place + 2]) desc, points[place + 2], points[place + 2] = 0 and not lora._is_negative(points[place + 2])
      )
    ) as point;
  else
    -- As a run is read mostly: all can be drawn, in their order already.
    x := array(
      select (points[place]::bigint << 32) + points[place + 1]::bigint from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 3) as place) as point);
    y := array(
      select points[place + 2] from (select pg_catalog.generate_series(1, pg_catalog.cardinality(points), 3) as place) as point);
  end if;
  return lora._series_close(state, lora._curve(
    coalesce(x, '{}'), coalesce(y, '{}'), coalesce(odd_x, '{}'), coalesce(odd_y, '{}'), coalesce(odd_places, '{}'),
    state[3]::integer, state[4]::integer, state[5]));
end
$$;
grant execute on function lora._curve_bigint_final(double precision[]) to public;

create or replace function lora._is_negative(value double precision)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.get_byte(pg_catalog.float8send(value), 0) >= 128;
end
$$;
grant execute on function lora._is_negative(double precision) to public;

-- Integers as an answer has them.
create or replace function lora._figures("values" bigint[])
returns numeric[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return "values"::numeric[];
end
$$;
grant execute on function lora._figures(bigint[]) to public;

-- How far an x is from another one, as a float; two bigints may be farther apart than a bigint holds.
create or replace function lora._distance(x double precision, since double precision)
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.abs(x) < 1e307 and pg_catalog.abs(since) < 1e307 then x - since else lora._sum(x, -since) end;
end
$$;
grant execute on function lora._distance(double precision, double precision) to public;

create or replace function lora._distance(x bigint, since bigint)
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when since >= 0 or x < 0 then (x - since)::double precision
    else (x::numeric - since::numeric)::double precision end;
end
$$;
grant execute on function lora._distance(bigint, bigint) to public;

-- The curve of points in their order: those that can be drawn, and the others with their places among all.
create or replace function lora._curve(
  x anyarray, y double precision[], odd_x anyarray, odd_y double precision[], odd_places bigint[],
  most integer, method integer, weight double precision
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  drawn_x x%type := '{}';
  drawn_y double precision[] := '{}';
  place integer;
begin
  if weight > 0 then
    y := lora._smoothed(y, weight);
  end if;
  foreach place in array lora._select_points(x, y, most, method) loop
    drawn_x := pg_catalog.array_append(drawn_x, x[place]);
    drawn_y := pg_catalog.array_append(drawn_y, y[place]);
  end loop;
  return pg_catalog.jsonb_build_object(
    'x', lora._figures(drawn_x), 'y', lora._figures(drawn_y), 'marks', lora._curve_marks(odd_x, odd_y, odd_places, most),
    'points', pg_catalog.cardinality(y) + pg_catalog.cardinality(odd_y), 'non_finite', pg_catalog.cardinality(odd_y));
end
$$;
grant execute on function lora._curve(
  anyarray, double precision[], anyarray, double precision[], bigint[], integer, integer, double precision) to public;

-- Runs of points that cannot be drawn: the first ones, and the last.
create or replace function lora._curve_marks(x anyarray, y double precision[], places bigint[], most integer)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  since x%type := '{}';
  until x%type := '{}';
  shown text[] := '{}';
  counts integer[] := '{}';
  mark integer := 0;
  value text;
begin
  for place in 1 .. pg_catalog.cardinality(places) loop
    value := case when pg_catalog.abs(y[place]) < 'Infinity' then 'number' else y[place]::text end;
    if mark > 0 and places[place - 1] = places[place] - 1 and shown[mark] = value then
      counts[mark] := counts[mark] + 1;
    else
      -- The newest takes the place of the one before it.
      mark := least(mark + 1, most);
      since[mark] := x[place];
      shown[mark] := value;
      counts[mark] := 1;
    end if;
    until[mark] := x[place];
  end loop;
  return (
    select coalesce(pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object('from', run.since, 'to', run.until, 'value', run.shown, 'points', run.count) order by run.place), '[]')
    from unnest(lora._figures(since), lora._figures(until), shown, counts) with ordinality as run (since, until, shown, count, place));
end
$$;
grant execute on function lora._curve_marks(anyarray, double precision[], bigint[], integer) to public;

create or replace aggregate lora.curve(x double precision, y double precision, max_points integer, method text) (
  sfunc = lora._curve_add,
  stype = double precision[],
  initcond = '{}',
  finalfunc = lora._curve_final,
  finalfunc_modify = shareable,
  parallel = safe
);
comment on aggregate lora.curve(double precision, double precision, integer, text) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, and marks where it is no number';
grant execute on function lora.curve(double precision, double precision, integer, text) to public;

create or replace aggregate lora.curve(x double precision, y double precision, max_points integer, method text, smoothing double precision) (
  sfunc = lora._curve_add,
  stype = double precision[],
  initcond = '{}',
  finalfunc = lora._curve_final,
  finalfunc_modify = shareable,
  parallel = safe
);
comment on aggregate lora.curve(double precision, double precision, integer, text, double precision) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, smoothed as a whole before, and marks where it is no number';
grant execute on function lora.curve(double precision, double precision, integer, text, double precision) to public;

create or replace aggregate lora.curve(x bigint, y double precision, max_points integer, method text) (
  sfunc = lora._curve_add,
  stype = double precision[],
  initcond = '{}',
  finalfunc = lora._curve_bigint_final,
  finalfunc_modify = shareable,
  parallel = safe
);
comment on aggregate lora.curve(bigint, double precision, integer, text) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, and marks where it is no number';
grant execute on function lora.curve(bigint, double precision, integer, text) to public;

create or replace aggregate lora.curve(x bigint, y double precision, max_points integer, method text, smoothing double precision) (
  sfunc = lora._curve_add,
  stype = double precision[],
  initcond = '{}',
  finalfunc = lora._curve_bigint_final,
  finalfunc_modify = shareable,
  parallel = safe
);
comment on aggregate lora.curve(bigint, double precision, integer, text, double precision) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, smoothed as a whole before, and marks where it is no number';
grant execute on function lora.curve(bigint, double precision, integer, text, double precision) to public;
