-- job_pace: what is kept of one attempt's points and stages, as a document. core/src/job/pace.rs says what and why.
--
-- Instants are microseconds since 2000. A set of points that is thinned at once is the set that is thinned point by point.

create or replace function lora.add_points_to_job_pace(
  pace jsonb, steps integer[], reported_at timestamptz[], is_evaluation boolean[] default null
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := lora._job_pace_read(pace);
  count constant integer := coalesce(pg_catalog.cardinality(steps), 0);
  new_steps bigint[];
  new_times bigint[];
  new_evaluations bigint[];
begin
  if coalesce(pg_catalog.cardinality(reported_at), 0) <> count then
    raise exception '"steps" has % elements, "reported_at" has %', count, coalesce(pg_catalog.cardinality(reported_at), 0)
      using errcode = '22023', hint = 'Pass one element for each step.';
  elsif pg_catalog.cardinality(is_evaluation) <> count then
    raise exception '"steps" has % elements, "is_evaluation" has %', count, pg_catalog.cardinality(is_evaluation)
      using errcode = '22023', hint = 'Pass one element for each step.';
  end if;
  if count > 0 then
    select
      pg_catalog.array_agg(point.step),
      -- As lora._micros.
      pg_catalog.array_agg(('x' || pg_catalog.encode(pg_catalog.timestamptz_send(point.at), 'hex'))::bit(64)::bigint),
      pg_catalog.array_agg(point.step) filter (where point.is_evaluation)
    into new_steps, new_times, new_evaluations
    from unnest(steps, reported_at, is_evaluation) as point (step, at, is_evaluation);
    if pg_catalog.array_position(new_steps, null) is not null or pg_catalog.array_position(new_times, null) is not null then
      raise exception '"steps" and "reported_at" must not contain NULL'
        using errcode = '22023', hint = 'Leave out points without a step or a time.';
    elsif 0 > any (new_steps) then
      perform lora._refuse_step((select step from pg_catalog.unnest(new_steps) with ordinality as one (step, place)
        where step < 0 order by place limit 1));
    end if;
    select * into kept.shift, kept.steps, kept.times, kept.evaluations from lora._job_pace_merge(
      kept.shift, kept.steps || new_steps, kept.times || new_times, kept.evaluations || new_evaluations);
  end if;
  return lora._job_pace_write(
    kept.shift, kept.steps, kept.times, kept.evaluations, kept.evaluating_steps, kept.evaluating_micros,
    kept.checkpointing_steps, kept.checkpointing_micros, kept.stage, kept.since, kept.since_step, kept.furthest);
end
$$;
comment on function lora.add_points_to_job_pace(jsonb, integer[], timestamptz[], boolean[]) is
  'Adds points to the pace that is kept of an attempt, in any order; without a pace it begins one';
grant execute on function lora.add_points_to_job_pace(jsonb, integer[], timestamptz[], boolean[]) to public;

create or replace function lora.add_stage_to_job_pace(pace jsonb, stage text, at timestamptz)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := lora._job_pace_read(pace);
  pauses constant integer := 16; -- PACE_PAUSES
  name pg_catalog.text;
  newest bigint;
  instant bigint;
  lasted bigint;
  band record;
begin
  if stage is not null and at is not null then
    -- Two hundred bytes, whole characters.
    name := pg_catalog.left(stage, 200);
    while pg_catalog.octet_length(pg_catalog.convert_to(name, 'UTF8')) > 200 loop
      name := pg_catalog.left(name, -1);
    end loop;
    newest := kept.steps[pg_catalog.cardinality(kept.steps)];
    instant := lora._micros(at);
    band := lora._job_band(name, newest is not null);
    kept.furthest := greatest(kept.furthest, pg_catalog.round(
      ((band.least_percent + (band.most_percent - band.least_percent) * band.inside) * 100)::numeric)::integer);
    if name is distinct from kept.stage then
      -- A clock that ran backwards meanwhile makes the length unknown.
      if instant > kept.since and 9223372036854775807 + least(kept.since, 0) >= instant then
        lasted := instant - kept.since;
      end if;
      if lasted is not null and kept.since_step is not null then
        if kept.stage = 'evaluating' then
          kept.evaluating_steps := kept.evaluating_steps || kept.since_step;
          kept.evaluating_micros := kept.evaluating_micros || lasted;
          if pg_catalog.cardinality(kept.evaluating_steps) > pauses then
            kept.evaluating_steps := kept.evaluating_steps[2:];
            kept.evaluating_micros := kept.evaluating_micros[2:];
          end if;
        elsif kept.stage = 'checkpointing' then
          kept.checkpointing_steps := kept.checkpointing_steps || kept.since_step;
          kept.checkpointing_micros := kept.checkpointing_micros || lasted;
          if pg_catalog.cardinality(kept.checkpointing_steps) > pauses then
            kept.checkpointing_steps := kept.checkpointing_steps[2:];
            kept.checkpointing_micros := kept.checkpointing_micros[2:];
          end if;
        end if;
      end if;
      kept.stage := name;
      kept.since := instant;
      kept.since_step := newest;
    end if;
  end if;
  return lora._job_pace_write(
    kept.shift, kept.steps, kept.times, kept.evaluations, kept.evaluating_steps, kept.evaluating_micros,
    kept.checkpointing_steps, kept.checkpointing_micros, kept.stage, kept.since, kept.since_step, kept.furthest);
end
$$;
comment on function lora.add_stage_to_job_pace(jsonb, text, timestamptz) is
  'Adds the stage that a worker announces to the pace that is kept of its attempt, in the order in which stages are announced';
grant execute on function lora.add_stage_to_job_pace(jsonb, text, timestamptz) to public;

create or replace function lora._refuse_step(step bigint)
returns void
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '"steps" contains %', step using errcode = '22023', hint = 'Count steps from 0 or 1.';
end
$$;
grant execute on function lora._refuse_step(bigint) to public;

-- Puts points together that may come twice and in any order: a step counts at its first time. Of all of them are left the
-- newest sixteen, and the first one of each stretch of 2^shift steps, with the least shift that makes at most 64 stretches.
create or replace function lora._job_pace_merge(
  inout shift integer, inout steps bigint[], inout times bigint[], inout evaluations bigint[]
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  recent constant integer := 16; -- PACE_RECENT
  stretches constant integer := 64; -- PACE_STRETCHES
  pauses constant integer := 16; -- PACE_PAUSES
  newest bigint;
begin
  select coalesce(pg_catalog.array_agg(point.step order by point.step), '{}'), coalesce(pg_catalog.array_agg(point.at order by point.step), '{}')
  into steps, times
  from (
    select one.step, pg_catalog.min(one.at) as at from unnest(steps, times) as one (step, at) group by one.step
  ) as point;
  if pg_catalog.cardinality(steps) > recent then
    while (select pg_catalog.count(distinct step >> shift) from pg_catalog.unnest(steps) as step) > stretches loop
      shift := shift + 1;
    end loop;
    newest := steps[pg_catalog.cardinality(steps) - recent + 1];
    select pg_catalog.array_agg(point.step order by point.step), pg_catalog.array_agg(point.at order by point.step)
    into steps, times
    from (
      select one.step, one.at, pg_catalog.lag(one.step >> shift) over (order by one.step) is distinct from one.step >> shift as is_first
      from unnest(steps, times) as one (step, at)
    ) as point
    where point.is_first or point.step >= newest;
  end if;
  if pg_catalog.cardinality(evaluations) > 0 then
    evaluations := array(
      select newer.step
      from (select distinct step from pg_catalog.unnest(evaluations) as step order by step desc limit pauses) as newer
      order by newer.step
    );
  end if;
end
$$;
grant execute on function lora._job_pace_merge(integer, bigint[], bigint[], bigint[]) to public;
