-- curve_health: what is wrong with a run. core/src/metric/health.rs says what and why, health_rules.sql has the rules. A row of the state
-- is the upper and the lower half of the step, as no float holds all of a bigint, and six figures.

create or replace function lora._curve_health_add(
  state double precision[], step bigint, training_loss double precision, validation_loss double precision, learning_rate double precision,
  gradient_norm double precision, throughput double precision, gpu_utilization double precision
)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- As other aggregates: what is unknown is not added.
  if step is null then
    return state;
  end if;
  if pg_catalog.cardinality(state) = 0 then
    state := lora._series_begin(0, 0, 0);
  end if;
  if pg_catalog.cardinality(state) > 1000 then
    state := lora._series_set_apart(state, 8);
    perform lora._check_health_points(state[1]);
  end if;
  return pg_catalog.array_cat(state, array[
    step >> 32, step & 4294967295, training_loss, validation_loss, learning_rate, gradient_norm, throughput, gpu_utilization]);
end
$$;
grant execute on function lora._curve_health_add(
  double precision[], bigint, double precision, double precision, double precision, double precision, double precision,
  double precision) to public;

create or replace function lora._check_health_points(points double precision)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := 2000000; -- HEALTH_POINTS
begin
  if points > most then
    raise exception 'the run has more than % points', most
      using errcode = '22003', hint = 'Ask for a part of it, such as a range of steps.';
  end if;
end
$$;
grant execute on function lora._check_health_points(double precision) to public;

create or replace function lora._curve_health_final(state double precision[])
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- The rows as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  answer jsonb := lora._series_answer(state);
  figures double precision[];
  run record;
begin
  -- As other aggregates: NULL of no points.
  if state = '{}' or answer is not null then
    return answer;
  end if;
  figures := lora._series_rows(state);
  perform lora._check_health_points(pg_catalog.cardinality(figures) / 8);
  -- Steps that are equal are in the order of their figures' bits, as the extension has them.
  select
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(loss) < 'Infinity'), '{}') as loss_steps,
    coalesce(pg_catalog.array_agg(loss) filter (where pg_catalog.abs(loss) < 'Infinity'), '{}') as losses,
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(evaluation) < 'Infinity'), '{}') as evaluation_steps,
    coalesce(pg_catalog.array_agg(evaluation) filter (where pg_catalog.abs(evaluation) < 'Infinity'), '{}') as evaluations,
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(rate) < 'Infinity'), '{}') as rate_steps,
    coalesce(pg_catalog.array_agg(rate) filter (where pg_catalog.abs(rate) < 'Infinity'), '{}') as rates,
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(norm) < 'Infinity'), '{}') as norm_steps,
    coalesce(pg_catalog.array_agg(norm) filter (where pg_catalog.abs(norm) < 'Infinity'), '{}') as norms,
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(speed) < 'Infinity'), '{}') as speed_steps,
    coalesce(pg_catalog.array_agg(speed) filter (where pg_catalog.abs(speed) < 'Infinity'), '{}') as speeds,
    coalesce(pg_catalog.array_agg(step) filter (where pg_catalog.abs(usage) < 'Infinity'), '{}') as usage_steps,
    coalesce(pg_catalog.array_agg(usage) filter (where pg_catalog.abs(usage) < 'Infinity'), '{}') as usages,
    coalesce(pg_catalog.array_agg(step) filter (where odd is not null), '{}') as odd_steps,
    coalesce(pg_catalog.array_agg(odd) filter (where odd is not null), '{}') as odd_metrics
  into run
  from (
    select (figures[place]::bigint << 32) + figures[place + 1]::bigint as step, figures[place + 2] as loss,
      figures[place + 3] as evaluation, figures[place + 4] as rate, figures[place + 5] as norm, figures[place + 6] as speed,
      figures[place + 7] as usage,
      case
        when not pg_catalog.abs(figures[place + 2]) < 'Infinity' then 'training_loss'
        when not pg_catalog.abs(figures[place + 3]) < 'Infinity' then 'validation_loss'
        when not pg_catalog.abs(figures[place + 5]) < 'Infinity' then 'gradient_norm'
      end as odd
    from pg_catalog.generate_series(1, pg_catalog.cardinality(figures), 8) as place
    order by figures[place], figures[place + 1],
      pg_catalog.float8send(figures[place + 2]) nulls first, pg_catalog.float8send(figures[place + 3]) nulls first,
      pg_catalog.float8send(figures[place + 4]) nulls first, pg_catalog.float8send(figures[place + 5]) nulls first,
      pg_catalog.float8send(figures[place + 6]) nulls first, pg_catalog.float8send(figures[place + 7]) nulls first
  ) as point;
  return lora._series_close(state, lora._health_findings(pg_catalog.jsonb_build_object(
    'non_finite', lora._health_non_finite(run.odd_steps, run.odd_metrics),
    'divergence', lora._health_divergence(run.loss_steps, run.losses),
    'overfit', lora._health_overfit(run.evaluation_steps, run.evaluations, run.loss_steps, run.losses),
    'learning_rate_zero', lora._health_learning_rate_zero(run.rate_steps, run.rates),
    'gradient_spike', lora._health_gradient_spike(run.norm_steps, run.norms),
    'throughput_drop', lora._health_throughput_drop(run.speed_steps, run.speeds),
    'gpu_idle', lora._health_gpu_idle(run.usage_steps, run.usages),
    'plateau', lora._health_plateau(run.loss_steps, run.losses))));
end
$$;
grant execute on function lora._curve_health_final(double precision[]) to public;

-- What is broken, by rule, as the list that is answered.
create or replace function lora._health_findings(broken jsonb)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object('rule', rule.name, 'severity', rule.severity, 'suggestion', rule.suggestion) || (broken -> rule.name)
      order by rule.place), '[]')
    from (values
      -- Generated: rules of health.
      (1, 'non_finite', 'error', 'Stop the run; go on from the last good checkpoint with a lower learning rate, and look at the batch before it.'),
      (2, 'divergence', 'error', 'Stop the run; lower the learning rate or lengthen the warm-up, and clip gradients.'),
      (3, 'overfit', 'warning', 'Take the checkpoint of the best evaluation; use fewer epochs, more data or more dropout.'),
      (4, 'learning_rate_zero', 'warning', 'Look at the schedule: its number of steps is smaller than that of the run.'),
      (5, 'gradient_spike', 'warning', 'Clip gradients, and look at the batches of these steps.'),
      (6, 'throughput_drop', 'warning', 'Look at the data loader and at who else uses the machine.'),
      (7, 'gpu_idle', 'warning', 'Look at the data loader, and end the run when nobody does.'),
      (8, 'plateau', 'info', 'End the run early, or change the learning rate.')
      -- End.
    ) as rule (place, name, severity, suggestion)
    where broken -> rule.name <> 'null');
end
$$;
grant execute on function lora._health_findings(jsonb) to public;

create or replace aggregate lora.curve_health(
  step bigint, training_loss double precision, validation_loss double precision, learning_rate double precision,
  gradient_norm double precision, throughput double precision, gpu_utilization double precision
) (
  sfunc = lora._curve_health_add,
  stype = double precision[],
  initcond = '{}',
  finalfunc = lora._curve_health_final,
  finalfunc_modify = shareable,
  parallel = safe
);
comment on aggregate lora.curve_health(
  bigint, double precision, double precision, double precision, double precision, double precision, double precision) is
  'What is wrong with a run, as its points show it: rule, severity, steps, evidence and what to do about it';
grant execute on function lora.curve_health(
  bigint, double precision, double precision, double precision, double precision, double precision, double precision) to public;
