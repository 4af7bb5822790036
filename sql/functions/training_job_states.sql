-- What follows from a job's status, whichever door changed it: times, cost, ledger, notifications.

-- Refuses a change that the states do not allow, for every role, and sets what belongs to the new one.
create or replace function lora_private.change_training_job_state()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  known constant pg_catalog.text[] := array['queued', 'initializing', 'running', 'completed', 'failed', 'cancelled'];
  allowed boolean;
  ended public.training_jobs;
begin
  -- An adopted database may hold a status that nobody knows: such a job can only be ended.
  allowed := case
    when (new.status = any (known)) is not true then false
    when old.status = any (known) then lora.is_job_transition(old.status, new.status)
    else new.status in ('failed', 'cancelled')
  end;
  if allowed is not true then
    raise exception 'training job "%" is "%" and cannot become "%"', old.id, old.status, new.status
      using errcode = 'PT409', hint = case
        when old.status in ('completed', 'cancelled') then 'Create a new job.'
        else 'Follow the states: queued, initializing, running, completed.'
      end;
  end if;
  if new.status = 'queued' then
    -- A lost worker is nobody's decision, so only a job that failed runs out of attempts. Whoever allows it more says so
    -- in the same update.
    if old.status = 'failed' and old.attempt >= new.max_attempts then
      raise exception 'training job "%" has failed % of % times', old.id, old.attempt, new.max_attempts
        using errcode = 'PT409', hint = 'Create a new job, or have the service set "max_attempts" along with the status.';
    end if;
    new.attempt := old.attempt + 1;
    new.retry_count := old.attempt;
    new.queued_at := lora_private.clock();
    new.current_stage := 'queued';
    new.progress := 0;
    new.current_step := 0;
    new.current_epoch := 0;
    new.current_metrics := null;
    new.claimed_by := null;
    new.started_at := null;
    new.completed_at := null;
    new.final_cost := null;
    new.error_message := null;
    new.error_stack := null;
    new.external_job_id := null;
    new.estimated_completion_at := null;
    new.lease_expires_at := null;
    new.last_heartbeat_at := null;
    new.last_progress_at := null;
    new.cancel_requested_at := null;
    new.failure_class := null;
    new.stage_changed_at := lora_private.clock();
    new.resume_from := lora_private.last_checkpoint(old.id);
    new.estimate := lora_private.expected_of_next_attempt(old, new.resume_from);
  elsif new.status in ('completed', 'failed', 'cancelled') then
    -- What is displayed is computed from the row that the ledger is: as it was until now.
    ended := lora_private.ended_attempt(old);
    -- What a claimed job costs ends by our clock; a job that an application drives by itself by its own.
    new.completed_at := case
      when ended.claimed_by is null then coalesce(new.completed_at, lora_private.clock()) else lora_private.clock()
    end;
    new.estimated_completion_at := null;
    new.lease_expires_at := null;
    -- By a clock that was set back an attempt may end before it began, which is not before those that went before ended.
    new.final_cost := coalesce(
      lora_private.displayed_cost(lora_private.training_job_cost(ended, case
        when ended.claimed_by is null then new.completed_at else greatest(new.completed_at, ended.started_at)
      end)), new.final_cost);
    -- What an adopted database may hold is repaired here, because afterwards nobody can: an amount that is none is
    -- not known. (NaN is greater than any number.)
    if new.final_cost < 0 or new.final_cost >= 'Infinity' then
      new.final_cost := null;
    end if;
    if new.current_cost < 0 or new.current_cost >= 'Infinity' then
      new.current_cost := 0;
    end if;
    if new.estimated_total_cost < 0 or new.estimated_total_cost >= 'Infinity' then
      new.estimated_total_cost := 0;
    end if;
    new.current_cost := coalesce(new.final_cost, new.current_cost);
    new.progress := case when new.progress between 0 and 100 then new.progress else 0 end;
    new.current_epoch := greatest(new.current_epoch, 0);
    new.current_step := greatest(new.current_step, 0);
    new.total_epochs := greatest(new.total_epochs, 1);
    new.total_steps := case when new.total_steps >= 0 then new.total_steps end;
    new.retry_count := greatest(new.retry_count, 0);
    if new.status = 'cancelled' then
      new.cancel_requested_at := coalesce(new.cancel_requested_at, lora_private.clock());
    elsif new.status = 'completed' then
      new.progress := 100;
      new.current_stage := 'completed';
    end if;
  end if;
  return new;
end
$$;

