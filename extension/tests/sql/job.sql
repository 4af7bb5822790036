-- Percent and time left of one attempt.
set timezone = 'UTC';
create temporary view run as
  select array_agg(step) as steps, array_agg(timestamptz '2026-01-01' + step * interval '10 s') as reported_at
  from generate_series(1, 50) as step;
select jsonb_pretty(lora.job_progress('running', 'training', 100, steps, reported_at, '2026-01-01 00:08:20'))
from run;

-- Time since the last point counts as worked off.
select lora.job_progress('running', 'training', 100, steps, reported_at, '2026-01-01 00:08:50') -> 'eta' as eta
from run;

-- What is not known has a reason.
select status, stage, lora.job_progress(status, stage, total, steps, reported_at, '2026-01-01 00:10') as progress
from run, (values
  ('queued', 'queued', 100), ('running', 'training', null), ('running', 'uploading', 100),
  ('completed', 'completed', 100), ('failed', 'training', 100)
) as job (status, stage, total);
select lora.job_progress('initializing', 'loading_model', 100, '{}', '{}', now()) as progress;

select lora.job_progress('done', 'training', 100, '{}', '{}', now());
\echo :SQLSTATE
select lora.job_progress('running', 'training', 100, '{1,2}', array[now()], now());
\echo :SQLSTATE
