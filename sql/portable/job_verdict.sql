-- job_verdict: whether a job is well. core/src/job/verdict.rs says what and why.

create or replace function lora.job_verdict(
  status text, stage text, at timestamptz, last_heartbeat_at timestamptz default null, last_progress_at timestamptz default null,
  lease_expires_at timestamptz default null, stage_since timestamptz default null, pace jsonb default null
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  lease constant double precision := 300; -- LEASE
  slow constant double precision := 2.0;
  slow_intervals constant integer := 20;
  kept record;
  tempo record;
  instant bigint;
  since bigint;
  alive bigint;
  expires bigint;
  silent double precision;
  budget double precision;
begin
  if status is null or at is null then
    return null;
  end if;
  perform lora._check_job_status(status);
  kept := lora._job_pace_read(pace);
  stage := coalesce(stage, '');
  instant := lora._micros(at);
  since := coalesce(lora._micros(stage_since), case when kept.stage = stage then kept.since end);
  if status in ('completed', 'failed', 'cancelled') then
    return lora._verdict('ok', 'ended', null, null);
  elsif status = 'queued' then
    budget := lora._stage_budget('queued');
    silent := lora._seconds(since, instant);
    if silent > budget then
      return lora._verdict('stalled', 'queue_too_long', budget, silent);
    end if;
    return lora._verdict('waiting', 'queued', budget, silent);
  end if;

  -- A step that is reported is a sign of life as well.
  alive := greatest(lora._micros(last_heartbeat_at), lora._micros(last_progress_at));
  silent := lora._seconds(alive, instant);
  if lease_expires_at is not null then
    expires := lora._micros(lease_expires_at);
    if instant > expires then
      return lora._verdict('lost', 'lease_expired', lora._seconds(alive, expires), silent);
    end if;
  elsif silent > lease then
    return lora._verdict('lost', 'no_heartbeat', lease, silent);
  end if;

  -- Armed anew by a step, and by the stage that begins: after a checkpoint or an evaluation that is training again.
  silent := lora._seconds(greatest(since, lora._micros(last_progress_at)), instant);
  if silent is null then
    return lora._verdict('ok', 'unknown', null, null);
  end if;
  tempo := lora._job_tempo(
    kept.steps, kept.times, kept.evaluations, kept.evaluating_steps, kept.evaluating_micros,
    kept.checkpointing_steps, kept.checkpointing_micros, true);
  budget := lora._silence_budget(stage, tempo);
  if silent > budget then
    return lora._verdict('stalled', case stage when 'training' then 'no_progress' else 'stage_too_long' end, budget, silent);
  elsif stage in ('queued', 'queued_on_gpu') then
    return lora._verdict('waiting', 'queued', budget, silent);
  elsif stage <> 'training' then
    return lora._verdict('ok', 'in_stage', budget, silent);
  elsif tempo.intervals >= slow_intervals and tempo.recent >= slow * tempo.median then
    return lora._verdict('slow', 'slow_steps', budget, silent);
  end if;
  return lora._verdict('ok', 'progressing', budget, silent);
end
$$;
comment on function lora.job_verdict(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, jsonb) is
  'Whether a job is well: ok, slow, stalled, lost or waiting, by its two clocks and its stage';
grant execute on function lora.job_verdict(
  text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, jsonb) to public;

create or replace function lora._verdict(verdict text, reason text, budget double precision, silent double precision)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object(
    'verdict', verdict, 'reason', reason,
    'budget_seconds', lora._figure(lora._rounded(budget, 1e3)), 'silent_seconds', lora._figure(lora._rounded(silent, 1e3)));
end
$$;
grant execute on function lora._verdict(text, text, double precision, double precision) to public;

-- How long a stage may be silent, by what was seen of the attempt.
create or replace function lora._silence_budget(stage text, tempo record)
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  training_least constant double precision := 90; -- TRAINING_LEAST
  training_most constant double precision := 900; -- TRAINING_MOST
  late_steps constant double precision := 5.0;
  pause_times constant double precision := 3.0;
  step double precision;
  late double precision;
begin
  if stage = 'evaluating' then
    return greatest(lora._stage_budget(stage), pause_times * tempo.evaluating_seconds);
  elsif stage = 'checkpointing' then
    return greatest(lora._stage_budget(stage), pause_times * tempo.checkpointing_seconds);
  elsif stage <> 'training' then
    return lora._stage_budget(stage);
  elsif tempo.seconds_per_step is null then
    return training_most;
  end if;
  -- A poller that sees half of a pause takes it for a step: no step counts for more than two.
  step := least(tempo.slowest_step, 2.0 * greatest(tempo.recent, tempo.seconds_per_step));
  late := tempo.slowest_report + late_steps * step + tempo.longest_unannounced;
  -- One that reports more seldom than the longest budget is no hang.
  return least(greatest(late, training_least), greatest(training_most, 2.0 * tempo.report_seconds));
end
$$;
grant execute on function lora._silence_budget(text, record) to public;
