-- How fast a job goes: what was expected of its attempt, and what is kept of it as its points and stages come.

-- The working table is for functions: clients read what is kept of their own jobs, and lora_private is no schema of the API.
revoke all on lora_private.training_job_paces from public, anon, authenticated, service_role;
grant select on lora_private.training_job_paces to authenticated;
grant select, insert, update, delete on lora_private.training_job_paces to service_role;

-- What is kept of the current attempt; NULL before anything was told of it. One that nobody can read, of another version or
-- written by hand, is none: the attempt begins a new one, and neither a report nor a sweep fails for it.
create or replace function lora_private.kept_pace(job public.training_jobs)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select lora.add_stage_to_job_pace(kept.pace, null, null) from lora_private.training_job_paces as kept
    where kept.job_id = job.id and kept.attempt = job.attempt
  );
exception when invalid_parameter_value then
  return null;
end
$$;

-- The row of a job that is locked.
create or replace function lora_private.keep_pace(job_id uuid, attempt integer, pace jsonb)
returns void
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into lora_private.training_job_paces as kept (job_id, attempt, pace)
  values (keep_pace.job_id, keep_pace.attempt, keep_pace.pace)
  on conflict (job_id) do update set attempt = excluded.attempt, pace = excluded.pace;
end
$$;

-- The pace of the current attempt at an instant. What is kept knows of no instant, and nothing of points that an application
-- inserts by itself; then the newest points have to do.
create or replace function lora_private.training_job_pace(job public.training_jobs, at timestamptz default null)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  pace pg_catalog.jsonb := case when at is null then lora_private.kept_pace(job) end;
begin
  -- An attempt that waits has no points: none are looked for, on a page of a hundred jobs.
  if job.status = 'queued' or coalesce(pace -> 'steps', '[]') <> '[]' then
    return pace;
  end if;
  select lora.add_points_to_job_pace(
    pace, pg_catalog.array_agg(point.step), pg_catalog.array_agg(point."timestamp"),
    pg_catalog.array_agg(point.validation_loss is not null)) into pace
  from (
    select step, "timestamp", validation_loss from public.metrics_points
    where job_id = job.id and attempt = job.attempt and step >= 0 and "timestamp" is not null
      and (training_job_pace.at is null or "timestamp" <= training_job_pace.at)
    order by step desc limit 1000
  ) as point;
  return pace;
end
$$;

-- A number of a document from 0 to this one; NULL of anything else.
create or replace function lora_private.figure(value jsonb, most numeric)
returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return case when pg_catalog.jsonb_typeof(value) = 'number' and (value #>> '{}')::numeric between 0 and most
    then (value #>> '{}')::numeric end;
end
$$;

-- What lora.job_progress takes for an estimate, and nothing else of it; NULL of what says nothing. An adopted job may hold anything.
create or replace function lora_private.expected_pace(estimate jsonb, from_step integer default 0)
returns jsonb
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  seconds_per_step constant numeric := lora_private.figure(estimate -> 'seconds_per_step', 1e300);
begin
  return case when seconds_per_step > 0 then pg_catalog.jsonb_build_object(
    'preparation_seconds', coalesce(lora_private.figure(estimate -> 'preparation_seconds', 1e300), 0),
    'seconds_per_step', seconds_per_step,
    'pause_seconds_per_step', coalesce(lora_private.figure(estimate -> 'pause_seconds_per_step', 1e300), 0),
    'from_step', coalesce(from_step, 0)) end;
end
$$;

-- What an attempt leads one to expect of the next one: its pace, else what was expected of itself.
create or replace function lora_private.expected_of_next_attempt(job public.training_jobs, resume_from jsonb)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  from_step constant integer := lora_private.figure(resume_from -> 'step', 2147483647)::integer;
  described constant pg_catalog.jsonb := lora.describe_job_pace(lora_private.training_job_pace(job));
begin
  return coalesce(
    lora_private.expected_pace(
      described || pg_catalog.jsonb_build_object('preparation_seconds', coalesce(job.estimate -> 'preparation_seconds', '0')),
      from_step),
    lora_private.expected_pace(job.estimate, from_step));
end
$$;
revoke all on function
  lora_private.kept_pace(public.training_jobs),
  lora_private.keep_pace(uuid, integer, jsonb),
  lora_private.training_job_pace(public.training_jobs, timestamptz),
  lora_private.expected_pace(jsonb, integer),
  lora_private.figure(jsonb, numeric),
  lora_private.expected_of_next_attempt(public.training_jobs, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.kept_pace(public.training_jobs),
  lora_private.training_job_pace(public.training_jobs, timestamptz),
  lora_private.expected_pace(jsonb, integer),
  lora_private.figure(jsonb, numeric),
  lora_private.expected_of_next_attempt(public.training_jobs, jsonb)
  to authenticated, service_role;
grant execute on function lora_private.keep_pace(uuid, integer, jsonb) to service_role;
