-- What a budget stops, and what it tells of. Money that a job is expected to take is weighed when it goes into the queue, through
-- whichever door; what runs is never ended by a budget.

-- Beyond which no job goes into the queue; NULL where nothing is stopped. The operator's limit always stops, because one that the
-- user can switch off is none; the owner's where the owner wants it.
create or replace function lora_private.hard_limit(budget public.cost_budgets)
returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return least(budget.platform_limit, case when budget.hard_stop then budget.monthly_limit end);
end
$$;

-- As the owner of the tables: the row that two jobs wait for each other at is nobody's to write. After the row is there, so that it
-- is among those that are committed, and so that a repeated request, which adds none, is not weighed.
create or replace function lora_private.check_training_job_budget()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  budget public.cost_budgets;
  of_month pg_catalog.record;
  most pg_catalog.numeric;
begin
  select * into budget from public.cost_budgets as known where known.user_id = new.user_id;
  if not found then
    return null;
  end if;
  if lora_private.hard_limit(budget) is not null then
    -- Written, and not only locked: in a transaction that still sees what was before, Postgres refuses the second of two.
    insert into lora_private.budget_months as known (owner_id, weighed) values (new.user_id, 1)
    on conflict (owner_id) do update set weighed = known.weighed + 1;
    -- As it is now that the others are through.
    select * into budget from public.cost_budgets as known where known.user_id = new.user_id;
    most := lora_private.hard_limit(budget);
  end if;
  select * into of_month from lora_private.budget_figures(budget, lora_private.clock());
  if budget.currency = lora_private.currency_of_jobs() and of_month.spent + of_month.committed > most then
    raise exception 'the job does not fit into the budget of this month'
      using errcode = 'PT402', detail = pg_catalog.format(
        'Of %s %s, %s are spent and %s committed; the job is estimated at %s.',
        pg_catalog.trim_scale(most), budget.currency, pg_catalog.round(of_month.spent, 2),
        pg_catalog.round(of_month.committed - lora_private.expected_cost_of_attempt(new), 2),
        pg_catalog.round(lora_private.expected_cost_of_attempt(new), 2)),
      hint = case when most = budget.platform_limit
        then 'Cancel a job that waits, have the operator raise the platform''s limit, or wait for the next month.'
        else 'Cancel a job that waits, raise the limit with set_cost_budget, or wait for the next month.'
      end;
  end if;
  perform lora_private.tell_of_budget(budget, of_month.month, of_month.spent, of_month.committed);
  return null;
end
$$;

