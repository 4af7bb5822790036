-- The specification's three triggers, and one for budgets, on a function of our own: public.update_updated_at_column() is
-- so common a name that an application may have another one.
create or replace function lora_private.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := lora_private.clock();
  return new;
end
$$;
revoke all on function lora_private.set_updated_at() from public, anon, authenticated, service_role;

create or replace trigger update_datasets_updated_at before update on public.datasets
  for each row execute function lora_private.set_updated_at();
create or replace trigger update_training_jobs_updated_at before update on public.training_jobs
  for each row execute function lora_private.set_updated_at();
create or replace trigger update_model_artifacts_updated_at before update on public.model_artifacts
  for each row execute function lora_private.set_updated_at();
create or replace trigger update_cost_budgets_updated_at before update on public.cost_budgets
  for each row execute function lora_private.set_updated_at();
