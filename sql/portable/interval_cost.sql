-- interval_cost: what an interval of GPU time costs. core/src/cost/interval.rs says what and why.
create or replace function lora.interval_cost(
  period tstzrange, hourly_rate numeric, gpus integer default 1, granularity interval default '0', minimum interval default '0'
)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  elapsed numeric := 0;
  step numeric;
  least_billed numeric;
begin
  if not pg_catalog.isempty(period) then
    if (pg_catalog.isfinite(pg_catalog.lower(period)) and pg_catalog.isfinite(pg_catalog.upper(period))) is not true then
      raise exception '"period" has no end or no beginning'
        using errcode = '22023',
          hint = 'Pass a range with two finite bounds; an open interval ends at the instant of the question.';
    end if;
    elapsed := lora._micros(pg_catalog.upper(period))::numeric - lora._micros(pg_catalog.lower(period));
    if elapsed > 9223372036854775807 then
      raise exception '"period" is too long' using errcode = '22003', hint = 'Pass a period of less than 292,000 years.';
    end if;
  end if;
  perform lora._check_amount(hourly_rate, 'hourly_rate');
  step := lora._interval_micros(granularity, 'granularity');
  least_billed := lora._interval_micros(minimum, 'minimum');
  if hourly_rate < 0 then
    raise exception '"hourly_rate" is negative'
      using errcode = '22023', hint = 'Pass a price of 0 or more; corrections are records of their own.';
  elsif gpus < 0 then
    raise exception '"gpus" is negative' using errcode = '22023', hint = 'Pass the number of GPUs, 0 or more.';
  elsif step < 0 then
    raise exception '"granularity" is negative' using errcode = '22023', hint = 'Pass an interval of 0 or more.';
  elsif least_billed < 0 then
    raise exception '"minimum" is negative' using errcode = '22023', hint = 'Pass an interval of 0 or more.';
  elsif elapsed = 0 then
    return 0.0000000000;
  end if;
  elapsed := greatest(elapsed, least_billed);
  if step > 0 then
    elapsed := pg_catalog.div(elapsed + step - 1, step) * step;
  end if;
  return lora._cost_of_micros(elapsed, hourly_rate, gpus);
end
$$;
comment on function lora.interval_cost(tstzrange, numeric, integer, interval, interval) is
  'Exact cost of an interval of GPU time: hourly_rate x gpus x billed time, rounded once to ten places';
grant execute on function lora.interval_cost(tstzrange, numeric, integer, interval, interval) to public;

-- An interval as microseconds: a month has no length of its own, and a day has 24 hours.
create or replace function lora._interval_micros(value interval, name text)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  sent constant bytea := pg_catalog.interval_send(value);
  micros numeric;
begin
  -- As it is stored: microseconds, days, months. Its parts by extract() would run over at their ends.
  if pg_catalog.substr(sent, 13, 4) <> '\x00000000' then
    raise exception '"%" is given in months, whose length varies', name
      using errcode = '22023', hint = 'Give it in days, hours, minutes or seconds.';
  end if;
  micros := ('x' || pg_catalog.encode(pg_catalog.substr(sent, 1, 8), 'hex'))::bit(64)::bigint
    + ('x' || pg_catalog.encode(pg_catalog.substr(sent, 9, 4), 'hex'))::bit(32)::integer * 86400000000::numeric;
  if micros not between -9223372036854775808 and 9223372036854775807 then
    raise exception '"%" is too long', name using errcode = '22003', hint = 'Pass an interval of less than 292,000 years.';
  end if;
  return micros;
end
$$;
grant execute on function lora._interval_micros(interval, text) to public;

-- What so much time costs, exact and rounded once, half to even, to ten places.
create or replace function lora._cost_of_micros(micros numeric, hourly_rate numeric, gpus integer)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  micros_per_hour constant numeric := 3600000000;
  product numeric;
  units numeric;
  rest numeric;
begin
  if hourly_rate < 0 then
    raise exception '"hourly_rate" is negative'
      using errcode = '22023', hint = 'Pass a price of 0 or more; corrections are records of their own.';
  end if;
  product := pg_catalog.trunc(hourly_rate * 10000000000) * gpus * micros;
  -- What 128 bits hold.
  if product > 170141183460469231731687303715884105727 then
    raise exception 'the cost is too large' using errcode = '22003', hint = 'Check the rate, the number of GPUs and the interval.';
  end if;
  units := pg_catalog.div(product, micros_per_hour);
  rest := product - units * micros_per_hour;
  if rest * 2 > micros_per_hour or rest * 2 = micros_per_hour and units % 2 = 1 then
    units := units + 1;
  end if;
  -- A division would keep sixteen digits only.
  return units * 0.0000000001;
end
$$;
grant execute on function lora._cost_of_micros(numeric, numeric, integer) to public;

-- An amount that one of ten places holds.
create or replace function lora._check_amount(amount numeric, name text)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- NaN is larger than any other.
  if pg_catalog.abs(amount) >= 'Infinity' or pg_catalog.min_scale(amount) > 10 then
    raise exception '"%" is %, which is not an amount', name, amount
      using errcode = '22023', hint = 'Pass a finite decimal with at most ten places.';
  elsif pg_catalog.abs(amount) >= 10000000000000000000000000000 then
    raise exception '"%" is %, which is too large', name, amount
      using errcode = '22003', hint = 'Pass an amount below 10^28.';
  end if;
end
$$;
grant execute on function lora._check_amount(numeric, text) to public;
