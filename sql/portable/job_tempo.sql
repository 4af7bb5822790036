-- job_tempo: how fast an attempt advances. core/src/job/tempo.rs says what and why; arithmetic is in its order.
--
-- Intervals are parallel arrays: of each its first and last step, its seconds, and whether a pause took place in it whose
-- length is not known. No block here has an EXCEPTION clause: parallel workers cannot run one.

create or replace function lora.describe_job_pace(pace jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := lora._job_pace_read(pace);
  tempo record := lora._job_tempo(
    kept.steps, kept.times, kept.evaluations, kept.evaluating_steps, kept.evaluating_micros,
    kept.checkpointing_steps, kept.checkpointing_micros, true);
  paused double precision := 0;
begin
  if tempo.seconds_per_step is null then
    return null;
  end if;
  if tempo.evaluating_seconds is not null then
    paused := paused + tempo.evaluating_seconds / tempo.evaluating_period;
  end if;
  if tempo.checkpointing_seconds is not null then
    paused := paused + tempo.checkpointing_seconds / tempo.checkpointing_period;
  end if;
  return pg_catalog.jsonb_build_object(
    'step', kept.steps[pg_catalog.cardinality(kept.steps)],
    'seconds_per_step', lora._figure(lora._rounded(tempo.seconds_per_step, 1e3)),
    'recent_seconds_per_step', lora._figure(lora._rounded(tempo.recent, 1e3)),
    'pause_seconds_per_step', lora._figure(lora._rounded(tempo.unannounced_per_step + paused, 1e3)),
    'evaluations', case when tempo.evaluating_seconds is not null then pg_catalog.jsonb_build_object(
      'seconds', lora._figure(lora._rounded(tempo.evaluating_seconds, 1e3)),
      'every_steps', lora._figure(lora._rounded(tempo.evaluating_period, 1e3))) end,
    'checkpoints', case when tempo.checkpointing_seconds is not null then pg_catalog.jsonb_build_object(
      'seconds', lora._figure(lora._rounded(tempo.checkpointing_seconds, 1e3)),
      'every_steps', lora._figure(lora._rounded(tempo.checkpointing_period, 1e3))) end
  );
end
$$;
comment on function lora.describe_job_pace(jsonb) is
  'What a pace says: seconds per step, pauses and how often they come; NULL while that is not known';
grant execute on function lora.describe_job_pace(jsonb) to public;

-- NULL throughout without an interval in which the clock ran forward. Three columns are NULL without pauses of a kind, and those
-- from slowest_report on where they are not asked for.
create or replace function lora._job_tempo(
  steps bigint[], times bigint[], evaluations bigint[], evaluating_steps bigint[], evaluating_micros bigint[],
  checkpointing_steps bigint[], checkpointing_micros bigint[], with_recent boolean,
  out seconds_per_step double precision, out error double precision, out measured_steps double precision,
  out unannounced_per_step double precision,
  out evaluating_seconds double precision, out evaluating_period double precision, out evaluating_last bigint,
  out checkpointing_seconds double precision, out checkpointing_period double precision, out checkpointing_last bigint,
  out report_seconds double precision, out slowest_report double precision, out slowest_step double precision,
  out intervals integer, out recent double precision, out median double precision, out longest_unannounced double precision
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  least_pause constant double precision := 1.5;
  recent_points constant integer := 16; -- PACE_RECENT
  tempo record;
  gaps double precision[] := '{}';
  shortest double precision;
  seconds double precision;
begin
  -- Usual seconds between two of the newest points, pauses and all: what is shorter cannot be told apart.
  for place in reverse pg_catalog.cardinality(times) .. greatest(2, pg_catalog.cardinality(times) - recent_points + 2) loop
    seconds := lora._seconds(times[place - 1], times[place]);
    if seconds > 0 then
      gaps := gaps || seconds;
    end if;
  end loop;
  shortest := least_pause * lora._median(gaps);
  tempo := lora._job_tempo_by(steps, times, evaluations, evaluating_steps, evaluating_micros, checkpointing_steps,
    checkpointing_micros, shortest, true, with_recent);
  -- Evaluations that take no longer than a report does are a part of the pace.
  if tempo.evaluating_seconds < shortest then
    tempo := lora._job_tempo_by(steps, times, evaluations, evaluating_steps, evaluating_micros, checkpointing_steps,
      checkpointing_micros, shortest, false, with_recent);
  end if;
  seconds_per_step := tempo.seconds_per_step;
  error := tempo.error;
  measured_steps := tempo.measured_steps;
  unannounced_per_step := tempo.unannounced_per_step;
  evaluating_seconds := tempo.evaluating_seconds;
  evaluating_period := tempo.evaluating_period;
  evaluating_last := tempo.evaluating_last;
  checkpointing_seconds := tempo.checkpointing_seconds;
  checkpointing_period := tempo.checkpointing_period;
  checkpointing_last := tempo.checkpointing_last;
  report_seconds := tempo.report_seconds;
  slowest_report := tempo.slowest_report;
  slowest_step := tempo.slowest_step;
  intervals := tempo.intervals;
  recent := tempo.recent;
  median := tempo.median;
  longest_unannounced := tempo.longest_unannounced;
end
$$;
grant execute on function lora._job_tempo(bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], boolean) to public;

create or replace function lora._job_tempo_by(
  steps bigint[], times bigint[], evaluations bigint[], evaluating_steps bigint[], evaluating_micros bigint[],
  checkpointing_steps bigint[], checkpointing_micros bigint[], shortest double precision, by_validation_losses boolean,
  with_recent boolean,
  out seconds_per_step double precision, out error double precision, out measured_steps double precision,
  out unannounced_per_step double precision,
  out evaluating_seconds double precision, out evaluating_period double precision, out evaluating_last bigint,
  out checkpointing_seconds double precision, out checkpointing_period double precision, out checkpointing_last bigint,
  out report_seconds double precision, out slowest_report double precision, out slowest_step double precision,
  out intervals integer, out recent double precision, out median double precision, out longest_unannounced double precision
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  pause_factor constant double precision := 3.0;
  old_part constant bigint := 4;
  fewest_intervals constant integer := 8;
  longest_pause constant double precision := 3600.0;
  recent_intervals constant integer := 8;
  recent_points constant integer := 16; -- PACE_RECENT
  every record := lora._job_intervals(
    steps, times, evaluations, evaluating_steps, evaluating_micros, checkpointing_steps, checkpointing_micros, shortest,
    by_validation_losses);
  plain record := lora._clear_intervals(every.firsts, every.lasts, every.seconds, every.unclear);
  exact record;
  evaluation record;
  firsts bigint[];
  lasts bigint[];
  lengths double precision[];
  counts double precision[] := '{}';
  rates double precision[] := '{}';
  report_counts double precision[] := '{}';
  old bigint;
  since bigint;
  total integer;
  newer integer;
  begins integer;
  usual double precision;
  mean double precision;
  squares double precision := 0;
  worked double precision := 0;
  steady double precision := 0;
  excess double precision;
  unannounced double precision := 0;
  every_count double precision := 0;
  times_usual double precision;
begin
  firsts := plain.firsts;
  lasts := plain.lasts;
  lengths := plain.seconds;
  if pg_catalog.cardinality(firsts) = 0 then
    firsts := every.firsts;
    lasts := every.lasts;
    lengths := every.seconds;
  end if;
  total := pg_catalog.cardinality(firsts);
  if total = 0 then
    return;
  end if;
  old := firsts[1] + (lasts[total] - firsts[1]) / old_part;
  newer := total - pg_catalog.width_bucket(old, lasts);
  begins := greatest(1, total - greatest(newer, fewest_intervals) + 1);
  for place in begins .. total loop
    counts := counts || (lasts[place] - firsts[place])::double precision;
    rates := rates || (lengths[place] / (lasts[place] - firsts[place])::double precision);
  end loop;
  usual := lora._median(rates, counts);

  measured_steps := 0;
  for place in 1 .. pg_catalog.cardinality(rates) loop
    times_usual := rates[place] / usual;
    every_count := every_count + counts[place];
    if times_usual >= 1.0 / pause_factor and times_usual <= pause_factor then
      measured_steps := measured_steps + counts[place];
      worked := worked + lengths[begins + place - 1];
      steady := steady + 1;
    end if;
  end loop;
  mean := worked / measured_steps;
  seconds_per_step := mean;
  -- Each steady interval's distance from what its steps should have taken, as for any ratio of two sums. What takes far longer
  -- holds a pause.
  for place in 1 .. pg_catalog.cardinality(rates) loop
    excess := lengths[begins + place - 1] - mean * counts[place];
    times_usual := rates[place] / usual;
    if times_usual >= 1.0 / pause_factor and times_usual <= pause_factor then
      squares := squares + excess * excess;
    end if;
    if rates[place] > pause_factor * usual and excess <= longest_pause then
      unannounced := unannounced + excess;
    end if;
  end loop;
  error := case when steady < 2 then 1
    else pg_catalog.sqrt(squares * steady / (steady - 1.0)) / measured_steps / mean end;
  unannounced_per_step := unannounced / every_count;

  -- Reports: the newest sixteen.
  begins := greatest(1, total - recent_points + 1);
  report_seconds := lora._median(lengths[begins:]);
  for place in begins .. total loop
    report_counts := report_counts || (lasts[place] - firsts[place])::double precision;
  end loop;
  evaluation := lora._job_pauses(checkpointing_steps, checkpointing_micros, shortest, steps[1], report_counts);
  checkpointing_seconds := evaluation.seconds;
  checkpointing_period := evaluation.period;
  checkpointing_last := evaluation.last;
  evaluation := lora._job_evaluations(
    steps[1], evaluations, evaluating_steps, evaluating_micros, shortest, mean,
    every.firsts, every.lasts, every.seconds, every.unclear);
  evaluating_seconds := evaluation.seconds;
  evaluating_period := evaluation.period;
  evaluating_last := evaluation.last;

  if not with_recent then
    return;
  end if;
  -- For a verdict every pause is taken out, short as it may be.
  exact := plain;
  -- The same intervals where none is shorter, and a little more.
  if not by_validation_losses or shortest * 1000001 > any (evaluating_micros || checkpointing_micros) then
    exact := lora._job_intervals(
      steps, times, evaluations, evaluating_steps, evaluating_micros, checkpointing_steps, checkpointing_micros, 0, true);
    exact := lora._clear_intervals(exact.firsts, exact.lasts, exact.seconds, exact.unclear);
  end if;
  firsts := exact.firsts;
  lasts := exact.lasts;
  lengths := exact.seconds;
  intervals := pg_catalog.cardinality(firsts);
  -- Between two of the newest points: older ones were thinned, and lie more than a report apart.
  since := coalesce(steps[pg_catalog.cardinality(steps) - recent_points + 1], 0);
  counts := '{}';
  rates := '{}';
  for place in 1 .. intervals loop
    counts := counts || (lasts[place] - firsts[place])::double precision;
    rates := rates || (lengths[place] / counts[place]);
    if firsts[place] >= since then
      slowest_report := greatest(slowest_report, lengths[place]);
      slowest_step := greatest(slowest_step, rates[place]);
    end if;
    if rates[place] > pause_factor * usual then
      excess := lengths[place] - mean * counts[place];
      if excess <= longest_pause then
        longest_unannounced := greatest(longest_unannounced, excess);
      end if;
    end if;
  end loop;
  slowest_report := coalesce(slowest_report, report_seconds);
  slowest_step := coalesce(slowest_step, mean);
  longest_unannounced := coalesce(longest_unannounced, 0);
  median := lora._median(rates, counts);
  -- Of the newest eight: a pause moves the mean, and the half minutes of a poller move the median of a few.
  recent := 0;
  if intervals > 0 then
    begins := greatest(1, intervals - recent_intervals + 1);
    worked := 0;
    every_count := 0;
    for place in begins .. intervals loop
      worked := worked + lengths[place];
      every_count := every_count + counts[place];
    end loop;
    recent := least(lora._median(rates[begins:]), worked / every_count);
  end if;
end
$$;
grant execute on function lora._job_tempo_by(
  bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], double precision, boolean, boolean) to public;
