-- What a stretch of days cost is looked up by the day on which a charge begins. Those that go on for longer than the next day
-- are few, and are found by an index of their own, however long they are.
create index if not exists cost_records_long_periods_idx on public.cost_records (user_id, billing_period)
  where billing_period < (upper(period) at time zone 'UTC')::date - 1;
