-- create_training_job: a job in the queue, once for each idempotency key. What holds for the job itself is
-- enforced by the trigger on the table, for plain inserts too.
create or replace function public.create_training_job(
  dataset_id uuid,
  preset_id text default 'balanced',
  hyperparameters jsonb default '{}',
  gpu_config jsonb default null,
  idempotency_key text default null,
  user_id uuid default null
)
returns public.training_jobs
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  owner_id uuid;
  job public.training_jobs;
  sent_gpu_config jsonb;
  differences text;
begin
  if lora_private.is_client() then
    owner_id := (select auth.uid());
    if create_training_job.user_id is distinct from owner_id and create_training_job.user_id is not null then
      raise exception 'a job can be created for oneself only'
        using errcode = '42501', hint = 'Leave out "user_id".';
    end if;
  else
    select dataset.user_id into owner_id
    from public.datasets as dataset where dataset.id = create_training_job.dataset_id;
    owner_id := coalesce(create_training_job.user_id, owner_id);
  end if;
  -- Before the column's own 50 characters refuse it without a word on what is right.
  if not lora.hyperparameter_presets() ? coalesce(lora_private.standard_preset(create_training_job.preset_id), '') then
    raise exception 'unknown preset "%"', coalesce(pg_catalog.left(create_training_job.preset_id, 50), 'null')
      using errcode = '22023', hint = 'Use conservative, balanced, aggressive or custom.';
  end if;
  if owner_id is null then
    raise exception 'dataset "%" does not exist', coalesce(create_training_job.dataset_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a dataset.';
  end if;

  -- A repeated request gets its job even if its dataset is gone by now. The second look is for a twin that was
  -- quicker between the first one and the insert.
  for look in 1..2 loop
    select * into job from public.training_jobs as known
    where known.user_id = owner_id and known.idempotency_key = create_training_job.idempotency_key;
    exit when found;
    insert into public.training_jobs as new_job (
      user_id, dataset_id, preset_id, hyperparameters, gpu_config, idempotency_key, total_epochs, estimated_total_cost
    )
    values (
      owner_id, create_training_job.dataset_id, create_training_job.preset_id,
      coalesce(create_training_job.hyperparameters, '{}'), coalesce(create_training_job.gpu_config, '{}'),
      create_training_job.idempotency_key,
      -- NOT NULL in the specification; the trigger computes both.
      0, 0
    )
    on conflict (user_id, idempotency_key) do nothing
    returning new_job.* into job;
    if found then
      return job;
    end if;
  end loop;

  sent_gpu_config := lora.normalize_gpu_config(coalesce(create_training_job.gpu_config, '{}'));
  if sent_gpu_config ->> 'cost_per_gpu_hour' is null then
    -- A price that the request left out was that of the day when the job was made.
    sent_gpu_config := sent_gpu_config
      || pg_catalog.jsonb_build_object('cost_per_gpu_hour', job.gpu_config -> 'cost_per_gpu_hour');
  end if;
  select pg_catalog.string_agg(
    pg_catalog.format('"%s" was %s and is %s', name, coalesce(known, 'missing'), coalesce(sent, 'missing')), ', ' order by name)
  into differences
  from (
    select prefix || key as name, pg_catalog.left((known -> key)::text, 100) as known, pg_catalog.left((sent -> key)::text, 100) as sent
    from (values
      ('', pg_catalog.jsonb_build_object('dataset_id', job.dataset_id, 'preset_id', job.preset_id),
        pg_catalog.jsonb_build_object('dataset_id', create_training_job.dataset_id,
          'preset_id', lora_private.standard_preset(create_training_job.preset_id))),
      ('hyperparameters.', job.hyperparameters, lora.normalize_hyperparameters(
        coalesce(create_training_job.hyperparameters, '{}'), create_training_job.preset_id)),
      ('gpu_config.', job.gpu_config, sent_gpu_config)
    ) as document (prefix, known, sent)
    cross join lateral pg_catalog.jsonb_object_keys(known || sent) as key
    where known -> key is distinct from sent -> key
    order by name limit 10
  ) as difference;
  if differences is not null then
    raise exception 'idempotency key "%" was used for another request', create_training_job.idempotency_key
      using errcode = 'PT409', detail = pg_catalog.format('It made job "%s"; %s.', job.id, differences),
        hint = 'Use a new key for a new job, or repeat the request unchanged.';
  end if;
  return job;
end
$$;
comment on function public.create_training_job(uuid, text, jsonb, jsonb, text, uuid) is
  'Puts a training job on a ready dataset into the queue; the same idempotency key gives the same job';
revoke all on function public.create_training_job(uuid, text, jsonb, jsonb, text, uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.create_training_job(uuid, text, jsonb, jsonb, text, uuid) to authenticated, service_role;
