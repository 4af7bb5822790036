-- cost_summary: what was spent, by every grouping at once.
create or replace function public.cost_summary(
  from_date date, to_date date, time_zone text default 'UTC', job_id uuid default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  answers jsonb[];
  answer jsonb;
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

  if cost_summary.job_id is not null
    and not exists (select from public.training_jobs as job where job.id = cost_summary.job_id) then
    raise exception 'training job "%" does not exist', cost_summary.job_id
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;

  -- No row of the ledger may stop the summary: names are cut to what the aggregate takes, and an amount of an
  -- adopted database that is no number is left out. A record whose amount is the cost of its period is split at the
  -- midnights of the zone: the part [a, b) costs C(b) - C(a), so the parts sum exactly to the amount. Any other one
  -- belongs to its billing_period.
  select pg_catalog.array_agg(of_currency.answer) into answers
  from (
    select lora.cost_breakdown(
      part.amount, record.currency::text, part.day, record.cost_type,
      pg_catalog.left(record.gpu_type, 50), record.job_id, job.status)
      -- Rows of the ledger, and not the days that they were split into.
      || pg_catalog.jsonb_build_object('records', pg_catalog.count(distinct record.id)) as answer
    from public.cost_records as record
    left join public.training_jobs as job on job.id = record.job_id
    cross join lateral (
      select record.billing_period as day, record.amount where not lora_private.is_cost_of_period(record)
      union all
      select day.date,
        lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(record.period), day.until), record.hourly_rate, record.gpus)
        - lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(record.period), day.since), record.hourly_rate, record.gpus)
      from (
        select midnight::date as date,
          greatest(pg_catalog.lower(record.period), midnight at time zone time_zone) as since,
          least(pg_catalog.upper(record.period), (midnight + '1 day') at time zone time_zone) as until
        -- From the day before: a midnight that comes twice (Havana, when clocks go back) is Postgres's second one,
        -- and what ran after the first belongs to the old day.
        from pg_catalog.generate_series(
          pg_catalog.date_trunc('day', pg_catalog.lower(record.period) at time zone time_zone) - '1 day'::interval,
          pg_catalog.upper(record.period) at time zone time_zone,
          '1 day'::interval
        ) as midnight
        where lora_private.is_cost_of_period(record)
      ) as day
      where day.since < day.until
    ) as part
    where part.day >= from_date and part.day < to_date and part.amount <> 'NaN'
      and (cost_summary.job_id is null or record.job_id = cost_summary.job_id)
    group by record.currency
  ) as of_currency;
  if pg_catalog.cardinality(answers) > 1 then
    raise exception 'costs in several currencies cannot be added together'
      using errcode = '22023', hint = 'Pass "job_id" to add up one job at a time, or days that have one currency.';
  end if;
  -- Of no record at all.
  answer := coalesce(answers[1], (
    select lora.cost_breakdown(null::numeric, null::text, null::date, null::text, null::text, null::uuid, null::text)
      || pg_catalog.jsonb_build_object('records', 0)
    where false
  ));
  return answer || pg_catalog.jsonb_build_object('from_date', from_date, 'to_date', to_date, 'time_zone', time_zone);
end
$$;
comment on function public.cost_summary(date, date, text, uuid) is
  'What was spent from a day up to, but not including, another one: in all, by day, type, GPU, job and status';
revoke all on function public.cost_summary(date, date, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.cost_summary(date, date, text, uuid) to authenticated, service_role;

-- Whether a record's amount follows from its period and rate, so that a part of the period has a part of it.
create or replace function lora_private.is_cost_of_period(record public.cost_records)
returns boolean
language plpgsql stable
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
revoke all on function lora_private.is_cost_of_period(public.cost_records) from public, anon, authenticated, service_role;
grant execute on function lora_private.is_cost_of_period(public.cost_records) to authenticated, service_role;