-- Which attempt a job is at, and what is expected of it, is for the database alone to say. What is sent is passed over and
-- not refused: an application's own worker writes whole rows. (A count below 0, of an adopted job, can be mended.)
create or replace function lora_private.keep_training_job_attempt()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.attempt := old.attempt;
  new.retry_count := greatest(old.retry_count, 0);
  new.estimate := old.estimate;
  return new;
end
$$;

-- A job at the end of an attempt, as it is charged: the end is still to be said, whatever an application has written
-- there, and one that never left the queue was not worked on.
create or replace function lora_private.ended_attempt(job public.training_jobs)
returns public.training_jobs
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  job.completed_at := null;
  if (job.status in ('initializing', 'running')) is not true then
    job.claimed_by := null;
  end if;
  return job;
end
$$;

-- What the current attempt of a claimed job has cost at an instant, exactly; NULL for the unknown instant, and for a
-- job that was never claimed (whoever drives it by itself charges it).
create or replace function lora_private.attempt_cost(job public.training_jobs, at timestamptz)
returns numeric
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if at is null or job.claimed_by is null or job.started_at is null then
    return null;
  end if;
  return lora_private.gpu_time_cost(job.gpu_config, job.started_at, least(at, job.completed_at));
end
$$;

-- What a stretch of time on a job's GPUs costs; NULL for a price that is none, and for a figure that no amount holds.
create or replace function lora_private.gpu_time_cost(gpu_config jsonb, since timestamptz, until timestamptz)
returns numeric
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  hourly_rate numeric;
  gpus numeric;
  cost numeric;
begin
  if not pg_catalog.isfinite(since)
    or pg_catalog.jsonb_typeof(gpu_config -> 'cost_per_gpu_hour') is distinct from 'number'
    or pg_catalog.jsonb_typeof(gpu_config -> 'num_gpus') is distinct from 'number' then
    return null;
  end if;
  hourly_rate := (gpu_config -> 'cost_per_gpu_hour')::numeric;
  gpus := (gpu_config -> 'num_gpus')::numeric;
  -- An adopted job may hold anything; it has to be closed all the same.
  if hourly_rate not between 0 and 100000 or hourly_rate <> pg_catalog.round(hourly_rate, 10)
    or gpus not between 0 and 4096 or gpus % 1 <> 0 then
    return null;
  end if;
  cost := lora.interval_cost(pg_catalog.tstzrange(since, greatest(since, until)), hourly_rate, gpus::integer);
  return case when cost < 10000000000 then cost end;
end
$$;

-- The job's own cost columns are for display and hold no more than this. (least() would answer it for NULL.)
create or replace function lora_private.displayed_cost(cost numeric)
returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as 'begin return case when cost > 99999999.99 then 99999999.99 else cost end; end';

