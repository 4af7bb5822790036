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

-- A pace that is kept on write says what the points say, in whichever order and parts they come.
create temporary view points as
  select step, timestamptz '2026-01-01' + (step * 10 + step / 20 * 120) * interval '1 s' as reported_at, step % 20 = 0 as is_evaluation
  from generate_series(1, 50) as step;
create temporary table kept as
  select lora.add_points_to_job_pace(first.pace, array_agg(step), array_agg(reported_at), array_agg(is_evaluation)) as pace
  from points, (
    select lora.add_points_to_job_pace(null, array_agg(step order by step desc), array_agg(reported_at order by step desc),
      array_agg(is_evaluation order by step desc)) as pace
    from points where step > 17
  ) as first
  where step <= 20 group by first.pace;
select kept.pace = (select lora.job_pace(step, reported_at, is_evaluation) from points) as same from kept;
select jsonb_pretty(lora.describe_job_pace(pace)) from kept;
select lora.job_progress_of_pace('running', 'training', 100, pace, '2026-01-01 00:12:20') =
  (select lora.job_progress('running', 'training', 100, array_agg(step), array_agg(reported_at), '2026-01-01 00:12:20', array_agg(is_evaluation)) from points)
  as same
from kept;
-- Fifty steps, and the evaluations behind steps 60 and 80.
select lora.job_progress_of_pace('running', 'training', 100, pace, '2026-01-01 00:12:20') -> 'eta' as eta from kept;

-- A stage that is announced: how long a pause takes, and that percent does not fall.
with evaluated as (
  select lora.add_stage_to_job_pace(lora.add_stage_to_job_pace(lora.add_stage_to_job_pace(
    lora.job_pace(step, timestamptz '2026-01-01' + step * interval '10 s'), 'evaluating', '2026-01-01 00:08:20'),
    'training', '2026-01-01 00:10:20'), 'saving', '2026-01-01 00:10:30') as pace
  from generate_series(1, 50) as step
)
select lora.describe_job_pace(pace) -> 'evaluations' as evaluations, pace ->> 'stage' as stage,
  lora.job_progress_of_pace('running', 'training', 100, pace, '2026-01-01 00:11') -> 'percent' as percent
from evaluated;

-- Before the first points it is what was expected, else nothing.
select estimate, lora.job_progress_of_pace('initializing', 'loading_model', 100, null, '2026-01-01 00:05', estimate, '2026-01-01') -> 'eta' as eta
from (values (null), (jsonb '{"seconds_per_step": 8, "preparation_seconds": 600}'), ('{"seconds_per_step": 8, "from_step": 60}')) as prior (estimate);
select lora.job_pace(step, now()) as no_points, lora.describe_job_pace(null) as no_pace, lora.describe_job_pace(lora.job_pace(7, now())) as one_point
from (select 1 where false) as nothing (step);

-- Verdicts, by two clocks and the stage.
select moment, lora.job_verdict(status, stage, '2026-01-01 01:00', heard, progress, lease, stage_since, pace) as verdict
from kept, (values
  ('a step a minute ago', 'running', 'training', timestamptz '2026-01-01 01:00', timestamptz '2026-01-01 00:59', timestamptz '2026-01-01 01:05', timestamptz '2026-01-01 00:00'),
  ('no step for two minutes', 'running', 'training', '2026-01-01 01:00', '2026-01-01 00:58', '2026-01-01 01:05', '2026-01-01 00:00'),
  ('a checkpoint in between', 'running', 'training', '2026-01-01 01:00', '2026-01-01 00:58', '2026-01-01 01:05', '2026-01-01 00:59'),
  ('evaluating for ten minutes', 'running', 'evaluating', '2026-01-01 01:00', '2026-01-01 00:50', '2026-01-01 01:05', '2026-01-01 00:50'),
  ('the lease is over', 'running', 'training', '2026-01-01 00:54', '2026-01-01 00:53', '2026-01-01 00:59', '2026-01-01 00:00'),
  ('nothing heard, no lease', 'running', 'training', '2026-01-01 00:54', null, null, '2026-01-01 00:00'),
  ('in the queue', 'queued', 'queued', null, null, null, '2026-01-01 00:10'),
  ('in the queue for long', 'queued', 'queued', null, null, null, '2025-12-31 23:00'),
  ('over', 'failed', 'training', null, null, null, null)
) as sign (moment, status, stage, heard, progress, lease, stage_since);
select lora.job_verdict('running', 'training', now()) as nothing_known, lora.job_verdict(null, 'training', now()) as no_status;
select lora.job_verdict('running', 'training', '2026-01-01 01:00', '2026-01-01 01:00', '2026-01-01 00:59:59', pace => lora.job_pace(step,
  timestamptz '2026-01-01' + (step + greatest(step - 50, 0) * 2) * interval '10 s')) ->> 'verdict' as three_times_as_slow
from generate_series(1, 60) as step;

select lora.job_pace(-1, now());
\echo :SQLSTATE
select lora.add_points_to_job_pace('{"version": 7}', '{}', '{}');
\echo :SQLSTATE
select lora.add_points_to_job_pace(null, '{1,2}', array[now(), now()], '{true}');
\echo :SQLSTATE
select lora.job_progress_of_pace('running', 'training', 100, null, now(), '{"seconds_per_step": -1}');
\echo :SQLSTATE
select lora.job_verdict('running', 'training', now(), pace => '[]');
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
