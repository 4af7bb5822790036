-- How fast each attempt goes, kept as its points come, what was expected of it before it showed anything, and the queue in
-- the order in which it is worked off.

alter table public.training_jobs add column if not exists estimate jsonb;
comment on column public.training_jobs.estimate is
  'What is expected of the attempt before it shows its pace: preparation_seconds, seconds_per_step, pause_seconds_per_step, from_step';

-- Claims take the oldest, and a job that waits is told how many are before it.
create index if not exists training_jobs_queued_at_id_idx
  on public.training_jobs (queued_at, id) where status = 'queued';

-- Heartbeats and reports change no column that an index has, so that with room on its page a row stays where it is.
alter table public.training_jobs set (fillfactor = 80);

create table lora_private.training_job_paces (
  job_id uuid primary key references public.training_jobs (id) on delete cascade,
  attempt integer not null,
  pace jsonb not null
) with (fillfactor = 50);
comment on table lora_private.training_job_paces is
  'What is kept of the points and stages of each job''s current attempt: enough for its progress and its verdict';
comment on column lora_private.training_job_paces.job_id is 'Job';
comment on column lora_private.training_job_paces.attempt is 'Attempt that the pace is of: that of an earlier one says nothing of this one';
comment on column lora_private.training_job_paces.pace is 'As lora.job_pace answers it';

-- Rights are in the layer, beside the functions that they are for.
revoke all on lora_private.training_job_paces from public, anon, authenticated, service_role;
alter table lora_private.training_job_paces enable row level security;
create policy "Users can view paces of own jobs" on lora_private.training_job_paces
  for select to authenticated
  using (exists (select from public.training_jobs as job where job.id = job_id and job.user_id = (select auth.uid())));
create policy "Service can work with paces" on lora_private.training_job_paces
  for all to service_role using (true) with check (true);
