-- estimate_cost: what a run will cost. core/src/cost/estimate.rs says what and why.
create or replace function lora.estimate_cost(
  total_steps integer, tokens_per_step double precision, num_epochs integer, tokens_per_second double precision, hourly_rate numeric,
  gpus integer default 1, observed double precision[] default '{}'
)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  storage constant numeric := 0.5;
  amounts numeric[] := '{}';
  shares double precision[] := array[0.5, 1, 2];
  method text := 'formula';
  training double precision;
  seconds double precision;
  micros double precision;
begin
  perform lora._check_amount(hourly_rate, 'hourly_rate');
  perform lora._check_workload('total_steps', total_steps >= 1);
  perform lora._check_workload('num_epochs', num_epochs >= 1);
  perform lora._check_workload('gpus', gpus >= 1);
  perform lora._check_workload('tokens_per_step', tokens_per_step >= 0 and lora._is_finite(tokens_per_step));
  perform lora._check_workload('tokens_per_second', tokens_per_second > 0 and lora._is_finite(tokens_per_second));
  if pg_catalog.cardinality(observed) > 0 then
    -- Whatever its dimensions and bounds are.
    observed := array(select one.share from pg_catalog.unnest(observed) with ordinality as one (share, place) order by one.place);
    -- NaN is larger than any other, and NULL is nothing.
    if (pg_catalog.cardinality(observed) = 3 and observed[1] > 0 and observed[1] <= observed[2] and observed[2] <= observed[3]
      and lora._is_finite(observed[3])) is not true then
      raise exception '"observed" is out of range'
        using errcode = '22023',
          hint = 'Pass three shares above 0 in their order, lower quartile, median and upper quartile, or an empty array.';
    end if;
    shares := observed;
    method := 'similar_jobs';
  end if;
  training := lora._quotient(
    lora._product(total_steps, tokens_per_step), lora._product(tokens_per_second, gpus)) + 300 * num_epochs::double precision;
  seconds := 600 + training + 300;
  for place in 1..3 loop
    micros := lora._product(lora._product(seconds, shares[place]), 1e6);
    if micros > 9e15 then
      raise exception 'the run would take more than 285 years'
        using errcode = '22003', hint = 'Check the number of steps and the throughput.';
    end if;
    amounts := amounts || lora._cost_of_micros(lora._rounded(micros, 1)::bigint, hourly_rate, gpus) + storage;
  end loop;
  return pg_catalog.jsonb_build_object(
    'low', amounts[1], 'expected', amounts[2], 'high', amounts[3],
    'hours', lora._figure(lora._rounded(lora._quotient(lora._product(seconds, shares[2]), 36), 1) / 100),
    'seconds', lora._figure(lora._rounded(lora._product(seconds, shares[2]), 1000)),
    'steps', total_steps,
    'preparation_seconds', lora._figure(lora._rounded(lora._product(600, shares[2]), 1000)),
    'seconds_per_step', lora._figure(lora._rounded(lora._quotient(lora._product(training, shares[2]), total_steps), 1000)),
    'method', method);
end
$$;
comment on function lora.estimate_cost(integer, double precision, integer, double precision, numeric, integer, double precision[]) is
  'What a run will cost: low, expected and high, from its work, its epochs, the price and what finished runs have taken';
grant execute on function lora.estimate_cost(integer, double precision, integer, double precision, numeric, integer, double precision[])
  to public;

create or replace function lora._check_workload(name text, holds boolean)
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if holds is not true then
    raise exception '"%" is out of range', name
      using errcode = '22023', hint = 'Pass at least one step, one epoch and one GPU, and a throughput above 0.';
  end if;
end
$$;
grant execute on function lora._check_workload(text, boolean) to public;
