-- complete_training_job: the worker is done. Closing the interval, the ledger and the notification follow from the status, in
-- the triggers. Being complete needs evidence: a step that was reported, and a result that does not say the opposite.
create or replace function public.complete_training_job(job_id uuid, attempt integer, result jsonb default '{}')
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(complete_training_job.job_id, complete_training_job.attempt, 'completed');
  reason constant text := nullif(pg_catalog.btrim(result ->> 'reason_without_steps'), '');
begin
  if pg_catalog.jsonb_typeof(coalesce(result, '{}')) <> 'object' then
    raise exception '"result" is not an object' using errcode = '22023', hint = 'Pass a JSON object, or leave it out.';
  end if;
  perform lora_private.check_document_size('result', result, 65536);
  -- Platforms that run containers call a run COMPLETED when the container has ended, whatever happened inside.
  if 'failed' in (pg_catalog.lower(result ->> 'status'), pg_catalog.lower(result #>> '{output,status}')) then
    perform lora_private.record_result(job, result);
    return lora_private.end_with_failure(
      job, lora_private.failure_class_of(result), lora_private.failure_message_of(result),
      coalesce(result #>> '{output,stack}', result #>> '{output,traceback}'));
  end if;
  if job.status = 'initializing' and reason is null then
    raise exception 'training job "%" has not reported a step', job.id
      using errcode = 'PT409',
        hint = 'Report at least one step before completing a job, or say in "result.reason_without_steps" why there is none.';
  end if;
  perform lora_private.record_result(job, result);
  -- From one state to the next: completed comes after running.
  update public.training_jobs set status = 'running' where id = job.id and status = 'initializing';
  update public.training_jobs set status = 'completed' where id = job.id returning * into job;
  return job;
end
$$;
comment on function public.complete_training_job(uuid, integer, jsonb) is
  'Completes a job: closes its cost interval, writes the ledger row and notifies its owner; fails it when its result says so';
revoke all on function public.complete_training_job(uuid, integer, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.complete_training_job(uuid, integer, jsonb) to service_role;

-- What a worker answers is kept as it is, among the events.
create or replace function lora_private.record_result(job public.training_jobs, result jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if result <> '{}' then
    insert into public.training_job_events (job_id, actor, kind, attempt, payload)
    values (job.id, lora_private.actor(), 'result', job.attempt, result);
  end if;
end
$$;

-- The kind of failure that a result names, or that its words tell; NULL for one that nobody can tell.
create or replace function lora_private.failure_class_of(result jsonb)
returns text
language sql stable
set search_path = ''
as $$
  select case
    when result #>> '{output,failure_class}' = any (lora_private.failure_classes()) then result #>> '{output,failure_class}'
    when lora_private.failure_message_of(result) ~* 'out of memory' then 'out_of_memory'
  end
$$;

create or replace function lora_private.failure_message_of(result jsonb)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select coalesce(
    nullif(result #>> '{output,error}', ''), nullif(result #>> '{output,error_message}', ''),
    nullif(result #>> '{output,message}', ''), nullif(result ->> 'error', ''), 'the result of the run says that it failed')
$$;
revoke all on function
  lora_private.record_result(public.training_jobs, jsonb),
  lora_private.failure_class_of(jsonb),
  lora_private.failure_message_of(jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.record_result(public.training_jobs, jsonb),
  lora_private.failure_class_of(jsonb),
  lora_private.failure_message_of(jsonb)
  to service_role;
