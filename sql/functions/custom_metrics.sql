-- Metrics without a column of their own, a value a row: recorded once for each job, metric, attempt and step.

-- The service reports, clients read what is theirs.
revoke all on public.custom_metrics from public, anon, authenticated, service_role;
grant select on public.custom_metrics to authenticated;
grant select, insert on public.custom_metrics to service_role;

-- A value as Postgres reads a double; NULL of what is none, and nothing raised for it.
create or replace function lora_private.metric_number(value jsonb)
returns double precision
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  digits constant pg_catalog.text := pg_catalog.lower(pg_catalog.btrim(value #>> '{}', E' \t\n\r\v\f') collate "C");
  number numeric;
begin
  if pg_catalog.jsonb_typeof(value) = 'string' then
    if pg_catalog.octet_length(digits) > 100 then
      return null;
    elsif digits ~ '^(nan|[+-]?inf(inity)?)$' then
      return digits::double precision;
    elsif digits !~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,4})?$' then
      return null;
    end if;
  elsif pg_catalog.jsonb_typeof(value) is distinct from 'number' then
    return null;
  end if;
  -- Beyond these a cast raises: neither infinity nor 0 is what was meant.
  number := digits::numeric;
  return case
    when number = 0 or pg_catalog.abs(number) between 2.4703282292062328e-324 and 1.7976931348623158079e308
      then number::double precision
  end;
end
$$;

-- Records the other metrics of points that are good. `accepted`, `duplicates` and `replaced` count the points that hold nothing else,
-- `recorded` all new values; `odd` are the points of which a value is not kept, `empty` those that hold nothing else, `newest` the
-- values of the highest steps that are numbers, `gone` the metrics of which a value was replaced by none.
create or replace function lora_private.record_custom_metrics(job public.training_jobs, points jsonb, is_replacing boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  answer pg_catalog.jsonb;
begin
  -- Planned each time: a plan that is made while the table is small reads all of it for each batch when it is large.
  execute $query$
    with sent as (
      select point.index, point.step, point.is_measured as is_beside, entry.metric,
        lora_private.metric_number(entry.value) as value,
        entry.place <= 100 and pg_catalog.length(entry.metric) between 1 and 200 as is_nameable
      from lora_private.sent_points($3) as point
      cross join lateral (
        select other.key as metric, other.value, pg_catalog.row_number() over (order by other.key collate "C") as place
        from pg_catalog.jsonb_each(point.others) as other where other.value <> 'null'
      ) as entry
    ), kept as (
      select * from sent where is_nameable and value is not null
    ), ranked as (
      select *,
        pg_catalog.row_number() over (partition by metric, step order by case when $4 then -index else index end) = 1 as is_chosen
      from kept
    ), inserted as (
      insert into public.custom_metrics (job_id, metric, attempt, step, value)
      select $1, metric, $2, step, value from ranked where is_chosen
      on conflict (job_id, metric, attempt, step) do nothing
      returning metric, step
    ), judged as (
      select sent.*, known.step is null and sent.is_chosen as is_new,
        coalesce(known.value, pg_catalog.first_value(sent.value) over (partition by sent.metric, sent.step order by sent.is_chosen desc))
          is not distinct from sent.value as is_same
      from ranked as sent
      -- One look for each value, whatever is known of the table.
      left join lateral (
        select * from public.custom_metrics as value
        where value.job_id = $1 and value.metric = sent.metric and value.attempt = $2 and value.step = sent.step
        offset 0
      ) as known on true
    ), alone as (
      select pg_catalog.bool_or(is_new) as is_new, pg_catalog.bool_or(not is_same) as is_changed,
        pg_catalog.bool_or(not is_same and is_chosen) as is_replaced
      from judged where not is_beside group by index
    )
    select pg_catalog.jsonb_build_object(
      'recorded', (select pg_catalog.count(*) from inserted),
      'accepted', pg_catalog.count(*) filter (where is_new),
      'replaced', pg_catalog.count(*) filter (where $4 and not is_new and is_replaced),
      'duplicates', pg_catalog.count(*) filter (where not is_new and not (case when $4 then is_replaced else is_changed end)),
      'refused', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'index', index, 'step', step, 'metric', metric, 'reason', 'another value is recorded for this step') order by index, metric), '[]')
        from judged where not is_same and not $4
      ),
      'changed', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('metric', metric, 'step', step, 'value', value)), '[]')
        from judged where not is_same and $4 and is_chosen
      ),
      'gone', (
        select coalesce(pg_catalog.jsonb_agg(distinct metric), '[]')
        from judged where not is_same and $4 and is_chosen and not pg_catalog.abs(value) < 'Infinity'
      ),
      'empty', (
        select coalesce(pg_catalog.jsonb_agg(index), '[]') from (
          select index from sent where not is_beside group by index having not pg_catalog.bool_or(is_nameable and value is not null)
        ) as nothing
      ),
      'odd', (
        select coalesce(pg_catalog.jsonb_agg(distinct index), '[]') from sent where not is_nameable or value is null
      ),
      'newest', (
        select coalesce(pg_catalog.jsonb_object_agg(last.metric, pg_catalog.jsonb_build_object('value', last.value, 'step', last.step)), '{}')
        from (
          -- (What is refused stands nowhere.)
          select distinct on (metric) metric, value, step from judged
          where is_chosen and (is_same or $4) and pg_catalog.abs(value) < 'Infinity' order by metric, step desc
        ) as last
      )
    ) from alone
  $query$ into answer using job.id, job.attempt, points, is_replacing;
  if answer -> 'changed' <> '[]' then
    perform lora_private.replace_custom_metrics(job.id, job.attempt, answer -> 'changed');
  end if;
  if answer -> 'gone' <> '[]' then
    -- What is shown of these may be what was replaced.
    select pg_catalog.jsonb_set(answer, '{newest}', answer -> 'newest' || coalesce(pg_catalog.jsonb_object_agg(
      gone.metric, pg_catalog.jsonb_build_object('value', last.value, 'step', last.step)), '{}')) into answer
    from pg_catalog.jsonb_array_elements_text(answer -> 'gone') as gone (metric)
    cross join lateral (
      select value.value, value.step from public.custom_metrics as value
      where value.job_id = job.id and value.metric = gone.metric and value.attempt = job.attempt
        and pg_catalog.abs(value.value) < 'Infinity'
      order by value.step desc limit 1
    ) as last;
  end if;
  return answer;
