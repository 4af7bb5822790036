-- What a status, a percent, a count, a size and an amount may be. Rows that an application left behind stay as they
-- are: the checks are NOT VALID, and the version after this one looks at the rows. But a check is tested again on
-- ANY update, so each has a way out for such a row: a dataset or a model can be deleted softly, a job can fail or be
-- cancelled, a notification can be read. A job that is over keeps what it was left with: closing a job repairs what
-- breaks a rule (function layer), so none of ours ends with such a value. No new row takes such a way (function layer).

-- The sixteen columns that readers are told are never NULL. What is filled in was not an event, so no trigger may
-- date it: an operator's own setting of the trigger is kept.
create temporary table pg_temp.stopped_triggers on commit drop as
  select tgrelid::regclass as table_name, tgname from pg_catalog.pg_trigger
  where tgname in ('update_datasets_updated_at', 'update_training_jobs_updated_at')
    and tgrelid in ('public.datasets'::regclass, 'public.training_jobs'::regclass) and tgenabled = 'O';
do $$
declare
  stopped record;
begin
  for stopped in select * from pg_temp.stopped_triggers loop
    execute pg_catalog.format('alter table %s disable trigger %I', stopped.table_name, stopped.tgname);
  end loop;
end
$$;

update public.datasets set
  format = coalesce(format, 'brightrun_lora_v4'),
  status = coalesce(status, 'uploading'),
  storage_bucket = coalesce(storage_bucket, 'lora-datasets'),
  training_ready = coalesce(training_ready, false),
  created_at = coalesce(created_at, least(updated_at, validated_at, deleted_at), lora_private.clock()),
  updated_at = coalesce(updated_at, greatest(created_at, validated_at, deleted_at), lora_private.clock())
where num_nulls(format, status, storage_bucket, training_ready, created_at, updated_at) > 0;

-- A job without a status fails: nobody may start what nobody knows to be waiting.
update public.training_jobs set
  status = 'failed',
  completed_at = coalesce(completed_at, updated_at, lora_private.clock()),
  error_message = coalesce(error_message, 'the job had no status')
where status is null;
update public.training_jobs set
  current_stage = coalesce(current_stage, 'queued'),
  progress = coalesce(progress, 0),
  current_epoch = coalesce(current_epoch, 0),
  current_step = coalesce(current_step, 0),
  current_cost = coalesce(current_cost, 0),
  retry_count = coalesce(retry_count, 0),
  queued_at = coalesce(queued_at, created_at, started_at, completed_at, updated_at, lora_private.clock()),
  created_at = coalesce(created_at, least(queued_at, started_at, completed_at, updated_at), lora_private.clock()),
  updated_at = coalesce(
    updated_at, greatest(created_at, queued_at, started_at, completed_at), lora_private.clock())
where num_nulls(
  current_stage, progress, current_epoch, current_step, current_cost, retry_count, queued_at, created_at, updated_at
) > 0;

do $$
declare
  stopped record;
begin
  for stopped in select * from pg_temp.stopped_triggers loop
    execute pg_catalog.format('alter table %s enable trigger %I', stopped.table_name, stopped.tgname);
  end loop;
end
$$;

alter table public.datasets
  alter column format set not null,
  alter column status set not null,
  alter column storage_bucket set not null,
  alter column training_ready set not null,
  alter column created_at set not null,
  alter column updated_at set not null;
alter table public.training_jobs
  alter column status set not null,
  alter column current_stage set not null,
  alter column progress set not null,
  alter column current_epoch set not null,
  alter column current_step set not null,
  alter column queued_at set not null,
  alter column current_cost set not null,
  alter column retry_count set not null,
  alter column created_at set not null,
  alter column updated_at set not null;

