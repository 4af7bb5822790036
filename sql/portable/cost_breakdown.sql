-- cost_breakdown: amounts added up by every grouping at once. core/src/cost/breakdown.rs says what and why.
--
-- Postgres copies the state for each row, so it has a hundred of them at most, as they came. When there are more they are put together, and
-- stay if that leaves little. If not, as when each is of another job, they are set apart in cursors of the transaction, as the parts of a series
-- are (series.sql), and put together when there are many thousands: so each row is copied a few times and read once or twice, however many
-- there are. A state with cursors is its process's own, so states are not combined.
--
-- The state: the currency and "}"; the number of the newest cursor, 0 of none, and the bytes of its part; then a part, what is not set apart.
-- A cursor has a part, and number and bytes of the one before it. A part is lines, which are what an array of texts has between its braces. The
-- first one has the currency. The others are of charges (amount, day since 2000, cost type, GPU type, job, status) or of sums (sum, # and the
-- number of the grouping, key; of grouping 0 how many charges there are, and their currency).

create or replace function lora._cost_breakdown_add(
  state text, amount numeric, currency text, day date, cost_type text, gpu_type text, job_id uuid, status text
)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- What nearly every row is. A currency that has "}" itself stands at the beginning of no state, and none is "".
  if pg_catalog.octet_length(state) < 12000 and pg_catalog.starts_with(state, currency || '}') and pg_catalog.strpos(currency, '}') = 0
    and pg_catalog.octet_length(currency) > 0 and amount > -1e20 and amount < 1e20 and pg_catalog.min_scale(amount) <= 10
    and (pg_catalog.octet_length(cost_type) > 200 or pg_catalog.octet_length(gpu_type) > 200 or pg_catalog.octet_length(status) > 200
      or not pg_catalog.isfinite(day)) is not true
  then
    return state || (',' || array[amount::text, (day - '2000-01-01'::date)::text, cost_type, gpu_type, job_id::text, status]::text);
  end if;
  return lora._cost_breakdown_add_any(state, amount, currency, day, cost_type, gpu_type, job_id, status);
end
$$;
grant execute on function lora._cost_breakdown_add(text, numeric, text, date, text, text, uuid, text) to public;

create or replace function lora._cost_breakdown_add_any(
  state text, amount numeric, currency text, day date, cost_type text, gpu_type text, job_id uuid, status text
)
returns text
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  known text;
begin
  -- As sum() does: what is unknown is not added.
  if amount is null then
    return state;
  elsif not pg_catalog.isfinite(day) then
    raise exception '"day" is infinite' using errcode = '22023', hint = 'Pass a day of the calendar, or NULL.';
  end if;
  perform lora._check_amount(amount, 'amount');
  if currency is null then
    raise exception '"currency" is NULL' using errcode = '22023', hint = 'Pass the currency of each amount.';
  elsif state = '' then
    perform lora._check_cost_key(currency);
    state := lora._cost_state(currency, 0, 0, lora._cost_part(currency));
  else
    known := lora._cost_currency(state);
    if known <> currency then
      raise exception 'amounts in "%" and "%" cannot be added together', known, currency
        using errcode = '22023', hint = 'Group the query by currency.';
    end if;
  end if;
  perform lora._check_cost_key(cost_type), lora._check_cost_key(gpu_type), lora._check_cost_key(status);
  if pg_catalog.octet_length(state) >= 12000 then
    state := lora._cost_breakdown_set_apart(state, currency);
  end if;
  state := state || (',' || array[amount::text, (day - '2000-01-01'::date)::text, cost_type, gpu_type, job_id::text, status]::text);
  if pg_catalog.abs(amount) >= 1e20 then
    -- A few of them are too many, and what the next ones take off is too late.
    perform lora._cost_sums(lora._cost_breakdown_whole(state));
  end if;
  return state;
end
$$;
grant execute on function lora._cost_breakdown_add_any(text, numeric, text, date, text, text, uuid, text) to public;

