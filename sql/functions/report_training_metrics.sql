-- report_training_metrics: a batch of points, in any order, each recorded once however often it is sent.
create or replace function public.report_training_metrics(job_id uuid, attempt integer, points jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(report_training_metrics.job_id, report_training_metrics.attempt);
  bad record;
  answer jsonb;
begin
  if pg_catalog.jsonb_typeof(points) is distinct from 'array' then
    raise exception '"points" is not an array' using errcode = '22023', hint = 'Pass a JSON array of points.';
  elsif job.status = 'cancelled' then
    return pg_catalog.jsonb_build_object(
      'accepted', 0, 'duplicates', 0, 'refused', '[]'::jsonb, 'progress', job.progress, 'cancel_requested', true);
  end if;

  select item.number - 1 as index, field.name into bad
  from pg_catalog.jsonb_array_elements(points) with ordinality as item (point, number)
  cross join (values ('step'), ('epoch'), ('training_loss'), ('learning_rate')) as field (name)
  where pg_catalog.jsonb_typeof(item.point) <> 'object' or item.point ->> field.name is null
    or (field.name in ('step', 'epoch') and (item.point ->> field.name)::numeric not between 0 and 2147483647)
  order by item.number, field.name limit 1;
  if found then
    raise exception 'points[%].% is missing or out of range', bad.index, bad.name
      using errcode = '22023', hint = 'Each point needs step and epoch, 0 or more, training_loss and learning_rate.';
  end if;

  with sent as (
    select item.number, point.*
    from pg_catalog.jsonb_array_elements(points) with ordinality as item (point, number)
    cross join lateral pg_catalog.jsonb_to_record(item.point) as point (
      step integer, epoch integer, "timestamp" timestamptz, training_loss double precision,
      validation_loss double precision, learning_rate double precision, gradient_norm double precision,
      throughput double precision, gpu_utilization double precision
    )
  ), first_of_step as (
    select distinct on (step) * from sent order by step, number
  ), inserted as (
    insert into public.metrics_points (
      job_id, attempt, step, epoch, "timestamp", training_loss, validation_loss, learning_rate, gradient_norm,
      throughput, gpu_utilization
    )
    select job.id, job.attempt, step, epoch, coalesce("timestamp", lora_private.clock()), training_loss,
      validation_loss, learning_rate, gradient_norm, throughput, gpu_utilization
    from first_of_step
    on conflict (job_id, attempt, step) do nothing
    returning step
  ), repeated as (
    -- What was not inserted is compared with what stands there: a point of an earlier call (this statement does
    -- not see its own inserts), or the first one of this batch.
    select sent.step,
      (coalesce(known.epoch, twin.epoch), coalesce(known.training_loss, twin.training_loss),
        case when known.step is null then twin.validation_loss else known.validation_loss end,
        coalesce(known.learning_rate, twin.learning_rate))
      is not distinct from (sent.epoch, sent.training_loss, sent.validation_loss, sent.learning_rate) as same
    from sent
    join first_of_step as twin on twin.step = sent.step
    left join public.metrics_points as known
      on known.job_id = job.id and known.attempt = job.attempt and known.step = sent.step
    where known.step is not null or twin.number <> sent.number
  )
  select pg_catalog.jsonb_build_object(
    'accepted', (select count(*) from inserted),
    'duplicates', (select count(*) from repeated where same),
    'refused', (
      select coalesce(pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('step', step, 'reason', 'another value is recorded for this step') order by step
      ), '[]')
      from repeated where not same
    )
  ) into answer;

  perform lora_private.advance_training_job(job.id);
  return answer || (
    select pg_catalog.jsonb_build_object('progress', advanced.progress, 'cancel_requested', false)
    from public.training_jobs as advanced where advanced.id = job.id
  );
end
$$;
comment on function public.report_training_metrics(uuid, integer, jsonb) is
  'Records metric points of the current attempt once each, moves the job forward, and answers whether to stop';
revoke all on function public.report_training_metrics(uuid, integer, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.report_training_metrics(uuid, integer, jsonb) to service_role;

-- Brings a job's own columns up to its newest point.
create or replace function lora_private.advance_training_job(job_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs;
  newest public.metrics_points;
  validation_loss double precision;
  answer jsonb;
begin
  select * into strict job from public.training_jobs where id = advance_training_job.job_id;
  select * into newest from public.metrics_points as point
  where point.job_id = job.id and point.attempt = job.attempt
  order by point.step desc limit 1;
  if not found then
    return;
  end if;
  select point.validation_loss into validation_loss from public.metrics_points as point
  where point.job_id = job.id and point.attempt = job.attempt and point.validation_loss is not null
  order by point.step desc limit 1;

  if job.status = 'initializing' or newest.step > job.current_step then
    job.current_stage := 'training';
  end if;
  job.status := 'running';
  answer := lora_private.training_job_progress(job);
  update public.training_jobs set
    status = 'running',
    current_stage = job.current_stage,
    current_step = newest.step,
    current_epoch = newest.epoch,
    progress = greatest(job.progress, (answer ->> 'percent')::numeric),
    estimated_completion_at =
      lora_private.clock() + pg_catalog.make_interval(secs => (answer #>> '{eta,expected}')::double precision),
    current_cost = coalesce(lora_private.displayed_cost((answer #>> '{cost,current}')::numeric), job.current_cost),
    current_metrics = coalesce(job.current_metrics, '{}') - 'non_finite' || pg_catalog.jsonb_strip_nulls(
      pg_catalog.jsonb_build_object(
        'training_loss', lora_private.finite(newest.training_loss),
        'validation_loss', lora_private.finite(validation_loss),
        'learning_rate', lora_private.finite(newest.learning_rate),
        'throughput', lora_private.finite(newest.throughput),
        'gpu_utilization', lora_private.finite(newest.gpu_utilization),
        'non_finite', case when lora_private.finite(newest.training_loss) is null then true end
      )
    ),
    last_progress_at = lora_private.clock(),
    last_heartbeat_at = lora_private.clock(),
    lease_expires_at = lora_private.renewed_lease(job)
  where id = job.id;
end
$$;

-- JSON has no NaN and no infinity; current_metrics keeps the last value that is a number.
create or replace function lora_private.finite(value double precision)
returns double precision
language sql immutable parallel safe
set search_path = ''
as $$
  select case when value > '-infinity' and value < 'infinity' then value end
$$;

revoke all on function lora_private.advance_training_job(uuid), lora_private.finite(double precision)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.advance_training_job(uuid), lora_private.finite(double precision)
  to service_role;
