-- job_pace_document: the document of a pace, read and written.

-- Reads what _job_pace_write wrote; an empty pace where there is none. Refuses anything else.
create or replace function lora._job_pace_read(
  pace jsonb,
  out shift integer, out steps bigint[], out times bigint[], out evaluations bigint[],
  out evaluating_steps bigint[], out evaluating_micros bigint[], out checkpointing_steps bigint[], out checkpointing_micros bigint[],
  out stage text, out since bigint, out since_step bigint, out furthest integer
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  keys constant pg_catalog.text[] := array[
    'version', 'shift', 'steps', 'reported_at', 'evaluations', 'evaluating', 'checkpointing', 'stage', 'since', 'since_step', 'furthest'];
  recent constant integer := 16; -- PACE_RECENT
  stretches constant integer := 64; -- PACE_STRETCHES
  pauses constant integer := 16; -- PACE_PAUSES
  stage_bytes constant integer := 200;
  numbers bigint[];
  last bigint := -1;
  stretch bigint := -1;
  stretches_found integer := 0;
  step bigint;
begin
  evaluating_steps := '{}'; evaluating_micros := '{}'; checkpointing_steps := '{}'; checkpointing_micros := '{}';
  if pace is null then
    shift := 0; steps := '{}'; times := '{}'; evaluations := '{}'; furthest := 0;
    return;
  end if;
  if pg_catalog.jsonb_typeof(pace) <> 'object' then
    perform lora._refuse_state('job_pace');
  end if;
  numbers := array[
    lora._whole_number(pace -> 'version'), lora._whole_number(pace -> 'shift'), lora._whole_number(pace -> 'furthest')];
  steps := lora._whole_numbers(pace -> 'steps', stretches + recent);
  times := lora._whole_numbers(pace -> 'reported_at', stretches + recent);
  evaluations := lora._whole_numbers(pace -> 'evaluations', pauses);
  if pace - keys <> '{}' or steps is null or evaluations is null or pg_catalog.cardinality(steps) is distinct from pg_catalog.cardinality(times)
    or (numbers[1] = 1 and numbers[2] between 0 and 63 and numbers[3] between 0 and 10000) is not true then
    perform lora._refuse_state('job_pace');
  end if;
  shift := numbers[2];
  furthest := numbers[3];
  foreach step in array steps loop
    if step <= last then
      perform lora._refuse_state('job_pace');
    elsif step >> shift <> stretch then
      stretch := step >> shift;
      stretches_found := stretches_found + 1;
    end if;
    last := step;
  end loop;
  if pg_catalog.cardinality(evaluations) > 1 then
    evaluations := array(select distinct one from pg_catalog.unnest(evaluations) as one order by one);
  end if;
  if stretches_found > stretches or evaluations[1] < 0 then
    perform lora._refuse_state('job_pace');
  end if;
  if pace -> 'evaluating' is distinct from '[]' then
    select * into evaluating_steps, evaluating_micros from lora._pauses(pace -> 'evaluating', pauses);
  end if;
  if pace -> 'checkpointing' is distinct from '[]' then
    select * into checkpointing_steps, checkpointing_micros from lora._pauses(pace -> 'checkpointing', pauses);
  end if;
  -- These three may be left out, or null.
  if coalesce(pg_catalog.jsonb_typeof(pace -> 'stage'), 'null') not in ('string', 'null')
    or (coalesce(pace -> 'since', 'null') <> 'null' and lora._whole_number(pace -> 'since') is null)
    or (coalesce(pace -> 'since_step', 'null') <> 'null' and lora._whole_number(pace -> 'since_step') is null)
    or pg_catalog.octet_length(pg_catalog.convert_to(pace ->> 'stage', 'UTF8')) > stage_bytes then
    perform lora._refuse_state('job_pace');
  end if;
  since := lora._whole_number(pace -> 'since');
  if since is not null then
    stage := pace ->> 'stage';
  end if;
  if stage is null then
    since := null;
  else
    since_step := lora._whole_number(pace -> 'since_step');
  end if;
end
$$;
grant execute on function lora._job_pace_read(jsonb) to public;

create or replace function lora._job_pace_write(
  shift integer, steps bigint[], times bigint[], evaluations bigint[],
  evaluating_steps bigint[], evaluating_micros bigint[], checkpointing_steps bigint[], checkpointing_micros bigint[],
  stage text, since bigint, since_step bigint, furthest integer
)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  evaluating pg_catalog.jsonb := '[]';
  checkpointing pg_catalog.jsonb := '[]';
begin
  if pg_catalog.cardinality(evaluating_steps) > 0 then
    evaluating := (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(pause.step, pause.micros) order by pause.place)
      from unnest(evaluating_steps, evaluating_micros) with ordinality as pause (step, micros, place));
  end if;
  if pg_catalog.cardinality(checkpointing_steps) > 0 then
    checkpointing := (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(pause.step, pause.micros) order by pause.place)
      from unnest(checkpointing_steps, checkpointing_micros) with ordinality as pause (step, micros, place));
  end if;
  return pg_catalog.jsonb_build_object(
    'version', 1, 'shift', shift, 'steps', steps, 'reported_at', times, 'evaluations', evaluations,
    'evaluating', evaluating, 'checkpointing', checkpointing,
    'stage', stage, 'since', since, 'since_step', since_step, 'furthest', furthest);
