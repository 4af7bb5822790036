-- cost_parts: what was charged, and what runs, as the parts that fall on each day. cost_summary adds them up, cost_report lists them.

-- The query for both, as text: only as a part of a caller's statement is it planned with its days and done by parallel workers.
-- $1 first day, $2 day after the last one, $3 time zone, $4 job or NULL, $5 now.
--
-- No row of the ledger may stop it: names are cut to what the aggregate takes, and an amount of an adopted database that is
-- no number is left out.
create or replace function lora_private.cost_parts_query()
returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return $query$
  select part.day, charge.cost_type, pg_catalog.left(charge.gpu_type, 50) as gpu_type, charge.gpus, charge.hourly_rate,
    charge.job_id, job.status as job_status, charge.currency, part.amount, charge.record_id is null as is_open, charge.record_id,
    -- So that rows are counted and not their days; a distinct count is for one process only.
    part.is_first
  from (
    select dated.id as record_id, dated.job_id, dated.cost_type, dated.amount, dated.currency, dated.billing_period, dated.period,
      dated.gpu_type, dated.gpus, dated.hourly_rate,
      -- Most charges begin and end on one day of the zone, and are not split.
      case when dated.first_day = dated.last_day then dated.first_day else dated.billing_period end as whole_day,
      case when dated.first_day < dated.last_day then lora_private.is_cost_of_period(dated.record) else false end as is_split
    from (
      select record.id, record.job_id, record.cost_type, record.amount, record.currency::text as currency, record.billing_period,
        record.period, record.gpu_type, record.gpus, record.hourly_rate, record,
        case when record.hourly_rate is not null and record.gpus is not null
            and pg_catalog.lower(record.period) >= '1900-01-01 00:00Z' and pg_catalog.upper(record.period) <= '2500-01-01 00:00Z'
            and record.billing_period = (pg_catalog.lower(record.period) at time zone 'UTC')::date
          then (pg_catalog.lower(record.period) at time zone $3)::date end as first_day,
        case when record.hourly_rate is not null and record.gpus is not null
            and pg_catalog.lower(record.period) >= '1900-01-01 00:00Z' and pg_catalog.upper(record.period) <= '2500-01-01 00:00Z'
            and record.billing_period = (pg_catalog.lower(record.period) at time zone 'UTC')::date
          then (pg_catalog.upper(record.period) at time zone $3)::date end as last_day
      from public.cost_records as record
      -- A charge that ends by the next day in UTC has its parts from the day before its own to two days after it, in any zone.
      where record.billing_period <= $2
        and (record.billing_period >= $1 - 2
          or record.billing_period < (pg_catalog.upper(record.period) at time zone 'UTC')::date - 1)
        and ($4::uuid is null or record.job_id = $4)
        and record.amount <> 'NaN'
    ) as dated
    union all
    select null, open.job_id, 'training_compute', open.amount, 'USD', null, pg_catalog.tstzrange(open.started_at, $5),
      open.gpu_config ->> 'gpu_type', (open.gpu_config -> 'num_gpus')::numeric::integer, (open.gpu_config -> 'cost_per_gpu_hour')::numeric,
      open.last_day, open.first_day < open.last_day
    from (
      select job.id as job_id, job.started_at, job.gpu_config, (job.started_at at time zone $3)::date as first_day,
        ($5 at time zone $3)::date as last_day,
        lora_private.gpu_time_cost(job.gpu_config, job.started_at, $5) as amount
      from public.training_jobs as job
      where job.status in ('initializing', 'running') and job.claimed_by is not null and job.started_at < $5
        and job.started_at > '1900-01-01 00:00Z' and ($4::uuid is null or job.id = $4)
    ) as open
    where open.amount is not null
  ) as charge
  left join public.training_jobs as job on job.id = charge.job_id
  cross join lateral (
    select charge.whole_day as day, charge.amount, true as is_first where not charge.is_split
    union all
    select day.date,
      lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(charge.period), day.until), charge.hourly_rate, charge.gpus)
        - lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(charge.period), day.since), charge.hourly_rate, charge.gpus),
      pg_catalog.row_number() over (order by day.date) = 1
    from (
      select midnight::date as date,
        greatest(pg_catalog.lower(charge.period), midnight at time zone $3) as since,
        least(pg_catalog.upper(charge.period), (midnight + '1 day') at time zone $3) as until
      -- From the day before: a midnight that comes twice (Havana, when clocks go back) is Postgres's second one,
      -- and what ran after the first belongs to the old day.
      from pg_catalog.generate_series(
        pg_catalog.date_trunc('day', pg_catalog.lower(charge.period) at time zone $3) - '1 day'::interval,
        pg_catalog.upper(charge.period) at time zone $3,
        '1 day'::interval
      ) as midnight
      where charge.is_split
    ) as day
    where day.since < day.until and day.date >= $1 and day.date < $2
  ) as part
  where part.day >= $1 and part.day < $2
  $query$;
end
$$;

-- Whether a record's amount follows from its period and rate, so that a part of the period has a part of it.
create or replace function lora_private.is_cost_of_period(record public.cost_records)
returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if record.period is null or record.hourly_rate is null or record.gpus is null
    or not pg_catalog.isfinite(pg_catalog.lower(record.period)) or not pg_catalog.isfinite(pg_catalog.upper(record.period))
    or pg_catalog.lower_inf(record.period) or pg_catalog.upper_inf(record.period) or pg_catalog.isempty(record.period)
    or record.hourly_rate not between 0 and 1000000000 or record.hourly_rate <> pg_catalog.round(record.hourly_rate, 10)
    or record.gpus not between 0 and 4096
    -- Beyond these a day more or less may be no instant any more.
    or pg_catalog.lower(record.period) < pg_catalog.timestamptz '1900-01-01 00:00Z'
    or pg_catalog.upper(record.period) > pg_catalog.timestamptz '2500-01-01 00:00Z'
    or pg_catalog.upper(record.period) > pg_catalog.lower(record.period) + '20 years'::interval then
    return false;
  end if;
  return record.amount = lora.interval_cost(record.period, record.hourly_rate, record.gpus);
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
  begin
    -- Asking Postgres is 100 times faster than reading its list of zones.
    perform (timestamptz 'epoch' at time zone coalesce(time_zone, ''))::date;
  exception when invalid_parameter_value then
    raise exception 'unknown time zone "%"', coalesce(time_zone, 'null')
      using errcode = '22023', hint = 'Use a name such as "Europe/Berlin" or "UTC".';
  end;
end
$$;
revoke all on function
  lora_private.cost_parts_query(),
  lora_private.is_cost_of_period(public.cost_records),
  lora_private.check_cost_days(date, date, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.cost_parts_query(),
  lora_private.is_cost_of_period(public.cost_records),
  lora_private.check_cost_days(date, date, text)
  to authenticated, service_role;
