-- Deleting an account takes everything of it along, and nobody's rows can block that: not its own, whose keys refuse to
-- lose their parents, and not what other users' rows of an adopted database point at.
create or replace function lora_private.release_account()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  dataset_ids constant pg_catalog.uuid[] := array(select id from public.datasets where user_id = old.id);
  job_ids constant pg_catalog.uuid[] := array(
    select id from public.training_jobs where user_id = old.id or dataset_id = any (dataset_ids));
  artifact_ids constant pg_catalog.uuid[] := array(
    select id from public.model_artifacts
    where user_id = old.id or job_id = any (job_ids) or dataset_id = any (dataset_ids));
  linked pg_catalog.uuid;
begin
  -- Rows of other users are unlinked. Such a row may break a rule that is newer than it is, and then any update of it is
  -- refused, this one too: it ends in the way that the rules leave open for it.
  for linked in
    select id from public.model_artifacts
    where parent_model_id = any (artifact_ids) and id <> all (artifact_ids)
  loop
    begin
      update public.model_artifacts set parent_model_id = null where id = linked;
    exception when check_violation then
      update public.model_artifacts set parent_model_id = null, deleted_at = lora_private.clock() where id = linked;
    end;
  end loop;
  -- The key of a job to its model unlinks by itself when the model goes; whether it can is tried out first.
  for linked in
    select id from public.training_jobs
    where artifact_id = any (artifact_ids) and id <> all (job_ids)
      and status not in ('completed', 'failed', 'cancelled')
  loop
    begin
      update public.training_jobs set updated_at = updated_at where id = linked;
    exception when check_violation then
      update public.training_jobs set
        status = 'failed', error_message = coalesce(error_message, 'its model went with the account of another user')
      where id = linked;
    end;
  end loop;
  -- In one statement, because jobs and models refer to each other.
  with gone as (delete from public.training_jobs where id = any (job_ids))
  delete from public.model_artifacts where id = any (artifact_ids);
  return old;
end
$$;
revoke all on function lora_private.release_account() from public, anon, authenticated, service_role;

create or replace trigger lora_release_account
  before delete on auth.users
  for each row execute function lora_private.release_account();

-- Whoever deletes an account has its row before anything of it, and what tells or charges a user wants that row last, as its
-- keys do: each would wait for the other. So whoever has a job or a dataset already asks for the account without waiting, in
-- the triggers that run before a change; it is refused to those only whose rows are about to go. Where the platform does not
-- let us lock accounts, Postgres ends one of the two as a deadlock.
create or replace function lora_private.require_account(user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if not lora_private.try_account(require_account.user_id) then
    raise exception 'the account "%" is being deleted', require_account.user_id
      using errcode = 'PT409', hint = 'Leave it: what belongs to the account goes with it. Try again if it is still there.';
  end if;
end
$$;

-- Whether the account stays until the end of the transaction.
create or replace function lora_private.try_account(user_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if not pg_catalog.has_table_privilege('auth.users', 'update') then
    return true;
  end if;
  perform from auth.users where id = try_account.user_id for key share skip locked;
  return found;
end
$$;

create or replace function lora_private.check_account()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_table_name = 'training_jobs' and pg_catalog.to_jsonb(old) ->> 'status' = 'queued'
    and pg_catalog.to_jsonb(new) ->> 'status' = 'initializing' then
    -- Passed over: a refusal would take the other jobs of the same claim along.
    return case when lora_private.try_account(new.user_id) then new end;
  end if;
  perform lora_private.require_account(new.user_id);
  return new;
end
$$;

-- What tells of no event waits for nothing, and so needs no account before its key does.
create or replace function lora_private.check_account_of_event()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if lora_private.notification_event(new.user_id, new.type, new.metadata) is not null then
    perform lora_private.require_account(new.user_id);
  end if;
  return new;
end
$$;
revoke all on function
  lora_private.require_account(uuid), lora_private.try_account(uuid), lora_private.check_account(),
  lora_private.check_account_of_event()
  from public, anon, authenticated, service_role;

-- Also where a row that this transaction has written before is written again: then its keys are looked up anew.
create or replace trigger c_check_account
  before update on public.training_jobs
  for each row when (new.status is distinct from old.status or new.external_job_id is distinct from old.external_job_id)
  execute function lora_private.check_account();
create or replace trigger c_check_account
  before update on public.datasets
  for each row when (new.status is distinct from old.status)
  execute function lora_private.check_account();
-- Before the event's job or dataset is waited for: whoever deletes the account has them already.
create or replace trigger b_check_account_of_event
  before insert on public.notifications
  for each row execute function lora_private.check_account_of_event();

-- A dataset that was trained on stays as long as its owner does: its jobs and models say what they came from.
create or replace function lora_private.keep_used_dataset()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if exists (select from public.training_jobs where dataset_id = old.id)
    or exists (select from public.model_artifacts where dataset_id = old.id) then
    raise exception 'dataset "%" was used by a training job', old.id
      using errcode = 'PT409', hint = 'Set "deleted_at": a dataset that was used is only hidden.';
  end if;
  return old;
end
$$;
revoke all on function lora_private.keep_used_dataset() from public, anon, authenticated, service_role;

create or replace trigger b_keep_used_dataset
  before delete on public.datasets
  for each row execute function lora_private.keep_used_dataset();
