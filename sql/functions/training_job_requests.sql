-- What a job was asked for is what it does and what it is charged by: the dataset, the documents with their price, the key
-- and the time of the request never change, in whichever state and for every role.
create or replace function lora_private.keep_training_job_request()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  changed constant pg_catalog.text := case
    when new.created_at is distinct from old.created_at then 'created_at'
    when new.dataset_id is distinct from old.dataset_id then 'dataset_id'
    when new.gpu_config is distinct from old.gpu_config then 'gpu_config'
    when new.hyperparameters is distinct from old.hyperparameters then 'hyperparameters'
    when new.idempotency_key is distinct from old.idempotency_key then 'idempotency_key'
    else 'preset_id'
  end;
begin
  raise exception '"%" of training job "%" never changes', changed, old.id
    using errcode = 'PT409', column = changed, hint = 'Leave it as it is; cancel the job and create another one.';
end
$$;

-- Who works on a job, and since when, is said by claiming it, and what it is charged follows from both.
create or replace function lora_private.keep_training_job_claim()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  changed constant pg_catalog.text := case
    when new.claimed_by is distinct from old.claimed_by then 'claimed_by' else 'started_at'
  end;
begin
  if old.status = 'queued' and new.status = 'initializing' then
    if new.claimed_by is not null then
      -- The clock stands still in a transaction, and this one may have begun before the attempt that went before was
      -- ended; it may also have been set back. No time is charged twice.
      new.started_at := case
        when new.attempt > 1 then greatest(lora_private.clock(), new.queued_at, (
          select pg_catalog.max(pg_catalog.upper(record.period)) from public.cost_records as record
          where record.job_id = new.id and record.idempotency_key like 'training_compute:%'))
        else lora_private.clock()
      end;
    end if;
    return new;
  elsif new.status = 'queued' and old.status <> 'queued' then
    -- Both are reset, with all that belongs to the attempt.
    return new;
  elsif changed = 'started_at' and old.claimed_by is null and new.status is distinct from 'queued' then
    -- An application that drives the job by itself keeps and charges its own times.
    return new;
  end if;
  raise exception '"%" of training job "%" cannot change', changed, old.id
    using errcode = 'PT409', column = changed, hint = case old.status
      when 'queued' then 'Claim the job: claim_training_jobs sets it.'
      else 'Leave it as it is: a claim holds until the job is over or back in the queue.'
    end;
end
$$;
revoke all on function lora_private.keep_training_job_request(), lora_private.keep_training_job_claim()
  from public, anon, authenticated, service_role;

create or replace trigger b_keep_training_job_claim
  before update on public.training_jobs
  for each row when (new.claimed_by is distinct from old.claimed_by or new.started_at is distinct from old.started_at)
  execute function lora_private.keep_training_job_claim();
create or replace trigger b_keep_training_job_request
  before update on public.training_jobs
  for each row when (
    new.created_at is distinct from old.created_at
    or new.dataset_id is distinct from old.dataset_id
    or new.gpu_config is distinct from old.gpu_config
    or new.hyperparameters is distinct from old.hyperparameters
    or new.idempotency_key is distinct from old.idempotency_key
    or new.preset_id is distinct from old.preset_id
  )
  execute function lora_private.keep_training_job_request();
