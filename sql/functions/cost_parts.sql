-- cost_parts: what was charged, and what runs, as the parts that fall on each day. cost_summary adds them up, cost_report lists them.

-- The query for both, as text: only as a part of a caller's statement is it planned with its days and done by parallel workers.
-- $1 first day, $2 day after the last one, $3 time zone, $4 job or NULL, $5 now.
--
-- An amount that is the cost of its period is split at the midnights of the zone: the part [a, b) costs C(b) - C(a), so the parts sum
-- exactly to the amount. Any other one belongs to its billing_period, whole. No row of the ledger may stop it: names are cut to what the
-- aggregate takes, and an amount of an adopted database that is no number is left out.
create or replace function lora_private.cost_parts_query()
returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  -- Rows of the ledger, with the days on which they begin and end, and whether their amount is the cost of their period.
  charges constant pg_catalog.text := $query$
    select charge.*,
      case when charge.first_day <= charge.last_day
        then charge.amount = lora.interval_cost(charge.period, charge.hourly_rate, charge.gpus) else false end as is_exact
    from (
      select record.id as record_id, record.job_id, record.cost_type, record.amount, record.currency::pg_catalog.text as currency,
        record.billing_period, record.period, record.gpu_type, record.gpus, record.hourly_rate,
        case when record.gpus between 0 and 4096
          and record.hourly_rate between 0 and 1000000000 and record.hourly_rate = pg_catalog.round(record.hourly_rate, 10)
          -- Beyond these a day more or less may be no instant any more.
          and pg_catalog.lower(record.period) >= '1900-01-01 00:00Z' and pg_catalog.upper(record.period) <= '2500-01-01 00:00Z'
          -- And of a longer one the cost may be more than any amount.
          and pg_catalog.upper(record.period) <= pg_catalog.lower(record.period) + '20 years'::pg_catalog.interval
          and record.billing_period = (pg_catalog.lower(record.period) at time zone 'UTC')::pg_catalog.date
          -- A day begins with its midnight, the second one where there are two (Havana, when clocks go back): until then it is the day before.
          then (pg_catalog.lower(record.period) at time zone $3)::pg_catalog.date
            - (pg_catalog.lower(record.period) < (pg_catalog.lower(record.period) at time zone $3)::pg_catalog.date::pg_catalog.timestamp at time zone $3)::pg_catalog.int4
        end as first_day,
        case when pg_catalog.upper(record.period) between '1900-01-01 00:00Z' and '2500-01-01 00:00Z'
          then (pg_catalog.upper(record.period) at time zone $3)::pg_catalog.date
        end as last_day
      from public.cost_records as record
      -- What ends by the next day in UTC has its parts from the day before its own to two days after it, in any zone.
      where record.billing_period <= $2
        and (record.billing_period >= $1 - 2
          or record.billing_period < (pg_catalog.upper(record.period) at time zone 'UTC')::pg_catalog.date - 1)
        and ($4::pg_catalog.uuid is null or record.job_id = $4)
        and record.amount <> 'NaN'
    ) as charge
  $query$;
