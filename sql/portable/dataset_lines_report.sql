-- dataset_lines_report: the report on the numbered lines of a dataset, in any order.
--
-- Postgres copies the state of an aggregate for each row. So only the newest lines are in the state; the others are set apart, as parts that cursors of the
-- transaction hold (series.sql says more of that), until it ends: as an aggregate over a window may ask for its answer and go on.
--
-- The state: the options and the numbers of the cursors, as JSON; then the newest lines, each behind its number in eight bytes.
create or replace function lora._lines_add(state bytea[], line_number bigint, line bytea, options jsonb)
returns bytea[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if line_number is null or line is null then
    raise exception 'a line or its number is NULL'
      using errcode = '22023', hint = 'Pass every line with its number; a line without anything on it is ''''.';
  end if;
  if state = '{}' then
    -- The options of the first line count: they are an argument of the aggregate, the same in each row.
    state := array[pg_catalog.convert_to(pg_catalog.jsonb_build_object('options', lora._dataset_options(coalesce(options, '{}')), 'parts',
      '[]'::jsonb)::text, 'UTF8')];
  end if;
  if line_number < 1 then
    raise exception 'the line number % is below 1', line_number
      using errcode = '22023', hint = 'Number the lines of a file from 1 on: row_number() does it.';
  end if;
  state := state || (pg_catalog.int8send(line_number) || line);
  if pg_catalog.pg_column_size(state) > 32768 then
    return lora._lines_set_apart(state);
  end if;
  return state;
end
$$;
grant execute on function lora._lines_add(bytea[], bigint, bytea, jsonb) to public;

create or replace function lora._lines_add(state bytea[], line_number bigint, line text, options jsonb)
returns bytea[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return lora._lines_add(state, line_number, pg_catalog.convert_to(line, 'UTF8'), options);
end
$$;
grant execute on function lora._lines_add(bytea[], bigint, text, jsonb) to public;

-- Sets the newest lines apart.
create or replace function lora._lines_set_apart(state bytea[])
returns bytea[]
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  head constant jsonb := pg_catalog.convert_from(state[1], 'UTF8');
  held refcursor;
  lines constant bytea[] := state[2:];
begin
  open held scroll for select lines as lines;
  return array[pg_catalog.convert_to(pg_catalog.jsonb_set(head, '{parts}', head -> 'parts'
    || pg_catalog.to_jsonb(pg_catalog.substring(held::text, '[0-9]+')::integer))::text, 'UTF8')];
end
$$;
grant execute on function lora._lines_set_apart(bytea[]) to public;

-- The lines that were set apart, in the order in which they came: an array of all would be copied for each part.
create or replace function lora._lines_apart(parts jsonb)
returns table (line bytea)
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number integer;
  held refcursor;
  part bytea[];
begin
  for number in select each.value::integer from pg_catalog.jsonb_array_elements_text(parts) with ordinality as each (value, place) order by each.place loop
    held := lora._series_cursor(number);
    fetch absolute 1 from held into part;
    return query select each.line from pg_catalog.unnest(part) with ordinality as each (line, place) order by each.place;
  end loop;
end
$$;
grant execute on function lora._lines_apart(jsonb) to public;

create or replace function lora._lines_report(state bytea[])
returns jsonb
language plpgsql stable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  head jsonb;
  lines bytea[];
  numbers bigint[];
  wrong bigint;
  contents bytea[];
  read record;
begin
  if state = '{}' then
    return null;
  end if;
  head := pg_catalog.convert_from(state[1], 'UTF8')::jsonb;
  lines := pg_catalog.array_cat(array(select apart.line from lora._lines_apart(head -> 'parts') as apart), state[2:]);
  numbers := array(
    select ('x' || pg_catalog.encode(pg_catalog.substr(line, 1, 8), 'hex'))::bit(64)::bigint
    from pg_catalog.unnest(lines) with ordinality as each (line, place) order by place);
  wrong := (
    select each.number
    from (
      select line.number, line.place, pg_catalog.row_number() over (partition by line.number order by line.place) as time
      from pg_catalog.unnest(numbers) with ordinality as line (number, place)
    ) as each
    where each.time = 2
    order by each.place limit 1);
  if wrong is not null then
    raise exception 'the line number % stands twice', wrong
      using errcode = '22023', hint = 'Give each line a number of its own: row_number() does it.';
  end if;
  wrong := (
    select each.place from (
      select line.number, pg_catalog.row_number() over (order by line.number) as place from pg_catalog.unnest(numbers) as line (number)
    ) as each
    where each.number <> each.place
    order by each.place limit 1);
  if wrong is not null then
    raise exception 'the line number % is missing', wrong
      using errcode = '22023', hint = 'Number the lines of a file from 1 on without gaps: row_number() does it.';
  end if;
  -- A megabyte at once, a line beyond that by itself.
  contents := array(
    select pg_catalog.string_agg(pg_catalog.substr(each.line, 9) || '\x0a', '' order by each.number)
    from (
      select line.line, line.number, (pg_catalog.sum(pg_catalog.length(line.line)) over (order by line.number) / 1048576)::bigint as part,
        pg_catalog.count(*) filter (where pg_catalog.length(line.line) > 1048576) over (order by line.number rows between unbounded preceding and 1 preceding)
          as long_before
      from unnest(numbers, lines) as line (number, line)
    ) as each
    group by each.part, each.long_before order by each.part, each.long_before);
  if pg_catalog.cardinality(contents) = 1 then
    select * into read from lora._read_file(contents[1], head -> 'options');
  else
    select * into read from lora._read_segment(
      lora._merged_segments(array(
        select lora.scan_segment(content, pg_catalog.jsonb_build_object('profile', head -> 'options' -> 'profile', 'window', head -> 'options' -> 'window'))
        from pg_catalog.unnest(contents) with ordinality as each (content, place) order by place)),
      head -> 'options');
  end if;
  return lora._dataset_report(read.block, read.examples, null, null, head -> 'options');
end
$$;
grant execute on function lora._lines_report(bytea[]) to public;

create or replace aggregate lora.dataset_lines_report(line_number bigint, line text, options jsonb) (
  sfunc = lora._lines_add,
  stype = bytea[],
  initcond = '{}',
  finalfunc = lora._lines_report,
  parallel = unsafe
);
comment on aggregate lora.dataset_lines_report(bigint, text, jsonb) is
  'Validates the numbered lines of a dataset, in any order, and reports everything that is wrong with it';
grant execute on function lora.dataset_lines_report(bigint, text, jsonb) to public;

create or replace aggregate lora.dataset_lines_report(line_number bigint, line bytea, options jsonb) (
  sfunc = lora._lines_add,
  stype = bytea[],
  initcond = '{}',
  finalfunc = lora._lines_report,
  parallel = unsafe
);
comment on aggregate lora.dataset_lines_report(bigint, bytea, jsonb) is
  'Validates the numbered lines of a dataset, in any order, and reports everything that is wrong with it';
grant execute on function lora.dataset_lines_report(bigint, bytea, jsonb) to public;
