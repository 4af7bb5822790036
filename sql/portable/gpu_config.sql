-- gpu_config: which GPUs a job runs on, and at what price. core/src/document/gpus.rs says what and why.
create or replace function lora.normalize_gpu_config(gpu_config jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  name constant pg_catalog.text := 'gpu_config';
  aliases constant pg_catalog.text[] := array[
    -- Generated: gpu aliases.
    ['type', 'gpu_type'], ['count', 'num_gpus']
    -- End.
  ];
  number double precision;
  price numeric;
begin
  perform lora._check_object(name, gpu_config);
  gpu_config := lora._renamed(gpu_config, aliases);
  perform lora._check_text(name, gpu_config, 'gpu_type', 1, 50);
  gpu_config := lora._with_whole(name, gpu_config, 'num_gpus', 1, 4096);
  if gpu_config ? 'gpu_memory_gb' then
    number := lora._number_of(gpu_config, 'gpu_memory_gb');
    if (number > 0 and number <= 100000) is not true then
      perform lora._refuse_field(name, 'gpu_memory_gb', gpu_config, 'Give the memory of one GPU in GB, or leave it out.');
    end if;
  end if;
  if gpu_config ? 'spot' and pg_catalog.jsonb_typeof(gpu_config -> 'spot') not in ('boolean', 'null') then
    perform lora._refuse_field(name, 'spot', gpu_config, 'Give true for spot GPUs and false for others, or leave it out.');
  end if;
  if gpu_config -> 'cost_per_gpu_hour' <> 'null' then
    if pg_catalog.jsonb_typeof(gpu_config -> 'cost_per_gpu_hour') = 'number' then
      price := (gpu_config ->> 'cost_per_gpu_hour')::numeric;
    end if;
    if (price between 0 and 100000 and pg_catalog.min_scale(price) <= 10) is not true then
      perform lora._refuse_field(name, 'cost_per_gpu_hour', gpu_config,
        'Give the price of one GPU for one hour, a number from 0 to 100000 with at most ten places.');
    end if;
  end if;
  return gpu_config;
end
$$;
comment on function lora.normalize_gpu_config(jsonb) is
  'The document of a job''s GPUs under its standard names, every field checked';
grant execute on function lora.normalize_gpu_config(jsonb) to public;
