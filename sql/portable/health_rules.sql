-- health_rules: the rules of a run's health, in their order. Each gets the steps and the figures that were reported and are numbers, in
-- order, and answers what is broken; NULL of nothing, and when it cannot be judged for want of points.

create or replace function lora._health_broken(from_step bigint, to_step bigint, evidence jsonb)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object('from_step', from_step, 'to_step', to_step, 'evidence', evidence);
end
$$;
grant execute on function lora._health_broken(bigint, bigint, jsonb) to public;

-- Of an even number of figures the upper one of both in the middle; NULL of none.
create or replace function lora._upper_median(figures double precision[])
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  sorted constant double precision[] := array(select figure from pg_catalog.unnest(figures) as figure order by figure);
begin
  return sorted[pg_catalog.cardinality(sorted) / 2 + 1];
end
$$;
grant execute on function lora._upper_median(double precision[]) to public;

create or replace function lora._health_non_finite(steps bigint[], metrics text[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  count constant integer := pg_catalog.cardinality(steps);
begin
  if count = 0 then
    return null;
  end if;
  return lora._health_broken(
    steps[1], steps[count], pg_catalog.jsonb_build_object('metric', metrics[1], 'points', count));
end
$$;
grant execute on function lora._health_non_finite(bigint[], text[]) to public;

create or replace function lora._health_divergence(steps bigint[], losses double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  diverged constant integer := 10; -- DIVERGED
  before_diverged constant integer := 100; -- BEFORE_DIVERGED
  times_best constant double precision := 3; -- TIMES_BEST
  robust_deviations constant double precision := 6; -- ROBUST_DEVIATIONS
  least_deviation constant double precision := 0.02; -- LEAST_DEVIATION
  mad constant double precision := 1.4826; -- MAD
  count constant integer := pg_catalog.cardinality(losses);
  before constant integer := count - diverged;
  newest double precision[];
  usual double precision[];
  best_place integer;
  best double precision;
  level double precision;
  beyond double precision;
  middle double precision;
  deviation double precision;
  deviations double precision;
  evidence jsonb;
  since integer;
begin
  if before < 1 then
    return null;
  end if;
  best_place := (lora._extremes(losses, array(select pg_catalog.generate_series(1, before))))[1];
  best := losses[best_place];
  newest := losses[before + 1:];
  level := lora._upper_median(newest);
  evidence := pg_catalog.jsonb_build_object(
    'best', lora._figure(best), 'best_step', steps[best_place], 'newest', lora._figure(level));
  beyond := lora._product(best, times_best);
  if best > 0 and beyond < all (newest) then
    -- Since when: everything behind the last loss that was not.
    since := before + 1;
    while since > 1 and losses[since - 1] > beyond loop
      since := since - 1;
    end loop;
    return lora._health_broken(steps[since], steps[count], evidence || '{"by": "ratio"}');
  elsif before < before_diverged then
    return null;
  end if;
  usual := losses[before - before_diverged + 1:before];
  middle := lora._upper_median(usual);
  deviation := lora._product(mad, lora._upper_median(array(
    select pg_catalog.abs(lora._sum(loss, -middle)) from pg_catalog.unnest(usual) as loss)));
  -- A run without noise has none.
  deviation := greatest(deviation, lora._product(least_deviation, pg_catalog.abs(middle)));
  if deviation > 0 then
    deviations := lora._quotient(lora._sum(level, -middle), deviation);
    if deviations > robust_deviations and deviations <> 'NaN' then
      return lora._health_broken(steps[before + 1], steps[count], evidence || '{"by": "robust_z"}');
    end if;
  end if;
  return null;
end
$$;
grant execute on function lora._health_divergence(bigint[], double precision[]) to public;

create or replace function lora._health_overfit(
  evaluation_steps bigint[], evaluations double precision[], steps bigint[], losses double precision[]
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  rises constant integer := 3; -- RISES
  count constant integer := pg_catalog.cardinality(evaluations);
  first double precision;
  last double precision;
begin
  if count <= rises then
    return null;
  end if;
  for place in count - rises + 1 .. count loop
    if evaluations[place] <= evaluations[place - 1] then
      return null;
    end if;
  end loop;
  first := lora._health_losses_at(evaluation_steps[count - rises], steps, losses);
  last := lora._health_losses_at(evaluation_steps[count], steps, losses);
  if last < first then
    return lora._health_broken(evaluation_steps[count - rises], evaluation_steps[count], pg_catalog.jsonb_build_object(
      'best', lora._figure(evaluations[count - rises]), 'newest', lora._figure(evaluations[count]),
      'training_from', lora._figure(first), 'training_to', lora._figure(last)));
  end if;
  return null;
end
$$;
grant execute on function lora._health_overfit(bigint[], double precision[], bigint[], double precision[]) to public;

-- The training loss at an evaluation: of the newest points up to there.
create or replace function lora._health_losses_at(step bigint, steps bigint[], losses double precision[])
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  newest constant integer := 20; -- NEWEST
  until integer;
begin
  select count(*) into until from pg_catalog.unnest(steps) as reported where reported <= step;
  return lora._upper_median(losses[until - newest / 2 + 1:until]);
end
$$;
grant execute on function lora._health_losses_at(bigint, bigint[], double precision[]) to public;

create or replace function lora._health_learning_rate_zero(steps bigint[], rates double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  zeros constant integer := 10; -- ZEROS
  place integer := 0;
  zero_rates integer := 0;
  longest integer := 0;
  until integer;
  rate double precision;
begin
  foreach rate in array rates loop
    place := place + 1;
    zero_rates := case when rate = 0 then zero_rates + 1 else 0 end;
    -- Of several that are as long the last one.
    if zero_rates >= longest then
      longest := zero_rates;
      until := place;
    end if;
  end loop;
  if longest < zeros then
    return null;
  end if;
  return lora._health_broken(steps[until - longest + 1], steps[until], pg_catalog.jsonb_build_object('points', longest));
end
$$;
grant execute on function lora._health_learning_rate_zero(bigint[], double precision[]) to public;

create or replace function lora._health_gradient_spike(steps bigint[], norms double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- The norms as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  gradients constant integer := 50; -- GRADIENTS
  least_gradients constant integer := 20; -- LEAST_GRADIENTS
  times_gradient constant double precision := 10; -- TIMES_GRADIENT
  place integer;
  usual double precision;
  first integer;
  last integer;
  spikes integer := 0;
  highest integer;
  highest_usual double precision;
begin
  -- No norm is a spike that is not far above the lowest one of those before it: there are few to look at.
  for place in
    select low.place
    from (
      select element.norm, element.place,
        pg_catalog.min(element.norm) over (order by element.place rows between gradients preceding and 1 preceding) as norm_before
      from pg_catalog.unnest(norms) with ordinality as element (norm, place)
    ) as low
    where low.place > least_gradients and low.norm > (times_gradient - 1) * greatest(least(low.norm_before, 1e300), 0)
    order by low.place
  loop
    usual := lora._upper_median(array(
      select norms[other] from pg_catalog.generate_series(greatest(place - gradients, 1), place - 1) as other));
    if usual > 0 and norms[place] > lora._product(times_gradient, usual) then
      spikes := spikes + 1;
      first := coalesce(first, place);
      last := place;
      if highest is null or norms[place] > norms[highest] then
        highest := place;
        highest_usual := usual;
      end if;
    end if;
  end loop;
  if spikes = 0 then
    return null;
  end if;
  return lora._health_broken(steps[first], steps[last], pg_catalog.jsonb_build_object(
    'spikes', spikes, 'highest', lora._figure(norms[highest]), 'highest_step', steps[highest], 'usual', lora._figure(highest_usual)));
end
$$;
grant execute on function lora._health_gradient_spike(bigint[], double precision[]) to public;

create or replace function lora._health_throughput_drop(steps bigint[], speeds double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  newest constant integer := 20; -- NEWEST
  drop_to constant double precision := 0.5; -- DROP
  count constant integer := pg_catalog.cardinality(speeds);
  before constant integer := count - newest;
  usual double precision;
  now double precision;
begin
  if before < 2 * newest then
    return null;
  end if;
  usual := lora._upper_median(speeds[:before]);
  now := lora._upper_median(speeds[before + 1:]);
  if now < lora._product(drop_to, usual) then
    return lora._health_broken(steps[before + 1], steps[count], pg_catalog.jsonb_build_object(
      'usual', lora._figure(usual), 'newest', lora._figure(now)));
  end if;
  return null;
end
$$;
grant execute on function lora._health_throughput_drop(bigint[], double precision[]) to public;

create or replace function lora._health_gpu_idle(steps bigint[], usages double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  newest constant integer := 20; -- NEWEST
  idle constant double precision := 10; -- IDLE
  count constant integer := pg_catalog.cardinality(usages);
  before integer := count;
begin
  while before > 0 and usages[before] < idle loop
    before := before - 1;
  end loop;
  if count - before < newest then
    return null;
  end if;
  return lora._health_broken(steps[before + 1], steps[count], pg_catalog.jsonb_build_object(
    'points', count - before, 'median', lora._figure(lora._upper_median(usages[before + 1:]))));
end
$$;
grant execute on function lora._health_gpu_idle(bigint[], double precision[]) to public;

create or replace function lora._health_plateau(steps bigint[], losses double precision[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  flat_points constant integer := 50; -- FLAT_POINTS
  flat constant double precision := 0.005; -- FLAT
  count constant integer := pg_catalog.cardinality(losses);
  size constant integer := greatest(flat_points, count / 5);
  since constant integer := count - size;
  level double precision;
  newest_level double precision;
begin
  if count < 2 * size then
    return null;
  end if;
  -- Medians of its two halves: a line through noise would be steeper or flatter by chance.
  level := lora._upper_median(losses[since + 1:since + size / 2]);
  newest_level := lora._upper_median(losses[since + size / 2 + 1:]);
  if pg_catalog.abs(lora._sum(newest_level, -level)) < lora._product(flat, pg_catalog.abs(level)) then
    return lora._health_broken(steps[since + 1], steps[count], pg_catalog.jsonb_build_object(
      'points', size, 'from', lora._figure(level), 'to', lora._figure(newest_level)));
  end if;
  return null;
end
$$;
grant execute on function lora._health_plateau(bigint[], double precision[]) to public;
