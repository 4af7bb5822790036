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

-- What can happen to a job at work, as whoever does it: what is answered, or what it is refused with. Nothing of it may be
-- refused by anything but the state.
create function isolation.play(what text)
returns text
language plpgsql
as $$
declare
  job constant uuid := isolation.id('job');
  answer text;
begin
  call isolation.become(case when what in ('cancel', 'retry') then 'alice' else 'service' end);
  case what
    when 'cancel' then answer := (public.cancel_training_job(job)).status;
    when 'retry' then
      select case when again.id = job then 'attempt ' || again.attempt else 'a new job' end into answer
      from public.retry_training_job(job) as again;
    when 'complete' then answer := (public.complete_training_job(job, 1, isolation.document('result'))).status;
    when 'fail' then answer := (public.fail_training_job(job, 1, 'out_of_memory', 'out of memory')).status;
    when 'sweep' then
      select coalesce(string_agg(action, ', '), 'nothing') into answer from public.sweep_training_jobs() where kind = 'job';
    when 'beat' then
      answer := public.heartbeat_training_job(job, 1, 'saving', 'run-1', isolation.document('checkpoint')) ->> 'cancel_requested';
    when 'report' then
      select format('%s accepted, %s', said ->> 'accepted', said ->> 'cancel_requested') into answer
      from public.report_training_metrics(job, 1, isolation.document('points')) as said;
  end case;
  return answer;
exception when others then
  return case when sqlstate <> 'PT409' then 'WRONG ' else '' end || regexp_replace(
    sqlstate || ': ' || sqlerrm, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '…', 'g');
end
$$;

create function isolation.document(name text)
returns jsonb
language sql immutable
as $$
  select case name
    when 'result' then '{"output": {"status": "success"}}'
    when 'checkpoint' then '{"step": 1, "path": "checkpoints/1"}'
    when 'points' then '[{"step": 2, "epoch": 1, "training_loss": 1, "learning_rate": 0.0002}]'
  end::jsonb
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
  update public.training_jobs set
    started_at = started_at - interval '1 hour', last_heartbeat_at = '2025-12-31 23:55Z', lease_expires_at = '2026-01-01 00:00Z'
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

-- The same, and Alice has a budget into which one job more fits, and a half.
create procedure isolation.begin_budget()
language plpgsql
as $$
begin
  -- In the middle of a month, so that the hour that the job has run is in the same one.
  create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe
    set search_path = '' as $clock$ select timestamptz '2026-04-16 12:00Z' $clock$;
  call isolation.begin_running();
  insert into public.cost_budgets (user_id, monthly_limit, hard_stop) values (isolation.id('alice'), 7.7, true);
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

-- How jobs ended: each attempt once, with one charge; each change follows from the one before it, is told once, and the last
-- one is where the job stands. Asked for another attempt, a job is repeated once.
create view isolation.ended as
select
  job.status, job.attempt, history.events, ledger.charged, told.told,
  case
    when history.broken or history.last <> job.status or job.attempt <> 1 + history.returned
      or ledger.charged <> history.ended or ledger.attempts <> ledger.charged
      or history.tellable <> told.told or told.kinds <> history.kinds
      or job.status = 'queued' and job.claimed_by is not null
      or (job.status in ('initializing', 'running')) <> (job.lease_expires_at is not null)
      or (job.status in ('completed', 'failed', 'cancelled')) <> (job.completed_at is not null)
      or (select count(*) from public.training_jobs) > 2
    then 'WRONG' else 'right'
  end as verdict
from public.training_jobs as job
cross join lateral (
  select
    string_agg(coalesce(to_status, kind), ', ' order by sequence) as events,
    (array_agg(to_status order by sequence desc) filter (where to_status is not null))[1] as last,
    bool_or(to_status is not null and from_status is distinct from before) as broken,
    count(*) filter (where to_status = 'queued' and from_status is not null) as returned,
    count(*) filter (where from_status in ('initializing', 'running') and to_status not in ('initializing', 'running')) as ended,
    count(*) filter (where to_status <> 'running') as tellable,
    array_agg(case to_status when 'initializing' then 'job_started' else 'job_' || to_status end order by to_status, sequence)
      filter (where to_status <> 'running') as kinds
  from (
    select *, lag(to_status) over (partition by to_status is null order by sequence) as before
    from public.training_job_events as event where event.job_id = job.id
  ) as event
) as history
cross join lateral (
  select count(*) as charged, count(distinct details ->> 'attempt') as attempts
  from public.cost_records where job_id = job.id
) as ledger
cross join lateral (
  select count(*) as told,
    array_agg(type::text order by case type when 'job_started' then 'initializing' else substr(type, 5) end) as kinds
  from public.notifications where metadata ->> 'job_id' = job.id::text
) as told
order by job.created_at;

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

-- What the budget let in beside the job that runs, and what was told of it.
create view isolation.budget as
select *,
  case when waiting > 1 or told <> kinds then 'WRONG' else 'right' end as verdict
from (
  select
    (select count(*) from public.training_jobs where id <> isolation.id('job')) as waiting,
    (select count(*) from public.cost_records) as charged,
    (select count(*) from public.notifications where type = 'budget_threshold') as told,
    (select count(distinct metadata ->> 'threshold') from public.notifications where type = 'budget_threshold') as kinds
) as counted;

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
