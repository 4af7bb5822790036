-- What follows from a job's status, whichever door changed it: times, cost, ledger, notifications.

create or replace function lora_private.close_training_job()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.completed_at := coalesce(new.completed_at, lora_private.clock());
  new.estimated_completion_at := null;
  new.lease_expires_at := null;
  new.final_cost := lora_private.displayed_cost(lora_private.training_job_cost(new, new.completed_at));
  new.current_cost := coalesce(new.final_cost, new.current_cost);
  if new.status = 'completed' then
    new.progress := 100;
    new.current_stage := 'completed';
  end if;
  return new;
end
$$;

-- What a claimed job has cost at an instant, exactly; NULL for the unknown instant, for a job that was never
-- claimed (whoever drives it by itself charges it), and for a price that is none.
create or replace function lora_private.training_job_cost(job public.training_jobs, at timestamptz)
returns numeric
language plpgsql stable
set search_path = ''
as $$
begin
  if at is null or job.claimed_by is null or job.started_at is null
    or pg_catalog.jsonb_typeof(job.gpu_config -> 'cost_per_gpu_hour') is distinct from 'number'
    or pg_catalog.jsonb_typeof(job.gpu_config -> 'num_gpus') is distinct from 'number' then
    return null;
  end if;
  return lora.interval_cost(
    pg_catalog.tstzrange(job.started_at, greatest(job.started_at, least(at, job.completed_at))),
    (job.gpu_config ->> 'cost_per_gpu_hour')::numeric,
    (job.gpu_config ->> 'num_gpus')::integer
  );
end
$$;

-- The job's own cost columns are for display and hold no more than this.
create or replace function lora_private.displayed_cost(cost numeric)
returns numeric
language sql immutable parallel safe
set search_path = ''
as 'select least(cost, 99999999.99)';

-- As the owner of the tables: a client that creates a job has no right to notify, and nobody has one to charge.
create or replace function lora_private.record_training_job_state()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  cost constant numeric := lora_private.training_job_cost(new, new.completed_at);
  dataset_name text;
begin
  select name into dataset_name from public.datasets where id = new.dataset_id;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  select new.user_id, notice.type, notice.title,
    pg_catalog.format('The training on "%s" %s.', dataset_name, notice.what), notice.priority,
    pg_catalog.jsonb_build_object('job_id', new.id, 'dataset_id', new.dataset_id, 'attempt', new.attempt)
  from (values
    ('queued', 'job_queued', 'Training job queued', 'is waiting for a worker', 'low'),
    ('initializing', 'job_started', 'Training job started', 'was claimed by a worker', 'medium'),
    ('completed', 'job_completed', 'Training completed', 'is done', 'high'),
    ('failed', 'job_failed', 'Training failed', coalesce('failed: ' || new.error_message, 'failed'), 'high'),
    ('cancelled', 'job_cancelled', 'Training job cancelled', 'was cancelled', 'medium')
  ) as notice (status, type, title, what, priority)
  where notice.status = new.status;

  -- No cost is known for a job that was never claimed, nor for one of an adopted database without a price.
  if new.status in ('completed', 'failed', 'cancelled') and cost is not null and new.completed_at > new.started_at then
    insert into public.cost_records (
      user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus, idempotency_key, details
    )
    values (
      new.user_id, new.id, 'training_compute',
      cost,
      (new.started_at at time zone 'UTC')::date,
      pg_catalog.tstzrange(new.started_at, new.completed_at),
      (new.gpu_config ->> 'cost_per_gpu_hour')::numeric,
      new.gpu_config ->> 'gpu_type',
      (new.gpu_config ->> 'num_gpus')::integer,
      pg_catalog.format('training_compute:%s:%s', new.id, new.attempt),
      pg_catalog.jsonb_build_object('attempt', new.attempt, 'status', new.status)
    );
  end if;
  return null;
end
$$;

revoke all on function
  lora_private.close_training_job(),
  lora_private.training_job_cost(public.training_jobs, timestamptz),
  lora_private.displayed_cost(numeric),
  lora_private.record_training_job_state()
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.training_job_cost(public.training_jobs, timestamptz),
  lora_private.displayed_cost(numeric)
  to authenticated, service_role;

create or replace trigger close_training_job
  before update on public.training_jobs
  for each row
  when (new.status is distinct from old.status and new.status in ('completed', 'failed', 'cancelled'))
  execute function lora_private.close_training_job();

create or replace trigger record_new_training_job
  after insert on public.training_jobs
  for each row execute function lora_private.record_training_job_state();

create or replace trigger record_training_job_state
  after update on public.training_jobs
  for each row when (new.status is distinct from old.status)
  execute function lora_private.record_training_job_state();
