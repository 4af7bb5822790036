-- metric_point_findings: what is wrong with a reported point.

-- What is wrong with a number as Postgres reads a double: decimal, or the name of what is no number. NULL of one that is none.
create or replace function lora._number_fault(value jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  digits constant pg_catalog.text := lora._digits(value);
begin
  if (digits ~ '^(nan|[+-]?inf(inity)?)$') is true then
    return null;
  elsif (digits ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,4})?$') is not true then
    return 'not_a_number';
  elsif lora._float(digits::numeric) is null or (lora._float(digits::numeric) = 0 and digits::numeric <> 0) then
    return 'out_of_range';
  end if;
  return null;
end
$$;
grant execute on function lora._number_fault(jsonb) to public;

-- What is wrong with a whole number from 0 to what an integer holds.
create or replace function lora._whole_number_fault(value jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  digits constant pg_catalog.text := lora._digits(value);
begin
  if (digits ~ '^[+-]?[0-9]+$') is not true then
    return 'not_a_whole_number';
  elsif digits::numeric < 0 then
    return 'negative';
  elsif digits::numeric > 2147483647 then
    return 'out_of_range';
  end if;
  return null;
end
$$;
grant execute on function lora._whole_number_fault(jsonb) to public;

-- The text of a number, or of a string that may hold one; NULL of anything else.
create or replace function lora._digits(value jsonb)
returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when pg_catalog.jsonb_typeof(value) = 'number' then value #>> '{}'
    when pg_catalog.jsonb_typeof(value) = 'string'
      and pg_catalog.octet_length(pg_catalog.btrim(value #>> '{}', E' \t\n\r\x0b\f')) <= 100
      then pg_catalog.lower(pg_catalog.btrim(value #>> '{}', E' \t\n\r\x0b\f') collate "C")
  end
$$;
grant execute on function lora._digits(jsonb) to public;

-- Whether a value is an instant in ISO 8601: a date with or without a time, a time with or without a zone.
create or replace function lora._is_instant(value jsonb)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  parts constant pg_catalog.text[] := case
    when pg_catalog.jsonb_typeof(value) = 'string' and pg_catalog.octet_length(value #>> '{}') <= 100 then
      pg_catalog.regexp_match(pg_catalog.btrim(value #>> '{}'),
        '^([0-9]{4})-([0-9]{2})-([0-9]{2})([Tt ]([0-9]{2}):([0-9]{2})(:([0-9]{2})([.][0-9]+)?)? *([Zz]|[+-]([0-9]{2})(:?([0-9]{2}))?)?)?$')
  end;
  year constant pg_catalog.int4 := parts[1];
  month constant pg_catalog.int4 := parts[2];
begin
  if parts is null or year = 0 or month not between 1 and 12 then
    return false;
  end if;
  return parts[3]::pg_catalog.int4 between 1 and extract(day from pg_catalog.make_date(year, month, 1) + '1 month - 1 day'::interval)
    and coalesce(parts[5]::pg_catalog.int4 <= 23 and parts[6]::pg_catalog.int4 <= 59, true)
    and coalesce(parts[8]::pg_catalog.int4 <= 59, true)
    and coalesce(parts[11]::pg_catalog.int4 <= 15, true) and coalesce(parts[13]::pg_catalog.int4 <= 59, true);
end
$$;
grant execute on function lora._is_instant(jsonb) to public;

create or replace function lora.metric_point_findings(point jsonb)
returns table (code text, severity text, field text, error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  as_whole_number constant pg_catalog.text := 'Give a whole number from 0 to 2147483647.';
  as_number constant pg_catalog.text := 'Give a number that a double holds, or "NaN", "Infinity" or "-Infinity" as text.';
  as_percent constant pg_catalog.text := 'Give a percentage from 0 to 100, or leave it out.';
  as_instant constant pg_catalog.text := 'Give an instant such as "2026-01-15T23:00:00Z", or leave it out.';
  fields constant pg_catalog.text[] := array['step', 'epoch', 'training_loss', 'learning_rate', 'validation_loss', 'gradient_norm',
    'throughput', 'gpu_utilization', 'timestamp'];
  others pg_catalog.jsonb;
  is_of_others boolean;
  name pg_catalog.text;
  value pg_catalog.jsonb;
  number double precision;
  place pg_catalog.int4 := 0;
begin
  if point is null then
    return;
  elsif pg_catalog.jsonb_typeof(point) <> 'object' then
    return query values ('not_an_object', 'error', null::pg_catalog.text, 'the point is not an object',
      'Give each point as an object with step, epoch, training_loss and learning_rate.');
    return;
  end if;
  select coalesce(pg_catalog.jsonb_object_agg(member.key, member.value), '{}') into point
  from pg_catalog.jsonb_each(point) as member where member.value <> 'null';
  others := point - fields;
  -- Without a single measured field it is a point of other metrics alone.
  is_of_others := others <> '{}' and not point ?| fields[3:8];

  foreach name in array fields loop
    field := name;
    value := point -> name;
    severity := 'error';
    code := null;
    error := pg_catalog.format('"%s" is %s', name, pg_catalog.left(value::pg_catalog.text, 50));
    if value is null then
      if name = 'step' or (name = any (fields[2:4]) and not is_of_others) then
        code := 'missing';
        error := pg_catalog.format('"%s" is missing', name);
        suggestion := case when name in ('step', 'epoch') then as_whole_number else as_number end;
      end if;
    elsif name in ('step', 'epoch') then
      code := lora._whole_number_fault(value);
      suggestion := as_whole_number;
    elsif name = 'timestamp' then
      code := case when not lora._is_instant(value) then 'not_an_instant' end;
      suggestion := as_instant;
    else
      code := lora._number_fault(value);
      suggestion := case name when 'gpu_utilization' then as_percent else as_number end;
      number := case when code is null then lora._digits(value)::double precision end;
      if pg_catalog.abs(number) < 'infinity' then
        if name = 'gpu_utilization' and number not between 0 and 100 then
          code := 'out_of_range';
        elsif name = 'learning_rate' and number > 1 then
          code := 'learning_rate_too_high';
          severity := 'warning';
          suggestion := 'Give the rate itself, such as 0.0002: from 0 to 1.';
        elsif number < 0 and name in ('learning_rate', 'gradient_norm', 'throughput') then
          code := 'negative';
          severity := 'warning';
          suggestion := 'Look at what is measured: this is 0 or more.';
        end if;
      end if;
    end if;
    if code is not null then
      return next;
    end if;
  end loop;

  severity := 'warning';
  for name, value in select member.key, member.value from pg_catalog.jsonb_each(others) as member order by member.key collate "C" loop
    place := place + 1;
    code := case
      when place > 100 then 'too_many_metrics'
      when lora._number_fault(value) is not null or pg_catalog.length(name) not between 1 and 200 then 'not_kept'
    end;
    if code is not null then
      field := name;
      error := pg_catalog.format('"%s" is %s', pg_catalog.left(name, 50), pg_catalog.left(value::pg_catalog.text, 50));
      suggestion := case code
        when 'too_many_metrics' then 'Report at most 100 other metrics with a point.'
        else 'Name other metrics with 1 to 200 characters, and give numbers.'
      end;
      return next;
    end if;
    exit when place > 100;
  end loop;
end
$$;
comment on function lora.metric_point_findings(jsonb) is
  'What is wrong with a reported point: errors, for which it cannot be recorded, and warnings';
grant execute on function lora.metric_point_findings(jsonb) to public;
