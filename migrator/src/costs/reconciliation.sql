-- The ledger against the events of jobs, and against the columns that are displayed: how often each rule is broken, and the first
-- disagreements. $1: how many.
with attempts as materialized (
  -- A claimed attempt by its events: it begins as it becomes initializing, and ends as it becomes something else than initializing or
  -- running; back in the queue that event is the next attempt's.
  select claim.job_id, claim.attempt, claim.at as claimed_at, ended.at as ended_at
  from (
    select job_id, attempt, at from public.training_job_events
    where kind = 'status' and to_status = 'initializing' and payload ? 'worker'
  ) as claim
  left join (
    select job_id, case when to_status = 'queued' then attempt - 1 else attempt end as attempt, at from public.training_job_events
    where kind = 'status' and from_status in ('initializing', 'running') and to_status not in ('initializing', 'running')
  ) as ended using (job_id, attempt)
),
intervals as materialized (
  -- An attempt whose claim had begun before the one that went before was ended begins with its end.
  select attempts.job_id, attempts.attempt, job.gpu_config,
    greatest(attempts.claimed_at, lag(attempts.ended_at) over (partition by attempts.job_id order by attempts.attempt)) as began_at,
    attempts.ended_at
  from attempts join public.training_jobs as job on job.id = attempts.job_id
),
ledger as materialized (
  select record.*, (record.details ->> 'attempt')::integer as attempt from public.cost_records as record
  where record.idempotency_key like 'training_compute:%' and record.job_id is not null
),
disagreements as (
  select 'not_charged' as code, interval.job_id, null::uuid as record_id,
    format('attempt %s ran from %s to %s and was not charged', interval.attempt, interval.began_at, interval.ended_at) as error
  from intervals as interval left join ledger using (job_id, attempt)
  where ledger.id is null and interval.ended_at > interval.began_at
    and lora_private.gpu_time_cost(interval.gpu_config, interval.began_at, interval.ended_at) is not null
  union all
  select 'charged_without_interval', ledger.job_id, ledger.id,
    format('attempt %s of job %s was charged and has not ended', ledger.attempt, ledger.job_id)
  from ledger left join intervals as interval using (job_id, attempt)
  where interval.ended_at is null
  union all
  select 'another_period', ledger.job_id, ledger.id,
    format('attempt %s ran from %s to %s and was charged for %s', ledger.attempt, interval.began_at, interval.ended_at, ledger.period)
  from ledger join intervals as interval using (job_id, attempt)
  where interval.ended_at is not null and ledger.period is distinct from tstzrange(interval.began_at, interval.ended_at)
  union all
  select 'another_amount', ledger.job_id, ledger.id,
    format('%s was charged for %s at %s for each of %s GPUs, which is %s', ledger.amount, ledger.period, ledger.hourly_rate, ledger.gpus,
      coalesce(lora.interval_cost(ledger.period, ledger.hourly_rate, ledger.gpus)::text, 'unknown'))
  from ledger
  where ledger.amount is distinct from lora.interval_cost(ledger.period, ledger.hourly_rate, ledger.gpus)
  union all
  select 'overlap', one.job_id, one.id, format('it overlaps %s', other.id)
  from ledger as one join ledger as other on other.job_id = one.job_id and other.attempt > one.attempt and other.period && one.period
  union all
  select 'corrected_too_much', original.job_id, original.id, format('%s was charged and %s taken back', original.amount, -taken.amount)
  from public.cost_records as original
  join (select corrects, sum(amount) as amount from public.cost_records where corrects is not null group by corrects) as taken
    on taken.corrects = original.id
  where original.amount + taken.amount < 0
  union all
  -- What is displayed has two places: half a cent is no difference, and what is beyond its columns is shown as their end.
  select 'displayed', job.id, null, format('%s is displayed and %s was charged', job.final_cost, charged.amount)
  from public.training_jobs as job
  join (select job_id, sum(amount) as amount from ledger group by job_id) as charged on charged.job_id = job.id
  where job.status in ('completed', 'failed', 'cancelled') and job.claimed_by is not null
    and (abs(job.final_cost - least(charged.amount, 99999999.99)) <= 0.005) is not true
)
select jsonb_build_object(
  'jobs', (select count(*) from public.training_jobs),
  'records', (select count(*) from public.cost_records),
  'counts', (
    select coalesce(jsonb_agg(jsonb_build_object('code', code, 'found', found) order by code), '[]')
    from (select code, count(*) as found from disagreements group by code) as of_code
  ),
  'first', (
    select coalesce(jsonb_agg(jsonb_build_object('code', code, 'job_id', job_id, 'record_id', record_id, 'error', error)
      order by code, job_id, record_id), '[]')
    from (select * from disagreements order by code, job_id, record_id limit $1) as first
  )
)
