-- What a report changes of its job, and the best figures that are kept of it.

-- Brings a locked job's own columns up to its newest point; answers its percent.
create or replace function lora_private.advance_training_job(
  job public.training_jobs, has_new_points boolean, best jsonb, pace jsonb
)
returns numeric
language plpgsql
set search_path = ''
as $$
declare
  newest public.metrics_points;
  last pg_catalog.record;
  answer pg_catalog.jsonb;
begin
  select * into newest from public.metrics_points as point
  where point.job_id = job.id and point.attempt = job.attempt
  order by point.step desc limit 1;
  if not found then
    -- Nothing but other metrics, of an evaluation before the first step.
    update public.training_jobs set
      current_metrics = job.current_metrics,
      last_progress_at = case when has_new_points then lora_private.clock() else job.last_progress_at end,
      last_heartbeat_at = lora_private.clock(),
      lease_expires_at = lora_private.renewed_lease(job)
    -- (One that takes the place of another one is not new.)
    where id = job.id and (has_new_points or current_metrics is distinct from job.current_metrics);
    return job.progress;
  end if;
  -- JSON has no NaN and no infinity: current_metrics keeps the last values that are numbers. (NaN is above infinity.)
  select
    (pg_catalog.array_agg(training_loss order by step desc) filter (where abs(training_loss) < 'infinity'))[1] as training_loss,
    (pg_catalog.array_agg(validation_loss order by step desc) filter (where abs(validation_loss) < 'infinity'))[1] as validation_loss,
    (pg_catalog.array_agg(learning_rate order by step desc) filter (where abs(learning_rate) < 'infinity'))[1] as learning_rate,
    (pg_catalog.array_agg(throughput order by step desc) filter (where abs(throughput) < 'infinity'))[1] as throughput,
    (pg_catalog.array_agg(gpu_utilization order by step desc) filter (where abs(gpu_utilization) < 'infinity'))[1] as gpu_utilization
  into last
  from (
    select * from public.metrics_points as point
    where point.job_id = job.id and point.attempt = job.attempt and point.step >= job.current_step
    order by point.step desc limit 64
  ) as newest_points;

  if job.status = 'initializing' or newest.step > job.current_step then
    job.current_stage := 'training';
  end if;
  job.status := 'running';
  -- Points first: they are of what was done before the stage that they begin.
  pace := lora.add_stage_to_job_pace(pace, job.current_stage, lora_private.clock());
  perform lora_private.keep_pace(job.id, job.attempt, pace);
  answer := lora_private.training_job_progress(job, pace => pace);
  update public.training_jobs set
    status = 'running',
    current_stage = job.current_stage,
    current_step = newest.step,
    current_epoch = newest.epoch,
    progress = greatest(job.progress, (answer ->> 'percent')::numeric),
    estimated_completion_at =
      lora_private.clock() + pg_catalog.make_interval(secs => (answer #>> '{eta,expected}')::double precision),
    current_cost = coalesce(lora_private.displayed_cost((answer #>> '{cost,current}')::numeric), job.current_cost),
    current_metrics = case when pg_catalog.jsonb_typeof(job.current_metrics) = 'object' then job.current_metrics else '{}' end
      - 'non_finite' || pg_catalog.jsonb_strip_nulls(
      pg_catalog.jsonb_build_object(
        'training_loss', last.training_loss,
        'validation_loss', last.validation_loss,
        'learning_rate', last.learning_rate,
        'throughput', last.throughput,
        'gpu_utilization', last.gpu_utilization,
        'non_finite', case when newest.training_loss in ('NaN', 'Infinity', '-Infinity') then true end
      )
    ),
    best_metrics = lora_private.better_metrics(job.best_metrics, best, job.attempt),
    last_progress_at = case when has_new_points then lora_private.clock() else job.last_progress_at end,
    last_heartbeat_at = lora_private.clock(),
    lease_expires_at = lora_private.renewed_lease(job)
  where id = job.id
  returning * into job;
  perform lora_private.note_bad_health(job, newest);
  return job.progress;
end
$$;

-- The value of one of the best figures; NULL of what is no number, as the service may write anything there.
create or replace function lora_private.metric_value(best jsonb)
returns double precision
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return lora_private.metric_number(best -> 'value');
end
$$;

-- The lower of two figures for each metric; of equal ones the earlier.
create or replace function lora_private.better_metrics(known jsonb, latest jsonb, attempt integer)
returns jsonb
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return (
    select case when pg_catalog.jsonb_typeof(known) = 'object' then known else '{}' end || coalesce((
      select pg_catalog.jsonb_object_agg(
        figure.key, figure.value || pg_catalog.jsonb_build_object('attempt', better_metrics.attempt))
      from pg_catalog.jsonb_each(latest) as figure
      where (lora_private.metric_value(known -> figure.key) <= lora_private.metric_value(figure.value)) is not true
    ), '{}')
  );
end
$$;

-- The lowest figures of all points of a job, once one of them was replaced.
create or replace function lora_private.best_of_points(job_id uuid)
returns jsonb
language sql stable
set search_path = ''
as $$
  select pg_catalog.jsonb_object_agg(
    lowest.metric, pg_catalog.jsonb_build_object('value', lowest.value, 'step', lowest.step, 'attempt', lowest.attempt))
  from (
    (select 'training_loss' as metric, training_loss as value, step, attempt from public.metrics_points as point
      where point.job_id = best_of_points.job_id and attempt > 0 and pg_catalog.abs(training_loss) < 'Infinity'
      order by training_loss, attempt, step limit 1)
    union all
    (select 'validation_loss', validation_loss, step, attempt from public.metrics_points as point
      where point.job_id = best_of_points.job_id and attempt > 0 and pg_catalog.abs(validation_loss) < 'Infinity'
      order by validation_loss, attempt, step limit 1)
  ) as lowest
$$;

-- The best figures when points of the current attempt have other values. All points are read only when the best one was among them.
create or replace function lora_private.best_after_replacing(job public.training_jobs, changed jsonb)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  known constant pg_catalog.jsonb :=
    case when pg_catalog.jsonb_typeof(job.best_metrics) = 'object' then job.best_metrics else '{}' end;
begin
  if exists (
    select from pg_catalog.jsonb_array_elements(changed) as point
    cross join pg_catalog.unnest(array['training_loss', 'validation_loss']) as metric
    where known -> metric ->> 'step' = point ->> 'step' and known -> metric ->> 'attempt' = job.attempt::pg_catalog.text
  ) then
    return known - 'training_loss' - 'validation_loss' || coalesce(lora_private.best_of_points(job.id), '{}');
  end if;
  return lora_private.better_metrics(known, (
    select pg_catalog.jsonb_object_agg(lowest.metric, pg_catalog.jsonb_build_object('value', lowest.value, 'step', lowest.step))
    from (
      select distinct on (metric) metric, lora_private.metric_number(point -> metric) as value, (point ->> 'step')::integer as step
      from pg_catalog.jsonb_array_elements(changed) as point
      cross join pg_catalog.unnest(array['training_loss', 'validation_loss']) as metric
      where pg_catalog.abs(lora_private.metric_number(point -> metric)) < 'Infinity'
      order by metric, lora_private.metric_number(point -> metric), (point ->> 'step')::integer
    ) as lowest
  ), job.attempt);
end
$$;

revoke all on function
  lora_private.advance_training_job(public.training_jobs, boolean, jsonb, jsonb),
  lora_private.better_metrics(jsonb, jsonb, integer),
  lora_private.metric_value(jsonb),
  lora_private.best_of_points(uuid),
  lora_private.best_after_replacing(public.training_jobs, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.advance_training_job(public.training_jobs, boolean, jsonb, jsonb),
  lora_private.better_metrics(jsonb, jsonb, integer),
  lora_private.metric_value(jsonb),
  lora_private.best_of_points(uuid),
  lora_private.best_after_replacing(public.training_jobs, jsonb)
  to service_role;
