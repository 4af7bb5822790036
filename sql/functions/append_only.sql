-- The ledger and the event log are only ever added to, by everybody, the owner of the tables included. A row goes when
-- its account or its job is gone, and a ledger row forgets a job that is gone. Whether it is gone is looked up: that a
-- trigger runs inside of another one proves nothing, anybody can arrange that.

create or replace function lora_private.keep_cost_record()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and new.job_id is null and old.job_id is not null
    and pg_catalog.to_jsonb(new) - 'job_id' = pg_catalog.to_jsonb(old) - 'job_id'
    and not exists (select from public.training_jobs where id = old.job_id) then
    return new;
  elsif tg_op = 'DELETE' and not exists (select from auth.users where id = old.user_id) then
    return old;
  end if;
  raise exception 'cost records are only ever added to'
    using errcode = 'PT409', hint = 'Record a correction: a row with the difference, whose "corrects" names this one.';
end
$$;

-- A job that a worker claimed is charged by closing it. Whoever charges it besides, as applications did before, would
-- charge it twice; and one that is in the queue may yet be claimed.
create or replace function lora_private.refuse_second_charge()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if lora_private.is_owner_of(tg_relid)
    or not exists (
      select from public.training_jobs as job
      where job.id = new.job_id and (
        job.claimed_by is not null
        or job.status = 'queued'
        or exists (
          select from public.cost_records as charged
          where charged.job_id = job.id and charged.cost_type = 'training_compute' and charged.period is not null
            and charged.idempotency_key like 'training_compute:%')
      )
    ) then
    return new;
  end if;
  raise exception 'the GPU time of training job "%" is charged by the database', new.job_id
    using errcode = 'PT409',
      hint = 'Leave it out: closing the job wrote it, or will. A job that you drive by yourself is charged when it has run.';
end
$$;

-- Keys that the database charges attempts by are its own: another row under one would stand in the way of the job's end.
create or replace function lora_private.refuse_reserved_key()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if lora_private.is_owner_of(tg_relid) then
    return new;
  end if;
  raise exception '"idempotency_key" "%" is one of the database''s own', new.idempotency_key
    using errcode = '42501', column = 'idempotency_key', hint = 'Use a key that does not begin with "training_compute:".';
end
$$;

-- The check on amounts lets a row without a job be, so that one of an adopted database can lose its job. A new one has no
-- such excuse.
create or replace function lora_private.refuse_amount()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'an amount of % is none', new.amount
    using errcode = '22023', column = 'amount', hint = 'Record what was charged, as a number.';
end
$$;

create or replace function lora_private.keep_training_job_event()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' and not exists (select from public.training_jobs where id = old.job_id) then
    return old;
  end if;
  raise exception 'events of training jobs are only ever added to'
    using errcode = 'PT409', hint = 'Add an event that says what has changed.';
end
$$;

create or replace function lora_private.refuse_truncate()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'table "%" is only ever added to', tg_table_name
    using errcode = 'PT409', hint = 'Delete the accounts whose rows are to go.';
end
$$;

revoke all on function
  lora_private.keep_cost_record(), lora_private.refuse_second_charge(), lora_private.refuse_amount(),
  lora_private.refuse_reserved_key(), lora_private.keep_training_job_event(), lora_private.refuse_truncate()
  from public, anon, authenticated, service_role;

create or replace trigger a_keep_cost_record
  before update or delete on public.cost_records
  for each row execute function lora_private.keep_cost_record();
create or replace trigger b_refuse_second_charge
  before insert on public.cost_records
  for each row when (new.cost_type = 'training_compute' and new.job_id is not null and new.corrects is null)
  execute function lora_private.refuse_second_charge();
create or replace trigger b_refuse_amount
  before insert on public.cost_records
  for each row when (new.amount = 'NaN')
  execute function lora_private.refuse_amount();
create or replace trigger b_refuse_reserved_key
  before insert on public.cost_records
  for each row when (new.idempotency_key like 'training_compute:%')
  execute function lora_private.refuse_reserved_key();
create or replace trigger a_keep_training_job_event
  before update or delete on public.training_job_events
  for each row execute function lora_private.keep_training_job_event();
create or replace trigger a_refuse_truncate
  before truncate on public.cost_records
  for each statement execute function lora_private.refuse_truncate();
create or replace trigger a_refuse_truncate
  before truncate on public.training_job_events
  for each statement execute function lora_private.refuse_truncate();
