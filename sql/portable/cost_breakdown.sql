-- cost_breakdown: amounts added up by every grouping at once. core/src/cost/breakdown.rs says what and why.
--
-- Its state is a list of texts: currency, rows, total, how many elements are put together already, and then three for each sum: the
-- grouping's number, its key, the sum. What comes is put behind what is there, and put together once that is twice as long.

create or replace function lora._cost_breakdown_add(
  state text[], amount numeric, currency text, day date, cost_type text, gpu_type text, job_id uuid, status text
)
returns text[]
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  longest integer;
begin
  state := coalesce(state, array[null, '0', '0', '4']);
  -- As sum() does: what is unknown is not added.
  if amount is null then
    return state;
  elsif not pg_catalog.isfinite(day) then
    raise exception '"day" is infinite' using errcode = '22023', hint = 'Pass a day of the calendar, or NULL.';
  end if;
  perform lora._check_amount(amount, 'amount');
  if currency is null then
    raise exception '"currency" is NULL' using errcode = '22023', hint = 'Pass the currency of each amount.';
  end if;
  state[1] := lora._same_currency(state[1], currency);
  perform lora._check_cost_key(cost_type), lora._check_cost_key(gpu_type), lora._check_cost_key(status);
  state[2] := (state[2]::bigint + 1)::text;
  state[3] := lora._cost_sum(state[3]::numeric + amount)::text;
  state := state || array[
    '1', pg_catalog.to_jsonb(day) #>> '{}', amount::text,
    '2', cost_type, amount::text,
    '3', gpu_type, amount::text,
    '4', job_id::text, amount::text,
    '5', status, amount::text
  ];
  longest := pg_catalog.cardinality(state);
  if longest > 3000 and longest > 2 * state[4]::integer then
    return lora._cost_breakdown_compact(state);
  end if;
  return state;
end
$$;
grant execute on function lora._cost_breakdown_add(text[], numeric, text, date, text, text, uuid, text) to public;

create or replace function lora._cost_breakdown_combine(one text[], other text[])
returns text[]
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if one is null or other is null then
    return coalesce(one, other);
  end if;
  return lora._cost_breakdown_compact(
    array[
      case when other[1] is null then one[1] else lora._same_currency(one[1], other[1]) end,
      (one[2]::bigint + other[2]::bigint)::text,
      lora._cost_sum(one[3]::numeric + other[3]::numeric)::text,
      '4'
    ] || one[5:] || other[5:]);
end
$$;
grant execute on function lora._cost_breakdown_combine(text[], text[]) to public;

-- One sum for each key of each grouping.
create or replace function lora._cost_breakdown_compact(state text[])
returns text[]
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  sums text[];
  crowded integer;
begin
  select pg_catalog.array_agg(element.value order by one.grouping, one.key, element.place),
    pg_catalog.min(one.most) filter (where one.groups > one.most)
    into sums, crowded
  from (
    select sum.grouping, sum.key, sum.amount, case when sum.grouping = '4' then 1000000 else 100000 end as most,
      pg_catalog.count(sum.key) over (partition by sum.grouping) as groups
    from (
      select state[place] as grouping, state[place + 1] as key, pg_catalog.sum(state[place + 2]::numeric) as amount
      from pg_catalog.generate_series(5, pg_catalog.cardinality(state), 3) as place
      group by state[place], state[place + 1]
    ) as sum
  ) as one
  cross join lateral (values (1, one.grouping), (2, one.key), (3, one.amount::text)) as element (place, value);
  if crowded is not null then
    raise exception 'a cost breakdown holds at most % groups of a kind', crowded
      using errcode = '22003', hint = 'Narrow the range of dates, or add up one job at a time.';
  end if;
  return array[state[1], state[2], state[3], (4 + coalesce(pg_catalog.cardinality(sums), 0))::text] || sums;
end
$$;
grant execute on function lora._cost_breakdown_compact(text[]) to public;

