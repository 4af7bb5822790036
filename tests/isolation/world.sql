-- What the specs have in common: made in the throw-away database before a spec is played, with fixed ids, so that
-- what is printed is always the same.

create schema isolation;
grant usage on schema isolation to public;

create function isolation.id(name text)
returns uuid
language sql immutable
as 'select md5(name)::uuid';

-- The session is a user's, or the service's, from now on.
create procedure isolation.become(who text)
language sql
as $$
  select set_config('role', case who when 'service' then 'service_role' else 'authenticated' end, false);
  select set_config(
    'request.jwt.claims',
    json_strip_nulls(json_build_object(
      'role', current_setting('role'), 'sub', case when who <> 'service' then isolation.id(who) end))::text,
    false
  );
$$;

-- Runs a statement, and says how many rows it touched or what it was refused with. The ids are left out.
create function isolation.attempt(statement text)
returns text
language plpgsql
as $$
declare
  touched bigint;
begin
  execute statement;
  get diagnostics touched = row_count;
  return format('%s %s', touched, case touched when 1 then 'row' else 'rows' end);
exception when others then
  return regexp_replace(
    sqlstate || ': ' || sqlerrm, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '…', 'g');
end
$$;

-- A file with two training pairs.
create function isolation.content(question text)
returns text
language sql immutable
as $$
select string_agg(
  format(
    '{"conversation_id": "c-%s", "turns": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Answer %s."}]}',
    number, question, number),
  E'\n' order by number)
from generate_series(1, 2) as number
$$;

-- A block of a spec ends at its first closing brace, so documents are written here.
create function isolation.metadata(size integer, etag text)
returns jsonb
language sql immutable
as $$ select jsonb_build_object('size', size, 'eTag', etag) $$;

create function isolation.gpus()
returns jsonb
language sql immutable
as $$ select '{"gpu_type": "A100-80GB", "num_gpus": 1, "gpu_memory_gb": 80, "cost_per_gpu_hour": 3.5}'::jsonb $$;

create procedure isolation.upload(dataset text, question text)
language sql
as $$
  insert into storage.objects (bucket_id, name, metadata)
  select storage_bucket, storage_path,
    isolation.metadata(octet_length(isolation.content(question)), md5(isolation.content(question)))
  from public.datasets where id = isolation.id(dataset)
  on conflict (bucket_id, name) do update set metadata = excluded.metadata;
$$;

-- Alice, with a dataset whose file is there. Nothing else is.
create procedure isolation.begin()
language plpgsql
as $$
begin
  delete from storage.objects;
  delete from auth.users;
  insert into auth.users (id, email) values (isolation.id('alice'), 'alice@example.org');
  insert into public.datasets (id, user_id, name, storage_path, file_name, file_size)
  values (
    isolation.id('dataset'), isolation.id('alice'), 'practice', isolation.id('alice') || '/practice.jsonl',
    'practice.jsonl', octet_length(isolation.content('Why?')));
  call isolation.upload('dataset', 'Why?');
end
$$;

create procedure isolation.begin_ready()
language plpgsql
as $$
begin
  call isolation.begin();
  perform public.validate_dataset(isolation.id('dataset'), isolation.content('Why?'));
end
$$;

create procedure isolation.begin_queued()
language plpgsql
as $$
begin
  call isolation.begin_ready();
  insert into public.training_jobs (
    id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost
  )
  values (
    isolation.id('job'), isolation.id('alice'), isolation.id('dataset'), 'custom', '{"max_steps": 10}',
    isolation.gpus(), 1, 0);
end
$$;

-- The job runs for an hour, and its lease is over.
create procedure isolation.begin_running()
language plpgsql
as $$
begin
  call isolation.begin_queued();
  perform public.claim_training_jobs('worker');
  perform public.report_training_metrics(
    isolation.id('job'), 1, '[{"step": 1, "epoch": 1, "training_loss": 2, "learning_rate": 0.0002}]');
  -- A claim cannot be dated back, so nothing looks.
  set local session_replication_role = replica;
  update public.training_jobs set started_at = started_at - interval '1 hour', lease_expires_at = '2026-01-01'
  where id = isolation.id('job');
  set local session_replication_role = origin;
end
$$;

create procedure isolation.begin_failed()
language plpgsql
as $$
begin
  call isolation.begin_running();
  update public.training_jobs set status = 'failed', error_message = 'out of memory' where id = isolation.id('job');
end
$$;

-- "WRONG" is what no order of steps may end in, whatever the expected files say.
create view isolation.job as
select
  job.status, job.attempt, job.claimed_by, history.events, ledger.charged,
  case
    when history.started > job.attempt or ledger.charged <> history.ended
      or job.attempt > 1 + history.queued or (job.status = 'queued') <> (job.claimed_by is null)
    then 'WRONG' else 'right'
  end as verdict
from public.training_jobs as job
cross join lateral (
  select string_agg(coalesce(event.to_status, event.kind), ', ' order by event.sequence) as events,
    count(*) filter (where event.to_status = 'initializing') as started,
    count(*) filter (
      where event.from_status in ('initializing', 'running') and event.to_status not in ('initializing', 'running')) as ended,
    count(*) filter (where event.to_status = 'queued' and event.kind = 'status') as queued
  from public.training_job_events as event where event.job_id = job.id
) as history
cross join lateral (select count(*) as charged from public.cost_records where job_id = job.id) as ledger;

-- Either the account is there with what it had, or nothing of it is.
create view isolation.account as
select *,
  case
    when users = 0 and (datasets, jobs, notifications, events, charges) <> (0, 0, 0, 0, 0) or users = 1 and datasets <> 1
    then 'WRONG' else 'right'
  end as verdict
from (
  select (select count(*) from auth.users) as users, (select count(*) from public.datasets) as datasets,
    (select count(*) from public.training_jobs) as jobs, (select count(*) from public.notifications) as notifications,
    (select count(*) from public.training_job_events) as events, (select count(*) from public.cost_records) as charges
) as left_over;

create view isolation.told as
select type, count(*), case when count(*) > 1 then 'WRONG' else 'right' end as verdict
from public.notifications group by type order by type;

create view isolation.dataset as
select
  dataset.status, dataset.training_ready as ready, dataset.total_training_pairs as pairs, dataset.file_size as size,
  case
    when dataset.file_size::text <> object.metadata ->> 'size' or dataset.training_ready <> (dataset.status = 'ready')
    then 'WRONG' else 'right'
  end as verdict
from public.datasets as dataset
left join storage.objects as object on object.bucket_id = dataset.storage_bucket and object.name = dataset.storage_path
where dataset.deleted_at is null;

-- A job that waits for a dataset whose file has changed was told so.
create view isolation.used as
select
  dataset.status as dataset, job.status as job, job.events,
  case
    when dataset.size <> octet_length(isolation.content('Why?')) and job.events !~ 'dataset_changed'
    then 'WRONG' else 'right'
  end as verdict
from isolation.dataset left join isolation.job on true;
