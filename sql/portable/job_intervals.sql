-- job_intervals: the time between kept points, and the pauses in it. The rest of core/src/job/tempo.rs.

-- The intervals in which the clock ran forward, oldest first; from the oldest pause on that is still known, when some are
-- known no more.
create or replace function lora._job_intervals(
  steps bigint[], times bigint[], evaluations bigint[], evaluating_steps bigint[], evaluating_micros bigint[],
  checkpointing_steps bigint[], checkpointing_micros bigint[], shortest double precision, by_validation_losses boolean,
  out firsts bigint[], out lasts bigint[], out seconds double precision[], out unclear boolean[]
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  pauses constant integer := 16; -- PACE_PAUSES
  count constant integer := pg_catalog.cardinality(steps);
  says_evaluations constant boolean := not by_validation_losses or pg_catalog.cardinality(evaluating_steps) > 0;
  looks_at_losses constant boolean := not says_evaluations and pg_catalog.cardinality(evaluations) > 0;
  paused double precision[] := pg_catalog.array_fill(0::double precision, array[count]);
  since bigint := 0;
  whole double precision;
  work double precision;
  is_unclear boolean;
  place integer;
begin
  firsts := '{}'; lasts := '{}'; seconds := '{}'; unclear := '{}';
  if count < 2 then
    return;
  end if;
  if pg_catalog.cardinality(evaluating_steps) = pauses then
    since := greatest(since, evaluating_steps[1]);
  end if;
  if pg_catalog.cardinality(checkpointing_steps) = pauses then
    since := greatest(since, checkpointing_steps[1]);
  end if;
  if pg_catalog.cardinality(evaluations) = pauses and not says_evaluations then
    since := greatest(since, evaluations[1]);
  end if;
  for pause in 1 .. pg_catalog.cardinality(evaluating_steps) loop
    whole := evaluating_micros[pause]::double precision / 1e6;
    place := pg_catalog.width_bucket(evaluating_steps[pause], steps);
    if whole >= shortest and place between 1 and count - 1 then
      paused[place] := paused[place] + whole;
    end if;
  end loop;
  for pause in 1 .. pg_catalog.cardinality(checkpointing_steps) loop
    whole := checkpointing_micros[pause]::double precision / 1e6;
    place := pg_catalog.width_bucket(checkpointing_steps[pause], steps);
    if whole >= shortest and place between 1 and count - 1 then
      paused[place] := paused[place] + whole;
    end if;
  end loop;
  for point in 1 .. count - 1 loop
    continue when times[point + 1] <= times[point] or steps[point] < since
      -- Longer than a bigint holds.
      or 9223372036854775807 + least(times[point], 0) < times[point + 1];
    whole := (times[point + 1] - times[point])::double precision / 1e6;
    work := whole - paused[point];
    -- A poller sees the ends of a pause up to half a minute too late.
    is_unclear := work <= 0;
    if looks_at_losses and not is_unclear then
      -- A poller shows a validation loss at the step that was evaluated, or at the next one that it sees.
      place := pg_catalog.width_bucket(steps[point + 1], evaluations);
      is_unclear := place > 0 and evaluations[place] >= steps[point];
    end if;
    firsts := firsts || steps[point];
    lasts := lasts || steps[point + 1];
    seconds := seconds || case when work > 0 then work else whole end;
    unclear := unclear || is_unclear;
  end loop;
end
$$;
grant execute on function lora._job_intervals(
  bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], double precision, boolean) to public;

