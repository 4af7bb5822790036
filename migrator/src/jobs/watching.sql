-- What `pg-lora watch` shows of a job; of one that is not there the function says so.
select pg_catalog.jsonb_build_object(
  'progress', public.training_job_progress($1),
  'dataset_name', (
    select dataset.name from public.training_jobs as job
    join public.datasets as dataset on dataset.id = job.dataset_id
    where job.id = $1
  ),
  'error_message', (select job.error_message from public.training_jobs as job where job.id = $1),
  'losses', (
    select coalesce(pg_catalog.jsonb_agg(newest.training_loss order by newest.step), '[]')
    from (
      select point.step, point.training_loss
      from public.metrics_points as point
      join public.training_jobs as job on job.id = point.job_id and job.attempt = point.attempt
      where job.id = $1 and pg_catalog.abs(point.training_loss) < 'infinity'
      order by point.step desc limit 40
    ) as newest
  )
)
