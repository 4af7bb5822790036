-- record_cost: what is charged besides GPU time: storage, tokens, transfer. Once for each key, for ever.
create or replace function public.record_cost(
  user_id uuid, cost_type text, amount numeric, idempotency_key text, job_id uuid default null, period tstzrange default null,
  billing_period date default null, details jsonb default null, currency text default 'USD'
)
returns public.cost_records
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  record public.cost_records;
begin
  perform lora_private.check_cost_key(record_cost.idempotency_key);
  if (record_cost.cost_type ~ '^[a-z][a-z_]{1,49}$') is not true then
    raise exception '"cost_type" is %', coalesce('"' || pg_catalog.left(record_cost.cost_type, 100) || '"', 'null')
      using errcode = '22023', column = 'cost_type', hint = 'Use 2 to 50 small letters and underscores, such as "storage" or "inference_tokens".';
  elsif (record_cost.amount between 0 and 9999999999.9999999999 and pg_catalog.min_scale(record_cost.amount) <= 10) is not true then
    raise exception '"amount" is %', coalesce(pg_catalog.left(record_cost.amount::text, 50), 'null')
      using errcode = '22023', column = 'amount',
        hint = 'Pass an amount from 0 to below 10000000000 with at most ten places. What was charged too much is taken back by correct_cost.';
  elsif (record_cost.currency ~ '^[A-Z]{3}$') is not true then
    raise exception '"currency" is %', coalesce('"' || pg_catalog.left(record_cost.currency, 50) || '"', 'null')
      using errcode = '22023', column = 'currency', hint = 'Use a code of ISO 4217, such as "USD".';
  elsif record_cost.period is not null and (
    pg_catalog.isempty(record_cost.period)
    or (pg_catalog.isfinite(pg_catalog.lower(record_cost.period)) and pg_catalog.isfinite(pg_catalog.upper(record_cost.period))) is not true
  ) then
    raise exception '"period" is "%"', record_cost.period
      using errcode = '22023', column = 'period', hint = 'Pass a period with a begin and an end, such as [2026-01-01,2026-02-01), or none.';
  elsif record_cost.billing_period is not null and not pg_catalog.isfinite(record_cost.billing_period)
    or record_cost.billing_period <> (pg_catalog.lower(record_cost.period) at time zone 'UTC')::date then
    raise exception '"billing_period" is "%"', record_cost.billing_period
      using errcode = '22023', column = 'billing_period', hint = 'Leave it out, or pass the day (UTC) on which the period begins.';
  end if;

  begin
    insert into public.cost_records (
      user_id, job_id, cost_type, amount, billing_period, period, details, currency, idempotency_key
    )
    values (
      record_cost.user_id, record_cost.job_id, record_cost.cost_type, record_cost.amount,
      coalesce(
        record_cost.billing_period, (coalesce(pg_catalog.lower(record_cost.period), lora_private.clock()) at time zone 'UTC')::date),
      record_cost.period, record_cost.details, record_cost.currency, record_cost.idempotency_key
    )
    on conflict (idempotency_key) do nothing
    returning * into record;
  exception when foreign_key_violation or not_null_violation then
    raise exception 'user "%" does not exist', coalesce(record_cost.user_id::text, 'null')
      using errcode = 'PT404', column = 'user_id', hint = 'Pass the id of an account.';
  end;
  if found then
    return record;
  end if;
  select * into record from public.cost_records as known where known.idempotency_key = record_cost.idempotency_key;
  perform lora_private.refuse_other_cost(record, case
    when record.user_id is distinct from record_cost.user_id then 'user_id'
    when record.job_id is distinct from record_cost.job_id
      -- A row forgets a job that is gone.
      and not (record.job_id is null and not exists (select from public.training_jobs as job where job.id = record_cost.job_id))
      then 'job_id'
    when record.cost_type <> record_cost.cost_type then 'cost_type'
    when record.amount <> record_cost.amount then 'amount'
    when record.currency <> record_cost.currency then 'currency'
    when record.period is distinct from record_cost.period then 'period'
    when record.billing_period <> record_cost.billing_period then 'billing_period'
    when record.details is distinct from record_cost.details then 'details'
    when record.corrects is not null then 'corrects'
  end);
  return record;
end
$$;
comment on function public.record_cost(uuid, text, numeric, text, uuid, tstzrange, date, jsonb, text) is
  'Charges what is no GPU time, once for each key, and answers the row of the ledger';
