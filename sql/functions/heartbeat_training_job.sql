-- heartbeat_training_job: the worker lives, and says what it does and what it has saved.
create or replace function public.heartbeat_training_job(
  job_id uuid, attempt integer, stage text default null, external_job_id text default null,
  checkpoint jsonb default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(heartbeat_training_job.job_id, heartbeat_training_job.attempt);
  lease timestamptz;
  pace jsonb;
begin
  if pg_catalog.length(stage) > 50 then
    raise exception '"stage" has % characters', pg_catalog.length(stage)
      using errcode = '22023', hint = 'Name the stage in at most 50 characters.';
  end if;
  if pg_catalog.length(heartbeat_training_job.external_job_id) > 255 then
    raise exception '"external_job_id" has % characters', pg_catalog.length(heartbeat_training_job.external_job_id)
      using errcode = '22023', hint = 'Use an id of at most 255 characters.';
  end if;
  perform lora_private.check_checkpoint(checkpoint);
  -- A cancelled job answers and is not written to.
  if job.status <> 'cancelled' then
    lease := lora_private.renewed_lease(job);
    if stage is not null then
      job.current_stage := stage;
      pace := lora.add_stage_to_job_pace(lora_private.kept_pace(job), stage, lora_private.clock());
      perform lora_private.keep_pace(job.id, job.attempt, pace);
      job.progress := greatest(job.progress, (lora_private.training_job_progress(job, pace => pace) ->> 'percent')::numeric);
    end if;
    update public.training_jobs set
      current_stage = job.current_stage,
      progress = job.progress,
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
    perform lora_private.record_checkpoint(job, checkpoint);
  end if;
  return pg_catalog.jsonb_build_object('cancel_requested', job.status = 'cancelled', 'lease_expires_at', lease);
end
$$;
comment on function public.heartbeat_training_job(uuid, integer, text, text, jsonb) is
  'Says that a worker lives, at which stage it is and what it has saved, renews its lease, and answers whether to stop';
revoke all on function public.heartbeat_training_job(uuid, integer, text, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.heartbeat_training_job(uuid, integer, text, text, jsonb) to service_role;

-- Refuses what is no checkpoint: the next attempt would look for it in vain.
create or replace function lora_private.check_checkpoint(checkpoint jsonb)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  step numeric;
  size numeric;
begin
  if checkpoint is null then
    return;
  elsif pg_catalog.jsonb_typeof(checkpoint) <> 'object' then
    raise exception '"checkpoint" is not an object'
      using errcode = '22023', hint = 'Pass {"step": 500, "path": "…", "size": 1048576}; size may be left out.';
  end if;
  step := case pg_catalog.jsonb_typeof(checkpoint -> 'step') when 'number' then (checkpoint ->> 'step')::numeric end;
  size := case pg_catalog.jsonb_typeof(checkpoint -> 'size') when 'number' then (checkpoint ->> 'size')::numeric end;
  if step is null or step not between 0 and 2147483647 or step % 1 <> 0 then
    raise exception '"checkpoint.step" is %', coalesce(pg_catalog.left(checkpoint ->> 'step', 50), 'missing')
      using errcode = '22023', hint = 'Give the step after which it was saved, a whole number from 0 to 2147483647.';
  elsif pg_catalog.jsonb_typeof(checkpoint -> 'path') is distinct from 'string'
    or pg_catalog.length(checkpoint ->> 'path') not between 1 and 2000 then
    raise exception '"checkpoint.path" is no path'
      using errcode = '22023', hint = 'Say where the next attempt finds it, in 1 to 2000 characters.';
  elsif checkpoint ->> 'size' is not null and (size is null or size not between 0 and 1e15 or size % 1 <> 0) then
    raise exception '"checkpoint.size" is %', pg_catalog.left(checkpoint ->> 'size', 50)
      using errcode = '22023', hint = 'Give the size in bytes, or leave it out.';
  end if;
end
$$;

-- A checkpoint of the current attempt, once however often it is told.
create or replace function lora_private.record_checkpoint(job public.training_jobs, checkpoint jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  facts constant pg_catalog.jsonb := pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'step', checkpoint -> 'step', 'path', checkpoint -> 'path', 'size', checkpoint -> 'size'));
begin
  if checkpoint is null or exists (
    select from public.training_job_events as event
    where event.job_id = job.id and event.kind = 'checkpoint' and event.attempt = job.attempt and event.payload = facts
  ) then
    return;
  end if;
  insert into public.training_job_events (job_id, actor, kind, attempt, payload)
  values (job.id, lora_private.actor(), 'checkpoint', job.attempt, facts);
end
$$;

-- Where the next attempt goes on: the last checkpoint that any attempt has told of; NULL without one.
create or replace function lora_private.last_checkpoint(job_id uuid)
returns jsonb
language sql stable
set search_path = ''
as $$
  select event.payload || pg_catalog.jsonb_build_object('attempt', event.attempt)
  from public.training_job_events as event
  where event.job_id = last_checkpoint.job_id and event.kind = 'checkpoint'
  order by event.sequence desc limit 1
$$;
revoke all on function
  lora_private.check_checkpoint(jsonb),
  lora_private.record_checkpoint(public.training_jobs, jsonb),
  lora_private.last_checkpoint(uuid)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.check_checkpoint(jsonb),
  lora_private.record_checkpoint(public.training_jobs, jsonb)
  to service_role;
-- Its owner may put a job back into the queue as well, and sees its events.
grant execute on function lora_private.last_checkpoint(uuid) to authenticated, service_role;
