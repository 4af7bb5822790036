-- The columns that the API's functions keep, and figures that lose nothing: amounts with ten places (a tick of
-- $0.004 is not $0.00), metrics as floats (the loss of a diverged run is NaN or beyond any numeric(10,6)), and
-- the attempt in the key of a point, so that a retry cannot record it twice.

alter table public.datasets
  add column if not exists error_message text,
  add column if not exists content_sha256 text,
  add column if not exists validation_report jsonb,
  add column if not exists ruleset_version text,
  alter column created_at set default lora_private.clock(),
  alter column updated_at set default lora_private.clock();
comment on column public.datasets.error_message is 'Why the dataset is not usable, in one line; set by validation';
comment on column public.datasets.content_sha256 is 'SHA-256 of the content that was validated, in hex';
comment on column public.datasets.validation_report is 'The whole report of the last validation';
comment on column public.datasets.ruleset_version is 'Version of the rules of the last validation';

alter table public.training_jobs
  add column if not exists attempt integer not null default 1,
  add column if not exists claimed_by text,
  add column if not exists lease_expires_at timestamptz,
  add column if not exists last_heartbeat_at timestamptz,
  add column if not exists last_progress_at timestamptz,
  add column if not exists cancel_requested_at timestamptz,
  add column if not exists idempotency_key text,
  alter column queued_at set default lora_private.clock(),
  alter column created_at set default lora_private.clock(),
  alter column updated_at set default lora_private.clock();
create unique index if not exists training_jobs_user_id_idempotency_key_key
  on public.training_jobs (user_id, idempotency_key);
comment on column public.training_jobs.attempt is 'Rises each time the job returns to the queue; a worker names it in every write';
comment on column public.training_jobs.claimed_by is 'Name of the worker that claimed the job';
comment on column public.training_jobs.lease_expires_at is 'When the claim lapses unless a heartbeat renews it';
comment on column public.training_jobs.last_heartbeat_at is 'When the worker was last heard of';
comment on column public.training_jobs.last_progress_at is 'When the worker last reported a step';
comment on column public.training_jobs.cancel_requested_at is 'When the owner asked for the end of the job';
comment on column public.training_jobs.idempotency_key is 'The caller''s own key of the request that made the job';

alter table public.metrics_points
  add column if not exists attempt smallint not null default 1,
  alter column training_loss type double precision,
  alter column validation_loss type double precision,
  alter column learning_rate type double precision,
  alter column gradient_norm type double precision,
  alter column throughput type double precision,
  alter column gpu_utilization type double precision,
  alter column timestamp set default lora_private.clock();
-- Points that are there are of the first attempt; a new one is of its job's, which a trigger looks up.
alter table public.metrics_points alter column attempt drop default;
comment on column public.metrics_points.attempt is 'Attempt of the job that reported the point';

-- Points that an application inserted twice keep their values: the newest is of attempt 1, the older ones of
-- attempt 0, -1, and so on. An attempt is a smallint: of one step of a job there may be 32,770 copies. More are no retry of an
-- insert but a fault, and then this fails (22003) and everything stays as it was.
update public.metrics_points as point
set attempt = 2 - copy.number
from (
  select id, row_number() over (partition by job_id, attempt, step order by timestamp desc nulls last, id desc) as number
  from public.metrics_points
) as copy
where copy.id = point.id and copy.number > 1;

alter table public.metrics_points drop constraint if exists metrics_points_pkey;
alter table public.metrics_points add constraint metrics_points_pkey primary key (job_id, attempt, step);

alter table public.cost_records
  alter column amount type numeric(20, 10),
  add column if not exists idempotency_key text,
  add column if not exists period tstzrange,
  add column if not exists hourly_rate numeric,
  add column if not exists gpu_type text,
  add column if not exists gpus integer,
  add column if not exists currency char(3) not null default 'USD',
  alter column recorded_at set default lora_private.clock();
-- One amount that is no number would make every sum no number. Existing rows are looked at later; one that breaks this must
-- still lose its job with the account that the job belongs to, so this is for the rows of a job, as the other two are.
alter table public.cost_records drop constraint if exists cost_records_amount_check;
alter table public.cost_records add constraint cost_records_amount_check check (amount <> 'NaN' or job_id is null) not valid;
alter table public.cost_records drop constraint if exists cost_records_idempotency_key_check;
alter table public.cost_records
  add constraint cost_records_idempotency_key_check check (length(idempotency_key) <= 200) not valid;
create unique index if not exists cost_records_idempotency_key_key on public.cost_records (idempotency_key);
comment on column public.cost_records.amount is 'Exact amount in the currency, ten places';
comment on column public.cost_records.idempotency_key is 'Key of the event that is charged; it can be charged once';
comment on column public.cost_records.period is 'When the GPUs were held, for costs by time';
comment on column public.cost_records.hourly_rate is 'Price of one GPU for one hour during the period';
comment on column public.cost_records.gpu_type is 'GPU that was held';
comment on column public.cost_records.gpus is 'Number of GPUs that were held';
comment on column public.cost_records.currency is 'ISO 4217 code';

alter table public.model_artifacts
  alter column created_at set default lora_private.clock(),
  alter column updated_at set default lora_private.clock();
alter table public.notifications alter column created_at set default lora_private.clock();
