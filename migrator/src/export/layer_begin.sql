select pg_catalog.set_config('check_function_bodies', 'off', true);
-- What an older layer made goes first, as it may have other results or arguments. What something else depends on stays, and so
-- do triggers on tables of another role: they are replaced in place.
create temporary table pg_temp.pg_lora_old_layer on commit drop as
  select object.type, object.identity
  from lora_migrate.layers, pg_catalog.jsonb_to_recordset(manifest) as object (type text, schema text, identity text)
  where name = '{layer}' and hash <> '{hash}';
do $pg_lora$
declare
  object record;
begin
  for object in
    select * from pg_temp.pg_lora_old_layer{cleared} order by type in ('trigger', 'policy') desc, identity
  loop
    begin
      execute pg_catalog.format('drop %s if exists %s', object.type, object.identity);
    exception when dependent_objects_still_exist or insufficient_privilege then
      null;
    end;
  end loop;
end
$pg_lora$;
