-- Exact cost of intervals, and sums by every grouping.
set timezone = 'UTC';
select lora.interval_cost('[2026-01-15 23:00,2026-01-16 00:30)', 3.50, 2) as ninety_minutes,
  lora.interval_cost('[2026-01-15 23:00,2026-01-15 23:00:01)', 16) as one_second,
  lora.interval_cost('empty', 16) as nothing,
  lora.interval_cost('[2026-01-01,2026-01-01 00:01:01)', 60, granularity => '1 minute') as by_minute,
  lora.interval_cost('[2026-01-01,2026-01-01 00:00:01)', 60, minimum => '10 minutes') as minimum;

-- A part costs C(b) - C(a): an hour cut in three is the hour.
select sum(lora.interval_cost(tstzrange('2026-01-01', until), 16) - lora.interval_cost(tstzrange('2026-01-01', since), 16))
  = lora.interval_cost('[2026-01-01,2026-01-01 01:00)', 16) as exact
from (values
  (timestamptz '2026-01-01 00:00', timestamptz '2026-01-01 00:20:00.000001'),
  ('2026-01-01 00:20:00.000001', '2026-01-01 00:40:07.7'), ('2026-01-01 00:40:07.7', '2026-01-01 01:00')
) as part (since, until);

select jsonb_pretty(lora.cost_breakdown(amount, 'USD', day, cost_type, gpu_type, job_id, status)) from (values
  (7.0, date '2026-01-15', 'training_compute', 'A100-80GB', uuid '00000000-0000-4000-8000-000000000001', 'completed'),
  (3.5, '2026-01-16', 'training_compute', 'A100-80GB', '00000000-0000-4000-8000-000000000001', 'completed'),
  (0.0000000001, '2026-01-16', 'storage', null, null, null),
  (null, '2026-01-17', 'unknown', null, null, null)
) as record (amount, day, cost_type, gpu_type, job_id, status);

select lora.cost_breakdown(1, currency, null, null, null, null, null) from (values ('USD'), ('EUR')) as record (currency);
\echo :SQLSTATE
select lora.interval_cost('[2026-01-01,)', 1);
\echo :SQLSTATE
select lora.interval_cost('[2026-01-01,2026-01-02)', 0.00000000001);
\echo :SQLSTATE

-- The formula's own example: 33 steps on two A100 cost about 4.10.
select lora.estimate_cost(33, 63528 / 11.0, 3, 1800, 3.50, 2) as estimate;
-- By what finished runs have taken.
select lora.estimate_cost(33, 63528 / 11.0, 3, 1800, 3.50, 2, '{0.5, 0.75, 1.25}') as estimate;
select lora.estimate_cost(33, 63528 / 11.0, 3, 1800, 3.50, 2, '{0.5, null, 1.25}') as estimate;
\echo :SQLSTATE
