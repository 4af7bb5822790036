-- figures: numbers as the answers of schema lora have them.
--
-- What begins with an underscore is a part of this edition, and no API: the extension has none of it.

-- Rounds halves away from zero. Postgres's own round() of a float rounds them to the even number.
create or replace function lora._rounded(value double precision, scale double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  scaled constant double precision := value * scale;
  whole double precision := pg_catalog.trunc(scaled);
begin
  if pg_catalog.abs(scaled - whole) >= 0.5 then
    whole := whole + pg_catalog.sign(scaled);
  end if;
  return whole / scale;
end
$$;
grant execute on function lora._rounded(double precision, double precision) to public;

-- A figure of an answer: the shortest decimal that is read back as the same float, and one place where it is whole, so
-- that both editions print alike. A cast to numeric would keep fifteen digits only.
create or replace function lora._figure(value double precision)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set extra_float_digits = 1
as $$
declare
  shown numeric;
  shorter numeric;
begin
  if pg_catalog.abs(value) < 1e16 and value = pg_catalog.trunc(value) then
    return value::bigint::numeric(20, 1);
  end if;
  shown := value::pg_catalog.text::numeric;
  -- A decimal halfway to the next float, such as 1e23, is read back as this one, but Postgres prints a longer one. There are such
  -- up to 10^17 × 5^23 only, and below 10^16 none is shorter.
  if pg_catalog.abs(value) between 1e16 and 1e41 then
    for places in reverse pg_catalog.length(pg_catalog.abs(shown)::text) - 1 .. 1 loop
      shorter := pg_catalog.round(shown, -places);
      if shorter::double precision = value then
        return shorter;
      end if;
    end loop;
  end if;
  return shown;
end
$$;
grant execute on function lora._figure(double precision) to public;

-- The same of many; NULL of what is no number.
create or replace function lora._figures("values" double precision[])
returns numeric[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set extra_float_digits = 1
as $$
begin
  return array(
    select case
      when not pg_catalog.abs(element.value) < 'Infinity' then null
      -- A call for each would take most of the time of a curve.
      when pg_catalog.abs(element.value) >= 1e16 then lora._figure(element.value)
      when element.value = pg_catalog.trunc(element.value) then element.value::bigint::numeric(20, 1)
      else element.value::pg_catalog.text::numeric
    end
    from pg_catalog.unnest("values") with ordinality as element (value, place)
    order by element.place);
end
$$;
grant execute on function lora._figures(double precision[]) to public;

-- The float next to a decimal; NULL beyond the largest one. Postgres's own cast refuses what is that large or that small.
create or replace function lora._float(value numeric)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Halfway to what would be the next float, and halfway to 0.
  if pg_catalog.abs(value) > 1.797e308 and pg_catalog.abs(value) >= 2::numeric ^ 1024 - 2::numeric ^ 970 then
    return null;
  elsif pg_catalog.abs(value) < 2.5e-324 and pg_catalog.abs(value) <= 5::numeric ^ 1075 * 1e-1075 then
    return 0;
  end if;
  return value::double precision;
end
$$;
grant execute on function lora._float(numeric) to public;

-- Microseconds since 2000, as Postgres keeps an instant and sends it; an infinite one is the first or the last of them. What
-- extract() answers loses the last digits of the latest instants.
create or replace function lora._micros(instant timestamptz)
returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return ('x' || pg_catalog.encode(pg_catalog.timestamptz_send(instant), 'hex'))::bit(64)::bigint;
end
$$;
grant execute on function lora._micros(timestamptz) to public;

-- Seconds between two instants in microseconds; none when the clock says that the later one was earlier.
create or replace function lora._seconds(since bigint, until bigint)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if until <= since then
    return 0;
  elsif 9223372036854775807 + least(since, 0) < until then
    return 9223372036854775807::double precision / 1e6;
  end if;
  return (until - since)::double precision / 1e6;
end
$$;
grant execute on function lora._seconds(bigint, bigint) to public;

-- The value with as much weight below as above; 0 of none. Without weights all weigh the same.
create or replace function lora._median(figures double precision[], weights double precision[] default null)
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  sorted double precision[];
  half double precision;
  count constant integer := pg_catalog.cardinality(figures);
begin
  if count = 0 then
    return 0;
  elsif weights is null then
    sorted := array(select figure from pg_catalog.unnest(figures) as figure order by figure);
    if count % 2 = 1 then
      return sorted[count / 2 + 1];
    end if;
    return (sorted[count / 2] + sorted[count / 2 + 1]) / 2;
  end if;
  -- Both sums are made in the order of the figures, as a sum of floats depends on its order.
  half := (
    select pg_catalog.sum(one.weight order by one.figure, one.place)
    from unnest(figures, weights) with ordinality as one (figure, weight, place)) / 2;
  return (
    select case when one.below > half then one.figure else (one.figure + coalesce(one.next, one.figure)) / 2 end
    from (
      select element.figure, element.place, pg_catalog.lead(element.figure) over sorted as next,
        pg_catalog.sum(element.weight) over (sorted rows unbounded preceding) as below
      from unnest(figures, weights) with ordinality as element (figure, weight, place)
      window sorted as (order by element.figure, element.place)
    ) as one
    where one.below >= half
    order by one.figure, one.place limit 1
  );
end
$$;
grant execute on function lora._median(double precision[], double precision[]) to public;
