-- Rows that belong together belong to one user. Foreign keys keep the specification's single columns, which
-- PostgREST's embeds are named by; what they leave open is held here, for every role. As the owner of the tables: the
-- rule is about rows and not about who may see them.

create or replace function lora_private.check_ownership()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  parent pg_catalog.record;
begin
  -- One row for each reference that is set. `for key share`: the parent may not go before this row is there.
  for parent in
    select reference.column_name, reference.id,
      case reference.parent
        when 'datasets' then (select user_id from public.datasets where id = reference.id for key share)
        when 'training_jobs' then (select user_id from public.training_jobs where id = reference.id for key share)
        when 'model_artifacts' then (select user_id from public.model_artifacts where id = reference.id for key share)
        when 'cost_records' then (select user_id from public.cost_records where id = reference.id for key share)
      end as user_id
    from (values
      ('dataset_id', 'datasets'), ('job_id', 'training_jobs'), ('retry_of', 'training_jobs'),
      ('artifact_id', 'model_artifacts'), ('parent_model_id', 'model_artifacts'), ('corrects', 'cost_records')
    ) as known (column_name, parent)
    cross join lateral (
      select known.column_name, known.parent,
        (pg_catalog.to_jsonb(new) ->> known.column_name)::pg_catalog.uuid as id,
        (pg_catalog.to_jsonb(old) ->> known.column_name)::pg_catalog.uuid as old_id
    ) as reference
    where reference.id is not null and reference.id is distinct from reference.old_id
  loop
    if parent.user_id is distinct from new.user_id then
      raise exception '"%" "%" does not exist', parent.column_name, parent.id
        using errcode = 'PT404', column = parent.column_name, hint = 'Refer to a row of the same user.';
    end if;
  end loop;
  if tg_op = 'INSERT' and found then
    perform lora_private.require_account(new.user_id);
  end if;
  return new;
end
$$;

create or replace function lora_private.refuse_another_owner()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  -- Not every table has an id of its own.
  changed constant pg_catalog.text := case
    when pg_catalog.to_jsonb(new) -> 'id' is distinct from pg_catalog.to_jsonb(old) -> 'id' then 'id' else 'user_id'
  end;
begin
  raise exception 'column "%" of "%" never changes', changed, tg_table_name
    using errcode = '42501', column = changed, hint = 'Leave it as it is: a row keeps its id and its owner.';
end
$$;

revoke all on function lora_private.check_ownership(), lora_private.refuse_another_owner()
  from public, anon, authenticated, service_role;

-- After guards and preparation, which fill in what is missing.
create or replace trigger c_check_ownership
  before insert or update of dataset_id, artifact_id, retry_of on public.training_jobs
  for each row execute function lora_private.check_ownership();
create or replace trigger c_check_ownership
  before insert or update of job_id, dataset_id, parent_model_id on public.model_artifacts
  for each row execute function lora_private.check_ownership();
create or replace trigger c_check_ownership
  before insert or update of job_id, corrects on public.cost_records
  for each row execute function lora_private.check_ownership();

create or replace trigger b_refuse_another_owner
  before update on public.datasets
  for each row when (new.id is distinct from old.id or new.user_id is distinct from old.user_id)
  execute function lora_private.refuse_another_owner();
create or replace trigger b_refuse_another_owner
  before update on public.training_jobs
  for each row when (new.id is distinct from old.id or new.user_id is distinct from old.user_id)
  execute function lora_private.refuse_another_owner();
create or replace trigger b_refuse_another_owner
  before update on public.model_artifacts
  for each row when (new.id is distinct from old.id or new.user_id is distinct from old.user_id)
  execute function lora_private.refuse_another_owner();
create or replace trigger b_refuse_another_owner
  before update on public.cost_budgets
  for each row when (new.user_id is distinct from old.user_id)
  execute function lora_private.refuse_another_owner();
create or replace trigger b_refuse_another_owner
  before update on public.notifications
  for each row when (new.id is distinct from old.id or new.user_id is distinct from old.user_id)
  execute function lora_private.refuse_another_owner();
