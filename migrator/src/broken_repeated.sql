-- Points that were sent more than once: the newest is of attempt 1, the others of 0, -1 and so on. By the key of each
-- job, as there may be a thousand times more points than jobs.
with job as (
  select id, point.rows
  from public.training_jobs as job, lateral (
    select count(*) as rows from public.metrics_points where job_id = job.id and attempt <= 0) as point
  where point.rows > 0
)
select jsonb_build_object(
  'rows', coalesce(sum(rows), 0), 'jobs', count(*),
  'first', (select coalesce(jsonb_agg(jsonb_build_object('job_id', id, 'rows', rows) order by id), '[]')
    from (select id, rows from job order by id limit 10) as first))
from job
