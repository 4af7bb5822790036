-- What every write of a worker has in common: it names its attempt, and renews its lease.

-- The job that a worker writes to, locked, after the checks that every such write has in common. A write of
-- an attempt that is over is refused: its worker lost the job and must stop. Whoever ends it says how: a cancelled job
-- answers its worker, and yet it is over.
create or replace function lora_private.lock_attempt(job_id uuid, attempt integer, becoming text default null)
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
    raise exception 'training job "%" does not exist', coalesce(lock_attempt.job_id::pg_catalog.text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a claimed job.';
  elsif lock_attempt.attempt is null or lock_attempt.attempt > job.attempt then
    raise exception 'attempt % of training job "%" has not begun', coalesce(lock_attempt.attempt::pg_catalog.text, 'null'), job.id
      using errcode = '22023', detail = pg_catalog.format('The current attempt is %s.', job.attempt),
        hint = 'Pass the attempt that the claim answered.';
  elsif lock_attempt.attempt < job.attempt then
    raise exception 'attempt % of training job "%" is over', lock_attempt.attempt, job.id
      using errcode = 'PT409', detail = pg_catalog.format('The current attempt is %s.', job.attempt),
        hint = 'Stop this worker: the job was given to another one.';
  elsif becoming is not null and job.status not in ('initializing', 'running') then
    raise exception 'training job "%" is % and cannot become %', job.id, job.status, becoming
      using errcode = 'PT409', hint = case job.status
        when 'queued' then 'Claim the job first.' else 'Stop this worker: the job is over.'
      end;
  elsif job.status not in ('initializing', 'running', 'cancelled') then
    raise exception 'training job "%" is %', job.id, job.status
      using errcode = 'PT409', hint = 'Report only on a job that is initializing or running.';
  end if;
  return job;
end
$$;

-- The end of a lease renewed now, for as long as the claim asked for; one without an end, which the service may set, has none.
create or replace function lora_private.renewed_lease(job public.training_jobs)
returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
  return case
    when job.lease_expires_at = 'infinity' then job.lease_expires_at
    when pg_catalog.isfinite(job.lease_expires_at) and pg_catalog.isfinite(job.last_heartbeat_at)
      then lora_private.clock() + (job.lease_expires_at - job.last_heartbeat_at)
    else lora_private.clock() + '5 minutes'
  end;
end
$$;

revoke all on function lora_private.lock_attempt(uuid, integer, text), lora_private.renewed_lease(public.training_jobs)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.lock_attempt(uuid, integer, text), lora_private.renewed_lease(public.training_jobs)
  to service_role;
