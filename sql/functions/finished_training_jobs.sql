-- A job that is over is a record. What it was, did and cost stays as it is, for every role; a failed one can go back to
-- the queue, which is a change of status and begins another attempt.
create or replace function lora_private.freeze_training_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  -- Columns that later versions add are not on the list, so that they can be filled in.
  frozen constant pg_catalog.text[] := array[
    'dataset_id', 'preset_id', 'hyperparameters', 'gpu_config', 'current_stage', 'progress', 'current_epoch',
    'total_epochs', 'current_step', 'total_steps', 'current_metrics', 'queued_at', 'started_at', 'completed_at',
    'estimated_completion_at', 'current_cost', 'estimated_total_cost', 'final_cost', 'error_message', 'error_stack',
    'retry_count', 'external_job_id', 'artifact_id', 'created_at', 'attempt', 'max_attempts', 'claimed_by',
    'cancel_requested_at', 'failure_class', 'idempotency_key', 'retry_of',
    'resume_from', 'stage_changed_at', 'best_metrics', 'estimate'
  ];
  changed pg_catalog.text;
begin
  select column_name into changed
  from pg_catalog.unnest(frozen) as column_name
  where pg_catalog.to_jsonb(new) -> column_name is distinct from pg_catalog.to_jsonb(old) -> column_name
    and case column_name
      -- The model is made from a job that is complete, so it is linked afterwards, and unlinked when it is gone.
      when 'artifact_id' then old.artifact_id is not null
        and (new.artifact_id is not null
          or exists (select from public.model_artifacts where id = old.artifact_id))
      when 'retry_of' then new.retry_of is not null
        or exists (select from public.training_jobs where id = old.retry_of)
      else true
    end
  order by column_name limit 1;
  if changed is not null then
    raise exception 'training job "%" is % and its "%" cannot change any more', old.id, old.status, changed
      using errcode = 'PT409', column = changed, hint = case old.status
        when 'failed' then 'Leave it as it is; set status to "queued" for another attempt.'
        else 'Leave it as it is; a new run is a new job.'
      end;
  end if;
  return new;
end
$$;
revoke all on function lora_private.freeze_training_job() from public, anon, authenticated, service_role;

create or replace trigger b_freeze_training_job
  before update on public.training_jobs
  for each row when (old.status in ('completed', 'failed', 'cancelled') and new.status = old.status)
  execute function lora_private.freeze_training_job();
