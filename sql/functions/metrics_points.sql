-- Points of a batch on their way into metrics_points. A point is known by its place in the batch.

-- The points of a batch: what each says in a column, and `others` in none; whether it `is_point`, which can be recorded, or `is_of_others`
-- and nothing else, and whether it `is_odd`: to be looked at. What no column takes, and what is no object, raises.
create or replace function lora_private.sent_points(points jsonb)
returns table (
  index integer, step integer, epoch integer, "timestamp" timestamptz, training_loss double precision, validation_loss double precision,
  learning_rate double precision, gradient_norm double precision, throughput double precision, gpu_utilization double precision,
  others jsonb, is_measured boolean, is_point boolean, is_of_others boolean, is_odd boolean
)
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  fields constant pg_catalog.text[] := array['step', 'epoch', 'timestamp', 'training_loss', 'validation_loss', 'learning_rate',
    'gradient_norm', 'throughput', 'gpu_utilization'];
  -- As JavaScript and Python write an instant. Of any other form it is asked whether it is one: Postgres takes `yesterday` too.
  usual constant pg_catalog.text[] := array['____-__-__T__:__:__Z', '____-__-__T__:__:__.___Z', '____-__-__T__:__:__+00:00',
    '____-__-__T__:__:__.______+00:00'];
begin
  return query
  select sent.index, sent.step, sent.epoch, sent.at, sent.training_loss, sent.validation_loss, sent.learning_rate,
    sent.gradient_norm, sent.throughput, sent.gpu_utilization, sent.others, sent.is_measured,
    (sent.is_sound and sent.epoch >= 0 and sent.training_loss is not null and sent.learning_rate is not null
      and (sent.gpu_utilization between 0 and 100 or sent.gpu_utilization in ('NaN', 'Infinity', '-Infinity')) is not false) is true,
    (sent.is_sound and not sent.is_measured and pg_catalog.jsonb_strip_nulls(sent.others) <> '{}') is true,
    (sent.learning_rate > 1 and sent.learning_rate < 'Infinity' or sent.learning_rate < 0 and sent.learning_rate > '-Infinity'
      or sent.gradient_norm < 0 and sent.gradient_norm > '-Infinity' or sent.throughput < 0 and sent.throughput > '-Infinity') is true
  from (
    select point.*, point.number::pg_catalog.int4 - 1 as index, point.item - fields as others,
      case when instant.is_one then point."timestamp"::pg_catalog.timestamptz end as at,
      pg_catalog.num_nonnulls(point.training_loss, point.validation_loss, point.learning_rate, point.gradient_norm, point.throughput,
        point.gpu_utilization) > 0 as is_measured,
      point.step >= 0 and (point.epoch >= 0) is not false and instant.is_one as is_sound
    from rows from (
      pg_catalog.jsonb_array_elements(points),
      pg_catalog.jsonb_to_recordset(points) as (
        step pg_catalog.int4, epoch pg_catalog.int4, "timestamp" pg_catalog.text, training_loss pg_catalog.float8,
        validation_loss pg_catalog.float8, learning_rate pg_catalog.float8, gradient_norm pg_catalog.float8,
        throughput pg_catalog.float8, gpu_utilization pg_catalog.float8
      )
    ) with ordinality as point (item, step, epoch, "timestamp", training_loss, validation_loss, learning_rate, gradient_norm,
      throughput, gpu_utilization, number)
    cross join lateral (
      select case
        when point."timestamp" is null then true
        when point."timestamp" like any (usual) and pg_catalog.substr(point."timestamp", 12, 2) < '24' collate "C"
          and pg_catalog.substr(point."timestamp", 18, 2) < '60' collate "C" then true
        else not exists (select from lora.metric_point_findings(point.item) as finding where finding.code = 'not_an_instant')
      end as is_one offset 0
    ) as instant
    -- Each is judged once, however often its verdict is used.
    offset 0
  ) as sent;
end
$$;

