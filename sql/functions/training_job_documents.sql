-- The two documents of a job under the names of the specification. Applications have written them under other ones and
-- read them under these, so that a price was looked for where none was.

-- A document with its fields renamed. One that is there under both names keeps the standard one.
create or replace function lora_private.with_standard_names(document jsonb, names jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = ''
as $$
  select case when pg_catalog.jsonb_typeof(document) <> 'object' then document else (
    select coalesce(pg_catalog.jsonb_object_agg(coalesce(names ->> field.key, field.key), field.value), '{}')
    from pg_catalog.jsonb_each(document) as field
    where not (names ? field.key and document ? (names ->> field.key))
  ) end
$$;

create or replace function lora_private.standard_gpu_config(gpu_config jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = ''
as $$
  select lora_private.with_standard_names(gpu_config, '{"type": "gpu_type", "count": "num_gpus"}')
$$;

-- The presets that the application calls fast and quality have no twin in the specification: what it sends along counts.
create or replace function lora_private.standard_preset(preset_id text)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select case when preset_id in ('fast', 'quality') then 'custom' else preset_id end
$$;

-- What is left out comes from the preset; NULL for an unknown preset, and for what is no object.
create or replace function lora_private.standard_hyperparameters(hyperparameters jsonb, preset_id text)
returns jsonb
language sql stable
set search_path = ''
as $$
  select lora.hyperparameter_presets() -> lora_private.standard_preset(preset_id)
    || case pg_catalog.jsonb_typeof(sent) when 'object' then sent end
  from lora_private.with_standard_names(
    coalesce(hyperparameters, '{}'),
    '{"epochs": "num_epochs", "rank": "lora_rank", "alpha": "lora_alpha", "dropout": "lora_dropout"}'
  ) as sent
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

-- A field of a document that has to be a whole number from 1 to a limit.
create or replace function lora_private.check_whole_number(document jsonb, field text, document_name text, most bigint)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  value pg_catalog.jsonb := document -> field;
begin
  if pg_catalog.jsonb_typeof(value) is distinct from 'number'
    or (value #>> '{}')::numeric not between 1 and most
    or (value #>> '{}')::numeric % 1 <> 0 then
    raise exception '"%.%" is %', document_name, field, coalesce(pg_catalog.left(value #>> '{}', 50), 'missing')
      using errcode = '22023', hint = pg_catalog.format('Give a whole number from 1 to %s.', most);
  end if;
end
$$;

revoke all on function
  lora_private.with_standard_names(jsonb, jsonb),
  lora_private.standard_gpu_config(jsonb),
  lora_private.standard_preset(text),
  lora_private.standard_hyperparameters(jsonb, text),
  lora_private.gpu_hourly_rate(text),
  lora_private.gpu_tokens_per_second(text),
  lora_private.check_whole_number(jsonb, text, text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.with_standard_names(jsonb, jsonb),
  lora_private.standard_gpu_config(jsonb),
  lora_private.standard_preset(text),
  lora_private.standard_hyperparameters(jsonb, text),
  lora_private.gpu_hourly_rate(text),
  lora_private.gpu_tokens_per_second(text),
  lora_private.check_whole_number(jsonb, text, text, bigint)
  to authenticated, service_role;
