-- What the two documents of a job do not say themselves: which preset is meant, and what the price book says. Their fields are
-- the business of lora.normalize_….

-- The presets that the application calls fast and quality have no twin in the specification: what it sends along counts.
create or replace function lora_private.standard_preset(preset_id text)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select case when preset_id in ('fast', 'quality') then 'custom' else preset_id end
$$;

-- The list price of one GPU for one hour at this moment; NULL for one that is not in the price book, or not as a spot GPU.
create or replace function lora_private.gpu_hourly_rate(gpu_type text, is_spot boolean)
returns numeric
language sql stable
set search_path = ''
as $$
  select case when is_spot then price.spot_hourly_rate else price.hourly_rate end from public.gpu_prices as price
  where price.gpu_type = gpu_hourly_rate.gpu_type and price.valid @> lora_private.clock()
$$;

-- Tokens that one GPU trains in a second, by the price book of the day. What is not in it counts as the slowest that
-- is, so that an estimate is not too low.
create or replace function lora_private.gpu_tokens_per_second(gpu_type text)
returns double precision
language sql stable
set search_path = ''
as $$
  select coalesce(
    pg_catalog.max(price.tokens_per_second) filter (where price.gpu_type = gpu_tokens_per_second.gpu_type),
    pg_catalog.min(price.tokens_per_second),
    1200
  )
  from public.gpu_prices as price
  where price.valid @> lora_private.clock()
$$;

-- The document of a job's GPUs with a price, its own or that of the book. From then on it never changes, whatever the book says later.
create or replace function lora_private.priced_gpu_config(gpu_config jsonb)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  is_spot boolean;
  of_book numeric;
begin
  perform lora_private.check_document_size('gpu_config', gpu_config, 65536);
  gpu_config := lora.normalize_gpu_config(coalesce(gpu_config, '{}'));
  is_spot := coalesce((gpu_config ->> 'spot')::boolean, false);
  of_book := lora_private.gpu_hourly_rate(gpu_config ->> 'gpu_type', is_spot);
  if gpu_config ->> 'cost_per_gpu_hour' is null then
    gpu_config := gpu_config || pg_catalog.jsonb_build_object('cost_per_gpu_hour', pg_catalog.trim_scale(of_book));
  elsif (gpu_config ->> 'cost_per_gpu_hour')::numeric < of_book and lora_private.is_client()
    -- A client sees no budget but its own.
    and exists (select from public.cost_budgets as budget where budget.platform_limit is not null) then
    -- A limit that the user can switch off is none.
    raise exception '"gpu_config.cost_per_gpu_hour" is %, and the price book says % for "%"',
      gpu_config ->> 'cost_per_gpu_hour', pg_catalog.trim_scale(of_book), gpu_config ->> 'gpu_type'
      using errcode = '42501', hint = 'Leave it out: the price of the book holds.';
  end if;
  if gpu_config ->> 'cost_per_gpu_hour' is null then
    raise exception '"gpu_config.cost_per_gpu_hour" is missing'
      using errcode = '22023',
        detail = pg_catalog.format('The price book has no %s of "%s" for today.',
          case when is_spot then 'spot price' else 'price' end, gpu_config ->> 'gpu_type'),
        hint = 'Give the price of one GPU for one hour, a number from 0 to 100000 with at most ten places'
          || case when is_spot then ', or leave out "spot".' else '.' end;
  elsif (gpu_config ->> 'cost_per_gpu_hour')::numeric * (gpu_config ->> 'num_gpus')::numeric > 100000 then
    -- At this rate an amount of the ledger is full after eleven years. A job must always be possible to close.
    raise exception 'the GPUs cost more than 100000 an hour'
      using errcode = '22023', hint = 'Check "gpu_config.num_gpus" and "gpu_config.cost_per_gpu_hour".';
  end if;
  return gpu_config;
end
$$;

revoke all on function
  lora_private.standard_preset(text),
  lora_private.gpu_hourly_rate(text, boolean),
  lora_private.priced_gpu_config(jsonb),
  lora_private.gpu_tokens_per_second(text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.standard_preset(text),
  lora_private.gpu_hourly_rate(text, boolean),
  lora_private.priced_gpu_config(jsonb),
  lora_private.gpu_tokens_per_second(text)
  to authenticated, service_role;
