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

-- The list price of one GPU for one hour at this moment; NULL for one that is not in the price book.
create or replace function lora_private.gpu_hourly_rate(gpu_type text)
returns numeric
language sql stable
set search_path = ''
as $$
  select price.hourly_rate from public.gpu_prices as price
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

revoke all on function
  lora_private.standard_preset(text),
  lora_private.gpu_hourly_rate(text),
  lora_private.gpu_tokens_per_second(text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.standard_preset(text),
  lora_private.gpu_hourly_rate(text),
  lora_private.gpu_tokens_per_second(text)
  to authenticated, service_role;
