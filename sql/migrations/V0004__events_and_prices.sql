-- What happened to a job, what GPUs cost, and the columns and keys that retries, corrections and the replacement
-- of a file need. Foreign keys to auth.users are not made here: they would lock it for as long as this takes.

alter table public.datasets add column if not exists content_digest text;
comment on column public.datasets.content_digest is 'Identity of the content that was validated, the same in however many chunks it came';

-- A file may be uploaded again where that of a deleted dataset was, and another bucket has paths of its own. The
-- key of the path alone that this replaces was stricter, so no existing row breaks it.
create unique index if not exists datasets_storage_bucket_storage_path_key
  on public.datasets (storage_bucket, storage_path) where deleted_at is null;
alter table public.datasets drop constraint if exists datasets_storage_path_key;
-- A file's datasets, the deleted ones included.
create index if not exists datasets_storage_path_idx on public.datasets (storage_path);

alter table public.training_jobs
  add column if not exists max_attempts integer not null default 3,
  add column if not exists failure_class text,
  add column if not exists retry_of uuid;
alter table public.training_jobs drop constraint if exists training_jobs_retry_of_fkey;
alter table public.training_jobs
  add constraint training_jobs_retry_of_fkey
  foreign key (retry_of) references public.training_jobs (id) on delete set null;
-- A model can be deleted, and the job that made it is a record that nobody may change. So the key itself unlinks the
-- two, and a job forgets its model only when the model is gone.
alter table public.training_jobs drop constraint if exists fk_training_jobs_artifact;
alter table public.training_jobs
  add constraint fk_training_jobs_artifact
  foreign key (artifact_id) references public.model_artifacts (id) on delete set null;
create index if not exists training_jobs_retry_of_idx on public.training_jobs (retry_of);
create index if not exists training_jobs_artifact_id_idx on public.training_jobs (artifact_id);
comment on column public.training_jobs.max_attempts is 'How often the job may be tried in all';
comment on column public.training_jobs.failure_class is 'Kind of the failure, which decides whether another attempt makes sense';
comment on column public.training_jobs.retry_of is 'Finished job that this one repeats';

alter table public.cost_records add column if not exists corrects uuid;
alter table public.cost_records drop constraint if exists cost_records_corrects_fkey;
-- Without an action: a row and its corrections are of one owner and go in one statement, with the account.
alter table public.cost_records
  add constraint cost_records_corrects_fkey foreign key (corrects) references public.cost_records (id);
create index if not exists cost_records_corrects_idx on public.cost_records (corrects);
create index if not exists cost_records_job_id_idx on public.cost_records (job_id);
comment on column public.cost_records.corrects is 'Row whose amount this one corrects';

create index if not exists model_artifacts_dataset_id_idx on public.model_artifacts (dataset_id);
create index if not exists model_artifacts_parent_model_id_idx on public.model_artifacts (parent_model_id);

-- The specification let two models of a user have one name and version. Where that happened nobody but the user
-- can say which of the two is to be renamed, so the key waits until then, and the database works without it.
do $$
begin
  if exists (
    select from public.model_artifacts where deleted_at is null
    group by user_id, name, version having pg_catalog.count(*) > 1 and version is not null
  ) then
    raise warning 'models that share name and version: index "model_artifacts_user_id_name_version_key" is not made'
      using hint = 'Rename them and run "pg-lora migrate" again, which makes it.';
  else
    create unique index if not exists model_artifacts_user_id_name_version_key
      on public.model_artifacts (user_id, name, version) where deleted_at is null;
  end if;
end
$$;

-- One notification for one event, whoever reports it: the database, the application, or both.
alter table public.notifications add column if not exists dedupe_key text;
create unique index if not exists notifications_user_id_dedupe_key_key
  on public.notifications (user_id, dedupe_key);
comment on column public.notifications.dedupe_key is 'Event that the notification tells of, set by the database; NULL for all others';