-- Records the points of a batch that can be: how many of them were new, duplicates, refused because another value stands there or
-- are to replace it; which are `bad` (no column takes them) or `odd` (recorded, and to be looked at); what is lowest among the
-- new ones, and the pace with them.
create or replace function lora_private.record_points(job public.training_jobs, points jsonb, is_replacing boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  good pg_catalog.int8;
  new_steps pg_catalog.int4[];
  answer pg_catalog.jsonb;
begin
  -- No two lists of points are joined, with each other or with the table: this plan is kept from one report to the next, whatever it
  -- was made for, and would compare each with each one day.
  with sent as (
    select * from lora_private.sent_points(points)
  ), inserted as (
    insert into public.metrics_points (
      job_id, attempt, step, epoch, "timestamp", training_loss, validation_loss, learning_rate, gradient_norm,
      throughput, gpu_utilization
    )
    select job.id, job.attempt, step, epoch, coalesce("timestamp", lora_private.clock()), training_loss,
      validation_loss, learning_rate, gradient_norm, throughput, gpu_utilization
    -- Of two points of a step the first one counts, or the one that replaces it.
    from sent where is_point order by step, case when is_replacing then -index else index end
    on conflict (job_id, attempt, step) do nothing
    returning step, "timestamp", training_loss, validation_loss
  ), news as (
    select pg_catalog.array_agg(step) as steps,
      lora.add_points_to_job_pace(
        lora_private.kept_pace(job), pg_catalog.array_agg(step), pg_catalog.array_agg("timestamp"),
        pg_catalog.array_agg(validation_loss is not null)) as pace,
      -- (NaN is above infinity.)
      pg_catalog.min(training_loss) filter (where pg_catalog.abs(training_loss) < 'Infinity') as training_loss,
      pg_catalog.min(validation_loss) filter (where pg_catalog.abs(validation_loss) < 'Infinity') as validation_loss
    from inserted
  ), told as (
    select pg_catalog.count(*) filter (where is_point) as good,
      coalesce(pg_catalog.bool_or(others <> '{}'), false) as has_others,
      coalesce(pg_catalog.jsonb_agg(index) filter (where not is_point and not is_of_others), '[]') as bad,
      coalesce(pg_catalog.jsonb_agg(index) filter (where is_odd), '[]') as odd
    from sent
  )
  select told.good, coalesce(news.steps, '{}'), pg_catalog.jsonb_build_object(
    'has_others', told.has_others,
    'bad', told.bad,
    'odd', told.odd,
    'accepted', coalesce(pg_catalog.cardinality(news.steps), 0),
    -- The lowest figure that is a number; the earliest of equal ones.
    'best', (
      select coalesce(pg_catalog.jsonb_object_agg(
        lowest.metric, pg_catalog.jsonb_build_object('value', lowest.value, 'step', lowest.step)), '{}')
      from (values
        ('training_loss', news.training_loss,
          (select pg_catalog.min(step) from inserted as point where point.training_loss = news.training_loss)),
        ('validation_loss', news.validation_loss,
          (select pg_catalog.min(step) from inserted as point where point.validation_loss = news.validation_loss))
      ) as lowest (metric, value, step)
      where lowest.value is not null
    ),
    'pace', news.pace
  ) into good, new_steps, answer from told cross join news;
  return answer || case
    when good = pg_catalog.cardinality(new_steps) then '{"duplicates": 0, "changed": [], "refused": []}'
    else lora_private.compared_points(job.id, job.attempt, points, new_steps, is_replacing)
  end;
end
$$;

-- Of a batch what was recorded before, or stands in it twice: how many are the same, and which are not.
create or replace function lora_private.compared_points(
  job_id uuid, attempt integer, points jsonb, new_steps integer[], is_replacing boolean
)
returns jsonb
language plpgsql stable
set search_path = ''
set enable_nestloop = off set jit = off
as $$
declare
  answer pg_catalog.jsonb;
begin
  -- Planned each time: a plan that is made while the table is small reads all of it for each batch when it is large. And without nested
  -- loops: where nothing is known of the table they would read a job for each point.
  execute $query$
    with sent as materialized (
      -- What is bad is told by its findings.
      select * from lora_private.sent_points($3) as point where point.is_point
    ), known as materialized (
      select * from public.metrics_points as point where point.job_id = $1 and point.attempt = $2 and point.step = any ($6)
    ), judged as (
      select sent.index, sent.step,
        pg_catalog.row_number() over (partition by sent.step order by case when $5 then -sent.index else sent.index end) = 1 as is_chosen,
        sent.step = any ($4) as is_new,
        (known.epoch, known.training_loss, known.validation_loss, known.learning_rate, known.gradient_norm, known.throughput,
          known.gpu_utilization) is not distinct from (sent.epoch, sent.training_loss, sent.validation_loss, sent.learning_rate,
          sent.gradient_norm, sent.throughput, sent.gpu_utilization) as is_same
      from sent
      join known on known.step = sent.step
    ), repeated as (
      select * from judged where not (is_new and is_chosen)
    )
    select pg_catalog.jsonb_build_object(
      'duplicates', pg_catalog.count(*) filter (where is_same or ($5 and not is_chosen)),
      'changed', coalesce(pg_catalog.jsonb_agg($3 -> index) filter (where not is_same and $5 and is_chosen), '[]'),
      'refused', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'index', index, 'step', step, 'reason', 'another value is recorded for this step') order by index)
        filter (where not is_same and not $5), '[]'))
    from repeated
  $query$ into answer using job_id, attempt, points, new_steps, is_replacing,
    array(select distinct (item ->> 'step')::pg_catalog.int4 from pg_catalog.jsonb_array_elements(points) as item);
  return answer;
