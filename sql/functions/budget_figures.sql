-- What a budget is weighed with: what was spent in its month, and what is committed.

-- The month of a time zone that an instant lies in, as instants and as days.
create or replace function lora_private.month_of(time_zone text, at timestamptz, out month tstzrange, out first_day date, out day_after date)
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  -- A day begins with its midnight, the second one where there are two: until then it is the day before.
  first_day := pg_catalog.date_trunc('month', (at at time zone time_zone) - case
    when at < (at at time zone time_zone)::pg_catalog.date::pg_catalog.timestamp at time zone time_zone then '1 day'::pg_catalog.interval
    else '0'::pg_catalog.interval
  end)::pg_catalog.date;
  day_after := (first_day + '1 month'::pg_catalog.interval)::pg_catalog.date;
  month := pg_catalog.tstzrange(
    first_day::pg_catalog.timestamp at time zone time_zone, day_after::pg_catalog.timestamp at time zone time_zone);
end
$$;

-- What the ledger says of a period. A record whose amount is the cost of its own period has the part of it that lies within; any
-- other one belongs to its billing_period, as in cost_summary. An amount of an adopted database that is no number is left out.
create or replace function lora_private.charged_within(
  user_id uuid, currency character, within tstzrange, first_day date, day_after date
)
returns numeric
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(pg_catalog.sum(
      case
        -- By its day and by its period: nothing to split. So are nearly all.
        when record.billing_period >= charged_within.first_day and record.billing_period < charged_within.day_after
          and (record.period is null or record.period <@ charged_within.within) then record.amount
        when lora_private.is_cost_of_period(record) then
          case when record.period && charged_within.within then
            lora.interval_cost(
              pg_catalog.tstzrange(pg_catalog.lower(record.period), pg_catalog.upper(record.period * charged_within.within)),
              record.hourly_rate, record.gpus)
            - lora.interval_cost(
              pg_catalog.tstzrange(pg_catalog.lower(record.period), pg_catalog.lower(record.period * charged_within.within)),
              record.hourly_rate, record.gpus)
          end
        when record.billing_period >= charged_within.first_day and record.billing_period < charged_within.day_after then record.amount
      end), 0)
    from public.cost_records as record
    where record.user_id = charged_within.user_id and record.currency = charged_within.currency and record.amount <> 'NaN'
      -- The day is that of UTC, and the month may be another zone's.
      and record.billing_period < charged_within.day_after + 2
      and (record.billing_period >= charged_within.first_day - 2
        -- Few go on for longer, and they have an index of their own.
        or record.billing_period < (pg_catalog.upper(record.period) at time zone 'UTC')::pg_catalog.date - 1)
  );
end
$$;

-- Whether a record's amount follows from its period and rate, so that a part of the period has a part of it: by the rule of
-- cost_parts_query.
create or replace function lora_private.is_cost_of_period(record public.cost_records)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  if (record.gpus between 0 and 4096
    and record.hourly_rate between 0 and 1000000000 and record.hourly_rate = pg_catalog.round(record.hourly_rate, 10)
    and pg_catalog.lower(record.period) >= pg_catalog.timestamptz '1900-01-01 00:00Z'
    and pg_catalog.upper(record.period) <= pg_catalog.timestamptz '2500-01-01 00:00Z'
    and pg_catalog.upper(record.period) <= pg_catalog.lower(record.period) + '20 years'::pg_catalog.interval
    and record.billing_period = (pg_catalog.lower(record.period) at time zone 'UTC')::pg_catalog.date) is not true then
    return false;
  end if;
  return record.amount = lora.interval_cost(record.period, record.hourly_rate, record.gpus);
end
$$;

-- What an attempt was expected to cost in all: the estimate of the job, or of what is left of it from its checkpoint on.
create or replace function lora_private.expected_cost_of_attempt(job public.training_jobs)
returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  from_step constant numeric := case when job.total_steps >= 1 then lora_private.figure(job.estimate -> 'from_step', job.total_steps) end;
begin
  -- An adopted job may hold anything. (NaN is greater than any number.)
  if (job.estimated_total_cost > 0 and job.estimated_total_cost < 'Infinity') is not true then
    return 0.0;
  end if;
  return job.estimated_total_cost * (1 - coalesce(from_step, 0) / greatest(job.total_steps, 1));
end
$$;

-- What was spent in the month of a budget until an instant: the ledger and what runs. And what queued and running jobs are still
-- expected to take, so that nothing is in both. In the currency of the budget alone: no two are ever added.
create or replace function lora_private.budget_figures(
  budget public.cost_budgets, at timestamptz, out month tstzrange, out spent numeric, out committed numeric
)
language plpgsql stable
set search_path = ''
as $$
declare
  first_day pg_catalog.date;
  day_after pg_catalog.date;
  running numeric;