end
$$;

-- Puts other values in the place of recorded ones, for report_training_metrics: nobody else changes one.
create or replace function lora_private.replace_custom_metrics(job_id uuid, attempt integer, changes jsonb)
returns void
language plpgsql security definer
set search_path = ''
as $$
declare
  job constant public.training_jobs := lora_private.lock_attempt(replace_custom_metrics.job_id, replace_custom_metrics.attempt);
begin
  update public.custom_metrics as recorded set value = change.value
  from pg_catalog.jsonb_to_recordset(changes) as change (metric pg_catalog.text, step pg_catalog.int4, value pg_catalog.float8)
  where job.status <> 'cancelled' and recorded.job_id = job.id and recorded.metric = change.metric and recorded.attempt = job.attempt
    and recorded.step = change.step;
end
$$;

-- A job's current metrics with newer values under `custom`, and without those that are gone; of a hundred names at most: a row that is
-- read on every page is no place for a name a step.
create or replace function lora_private.with_custom_metrics(current_metrics jsonb, newest jsonb, gone jsonb)
returns jsonb
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  metrics constant pg_catalog.jsonb := case when pg_catalog.jsonb_typeof(current_metrics) = 'object' then current_metrics else '{}' end;
  known pg_catalog.jsonb := case when pg_catalog.jsonb_typeof(metrics -> 'custom') = 'object' then metrics -> 'custom' else '{}' end;
  names pg_catalog.int8;
  figure pg_catalog.record;
begin
  known := known - array(select pg_catalog.jsonb_array_elements_text(gone));
  select pg_catalog.count(*) into names from pg_catalog.jsonb_object_keys(known);
  for figure in
    select last.key, last.value, (lora_private.figure(known -> last.key -> 'step', 2147483647) > (last.value ->> 'step')::numeric) is true as is_older
    from pg_catalog.jsonb_each(newest) as last order by last.key collate "C"
  loop
    continue when figure.is_older or (names >= 100 and not known ? figure.key);
    names := names + case when known ? figure.key then 0 else 1 end;
    known := known || pg_catalog.jsonb_build_object(figure.key, figure.value);
  end loop;
  return case when known = '{}' then metrics - 'custom' else metrics || pg_catalog.jsonb_build_object('custom', known) end;
end
$$;

revoke all on function
  lora_private.metric_number(jsonb),
  lora_private.record_custom_metrics(public.training_jobs, jsonb, boolean),
  lora_private.replace_custom_metrics(uuid, integer, jsonb),
  lora_private.with_custom_metrics(jsonb, jsonb, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.metric_number(jsonb),
  lora_private.record_custom_metrics(public.training_jobs, jsonb, boolean),
  lora_private.replace_custom_metrics(uuid, integer, jsonb),
  lora_private.with_custom_metrics(jsonb, jsonb, jsonb)
  to service_role;
