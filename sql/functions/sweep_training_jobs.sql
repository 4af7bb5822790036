-- sweep_training_jobs: what nobody else puts in order. Run it every minute or so; several at once do each thing once.
create or replace function public.sweep_training_jobs(
  notify boolean default true, keep_read_notifications_days integer default null
)
returns table (kind text, job_id uuid, attempt integer, action text, reason text, since timestamptz)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  counted bigint;
begin
  if notify is null then
    raise exception '"notify" must not be null' using errcode = '22023', hint = 'Pass true or false, or leave it out.';
  elsif keep_read_notifications_days not between 0 and 36500 then
    raise exception '"keep_read_notifications_days" is %', keep_read_notifications_days
      using errcode = '22023', hint = 'Give a number of days from 0 to 36500, or leave it out to keep all.';
  end if;
  return query select * from lora_private.sweep_lost_jobs();
  return query select * from lora_private.sweep_stalled_jobs(notify);
  return query
    select 'queue', null::uuid, null::integer, 'waiting',
      pg_catalog.format('%s jobs have waited for a worker for more than an hour', pg_catalog.count(*)), min(waiting.queued_at)
    from public.training_jobs as waiting
    where waiting.status = 'queued' and waiting.queued_at < lora_private.clock() - '1 hour'::interval
    having pg_catalog.count(*) > 0;

  if notify then
    counted := lora_private.sweep_budgets();
    if counted > 0 then
      return query select 'budgets', null::uuid, null::integer, 'notified',
        pg_catalog.format('%s budgets have reached a share of their limit', counted), null::timestamptz;
    end if;
  end if;

  counted := lora_private.remove_abandoned_chunks();
  if counted > 0 then
    return query select 'chunks', null::pg_catalog.uuid, null::integer, 'removed',
      pg_catalog.format('%s chunks of validations that nobody has gone on with for a day', counted), null::timestamptz;
  end if;
  if keep_read_notifications_days is not null then
    -- One that somebody writes to at this moment is left for the next time: waiting for it, with the locks of all that was swept,
    -- would be waiting for whoever waits for one of those.
    delete from public.notifications as notification
    where notification.id = any (array(
      select old.id from public.notifications as old
      where old.read and old.created_at < lora_private.clock() - pg_catalog.make_interval(days => keep_read_notifications_days)
      for update skip locked
    ));
    get diagnostics counted = row_count;
    if counted > 0 then
      return query select 'notifications', null::uuid, null::integer, 'removed',
        pg_catalog.format('%s notifications that were read', counted), null::timestamptz;
    end if;
  end if;
end
$$;
comment on function public.sweep_training_jobs(boolean, integer) is
  'Puts jobs whose worker is lost back into the queue or fails them, tells of jobs that stand still, and removes what was abandoned';
revoke all on function public.sweep_training_jobs(boolean, integer) from public, anon, authenticated, service_role;
grant execute on function public.sweep_training_jobs(boolean, integer) to service_role;

-- Jobs whose lease is over: nobody has heard of their worker. Each begins another attempt as long as it may have one, and
-- fails otherwise. One that somebody writes to at this moment is passed over.
create or replace function lora_private.sweep_lost_jobs()
returns table (kind text, job_id uuid, attempt integer, action text, reason text, since timestamptz)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs;
  words pg_catalog.text;
begin
  for job in
    select * from public.training_jobs as lost
    where lost.status in ('initializing', 'running') and lost.lease_expires_at < lora_private.clock()
    order by lost.id
    for no key update skip locked
  loop
    words := pg_catalog.format('the worker "%s" was not heard of since %s',
      pg_catalog.left(job.claimed_by, 100), pg_catalog.to_char(job.last_heartbeat_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'));
    begin
      if job.attempt < job.max_attempts then
        update public.training_jobs set status = 'queued' where id = job.id;
        return query select 'job', job.id, job.attempt, 'queued again', words, job.last_heartbeat_at;
      else
        perform lora_private.end_with_failure(
          job, 'infrastructure', pg_catalog.format('%s, in attempt %s of %s', words, job.attempt, job.max_attempts), null);
        return query select 'job', job.id, job.attempt, 'failed', words, job.last_heartbeat_at;
      end if;
    exception when others then
      if not lora_private.is_fault_of_row(sqlstate) then
        raise;
      end if;
      -- A job that cannot be changed must not keep the others from being swept.
      return query select 'job', job.id, job.attempt, 'left', pg_catalog.format('it cannot be changed: %s', sqlerrm), job.last_heartbeat_at;
    end;
  end loop;
end
$$;

-- Jobs that a worker holds and that stand still. Nothing is done to them: only somebody who looks can tell a hang from a step that
-- takes its time. Their owner is told once in an attempt, and so is the list of events.
create or replace function lora_private.sweep_stalled_jobs(notify boolean)
returns table (kind text, job_id uuid, attempt integer, action text, reason text, since timestamptz)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  -- Without a lease there is none that could be over: who is lost then can only be told of.
  silent constant pg_catalog.text[] := array['no_progress', 'stage_too_long', 'no_heartbeat'];
  job public.training_jobs;
  verdict pg_catalog.jsonb;
  words pg_catalog.text;
  is_news pg_catalog.bool;
begin
  for job in
    select * from public.training_jobs as held
    where held.status in ('initializing', 'running') and held.claimed_by is not null
      and lora_private.training_job_verdict(held, pace => lora_private.kept_pace(held)) ->> 'verdict_reason' = any (silent)
    order by held.id
    for no key update skip locked
  loop
    begin
      -- Anew, now that it is locked: a step may have come meanwhile.
      verdict := lora_private.training_job_verdict(job, pace => lora_private.kept_pace(job));
      continue when verdict ->> 'verdict_reason' <> all (silent);
      words := pg_catalog.format('in stage "%s" nothing was reported for %s s, %s s are usual at most', job.current_stage,
        pg_catalog.round((verdict #>> '{silence,seconds}')::numeric), pg_catalog.round((verdict #>> '{silence,budget_seconds}')::numeric));
      is_news := notify and not exists (
        select from public.training_job_events as event
        where event.job_id = job.id and event.kind = 'stalled' and event.attempt = job.attempt
      );
      if is_news then
        insert into public.training_job_events (job_id, actor, kind, attempt, payload)
        values (job.id, lora_private.actor(), 'stalled', job.attempt, pg_catalog.jsonb_build_object(
          'stage', job.current_stage, 'reason', verdict -> 'verdict_reason', 'silence', verdict -> 'silence'));
      end if;
      return query select 'job', job.id, job.attempt, case when is_news then 'notified' else 'stalled' end, words,
        lora_private.clock() - pg_catalog.make_interval(secs => (verdict #>> '{silence,seconds}')::double precision);
    exception when others then
      if not lora_private.is_fault_of_row(sqlstate) then
        raise;
      end if;
      -- One whose owner cannot be told must not keep the others from being swept.
      return query select 'job', job.id, job.attempt, 'left', pg_catalog.format('nobody can be told that it stands still: %s', sqlerrm),
        job.last_heartbeat_at;
    end;
  end loop;
end
$$;
revoke all on function lora_private.sweep_lost_jobs(), lora_private.sweep_stalled_jobs(boolean)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.sweep_lost_jobs(), lora_private.sweep_stalled_jobs(boolean) to service_role;