-- NaN is greater than any number, so an upper limit keeps it out.
alter table public.datasets
  add constraint datasets_format_check
    check (format in ('brightrun_lora_v4', 'brightrun_lora_v3') or deleted_at is not null) not valid,
  add constraint datasets_status_check
    check (status in ('uploading', 'validating', 'ready', 'error') or deleted_at is not null) not valid,
  add constraint datasets_file_size_check check (file_size >= 0 or deleted_at is not null) not valid,
  -- With the bucket's name it has to fit into the index that finds a file's dataset.
  add constraint datasets_storage_path_check
    check (octet_length(storage_path) <= 2000 or deleted_at is not null) not valid,
  add constraint datasets_total_training_pairs_check
    check (total_training_pairs >= 0 or deleted_at is not null) not valid,
  add constraint datasets_total_validation_pairs_check
    check (total_validation_pairs >= 0 or deleted_at is not null) not valid,
  add constraint datasets_total_tokens_check check (total_tokens >= 0 or deleted_at is not null) not valid,
  add constraint datasets_avg_turns_per_conversation_check
    check (avg_turns_per_conversation >= 0 and avg_turns_per_conversation < 'Infinity' or deleted_at is not null)
    not valid,
  add constraint datasets_avg_tokens_per_turn_check
    check (avg_tokens_per_turn >= 0 and avg_tokens_per_turn < 'Infinity' or deleted_at is not null) not valid,
  -- Ready is what was read and found without an error.
  add constraint datasets_status_validated_at_check
    check (
      status <> 'ready' or deleted_at is not null
      or validated_at is not null and coalesce(total_training_pairs, 0) >= 1 and total_tokens is not null
        and coalesce(validation_errors, 'null') in ('null', '[]')
    ) not valid,
  add constraint datasets_status_training_ready_check
    check (training_ready = (status = 'ready') or deleted_at is not null) not valid,
  add constraint datasets_status_error_message_check
    check (
      status <> 'error' or deleted_at is not null
      or error_message is not null or coalesce(validation_errors, 'null') not in ('null', '[]')
    ) not valid;

alter table public.training_jobs
  add constraint training_jobs_status_check
    check (status in ('queued', 'initializing', 'running', 'completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_progress_check
    check (progress between 0 and 100 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_current_epoch_check
    check (current_epoch >= 0 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_total_epochs_check
    check (total_epochs >= 1 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_current_step_check
    check (current_step >= 0 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_total_steps_check
    check (total_steps >= 0 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_current_cost_check
    check (
      current_cost >= 0 and current_cost < 'Infinity'
      or status in ('completed', 'failed', 'cancelled')
    ) not valid,
  add constraint training_jobs_estimated_total_cost_check
    check (
      estimated_total_cost >= 0 and estimated_total_cost < 'Infinity'
      or status in ('completed', 'failed', 'cancelled')
    ) not valid,
  add constraint training_jobs_final_cost_check
    check (final_cost >= 0 and final_cost < 'Infinity' or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_retry_count_check
    check (retry_count >= 0 or status in ('completed', 'failed', 'cancelled')) not valid,
  add constraint training_jobs_attempt_check check (attempt >= 1) not valid,
  add constraint training_jobs_max_attempts_check check (max_attempts >= 1) not valid,
  add constraint training_jobs_failure_class_check check (failure_class ~ '^[a-z][a-z_]{1,49}$') not valid;

-- A figure that is no number is a fact, of a run that diverged or of a sensor that failed; a step before the first one, or
-- a GPU that is busy for more than all of its time, is a mistake.
alter table public.metrics_points
  add constraint metrics_points_epoch_check check (epoch >= 0) not valid,
  add constraint metrics_points_step_check check (step >= 0) not valid,
  add constraint metrics_points_gpu_utilization_check
    check (gpu_utilization between 0 and 100 or gpu_utilization in ('NaN', 'Infinity', '-Infinity')) not valid;

alter table public.model_artifacts
  add constraint model_artifacts_status_check
    check (status in ('stored', 'deployed', 'archived') or deleted_at is not null) not valid;

-- A row of the ledger is changed once, when its job goes with the account: job_id becomes NULL, and that may not
-- fail. So these, and the one on NaN, are for the rows of a job.
alter table public.cost_records
  add constraint cost_records_cost_type_check check (cost_type ~ '^[a-z][a-z_]{1,49}$' or job_id is null) not valid,
  add constraint cost_records_amount_corrects_check
    check (amount >= 0 or corrects is not null or job_id is null) not valid,
  add constraint cost_records_billing_period_check check (isfinite(billing_period) or job_id is null) not valid,
  add constraint cost_records_hourly_rate_check check (hourly_rate >= 0 and hourly_rate < 'Infinity') not valid,
  add constraint cost_records_gpus_check check (gpus >= 0) not valid,
  add constraint cost_records_currency_check check (currency ~ '^[A-Z]{3}$') not valid;

alter table public.notifications
  add constraint notifications_type_check check (type ~ '^[a-z][a-z_]{1,49}$' or read) not valid,
  add constraint notifications_priority_check check (priority in ('low', 'medium', 'high') or read) not valid,
  -- The database takes over what an application adds to its own.
  add constraint notifications_message_check check (length(message) <= 10000 or read) not valid,
  add constraint notifications_action_url_check check (length(action_url) <= 2000 or read) not valid,
  add constraint notifications_metadata_check check (octet_length(metadata::text) <= 16384 or read) not valid;
