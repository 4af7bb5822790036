-- register_model_artifact: the model that a completed job has made. What is known of the job is filled in by the database,
-- so that a model says truthfully how it came about.
create or replace function public.register_model_artifact(
  job_id uuid, attempt integer, name text, artifacts jsonb, quality_metrics jsonb default '{}',
  parent_model_id uuid default null, idempotency_key text default null
)
returns public.model_artifacts
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  job public.training_jobs;
  model public.model_artifacts;
  known_key text;
begin
  select * into job from public.training_jobs as candidate
  where candidate.id = register_model_artifact.job_id for no key update;
  if not found then
    raise exception 'training job "%" does not exist', coalesce(register_model_artifact.job_id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a completed job.';
  elsif register_model_artifact.attempt is null or register_model_artifact.attempt > job.attempt then
    raise exception 'attempt % of training job "%" has not begun', coalesce(register_model_artifact.attempt::text, 'null'), job.id
      using errcode = '22023', hint = 'Pass the attempt that the claim answered.';
  elsif register_model_artifact.attempt < job.attempt then
    raise exception 'attempt % of training job "%" is over', register_model_artifact.attempt, job.id
      using errcode = 'PT409', hint = 'Stop this worker: the job was given to another one.';
  elsif job.status <> 'completed' then
    raise exception 'training job "%" is %, not completed', job.id, job.status
      using errcode = 'PT409', hint = 'Complete the job before its model is registered.';
  end if;
  if coalesce(pg_catalog.length(name), 0) not between 1 and 200 then
    raise exception '"name" has % characters', coalesce(pg_catalog.length(name), 0)
      using errcode = '22023', hint = 'Name the model in 1 to 200 characters.';
  elsif pg_catalog.jsonb_typeof(coalesce(quality_metrics, '{}')) <> 'object' then
    raise exception '"quality_metrics" is not an object' using errcode = '22023', hint = 'Pass a JSON object, or leave it out.';
  end if;
  perform lora_private.check_length('idempotency_key', register_model_artifact.idempotency_key, 200);
  perform lora_private.check_document_size('quality_metrics', quality_metrics, 65536);
  perform lora_private.check_model_files(artifacts, job.user_id);

  -- A job makes one model. Whoever does not know whether the first call arrived repeats it.
  select * into model from public.model_artifacts as known where known.job_id = job.id;
  if found then
    select event.payload ->> 'idempotency_key' into known_key
    from public.training_job_events as event
    where event.job_id = job.id and event.kind = 'model_registered'
    order by event.sequence limit 1;
    if known_key is distinct from register_model_artifact.idempotency_key or model.name <> register_model_artifact.name
      or model.artifacts <> register_model_artifact.artifacts
      or model.quality_metrics <> coalesce(register_model_artifact.quality_metrics, '{}')
      or model.parent_model_id is distinct from register_model_artifact.parent_model_id then
      raise exception 'training job "%" has the model "%" already', job.id, model.id
        using errcode = 'PT409', detail = pg_catalog.format('It differs in %s.', case
          when known_key is distinct from register_model_artifact.idempotency_key then '"idempotency_key"'
          when model.name <> register_model_artifact.name then '"name"'
          when model.artifacts <> register_model_artifact.artifacts then '"artifacts"'
          when model.parent_model_id is distinct from register_model_artifact.parent_model_id then '"parent_model_id"'
          else '"quality_metrics"'
        end), hint = 'Repeat the call unchanged, or leave the model as it is: a job makes one.';
    end if;
    return model;
  end if;

  -- Of two models of one name at once the second takes the version after the first one's.
  for attempts_left in reverse 4..0 loop
    begin
      insert into public.model_artifacts (
        user_id, job_id, dataset_id, name, version, quality_metrics, training_summary, configuration, artifacts, parent_model_id
      )
      values (
        job.user_id, job.id, job.dataset_id, register_model_artifact.name,
        lora_private.next_model_version(job.user_id, register_model_artifact.name),
        coalesce(register_model_artifact.quality_metrics, '{}'), lora_private.training_summary(job),
        pg_catalog.jsonb_build_object(
          'preset_id', job.preset_id, 'hyperparameters', job.hyperparameters, 'gpu_config', job.gpu_config),
        register_model_artifact.artifacts, register_model_artifact.parent_model_id
      )
      returning * into model;
      exit;
    exception when unique_violation then
      if attempts_left = 0 then
        raise;
      end if;
    end;
  end loop;
  update public.training_jobs set artifact_id = model.id where id = job.id and artifact_id is null;
  insert into public.training_job_events (job_id, actor, kind, attempt, payload)
  values (job.id, lora_private.actor(), 'model_registered', job.attempt, pg_catalog.jsonb_strip_nulls(
    pg_catalog.jsonb_build_object('artifact_id', model.id, 'idempotency_key', register_model_artifact.idempotency_key)));
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  values (
    job.user_id, 'artifact_ready', 'Model ready', pg_catalog.format('"%s" %s is stored.', model.name, model.version), 'high',
    pg_catalog.jsonb_build_object('artifact_id', model.id, 'job_id', job.id, 'dataset_id', job.dataset_id)
  );
  return model;
end
$$;
comment on function public.register_model_artifact(uuid, integer, text, jsonb, jsonb, uuid, text) is
  'Records the model that a completed job has made, with how it came about, and notifies its owner';
revoke all on function public.register_model_artifact(uuid, integer, text, jsonb, jsonb, uuid, text)
  from public, anon, authenticated, service_role;
grant execute on function public.register_model_artifact(uuid, integer, text, jsonb, jsonb, uuid, text) to service_role;

-- Refuses what is no list of files: {"adapter_model.safetensors": {"path", "size", "sha256"}}.
create or replace function lora_private.check_model_files(artifacts jsonb, user_id uuid)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  file pg_catalog.record;
  fault pg_catalog.text;
begin
  if pg_catalog.jsonb_typeof(artifacts) is distinct from 'object' or artifacts = '{}' then
    raise exception '"artifacts" names no file'
      using errcode = '22023', hint = 'Pass {"adapter_model.safetensors": {"path": "…", "size": 1048576, "sha256": "…"}}.';
  end if;
  perform lora_private.check_document_size('artifacts', artifacts, 65536);
  for file in select key as name, value as facts from pg_catalog.jsonb_each(artifacts) loop
    fault := case
      when pg_catalog.jsonb_typeof(file.facts) <> 'object' then ''
      when pg_catalog.jsonb_typeof(file.facts -> 'path') is distinct from 'string'
        or not pg_catalog.starts_with(file.facts ->> 'path', user_id || '/')
        or pg_catalog.length(file.facts ->> 'path') > 2000 then '.path'
      when pg_catalog.jsonb_typeof(file.facts -> 'size') is distinct from 'number' then '.size'
      when (file.facts ->> 'size')::numeric not between 0 and 1e15 or (file.facts ->> 'size')::numeric % 1 <> 0 then '.size'
      when pg_catalog.jsonb_typeof(file.facts -> 'sha256') is distinct from 'string'
        or file.facts ->> 'sha256' !~* '^[0-9a-f]{64}$' then '.sha256'
    end;
    if fault is not null then
      raise exception '"artifacts.%" is %', pg_catalog.left(file.name, 100) || fault,
        coalesce(pg_catalog.left(case fault when '' then file.facts else file.facts -> pg_catalog.substr(fault, 2) end::pg_catalog.text, 100), 'missing')
        using errcode = '22023', hint = case fault
          when '' then 'Give each file as an object with path, size and sha256.'
          when '.path' then 'Give the path in the bucket, which begins with the id of the job''s owner.'
          when '.size' then 'Give the size in bytes.'
          else 'Give the 64 hexadecimal digits of the file''s SHA-256.'
        end;
    end if;
  end loop;
end
$$;

-- The first version of a name, or the one after the highest. Others than x.y.z do not count.
create or replace function lora_private.next_model_version(user_id uuid, name text)
returns text
language sql stable
set search_path = ''
as $$
  select case when highest is null then '1.0.0' else pg_catalog.format('%s.%s.0', highest[1], highest[2] + 1) end
  from (
    select pg_catalog.max(array[
      pg_catalog.split_part(model.version, '.', 1)::integer, pg_catalog.split_part(model.version, '.', 2)::integer
    ]) as highest
    from public.model_artifacts as model
    where model.user_id = next_model_version.user_id and model.name = next_model_version.name
      and model.version ~ '^[0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}$'
  ) as known
$$;

-- How a model came about, in figures of the job and its dataset.
create or replace function lora_private.training_summary(job public.training_jobs)
returns jsonb
language sql stable
set search_path = ''
as $$
  select pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'steps', job.current_step, 'total_steps', job.total_steps, 'epochs', job.current_epoch, 'attempts', job.attempt,
    'training_seconds', pg_catalog.round(extract(epoch from job.completed_at - job.started_at), 3),
    'final_metrics', job.current_metrics, 'best_metrics', job.best_metrics, 'cost', job.final_cost,
    'dataset', (
      select pg_catalog.jsonb_build_object(
        'id', dataset.id, 'name', dataset.name, 'total_training_pairs', dataset.total_training_pairs,
        'total_tokens', dataset.total_tokens, 'content_digest', dataset.content_digest,
        'content_sha256', dataset.content_sha256)
      from public.datasets as dataset where dataset.id = job.dataset_id
    )
  ))
$$;
revoke all on function
  lora_private.check_model_files(jsonb, uuid),
  lora_private.next_model_version(uuid, text),
  lora_private.training_summary(public.training_jobs)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.check_model_files(jsonb, uuid),
  lora_private.next_model_version(uuid, text),
  lora_private.training_summary(public.training_jobs)
  to service_role;
