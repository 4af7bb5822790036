-- heartbeat_training_job: the worker lives, and says what it does.
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
    raise exception '"stage" has % characters', pg_catalog.length(stage)
      using errcode = '22023', hint = 'Name the stage in at most 50 characters.';
  end if;
  if pg_catalog.length(heartbeat_training_job.external_job_id) > 255 then
    raise exception '"external_job_id" has % characters', pg_catalog.length(heartbeat_training_job.external_job_id)
      using errcode = '22023', hint = 'Use an id of at most 255 characters.';
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
      begin
        update public.training_jobs set external_job_id = heartbeat_training_job.external_job_id where id = job.id;
      exception when unique_violation then
        raise exception 'another training job has the external id "%"', heartbeat_training_job.external_job_id
          using errcode = 'PT409', hint = 'Report the id that the GPU provider gave to this job.';
      end;
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