create table public.training_job_events (
  job_id uuid not null references public.training_jobs (id) on delete cascade,
  sequence integer not null,
  at timestamptz not null default lora_private.clock(),
  actor text not null,
  kind text not null,
  from_status text,
  to_status text,
  attempt integer not null,
  payload jsonb,
  constraint training_job_events_pkey primary key (job_id, sequence),
  constraint training_job_events_sequence_check check (sequence >= 1),
  constraint training_job_events_actor_check check (length(actor) between 1 and 200),
  constraint training_job_events_kind_check check (kind ~ '^[a-z][a-z_]{1,49}$')
);
comment on table public.training_job_events is 'What happened to each job, in order. Rows are only ever added';
comment on column public.training_job_events.job_id is 'Job that it happened to';
comment on column public.training_job_events.sequence is 'Place among the events of the job, from 1';
comment on column public.training_job_events.at is 'When it happened';
comment on column public.training_job_events.actor is 'Who did it: a user, a worker, the service or the database';
comment on column public.training_job_events.kind is 'What happened, in one word';
comment on column public.training_job_events.from_status is 'Status before, of a change of status';
comment on column public.training_job_events.to_status is 'Status after, of a change of status';
comment on column public.training_job_events.attempt is 'Attempt of the job that it belongs to';
comment on column public.training_job_events.payload is 'Facts of the kind: step, path and size of a checkpoint';

create table public.gpu_prices (
  gpu_type text not null,
  hourly_rate numeric(20, 10) not null,
  tokens_per_second double precision not null,
  valid tstzrange not null,
  constraint gpu_prices_pkey primary key (gpu_type, valid),
  constraint gpu_prices_gpu_type_check check (length(gpu_type) between 1 and 100),
  -- NaN is greater than any number, and so outside.
  constraint gpu_prices_hourly_rate_check check (hourly_rate >= 0 and hourly_rate < 'Infinity'),
  constraint gpu_prices_tokens_per_second_check check (tokens_per_second > 0 and tokens_per_second < 'Infinity'),
  constraint gpu_prices_valid_check check (not isempty(valid)),
  -- A text is no operand of GiST without an extension; the range of its hash is, and two types of one hash are
  -- one in four thousand millions.
  constraint gpu_prices_gpu_type_valid_excl exclude using gist (
    int8range(hashtext(gpu_type)::bigint, hashtext(gpu_type)::bigint, '[]') with &&,
    valid with &&
  )
);
comment on table public.gpu_prices is 'Price book: what a GPU costs and does, and when';
comment on column public.gpu_prices.gpu_type is 'GPU, as jobs name it';
comment on column public.gpu_prices.hourly_rate is 'Price of one GPU for one hour';
comment on column public.gpu_prices.tokens_per_second is 'Tokens that one GPU trains on in a second, for estimates';
comment on column public.gpu_prices.valid is 'When the price holds; prices of one GPU do not overlap';

-- List prices to begin with; they are data, for the operator to replace.
insert into public.gpu_prices (gpu_type, hourly_rate, tokens_per_second, valid)
values
  ('A100-80GB', 3.50, 1800, tstzrange('2025-01-01 00:00:00+00', null)),
  ('A100-40GB', 2.80, 1500, tstzrange('2025-01-01 00:00:00+00', null)),
  ('H100', 4.20, 2200, tstzrange('2025-01-01 00:00:00+00', null)),
  ('V100-32GB', 2.10, 1200, tstzrange('2025-01-01 00:00:00+00', null));

revoke all on public.training_job_events, public.gpu_prices from public, anon, authenticated, service_role;
alter table public.training_job_events enable row level security;
alter table public.gpu_prices enable row level security;

create policy "Users can view events of own jobs" on public.training_job_events
  for select to authenticated
  using (job_id = any (array (select id from public.training_jobs where user_id = (select auth.uid()))));
create policy "Service can view events" on public.training_job_events for select to service_role using (true);
create policy "Service can record events" on public.training_job_events for insert to service_role with check (true);

create policy "Users can view prices" on public.gpu_prices for select to authenticated using (true);
create policy "Service can view prices" on public.gpu_prices for select to service_role using (true);
create policy "Service can create prices" on public.gpu_prices for insert to service_role with check (true);
create policy "Service can update prices" on public.gpu_prices
  for update to service_role using (true) with check (true);
create policy "Service can delete prices" on public.gpu_prices for delete to service_role using (true);
