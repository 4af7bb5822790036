-- claim_training_jobs: the oldest queued jobs, each to one worker.
create or replace function public.claim_training_jobs(
  worker text, max_jobs integer default 1, lease_seconds integer default 300
)
returns setof public.training_jobs
language plpgsql
set search_path = ''
as $$
begin
  if worker is null or worker = '' then
    raise exception '"worker" must not be empty' using errcode = '22023', hint = 'Pass a name that tells one worker from another.';
  elsif max_jobs is null or max_jobs not between 1 and 1000 then
    raise exception '"max_jobs" is %', coalesce(max_jobs::text, 'null')
      using errcode = '22023', hint = 'Claim 1 to 1000 jobs at once.';
  elsif lease_seconds is null or lease_seconds not between 1 and 86400 then
    raise exception '"lease_seconds" is %', coalesce(lease_seconds::text, 'null')
      using errcode = '22023', hint = 'Ask for a lease of 1 second to 1 day, and renew it by heartbeats.';
  end if;
  return query
  -- Materialized: picked once. As a subquery a plan may run it again and claim more than it was asked for.
  with picked as materialized (
    select queued.id, queued.user_id from public.training_jobs as queued
    where queued.status = 'queued'
    order by queued.queued_at, queued.id
    limit max_jobs
    for no key update skip locked
  -- Nor one whose account is being deleted, which would refuse the others along with it.
  ), claimed as materialized (
    select picked.id from picked where lora_private.try_account(picked.user_id)
  )
  update public.training_jobs as job set
    status = 'initializing',
    current_stage = 'setup',
    -- An attempt begins at the beginning, whatever the one before it had reached.
    progress = 0,
    current_epoch = 0,
    current_step = 0,
    current_metrics = null,
    claimed_by = worker,
    started_at = lora_private.clock(),
    last_heartbeat_at = lora_private.clock(),
    lease_expires_at = lora_private.clock() + pg_catalog.make_interval(secs => lease_seconds)
  from claimed
  where job.id = claimed.id
  returning job.*;
end
$$;
comment on function public.claim_training_jobs(text, integer, integer) is
  'Hands the oldest queued jobs to a worker, never one job to two of them';
revoke all on function public.claim_training_jobs(text, integer, integer) from public, anon, authenticated, service_role;
grant execute on function public.claim_training_jobs(text, integer, integer) to service_role;
