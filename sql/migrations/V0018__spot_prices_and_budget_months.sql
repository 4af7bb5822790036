-- What a spot GPU costs, what finished runs are like a new one, and what was told of each budget in its month.

alter table public.gpu_prices add column if not exists spot_hourly_rate numeric(20, 10);
comment on column public.gpu_prices.spot_hourly_rate is
  'Price of one GPU for one hour that may be taken away at any time; none when NULL';
alter table public.gpu_prices drop constraint if exists gpu_prices_spot_hourly_rate_check;
alter table public.gpu_prices
  -- NaN is greater than any number, and so outside.
  add constraint gpu_prices_spot_hourly_rate_check check (spot_hourly_rate >= 0 and spot_hourly_rate < 'Infinity');

-- Runs of one model on the same GPUs, newest first, for what the next one will take. A job comes in when it is complete, once. An
-- adopted job may name its model with any text, and no more than 2,700 bytes fit.
create index if not exists training_jobs_completed_runs_idx on public.training_jobs (
  (pg_catalog.left(hyperparameters ->> 'base_model', 200)), (pg_catalog.left(gpu_config ->> 'gpu_type', 50)),
  (pg_catalog.left(gpu_config ->> 'num_gpus', 10)), completed_at desc
) where status = 'completed';

-- What a user's budget is weighed with: a handful of rows, however many jobs are over.
create index if not exists training_jobs_user_id_active_idx
  on public.training_jobs (user_id) where status in ('queued', 'initializing', 'running');

-- One row for each budget. It is written by whoever weighs a new job, so that two jobs at once are weighed one after the other
-- in any isolation level; a lock alone would let a transaction of an older snapshot pass.
create table lora_private.budget_months (
  owner_id uuid primary key references public.cost_budgets (user_id) on delete cascade,
  weighed bigint not null default 0,
  month timestamptz,
  limit_of_month numeric,
  notified smallint not null default 0
) with (fillfactor = 50);
comment on table lora_private.budget_months is 'What was told of each budget in its current month';
comment on column lora_private.budget_months.owner_id is 'Whose budget';
comment on column lora_private.budget_months.weighed is 'How many jobs were weighed against a hard limit';
comment on column lora_private.budget_months.month is 'Begin of the month that was told of last';
comment on column lora_private.budget_months.limit_of_month is 'Limit that the shares are of; another one is told of anew';
comment on column lora_private.budget_months.notified is 'Largest share of the limit that was told of in the month, in percent';
insert into lora_private.budget_months (owner_id) select user_id from public.cost_budgets on conflict do nothing;

-- Only the database's own functions work with it.
revoke all on lora_private.budget_months from public, anon, authenticated, service_role;
alter table lora_private.budget_months enable row level security;
create policy "Service can view months of budgets" on lora_private.budget_months for select to service_role using (true);
