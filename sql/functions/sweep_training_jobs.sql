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
  removed bigint;
begin
  if notify is null then
    raise exception '"notify" must not be null' using errcode = '22023', hint = 'Pass true or false, or leave it out.';
  elsif keep_read_notifications_days not between 0 and 36500 then
    raise exception '"keep_read_notifications_days" is %', keep_read_notifications_days
      using errcode = '22023', hint = 'Give a number of days from 0 to 36500, or leave it out to keep all.';
  end if;
  return query select * from lora_private.sweep_lost_jobs();

  removed := lora_private.remove_abandoned_chunks();
  if removed > 0 then
    return query select 'chunks', null::pg_catalog.uuid, null::integer, 'removed',
      pg_catalog.format('%s chunks of validations that nobody has gone on with for a day', removed), null::timestamptz;
  end if;
  if keep_read_notifications_days is not null then
    delete from public.notifications as notification
    where notification.read
      and notification.created_at < lora_private.clock() - pg_catalog.make_interval(days => keep_read_notifications_days);
    get diagnostics removed = row_count;
    if removed > 0 then
      return query select 'notifications', null::uuid, null::integer, 'removed',
        pg_catalog.format('%s notifications that were read', removed), null::timestamptz;
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
revoke all on function lora_private.sweep_lost_jobs() from public, anon, authenticated, service_role;
grant execute on function lora_private.sweep_lost_jobs() to service_role;
