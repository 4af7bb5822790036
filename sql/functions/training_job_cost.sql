-- training_job_cost: what the GPU time of a job costs, at any instant, from its intervals.
--
-- An attempt that is claimed is an open interval: its begin, rate and GPUs stand in the job's row, where nothing can change
-- them while it lasts. An attempt that is over is its row of the ledger. There is no third place.
create or replace function public.training_job_cost(job_id uuid, at timestamptz default null)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  asked_at constant timestamptz := coalesce(training_job_cost.at, lora_private.clock());
  job public.training_jobs;
  answer jsonb;
begin
  if not pg_catalog.isfinite(asked_at) then
    raise exception '"at" is infinite' using errcode = '22023', hint = 'Pass an instant, or leave it out for now.';
  end if;
  select * into job from public.training_jobs as candidate where candidate.id = training_job_cost.job_id;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(training_job_cost.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;
  select pg_catalog.jsonb_build_object(
    'job_id', job.id,
    'at', asked_at,
    'status', job.status,
    'intervals', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'attempt', one.attempt,
      'from', one.since,
      -- One that goes on has no end, and neither has one that went on at the instant.
      'to', case when one.until <= asked_at then one.until end,
      'gpu_type', one.gpu_type,
      'gpus', one.gpus,
      'hourly_rate', one.hourly_rate,
      'amount', one.amount
    ) order by one.since), '[]')
  ) || (
    -- The aggregate's own total, so that it is rounded as everywhere.
    lora.cost_breakdown(one.amount, 'USD', null, 'training_compute', null, null, null) - array['records', 'by_day', 'by_type', 'by_gpu', 'by_job', 'by_status']
  ) into answer
  from (
    select (record.details ->> 'attempt')::integer as attempt, pg_catalog.lower(record.period) as since,
      pg_catalog.upper(record.period) as until, record.gpu_type, record.gpus, record.hourly_rate,
      lora_private.charged_by(record, asked_at) as amount
    from public.cost_records as record
    where record.job_id = job.id and record.idempotency_key like 'training_compute:%' and pg_catalog.lower(record.period) <= asked_at
    union all
    select job.attempt, job.started_at, null, job.gpu_config ->> 'gpu_type',
      -- An adopted job may hold anything, and what is constant here is evaluated whatever the condition says.
      lora_private.figure(job.gpu_config -> 'num_gpus', 4096)::integer, lora_private.figure(job.gpu_config -> 'cost_per_gpu_hour', 100000),
      lora_private.attempt_cost(job, asked_at)
    where job.status in ('initializing', 'running') and job.started_at <= asked_at
      and lora_private.attempt_cost(job, asked_at) is not null
  ) as one;
  return answer || '{"currency": "USD"}';
end
$$;
comment on function public.training_job_cost(uuid, timestamptz) is
  'What the GPU time of a job costs by an instant, exactly: its intervals, each with its rate, and their sum';
revoke all on function public.training_job_cost(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.training_job_cost(uuid, timestamptz) to authenticated, service_role;

-- What an interval of the ledger had cost by an instant: a part [a, b) costs C(b) - C(a).
create or replace function lora_private.charged_by(record public.cost_records, at timestamptz)
returns numeric
language plpgsql stable
set search_path = ''
as $$
begin
  return case
    when pg_catalog.upper(record.period) <= at then record.amount
    when pg_catalog.lower(record.period) >= at then 0
    else lora.interval_cost(pg_catalog.tstzrange(pg_catalog.lower(record.period), at), record.hourly_rate, record.gpus)
  end;
end
$$;

-- The figure alone, for what is displayed: the current attempt, and what the database has charged earlier ones. What others
-- have written into the ledger may say anything.
create or replace function lora_private.training_job_cost(job public.training_jobs, at timestamptz)
returns numeric
language plpgsql stable
set search_path = ''
as $$
declare
  cost numeric := lora_private.attempt_cost(job, at);
begin
  if job.attempt > 1 then
    -- Nothing that is known is not 0: whoever drives such a job by itself knows.
    select case
      when cost is not null or pg_catalog.count(*) > 0
        then coalesce(pg_catalog.sum(lora_private.charged_by(record, at)), 0) + coalesce(cost, 0)
    end into cost
    from public.cost_records as record
    where record.job_id = job.id and record.idempotency_key like 'training_compute:%'
      and pg_catalog.lower(record.period) <= at
      and case when record.idempotency_key like 'training_compute:%'
        then (record.details ->> 'attempt')::integer < job.attempt end;
  end if;
  return cost;
end
$$;
revoke all on function
  lora_private.charged_by(public.cost_records, timestamptz),
  lora_private.training_job_cost(public.training_jobs, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.charged_by(public.cost_records, timestamptz),
  lora_private.training_job_cost(public.training_jobs, timestamptz)
  to authenticated, service_role;
