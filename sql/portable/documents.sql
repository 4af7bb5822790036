-- documents: objects of JSON on their way into a table. core/src/document/fields.rs says what and why.

-- Refuses what is no object.
create or replace function lora._check_object(name text, document jsonb)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.jsonb_typeof(document) <> 'object' then
    raise exception '"%" is not an object', name using errcode = '22023', hint = 'Pass a JSON object.';
  end if;
end
$$;
grant execute on function lora._check_object(text, jsonb) to public;

-- Gives fields their standard names: pairs of a name that applications have written, and the one that they read. A field that
-- is there under both keeps the standard one.
create or replace function lora._renamed(document jsonb, aliases text[])
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  pair pg_catalog.text[];
begin
  foreach pair slice 1 in array aliases loop
    if document ? pair[1] then
      if not document ? pair[2] then
        document := document || pg_catalog.jsonb_build_object(pair[2], document -> pair[1]);
      end if;
      document := document - pair[1];
    end if;
  end loop;
  return document;
end
$$;
grant execute on function lora._renamed(jsonb, text[]) to public;

create or replace function lora._refuse_field(name text, field text, document jsonb, hint text)
returns void
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '"%.%" is %', name, field, coalesce(pg_catalog.left((document -> field)::pg_catalog.text, 50), 'missing')
    using errcode = '22023', hint = hint;
end
$$;
grant execute on function lora._refuse_field(text, text, jsonb, text) to public;

-- A field that is a number, as a float; NULL where it is none, or none that a float holds.
create or replace function lora._number_of(document jsonb, field text)
returns double precision
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.jsonb_typeof(document -> field) = 'number' then
    return lora._float((document ->> field)::numeric);
  end if;
  return null;
end
$$;
grant execute on function lora._number_of(jsonb, text) to public;

-- Checks that a field is a whole number in a range, and answers the document with the number written as one: 8.0 becomes 8.
create or replace function lora._with_whole(name text, document jsonb, field text, lowest integer, highest integer)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant double precision := lora._number_of(document, field);
begin
  if (number >= lowest and number <= highest and number = pg_catalog.trunc(number)) is not true then
    perform lora._refuse_field(name, field, document, pg_catalog.format('Give a whole number from %s to %s.', lowest, highest));
  end if;
  return document || pg_catalog.jsonb_build_object(field, number::bigint);
end
$$;
grant execute on function lora._with_whole(text, jsonb, text, integer, integer) to public;

-- Checks that a field is a text of a length in characters.
create or replace function lora._check_text(name text, document jsonb, field text, shortest integer, longest integer)
returns void
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if (pg_catalog.jsonb_typeof(document -> field) = 'string'
    and pg_catalog.length(document ->> field) between shortest and longest) is not true then
    perform lora._refuse_field(name, field, document, pg_catalog.format('Give a text of %s to %s characters.', shortest, longest));
  end if;
end
$$;
grant execute on function lora._check_text(text, jsonb, text, integer, integer) to public;
