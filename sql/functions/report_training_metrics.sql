-- report_training_metrics: a batch of points, in any order, each recorded once however often it is sent.
create or replace function public.report_training_metrics(job_id uuid, attempt integer, points jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs := lora_private.lock_attempt(report_training_metrics.job_id, report_training_metrics.attempt);
  answer jsonb;
  impossible boolean;
  best jsonb;
  pace jsonb;
begin
  if pg_catalog.jsonb_typeof(points) is distinct from 'array' then
    raise exception '"points" is not an array' using errcode = '22023', hint = 'Pass a JSON array of points.';
  elsif job.status = 'cancelled' then
    return pg_catalog.jsonb_build_object(
      'accepted', 0, 'duplicates', 0, 'refused', '[]'::jsonb, 'progress', job.progress, 'cancel_requested', true);
  end if;

  begin
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
        case when known.step is null
          then (twin.epoch, twin.training_loss, twin.validation_loss, twin.learning_rate, twin.gradient_norm,
            twin.throughput, twin.gpu_utilization)
          else (known.epoch, known.training_loss, known.validation_loss, known.learning_rate, known.gradient_norm,
            known.throughput, known.gpu_utilization)
        end
        is not distinct from (sent.epoch, sent.training_loss, sent.validation_loss, sent.learning_rate,
          sent.gradient_norm, sent.throughput, sent.gpu_utilization) as same
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
    ), (
      select pg_catalog.bool_or(step < 0 or epoch < 0 or not pg_catalog.isfinite("timestamp")) from sent
    ), (
      -- The lowest figure that is a number; the earliest of equal ones. (NaN is above infinity.)
      select pg_catalog.jsonb_object_agg(lowest.metric, pg_catalog.jsonb_build_object('value', lowest.value, 'step', lowest.step))
      from (
        select distinct on (figure.metric) figure.metric, figure.value, point.step
        from first_of_step as point
        join inserted using (step)
        cross join lateral (
          values ('training_loss', point.training_loss), ('validation_loss', point.validation_loss)
        ) as figure (metric, value)
        where abs(figure.value) < 'infinity'
        order by figure.metric, figure.value, point.step
      ) as lowest
    ), (
      select lora.add_points_to_job_pace(
        lora_private.kept_pace(job), pg_catalog.array_agg(point.step),
        pg_catalog.array_agg(coalesce(point."timestamp", lora_private.clock())),
        pg_catalog.array_agg(point.validation_loss is not null))
      from first_of_step as point join inserted using (step)
    ) into answer, impossible, best, pace;
  exception
    -- What a point holds is looked into only when one of them is bad: 1,000 good ones take a third longer otherwise.
    when data_exception or not_null_violation or check_violation then
      perform lora_private.refuse_bad_point(points);
      raise;
  end;
  if impossible then
    perform lora_private.refuse_bad_point(points);
  end if;

  return answer || pg_catalog.jsonb_build_object(
    'progress', lora_private.advance_training_job(job, (answer ->> 'accepted')::integer > 0, best, pace),
    'cancel_requested', false);
end
$$;
comment on function public.report_training_metrics(uuid, integer, jsonb) is
  'Records metric points of the current attempt once each, moves the job forward, and answers whether to stop';
revoke all on function public.report_training_metrics(uuid, integer, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.report_training_metrics(uuid, integer, jsonb) to service_role;

-- Names the first bad point of a batch, and what of it is bad.
create or replace function lora_private.refuse_bad_point(points jsonb)
returns void
language plpgsql stable
set search_path = ''
as $$
declare
  item pg_catalog.record;
  field pg_catalog.record;
  good boolean;
begin
  for item in
    select number - 1 as index, point from pg_catalog.jsonb_array_elements(points) with ordinality as element (point, number)
  loop
    if pg_catalog.jsonb_typeof(item.point) <> 'object' then
      raise exception '"points[%]" is not an object', item.index
        using errcode = '22023', hint = 'Give each point as an object with step, epoch, training_loss and learning_rate.';
    end if;
    for field in
      select name, kind, needed, item.point ->> name as value
      from (values
        ('step', 'whole number', true), ('epoch', 'whole number', true), ('training_loss', 'number', true),
        ('learning_rate', 'number', true), ('validation_loss', 'number', false), ('gradient_norm', 'number', false),
        ('throughput', 'number', false), ('gpu_utilization', 'percent', false), ('timestamp', 'time', false)
      ) as known (name, kind, needed)
    loop
      begin
        good := case
          when field.value is null then not field.needed
          when field.kind = 'whole number' then field.value::integer >= 0
          when field.kind = 'number' then field.value::double precision is not null
          when field.kind = 'percent' then field.value::double precision between 0 and 100
            or field.value::double precision in ('NaN', 'Infinity', '-Infinity')
          else pg_catalog.isfinite(field.value::pg_catalog.timestamptz)
        end;
      exception when data_exception then
        good := false;
      end;
      if not good then
        raise exception '"points[%].%" is %', item.index, field.name, coalesce(pg_catalog.to_json(pg_catalog.left(field.value, 50))::pg_catalog.text, 'missing')
          using errcode = '22023', hint = case field.kind
            when 'whole number' then 'Give a whole number from 0 to 2147483647.'
            when 'percent' then 'Give a percentage from 0 to 100, or leave it out.'
            when 'number' then 'Give a number that a double holds, or "NaN", "Infinity" or "-Infinity" as text.'
            else 'Give an instant such as "2026-01-15T23:00:00Z", or leave it out.'
          end;
      end if;
    end loop;
  end loop;
end
$$;
revoke all on function lora_private.refuse_bad_point(jsonb) from public, anon, authenticated, service_role;
grant execute on function lora_private.refuse_bad_point(jsonb) to service_role;

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
language sql immutable parallel safe
set search_path = ''
as $$
  select case when pg_catalog.jsonb_typeof(best -> 'value') = 'number' then (best ->> 'value')::double precision end
$$;

-- The lower of two figures for each metric; of equal ones the earlier.
create or replace function lora_private.better_metrics(known jsonb, latest jsonb, attempt integer)
returns jsonb
language sql immutable parallel safe
set search_path = ''
as $$
  select case when pg_catalog.jsonb_typeof(known) = 'object' then known else '{}' end || coalesce((
    select pg_catalog.jsonb_object_agg(
      figure.key, figure.value || pg_catalog.jsonb_build_object('attempt', better_metrics.attempt))
    from pg_catalog.jsonb_each(latest) as figure
    where (lora_private.metric_value(known -> figure.key) <= lora_private.metric_value(figure.value)) is not true
  ), '{}')
$$;

revoke all on function
  lora_private.advance_training_job(public.training_jobs, boolean, jsonb, jsonb),
  lora_private.better_metrics(jsonb, jsonb, integer),
  lora_private.metric_value(jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.advance_training_job(public.training_jobs, boolean, jsonb, jsonb),
  lora_private.better_metrics(jsonb, jsonb, integer),
  lora_private.metric_value(jsonb)
  to service_role;
