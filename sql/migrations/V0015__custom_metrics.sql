-- Metrics that have no column of their own (`train/reward`, `eval/f1`): a value a row, so that points stay as lean as they are
-- and what an evaluation reports by itself needs no training loss.

create table public.custom_metrics (
  job_id uuid not null references public.training_jobs (id) on delete cascade,
  metric text not null,
  attempt smallint not null,
  step integer not null,
  value double precision not null,
  -- In the order of a curve: one metric of one job, one attempt after the other.
  constraint custom_metrics_pkey primary key (job_id, metric, attempt, step),
  constraint custom_metrics_metric_check check (length(metric) between 1 and 200),
  constraint custom_metrics_step_check check (step >= 0)
);
comment on table public.custom_metrics is 'Values of metrics without a column in metrics_points, once for each job, metric, attempt and step';
comment on column public.custom_metrics.job_id is 'Job';
comment on column public.custom_metrics.metric is 'Name, as the worker reports it';
comment on column public.custom_metrics.attempt is 'Attempt of the job that reported the value';
comment on column public.custom_metrics.step is 'Optimizer step';
comment on column public.custom_metrics.value is 'Value; NaN and infinity are kept';

-- Rights are in the layer, beside the functions that they are for.
revoke all on public.custom_metrics from public, anon, authenticated, service_role;
alter table public.custom_metrics enable row level security;
create policy "Users can view custom metrics of own jobs" on public.custom_metrics
  for select to authenticated
  using (job_id = any (array (select id from public.training_jobs where user_id = (select auth.uid()))));
create policy "Service can view custom metrics" on public.custom_metrics for select to service_role using (true);
create policy "Service can report custom metrics" on public.custom_metrics for insert to service_role with check (true);