begin
  select of_zone.month, of_zone.first_day, of_zone.day_after into month, first_day, day_after
  from lora_private.month_of(budget.time_zone, budget_figures.at) as of_zone;
  spent := lora_private.charged_within(budget.user_id, budget.currency, month, first_day, day_after);
  committed := 0.0;
  if budget.currency = lora_private.currency_of_jobs() then
    select coalesce(pg_catalog.sum(cost.now - cost.before), 0),
      coalesce(pg_catalog.sum(greatest(lora_private.expected_cost_of_attempt(job) - cost.now - cost.of_others, 0)), 0)
    into running, committed
    from public.training_jobs as job
    cross join lateral (
      select coalesce(lora_private.attempt_cost(lora_private.ended_attempt(job), budget_figures.at), 0) as now,
        coalesce(lora_private.attempt_cost(lora_private.ended_attempt(job), pg_catalog.lower(month)), 0) as before,
        -- Of a run that an application drives by itself: what it has charged.
        case when job.claimed_by is null and job.status <> 'queued' then coalesce((
          select pg_catalog.sum(record.amount) from public.cost_records as record
          where record.job_id = job.id and record.currency = budget.currency and record.amount <> 'NaN'
            -- Since the attempt came into the queue: what was charged before is not a part of its estimate.
            and record.recorded_at >= job.queued_at), 0) else 0 end as of_others
    ) as cost
    where job.user_id = budget.user_id and job.status in ('queued', 'initializing', 'running');
    spent := spent + running;
  end if;
  spent := pg_catalog.round(spent, 10);
  committed := pg_catalog.round(committed, 10);
end
$$;

-- What of a month's cost has led to nothing: attempts that failed, were cancelled, or were lost with their worker, and how long runs have
-- stood still that a sweep has told of and that have not moved since.
create or replace function lora_private.wasted(budget public.cost_budgets, at timestamptz, month tstzrange)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  since constant pg_catalog.timestamptz := pg_catalog.lower(month);
  waste pg_catalog.jsonb;
  stalled numeric := 0.0;
begin
  select pg_catalog.jsonb_build_object(
    'failed', coalesce(pg_catalog.sum(ended.amount) filter (where ended.status = 'failed'), 0.0000000000),
    'cancelled', coalesce(pg_catalog.sum(ended.amount) filter (where ended.status = 'cancelled'), 0.0000000000),
    'lost', coalesce(pg_catalog.sum(ended.amount) filter (where ended.status = 'queued'), 0.0000000000))
  into waste
  from (
    -- A correction is one of what its original was charged for.
    select record.amount, coalesce(original.details, record.details) ->> 'status' as status
    from public.cost_records as record
    left join public.cost_records as original on original.id = record.corrects
    where record.user_id = budget.user_id and record.currency = budget.currency and record.amount <> 'NaN'
      and coalesce(original.idempotency_key, record.idempotency_key) like 'training_compute:%'
      and record.billing_period >= (since at time zone budget.time_zone)::pg_catalog.date
      and record.billing_period < (pg_catalog.upper(month) at time zone budget.time_zone)::pg_catalog.date
  ) as ended;
  if budget.currency = lora_private.currency_of_jobs() then
    select coalesce(pg_catalog.sum(
      lora_private.attempt_cost(job, wasted.at) - lora_private.attempt_cost(job, greatest(since, standing.still_since))), 0)
    into stalled
    from public.training_jobs as job
    cross join lateral (
      select event.at - pg_catalog.make_interval(
        secs => coalesce(lora_private.figure(event.payload #> '{silence,seconds}', 1e9), 0)::double precision) as still_since
      from public.training_job_events as event
      where event.job_id = job.id and event.kind = 'stalled' and event.attempt = job.attempt
        and (job.last_progress_at > event.at) is not true
      order by event.sequence desc limit 1
    ) as standing
    where job.user_id = budget.user_id and job.status in ('initializing', 'running') and job.claimed_by is not null;
  end if;
  return waste || pg_catalog.jsonb_build_object('stalled', stalled);
end
$$;

revoke all on function
  lora_private.month_of(text, timestamptz),
  lora_private.charged_within(uuid, character, tstzrange, date, date),
  lora_private.is_cost_of_period(public.cost_records),
  lora_private.expected_cost_of_attempt(public.training_jobs),
  lora_private.budget_figures(public.cost_budgets, timestamptz),
  lora_private.wasted(public.cost_budgets, timestamptz, tstzrange)
  from public, anon, authenticated, service_role;
-- With the rights of whoever asks: a client's figures are of the rows that it sees.
grant execute on function
  lora_private.month_of(text, timestamptz),
  lora_private.charged_within(uuid, character, tstzrange, date, date),
  lora_private.is_cost_of_period(public.cost_records),
  lora_private.expected_cost_of_attempt(public.training_jobs),
  lora_private.budget_figures(public.cost_budgets, timestamptz),
  lora_private.wasted(public.cost_budgets, timestamptz, tstzrange)
  to authenticated, service_role;
