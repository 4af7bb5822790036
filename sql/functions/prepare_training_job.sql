-- What holds for every new job, whichever door it came through: it begins in the queue, on a ready dataset of its
-- owner, with whole documents, its steps counted and its cost estimated.
create or replace function lora_private.prepare_training_job()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
  steps numeric;
  tokens_per_epoch double precision;
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
  elsif dataset.status is distinct from 'ready' or dataset.training_ready is not true
    or coalesce(dataset.total_training_pairs, 0) < 1 then
    raise exception 'dataset "%" is not ready', new.dataset_id
      using errcode = 'PT409', detail = pg_catalog.format('Its status is "%s".', dataset.status),
        hint = 'Validate the dataset first; see its validation_errors.';
  end if;

  perform lora_private.check_document_size('hyperparameters', new.hyperparameters, 65536);
  perform lora_private.check_document_size('gpu_config', new.gpu_config, 65536);
  new.hyperparameters := lora.normalize_hyperparameters(coalesce(new.hyperparameters, '{}'), coalesce(new.preset_id, 'null'));
  new.preset_id := lora_private.standard_preset(new.preset_id);
  new.gpu_config := lora.normalize_gpu_config(coalesce(new.gpu_config, '{}'));
  if new.gpu_config ->> 'cost_per_gpu_hour' is null then
    -- Without a price of its own the job has that of the price book, from now on and whatever the book says later.
    new.gpu_config := new.gpu_config || pg_catalog.jsonb_build_object(
      'cost_per_gpu_hour', pg_catalog.trim_scale(lora_private.gpu_hourly_rate(new.gpu_config ->> 'gpu_type')));
  end if;
  if new.gpu_config ->> 'cost_per_gpu_hour' is null then
    raise exception '"gpu_config.cost_per_gpu_hour" is missing'
      using errcode = '22023',
        detail = pg_catalog.format('The price book has no price of "%s" for today.', new.gpu_config ->> 'gpu_type'),
        hint = 'Give the price of one GPU for one hour, a number from 0 to 100000 with at most ten places.';
  elsif (new.gpu_config ->> 'cost_per_gpu_hour')::numeric * (new.gpu_config ->> 'num_gpus')::numeric > 100000 then
    -- At this rate an amount of the ledger is full after eleven years. A job must always be possible to close.
    raise exception 'the GPUs cost more than 100000 an hour'
      using errcode = '22023', hint = 'Check "gpu_config.num_gpus" and "gpu_config.cost_per_gpu_hour".';
  end if;
  if pg_catalog.length(new.idempotency_key) > 200 then
    raise exception '"idempotency_key" has % characters', pg_catalog.length(new.idempotency_key)
      using errcode = '22023', hint = 'Use a key of at most 200 characters.';
  end if;

  new.total_epochs := (new.hyperparameters ->> 'num_epochs')::numeric::integer;
  if new.hyperparameters ? 'max_steps' then
    -- As in the trainers: a number of steps overrides the number of epochs.
    new.total_steps := (new.hyperparameters ->> 'max_steps')::numeric::integer;
  else
    -- As transformers' Trainer counts: batches of an epoch, the last one included, and as many of them in a step as are
    -- accumulated, the last step included.
    steps := new.total_epochs * pg_catalog.ceil(
      pg_catalog.ceil(dataset.total_training_pairs / (new.hyperparameters ->> 'batch_size')::numeric)
      / coalesce((new.hyperparameters ->> 'gradient_accumulation_steps')::numeric, 1));
    if steps > 100000000 then
      raise exception 'the run has % steps', steps
        using errcode = '22023', hint = 'Use a larger batch, fewer epochs, or max_steps; 100000000 steps at most.';
    end if;
    new.total_steps := steps::integer;
  end if;
  tokens_per_epoch := coalesce(
    (dataset.validation_report #>> '{tokens,sequence}')::double precision, dataset.total_tokens, 0);
  estimate := lora.estimate_cost(
    new.total_steps,
    tokens_per_epoch * new.total_epochs / new.total_steps,
    new.total_epochs,
    lora_private.gpu_tokens_per_second(new.gpu_config ->> 'gpu_type'),
    (new.gpu_config ->> 'cost_per_gpu_hour')::numeric,
    (new.gpu_config ->> 'num_gpus')::numeric::integer
  );
  new.estimated_total_cost := lora_private.displayed_cost((estimate ->> 'expected')::numeric);
  -- Of a dataset whose tokens nobody has counted nothing is to be foretold.
  new.estimate := case when tokens_per_epoch > 0 then lora_private.expected_pace(estimate) end;
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
