-- A point belongs to an attempt that its job has begun. Points of an adopted database that were sent twice stand beside
-- the curve as attempts 0, -1 and so on; new ones cannot.

create or replace function lora_private.set_metrics_point_attempt()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  -- A job that does not exist is for the foreign key to name.
  new.attempt := coalesce((select attempt from public.training_jobs where id = new.job_id), 1)::smallint;
  return new;
end
$$;

-- Once for a statement: a look at the job for each of 1,000 points would cost more than the points.
create or replace function lora_private.check_metrics_point_attempts()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  bad pg_catalog.record;
begin
  select point.attempt, job.id as job_id, job.attempt as current into bad
  from (select distinct job_id, attempt from new_points) as point
  join public.training_jobs as job on job.id = point.job_id
  where point.attempt not between 1 and job.attempt
  limit 1;
  if found then
    raise exception '"attempt" % is none of training job "%"', bad.attempt, bad.job_id
      using errcode = '22023', column = 'attempt',
        detail = pg_catalog.format('The current attempt is %s.', bad.current),
        hint = 'Leave "attempt" out for the current one, or pass one that has begun.';
  end if;
  return null;
end
$$;
revoke all on function lora_private.set_metrics_point_attempt(), lora_private.check_metrics_point_attempts()
  from public, anon, authenticated, service_role;

create or replace trigger b_set_metrics_point_attempt
  before insert on public.metrics_points
  for each row when (new.attempt is null)
  execute function lora_private.set_metrics_point_attempt();
create or replace trigger check_metrics_point_attempts
  after insert on public.metrics_points
  referencing new table as new_points
  for each statement execute function lora_private.check_metrics_point_attempts();
create or replace trigger check_custom_metric_attempts
  after insert on public.custom_metrics
  referencing new table as new_points
  for each statement execute function lora_private.check_metrics_point_attempts();
