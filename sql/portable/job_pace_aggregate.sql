-- job_pace_aggregate: the pace of a table's points. Its state is a list of bigints: the shift, and of each point its step, its
-- microseconds, and whether it is a point (0), one with a validation loss (1), or a validation loss alone (2). What comes is
-- put behind what is there, and put together before the list gets long.
--
-- It begins as an empty list and not as NULL, as that of every aggregate here: a query that was planned with the extension and
-- then finds this edition is refused by Postgres, because the other type takes no such beginning.

create or replace function lora._job_pace_add(state bigint[], step integer, reported_at timestamptz, is_evaluation boolean)
returns bigint[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- As other aggregates: what is unknown is not added.
  if step is null or reported_at is null then
    return state;
  elsif step < 0 then
    perform lora._refuse_step(step);
  end if;
  state := coalesce(nullif(state, '{}'), array[0::bigint]) || array[step, lora._micros(reported_at), coalesce(is_evaluation, false)::integer];
  if pg_catalog.cardinality(state) > 1200 then
    return lora._job_pace_compact(state);
  end if;
  return state;
end
$$;
grant execute on function lora._job_pace_add(bigint[], integer, timestamptz, boolean) to public;

create or replace function lora._job_pace_add(state bigint[], step integer, reported_at timestamptz)
returns bigint[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return lora._job_pace_add(state, step, reported_at, false);
end
$$;
grant execute on function lora._job_pace_add(bigint[], integer, timestamptz) to public;

create or replace function lora._job_pace_combine(one bigint[], other bigint[])
returns bigint[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if one = '{}' or other = '{}' then
    return one || other;
  end if;
  return lora._job_pace_compact(greatest(one[1], other[1]) || one[2:] || other[2:]);
end
$$;
grant execute on function lora._job_pace_combine(bigint[], bigint[]) to public;

-- The points and the validation losses of a list, put together.
create or replace function lora._job_pace_points(
  state bigint[], out shift integer, out steps bigint[], out times bigint[], out evaluations bigint[]
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  select
    pg_catalog.array_agg(state[place]) filter (where state[place + 2] < 2),
    pg_catalog.array_agg(state[place + 1]) filter (where state[place + 2] < 2),
    pg_catalog.array_agg(state[place]) filter (where state[place + 2] > 0)
  into steps, times, evaluations
  from pg_catalog.generate_series(2, pg_catalog.cardinality(state), 3) as place;
  select * into shift, steps, times, evaluations from lora._job_pace_merge(
    state[1]::integer, coalesce(steps, '{}'), coalesce(times, '{}'), coalesce(evaluations, '{}'));
end
$$;
grant execute on function lora._job_pace_points(bigint[]) to public;

create or replace function lora._job_pace_compact(state bigint[])
returns bigint[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := lora._job_pace_points(state);
begin
  state := array[kept.shift::bigint];
  for place in 1 .. pg_catalog.cardinality(kept.steps) loop
    state := state || array[kept.steps[place], kept.times[place], 0];
  end loop;
  for place in 1 .. pg_catalog.cardinality(kept.evaluations) loop
    state := state || array[kept.evaluations[place], 0, 2];
  end loop;
  return state;
end
$$;
grant execute on function lora._job_pace_compact(bigint[]) to public;

create or replace function lora._job_pace_final(state bigint[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record;
begin
  -- As other aggregates: NULL of no points.
  if state = '{}' then
    return null;
  end if;
  kept := lora._job_pace_points(state);
  return lora._job_pace_write(
    kept.shift, kept.steps, kept.times, kept.evaluations, '{}', '{}', '{}', '{}', null, null, null, 0);
end
$$;
grant execute on function lora._job_pace_final(bigint[]) to public;

create or replace aggregate lora.job_pace(step integer, reported_at timestamptz) (
  sfunc = lora._job_pace_add,
  stype = bigint[],
  initcond = '{}',
  combinefunc = lora._job_pace_combine,
  finalfunc = lora._job_pace_final,
  parallel = safe
);
comment on aggregate lora.job_pace(integer, timestamptz) is
  'What is to be kept of the points of one attempt, however many they are';
grant execute on function lora.job_pace(integer, timestamptz) to public;

create or replace aggregate lora.job_pace(step integer, reported_at timestamptz, is_evaluation boolean) (
  sfunc = lora._job_pace_add,
  stype = bigint[],
  initcond = '{}',
  combinefunc = lora._job_pace_combine,
  finalfunc = lora._job_pace_final,
  parallel = safe
);
comment on aggregate lora.job_pace(integer, timestamptz, boolean) is
  'What is to be kept of the points of one attempt, however many they are';
grant execute on function lora.job_pace(integer, timestamptz, boolean) to public;
