-- The migrator's own schema. The history has refinery's format, so that refinery reads it. Nobody but the
-- owner gets anything; whoever an operator grants the right to read (pg_read_all_data, say) sees the rows,
-- and may not write.
create schema if not exists lora_migrate;
revoke all on schema lora_migrate from public, anon, authenticated, service_role;

create table if not exists lora_migrate.refinery_schema_history (
  version int4 primary key,
  name varchar(255),
  applied_on varchar(255),
  checksum varchar(255)
);
create table if not exists lora_migrate.layers (
  name text primary key,
  hash text not null,
  manifest jsonb not null,
  version text not null,
  applied_on timestamptz not null default now()
);
create table if not exists lora_migrate.settings (
  name text primary key,
  value text not null
);
revoke all on table lora_migrate.refinery_schema_history, lora_migrate.layers, lora_migrate.settings
  from public, anon, authenticated, service_role;
alter table lora_migrate.refinery_schema_history enable row level security;
alter table lora_migrate.layers enable row level security;
alter table lora_migrate.settings enable row level security;
drop policy if exists "Whoever was granted select may read" on lora_migrate.refinery_schema_history;
create policy "Whoever was granted select may read" on lora_migrate.refinery_schema_history for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.layers;
create policy "Whoever was granted select may read" on lora_migrate.layers for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.settings;
create policy "Whoever was granted select may read" on lora_migrate.settings for select using (true);
