-- training_metrics_curve: what is drawn of runs, of many jobs and metrics at once, each metric sampled by itself.
create or replace function public.training_metrics_curve(
  job_ids uuid[], metrics text[] default '{training_loss}', from_step integer default null, to_step integer default null,
  max_points integer default 320, method text default 'minmaxlttb', smoothing double precision default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  bad text;
  job public.training_jobs;
  job_id uuid;
  answer jsonb := '[]'::jsonb;
begin
  if job_ids is null or pg_catalog.cardinality(job_ids) > 100 then
    raise exception '"job_ids" has % jobs', coalesce(pg_catalog.cardinality(job_ids)::text, 'no')
      using errcode = '22023', hint = 'Pass the ids of at most 100 jobs.';
  elsif metrics is null or pg_catalog.cardinality(metrics) not between 1 and 20 then
    raise exception '"metrics" has % names', coalesce(pg_catalog.cardinality(metrics)::text, 'no')
      using errcode = '22023', hint = 'Name 1 to 20 metrics.';
  elsif pg_catalog.cardinality(job_ids)::bigint * pg_catalog.cardinality(metrics) * max_points > 2000000 then
    raise exception '% jobs with % metrics of % points each are more than 2000000 points',
      pg_catalog.cardinality(job_ids), pg_catalog.cardinality(metrics), max_points
      using errcode = '22023', hint = 'Ask for fewer jobs, metrics or "max_points" at once.';
  elsif smoothing is not null and not (smoothing >= 0 and smoothing < 1) then
    raise exception '"smoothing" is %', smoothing
      using errcode = '22023', hint = 'Pass 0 (nothing is smoothed) or more, and less than 1, such as 0.6.';
  elsif from_step > to_step then
    raise exception '"from_step" is %, behind "to_step" %', from_step, to_step
      using errcode = '22023', hint = 'Pass the first step first.';
  end if;
  select name into bad from pg_catalog.unnest(metrics) as name where (pg_catalog.length(name) between 1 and 200) is not true limit 1;
  if found then
    raise exception 'metric % is no name of one', coalesce('"' || pg_catalog.left(bad, 100) || '"', 'null')
      using errcode = '22023', hint = 'Name metrics as they are reported, with 1 to 200 characters.';
  end if;
  foreach job_id in array job_ids loop
    select * into job from public.training_jobs as candidate where candidate.id = job_id;
    if not found then
      raise exception 'training job "%" does not exist', coalesce(job_id::text, 'null')
        using errcode = 'PT404', hint = 'Pass ids of jobs of your own.';
    end if;
    answer := answer || lora_private.metrics_curves(
      job, metrics, coalesce(from_step, -2147483648), coalesce(to_step, 2147483647), max_points, method, smoothing);
  end loop;
  return answer;
end
$$;
comment on function public.training_metrics_curve(uuid[], text[], integer, integer, integer, text, double precision) is
  'Points of metrics that are worth drawing, for each job and metric, with marks where they are no numbers';
revoke all on function public.training_metrics_curve(uuid[], text[], integer, integer, integer, text, double precision)
  from public, anon, authenticated, service_role;
grant execute on function public.training_metrics_curve(uuid[], text[], integer, integer, integer, text, double precision)
  to authenticated, service_role;

-- The curves of one job: those of columns in one scan of its points, each other one from its own values. A step that a later attempt
-- has begun at or behind is that attempt's: what an earlier one had reached there is no part of the model any more.
create or replace function lora_private.metrics_curves(
  job public.training_jobs, metrics text[], from_step integer, to_step integer, max_points integer, method text,
  smoothing double precision
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  known constant pg_catalog.text[] := array[
    'training_loss', 'validation_loss', 'learning_rate', 'gradient_norm', 'throughput', 'gpu_utilization'];
  columns constant pg_catalog.text[] := array(select name from pg_catalog.unnest(metrics) as name where name = any (known));
  curves pg_catalog.jsonb := '{}'::pg_catalog.jsonb;
  curve pg_catalog.jsonb;
  others constant pg_catalog.text[] := array(select distinct other from pg_catalog.unnest(metrics) as other where other <> all (known));
begin
  if columns <> '{}' then
    execute pg_catalog.format(
      'select pg_catalog.jsonb_build_object(%s) from public.metrics_points as point where point.job_id = $4 and (%s)',
      lora_private.curves_of_columns(columns, smoothing is not null), lora_private.parts_of_attempts(job, from_step, to_step))
      into curves using max_points, method, smoothing, job.id;
  end if;
  for place in 1 .. pg_catalog.cardinality(others) loop
    execute lora_private.curve_of_values(
      smoothing is not null, lora_private.parts_of_attempts(job, from_step, to_step, others[place]))
      into curve using max_points, method, smoothing, job.id, others[place];
    curves := curves || pg_catalog.jsonb_build_object(others[place], curve);
  end loop;
  return (
    select pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object('job_id', job.id, 'metric', asked.name)
      || coalesce(nullif(curves -> asked.name, 'null'), '{"x": [], "y": [], "marks": [], "points": 0, "non_finite": 0}')
      order by asked.place)
    from pg_catalog.unnest(metrics) with ordinality as asked (name, place)
  );
end
$$;

-- The names and the curves of columns, which are known to be there.
create or replace function lora_private.curves_of_columns(metrics text[], is_smoothed boolean)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select pg_catalog.string_agg(
    pg_catalog.format('%L, lora.curve(point.step::pg_catalog.int8, point.%I, $1, $2%s)', name, name,
      case when is_smoothed then ', $3' end), ', ')
  from pg_catalog.unnest(metrics) as name
$$;

create or replace function lora_private.curve_of_values(is_smoothed boolean, parts text)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select pg_catalog.format(
    'select lora.curve(point.step::pg_catalog.int8, point.value, $1, $2%s) from public.custom_metrics as point
      where point.job_id = $4 and point.metric = $5 and (%s)',
    case when is_smoothed then ', $3' end, parts)
$$;

-- A condition on the points that are part of a job's curve, or on the values of a metric that are: of each attempt the steps before
-- the first one of any later attempt.
create or replace function lora_private.parts_of_attempts(
  job public.training_jobs, from_step integer, to_step integer, custom_metric text default null
)
returns text
language plpgsql stable
set search_path = ''
as $$
declare
  conditions pg_catalog.text[] := array[]::pg_catalog.text[];
  last_step pg_catalog.int8 := to_step::pg_catalog.int8;
  -- From one attempt that has points to the one before it: an adopted job may have any number of attempts.
  number pg_catalog.int2 := least(job.attempt, 32767)::pg_catalog.int2;
  other pg_catalog.int2;
  first_step pg_catalog.int4;
begin
  if custom_metric is null and from_step = -2147483648 and to_step = 2147483647 then
    -- Of a job that was never resumed all points are part of it: a condition that holds for each takes a tenth of a long curve's time.
    select pg_catalog.min(point.attempt) into other from public.metrics_points as point where point.job_id = job.id;
    if other = number and number = 1 then
      return 'true';
    end if;
    other := null;
  end if;
  while last_step >= from_step loop
    if custom_metric is not null then
      select pg_catalog.max(value.attempt) into other from public.custom_metrics as value
      where value.job_id = job.id and value.metric = custom_metric and value.attempt between 1 and number;
    end if;
    select greatest(pg_catalog.max(point.attempt), other) into number from public.metrics_points as point
    where point.job_id = job.id and point.attempt between 1 and number;
    exit when number is null;
    -- A condition that holds for every step takes a tenth of the time of a long curve.
    conditions := conditions || pg_catalog.format(
      'point.attempt = %s::pg_catalog.int2%s', number,
      case when from_step > -2147483648 or last_step < 2147483647
        then pg_catalog.format(' and point.step between %s and %s', from_step, last_step) end);
    select pg_catalog.min(point.step) into first_step from public.metrics_points as point
    where point.job_id = job.id and point.attempt = number;
    if custom_metric is not null then
      select least(first_step, pg_catalog.min(value.step)) into first_step from public.custom_metrics as value
      where value.job_id = job.id and value.metric = custom_metric and value.attempt = number;
    end if;
    last_step := least(last_step, first_step::pg_catalog.int8 - 1);
    number := number - 1::pg_catalog.int2;
  end loop;
  return coalesce(nullif(pg_catalog.array_to_string(conditions, ' or '), ''), 'false');
end
$$;
revoke all on function
  lora_private.metrics_curves(public.training_jobs, text[], integer, integer, integer, text, double precision),
  lora_private.curves_of_columns(text[], boolean),
  lora_private.curve_of_values(boolean, text),
  lora_private.parts_of_attempts(public.training_jobs, integer, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.metrics_curves(public.training_jobs, text[], integer, integer, integer, text, double precision),
  lora_private.curves_of_columns(text[], boolean),
  lora_private.curve_of_values(boolean, text),
  lora_private.parts_of_attempts(public.training_jobs, integer, integer, text)
  to authenticated, service_role;
