-- The six tables of the specification under its names: tables, columns, keys, indexes. Every statement also
-- succeeds on a database where the specification's own SQL was run by hand; what differs there on purpose is
-- the work of the versions after this one.

-- Roles belong to the server and this grant to the database: whoever made the roles may have been elsewhere.
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists lora_private;
revoke all on schema lora_private from public, anon, authenticated, service_role;
grant usage on schema lora_private to authenticated, service_role;
comment on schema lora_private is 'pg_lora: what the API must not expose. Not for clients.';

-- The only place where SQL reads the time, so that tests can move it. Column defaults call it with the rights
-- of whoever inserts, hence the grants.
create or replace function lora_private.clock()
returns timestamptz
language sql stable parallel safe
set search_path = ''
as 'select pg_catalog.now()';
revoke all on function lora_private.clock() from public, anon, authenticated, service_role;
grant execute on function lora_private.clock() to authenticated, service_role;
comment on function lora_private.clock() is 'The time, for everything in pg_lora';

create table if not exists public.datasets (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  name varchar(200) not null,
  description text,
  format varchar(50) default 'brightrun_lora_v4',
  status varchar(50) default 'uploading',
  storage_bucket varchar(100) default 'lora-datasets',
  storage_path text not null unique,
  file_name varchar(255) not null,
  file_size bigint not null,
  total_training_pairs integer,
  total_validation_pairs integer,
  total_tokens bigint,
  avg_turns_per_conversation numeric(10, 2),
  avg_tokens_per_turn numeric(10, 2),
  training_ready boolean default false,
  validated_at timestamptz,
  validation_errors jsonb,
  sample_data jsonb,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  deleted_at timestamptz
);

create index if not exists idx_datasets_user_id on public.datasets (user_id);
create index if not exists idx_datasets_status on public.datasets (status) where deleted_at is null;
create index if not exists idx_datasets_created_at on public.datasets (created_at desc);

create table if not exists public.training_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  dataset_id uuid not null references public.datasets (id) on delete restrict,
  preset_id varchar(50) not null,
  hyperparameters jsonb not null,
  gpu_config jsonb not null,
  status varchar(50) default 'queued',
  current_stage varchar(50) default 'queued',
  progress numeric(5, 2) default 0,
  current_epoch integer default 0,
  total_epochs integer not null,
  current_step integer default 0,
  total_steps integer,
  current_metrics jsonb,
  queued_at timestamptz default now(),
  started_at timestamptz,
  completed_at timestamptz,
  estimated_completion_at timestamptz,
  current_cost numeric(10, 2) default 0,
  estimated_total_cost numeric(10, 2) not null,
  final_cost numeric(10, 2),
  error_message text,
  error_stack text,
  retry_count integer default 0,
  external_job_id varchar(255) unique,
  artifact_id uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create index if not exists idx_training_jobs_user_id on public.training_jobs (user_id);
create index if not exists idx_training_jobs_status on public.training_jobs (status);
create index if not exists idx_training_jobs_dataset_id on public.training_jobs (dataset_id);

create table if not exists public.metrics_points (
  id uuid primary key default gen_random_uuid(),
  job_id uuid not null references public.training_jobs (id) on delete cascade,
  timestamp timestamptz default now(),
  epoch integer not null,
  step integer not null,
  training_loss numeric(10, 6) not null,
  validation_loss numeric(10, 6),
  learning_rate numeric(12, 10) not null,
  gradient_norm numeric(10, 6),
  throughput numeric(10, 2),
  gpu_utilization numeric(5, 2)
);

create index if not exists idx_metrics_points_job_id on public.metrics_points (job_id);
create index if not exists idx_metrics_points_timestamp on public.metrics_points (job_id, timestamp desc);

create table if not exists public.model_artifacts (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  job_id uuid not null unique references public.training_jobs (id) on delete restrict,
  dataset_id uuid not null references public.datasets (id) on delete restrict,
  name varchar(200) not null,
  version varchar(50) default '1.0.0',
  description text,
  status varchar(50) default 'stored',
  deployed_at timestamptz,
  quality_metrics jsonb not null,
  training_summary jsonb not null,
  configuration jsonb not null,
  artifacts jsonb not null,
  parent_model_id uuid references public.model_artifacts (id),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  deleted_at timestamptz
);

create index if not exists idx_model_artifacts_user_id on public.model_artifacts (user_id);
create index if not exists idx_model_artifacts_job_id on public.model_artifacts (job_id);

create table if not exists public.cost_records (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  job_id uuid references public.training_jobs (id) on delete set null,
  cost_type varchar(50) not null,
  amount numeric(10, 2) not null,
  details jsonb,
  billing_period date not null,
  recorded_at timestamptz default now()
);

create index if not exists idx_cost_records_user_id on public.cost_records (user_id);
create index if not exists idx_cost_records_billing_period on public.cost_records (user_id, billing_period desc);

create table if not exists public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  type varchar(50) not null,
  title varchar(200) not null,
  message text not null,
  priority varchar(20) default 'medium',
  read boolean default false,
  action_url text,
  metadata jsonb,
  created_at timestamptz default now()
);

create index if not exists idx_notifications_user_id on public.notifications (user_id);
create index if not exists idx_notifications_read on public.notifications (user_id, read, created_at desc);

do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint
    where conname = 'fk_training_jobs_artifact' and conrelid = 'public.training_jobs'::regclass
  ) then
    alter table public.training_jobs
      add constraint fk_training_jobs_artifact foreign key (artifact_id) references public.model_artifacts (id);
  end if;
end
$$;
