-- heartbeat_training_job: the worker lives, and says what it does.

-- The job that a worker writes to, locked, after the checks that every such write has in common. A write of
-- an attempt that is over is refused: its worker lost the job and must stop.
create or replace function lora_private.lock_attempt(job_id uuid, attempt integer)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
declare
  job public.training_jobs;
begin
  select * into job from public.training_jobs as candidate
  where candidate.id = lock_attempt.job_id
  for no key update;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(lock_attempt.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a claimed job.';
  elsif lock_attempt.attempt is null or lock_attempt.attempt > job.attempt then
    raise exception 'attempt % of training job "%" has not begun', coalesce(lock_attempt.attempt::text, 'null'), job.id
      using errcode = '22023', detail = pg_catalog.format('The current attempt is %s.', job.attempt),
        hint = 'Pass the attempt that the claim answered.';
  elsif lock_attempt.attempt < job.attempt then
    raise exception 'attempt % of training job "%" is over', lock_attempt.attempt, job.id
      using errcode = 'PT409', detail = pg_catalog.format('The current attempt is %s.', job.attempt),
        hint = 'Stop this worker: the job was given to another one.';
  elsif job.status not in ('initializing', 'running', 'cancelled') then
    raise exception 'training job "%" is %', job.id, job.status
      using errcode = 'PT409', hint = 'Only a job that is initializing or running can be reported on.';
  end if;
  return job;
end
$$;

-- The end of a lease renewed now, for as long as the claim asked for.
create or replace function lora_private.renewed_lease(job public.training_jobs)
returns timestamptz
language sql stable
set search_path = ''
as $$
  select lora_private.clock() + coalesce(job.lease_expires_at - job.last_heartbeat_at, '5 minutes')
$$;

revoke all on function lora_private.lock_attempt(uuid, integer), lora_private.renewed_lease(public.training_jobs)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.lock_attempt(uuid, integer), lora_private.renewed_lease(public.training_jobs)
  to service_role;

create or replace function public.heartbeat_training_job(
  job_id uuid, attempt integer, stage text default null, external_job_id text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(heartbeat_training_job.job_id, heartbeat_training_job.attempt);
  lease timestamptz;
begin
  if pg_catalog.length(stage) > 50 then
    raise exception 'the stage has % characters', pg_catalog.length(stage)
      using errcode = '22023', hint = 'Name the stage in at most 50 characters.';
  end if;
  -- A cancelled job answers and is not written to.
  if job.status <> 'cancelled' then
    lease := lora_private.renewed_lease(job);
    job.current_stage := coalesce(stage, job.current_stage);
    update public.training_jobs set
      current_stage = job.current_stage,
      progress = greatest(progress, (lora_private.training_job_progress(job) ->> 'percent')::numeric),
      last_heartbeat_at = lora_private.clock(),
      lease_expires_at = lease
    where id = job.id;
    -- A separate statement: it takes the stronger lock that a unique column needs only when it has to.
    if heartbeat_training_job.external_job_id is distinct from job.external_job_id
      and heartbeat_training_job.external_job_id is not null then
      update public.training_jobs set external_job_id = heartbeat_training_job.external_job_id where id = job.id;
    end if;
  end if;
  return pg_catalog.jsonb_build_object('cancel_requested', job.status = 'cancelled', 'lease_expires_at', lease);
end
$$;
comment on function public.heartbeat_training_job(uuid, integer, text, text) is
  'Says that a worker lives and at which stage it is, renews its lease, and answers whether to stop';
revoke all on function public.heartbeat_training_job(uuid, integer, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.heartbeat_training_job(uuid, integer, text, text) to service_role;
