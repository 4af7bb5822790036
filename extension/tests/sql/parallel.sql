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
-- Whoever reads the row, a worker or the leader.
\set SHOW_CONTEXT never
select lora.job_pace(case when step = 8999 then -1 else step end, reported_at) from points;
\set SHOW_CONTEXT errors
\echo :SQLSTATE
drop table points;

-- Curves and findings, whose points come to each worker in an order of their own: with ties, at infinity and not a number.
create table points as
  select case when n % 9973 = 0 then float8 'Infinity' else n * 7919 % 20000 end as x, n * 7919::bigint % 20000 as step,
    case when n % 977 = 0 then 'NaN' else sin(n / 300.0) * (n % 13) end :: float8 as loss
  from generate_series(1, 50000) as n;
analyze points;
alter table points set (parallel_workers = 4);
create view curves as
  select lora.curve(x, loss, 100, 'minmax') as minmax, lora.curve(x, loss, 100, 'lttb') as lttb,
    lora.curve(x, loss, 100, 'minmaxlttb') as minmaxlttb, lora.curve(x, loss, 100, 'last') as last,
    lora.curve(x, loss, 100, 'minmaxlttb', 0.6) as smoothed, lora.curve(step, loss, 100, 'minmax') as minmax_of_integers,
    lora.curve(step, loss, 100, 'lttb', 0.9) as smoothed_of_integers, lora.curve(step, loss, 4, 'last') as last_of_integers,
    lora.curve_health(step, loss, null, 0, null, null, null) as health
  from points;
create temporary table of_4 as select * from curves;
explain (costs off) select * from curves;
set max_parallel_workers_per_gather = 2;
create temporary table of_2 as select * from curves;
set max_parallel_workers_per_gather = 1;
set parallel_leader_participation = off;
create temporary table of_1 as select * from curves;
reset parallel_leader_participation;
set max_parallel_workers_per_gather = 0;
explain (costs off) select * from curves;
create temporary table of_0 as select * from curves;
select answer.key, jsonb_array_length(answer.value -> 'x') as points, answer.value -> 'points' as of, answer.value -> 'non_finite' as non_finite,
  answer.value = to_jsonb(of_1) -> answer.key as same_of_1, answer.value = to_jsonb(of_2) -> answer.key as same_of_2,
  answer.value = to_jsonb(of_4) -> answer.key as same_of_4
from of_0, of_1, of_2, of_4, jsonb_each(to_jsonb(of_0) - 'health') as answer order by answer.key;
select health, health = (select health from of_1) as same_of_1, health = (select health from of_2) as same_of_2,
  health = (select health from of_4) as same_of_4 from of_0;
drop view curves;
drop table points;
