-- Rights on events, prices and budgets. Clients only read the first two; of their budget they decide all but the
-- limit that the platform sets.
create or replace function lora_private.guard_cost_budgets()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  hint constant pg_catalog.text := 'Set monthly_limit, hard_stop, time_zone or currency; the service sets platform_limit.';
begin
  if tg_op = 'UPDATE' then
    perform lora_private.refuse_other_columns(
      'cost_budgets', pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new),
      array['monthly_limit', 'hard_stop', 'updated_at']
        -- In other months, or in a currency that no job is charged in, the platform's limit would be none.
        || case when old.platform_limit is null then array['time_zone', 'currency'] else '{}' end,
      case when old.platform_limit is null then hint
        else 'Set monthly_limit or hard_stop; with a platform_limit the service sets the rest.' end);
    return new;
  end if;
  if new.platform_limit is not null then
    perform lora_private.refuse_column('cost_budgets', 'platform_limit', hint);
  end if;
  new.created_at := lora_private.clock();
  new.updated_at := new.created_at;
  return new;
end
$$;

-- A zone that Postgres does not know has no months, and a currency of another form stands in no ledger: for every role.
create or replace function lora_private.check_cost_budget()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not lora_private.is_time_zone(new.time_zone) then
    raise exception '"time_zone" is "%", which is none', coalesce(new.time_zone, 'null')
      using errcode = '22023', column = 'time_zone', hint = 'Use a name such as "Europe/Berlin" or "UTC".';
  end if;
  if (new.currency ~ '^[A-Z]{3}$') is not true then
    raise exception '"currency" is "%", which is none', coalesce(new.currency, 'null')
      using errcode = '22023', column = 'currency', hint = 'Use a code of ISO 4217, such as "USD".';
  elsif new.platform_limit is not null and new.currency <> lora_private.currency_of_jobs() then
    raise exception '"platform_limit" is in "%", in which no job is charged', new.currency
      using errcode = '22023', column = 'platform_limit',
        hint = pg_catalog.format('Set "currency" to "%s" along with it.', lora_private.currency_of_jobs());
  end if;
  return new;
end
$$;
revoke all on function lora_private.guard_cost_budgets(), lora_private.check_cost_budget()
  from public, anon, authenticated, service_role;

create or replace trigger a_guard_cost_budgets
  before insert or update on public.cost_budgets
  for each row when (lora_private.is_client())
  execute function lora_private.guard_cost_budgets();
create or replace trigger b_check_cost_budget
  before insert or update of time_zone, currency, platform_limit on public.cost_budgets
  for each row execute function lora_private.check_cost_budget();

revoke all on public.training_job_events, public.gpu_prices, public.cost_budgets
  from public, anon, authenticated, service_role;
grant select on public.training_job_events, public.gpu_prices to authenticated;
grant select, insert, update on public.cost_budgets to authenticated;
grant select, insert on public.training_job_events to service_role;
grant select, insert, update, delete on public.gpu_prices, public.cost_budgets to service_role;
