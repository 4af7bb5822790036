-- retry_training_job: a job that failed goes back into the queue for another attempt, a job that was cancelled or is complete
-- is repeated by a new one.
create or replace function public.retry_training_job(job_id uuid)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs;
  repeated public.training_jobs;
begin
  -- For a client the lock is that of an update of its own job.
  select * into job from public.training_jobs as candidate where candidate.id = retry_training_job.job_id for no key update;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(retry_training_job.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  elsif job.status not in ('failed', 'cancelled', 'completed') then
    raise exception 'training job "%" is %', job.id, job.status
      using errcode = 'PT409', hint = 'Retry a job that is over; cancel this one first if it is not wanted.';
  end if;

  perform pg_catalog.set_config('lora_private.retries', job.id::text, true);
  if job.status = 'failed' then
    perform lora_private.require_ready_dataset(job.dataset_id);
    update public.training_jobs set status = 'queued' where id = job.id returning * into repeated;
  else
    -- Asked for twice, it is repeated once.
    select * into repeated from public.training_jobs as known
    where known.retry_of = job.id and known.status in ('queued', 'initializing', 'running')
    order by known.created_at desc limit 1;
    if not found then
      insert into public.training_jobs (
        user_id, dataset_id, preset_id, hyperparameters, gpu_config, retry_of, total_epochs, estimated_total_cost
      )
      -- The two figures are NOT NULL in the specification; the trigger computes both.
      values (job.user_id, job.dataset_id, job.preset_id, job.hyperparameters, job.gpu_config, job.id, 0, 0)
      returning * into repeated;
    end if;
  end if;
  perform pg_catalog.set_config('lora_private.retries', '', true);
  return repeated;
end
$$;
comment on function public.retry_training_job(uuid) is
  'Puts a failed job back into the queue, or repeats a cancelled or completed one by a new job';
revoke all on function public.retry_training_job(uuid) from public, anon, authenticated, service_role;
grant execute on function public.retry_training_job(uuid) to authenticated, service_role;

-- Refuses what has changed since the job was created.
create or replace function lora_private.require_ready_dataset(dataset_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
begin
  select * into dataset from public.datasets
  where id = require_ready_dataset.dataset_id and deleted_at is null
  for share;
  if dataset.status is distinct from 'ready' then
    raise exception 'dataset "%" is not ready', require_ready_dataset.dataset_id
      using errcode = 'PT409', detail = case
        when dataset.id is null then 'It is deleted.' else pg_catalog.format('Its status is "%s".', dataset.status)
      end, hint = 'Restore it, or have it validated, and retry the job then.';
  end if;
end
$$;
revoke all on function lora_private.require_ready_dataset(uuid) from public, anon, authenticated, service_role;
grant execute on function lora_private.require_ready_dataset(uuid) to authenticated, service_role;
