-- Rights on models: clients read theirs, name them and delete them softly; what they are the service says.
create or replace function lora_private.guard_model_artifacts()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform lora_private.refuse_other_columns(
    'model_artifacts', pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new),
    array['name', 'description', 'version', 'deleted_at', 'updated_at'],
    'Change name, description, version or deleted_at.');
  if new.description is distinct from old.description then
    perform lora_private.check_length('description', new.description, 10000);
  end if;
  if new.deleted_at is not null then
    new.deleted_at := coalesce(old.deleted_at, lora_private.clock());
  end if;
  return new;
end
$$;
revoke all on function lora_private.guard_model_artifacts() from public, anon, authenticated, service_role;

create or replace trigger a_guard_model_artifacts
  before update on public.model_artifacts
  for each row when (lora_private.is_client())
  execute function lora_private.guard_model_artifacts();

revoke all on public.model_artifacts from public, anon, authenticated, service_role;
grant select, update on public.model_artifacts to authenticated;
grant select, insert, update, delete on public.model_artifacts to service_role;
