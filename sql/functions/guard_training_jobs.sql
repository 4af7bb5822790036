-- Rights on training jobs: clients create them, read theirs and cancel them; every figure of a job is the database's
-- own.
create or replace function lora_private.guard_training_jobs()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  hint constant pg_catalog.text := 'Set status to "cancelled", and nothing else; the database sets the end and the cost.';
  -- Said by retry_training_job, which is for the owner of a job as well. Whoever says it by other means may do no more.
  retried constant pg_catalog.text := nullif(pg_catalog.current_setting('lora_private.retries', true), '');
begin
  if tg_op = 'UPDATE' then
    if new.status = 'cancelled' then
      -- Applications send both along; when a job ended and what it cost is not theirs to say.
      new.completed_at := old.completed_at;
      new.final_cost := old.final_cost;
    end if;
    perform lora_private.refuse_other_columns(
      'training_jobs', pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new), array['status', 'updated_at'], hint);
    if new.status is distinct from old.status and new.status is distinct from 'cancelled'
      and (new.status = 'queued' and old.status = 'failed' and retried = old.id::pg_catalog.text) is not true then
      perform lora_private.refuse_column('training_jobs', 'status', hint);
    end if;
    return new;
  end if;
  perform lora_private.refuse_other_columns(
    'training_jobs',
    pg_catalog.jsonb_build_object(
      'status', 'queued', 'current_stage', 'queued', 'progress', 0, 'current_epoch', 0, 'current_step', 0,
      'current_cost', 0, 'retry_count', 0, 'attempt', 1, 'max_attempts', 3
    ),
    pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(new)),
    array[
      'id', 'user_id', 'dataset_id', 'preset_id', 'hyperparameters', 'gpu_config', 'idempotency_key',
      'total_epochs', 'total_steps', 'estimated_total_cost', 'queued_at', 'created_at', 'updated_at'
    ] || case when retried = new.retry_of::pg_catalog.text then array['retry_of'] else '{}' end,
    'Insert user_id, dataset_id, preset_id, hyperparameters and gpu_config, or call create_training_job.');
  return new;
end
$$;

-- Nobody deletes a job. The right to try is granted, because without it Postgres says no more than "permission denied".
-- The account that a job belongs to takes it along: that is the owner of the tables at work.
create or replace function lora_private.refuse_job_deletion()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if lora_private.is_owner_of(tg_relid) then
    return null;
  end if;
  raise exception 'rows of "%" cannot be deleted', tg_table_name
    using errcode = '42501', hint = 'Cancel the job: set status to "cancelled". What it did and cost stays on record.';
end
$$;
revoke all on function lora_private.guard_training_jobs(), lora_private.refuse_job_deletion()
  from public, anon, authenticated, service_role;

create or replace trigger a_guard_training_jobs
  before insert or update on public.training_jobs
  for each row when (lora_private.is_client())
  execute function lora_private.guard_training_jobs();

create or replace trigger a_refuse_job_deletion
  before delete on public.training_jobs
  for each statement execute function lora_private.refuse_job_deletion();

revoke all on public.training_jobs from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.training_jobs to authenticated, service_role;
