-- curve_sampling: which points of a series are drawn when there is no room for all of them. core/src/metric/sampling.rs says what and
-- why. Places are counted from 1, as those of an array.

create or replace function lora._select_points(x anyarray, y double precision[], most integer, method integer)
returns integer[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  preselected constant integer := 4; -- PRESELECTED
  name constant text := (array[
    -- Generated: methods.
    'minmax', 'lttb', 'minmaxlttb', 'last'
    -- End.
  ])[method];
  count constant integer := pg_catalog.cardinality(y);
  every integer[];
  chosen integer[];
  newest integer;
begin
  if count <= most then
    return array(select pg_catalog.generate_series(1, count));
  elsif name = 'minmax' then
    return lora._min_max(y, most);
  elsif name = 'minmaxlttb' and most * preselected < count then
    every := lora._min_max(y, most * preselected);
  else
    every := array(select pg_catalog.generate_series(1, count));
  end if;
  if name = 'last' then
    -- So many that there is room for the others, which may be among them.
    newest := count - (most - 3) + 1;
    chosen := 1 || every[newest:];
  else
    chosen := lora._lttb(x, y, every, most - 2);
  end if;
  chosen := chosen || lora._extremes(y, every);
  chosen := array(select distinct place from pg_catalog.unnest(chosen) as place order by place);
  if name = 'last' then
    -- Room that the extremes did not need.
    while pg_catalog.cardinality(chosen) < most and newest > 2 loop
      newest := newest - 1;
      if newest <> all (chosen) then
        chosen := chosen || newest;
      end if;
    end loop;
    chosen := array(select place from pg_catalog.unnest(chosen) as place order by place);
  end if;
  return chosen;
end
$$;
grant execute on function lora._select_points(anyarray, double precision[], integer, integer) to public;

-- The first lowest and the first highest point of those at these places.
create or replace function lora._extremes(y double precision[], places integer[])
returns integer[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  lowest integer := places[1];
  highest integer := places[1];
  low double precision := y[lowest];
  high double precision := y[highest];
  height double precision;
  place integer;
begin
  foreach place in array places loop
    height := y[place];
    if height < low then
      low := height;
      lowest := place;
    elsif height > high then
      high := height;
      highest := place;
    end if;
  end loop;
  return array[lowest, highest];
end
$$;
grant execute on function lora._extremes(double precision[], integer[]) to public;

-- Stretches of equally many points, and of each the lowest and the highest.
create or replace function lora._min_max(y double precision[], most integer)
returns integer[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  count constant integer := pg_catalog.cardinality(y);
  inner_points constant bigint := count - 2;
  buckets constant integer := (most - 2) / 2;
  chosen integer[] := array[1];
  bucket integer := 0;
  until integer := 1;
  lowest integer;
  highest integer;
  low double precision;
  high double precision;
  height double precision;
  place integer := 0;
begin
  foreach height in array y loop
    place := place + 1;
    if place > until then
      if bucket > 0 then
        chosen := pg_catalog.array_append(chosen, least(lowest, highest));
        if lowest <> highest then
          chosen := pg_catalog.array_append(chosen, greatest(lowest, highest));
        end if;
      end if;
      exit when bucket = buckets;
      bucket := bucket + 1;
      until := 1 + bucket * inner_points / buckets;
      lowest := place;
      highest := place;
      low := height;
      high := height;
    elsif height < low then
      low := height;
      lowest := place;
    elsif height > high then
      high := height;
      highest := place;
    end if;
  end loop;
  return pg_catalog.array_append(chosen, count);
end
$$;
grant execute on function lora._min_max(double precision[], integer) to public;

-- Largest triangle three buckets, of the points at these places, at least as many as are wanted.
create or replace function lora._lttb(x anyarray, y double precision[], places integer[], wanted integer)
returns integer[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  count constant integer := pg_catalog.cardinality(places);
  buckets constant integer := wanted - 2;
  inner_points constant bigint := count - 2;
  across double precision[] := '{}';
  up double precision[] := '{}';
  chosen integer[] := array[places[1]];
  is_plain boolean;
  place integer;
  since integer;
  until integer;
  next_until integer;
  before_x double precision := 0;
  before_y double precision := y[places[1]];
  after_x double precision;
  after_y double precision;
  area double precision;
  largest double precision;
  best integer;
begin
  if buckets > 0 then
    foreach place in array places loop
      across := pg_catalog.array_append(across, lora._distance(x[place], x[places[1]]));
      up := pg_catalog.array_append(up, y[place]);
    end loop;
    -- Whether ordinary operators do: no product comes close to what Postgres refuses.
    select pg_catalog.max(pg_catalog.abs(figure)) < 1e100 and coalesce(pg_catalog.min(pg_catalog.abs(figure)) filter (where figure <> 0) > 1e-100, true)
    into is_plain
    from pg_catalog.unnest(across || up) as figure;
    since := 2;
    until := 2 + inner_points / buckets;
    for bucket in 1 .. buckets loop
      -- From since up to, but without, until; the middle of the bucket that follows it. Behind the last one there is the last point alone.
      next_until := case when bucket = buckets then count + 1 else 2 + (bucket + 1) * inner_points / buckets end;
      after_x := 0;
      after_y := 0;
      for place in until .. next_until - 1 loop
        if is_plain then
          after_x := after_x + across[place];
          after_y := after_y + up[place];
        else
          after_x := lora._sum(after_x, across[place]);
          after_y := lora._sum(after_y, up[place]);
        end if;
      end loop;
      if is_plain then
        after_x := after_x / (next_until - until);
        after_y := after_y / (next_until - until);
      else
        after_x := lora._quotient(after_x, next_until - until);
        after_y := lora._quotient(after_y, next_until - until);
      end if;
      best := since;
      largest := -1;
      for place in since .. until - 1 loop
        if is_plain then
          area := pg_catalog.abs(
            (before_x - after_x) * (up[place] - before_y) - (before_x - across[place]) * (after_y - before_y));
        else
          area := pg_catalog.abs(lora._sum(
            lora._product(lora._sum(before_x, -after_x), lora._sum(up[place], -before_y)),
            -lora._product(lora._sum(before_x, -across[place]), lora._sum(after_y, -before_y))));
        end if;
        -- What is no number is larger than all others to Postgres, and nothing here.
        if area > largest and area <> 'NaN' then
          best := place;
          largest := area;
        end if;
      end loop;
      chosen := pg_catalog.array_append(chosen, places[best]);
      before_x := across[best];
      before_y := up[best];
      since := until;
      until := next_until;
    end loop;
  end if;
  return pg_catalog.array_append(chosen, places[count]);
end
$$;
grant execute on function lora._lttb(anyarray, double precision[], integer[], integer) to public;