-- Tells the owner that 80, 95 or 100 % of the limit are spent or committed, each once in a month, and anew when the limit is another
-- one. Whoever finds the row taken leaves it: waiting here, with the locks of a job that is closed, would be waiting for whoever waits for
-- one of those, and what it has missed is told by the next one that comes, the sweep at the latest.
create or replace function lora_private.tell_of_budget(
  budget public.cost_budgets, month tstzrange, spent numeric, committed numeric
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  amount constant numeric := least(budget.monthly_limit, budget.platform_limit);
  known lora_private.budget_months;
  told pg_catalog.int4;
  reached constant pg_catalog.int4 := lora_private.reached_share(amount, spent + committed);
begin
  if reached is null then
    return false;
  end if;
  select * into known from lora_private.budget_months as candidate where candidate.owner_id = budget.user_id for no key update skip locked;
  if not found then
    return false;
  end if;
  told := case when known.month = pg_catalog.lower(tell_of_budget.month) and known.limit_of_month = amount then known.notified else 0 end;
  if reached <= told then
    return false;
  end if;
  update lora_private.budget_months as candidate
  set month = pg_catalog.lower(tell_of_budget.month), limit_of_month = amount, notified = reached
  where candidate.owner_id = budget.user_id;
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  select budget.user_id, 'budget_threshold', pg_catalog.format('%s %% of the budget', share.percent),
    pg_catalog.format('Of this month''s %s %s, %s are spent and %s committed.',
      pg_catalog.trim_scale(amount), budget.currency, pg_catalog.round(spent, 2), pg_catalog.round(committed, 2)),
    case when share.percent < 100 then 'medium' else 'high' end,
    pg_catalog.jsonb_build_object('threshold', share.percent, 'limit', amount, 'spent', spent, 'committed', committed,
      'currency', budget.currency,
      'month', pg_catalog.to_char(pg_catalog.lower(tell_of_budget.month) at time zone budget.time_zone, 'YYYY-MM'))
  from unnest(lora_private.told_shares()) as share (percent)
  where share.percent > told and share.percent <= reached
  order by share.percent;
  return true;
end
$$;

create or replace function lora_private.told_shares()
returns integer[]
language plpgsql immutable parallel safe
set search_path = ''
as $$ begin return array[80, 95, 100]; end $$;

-- The largest of them that an amount has reached; NULL for none, and without a limit.
create or replace function lora_private.reached_share(amount numeric, used numeric)
returns integer
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if used > 0 then
    return (
      select pg_catalog.max(share.percent) from unnest(lora_private.told_shares()) as share (percent)
      where used * 100 >= amount * share.percent
    );
  end if;
  return null;
end
$$;

-- As the owner of the tables, for the sweep as well, which is the service's.
create or replace function lora_private.look_at_budget(user_id uuid)
returns boolean
language plpgsql security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  budget public.cost_budgets;
  of_month pg_catalog.record;
begin
  select * into budget from public.cost_budgets as known where known.user_id = look_at_budget.user_id;
  if not found then
    return false;
  end if;
  select * into of_month from lora_private.budget_figures(budget, lora_private.clock());
  return lora_private.tell_of_budget(budget, of_month.month, of_month.spent, of_month.committed);
end
$$;

-- Whoever charges anything, an attempt that ends among them: once for each user in a statement.
create or replace function lora_private.record_charges_in_budgets()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  charged pg_catalog.uuid;
begin
  for charged in
    select budget.user_id from public.cost_budgets as budget
    where budget.user_id in (select added.user_id from added) order by budget.user_id
  loop
    begin
      perform lora_private.look_at_budget(charged);
    exception when others then
      -- What is charged is charged, whether or not its owner can be told of it.
      if not lora_private.is_fault_of_row(sqlstate) then
        raise;
      end if;
    end;
  end loop;
  return null;
end
$$;

-- A new budget has its month, and another limit may be reached already.
create or replace function lora_private.record_cost_budget()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into lora_private.budget_months (owner_id) values (new.user_id) on conflict do nothing;
  perform lora_private.look_at_budget(new.user_id);
  return null;
end
$$;

-- What runs spends as time goes by, and what was charged lately may not have been seen. Answers how many owners were told.
create or replace function lora_private.sweep_budgets()
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  spending pg_catalog.uuid;
  told pg_catalog.int8 := 0::bigint;
begin
  for spending in
    select budget.user_id from public.cost_budgets as budget
    where coalesce(budget.monthly_limit, budget.platform_limit) is not null
      and (
        exists (
          select from public.training_jobs as job
          where job.user_id = budget.user_id and job.status in ('queued', 'initializing', 'running'))
        -- Of two that charge at once neither sees the other.
        or exists (
          select from public.cost_records as record
          where record.user_id = budget.user_id
            and record.billing_period >= (lora_private.clock() at time zone 'UTC')::pg_catalog.date - 1))
    order by budget.user_id
  loop
    begin
      told := told + lora_private.look_at_budget(spending)::pg_catalog.int4;
    exception when others then
      -- One who cannot be told must not keep the others from being told.
      if not lora_private.is_fault_of_row(sqlstate) then
        raise;
      end if;
    end;
  end loop;
  return told;
end
$$;

revoke all on function
  lora_private.hard_limit(public.cost_budgets),
  lora_private.check_training_job_budget(),
  lora_private.tell_of_budget(public.cost_budgets, tstzrange, numeric, numeric),
  lora_private.told_shares(),
  lora_private.reached_share(numeric, numeric),
  lora_private.look_at_budget(uuid),
  lora_private.record_charges_in_budgets(),
  lora_private.record_cost_budget(),
  lora_private.sweep_budgets()
  from public, anon, authenticated, service_role;
grant execute on function lora_private.hard_limit(public.cost_budgets), lora_private.told_shares() to authenticated, service_role;
grant execute on function lora_private.look_at_budget(uuid), lora_private.sweep_budgets() to service_role;
revoke all on lora_private.budget_months from public, anon, authenticated, service_role;

-- Before what tells of the job, which would be in vain.
create or replace trigger check_new_training_job_budget
  after insert on public.training_jobs
  for each row execute function lora_private.check_training_job_budget();
-- One that failed and is tried again. What is lost with its worker goes on without being asked: that is nobody's decision.
create or replace trigger check_retried_training_job_budget
  after update on public.training_jobs
  for each row when (old.status = 'failed' and new.status = 'queued')
  execute function lora_private.check_training_job_budget();
create or replace trigger record_charges_in_budgets
  after insert on public.cost_records
  referencing new table as added
  for each statement execute function lora_private.record_charges_in_budgets();
create or replace trigger record_cost_budget
  after insert or update on public.cost_budgets
  for each row execute function lora_private.record_cost_budget();
