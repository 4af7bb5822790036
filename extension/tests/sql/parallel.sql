-- Any number of workers gives the answer of one.
create table records as
  select (n % 1000) / 7.0 :: numeric(20, 10) as amount, 'USD' as currency, date '2026-01-01' + n % 31 as day,
    'type ' || n % 5 as cost_type, case n % 3 when 0 then 'H100' when 1 then 'A100-80GB' end as gpu_type,
    ('00000000-0000-4000-8000-' || lpad((n % 40)::text, 12, '0'))::uuid as job_id, 'completed' as status
  from generate_series(1, 20000) as n;
alter table records alter column amount type numeric(20, 10);
analyze records;

set max_parallel_workers_per_gather = 0;
create temporary table serial as
  select lora.cost_breakdown(amount, currency, day, cost_type, gpu_type, job_id, status) as answer from records;

set max_parallel_workers_per_gather = 4;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
alter table records set (parallel_workers = 4);
explain (costs off)
  select lora.cost_breakdown(amount, currency, day, cost_type, gpu_type, job_id, status) from records;
select serial.answer = parallel.answer as same, serial.answer -> 'records' as records
from serial, (
  select lora.cost_breakdown(amount, currency, day, cost_type, gpu_type, job_id, status) as answer from records
) as parallel;

-- A worker's refusal is the query's.
set parallel_leader_participation = off;
select lora.cost_breakdown(amount, currency, day, case when day = '2026-01-31' then repeat('x', 201) end, null, null, null)
from records;
\echo :SQLSTATE
reset parallel_leader_participation;
drop table records;

-- The pace of an attempt, whose points come to each worker in parts of their own.
create table points as
  select n % 9000 as step, timestamptz '2026-01-01' + (n % 9000) * interval '2 s' + n / 9000 * interval '1 s' as reported_at,
    n % 100 = 0 as is_evaluation
  from generate_series(1, 20000) as n;
analyze points;
alter table points set (parallel_workers = 4);
explain (costs off) select lora.job_pace(step, reported_at, is_evaluation) from points;
create temporary table parallel_pace as select lora.job_pace(step, reported_at, is_evaluation) as pace from points;
set max_parallel_workers_per_gather = 0;
select pace = lora.job_pace(step, reported_at, is_evaluation) as same, lora.describe_job_pace(pace) as pace,
  pg_column_size(pace) < 3000 as is_small
from points, parallel_pace group by pace;
set max_parallel_workers_per_gather = 4;
select lora.job_pace(case when step = 8999 then -1 else step end, reported_at) from points;
\echo :SQLSTATE
drop table points;

-- A curve, whose points come to each worker in an order of their own.
create table points as
  select (n * 7919) % 50000 as step, case when n % 977 = 0 then 'NaN' else sin(n / 300.0) * (n % 13) end :: float8 as loss
  from generate_series(1, 50000) as n;
analyze points;
alter table points set (parallel_workers = 4);
explain (costs off) select lora.curve(step, loss, 100, 'minmaxlttb', 0.6) from points;
create temporary table parallel_curve as
  select method, lora.curve(step, loss, 100, method, 0.6) as curve, lora.curve(step::bigint, loss, 100, method) as of_integers
  from points, unnest(array['minmax', 'lttb', 'minmaxlttb', 'last']) as method group by method;
set max_parallel_workers_per_gather = 0;
select lora.curve_health(step, loss, null, 0, null, null, null) as health from points;
set max_parallel_workers_per_gather = 4;
select lora.curve_health(step, loss, null, 0, null, null, null) as same_health from points;
set max_parallel_workers_per_gather = 0;
select method, curve = lora.curve(step, loss, 100, method, 0.6) as same,
  of_integers = lora.curve(step::bigint, loss, 100, method) as same_of_integers,
  jsonb_array_length(curve -> 'x') as points, curve -> 'non_finite' as non_finite
from points, parallel_curve group by method, curve, of_integers order by method;
drop table points;
