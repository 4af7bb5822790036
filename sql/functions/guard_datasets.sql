-- Rights on datasets. Clients create them, name them, ask for their validation and delete them softly; what
-- validation decides only validation writes.
create or replace function lora_private.guard_datasets()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  hint constant pg_catalog.text :=
    'Change name, description or deleted_at, or set status to "validating"; validate_dataset sets the rest.';
  refused pg_catalog.text;
begin
  if tg_op = 'DELETE' then
    if old.status is distinct from 'uploading' then
      raise exception 'dataset "%" is "%"', old.id, old.status
        using errcode = 'PT409', hint = 'Set "deleted_at": only a dataset whose upload has not ended is deleted for good.';
    end if;
    return old;
  elsif tg_op = 'INSERT' then
    select column_name into refused
    from pg_catalog.unnest(lora_private.columns_of_validation() || 'deleted_at'::pg_catalog.text) as column_name
    where coalesce(pg_catalog.to_jsonb(new) -> column_name, 'null')
      not in ('null', case column_name when 'training_ready' then 'false'::pg_catalog.jsonb else 'null' end)
    order by column_name limit 1;
    if refused is null and coalesce(new.status, '') not in ('uploading', 'validating') then
      refused := 'status';
    elsif refused is null and new.storage_bucket is distinct from 'lora-datasets' then
      refused := 'storage_bucket';
    elsif refused is null and not lora_private.is_path_below(new.storage_path, new.user_id::pg_catalog.text) then
      refused := 'storage_path';
    end if;
    if refused is not null then
      perform lora_private.refuse_column('datasets', refused, case refused
        when 'status' then 'Insert a dataset as "uploading" or "validating"; validation sets it "ready".'
        when 'storage_bucket' then 'Upload to bucket "lora-datasets".'
        when 'storage_path' then
          'Use "<user id>/<dataset id>/<file name>", in at most 1000 characters and without % ? # \ or control characters.'
        else 'Leave it out: validate_dataset sets it.'
      end);
    end if;
    perform lora_private.check_length('description', new.description, 10000);
    new.created_at := lora_private.clock();
    new.updated_at := new.created_at;
    return new;
  end if;

  perform lora_private.refuse_other_columns(
    'datasets', pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new),
    array['name', 'description', 'deleted_at', 'status', 'updated_at'], hint);
  if new.status is distinct from old.status and new.status is distinct from 'validating' then
    perform lora_private.refuse_column('datasets', 'status', hint);
  end if;
  if new.description is distinct from old.description then
    perform lora_private.check_length('description', new.description, 10000);
  end if;
  if new.deleted_at is not null then
    new.deleted_at := coalesce(old.deleted_at, lora_private.clock());
  end if;
  return new;
end
$$;

-- Whether a path of storage leads into a folder for every reader of it: one that resolves "..", that takes "\" for
-- a separator, that skips what it cannot print, or that puts it into a URL as it is ("%2e%2e", "?", "#"), included.
-- An index entry holds no more than 2,700 bytes.
create or replace function lora_private.is_path_below(path text, folder text)
returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select pg_catalog.starts_with(path, folder || '/')
    and path ~ '^[^/\\%?#[:cntrl:]]+(/[^/\\%?#[:cntrl:]]+)+$'
    and path !~ '(^|/)\.{1,2}(/|$)'
    and pg_catalog.length(path) <= 1000 and pg_catalog.octet_length(path) <= 2000
$$;
revoke all on function lora_private.guard_datasets(), lora_private.is_path_below(text, text)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.is_path_below(text, text) to authenticated, service_role;

-- Triggers fire in the order of their names, and guards have to come first.
create or replace trigger a_guard_datasets
  before insert or update or delete on public.datasets
  for each row when (lora_private.is_client())
  execute function lora_private.guard_datasets();

revoke all on public.datasets from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.datasets to authenticated;
grant select, insert, update, delete on public.datasets to service_role;
