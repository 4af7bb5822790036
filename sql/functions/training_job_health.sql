-- training_job_health: what is wrong with a run, as the points of its curve show it.
create or replace function public.training_job_health(job_id uuid)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  job public.training_jobs;
  answer jsonb;
begin
  select * into job from public.training_jobs as candidate where candidate.id = training_job_health.job_id;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(training_job_health.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;
  execute pg_catalog.format(
    'select lora.curve_health(point.step::pg_catalog.int8, point.training_loss, point.validation_loss, point.learning_rate,
       point.gradient_norm, point.throughput, point.gpu_utilization)
     from public.metrics_points as point where point.job_id = $1 and (%s)',
    lora_private.parts_of_attempts(job, -2147483648, 2147483647)) into answer using job.id;
  return coalesce(answer, '[]');
end
$$;
comment on function public.training_job_health(uuid) is
  'What is wrong with a run: rule, severity, steps, evidence and what to do about it';
revoke all on function public.training_job_health(uuid) from public, anon, authenticated, service_role;
grant execute on function public.training_job_health(uuid) to authenticated, service_role;

-- Writes down, once in an attempt, that the newest points of a locked job are no numbers or have diverged; its owner is told by
-- the trigger on events. What is looked at are the newest points, and only when one of them is out of the ordinary.
create or replace function lora_private.note_bad_health(job public.training_jobs, newest public.metrics_points)
returns void
language plpgsql
set search_path = ''
as $$
declare
  best constant pg_catalog.float8 := lora_private.metric_value(job.best_metrics -> 'training_loss');
begin
  -- NaN is above infinity, and so above all. (1.5 times the best one may be more than a number holds.)
  if newest.training_loss / 1.5 <= coalesce(best, 'infinity') and pg_catalog.abs(newest.training_loss) < 'infinity' then
    return;
  end if;
  insert into public.training_job_events (job_id, actor, kind, attempt, payload)
  select job.id, lora_private.actor(), finding ->> 'rule', job.attempt, finding - 'rule'
  from (
    select lora.curve_health(point.step::pg_catalog.int8, point.training_loss, point.validation_loss, null, point.gradient_norm, null, null) as findings
    from (
      select * from public.metrics_points as recent
      where recent.job_id = job.id and recent.attempt = job.attempt
      order by recent.step desc limit 400
    ) as point
  ) as health
  cross join lateral pg_catalog.jsonb_array_elements(health.findings) as finding
  where finding ->> 'severity' = 'error' and not exists (
    select from public.training_job_events as event
    where event.job_id = job.id and event.kind = finding ->> 'rule' and event.attempt = job.attempt
  );
end
$$;
revoke all on function lora_private.note_bad_health(public.training_jobs, public.metrics_points)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.note_bad_health(public.training_jobs, public.metrics_points) to service_role;
