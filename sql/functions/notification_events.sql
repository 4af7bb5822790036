-- One notification for one event. The database writes those of jobs and datasets itself; an application that has always
-- written them goes on doing so, and both end in one row.

-- The event that a notification tells of, from its type and what it names; NULL for what the database does not write
-- itself, and for what does not exist or belongs to another user.
create or replace function lora_private.notification_event(user_id uuid, type text, metadata jsonb)
returns text
language plpgsql stable
set search_path = ''
as $$
declare
  subject pg_catalog.text := case
    when type in (
      'job_queued', 'job_started', 'job_completed', 'job_failed', 'job_cancelled', 'job_stalled', 'job_non_finite', 'job_diverged'
    ) then 'job_id'
    when type in ('dataset_ready', 'dataset_error') then 'dataset_id'
    when type = 'artifact_ready' then 'artifact_id'
  end;
  subject_id pg_catalog.uuid;
begin
  if metadata ->> subject ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    subject_id := (metadata ->> subject)::pg_catalog.uuid;
  end if;
  if not exists (
    select from public.training_jobs as job
    where subject = 'job_id' and job.id = subject_id and job.user_id = notification_event.user_id
    union all
    select from public.datasets as dataset
    where subject = 'dataset_id' and dataset.id = subject_id and dataset.user_id = notification_event.user_id
    union all
    select from public.model_artifacts as model
    where subject = 'artifact_id' and model.id = subject_id and model.user_id = notification_event.user_id
  ) then
    return null;
  end if;
  return pg_catalog.format('%s:%s', type, subject_id);
end
$$;

-- A second notification of an event takes the place of the first one, under its id: whoever inserts gets one row back, as
-- from any other insert. What is told is what the database says; an application adds what only it knows, and nothing of it
-- can make the database's own fail: that would undo the change that it tells of.
create or replace function lora_private.merge_notification()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  by_database constant boolean := lora_private.is_owner_of(tg_relid);
  subject_id pg_catalog.uuid;
  known public.notifications;
begin
  new.read := coalesce(new.read, false);
  new.priority := coalesce(new.priority, 'medium');
  new.created_at := coalesce(new.created_at, lora_private.clock());
  if by_database then
    -- It repeats messages of workers and of validations, which may be longer; the whole one is where it comes from.
    new.message := pg_catalog.left(new.message, 10000);
  end if;
  new.dedupe_key := case
    -- Nobody else has ever written these.
    when by_database and new.type = 'budget_threshold' then
      pg_catalog.format('budget_threshold:%s:%s', new.metadata ->> 'month', new.metadata ->> 'threshold')
    else lora_private.notification_event(new.user_id, new.type, new.metadata)
  end;
  if new.dedupe_key is null then
    return new;
  end if;
  if not by_database then
    -- Two of one event at once: the second one waits here, and then sees the first. The lock is that of the job or the
    -- dataset, which the database holds whenever it tells of an event itself. (A lock for each event would fill the
    -- server's table of locks; one for each user would let two workers' claims wait for each other.)
    subject_id := pg_catalog.split_part(new.dedupe_key, ':', 2)::pg_catalog.uuid;
    if pg_catalog.starts_with(new.type, 'job_') then
      perform from public.training_jobs where id = subject_id for no key update;
    elsif pg_catalog.starts_with(new.type, 'dataset_') then
      perform from public.datasets where id = subject_id for no key update;
    else
      perform from public.model_artifacts where id = subject_id for no key update;
    end if;
  end if;
  delete from public.notifications as notification
  where notification.user_id = new.user_id and notification.dedupe_key = new.dedupe_key
  returning * into known;
  if not found then
    return new;
  end if;
  new.id := known.id;
  if by_database then
    -- It happens now and nobody has read of it yet, whatever an application has told before.
    if pg_catalog.length(known.action_url) <= 2000 then
      new.action_url := coalesce(new.action_url, known.action_url);
    end if;
    if pg_catalog.jsonb_typeof(known.metadata) = 'object' and pg_catalog.pg_column_size(known.metadata) <= 16384
      and pg_catalog.octet_length((known.metadata || new.metadata)::pg_catalog.text) <= 16384 then
      new.metadata := known.metadata || new.metadata;
    end if;
  else
    new.created_at := known.created_at;
    new.read := known.read;
    new.title := known.title;
    new.message := known.message;
    new.priority := known.priority;
    new.action_url := coalesce(new.action_url, known.action_url);
    new.metadata := new.metadata || coalesce(known.metadata, '{}');
  end if;
  return new;
end
$$;

-- Which event a notification tells of is for the database alone to say.
create or replace function lora_private.keep_notification_event()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not lora_private.is_owner_of(tg_relid) then
    new.dedupe_key := old.dedupe_key;
  end if;
  return new;
end
$$;

-- From here on the same types tell of other events: the job is in the queue again, the dataset is read again.
create or replace function lora_private.release_notifications(user_id uuid, subject_id uuid, types text[])
returns void
language sql
set search_path = ''
as $$
  update public.notifications as notification set dedupe_key = null
  where notification.user_id = release_notifications.user_id
    and notification.dedupe_key = any (
      select pg_catalog.format('%s:%s', type, subject_id) from pg_catalog.unnest(types) as type)
$$;

revoke all on function
  lora_private.notification_event(uuid, text, jsonb),
  lora_private.merge_notification(),
  lora_private.keep_notification_event(),
  lora_private.release_notifications(uuid, uuid, text[])
  from public, anon, authenticated, service_role;
grant execute on function lora_private.notification_event(uuid, text, jsonb) to authenticated, service_role;

-- After the guard, which says what a client may send.
create or replace trigger b_merge_notification
  before insert on public.notifications
  for each row execute function lora_private.merge_notification();
create or replace trigger keep_notification_event
  before update of dedupe_key on public.notifications
  for each row when (new.dedupe_key is distinct from old.dedupe_key)
  execute function lora_private.keep_notification_event();
