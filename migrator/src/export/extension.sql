create schema if not exists lora;
revoke all on schema lora from public, anon, authenticated, service_role;
grant usage on schema lora to anon, authenticated, service_role;
do $pg_lora$
begin
  if not exists (select from pg_catalog.pg_available_extension_versions where name = 'pg_lora' and version = '{build}') then
    raise exception 'the server does not offer extension "pg_lora" in version "{build}"'
      using hint = 'Hosted Supabase cannot load it. On a server of your own: cargo pgrx install --release --pg-config /path/to/pg_config';
  elsif exists (select from pg_catalog.pg_extension where extname = 'pg_lora') then
    alter extension pg_lora update to '{build}';
  else
    create extension pg_lora schema lora version '{build}';
  end if;
end
$pg_lora$;
insert into lora_migrate.layers as l (name, hash, manifest, version)
values ('lora', '{mark}', '[{"type": "extension", "schema": "lora", "identity": "pg_lora"}]', '{build}')
on conflict (name) do update
set hash = excluded.hash, manifest = excluded.manifest, version = excluded.version, applied_on = now();
