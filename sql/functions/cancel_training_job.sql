-- cancel_training_job: the owner, or the service, does not want the job any more. What follows from it (the end, the cost, the
-- ledger, the notification) is the state's business, as for a plain update.
create or replace function public.cancel_training_job(job_id uuid, reason text default null)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
declare
  job public.training_jobs;
begin
  perform lora_private.check_length('reason', reason, 1000);
  perform lora_private.say_reason(reason);
  update public.training_jobs set status = 'cancelled'
  where id = cancel_training_job.job_id and status <> 'cancelled'
  returning * into job;
  perform lora_private.say_reason(null);
  if job.id is null then
    -- One that is cancelled already stays as it is.
    select * into job from public.training_jobs where id = cancel_training_job.job_id;
  end if;
  if job.id is null then
    raise exception 'training job "%" does not exist', coalesce(cancel_training_job.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;
  return job;
end
$$;
comment on function public.cancel_training_job(uuid, text) is
  'Cancels a job, queued or started; one that is cancelled already stays so';
revoke all on function public.cancel_training_job(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.cancel_training_job(uuid, text) to authenticated, service_role;
