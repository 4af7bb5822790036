-- floats: sums, products and quotients as the processor makes them. Postgres refuses what is too large for a float (22003) and
-- what is too small; the extension goes on with infinity and with 0, so here are the same. Between them, an ordinary operator
-- does: whoever has many figures looks at how large they are before.

create or replace function lora._is_finite(value double precision)
returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- NaN is larger than all others.
  return pg_catalog.abs(value) < 'Infinity';
end
$$;
grant execute on function lora._is_finite(double precision) to public;

create or replace function lora._sum(one double precision, other double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Half of what no float holds any more.
  beyond constant double precision := 2.0::double precision ^ 1023;
  half double precision;
begin
  if pg_catalog.abs(one) < beyond / 2 and pg_catalog.abs(other) < beyond / 2
    or not pg_catalog.abs(one) < 'Infinity' or not pg_catalog.abs(other) < 'Infinity'
  then
    return one + other;
  end if;
  -- Beside the other one, what is that small is nothing.
  half := case when pg_catalog.abs(one) > 1 then one * 0.5 else 0 end
    + case when pg_catalog.abs(other) > 1 then other * 0.5 else 0 end;
  return lora._with_exponent(half * 2.0::double precision ^ -511, 1, 0);
end
$$;
grant execute on function lora._sum(double precision, double precision) to public;

create or replace function lora._product(one double precision, other double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  a record;
  b record;
  product double precision;
begin
  if one = 0 or other = 0 or not pg_catalog.abs(one) < 'Infinity' or not pg_catalog.abs(other) < 'Infinity' then
    return one * other;
  end if;
  a := lora._without_exponent(one);
  b := lora._without_exponent(other);
  if pg_catalog.abs(a.part) > 2.0::double precision ^ 256 and pg_catalog.abs(b.part) > 2.0::double precision ^ 256 then
    -- Parts that large are of floats above 2^768.
    return pg_catalog.sign(one) * pg_catalog.sign(other) * 'Infinity'::double precision;
  end if;
  product := a.part * b.part;
  return lora._with_exponent(product, a.exponent + b.exponent, -lora._product_error(a.part, b.part, product));
end
$$;
grant execute on function lora._product(double precision, double precision) to public;

-- By something else than 0.
create or replace function lora._quotient(one double precision, other double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  a record;
  b record;
  quotient double precision;
  product double precision;
begin
  if one = 0 or not pg_catalog.abs(one) < 'Infinity' or not pg_catalog.abs(other) < 'Infinity' then
    return one / other;
  end if;
  a := lora._without_exponent(one);
  b := lora._without_exponent(other);
  quotient := a.part / b.part;
  product := quotient * b.part;
  return lora._with_exponent(
    quotient, a.exponent - b.exponent,
    pg_catalog.sign(b.part) * (a.part - product + lora._product_error(quotient, b.part, product)));
end
$$;
grant execute on function lora._quotient(double precision, double precision) to public;

-- A float as part × 2^(512 × exponent), where the part is neither very large nor very small. No digit is lost.
create or replace function lora._without_exponent(value double precision, out part double precision, out exponent integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  part := value;
  exponent := 0;
  while pg_catalog.abs(part) < 2.0::double precision ^ -256 loop
    part := part * 2.0::double precision ^ 512;
    exponent := exponent - 1;
  end loop;
  if pg_catalog.abs(part) > 2.0::double precision ^ 256 then
    part := part * 2.0::double precision ^ -512;
    exponent := exponent + 1;
  end if;
end
$$;
grant execute on function lora._without_exponent(double precision) to public;

-- By how much a float next to the product of two is larger than it is, without an error (Dekker, 1971).
create or replace function lora._product_error(one double precision, other double precision, product double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- 2^27 + 1 parts a float into two, whose products are exact.
  a constant double precision := one * 134217729 - (one * 134217729 - one);
  b constant double precision := other * 134217729 - (other * 134217729 - other);
begin
  return product - a * b - a * (other - b) - (one - a) * b - (one - a) * (other - b);
end
$$;
grant execute on function lora._product_error(double precision, double precision, double precision) to public;

-- The reverse, of a part that is rounded; the exact one is more than that where rest is above 0, and less where it is below.
create or replace function lora._with_exponent(part double precision, exponent integer, rest double precision)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- What becomes half of the smallest float, which is 2^-1074.
  half double precision;
  answer double precision;
begin
  while exponent > 0 loop
    if pg_catalog.abs(part) >= 2.0::double precision ^ 512 then
      return pg_catalog.sign(part) * 'Infinity'::double precision;
    end if;
    part := part * 2.0::double precision ^ 512;
    exponent := exponent - 1;
  end loop;
  if exponent = 0 then
    return part;
  elsif exponent = -3 and pg_catalog.abs(part) > 1 then
    part := part * 2.0::double precision ^ -512;
    exponent := -2;
  end if;
  if exponent < -2 then
    return 0.0::double precision * part;
  end if;
  half := 2.0::double precision ^ (-1075 - 512 * exponent);
  if pg_catalog.abs(part) <= half then
    -- A half is rounded to 0, as that is even, unless it is more than a half.
    return pg_catalog.sign(part)
      * case when pg_catalog.abs(part) = half and pg_catalog.sign(part) = pg_catalog.sign(rest) then 5e-324 else 0 end::double precision;
  end if;
  answer := part * 2.0::double precision ^ (512 * exponent);
  -- Rounded to a half, which it was not, and then to the even one: what was lost says to which.
  if rest <> 0 and pg_catalog.abs(part - answer * 2.0::double precision ^ (-256 * exponent) * 2.0::double precision ^ (-256 * exponent)) = half then
    answer := (part + pg_catalog.sign(rest) * half) * 2.0::double precision ^ (512 * exponent);
  end if;
  return answer;
end
$$;
grant execute on function lora._with_exponent(double precision, integer, double precision) to public;
