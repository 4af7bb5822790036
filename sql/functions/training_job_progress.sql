-- training_job_progress: where a job stands, at any instant.
create or replace function public.training_job_progress(job_id uuid, at timestamptz default null)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  job public.training_jobs;
begin
  if not pg_catalog.isfinite(training_job_progress.at) then
    raise exception '"at" is infinite' using errcode = '22023', hint = 'Pass an instant, or leave it out for now.';
  end if;
  if training_job_progress.at > lora_private.clock() + '100 years'::interval then
    -- What is projected from there on may be later than any instant.
    raise exception '"at" is more than 100 years ahead' using errcode = '22023', hint = 'Pass a nearer instant, or leave it out for now.';
  end if;
  select * into job from public.training_jobs as candidate where candidate.id = training_job_progress.job_id;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(training_job_progress.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;
  return lora_private.training_job_progress(job, training_job_progress.at);
end
$$;
comment on function public.training_job_progress(uuid, timestamptz) is
  'Percent, pace, seconds left, verdict, place in the queue and cost of a job at an instant';
revoke all on function public.training_job_progress(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.training_job_progress(uuid, timestamptz) to authenticated, service_role;

-- From the pace of the current attempt: the one that is given, else what is kept of it; so with the place in the queue. For an instant of the past only points count
-- that were reported by then; for now all of them, whatever the worker's clock says: one that runs ahead of ours must not make
-- percent fall.
create or replace function lora_private.training_job_progress(
  job public.training_jobs, at timestamptz default null, pace jsonb default null, place jsonb default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  asked_at constant pg_catalog.timestamptz := coalesce(at, lora_private.clock());
  is_at_work constant boolean := job.status in ('initializing', 'running');
  is_over constant boolean := job.status in ('completed', 'failed', 'cancelled');
  -- An adopted job may have a status that nobody knows: nothing is to be foretold of it.
  status constant pg_catalog.text := case when is_over or is_at_work or job.status = 'queued' then job.status::pg_catalog.text else 'failed' end;
  total_steps constant integer := nullif(greatest(job.total_steps, 0), 0);
  -- Of what has ended, or has not begun, nothing is expected.
  expected constant pg_catalog.jsonb := case when is_at_work then
    lora_private.expected_pace(job.estimate, lora_private.figure(job.estimate -> 'from_step', 2147483647)::integer) end;
  -- A first attempt is all that its job has cost.
  cost constant numeric := case when job.attempt > 1 then lora_private.training_job_cost(job, asked_at)
    else lora_private.attempt_cost(job, asked_at) end;
  answer pg_catalog.jsonb;
begin
  -- An attempt that waits has none.
  if pace is null and job.status <> 'queued' then
    pace := lora_private.training_job_pace(job, at);
  end if;
  begin
    answer := lora.job_progress_of_pace(status, job.current_stage, total_steps, pace, asked_at, expected, job.started_at);
  exception when invalid_parameter_value then
    -- One that nobody can read.
    pace := lora_private.training_job_pace(job, at);
    answer := lora.job_progress_of_pace(status, job.current_stage, total_steps, pace, asked_at, expected, job.started_at);
  end;
  -- A worker may announce a stage that comes before the last one; percent does not follow it down.
  if at is null and is_at_work and job.progress > (answer ->> 'percent')::numeric and job.progress <= 100 then
    answer := answer || pg_catalog.jsonb_build_object('percent', job.progress);
  end if;
  answer := answer || pg_catalog.jsonb_build_object(
    'status', job.status,
    'stage', job.current_stage,
    'attempt', job.attempt,
    'cost', pg_catalog.jsonb_build_object(
      'current', cost,
      'projected', case
        when job.completed_at is not null then cost
        -- JSON has no NaN.
        when job.status = 'queued' then coalesce(cost, 0) + nullif(job.estimated_total_cost, 'NaN')
        else lora_private.training_job_cost(
          job, asked_at + pg_catalog.make_interval(secs => (answer #>> '{eta,expected}')::double precision))
      end
    ),
    -- Of a job that is over; for all others it is judged.
    'verdict', 'ok',
    'verdict_reason', 'ended',
    'silence', null,
    'queue_position', null,
    'expected_start_at', null
  );
  if is_over is not true or at is not null then
    answer := answer || lora_private.training_job_verdict(job, at, pace);
  end if;
  if job.status = 'queued' and at is null then
    answer := answer || coalesce(place, (select waiting.place from lora_private.places_in_queue(array[job.id]) as waiting), '{}');
  end if;
  return answer;
end
$$;
revoke all on function lora_private.training_job_progress(public.training_jobs, timestamptz, jsonb, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.training_job_progress(public.training_jobs, timestamptz, jsonb, jsonb)
  to authenticated, service_role;