-- Why something is done, for the event that it becomes. A client has no column to write it into; it holds for the
-- statements of one function.
create or replace function lora_private.say_reason(reason text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_catalog.set_config('lora_private.reason', coalesce(reason, ''), true);
end
$$;
create or replace function lora_private.said_reason()
returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return pg_catalog.left(nullif(pg_catalog.current_setting('lora_private.reason', true), ''), 1000);
end
$$;

-- When a stage began, whoever announced it: what is slow in one stage is usual in another.
create or replace function lora_private.note_training_job_stage()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.stage_changed_at := lora_private.clock();
  return new;
end
$$;

-- Who does this: the user of the token, else its role, else whoever has the connection.
create or replace function lora_private.actor()
returns text
language plpgsql stable
set search_path = ''
as $$
declare
  claims constant pg_catalog.jsonb := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::pg_catalog.jsonb;
begin
  return pg_catalog.left(coalesce(claims ->> 'sub', claims ->> 'role', session_user), 200);
end
$$;

-- As the owner of the tables: a client that creates a job has no right to notify, and nobody has one to charge.
create or replace function lora_private.record_training_job_state()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  ended_at constant pg_catalog.timestamptz := coalesce(new.completed_at, lora_private.clock());
  cost numeric;
  -- Types are named with their schema: in a definer's body the caller's pg_temp would come first.
  dataset_name public.datasets.name%type;
begin
  if tg_op = 'UPDATE' and new.status = 'queued' then
    -- The next attempt tells of itself.
    perform lora_private.release_notifications(
      new.user_id, new.id, array['job_queued', 'job_started', 'job_completed', 'job_failed', 'job_cancelled', 'job_stalled',
        'job_non_finite', 'job_diverged']);
  end if;
  select name into dataset_name from public.datasets where id = new.dataset_id;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  select new.user_id, notice.type, notice.title,
    pg_catalog.format('The training on "%s" %s.', dataset_name, notice.what), notice.priority,
    pg_catalog.jsonb_build_object('job_id', new.id, 'dataset_id', new.dataset_id, 'attempt', new.attempt)
  from (values
    ('queued', 'job_queued', 'Training job queued', 'is waiting for a worker', 'low'),
    ('initializing', 'job_started', 'Training job started', 'was claimed by a worker', 'medium'),
    ('completed', 'job_completed', 'Training completed', 'is done', 'high'),
    ('failed', 'job_failed', 'Training failed', coalesce('failed: ' || new.error_message, 'failed'), 'high'),
    ('cancelled', 'job_cancelled', 'Training job cancelled', 'was cancelled', 'medium')
  ) as notice (status, type, title, what, priority)
  where notice.status = new.status;

  insert into public.training_job_events (job_id, actor, kind, from_status, to_status, attempt, payload)
  values (
    new.id, lora_private.actor(), case tg_op when 'INSERT' then 'created' else 'status' end,
    case tg_op when 'UPDATE' then old.status end, new.status, new.attempt,
    pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
      'worker', new.claimed_by, 'reason', case new.status
        when 'failed' then new.error_message
        when 'cancelled' then coalesce(lora_private.said_reason(), new.error_message)
      end))
  );

  -- The interval of an attempt ends when its worker is done with it, or loses it. No cost is known for a job that
  -- was never claimed, nor for one of an adopted database without a price.
  if tg_op = 'UPDATE' and old.status in ('initializing', 'running') and new.status not in ('initializing', 'running') then
    cost := lora_private.attempt_cost(lora_private.ended_attempt(old), ended_at);
    if cost is not null and ended_at > old.started_at then
      insert into public.cost_records (
        user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus, idempotency_key, details
      )
      values (
        old.user_id, old.id, 'training_compute', cost,
        (old.started_at at time zone 'UTC')::pg_catalog.date,
        pg_catalog.tstzrange(old.started_at, ended_at),
        (old.gpu_config ->> 'cost_per_gpu_hour')::numeric,
        old.gpu_config ->> 'gpu_type',
        (old.gpu_config ->> 'num_gpus')::numeric::integer,
        pg_catalog.format('training_compute:%s:%s', old.id, old.attempt),
        pg_catalog.jsonb_build_object('attempt', old.attempt, 'status', new.status)
          || case when old.gpu_config -> 'spot' = 'true' then '{"spot": true}' else '{}' end::pg_catalog.jsonb
      )
      -- The key is the owner's of the tables alone, who has charged the attempt by hand if it is there.
      on conflict (idempotency_key) do nothing;
    end if;
  end if;
  return null;
end
$$;

revoke all on function
  lora_private.change_training_job_state(),
  lora_private.keep_training_job_attempt(),
  lora_private.ended_attempt(public.training_jobs),
  lora_private.attempt_cost(public.training_jobs, timestamptz),
  lora_private.gpu_time_cost(jsonb, timestamptz, timestamptz),
  lora_private.displayed_cost(numeric),
  lora_private.say_reason(text),
  lora_private.said_reason(),
  lora_private.note_training_job_stage(),
  lora_private.actor(),
  lora_private.record_training_job_state()
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.ended_attempt(public.training_jobs),
  lora_private.attempt_cost(public.training_jobs, timestamptz),
  lora_private.gpu_time_cost(jsonb, timestamptz, timestamptz),
  lora_private.displayed_cost(numeric),
  lora_private.say_reason(text)
  to authenticated, service_role;
-- The service writes events of its own.
grant execute on function lora_private.actor() to service_role;

-- After the one that freezes, which refuses; before the change of status, which counts.
create or replace trigger b_keep_training_job_attempt
  before update on public.training_jobs
  for each row when (
    new.attempt is distinct from old.attempt or new.retry_count is distinct from old.retry_count
    or new.estimate is distinct from old.estimate
  )
  execute function lora_private.keep_training_job_attempt();

create or replace trigger b_note_training_job_stage
  before update on public.training_jobs
  for each row when (new.current_stage is distinct from old.current_stage)
  execute function lora_private.note_training_job_stage();

create or replace trigger change_training_job_state
  before update on public.training_jobs
  for each row when (new.status is distinct from old.status)
  execute function lora_private.change_training_job_state();

create or replace trigger record_new_training_job
  after insert on public.training_jobs
  for each row execute function lora_private.record_training_job_state();

create or replace trigger record_training_job_state
  after update on public.training_jobs
  for each row when (new.status is distinct from old.status)
  execute function lora_private.record_training_job_state();
