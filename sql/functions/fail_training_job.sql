-- fail_training_job: the worker gives up, and says what kind of failure it was: that decides whether another attempt makes
-- sense.
create or replace function public.fail_training_job(
  job_id uuid, attempt integer, failure_class text, message text, stack text default null
)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
declare
  job public.training_jobs := lora_private.lock_attempt(fail_training_job.job_id, fail_training_job.attempt, 'failed');
begin
  if (failure_class = any (lora_private.failure_classes())) is not true then
    raise exception '"failure_class" is %', coalesce('"' || pg_catalog.left(failure_class, 50) || '"', 'null')
      using errcode = '22023', hint = pg_catalog.format(
        'Use one of %s.', pg_catalog.array_to_string(lora_private.failure_classes(), ', '));
  elsif coalesce(message, '') = '' then
    raise exception '"message" is empty' using errcode = '22023', hint = 'Say in a sentence what went wrong.';
  end if;
  return lora_private.end_with_failure(job, failure_class, message, stack);
end
$$;
comment on function public.fail_training_job(uuid, integer, text, text, text) is
  'Fails a job: closes its cost interval, writes the ledger row and notifies its owner';
revoke all on function public.fail_training_job(uuid, integer, text, text, text) from public, anon, authenticated, service_role;
grant execute on function public.fail_training_job(uuid, integer, text, text, text) to service_role;

-- Kinds of failures. Another attempt helps against infrastructure and stalled, a smaller batch against out_of_memory, other
-- hyperparameters against diverged, the owner against user_error and budget.
create or replace function lora_private.failure_classes()
returns text[]
language sql immutable parallel safe
set search_path = ''
as $$
  select array['user_error', 'infrastructure', 'out_of_memory', 'diverged', 'budget', 'stalled']
$$;

-- What a worker says may be of any length.
create or replace function lora_private.end_with_failure(job public.training_jobs, failure_class text, message text, stack text)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
begin
  update public.training_jobs set
    status = 'failed',
    failure_class = end_with_failure.failure_class,
    error_message = pg_catalog.left(message, 10000),
    error_stack = pg_catalog.left(stack, 100000)
  where id = job.id
  returning * into job;
  return job;
end
$$;
revoke all on function
  lora_private.failure_classes(),
  lora_private.end_with_failure(public.training_jobs, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.failure_classes(),
  lora_private.end_with_failure(public.training_jobs, text, text, text)
  to service_role;
