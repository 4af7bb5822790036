-- What holds for every new job, whichever door it came through: it begins in the queue, on a ready dataset of its
-- owner, with whole documents, its steps counted and its cost estimated.
create or replace function lora_private.prepare_training_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
  work pg_catalog.record;
  estimate pg_catalog.jsonb;
begin
  new.status := coalesce(new.status, 'queued');

  if new.status <> 'queued' then
    raise exception 'a training job cannot begin as "%"', new.status
      using errcode = 'PT409', hint = 'Insert it as "queued".';
  end if;
  -- Nothing of a run is there before the run, whoever inserts it. The id that the GPU provider gave may be.
  new.current_stage := 'queued';
  new.progress := 0;
  new.current_epoch := 0;
  new.current_step := 0;
  new.current_metrics := null;
  new.current_cost := 0;
  new.final_cost := null;
  new.claimed_by := null;
  new.started_at := null;
  new.completed_at := null;
  new.estimated_completion_at := null;
  new.lease_expires_at := null;
  new.last_heartbeat_at := null;
  new.last_progress_at := null;
  new.cancel_requested_at := null;
  new.error_message := null;
  new.error_stack := null;
  new.failure_class := null;
  new.artifact_id := null;
  new.resume_from := null;
  new.best_metrics := null;
  new.stage_changed_at := lora_private.clock();
  new.attempt := 1;
  new.retry_count := 0;

  -- The dataset of somebody else is not to be told from one that does not exist.
  select * into dataset from public.datasets
  where id = new.dataset_id and user_id = new.user_id and deleted_at is null
  -- Stronger than what the foreign key takes: a file that is replaced meanwhile waits, or is waited for.
  for share;
  if not found then
    raise exception 'dataset "%" does not exist', new.dataset_id
      using errcode = 'PT404', hint = 'Use a dataset of the same user that is not deleted.';
  end if;
  perform lora_private.check_dataset_is_ready(dataset);

  new.hyperparameters := lora_private.hyperparameters_of_run(new.hyperparameters, new.preset_id);
  new.preset_id := lora_private.standard_preset(new.preset_id);
  new.gpu_config := lora_private.priced_gpu_config(new.gpu_config);
  if pg_catalog.length(new.idempotency_key) > 200 then
    raise exception '"idempotency_key" has % characters', pg_catalog.length(new.idempotency_key)
      using errcode = '22023', hint = 'Use a key of at most 200 characters.';
  end if;

  select * into work from lora_private.work_of_run(dataset, new.hyperparameters);
  new.total_epochs := (new.hyperparameters ->> 'num_epochs')::numeric::integer;
  new.total_steps := work.steps;
  estimate := lora_private.estimate_of_run(work.steps, work.epochs, work.tokens, new.hyperparameters, new.gpu_config);
  new.estimated_total_cost := lora_private.displayed_cost((estimate ->> 'expected')::numeric);
  -- Of a dataset whose tokens nobody has counted nothing is to be foretold.
  new.estimate := case when work.tokens > 0 then lora_private.expected_pace(estimate) end;
  new.queued_at := lora_private.clock();
  new.created_at := lora_private.clock();
  new.updated_at := new.created_at;
  return new;
end
$$;

revoke all on function lora_private.prepare_training_job() from public, anon, authenticated, service_role;

-- After the guard, which refuses what is filled in here.
create or replace trigger b_prepare_training_job
  before insert on public.training_jobs
  for each row execute function lora_private.prepare_training_job();
