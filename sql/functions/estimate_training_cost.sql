-- estimate_training_cost: what a run would cost, before it is asked for. A new job is estimated by the same functions.
create or replace function public.estimate_training_cost(
  dataset_id uuid, hyperparameters jsonb default '{}', gpu_config jsonb default null, preset_id text default 'balanced'
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  dataset public.datasets;
  whole jsonb;
  gpus jsonb;
  work pg_catalog.record;
  estimate jsonb;
begin
  -- Row-level security shows a client its own. That of somebody else is not to be told from one that does not exist.
  select * into dataset from public.datasets as candidate
  where candidate.id = estimate_training_cost.dataset_id and candidate.deleted_at is null;
  if not found then
    raise exception 'dataset "%" does not exist', coalesce(estimate_training_cost.dataset_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a dataset of your own that is not deleted.';
  end if;
  perform lora_private.check_dataset_is_ready(dataset);
  whole := lora_private.hyperparameters_of_run(estimate_training_cost.hyperparameters, estimate_training_cost.preset_id);
  gpus := lora_private.priced_gpu_config(estimate_training_cost.gpu_config);
  select * into work from lora_private.work_of_run(dataset, whole);
  estimate := lora_private.estimate_of_run(work.steps, work.epochs, work.tokens, whole, gpus);
  return pg_catalog.jsonb_build_object(
    'low', estimate -> 'low', 'expected', estimate -> 'expected', 'high', estimate -> 'high', 'hours', estimate -> 'hours',
    'steps', estimate -> 'steps', 'method', estimate -> 'method', 'currency', lora_private.currency_of_jobs());
end
$$;
comment on function public.estimate_training_cost(uuid, jsonb, jsonb, text) is
  'What training on a dataset would cost: low, expected and high, and by which method they were found';
revoke all on function public.estimate_training_cost(uuid, jsonb, jsonb, text) from public, anon, authenticated, service_role;
grant execute on function public.estimate_training_cost(uuid, jsonb, jsonb, text) to authenticated, service_role;

-- What GPU time is charged in.
create or replace function lora_private.currency_of_jobs()
returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$ begin return 'USD'; end $$;

-- A dataset that no run can be made of.
create or replace function lora_private.check_dataset_is_ready(dataset public.datasets)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if dataset.status is distinct from 'ready' or dataset.training_ready is not true
    or coalesce(dataset.total_training_pairs, 0) < 1 then
    raise exception 'dataset "%" is not ready', dataset.id
      using errcode = 'PT409', detail = pg_catalog.format('Its status is "%s".', dataset.status),
        hint = 'Validate the dataset first; see its validation_errors.';
  end if;
end
$$;

create or replace function lora_private.hyperparameters_of_run(hyperparameters jsonb, preset_id text)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  perform lora_private.check_document_size('hyperparameters', hyperparameters, 65536);
  return lora.normalize_hyperparameters(coalesce(hyperparameters, '{}'), coalesce(preset_id, 'null'));
end
$$;

-- Steps of one epoch as transformers' Trainer counts: batches, the last one included, and as many of them in a step as are
-- accumulated, the last step included. NULL for what an adopted job may hold instead of numbers.
create or replace function lora_private.steps_of_epoch(pairs integer, hyperparameters jsonb)
returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  batch constant numeric := lora_private.figure(hyperparameters -> 'batch_size', 1e9);
  accumulated constant numeric := case
    when hyperparameters ? 'gradient_accumulation_steps' then lora_private.figure(hyperparameters -> 'gradient_accumulation_steps', 1e9)
    else 1
  end;
begin
  if pairs >= 1 and batch >= 1 and accumulated >= 1 then
    return pg_catalog.ceil(pg_catalog.ceil(pairs / batch) / accumulated);
  end if;
  return null;
end
$$;

-- What a run has to do: its steps, the epochs that these are, and the tokens that are trained on in all. A number of steps overrides
-- the number of epochs, as in the trainers.
create or replace function lora_private.work_of_run(
  dataset public.datasets, hyperparameters jsonb, out steps integer, out epochs integer, out tokens double precision
)
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  of_epoch constant numeric := lora_private.steps_of_epoch(dataset.total_training_pairs, hyperparameters);
  counted numeric;
begin
  if hyperparameters ? 'max_steps' then
    counted := (hyperparameters ->> 'max_steps')::numeric;
    epochs := pg_catalog.ceil(counted / of_epoch)::integer;
  else
    epochs := (hyperparameters ->> 'num_epochs')::numeric::integer;
    counted := epochs * of_epoch;
    if counted > 100000000 then
      raise exception 'the run has % steps', counted
        using errcode = '22023', hint = 'Use a larger batch, fewer epochs, or max_steps; 100000000 steps at most.';
    end if;
  end if;
  steps := counted::integer;
  tokens := lora_private.tokens_of_epoch(dataset.validation_report #> '{tokens,sequence}', dataset.total_tokens) * (counted / of_epoch)::double precision;
end
$$;

-- Tokens that an epoch trains on; 0 where nobody has counted them.
create or replace function lora_private.tokens_of_epoch(sequence_tokens jsonb, total_tokens bigint)
returns double precision
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return coalesce(lora_private.figure(sequence_tokens, 1e15), total_tokens, 0)::double precision;
end
$$;

-- The estimate of a run with whole documents: by what similar ones have taken where enough of them are known, else by the formula.
create or replace function lora_private.estimate_of_run(
  steps integer, epochs integer, tokens double precision, hyperparameters jsonb, gpu_config jsonb
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  gpus constant integer := (gpu_config ->> 'num_gpus')::numeric::integer;
begin
  return lora.estimate_cost(
    steps, tokens / steps, epochs, lora_private.gpu_tokens_per_second(gpu_config ->> 'gpu_type'),
    (gpu_config ->> 'cost_per_gpu_hour')::numeric, gpus,
    lora_private.shares_of_similar_jobs(
      hyperparameters ->> 'base_model', gpu_config ->> 'gpu_type', gpus,
      (hyperparameters ->> 'batch_size')::numeric * coalesce((hyperparameters ->> 'gradient_accumulation_steps')::numeric, 1), tokens));
end
$$;

-- What similar runs were charged for, as shares of the time that the formula says of each: lower quartile, median, upper quartile;
-- empty where fewer than five runs of three users are known.
--
-- As the owner of the tables, because the runs are those of all users. Nothing else leaves it: no run, no user, no dataset; each
-- user counts with five runs at most, so that nobody is most of what is answered for long, and three digits tell no time to the second.
create or replace function lora_private.shares_of_similar_jobs(
  base_model text, gpu_type text, gpus integer, batch_size numeric, tokens double precision
)
returns double precision[]
language plpgsql stable security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  throughput constant pg_catalog.float8 := lora_private.gpu_tokens_per_second(shares_of_similar_jobs.gpu_type);
  run pg_catalog.record;
  of_epoch pg_catalog.numeric;
  of_run pg_catalog.float8;
  batch pg_catalog.numeric;
  shares pg_catalog.float8[] := array[]::pg_catalog.float8[];
  users pg_catalog.uuid[] := array[]::pg_catalog.uuid[];
begin
  if (shares_of_similar_jobs.tokens > 0) is not true then
    return shares;
  end if;
  for run in
    select newest.user_id, newest.hyperparameters, newest.total_steps, dataset.total_training_pairs, dataset.total_tokens,
      dataset.validation_report #> '{tokens,sequence}' as sequence_tokens, (
        -- What was charged for, of all attempts: who runs the next one pays for those that are lost as well.
        select pg_catalog.sum(extract(epoch from pg_catalog.upper(record.period) - pg_catalog.lower(record.period)))
        from public.cost_records as record
        where record.job_id = newest.id and record.idempotency_key like 'training_compute:%'
      ) as seconds
    from (
      select job.*, pg_catalog.row_number() over (partition by job.user_id order by job.completed_at desc, job.id) as of_user
      from (
        select job.id, job.user_id, job.dataset_id, job.hyperparameters, job.total_steps, job.completed_at
        from public.training_jobs as job
        where job.status = 'completed' and job.completed_at > lora_private.clock() - '90 days'::pg_catalog.interval
          and pg_catalog.left(job.hyperparameters ->> 'base_model', 200) = pg_catalog.left(shares_of_similar_jobs.base_model, 200)
          and pg_catalog.left(job.gpu_config ->> 'gpu_type', 50) = pg_catalog.left(shares_of_similar_jobs.gpu_type, 50)
          and pg_catalog.left(job.gpu_config ->> 'num_gpus', 10) = shares_of_similar_jobs.gpus::pg_catalog.text
        order by job.completed_at desc
        limit 120
      ) as job
    ) as newest
    join public.datasets as dataset on dataset.id = newest.dataset_id
    where newest.of_user <= 5
    order by newest.completed_at desc, newest.id
    limit 30
  loop
    -- One after the other, because an adopted job may hold anything where these have numbers.
    of_epoch := lora_private.steps_of_epoch(run.total_training_pairs, run.hyperparameters);
    continue when of_epoch is null or (run.total_steps >= 1) is not true or (run.seconds > 0) is not true;
    of_run := lora_private.tokens_of_epoch(run.sequence_tokens, run.total_tokens) * (run.total_steps / of_epoch)::pg_catalog.float8;
    continue when of_run not between shares_of_similar_jobs.tokens / 4 and shares_of_similar_jobs.tokens * 4;
    batch := lora_private.figure(run.hyperparameters -> 'batch_size', 1e9)
      * coalesce(lora_private.figure(run.hyperparameters -> 'gradient_accumulation_steps', 1e9), 1);
    continue when batch not between shares_of_similar_jobs.batch_size / 2 and shares_of_similar_jobs.batch_size * 2;
    shares := shares || run.seconds::pg_catalog.float8 / (lora.estimate_cost(
      run.total_steps, of_run / run.total_steps, pg_catalog.ceil(run.total_steps / of_epoch)::pg_catalog.int4, throughput, 0,
      shares_of_similar_jobs.gpus) ->> 'seconds')::pg_catalog.float8;
    users := users || run.user_id;
  end loop;
  if pg_catalog.cardinality(shares) < 5 or (select pg_catalog.count(distinct id) from unnest(users) as id) < 3 then
    return array[]::pg_catalog.float8[];
  end if;
  return (
    select pg_catalog.array_agg(lora_private.three_digits(quartile) order by quartile)
    from (
      select unnest(pg_catalog.percentile_cont(array[0.25, 0.5, 0.75]) within group (order by share)) as quartile
      from unnest(shares) as share
    ) as of_all
  );
end
$$;

-- A figure above 0 to three digits.
create or replace function lora_private.three_digits(value double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = ''
as $$
begin
  return pg_catalog.round(value::numeric, 2 - pg_catalog.floor(pg_catalog.log(value))::integer)::double precision;
end
$$;

revoke all on function
  lora_private.currency_of_jobs(),
  lora_private.check_dataset_is_ready(public.datasets),
  lora_private.hyperparameters_of_run(jsonb, text),
  lora_private.steps_of_epoch(integer, jsonb),
  lora_private.work_of_run(public.datasets, jsonb),
  lora_private.tokens_of_epoch(jsonb, bigint),
  lora_private.estimate_of_run(integer, integer, double precision, jsonb, jsonb),
  lora_private.shares_of_similar_jobs(text, text, integer, numeric, double precision),
  lora_private.three_digits(double precision)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.currency_of_jobs(),
  lora_private.check_dataset_is_ready(public.datasets),
  lora_private.hyperparameters_of_run(jsonb, text),
  lora_private.steps_of_epoch(integer, jsonb),
  lora_private.work_of_run(public.datasets, jsonb),
  lora_private.tokens_of_epoch(jsonb, bigint),
  lora_private.estimate_of_run(integer, integer, double precision, jsonb, jsonb),
  lora_private.shares_of_similar_jobs(text, text, integer, numeric, double precision)
  to authenticated, service_role;
