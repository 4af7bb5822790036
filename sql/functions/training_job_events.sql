-- The place and the time of an event are the database's, whoever adds it: one with a number of its own could stand
-- where the next change of the job is to be written down, and stop it.

-- As the owner of the tables: whoever adds an event need not have the right to lock the job.
create or replace function lora_private.number_training_job_event()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  -- Events of one job are numbered one after the other, under its lock.
  perform from public.training_jobs where id = new.job_id for no key update;
  select coalesce(pg_catalog.max(event.sequence), 0) into new.sequence
  from public.training_job_events as event where event.job_id = new.job_id;
  if new.sequence < 2147483647 then
    new.sequence := new.sequence + 1;
  else
    -- Written without this trigger. The first place that is free does as well; the time says what came when.
    select pg_catalog.min(place.taken) + 1 into new.sequence
    from (
      select 0 as taken union all select event.sequence from public.training_job_events as event where event.job_id = new.job_id
    ) as place
    where place.taken < 2147483647 and not exists (
      select from public.training_job_events as next where next.job_id = new.job_id and next.sequence = place.taken + 1
    );
  end if;
  new.at := lora_private.clock();
  return new;
end
$$;

-- What an event is worth telling the owner of the job, who does not watch its events. As the owner of the tables: it is one
-- notification for one attempt, which the database writes itself.
create or replace function lora_private.notify_of_training_job_event()
returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into public.notifications (user_id, type, title, message, priority, metadata)
  select job.user_id, notice.type, notice.title,
    pg_catalog.format('The training on "%s" %s.', dataset.name, notice.what), 'high',
    pg_catalog.jsonb_build_object('job_id', job.id, 'dataset_id', job.dataset_id, 'attempt', new.attempt)
  from public.training_jobs as job
  left join public.datasets as dataset on dataset.id = job.dataset_id
  cross join lateral (
    values
      ('stalled', 'job_stalled', 'Training stands still', pg_catalog.format(
        'has reported nothing for %s, in stage "%s"',
        coalesce(pg_catalog.round(case when pg_catalog.jsonb_typeof(new.payload #> '{silence,seconds}') = 'number'
          then (new.payload #>> '{silence,seconds}')::pg_catalog.numeric end) || ' s', 'too long'),
        pg_catalog.left(job.current_stage, 50))),
      ('non_finite', 'job_non_finite', 'Training loss is no number', pg_catalog.format(
        'reports what is no number, since step %s', coalesce(pg_catalog.left(new.payload ->> 'from_step', 20), '?'))),
      ('divergence', 'job_diverged', 'Training diverges', pg_catalog.format(
        'has a loss far above its best one, since step %s', coalesce(pg_catalog.left(new.payload ->> 'from_step', 20), '?')))
  ) as notice (kind, type, title, what)
  where job.id = new.job_id and job.attempt = new.attempt and notice.kind = new.kind;
  return null;
end
$$;
revoke all on function lora_private.number_training_job_event(), lora_private.notify_of_training_job_event()
  from public, anon, authenticated, service_role;

create or replace trigger b_number_training_job_event
  before insert on public.training_job_events
  for each row execute function lora_private.number_training_job_event();
create or replace trigger notify_of_training_job_event
  after insert on public.training_job_events
  for each row when (new.kind in ('stalled', 'non_finite', 'divergence'))
  execute function lora_private.notify_of_training_job_event();
