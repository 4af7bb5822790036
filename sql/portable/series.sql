-- series: what aggregates collect that need all of their rows, however many.
--
-- Postgres copies the state of an aggregate for each row, unless the function that adds the row is one of its own: all rows in one
-- array would take a time that grows with their square. So only the newest ones are in the state, an array of floats. The others
-- are set apart as parts, which cursors of the transaction hold: what a cursor was opened with is its own, and the state has its number.
-- When the answer is made it takes the place of the parts, so one small cursor is left until the transaction ends, of each series that
-- has more rows than fit into a state. The answer may be asked for again (a hash aggregate that is scanned twice).
--
-- The state: how many rows are set apart, how many parts there are, three figures of whose state it is; of each part the number of its
-- cursor and its rows; then the newest rows, so many floats each.

create or replace function lora._series_begin(one double precision, two double precision, three double precision)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return array[0, 0, one, two, three];
end
$$;
grant execute on function lora._series_begin(double precision, double precision, double precision) to public;

create or replace function lora._series_cursor(number double precision)
returns refcursor
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- As Postgres names those that are opened without a name.
  return pg_catalog.format('<unnamed portal %s>', number);
end
$$;
grant execute on function lora._series_cursor(double precision) to public;

-- Sets the newest rows apart, together with parts that are no longer: so each row is copied a few times only, and parts are few.
create or replace function lora._series_set_apart(state double precision[], width integer)
returns double precision[]
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
-- The rows as a constant of the plan would be copied into it.
set plan_cache_mode = force_generic_plan
as $$
declare
  parts integer := state[2];
  part constant double precision[] := state[6 + 2 * parts:];
  size double precision := pg_catalog.cardinality(part) / width;
  whole double precision[] := part;
  before double precision[];
  answered jsonb;
  held refcursor;
begin
  state := pg_catalog.array_cat(array[state[1] + size], state[2:5 + 2 * parts]);
  while parts > 0 and state[5 + 2 * parts] <= size loop
    held := lora._series_cursor(state[4 + 2 * parts]);
    fetch absolute 1 from held into before, answered;
    close held;
    whole := pg_catalog.array_cat(before, whole);
    size := size + state[5 + 2 * parts];
    parts := parts - 1;
  end loop;
  held := null;
  open held scroll for select whole as part, null::pg_catalog.jsonb as answer;
  state[2] := parts + 1;
  return state[:5 + 2 * parts]
    || array[pg_catalog.substring(held::text, '[0-9]+')::double precision, size];
end
$$;
grant execute on function lora._series_set_apart(double precision[], integer) to public;

-- All rows, in the order in which they came.
create or replace function lora._series_rows(state double precision[])
returns double precision[]
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  parts constant integer := state[2];
  whole double precision[] := state[6 + 2 * parts:];
  part double precision[];
  answered jsonb;
  held refcursor;
begin
  -- The newest first, as they are the smallest.
  for number in reverse parts .. 1 loop
    held := lora._series_cursor(state[4 + 2 * number]);
    fetch absolute 1 from held into part, answered;
    whole := pg_catalog.array_cat(part, whole);
  end loop;
  return whole;
end
$$;
grant execute on function lora._series_rows(double precision[]) to public;

-- The answer that was given already.
create or replace function lora._series_answer(state double precision[])
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  part double precision[];
  answer jsonb;
  held refcursor;
begin
  if state[2] > 0 then
    held := lora._series_cursor(state[6]);
    fetch absolute 1 from held into part, answer;
  end if;
  return answer;
end
$$;
grant execute on function lora._series_answer(double precision[]) to public;

-- Puts the answer in the place of the parts, and answers it.
create or replace function lora._series_close(state double precision[], answer jsonb)
returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  held refcursor;
begin
  for number in 1 .. state[2]::integer loop
    held := lora._series_cursor(state[4 + 2 * number]);
    close held;
  end loop;
  if state[2] > 0 then
    held := lora._series_cursor(state[6]);
    open held scroll for select null::double precision[] as part, answer as answer;
  end if;
  return answer;
end
$$;
grant execute on function lora._series_close(double precision[], jsonb) to public;
