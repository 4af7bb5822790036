-- job_status: the states of a job, and the ways between them.
create or replace function lora.is_job_transition("from" text, "to" text)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  perform lora._check_job_status("from");
  perform lora._check_job_status("to");
  -- The same status again is no change.
  return "from" = "to" or case "from"
    -- Generated: transitions.
    when 'queued' then "to" in ('initializing', 'failed', 'cancelled')
    when 'initializing' then "to" in ('running', 'queued', 'failed', 'cancelled')
    when 'running' then "to" in ('completed', 'queued', 'failed', 'cancelled')
    when 'failed' then "to" in ('queued')
    -- End.
    else false
  end;
end
$$;
comment on function lora.is_job_transition(text, text) is
  'Whether a job may go from one status to another one; the same one again is no change';
grant execute on function lora.is_job_transition(text, text) to public;

create or replace function lora._check_job_status(name text)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if name not in (
    -- Generated: statuses.
    'queued', 'initializing', 'running', 'completed', 'failed', 'cancelled'
    -- End.
  ) then
    raise exception '"%" is no status of a job', name
      using errcode = '22023', hint = 'Use queued, initializing, running, completed, failed or cancelled.';
  end if;
end
$$;
grant execute on function lora._check_job_status(text) to public;