end
$$;

-- The batch with an empty point in place of each that cannot be read.
create or replace function lora_private.readable_points(points jsonb)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  unreadable pg_catalog.int4[] := array[]::pg_catalog.int4[];
begin
  for index in 0 .. pg_catalog.jsonb_array_length(points) - 1 loop
    begin
      perform from lora_private.sent_points(pg_catalog.jsonb_build_array(points -> index));
    exception when data_exception then
      unreadable := unreadable || index;
    end;
  end loop;
  return lora_private.without_points(points, unreadable);
end
$$;

-- The batch with an empty point in place of some: the others keep their places.
create or replace function lora_private.without_points(points jsonb, indexes integer[])
returns jsonb
language sql immutable parallel safe
set search_path = ''
as $$
  select coalesce(pg_catalog.jsonb_agg(case when item.number - 1 <> all (indexes) then item.point else '{}' end order by item.number), '[]')
  from pg_catalog.jsonb_array_elements(points) with ordinality as item (point, number)
$$;

create or replace function lora_private.indexes_of(list jsonb)
returns integer[]
language sql immutable parallel safe
set search_path = ''
as $$
  select array(select index::pg_catalog.int4 from pg_catalog.jsonb_array_elements_text(list) as index)
$$;

-- What is wrong with points of a batch: the place and step of each, the first reason, and all findings.
create or replace function lora_private.told_points(points jsonb, indexes integer[])
returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
    'index', bad.index,
    'step', case when pg_catalog.jsonb_typeof(points -> bad.index) = 'object' then points -> bad.index -> 'step' end,
    'reason', coalesce(found.findings -> 0 ->> 'error', 'a value of the point cannot be read'),
    'findings', found.findings
  ) order by bad.index), '[]')
  from pg_catalog.unnest(indexes) as bad (index)
  cross join lateral (
    select coalesce(
      pg_catalog.jsonb_agg(pg_catalog.to_jsonb(finding) - 'place' order by finding.severity, finding.place), '[]') as findings
    from lora.metric_point_findings(points -> bad.index) with ordinality as finding (code, severity, field, error, suggestion, place)
  ) as found
$$;

-- Puts other values in the place of recorded ones, for report_training_metrics: nobody else changes a point. The instant at which a
-- step was reported first stands, unless another one is sent.
create or replace function lora_private.replace_points(job_id uuid, attempt integer, points jsonb)
returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  job constant public.training_jobs := lora_private.lock_attempt(replace_points.job_id, replace_points.attempt);
begin
  update public.metrics_points as point set
    epoch = sent.epoch, "timestamp" = coalesce(sent."timestamp", point."timestamp"), training_loss = sent.training_loss,
    validation_loss = sent.validation_loss, learning_rate = sent.learning_rate, gradient_norm = sent.gradient_norm,
    throughput = sent.throughput, gpu_utilization = sent.gpu_utilization
  from lora_private.sent_points(points) as sent
  where job.status <> 'cancelled' and point.job_id = job.id and point.attempt = job.attempt and point.step = sent.step;
end
$$;

revoke all on function
  lora_private.sent_points(jsonb),
  lora_private.record_points(public.training_jobs, jsonb, boolean),
  lora_private.compared_points(uuid, integer, jsonb, integer[], boolean),
  lora_private.readable_points(jsonb),
  lora_private.without_points(jsonb, integer[]),
  lora_private.indexes_of(jsonb),
  lora_private.told_points(jsonb, integer[]),
  lora_private.replace_points(uuid, integer, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.sent_points(jsonb),
  lora_private.record_points(public.training_jobs, jsonb, boolean),
  lora_private.compared_points(uuid, integer, jsonb, integer[], boolean),
  lora_private.readable_points(jsonb),
  lora_private.without_points(jsonb, integer[]),
  lora_private.indexes_of(jsonb),
  lora_private.told_points(jsonb, integer[]),
  lora_private.replace_points(uuid, integer, jsonb)
  to service_role;
