-- hyperparameters: those of a job, and the presets. core/src/document/hyperparameters.rs says what and why.
create or replace function lora.hyperparameter_presets()
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object(
    -- Generated: presets.
    'conservative', '{"base_model":"mistralai/Mistral-7B-v0.1","learning_rate":0.0001,"batch_size":4,"num_epochs":3,"lora_rank":8,"lora_alpha":16,"lora_dropout":0.05}'::pg_catalog.jsonb,
    'balanced', '{"base_model":"mistralai/Mistral-7B-v0.1","learning_rate":0.0002,"batch_size":8,"num_epochs":5,"lora_rank":16,"lora_alpha":32,"lora_dropout":0.1}'::pg_catalog.jsonb,
    'aggressive', '{"base_model":"mistralai/Mistral-7B-v0.1","learning_rate":0.0003,"batch_size":16,"num_epochs":10,"lora_rank":32,"lora_alpha":64,"lora_dropout":0.1}'::pg_catalog.jsonb,
    'custom', '{"base_model":"mistralai/Mistral-7B-v0.1","learning_rate":0.0002,"batch_size":8,"num_epochs":5,"lora_rank":16,"lora_alpha":32,"lora_dropout":0.1}'::pg_catalog.jsonb
    -- End.
  );
end
$$;
comment on function lora.hyperparameter_presets() is
  'Hyperparameters of each preset, by name';
grant execute on function lora.hyperparameter_presets() to public;

create or replace function lora.normalize_hyperparameters(hyperparameters jsonb, preset text)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  name constant pg_catalog.text := 'hyperparameters';
  aliases constant pg_catalog.text[] := array[
    -- Generated: hyperparameter aliases.
    ['epochs', 'num_epochs'], ['rank', 'lora_rank'], ['alpha', 'lora_alpha'], ['dropout', 'lora_dropout']
    -- End.
  ];
  defaults constant pg_catalog.jsonb := lora.hyperparameter_presets()
    -> case when preset in ('fast', 'quality') then 'custom' else preset end;
  number double precision;
begin
  if defaults is null then
    raise exception 'unknown preset "%"', pg_catalog.left(preset, 50)
      using errcode = '22023', hint = 'Use conservative, balanced, aggressive or custom.';
  end if;
  perform lora._check_object(name, hyperparameters);
  hyperparameters := defaults || lora._renamed(hyperparameters, aliases);
  perform lora._check_text(name, hyperparameters, 'base_model', 1, 200);
  number := lora._number_of(hyperparameters, 'learning_rate');
  if (number > 0 and number <= 1) is not true then
    perform lora._refuse_field(name, 'learning_rate', hyperparameters, 'Give a number above 0 and at most 1, such as 0.0002.');
  end if;
  hyperparameters := lora._with_whole(name, hyperparameters, 'batch_size', 1, 100000);
  hyperparameters := lora._with_whole(name, hyperparameters, 'num_epochs', 1, 1000);
  hyperparameters := lora._with_whole(name, hyperparameters, 'lora_rank', 1, 1024);
  hyperparameters := lora._with_whole(name, hyperparameters, 'lora_alpha', 1, 65536);
  number := lora._number_of(hyperparameters, 'lora_dropout');
  if (number >= 0 and number < 1) is not true then
    perform lora._refuse_field(name, 'lora_dropout', hyperparameters, 'Give a number from 0 to below 1, such as 0.05.');
  end if;
  if hyperparameters ? 'warmup_steps' then
    hyperparameters := lora._with_whole(name, hyperparameters, 'warmup_steps', 0, 100000000);
  end if;
  if hyperparameters ? 'weight_decay' then
    number := lora._number_of(hyperparameters, 'weight_decay');
    if (number >= 0 and number <= 1) is not true then
      perform lora._refuse_field(name, 'weight_decay', hyperparameters, 'Give a number from 0 to 1, or leave it out.');
    end if;
  end if;
  if hyperparameters ? 'gradient_accumulation_steps' then
    hyperparameters := lora._with_whole(name, hyperparameters, 'gradient_accumulation_steps', 1, 100000);
  end if;
  if hyperparameters ? 'max_steps' then
    hyperparameters := lora._with_whole(name, hyperparameters, 'max_steps', 1, 100000000);
  end if;
  return hyperparameters;
end
$$;
comment on function lora.normalize_hyperparameters(jsonb, text) is
  'Hyperparameters under their standard names, filled in from a preset, every field checked';
grant execute on function lora.normalize_hyperparameters(jsonb, text) to public;
