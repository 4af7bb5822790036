-- Whether a job is well, and how long it has to wait.

-- A job is judged by the clocks as they are now: of an instant of the past they say nothing any more.
create or replace function lora_private.training_job_verdict(
  job public.training_jobs, at timestamptz default null, pace jsonb default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  now constant pg_catalog.timestamptz := coalesce(at, lora_private.clock());
  answer pg_catalog.jsonb;
  newest pg_catalog.timestamptz := job.last_progress_at;
begin
  if not lora_private.is_job_status(job.status) then
    return pg_catalog.jsonb_build_object('verdict', null, 'verdict_reason', 'unknown_status', 'silence', null);
  elsif now < lora_private.clock() then
    return pg_catalog.jsonb_build_object('verdict', null, 'verdict_reason', 'past', 'silence', null);
  end if;
  if newest is null and job.status in ('initializing', 'running') then
    -- An application may insert points by itself. Their time is that of the worker's clock.
    select least(point."timestamp", now) into newest from public.metrics_points as point
    where point.job_id = job.id and point.attempt = job.attempt and point."timestamp" is not null
    order by point.step desc limit 1;
  end if;
  answer := lora.job_verdict(
    job.status, job.current_stage, now, job.last_heartbeat_at, newest, job.lease_expires_at,
    -- Whoever drives a job without claiming it need not say where it is: silence is then no sign.
    case when job.status = 'queued' then job.queued_at when job.claimed_by is not null then job.stage_changed_at end,
    pace);
  return pg_catalog.jsonb_build_object(
    'verdict', answer -> 'verdict',
    'verdict_reason', answer -> 'reason',
    'silence', case when answer ->> 'silent_seconds' is not null then pg_catalog.jsonb_build_object(
      'seconds', answer -> 'silent_seconds', 'budget_seconds', answer -> 'budget_seconds') end);
end
$$;

-- How many jobs are claimed before each of these that wait, and when its turn comes if workers go on as in the last hour. As the owner
-- of the tables, who sees everybody's jobs: nothing but a number and an instant leaves. For a page of jobs at once: what workers
-- started is the same for all of them, and was half of the time that a page took.
create or replace function lora_private.places_in_queue(job_ids uuid[])
returns table (job_id uuid, place jsonb)
language plpgsql stable security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  now constant pg_catalog.timestamptz := lora_private.clock();
begin
  if pg_catalog.cardinality(job_ids) > 100 then
    raise exception 'places of % jobs cannot be asked for at once', pg_catalog.cardinality(job_ids)
      using errcode = '22023', hint = 'Ask for 100 at most.';
  end if;
  return query
  select job.id, pg_catalog.jsonb_build_object(
    'queue_position', earlier.jobs + 1,
    -- Of fewer starts no pace follows, and of a place that was not counted no instant.
    'expected_start_at', case when started.jobs >= 5 and earlier.jobs < 1000 and now > started.first then
      now + (now - started.first) * ((earlier.jobs + 1) / started.jobs::pg_catalog.float8)
    end)
  from public.training_jobs as job
  cross join lateral (
    -- A place far behind is not worth the time to count it exactly.
    select pg_catalog.count(*) as jobs from (
      select from public.training_jobs as other
      where other.status = 'queued' and (other.queued_at, other.id) < (job.queued_at, job.id)
      limit 1000
    ) as other
  ) as earlier
  cross join (
    select pg_catalog.count(*) as jobs, pg_catalog.min(start.started_at) as first from (
      select other.started_at from public.training_jobs as other
      where other.claimed_by is not null and other.started_at > now - '1 hour'::pg_catalog.interval
      order by other.started_at desc limit 100
    ) as start
  ) as started
  where job.id = any (job_ids) and job.status = 'queued';
end
$$;

create or replace function lora_private.is_job_status(status text)
returns boolean
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return coalesce(status = any (array['queued', 'initializing', 'running', 'completed', 'failed', 'cancelled']), false);
end
$$;
revoke all on function
  lora_private.is_job_status(text),
  lora_private.training_job_verdict(public.training_jobs, timestamptz, jsonb),
  lora_private.places_in_queue(uuid[])
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.is_job_status(text),
  lora_private.training_job_verdict(public.training_jobs, timestamptz, jsonb),
  lora_private.places_in_queue(uuid[])
  to authenticated, service_role;