end
$$;
grant execute on function lora._job_pace_write(
  integer, bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], text, bigint, bigint, integer) to public;

create or replace function lora._refuse_state(aggregate text)
returns void
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the state of aggregate "%" is damaged', aggregate
    using errcode = '22023', hint = 'Pass only states that the same version of the aggregate has written.';
end
$$;
grant execute on function lora._refuse_state(text) to public;

-- A number without places that a bigint holds; NULL for anything else.
create or replace function lora._whole_number(value jsonb)
returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  digits constant pg_catalog.text := value::pg_catalog.text;
begin
  if digits !~ '^-?[0-9]{1,19}$' or digits::numeric not between -9223372036854775808 and 9223372036854775807 then
    return null;
  end if;
  return digits::bigint;
end
$$;
grant execute on function lora._whole_number(jsonb) to public;

-- A list of at most so many of them; NULL for anything else.
create or replace function lora._whole_numbers(value jsonb, most integer)
returns bigint[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  digits pg_catalog.text;
begin
  if pg_catalog.jsonb_typeof(value) <> 'array' then
    return null;
  elsif pg_catalog.jsonb_array_length(value) > most then
    return null;
  end if;
  digits := value::pg_catalog.text;
  -- As it is JSON, nothing but whole numbers can be written with these characters. (translate() would take ten times as long.)
  if digits !~ '^\[[-0-9, ]*\]$' then
    return null;
  end if;
  digits := pg_catalog.replace(pg_catalog.replace(digits, '[', '{'), ']', '}');
  if digits ~ '[0-9]{19}' then
    if exists (
      select from pg_catalog.unnest(digits::numeric[]) as number
      where number not between -9223372036854775808 and 9223372036854775807
    ) then
      return null;
    end if;
  end if;
  return digits::bigint[];
end
$$;
grant execute on function lora._whole_numbers(jsonb, integer) to public;

-- Pauses of a pace, as [[step, microseconds], …]. Refuses anything else.
create or replace function lora._pauses(value jsonb, most integer, out steps bigint[], out micros bigint[])
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  pause pg_catalog.jsonb;
  numbers bigint[];
begin
  steps := '{}';
  micros := '{}';
  if pg_catalog.jsonb_typeof(value) is distinct from 'array' then
    perform lora._refuse_state('job_pace');
  elsif pg_catalog.jsonb_array_length(value) > most then
    perform lora._refuse_state('job_pace');
  end if;
  for pause in select pg_catalog.jsonb_array_elements(value) loop
    numbers := lora._whole_numbers(pause, 2);
    if (numbers[1] >= 0 and numbers[2] > 0) is not true then
      perform lora._refuse_state('job_pace');
    end if;
    steps := steps || numbers[1];
    micros := micros || numbers[2];
  end loop;
end
$$;
grant execute on function lora._pauses(jsonb, integer) to public;
