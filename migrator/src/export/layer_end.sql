do $pg_lora$
declare
  made constant jsonb := ({made});
  object record;
begin
  for object in
    select old.* from pg_temp.pg_lora_old_layer old
    where not exists (
      select from pg_catalog.jsonb_to_recordset(made) as new (type text, identity text)
      where new.type = old.type and new.identity = old.identity){order}
  loop
    execute pg_catalog.format('drop %s if exists %s', object.type, object.identity);
  end loop;
  insert into lora_migrate.layers as l (name, hash, manifest, version) values ('{layer}', '{hash}', made, '{build}')
  on conflict (name) do update
  set hash = excluded.hash, manifest = excluded.manifest, version = excluded.version, applied_on = now();
end
$pg_lora$;