begin
  -- Most charges begin and end on one day, and are read by a branch without a set of days: with one the planner expects a thousand
  -- times as many rows, and sorts them in one process.
  return pg_catalog.replace($query$
  select part.day, part.cost_type, pg_catalog.left(part.gpu_type, 50) as gpu_type, part.gpus, part.hourly_rate, part.job_id,
    job.status as job_status, part.currency, part.amount, part.record_id is null as is_open, part.record_id, part.is_first
  from (
    select whole.record_id, whole.job_id, whole.cost_type, whole.currency, whole.gpu_type, whole.gpus, whole.hourly_rate, whole.amount,
      case when whole.is_exact then whole.first_day else whole.billing_period end as day, true as is_first
    from (CHARGES) as whole
    where (whole.first_day < whole.last_day and whole.is_exact) is not true
    union all
    select split.record_id, split.job_id, split.cost_type, split.currency, split.gpu_type, split.gpus, split.hourly_rate,
      -- C(b) is the amount on the last day, and C(a) nothing on the first one.
      case when day.until < pg_catalog.upper(split.period)
        then lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(split.period), day.until), split.hourly_rate, split.gpus)
        else split.amount end
      - case when day.since > pg_catalog.lower(split.period)
        then lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(split.period), day.since), split.hourly_rate, split.gpus)
        else 0 end,
      day.date,
      -- Of those that are asked for, so that rows are counted and not their days: a distinct count is for one process only.
      day.since = greatest(pg_catalog.lower(split.period), $1::pg_catalog.timestamp at time zone $3)
    from (
      select charge.record_id, charge.job_id, charge.cost_type, charge.currency, charge.gpu_type, charge.gpus, charge.hourly_rate,
        charge.amount, charge.period, charge.first_day, charge.last_day
      from (CHARGES) as charge
      where charge.first_day < charge.last_day and charge.is_exact
      union all
      -- An open interval costs what its time costs, and so it is split, if only into one.
      select null, job.id, 'training_compute', 'USD', job.gpu_config ->> 'gpu_type',
        (job.gpu_config -> 'num_gpus')::pg_catalog.numeric::pg_catalog.int4, (job.gpu_config -> 'cost_per_gpu_hour')::pg_catalog.numeric,
        job.cost, pg_catalog.tstzrange(job.started_at, $5),
        (job.started_at at time zone $3)::pg_catalog.date
          - (job.started_at < (job.started_at at time zone $3)::pg_catalog.date::pg_catalog.timestamp at time zone $3)::pg_catalog.int4,
        ($5 at time zone $3)::pg_catalog.date
      from (
        select job.id, job.gpu_config, job.started_at, lora_private.gpu_time_cost(job.gpu_config, job.started_at, $5) as cost
        from public.training_jobs as job
        where job.status in ('initializing', 'running') and job.claimed_by is not null
          and job.started_at < $5 and job.started_at >= '1900-01-01 00:00Z'
          and ($4::pg_catalog.uuid is null or job.id = $4)
        -- Each is weighed once.
        offset 0
      ) as job
      where job.cost is not null
    ) as split
    cross join lateral (
      select split.first_day + number as date,
        greatest(pg_catalog.lower(split.period), (split.first_day + number)::pg_catalog.timestamp at time zone $3) as since,
        least(pg_catalog.upper(split.period), (split.first_day + number + 1)::pg_catalog.timestamp at time zone $3) as until
      from pg_catalog.generate_series(0, split.last_day - split.first_day) as number
    ) as day
    where day.since < day.until
  ) as part
  left join public.training_jobs as job on job.id = part.job_id
  -- As one expression, which the planner takes for half of the rows, as it is in the end: of a range of days that are made here it would
  -- expect one in 200.
  where case when part.day >= $1 then part.day < $2 else false end
  $query$, 'CHARGES', charges);
end
$$;

-- What cannot be asked for.
create or replace function lora_private.check_cost_days(from_date date, to_date date, time_zone text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if from_date is null or to_date is null then
    raise exception '"from_date" and "to_date" must not be null'
      using errcode = '22023', hint = 'Pass the first day and the day after the last one.';
  elsif from_date > to_date then
    raise exception '"from_date" % is after "to_date" %', from_date, to_date
      using errcode = '22023', hint = 'Pass the first day and the day after the last one.';
  end if;
  if not lora_private.is_time_zone(time_zone) then
    raise exception 'unknown time zone "%"', coalesce(pg_catalog.left(time_zone, 100), 'null')
      using errcode = '22023', hint = 'Use a name such as "Europe/Berlin" or "UTC".';
  end if;
end
$$;
-- Whether its days are those of a calendar. Postgres also takes any offset for a zone ('AAA+167' is a week off), and days that are weeks
-- off would be looked for in the wrong months.
create or replace function lora_private.is_time_zone(name text)
returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
  winter constant pg_catalog.timestamptz := '2026-01-15 12:00Z'::pg_catalog.timestamptz;
  summer constant pg_catalog.timestamptz := '2026-07-15 12:00Z'::pg_catalog.timestamptz;
begin
  -- Behind a comma a zone has rules of its own for when summer is. Asking Postgres is 100 times faster than reading its list of names.
  return coalesce(name !~ ','
    and (winter at time zone name) - (winter at time zone 'UTC') between '-15 hours' and '15 hours'
    and (summer at time zone name) - (summer at time zone 'UTC') between '-15 hours' and '15 hours', false);
exception when invalid_parameter_value then
  return false;
end
$$;
revoke all on function
  lora_private.cost_parts_query(),
  lora_private.is_time_zone(text),
  lora_private.check_cost_days(date, date, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.cost_parts_query(),
  lora_private.is_time_zone(text),
  lora_private.check_cost_days(date, date, text)
  to authenticated, service_role;
