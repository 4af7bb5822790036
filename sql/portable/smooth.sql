-- smooth: TensorBoard's moving average. core/src/metric/smoothing.rs says what and why.

create or replace function lora.smooth("values" double precision[], weight double precision)
returns double precision[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  perform lora._check_weight(weight);
  return lora._smoothed("values", weight);
end
$$;
comment on function lora.smooth(double precision[], double precision) is
  'Smooths a series as TensorBoard does: a moving average with exponential weights, without the pull towards 0 at its beginning';
grant execute on function lora.smooth(double precision[], double precision) to public;

create or replace function lora._check_weight(weight double precision)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if weight >= 0 and weight < 1 then
    return;
  end if;
  raise exception '"weight" is %', case
      when weight = 'NaN' then 'NaN'
      when pg_catalog.abs(weight) = 'Infinity' then pg_catalog.replace(weight::text, 'Infinity', 'inf')
      -- Without an exponent.
      else pg_catalog.trim_scale(lora._figure(weight))::text
    end
    using errcode = '22023', hint = 'Pass 0 (nothing is smoothed) or more, and less than 1, such as 0.6.';
end
$$;
grant execute on function lora._check_weight(double precision) to public;

-- What is no number is left as it is and does not count.
create or replace function lora._smoothed("values" double precision[], weight double precision)
returns double precision[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  answer double precision[] := '{}';
  value double precision;
  last double precision := 0;
  -- What is left of the weight of nothing, with which it begins.
  remaining double precision := 1;
  rest constant double precision := 1 - weight;
  -- Whether ordinary operators do: nothing comes close to what Postgres refuses, but for a sum that has faded away.
  is_plain constant boolean := (weight = 0 or weight > 1e-10) and (
    select coalesce(pg_catalog.max(pg_catalog.abs(element)) < 1e290, true)
      and coalesce(pg_catalog.min(pg_catalog.abs(element)) filter (where element <> 0) > 1e-300, true)
    from pg_catalog.unnest("values") as element where pg_catalog.abs(element) < 'Infinity');
  faded constant double precision := case when weight > 1e-10 then 1e-323 / weight else 0 end;
begin
  foreach value in array "values" loop
    if pg_catalog.abs(value) < 'Infinity' then
      if is_plain and (last = 0 or pg_catalog.abs(last) > faded) then
        last := last * weight + rest * value;
      else
        last := lora._sum(lora._product(last, weight), lora._product(rest, value));
      end if;
      -- 1 less so little is 1.
      remaining := case when remaining < 1e-20 then 0 else remaining * weight end;
      if is_plain then
        value := last / (1 - remaining);
      else
        value := lora._quotient(last, 1 - remaining);
      end if;
    end if;
    answer := pg_catalog.array_append(answer, value);
  end loop;
  return answer;
end
$$;
grant execute on function lora._smoothed(double precision[], double precision) to public;