create or replace function lora._cost_state(currency text, cursor bigint, bytes bigint, part text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.strpos(currency, '}') = 0 then currency else '' end || '}'
    || pg_catalog.lpad(cursor::text, 10) || pg_catalog.lpad(bytes::text, 10) || part;
end
$$;
grant execute on function lora._cost_state(text, bigint, bigint, text) to public;

-- A part without charges.
create or replace function lora._cost_part(currency text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return array['0', '#0', currency, null, null, null]::text;
end
$$;
grant execute on function lora._cost_part(text) to public;

create or replace function lora._cost_currency(state text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- NULL in a text that becomes an array is no text.
set array_nulls = on
as $$
begin
  return (('{' || pg_catalog.substr(state, pg_catalog.strpos(state, '}') + 21) || '}')::text[])[1][3];
end
$$;
grant execute on function lora._cost_currency(text) to public;

-- Makes room in the state.
create or replace function lora._cost_breakdown_set_apart(state text, currency text)
returns text
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- What is set apart as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  figures constant integer := pg_catalog.strpos(state, '}') + 1;
  newest bigint := pg_catalog.substr(state, figures, 10);
  bytes bigint := pg_catalog.substr(state, figures + 10, 10);
  part text := pg_catalog.substr(state, figures + 20);
  before text;
  together text;
  held refcursor;
begin
  if newest = 0 then
    together := lora._cost_sums(part);
    if pg_catalog.octet_length(together) <= 6000 then
      return lora._cost_state(currency, 0, 0, together);
    end if;
  end if;
  while newest > 0 and bytes <= pg_catalog.octet_length(part) loop
    held := lora._series_cursor(newest);
    fetch absolute 1 from held into before, newest, bytes;
    close held;
    part := before || (',' || part);
  end loop;
  if pg_catalog.octet_length(part) > 1000000 then
    part := lora._cost_sums(part);
  end if;
  held := null;
  open held scroll for select part as part, newest as newest, bytes as bytes;
  return lora._cost_state(
    currency, pg_catalog.substring(held::text, '[0-9]+')::bigint, pg_catalog.octet_length(part), lora._cost_part(currency));
end
$$;
grant execute on function lora._cost_breakdown_set_apart(text, text) to public;

-- All that a state has, as one part.
create or replace function lora._cost_breakdown_whole(state text)
returns text
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  figures constant integer := pg_catalog.strpos(state, '}') + 1;
  newest bigint := pg_catalog.substr(state, figures, 10);
  whole text := pg_catalog.substr(state, figures + 20);
  part text;
  bytes bigint;
  held refcursor;
begin
  while newest > 0 loop
    held := lora._series_cursor(newest);
    fetch absolute 1 from held into part, newest, bytes;
    whole := part || (',' || whole);
  end loop;
  return whole;
end
$$;
grant execute on function lora._cost_breakdown_whole(text) to public;

-- The charges of a part, put together: one sum for each key of each grouping.
create or replace function lora._cost_sums(part text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- The lines as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
set array_nulls = on
as $$
declare
  most constant integer := 100000; -- COST_GROUPS
  most_jobs constant integer := 1000000; -- COST_JOBS
  -- What 128 bits hold, in ten places.
  highest constant numeric := 17014118346046923173168730371.5884105727;
  lines constant text[] := ('{' || part || '}')::text[];
  known record;
begin
  select pg_catalog.string_agg(array[sum.amount::text, '#' || sum.grouping, sum.key, null, null, null]::text, ',' order by sum.grouping <> 0) as part,
    pg_catalog.sum(sum.amount) filter (where sum.grouping = 1) as total,
    pg_catalog.max(sum.amount) filter (where sum.grouping > 0) as highest,
    pg_catalog.min(sum.amount) filter (where sum.grouping > 0) as lowest,
    greatest(pg_catalog.count(sum.key) filter (where sum.grouping = 1), pg_catalog.count(sum.key) filter (where sum.grouping = 2),
      pg_catalog.count(sum.key) filter (where sum.grouping = 3), pg_catalog.count(sum.key) filter (where sum.grouping = 5)) as groups,
    pg_catalog.count(sum.key) filter (where sum.grouping = 4) as jobs
  into known
  from (
    select of_part.grouping, of_part.key, pg_catalog.sum(of_part.amount) as amount
    from (
      -- As grouping() numbers what is not grouped by.
      select case charge.others when 31 then 0 when 15 then 1 when 23 then 2 when 27 then 3 when 29 then 4 else 5 end as grouping,
        case charge.others when 31 then lines[1][3] when 15 then charge.day when 23 then charge.cost_type when 27 then charge.gpu_type
          when 29 then charge.job else charge.status end as key,
        case charge.others when 31 then charge.records else charge.amount end as amount
      from (
        select grouping(line.day, line.cost_type, line.gpu_type, line.job, line.status) as others,
          line.day, line.cost_type, line.gpu_type, line.job, line.status, pg_catalog.count(*) as records, pg_catalog.sum(line.amount) as amount
        from (
          select lines[place][1]::numeric as amount, lines[place][2] as day, lines[place][3] as cost_type, lines[place][4] as gpu_type,
            lines[place][5] as job, lines[place][6] as status
          from (select pg_catalog.generate_series(1, pg_catalog.array_length(lines, 1)) as place) as every
          where pg_catalog.starts_with(lines[place][2], '#') is not true
        ) as line
        group by grouping sets ((line.day), (line.cost_type), (line.gpu_type), (line.job), (line.status), ())
      ) as charge
      union all
      select pg_catalog.substr(lines[place][2], 2)::integer, lines[place][3], lines[place][1]::numeric
      from (select pg_catalog.generate_series(1, pg_catalog.array_length(lines, 1)) as place) as every
      where pg_catalog.starts_with(lines[place][2], '#')
    ) as of_part
    group by of_part.grouping, of_part.key
  ) as sum;
  if greatest(known.total, known.highest) > highest or least(known.total, known.lowest) < -highest - 0.0000000001 then
    raise exception 'the sum of amounts is too large' using errcode = '22003', hint = 'Add up fewer rows at once.';
  elsif known.groups > most or known.jobs > most_jobs then
    raise exception 'a cost breakdown holds at most % groups of a kind', case when known.groups > most then most else most_jobs end
      using errcode = '22003', hint = 'Narrow the range of dates, or add up one job at a time.';
  end if;
  return known.part;
end
$$;
grant execute on function lora._cost_sums(text) to public;

create or replace function lora._cost_breakdown_answer(state text)
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- As above.
set plan_cache_mode = force_generic_plan
set array_nulls = on
as $$
declare
  lines constant text[] := ('{' || case when state <> '' then lora._cost_sums(lora._cost_breakdown_whole(state)) end || '}')::text[];
  currency constant text := lines[1][3];
  total constant numeric := (
    select coalesce(pg_catalog.sum(lines[place][1]::numeric), 0)::numeric(48, 10)
    from pg_catalog.generate_series(1, pg_catalog.array_length(lines, 1)) as place
    where lines[place][2] = '#1');
begin
  -- Days by the calendar, others by their bytes; what has no key comes last.
  return (
    select pg_catalog.jsonb_build_object(
      'currency', currency, 'records', coalesce(lines[1][1], '0')::bigint, 'total', total,
      'rounded', lora._rounded_half_even(total, lora._currency_places(currency)),
      'by_day', coalesce(pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('day', pg_catalog.to_jsonb('2000-01-01'::date + sum.key::integer), 'amount', sum.amount)
        order by sum.key::integer nulls last) filter (where sum.grouping = '#1'), '[]'),
      'by_type', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('cost_type', sum.key, 'amount', sum.amount)
        order by sum.key collate "C" nulls last) filter (where sum.grouping = '#2'), '[]'),
      'by_gpu', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('gpu_type', sum.key, 'amount', sum.amount)
        order by sum.key collate "C" nulls last) filter (where sum.grouping = '#3'), '[]'),
      'by_job', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('job_id', sum.key, 'amount', sum.amount)
        order by sum.key collate "C" nulls last) filter (where sum.grouping = '#4'), '[]'),
      'by_status', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('status', sum.key, 'amount', sum.amount)
        order by sum.key collate "C" nulls last) filter (where sum.grouping = '#5'), '[]'))
    from (
      select lines[place][2] as grouping, lines[place][3] as key, lines[place][1]::numeric(48, 10) as amount
      from (select pg_catalog.generate_series(1, pg_catalog.array_length(lines, 1)) as place) as every
    ) as sum
  );
end
$$;
grant execute on function lora._cost_breakdown_answer(text) to public;

create or replace function lora._check_cost_key(key text)
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
  stype = text,
  initcond = '',
  finalfunc = lora._cost_breakdown_answer,
  parallel = safe
);
comment on aggregate lora.cost_breakdown(numeric, text, date, text, text, uuid, text) is
  'Amounts added up in all, by day, type, GPU, job and status, in one pass';
grant execute on function lora.cost_breakdown(numeric, text, date, text, text, uuid, text) to public;
