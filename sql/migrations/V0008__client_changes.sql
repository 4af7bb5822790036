-- What users may change of their own: end a job, name a model, take back a dataset that was never uploaded. Which
-- columns, the guards of the function layer say.
create policy "Users can cancel own jobs" on public.training_jobs
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "Users can update own models" on public.model_artifacts
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "Users can delete own datasets" on public.datasets
  for delete to authenticated using (user_id = (select auth.uid()));
