-- What each user may spend in a month. A version of its own: its key to auth.users locks accounts until it ends.

create table public.cost_budgets (
  user_id uuid primary key references auth.users (id) on delete cascade,
  monthly_limit numeric(20, 10),
  platform_limit numeric(20, 10),
  hard_stop boolean not null default false,
  time_zone text not null default 'UTC',
  currency char(3) not null default 'USD',
  created_at timestamptz not null default lora_private.clock(),
  updated_at timestamptz not null default lora_private.clock(),
  -- NaN is greater than any number, and so outside.
  constraint cost_budgets_monthly_limit_check check (monthly_limit >= 0 and monthly_limit < 'Infinity'),
  constraint cost_budgets_platform_limit_check check (platform_limit >= 0 and platform_limit < 'Infinity'),
  constraint cost_budgets_time_zone_check check (length(time_zone) between 1 and 100),
  constraint cost_budgets_currency_check check (currency ~ '^[A-Z]{3}$')
);
comment on table public.cost_budgets is 'Limit of what a user spends in a month; the smaller of the two limits counts';
comment on column public.cost_budgets.user_id is 'Whose budget it is';
comment on column public.cost_budgets.monthly_limit is 'Limit that the owner chose; none when NULL';
comment on column public.cost_budgets.platform_limit is 'Limit that the operator set; none when NULL';
comment on column public.cost_budgets.hard_stop is 'Whether no job starts beyond the limit, or only a notification says so';
comment on column public.cost_budgets.time_zone is 'Time zone whose months are meant';
comment on column public.cost_budgets.currency is 'ISO 4217 code of the limits';
comment on column public.cost_budgets.created_at is 'When the budget was made';
comment on column public.cost_budgets.updated_at is 'When the budget was last changed';

revoke all on public.cost_budgets from public, anon, authenticated, service_role;
alter table public.cost_budgets enable row level security;

create policy "Users can view own budget" on public.cost_budgets
  for select to authenticated using (user_id = (select auth.uid()));
create policy "Users can create own budget" on public.cost_budgets
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "Users can update own budget" on public.cost_budgets
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "Service can view budgets" on public.cost_budgets for select to service_role using (true);
create policy "Service can create budgets" on public.cost_budgets for insert to service_role with check (true);
create policy "Service can update budgets" on public.cost_budgets
  for update to service_role using (true) with check (true);
create policy "Service can delete budgets" on public.cost_budgets for delete to service_role using (true);