revoke all on function public.record_cost(uuid, text, numeric, text, uuid, tstzrange, date, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.record_cost(uuid, text, numeric, text, uuid, tstzrange, date, jsonb, text) to service_role;

-- correct_cost: takes back a part of what a row charged, in the period and of the type of that row.
create or replace function public.correct_cost(record_id uuid, amount numeric, reason text, idempotency_key text)
returns public.cost_records
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  original public.cost_records;
  record public.cost_records;
begin
  perform lora_private.check_cost_key(correct_cost.idempotency_key);
  perform lora_private.check_length('reason', correct_cost.reason, 1000);
  if nullif(correct_cost.reason, '') is null then
    raise exception '"reason" is missing' using errcode = '22023', hint = 'Say why: it stands in the ledger.';
  elsif (correct_cost.amount > 0 and correct_cost.amount <= 9999999999.9999999999
    and pg_catalog.min_scale(correct_cost.amount) <= 10) is not true then
    raise exception '"amount" is %', coalesce(pg_catalog.left(correct_cost.amount::text, 50), 'null')
      using errcode = '22023', column = 'amount', hint = 'Pass what is taken back, above 0, with at most ten places.';
  end if;
  select * into original from public.cost_records as known where known.id = correct_cost.record_id;
  if not found then
    raise exception 'cost record "%" does not exist', coalesce(correct_cost.record_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a row of the ledger.';
  end if;

  -- That it is not more than what is left is for a trigger to say, as anybody may insert a correction.
  insert into public.cost_records (
    user_id, job_id, cost_type, amount, billing_period, gpu_type, gpus, currency, corrects, idempotency_key, details
  )
  select original.user_id, original.job_id, original.cost_type, -correct_cost.amount, original.billing_period, original.gpu_type,
    original.gpus, original.currency, original.id, correct_cost.idempotency_key,
    pg_catalog.jsonb_build_object('reason', correct_cost.reason)
  -- A correction that is sent again is not one more.
  where not exists (select from public.cost_records as known where known.idempotency_key = correct_cost.idempotency_key)
  on conflict (idempotency_key) do nothing
  returning * into record;
  if found then
    return record;
  end if;
  select * into record from public.cost_records as known where known.idempotency_key = correct_cost.idempotency_key;
  perform lora_private.refuse_other_cost(record, case
    when record.corrects is distinct from correct_cost.record_id then 'corrects'
    when record.amount <> -correct_cost.amount then 'amount'
    when record.details ->> 'reason' is distinct from correct_cost.reason then 'reason'
  end);
  return record;
end
$$;
comment on function public.correct_cost(uuid, numeric, text, text) is
  'Takes back a part of what a row of the ledger charged, once for each key, and answers the row that says so';
revoke all on function public.correct_cost(uuid, numeric, text, text) from public, anon, authenticated, service_role;
grant execute on function public.correct_cost(uuid, numeric, text, text) to service_role;

create or replace function lora_private.check_cost_key(idempotency_key text)
returns void
language plpgsql immutable
set search_path = ''
as $$
begin
  perform lora_private.check_length('idempotency_key', idempotency_key, 200);
  if nullif(idempotency_key, '') is null then
    raise exception '"idempotency_key" is missing'
      using errcode = '22023', hint = 'Pass a key of the event that is charged: the same key is charged once, however often it is sent.';
  end if;
end
$$;

-- A key that was used for something else.
create or replace function lora_private.refuse_other_cost(record public.cost_records, differs text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if differs is not null then
    raise exception 'idempotency key "%" was used for another charge', record.idempotency_key
      using errcode = 'PT409', column = differs, detail = pg_catalog.format('It differs in "%s"; the row is "%s".', differs, record.id),
        hint = 'Use a key of its own for each event that is charged.';
  end if;
end
$$;

-- A correction takes back what its original charged, and together with others never more than that; for every role and every door.
-- As the owner of the tables, because the original is locked: two corrections at once see each other.
create or replace function lora_private.check_correction()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  original public.cost_records;
  remaining pg_catalog.numeric;
  differs pg_catalog.text;
begin
  select * into original from public.cost_records as known where known.id = new.corrects for no key update;
  if not found then
    -- For the foreign key, or the check of owners, to name.
    return new;
  elsif exists (select from public.cost_records as known where known.idempotency_key = new.idempotency_key) then
    -- The same one again, that waited for the first: the key is for the index to refuse.
    return new;
  end if;
  differs := case
    when original.corrects is not null then 'corrects'
    when new.job_id is distinct from original.job_id then 'job_id'
    when new.cost_type is distinct from original.cost_type then 'cost_type'
    when new.currency is distinct from original.currency then 'currency'
    when new.billing_period is distinct from original.billing_period then 'billing_period'
    when new.period is not null then 'period'
    when (new.amount < 0) is not true then 'amount'
  end;
  if differs is not null then
    raise exception '"%" is none of a correction of cost record "%"', differs, original.id
      using errcode = '22023', column = differs,
        hint = 'Take back a negative amount of a row that is no correction itself, with its job, cost type, currency and billing period, and no period.';
  end if;
  select original.amount + coalesce(pg_catalog.sum(known.amount), 0) into remaining
  from public.cost_records as known where known.corrects = original.id;
  if (-new.amount <= remaining) is not true then
    raise exception 'correcting cost record "%" by % takes back more than is left of it', original.id, -new.amount
      using errcode = 'PT409', column = 'amount', detail = pg_catalog.format('Of %s %s are left.', original.amount, remaining),
        hint = 'Take back at most what is left.';
  end if;
  return new;
end
$$;
revoke all on function
  lora_private.check_cost_key(text),
  lora_private.refuse_other_cost(public.cost_records, text),
  lora_private.check_correction()
  from public, anon, authenticated, service_role;
grant execute on function lora_private.check_cost_key(text), lora_private.refuse_other_cost(public.cost_records, text)
  to service_role;

create or replace trigger d_check_correction
  before insert on public.cost_records
  for each row when (new.corrects is not null)
  execute function lora_private.check_correction();