create or replace function lora._cost_breakdown_answer(state text[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  total constant numeric := coalesce(state[3], '0')::numeric(48, 10);
  sums constant text[] := lora._cost_breakdown_compact(coalesce(state, array[null, '0', '0', '4']));
begin
  return (
    select pg_catalog.jsonb_build_object(
      'currency', state[1], 'records', coalesce(state[2], '0')::bigint, 'total', total,
      'rounded', lora._rounded_half_even(total, lora._currency_places(state[1])))
      || pg_catalog.jsonb_object_agg(grouping.list, coalesce(entries.list, '[]'))
    from (values ('1', 'by_day', 'day'), ('2', 'by_type', 'cost_type'), ('3', 'by_gpu', 'gpu_type'), ('4', 'by_job', 'job_id'),
      ('5', 'by_status', 'status')) as grouping (number, list, key)
    left join lateral (
      select pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(grouping.key, sums[place + 1], 'amount', sums[place + 2]::numeric(48, 10))
        -- Days by the calendar, others by their bytes; what has no key comes last.
        order by case when grouping.number = '1' then sums[place + 1]::date end, sums[place + 1] collate "C" nulls last
      ) as list
      from pg_catalog.generate_series(5, pg_catalog.cardinality(sums), 3) as place
      where sums[place] = grouping.number
    ) as entries on true
  );
end
$$;
grant execute on function lora._cost_breakdown_answer(text[]) to public;

-- What 128 bits hold, in ten places.
create or replace function lora._cost_sum(sum numeric)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = ''
as $$
begin
  if sum not between -17014118346046923173168730371.5884105728 and 17014118346046923173168730371.5884105727 then
    raise exception 'the sum of amounts is too large' using errcode = '22003', hint = 'Add up fewer rows at once.';
  end if;
  return sum;
end
$$;
grant execute on function lora._cost_sum(numeric) to public;

create or replace function lora._same_currency(known text, currency text)
returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if known is null then
    perform lora._check_cost_key(currency);
  elsif known <> currency then
    raise exception 'amounts in "%" and "%" cannot be added together', known, currency
      using errcode = '22023', hint = 'Group the query by currency.';
  end if;
  return currency;
end
$$;
grant execute on function lora._same_currency(text, text) to public;

create or replace function lora._check_cost_key(key text)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if pg_catalog.octet_length(key) > 200 then
    raise exception 'a group key has % bytes, 200 at most are kept', pg_catalog.octet_length(key)
      using errcode = '22023', hint = 'Group by a shorter name.';
  end if;
end
$$;
grant execute on function lora._check_cost_key(text) to public;

-- Decimal places in which a currency is paid (ISO 4217); two for one that is not known.
create or replace function lora._currency_places(currency text)
returns integer
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return case
    when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 0
    when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 3
    when currency in ('CLF', 'UYW') then 4
    else 2
  end;
end
$$;
grant execute on function lora._currency_places(text) to public;

create or replace function lora._rounded_half_even(amount numeric, places integer)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = ''
as $$
declare
  -- Postgres rounds a half away from zero.
  rounded numeric := pg_catalog.round(amount, places);
begin
  if pg_catalog.abs(rounded - amount) * 2 = pg_catalog.power(10::numeric, -places) and pg_catalog.mod(rounded, 2 * pg_catalog.power(10::numeric, -places)) <> 0 then
    rounded := rounded - pg_catalog.sign(rounded) * pg_catalog.power(10::numeric, -places);
  end if;
  return pg_catalog.round(rounded, places);
end
$$;
grant execute on function lora._rounded_half_even(numeric, integer) to public;

create or replace aggregate lora.cost_breakdown(
  amount numeric, currency text, day date, cost_type text, gpu_type text, job_id uuid, status text
) (
  sfunc = lora._cost_breakdown_add,
  stype = text[],
  finalfunc = lora._cost_breakdown_answer,
  combinefunc = lora._cost_breakdown_combine,
  parallel = safe
);
comment on aggregate lora.cost_breakdown(numeric, text, date, text, text, uuid, text) is
  'Amounts added up in all, by day, type, GPU, job and status, in one pass';
grant execute on function lora.cost_breakdown(numeric, text, date, text, text, uuid, text) to public;
