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

-- Where a job may go from each status.
select from_status, string_agg(to_status, ', ' order by place) as may_become
from unnest(array['queued', 'initializing', 'running', 'completed', 'failed', 'cancelled']) as from_status
left join unnest(array['queued', 'initializing', 'running', 'completed', 'failed', 'cancelled']) with ordinality as next (to_status, place)
  on from_status <> to_status and lora.is_job_transition(from_status, to_status)
group by from_status order by from_status;

select lora.job_progress('done', 'training', 100, '{}', '{}', now());
\echo :SQLSTATE
select lora.job_progress('running', 'training', 100, '{1,2}', array[now()], now());
\echo :SQLSTATE

-- Documents of a job.
select lora.normalize_gpu_config('{"type": "H100", "count": 2, "cost_per_gpu_hour": 4.2000000001, "region": "eu"}');
select lora.normalize_gpu_config('{"gpu_type": "H100", "num_gpus": 0}');
\echo :SQLSTATE
select lora.normalize_gpu_config('[]');
\echo :SQLSTATE
select lora.normalize_hyperparameters('{"rank": 64, "seed": 7}', 'fast') as hyperparameters;
select lora.normalize_hyperparameters('{"lora_rank": 2048}', 'balanced');
\echo :SQLSTATE
select lora.normalize_hyperparameters('{}', 'huge');
\echo :SQLSTATE
select lora.normalize_gpu_config(null) is null and lora.normalize_hyperparameters(null, 'custom') is null as nothing_of_null;
