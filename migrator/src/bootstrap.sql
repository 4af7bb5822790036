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
-- One row for each step that wrote; the nonce is the evidence that it was committed.
create table if not exists lora_migrate.runs (
  nonce uuid primary key,
  kind text not null,
  name text not null,
  started_at timestamptz not null,
  milliseconds int8 not null,
  retries int4 not null,
  role text not null,
  client_address inet,
  client_host text,
  tool_version text not null,
  recorded_at timestamptz not null default clock_timestamp()
);
-- Statements of a file that runs outside of a transaction, and are done; empty unless such a file stopped half-way.
create table if not exists lora_migrate.progress (
  version int4,
  statement text,
  hash text not null,
  done_at timestamptz not null default now(),
  primary key (version, hash)
);
revoke all on table
  lora_migrate.refinery_schema_history, lora_migrate.layers, lora_migrate.settings, lora_migrate.runs,
  lora_migrate.progress
  from public, anon, authenticated, service_role;
alter table lora_migrate.refinery_schema_history enable row level security;
alter table lora_migrate.layers enable row level security;
alter table lora_migrate.settings enable row level security;
alter table lora_migrate.runs enable row level security;
alter table lora_migrate.progress enable row level security;
drop policy if exists "Whoever was granted select may read" on lora_migrate.refinery_schema_history;
create policy "Whoever was granted select may read" on lora_migrate.refinery_schema_history for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.layers;
create policy "Whoever was granted select may read" on lora_migrate.layers for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.settings;
create policy "Whoever was granted select may read" on lora_migrate.settings for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.runs;
create policy "Whoever was granted select may read" on lora_migrate.runs for select using (true);
drop policy if exists "Whoever was granted select may read" on lora_migrate.progress;
create policy "Whoever was granted select may read" on lora_migrate.progress for select using (true);
