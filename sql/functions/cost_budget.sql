-- set_cost_budget, cost_budget: what a user may spend in a month, and how far that has gone.
create or replace function public.set_cost_budget(
  monthly_limit numeric, hard_stop boolean default null, time_zone text default null, currency text default null,
  user_id uuid default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  owner_id constant uuid := lora_private.owner_of_budget(set_cost_budget.user_id);
begin
  if set_cost_budget.monthly_limit is not null
    and (set_cost_budget.monthly_limit between 0 and 9999999999.9999999999
      and pg_catalog.min_scale(set_cost_budget.monthly_limit) <= 10) is not true then
    raise exception '"monthly_limit" is %', pg_catalog.left(set_cost_budget.monthly_limit::text, 50)
      using errcode = '22023', column = 'monthly_limit',
        hint = 'Pass an amount from 0 to below 10000000000 with at most ten places, or null for no limit.';
  end if;
  perform lora_private.check_length('time_zone', set_cost_budget.time_zone, 100);
  if pg_catalog.length(set_cost_budget.currency) <> 3 then
    -- Before the column cuts it, or fills it up.
    raise exception '"currency" is "%", which is none', pg_catalog.left(set_cost_budget.currency, 50)
      using errcode = '22023', column = 'currency', hint = 'Use a code of ISO 4217, such as "USD".';
  end if;
  begin
    insert into public.cost_budgets as budget (user_id, monthly_limit, hard_stop, time_zone, currency)
    values (
      owner_id, set_cost_budget.monthly_limit, coalesce(set_cost_budget.hard_stop, false),
      coalesce(set_cost_budget.time_zone, 'UTC'), coalesce(set_cost_budget.currency, lora_private.currency_of_jobs())
    )
    on conflict (user_id) do update set
      monthly_limit = set_cost_budget.monthly_limit,
      -- What is left out stays as it is.
      hard_stop = coalesce(set_cost_budget.hard_stop, budget.hard_stop),
      time_zone = coalesce(set_cost_budget.time_zone, budget.time_zone),
      currency = coalesce(set_cost_budget.currency, budget.currency);
  exception when foreign_key_violation then
    raise exception 'user "%" does not exist', owner_id
      using errcode = 'PT404', column = 'user_id', hint = 'Pass the id of an account.';
  end;
  return public.cost_budget(owner_id);
end
$$;
comment on function public.set_cost_budget(numeric, boolean, text, text, uuid) is
  'Sets what a user may spend in a month, and answers how far that has gone';
revoke all on function public.set_cost_budget(numeric, boolean, text, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.set_cost_budget(numeric, boolean, text, text, uuid) to authenticated, service_role;

create or replace function public.cost_budget(user_id uuid default null)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  owner_id constant uuid := lora_private.owner_of_budget(cost_budget.user_id);
  at constant timestamptz := lora_private.clock();
  budget public.cost_budgets;
  amount numeric;
  of_month pg_catalog.record;
  a_day numeric;
  days_left numeric;
begin
  select * into budget from public.cost_budgets as known where known.user_id = owner_id;
  if not found then
    -- Without a limit what was spent is known all the same.
    budget.user_id := owner_id;
    budget.hard_stop := false;
    budget.time_zone := 'UTC';
    budget.currency := lora_private.currency_of_jobs();
  end if;
  amount := least(budget.monthly_limit, budget.platform_limit);
  select * into of_month from lora_private.budget_figures(budget, at);
  a_day := lora_private.charged_a_day(budget, at);
  days_left := extract(epoch from pg_catalog.upper(of_month.month) - at) / 86400;
  return pg_catalog.jsonb_build_object(
    'limit', amount, 'monthly_limit', budget.monthly_limit, 'platform_limit', budget.platform_limit,
    'hard_stop', budget.hard_stop, 'hard_limit', lora_private.hard_limit(budget),
    'currency', budget.currency, 'time_zone', budget.time_zone,
    'period', pg_catalog.jsonb_build_object('from', pg_catalog.lower(of_month.month), 'to', pg_catalog.upper(of_month.month)),
    'spent', of_month.spent, 'committed', of_month.committed,
    'remaining', amount - of_month.spent - of_month.committed,
    'forecast', pg_catalog.round(of_month.spent + of_month.committed + a_day * days_left, 10),
    'waste', lora_private.wasted(budget, at, of_month.month),
    'thresholds', (
      select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'percent', share.percent, 'amount', pg_catalog.round(amount * share.percent / 100, 10),
        'reached', amount is not null and of_month.spent + of_month.committed > 0
          and (of_month.spent + of_month.committed) * 100 >= amount * share.percent
      ) order by share.percent)
      from unnest(lora_private.told_shares()) as share (percent)
    ));
end
$$;
comment on function public.cost_budget(uuid) is
  'What a user may spend in this month, what is spent and committed, and what the month will have cost';
revoke all on function public.cost_budget(uuid) from public, anon, authenticated, service_role;
grant execute on function public.cost_budget(uuid) to authenticated, service_role;

-- Whose budget is meant: a client's own, and for the service the one that it names.
create or replace function lora_private.owner_of_budget(user_id uuid)
returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  owner_id pg_catalog.uuid := user_id;
begin
  if lora_private.is_client() then
    owner_id := (select auth.uid());
    if user_id is distinct from owner_id and user_id is not null then
      raise exception 'a budget is its owner''s' using errcode = '42501', hint = 'Leave out "user_id".';
    end if;
  end if;
  if owner_id is null then
    raise exception '"user_id" is missing' using errcode = '22023', column = 'user_id', hint = 'Pass the id of an account.';
  end if;
  return owner_id;
end
$$;

-- What a day has cost lately: the ledger of the last thirty days, or of those since the first charge.
create or replace function lora_private.charged_a_day(budget public.cost_budgets, at timestamptz)
returns numeric
language plpgsql stable
set search_path = ''
as $$
declare
  today constant pg_catalog.date := (at at time zone 'UTC')::pg_catalog.date;
  days numeric;
begin
  select least(30, 1 + today - pg_catalog.min(record.billing_period))::numeric into days
  from public.cost_records as record
  where record.user_id = budget.user_id and record.currency = budget.currency
    and record.billing_period between today - 29 and today;
  if days is null then
    return 0.0;
  end if;
  return lora_private.charged_within(
    budget.user_id, budget.currency, pg_catalog.tstzrange(at - '30 days'::pg_catalog.interval, at), today - 29, today + 1) / days;
end
$$;
revoke all on function lora_private.owner_of_budget(uuid), lora_private.charged_a_day(public.cost_budgets, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.owner_of_budget(uuid), lora_private.charged_a_day(public.cost_budgets, timestamptz)
  to authenticated, service_role;
