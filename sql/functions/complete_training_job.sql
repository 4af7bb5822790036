-- complete_training_job: the worker is done. Closing the interval, the ledger and the notification follow from
-- the status, in the triggers.
create or replace function public.complete_training_job(job_id uuid, attempt integer, result jsonb default '{}')
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(complete_training_job.job_id, complete_training_job.attempt);
begin
  if job.status <> 'running' then
    raise exception 'training job "%" is %, not running', job.id, job.status
      using errcode = 'PT409', hint = case job.status
        when 'cancelled' then 'Stop this worker: the job was cancelled.'
        else 'Report at least one step before completing a job.'
      end;
  elsif result #>> '{output,status}' = 'failed' then
    raise exception 'the result of training job "%" says that it failed', job.id
      using errcode = 'PT409', hint = 'Set the job to "failed": a run that failed inside is not complete, whatever its outer status says.';
  end if;
  update public.training_jobs set status = 'completed' where id = job.id returning * into job;
  return job;
end
$$;
comment on function public.complete_training_job(uuid, integer, jsonb) is
  'Completes a job: closes its cost interval, writes the ledger row and notifies its owner';
revoke all on function public.complete_training_job(uuid, integer, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.complete_training_job(uuid, integer, jsonb) to service_role;
