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
  'Percent, pace, seconds left and cost of a job at an instant';
revoke all on function public.training_job_progress(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.training_job_progress(uuid, timestamptz) to authenticated, service_role;

-- From the newest points of the current attempt; core looks at no more than 64. For an instant of the past only
-- those that were reported by then. For now all of them, whatever the worker's clock says: one that runs ahead of
-- ours must not make percent fall.
create or replace function lora_private.training_job_progress(job public.training_jobs, at timestamptz default null)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  asked_at constant pg_catalog.timestamptz := coalesce(at, lora_private.clock());
  current_cost constant numeric := lora_private.training_job_cost(job, asked_at);
  answer pg_catalog.jsonb;
begin
  select lora.job_progress(
    job.status, job.current_stage, nullif(greatest(job.total_steps, 0), 0),
    pg_catalog.array_agg(point.step), pg_catalog.array_agg(point."timestamp"), asked_at
  ) into answer
  from (
    select step, "timestamp" from public.metrics_points
    where job_id = job.id and attempt = job.attempt and step >= 0 and "timestamp" is not null
      and (training_job_progress.at is null or "timestamp" <= training_job_progress.at)
    order by step desc limit 64
  ) as point;
  -- A worker may announce a stage that comes before the last one; percent does not follow it down.
  if at is null and job.status in ('initializing', 'running') and job.progress > (answer ->> 'percent')::numeric then
    answer := answer || pg_catalog.jsonb_build_object('percent', job.progress);
  end if;
  return answer || pg_catalog.jsonb_build_object(
    'status', job.status,
    'stage', job.current_stage,
    'attempt', job.attempt,
    'cost', pg_catalog.jsonb_build_object(
      'current', current_cost,
      'projected', case
        when job.completed_at is not null then current_cost
        else lora_private.training_job_cost(
          job, asked_at + pg_catalog.make_interval(secs => (answer #>> '{eta,expected}')::double precision))
      end
    )
  );
end
$$;
revoke all on function lora_private.training_job_progress(public.training_jobs, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.training_job_progress(public.training_jobs, timestamptz)
  to authenticated, service_role;
