-- claim_training_jobs: the oldest queued jobs, each to one worker.
create or replace function public.claim_training_jobs(
  worker text, max_jobs integer default 1, lease_seconds integer default 300
)
returns setof public.training_jobs
language plpgsql
set search_path = ''
as $$
declare
  picked uuid[];
  claimed uuid[] := array[]::pg_catalog.uuid[];
  refused uuid[] := array[]::pg_catalog.uuid[];
  candidate uuid;
begin
  if worker is null or worker = '' then
    raise exception '"worker" must not be empty' using errcode = '22023', hint = 'Pass a name that tells one worker from another.';
  elsif max_jobs is null or max_jobs not between 1 and 1000 then
    raise exception '"max_jobs" is %', coalesce(max_jobs::text, 'null')
      using errcode = '22023', hint = 'Claim 1 to 1000 jobs at once.';
  elsif lease_seconds is null or lease_seconds not between 1 and 86400 then
    raise exception '"lease_seconds" is %', coalesce(lease_seconds::text, 'null')
      using errcode = '22023', hint = 'Ask for a lease of 1 second to 1 day, and renew it by heartbeats.';
  end if;
  begin
    -- Picked once, by a statement of its own.
    picked := array(
      select queued.id from public.training_jobs as queued
      where queued.status = 'queued'
      order by queued.queued_at, queued.id
      limit max_jobs
      for no key update skip locked
    );
    claimed := lora_private.start_training_jobs(picked, worker, lease_seconds);
  exception when others then
    if not lora_private.is_fault_of_row(sqlstate) then
      raise;
    end if;
    -- A job of an adopted database may break a rule, or a trigger of the application's refuse it. It must not keep the
    -- others from their workers, so they are taken one by one, each in a subtransaction: too dear for every claim.
    while pg_catalog.cardinality(claimed) < max_jobs loop
      begin
        candidate := null;
        select queued.id into candidate from public.training_jobs as queued
        where queued.status = 'queued' and queued.id <> all (refused)
        order by queued.queued_at, queued.id
        limit 1
        for no key update skip locked;
        exit when candidate is null;
        claimed := claimed || lora_private.start_training_jobs(array[candidate], worker, lease_seconds);
        if candidate <> all (claimed) then
          refused := refused || candidate;
        end if;
      exception when others then
        if candidate is null or not lora_private.is_fault_of_row(sqlstate) then
          raise;
        end if;
        -- It stays where it is: what stands in its way may be mended, and its owner can cancel it.
        raise warning 'training job "%" cannot be claimed: %', candidate, sqlerrm;
        refused := refused || candidate;
      end;
    end loop;
  end;
  return query
  select job.* from public.training_jobs as job
  where job.id = any (claimed)
  order by job.queued_at, job.id;
end
$$;
comment on function public.claim_training_jobs(text, integer, integer) is
  'Hands the oldest queued jobs to a worker, never one job to two of them';
revoke all on function public.claim_training_jobs(text, integer, integer) from public, anon, authenticated, service_role;
grant execute on function public.claim_training_jobs(text, integer, integer) to service_role;

-- Jobs that were picked and are locked begin an attempt; answers which. One whose account is being deleted is passed over.
create or replace function lora_private.start_training_jobs(ids uuid[], worker text, lease_seconds integer)
returns uuid[]
-- A plan of plpgsql is kept from one claim to the next, one of an SQL function is made anew each time.
language plpgsql
set search_path = ''
as $$
declare
  claimed pg_catalog.uuid[];
begin
  with started as (
    update public.training_jobs set
      status = 'initializing',
      current_stage = 'setup',
      -- An attempt begins at the beginning, whatever the one before it had reached.
      progress = 0,
      current_epoch = 0,
      current_step = 0,
      current_metrics = null,
      claimed_by = worker,
      last_heartbeat_at = lora_private.clock(),
      lease_expires_at = lora_private.clock() + pg_catalog.make_interval(secs => lease_seconds)
    where id = any (ids)
    returning id
  )
  select coalesce(pg_catalog.array_agg(id), '{}') into claimed from started;
  return claimed;
end
$$;

-- Whether an error says something about the row, and would not meet every other one: not a lost connection, a deadlock, a
-- right or an object that is missing, a full disk, or a server that stops.
create or replace function lora_private.is_fault_of_row(code text)
returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select pg_catalog.left(code, 2) <> all (array['08', '25', '40', '42', '53', '54', '55', '57', '58', 'XX'])
$$;
revoke all on function lora_private.start_training_jobs(uuid[], text, integer), lora_private.is_fault_of_row(text)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.start_training_jobs(uuid[], text, integer), lora_private.is_fault_of_row(text)
  to service_role;