-- Those of them in which no pause is left.
create or replace function lora._clear_intervals(
  inout firsts bigint[], inout lasts bigint[], inout seconds double precision[], unclear boolean[]
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if true = any (unclear) then
    select coalesce(pg_catalog.array_agg(one.first order by one.place), '{}'), coalesce(pg_catalog.array_agg(one.last order by one.place), '{}'),
      coalesce(pg_catalog.array_agg(one.length order by one.place), '{}')
    into firsts, lasts, seconds
    from unnest(firsts, lasts, seconds, unclear) with ordinality as one (first, last, length, is_unclear, place)
    where not one.is_unclear;
  end if;
end
$$;
grant execute on function lora._clear_intervals(bigint[], bigint[], double precision[], boolean[]) to public;

-- Pauses of one kind that are no shorter than this: how long, how often, behind which step the newest; NULL without one.
create or replace function lora._job_pauses(
  pause_steps bigint[], pause_micros bigint[], shortest double precision, first_step bigint, report_steps double precision[],
  out seconds double precision, out period double precision, out last bigint, out count integer
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  long_steps bigint[] := '{}';
  length double precision;
  whole double precision := 0;
begin
  for place in 1 .. pg_catalog.cardinality(pause_steps) loop
    length := pause_micros[place]::double precision / 1e6;
    if length >= shortest then
      long_steps := long_steps || pause_steps[place];
      whole := whole + length;
    end if;
  end loop;
  count := pg_catalog.cardinality(long_steps);
  if count > 0 then
    seconds := whole / count::double precision;
    period := lora._job_pause_period(long_steps, first_step, report_steps);
    last := long_steps[count];
  end if;
end
$$;
grant execute on function lora._job_pauses(bigint[], bigint[], double precision, bigint, double precision[]) to public;

-- Steps from one pause to the next. Of a single one: from where the attempt began.
create or replace function lora._job_pause_period(pause_steps bigint[], first_step bigint, report_steps double precision[])
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  count constant integer := pg_catalog.cardinality(pause_steps);
begin
  if count = 1 then
    return greatest(1, pause_steps[1]::double precision - greatest(0, first_step::double precision - lora._median(report_steps)));
  end if;
  return greatest(1, (pause_steps[count] - pause_steps[1])::double precision / (count - 1)::double precision);
end
$$;
grant execute on function lora._job_pause_period(bigint[], bigint, double precision[]) to public;

-- Evaluations by what is known of them: stages that say how long they took, or validation losses, whose intervals took
-- longer than others.
create or replace function lora._job_evaluations(
  first_step bigint, evaluations bigint[], evaluating_steps bigint[], evaluating_micros bigint[], shortest double precision,
  mean double precision, firsts bigint[], lasts bigint[], lengths double precision[], unclear boolean[],
  out seconds double precision, out period double precision, out last bigint
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  announced record;
  report_steps double precision[] := '{}';
  excess double precision := 0;
  count constant integer := pg_catalog.cardinality(evaluations);
begin
  -- How many steps lie between two reports matters to a single pause only.
  if count = 1 or pg_catalog.cardinality(evaluating_steps) > 0 then
    for place in 1 .. pg_catalog.cardinality(firsts) loop
      report_steps := report_steps || (lasts[place] - firsts[place])::double precision;
    end loop;
  end if;
  announced := lora._job_pauses(evaluating_steps, evaluating_micros, shortest, first_step, report_steps);
  if count = 0 then
    seconds := announced.seconds;
    period := announced.period;
    last := announced.last;
    return;
  end if;
  if announced.seconds is not null then
    -- A poller sees some of them only: what it saw, over all of them. What it did not see is in the pace.
    seconds := announced.seconds * least(announced.count::double precision / count::double precision, 1);
  elsif pg_catalog.cardinality(evaluating_steps) > 0 or not true = any (unclear) then
    return;
  else
    for place in 1 .. pg_catalog.cardinality(firsts) loop
      if unclear[place] then
        excess := excess + (lengths[place] - mean * (lasts[place] - firsts[place])::double precision);
      end if;
    end loop;
    seconds := greatest(0, excess / count::double precision);
  end if;
  period := lora._job_pause_period(evaluations, first_step, report_steps);
  last := evaluations[count];
end
$$;
grant execute on function lora._job_evaluations(
  bigint, bigint[], bigint[], bigint[], double precision, double precision, bigint[], bigint[], double precision[], boolean[]) to public;
