-- What a worker needs to go on where another one has stopped, when the current stage began, and the best figures of a run.

alter table public.training_jobs
  add column if not exists resume_from jsonb,
  add column if not exists stage_changed_at timestamptz,
  add column if not exists best_metrics jsonb;
comment on column public.training_jobs.resume_from is 'Last checkpoint of the attempts before this one: attempt, step, path, size';
comment on column public.training_jobs.stage_changed_at is 'When the current stage began';
comment on column public.training_jobs.best_metrics is 'Lowest losses so far, each with its step and attempt';

-- How often a job is taken from the queue.
create index if not exists training_jobs_started_at_idx
  on public.training_jobs (started_at desc) where claimed_by is not null;
-- The last checkpoint of a job.
create index if not exists training_job_events_job_id_checkpoint_idx
  on public.training_job_events (job_id, sequence desc) where kind = 'checkpoint';
