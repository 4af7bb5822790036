-- job_progress: percent and time left of one attempt. core/src/job/progress.rs says what and why; arithmetic is in its order.

create or replace function lora.job_progress(
  status text, stage text, total_steps integer, steps integer[], reported_at timestamptz[], at timestamptz,
  is_evaluation boolean[] default null, estimate jsonb default null, attempt_started_at timestamptz default null
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if status is null or at is null then
    return null;
  end if;
  return lora.job_progress_of_pace(
    status, stage, total_steps, lora.add_points_to_job_pace(null, steps, reported_at, is_evaluation), at, estimate, attempt_started_at);
end
$$;
comment on function lora.job_progress(text, text, integer, integer[], timestamptz[], timestamptz, boolean[], jsonb, timestamptz) is
  'Percent and seconds left of one attempt, from its points';
grant execute on function lora.job_progress(
  text, text, integer, integer[], timestamptz[], timestamptz, boolean[], jsonb, timestamptz) to public;

create or replace function lora.job_progress_of_pace(
  status text, stage text, total_steps integer, pace jsonb, at timestamptz, estimate jsonb default null,
  attempt_started_at timestamptz default null
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record;
  prior record;
  tempo record;
  band record;
  newest bigint;
  part double precision;
  percent double precision;
begin
  if status is null or at is null then
    return null;
  end if;
  kept := lora._job_pace_read(pace);
  perform lora._check_job_status(status);
  prior := lora._job_prior(estimate);
  if total_steps < 1 then
    raise exception '"total_steps" is %', total_steps
      using errcode = '22023', hint = 'Pass the steps of the whole run, 1 or more, or NULL.';
  end if;
  tempo := lora._job_tempo(
    kept.steps, kept.times, kept.evaluations, kept.evaluating_steps, kept.evaluating_micros,
    kept.checkpointing_steps, kept.checkpointing_micros, false);
  newest := kept.steps[pg_catalog.cardinality(kept.steps)];
  stage := coalesce(stage, '');
  band := lora._job_band(stage, newest is not null);

  if status = 'completed' then
    percent := 100;
  elsif status = 'queued' then
    percent := 0;
  else
    part := band.inside;
    if band.band = 'training' then
      part := case when newest is null or total_steps is null then 0
        else least(newest::double precision / total_steps::double precision, 1) end;
    end if;
    percent := greatest(
      lora._rounded(band.least_percent + (band.most_percent - band.least_percent) * part, 1e2),
      kept.furthest::double precision / 100);
  end if;

  return pg_catalog.jsonb_build_object(
    'percent', lora._figure(percent),
    'step', newest,
    'total_steps', total_steps,
    'seconds_per_step', lora._figure(lora._rounded(tempo.seconds_per_step, 1e3)),
    'eta', case
      when status = 'queued' then lora._no_eta('queued')
      when status in ('completed', 'failed', 'cancelled') then lora._no_eta('ended')
      when band.band = 'saving' then lora._no_eta('saving')
      when total_steps is null then lora._no_eta(case when newest is null then 'no_points' else 'total_steps_unknown' end)
      when tempo.seconds_per_step is not null then lora._measured_eta(stage, total_steps, kept, tempo, prior, lora._micros(at))
      when prior.seconds_per_step is null then lora._no_eta(case when newest is null then 'no_points' else 'one_point' end)
      -- From the first point on the preparation is over.
      when newest is not null then lora._estimated_eta(
        prior.seconds_per_step, prior.pause_seconds_per_step, greatest(total_steps - newest, 0)::double precision, 0,
        lora._seconds(kept.times[pg_catalog.cardinality(kept.times)], lora._micros(at)))
      else lora._estimated_eta(
        prior.seconds_per_step, prior.pause_seconds_per_step, greatest(total_steps - prior.from_step, 0)::double precision,
        prior.preparation_seconds, coalesce(lora._seconds(lora._micros(attempt_started_at), lora._micros(at)), 0))
    end
  );
end
$$;
comment on function lora.job_progress_of_pace(text, text, integer, jsonb, timestamptz, jsonb, timestamptz) is
  'Percent and seconds left of one attempt, from the pace that is kept of it';
grant execute on function lora.job_progress_of_pace(text, text, integer, jsonb, timestamptz, jsonb, timestamptz) to public;

-- What is expected of an attempt before it has shown anything; NULL throughout where nothing is.
create or replace function lora._job_prior(
  estimate jsonb,
  out preparation_seconds double precision, out seconds_per_step double precision, out pause_seconds_per_step double precision,
  out from_step bigint
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  field pg_catalog.text;
begin
  if estimate is null then
    return;
  end if;
  if pg_catalog.jsonb_typeof(estimate) = 'object' then
    foreach field in array array['preparation_seconds', 'seconds_per_step', 'pause_seconds_per_step'] loop
      if pg_catalog.jsonb_typeof(estimate -> field) <> 'number' then
        perform lora._refuse_estimate();
      end if;
    end loop;
    preparation_seconds := case when estimate ? 'preparation_seconds' then lora._float((estimate ->> 'preparation_seconds')::numeric) else 0 end;
    seconds_per_step := lora._float((estimate ->> 'seconds_per_step')::numeric);
    pause_seconds_per_step := case when estimate ? 'pause_seconds_per_step' then lora._float((estimate ->> 'pause_seconds_per_step')::numeric) else 0 end;
    from_step := case when estimate ? 'from_step' then lora._whole_number(estimate -> 'from_step') else 0 end;
  end if;
  if (seconds_per_step > 0 and preparation_seconds >= 0 and pause_seconds_per_step >= 0 and from_step >= 0) is not true then
    perform lora._refuse_estimate();
  end if;
end
$$;
grant execute on function lora._job_prior(jsonb) to public;

create or replace function lora._refuse_estimate()
returns void
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '"estimate" is none' using errcode = '22023',
    hint = 'Pass an object with seconds_per_step above 0 and, where known, preparation_seconds, pause_seconds_per_step and from_step.';
end
$$;
grant execute on function lora._refuse_estimate() to public;

create or replace function lora._no_eta(reason text)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object('low', null, 'expected', null, 'high', null, 'reason', reason, 'method', null);
end
$$;
grant execute on function lora._no_eta(text) to public;

create or replace function lora._eta(method text, low double precision, expected double precision, high double precision)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Ten years.
  if high > 315576000 then
    return lora._no_eta('implausible');
  end if;
  return pg_catalog.jsonb_build_object(
    'low', lora._figure(lora._rounded(greatest(low, 0), 1)),
    'expected', lora._figure(lora._rounded(greatest(expected, 0), 1)),
    'high', lora._figure(lora._rounded(greatest(high, 0), 1)),
    'reason', null,
    'method', method);
end
$$;
grant execute on function lora._eta(text, double precision, double precision, double precision) to public;

-- What was expected before the attempt. Time that has passed is worked off, but no more than the preparation, or one step.
create or replace function lora._estimated_eta(
  seconds_per_step double precision, pause_seconds_per_step double precision, steps double precision,
  preparation double precision, since double precision
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  prior_factor constant double precision := 2.0;
  huge constant double precision := 1e290;
  whole double precision;
  expected double precision;
begin
  -- Where core's floats become infinite, Postgres's fail.
  if preparation > huge or (steps > 0 and (seconds_per_step > huge or pause_seconds_per_step > huge))
    or not lora._is_finite(lora._sum(seconds_per_step, pause_seconds_per_step)) then
    return lora._no_eta('implausible');
  end if;
  whole := preparation + steps * (seconds_per_step + pause_seconds_per_step);
  expected := whole - least(since, greatest(preparation, seconds_per_step), whole);
  return lora._eta('estimate', case when expected < 1e-9 then 0 else expected / prior_factor end, expected, expected * prior_factor);
end
$$;
grant execute on function lora._estimated_eta(
  double precision, double precision, double precision, double precision, double precision) to public;

-- What its own steps and pauses say, once there are two points.
create or replace function lora._measured_eta(stage text, total_steps integer, pace record, tempo record, prior record, at bigint)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  margin constant double precision := 0.08;
  errors constant double precision := 2.0;
  least_noise constant double precision := 0.2;
  widest constant double precision := 1.0::double precision / 3.0;
  pause_margin constant double precision := 0.15;
  newest constant bigint := pace.steps[pg_catalog.cardinality(pace.steps)];
  steps_left constant double precision := greatest(total_steps - newest, 0)::double precision;
  evaluating_for double precision;
  checkpointing_for double precision;
  pauses double precision := 0;
  one_more double precision := 0;
  ended double precision := 0;
  since double precision;
  work double precision;
  work_left double precision;
  expected double precision;
  width double precision;
  apart double precision;
begin
  -- A pause that goes on, and how long it has.
  if pace.stage = stage and stage = 'evaluating' then
    evaluating_for := lora._seconds(pace.since, at);
  elsif pace.stage = stage and stage = 'checkpointing' then
    checkpointing_for := lora._seconds(pace.since, at);
  end if;
  -- The one that goes on is the newest of its kind. A period that is known to a few steps only must not bring one more at the
  -- very end.
  if tempo.evaluating_seconds is not null then
    pauses := pauses + greatest(pg_catalog.floor(
      (total_steps - case when evaluating_for is null then tempo.evaluating_last else newest end)::double precision
        / tempo.evaluating_period - 0.1), 0) * tempo.evaluating_seconds;
    pauses := pauses + coalesce(greatest(tempo.evaluating_seconds - evaluating_for, 0), 0);
    one_more := greatest(one_more, tempo.evaluating_seconds);
  end if;
  if tempo.checkpointing_seconds is not null then
    pauses := pauses + greatest(pg_catalog.floor(
      (total_steps - case when checkpointing_for is null then tempo.checkpointing_last else newest end)::double precision
        / tempo.checkpointing_period - 0.1), 0) * tempo.checkpointing_seconds;
    pauses := pauses + coalesce(greatest(tempo.checkpointing_seconds - checkpointing_for, 0), 0);
    one_more := greatest(one_more, tempo.checkpointing_seconds);
  end if;
  -- The attempt has had none yet, but an earlier one had.
  if tempo.evaluating_seconds is null and tempo.checkpointing_seconds is null and tempo.unannounced_per_step = 0
    and prior.pause_seconds_per_step is not null and steps_left > 0 then
    if prior.pause_seconds_per_step > 1e290 then
      return lora._no_eta('implausible');
    end if;
    pauses := pauses + steps_left * prior.pause_seconds_per_step;
  end if;
  pauses := pauses + steps_left * tempo.unannounced_per_step;

  -- Time since the newest point is worked off, as far as it was work: pauses are none, and what lasts longer than a report
  -- usually takes to come would have brought one.
  for place in 1 .. pg_catalog.cardinality(pace.evaluating_steps) loop
    if pace.evaluating_steps[place] >= newest then
      ended := ended + pace.evaluating_micros[place]::double precision / 1e6;
    end if;
  end loop;
  for place in 1 .. pg_catalog.cardinality(pace.checkpointing_steps) loop
    if pace.checkpointing_steps[place] >= newest then
      ended := ended + pace.checkpointing_micros[place]::double precision / 1e6;
    end if;
  end loop;
  work := steps_left * tempo.seconds_per_step;
  since := greatest(
    lora._seconds(pace.times[pg_catalog.cardinality(pace.times)], at) - ended - coalesce(evaluating_for, checkpointing_for, 0), 0);
  work_left := work - least(since, tempo.report_seconds, work);

  expected := work_left + pauses;
  width := margin + errors * greatest(tempo.error, least_noise / pg_catalog.sqrt(tempo.measured_steps));
  -- What is less than a nanosecond is nothing: a product of such figures is smaller than any float, which Postgres refuses.
  apart := case when work_left < 1e-9 then 0 else work_left * width end + case when pauses < 1e-9 then 0 else pauses * pause_margin end
    + least(one_more, case when expected < 1e-9 then 0 else 0.05::double precision * expected end);
  apart := least(apart, expected * widest);
  return lora._eta('measured', expected - apart, expected, expected + apart);
end
$$;
grant execute on function lora._measured_eta(text, integer, record, record, record, bigint) to public;
