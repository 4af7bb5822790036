-- The states of a model: stored, then deployed, then archived. They hold for every role.

create or replace function lora_private.is_model_artifact_transition(from_status text, to_status text)
returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select exists (
    select from (values ('stored', 'deployed'), ('deployed', 'archived')) as allowed (from_status, to_status)
    where allowed.from_status = is_model_artifact_transition.from_status
      and allowed.to_status = is_model_artifact_transition.to_status
  ) or from_status not in ('stored', 'deployed', 'archived') and to_status in ('stored', 'archived')
$$;

create or replace function lora_private.begin_model_artifact()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.status := coalesce(new.status, 'stored');
  new.version := coalesce(new.version, '1.0.0');
  new.deployed_at := null;
  new.created_at := coalesce(new.created_at, lora_private.clock());
  new.updated_at := coalesce(new.updated_at, lora_private.clock());
  if new.status <> 'stored' then
    raise exception 'a model cannot begin as "%"', new.status
      using errcode = 'PT409', hint = 'Insert it as "stored"; set it to "deployed" when it is.';
  end if;
  return new;
end
$$;

create or replace function lora_private.change_model_artifact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if lora_private.is_model_artifact_transition(old.status, new.status) is not true then
    raise exception 'model "%" is "%" and cannot become "%"', old.id, old.status, coalesce(new.status, 'null')
      using errcode = 'PT409', hint = 'Follow the states: stored, deployed, archived.';
  end if;
  if new.status = 'deployed' then
    new.deployed_at := lora_private.clock();
  end if;
  return new;
end
$$;

-- When a model was deployed is for the database alone to say, which does so when its status changes.
create or replace function lora_private.keep_deployed_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not lora_private.is_owner_of(tg_relid) then
    new.deployed_at := old.deployed_at;
  end if;
  return new;
end
$$;

revoke all on function
  lora_private.is_model_artifact_transition(text, text),
  lora_private.begin_model_artifact(),
  lora_private.change_model_artifact_state(),
  lora_private.keep_deployed_at()
  from public, anon, authenticated, service_role;
grant execute on function lora_private.is_model_artifact_transition(text, text) to authenticated, service_role;

create or replace trigger b_begin_model_artifact
  before insert on public.model_artifacts
  for each row execute function lora_private.begin_model_artifact();

-- Before the change of the state, which sets it.
create or replace trigger b_keep_deployed_at
  before update on public.model_artifacts
  for each row when (new.deployed_at is distinct from old.deployed_at)
  execute function lora_private.keep_deployed_at();
create or replace trigger change_model_artifact_state
  before update on public.model_artifacts
  for each row when (new.status is distinct from old.status)
  execute function lora_private.change_model_artifact_state();
