-- expected: public.planted.planted_dataset_id_fkey
-- expected: public.planted.planted_other_fkey
create table public.planted (
  id int primary key,
  dataset_id uuid constraint planted_dataset_id_fkey references public.datasets (id),
  job_id uuid references public.training_jobs (id),
  other int constraint planted_other_fkey references public.planted (id)
);
create index on public.planted (job_id) where job_id is not null;
-- Neither second place nor some of the rows will do.
create index on public.planted (id, dataset_id);
create index on public.planted (other) where id > 7;
