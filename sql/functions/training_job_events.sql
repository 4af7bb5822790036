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
revoke all on function lora_private.number_training_job_event() from public, anon, authenticated, service_role;

create or replace trigger b_number_training_job_event
  before insert on public.training_job_events
  for each row execute function lora_private.number_training_job_event();
