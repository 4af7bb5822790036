-- dataset_values: the JSON of many texts at once, and what is wrong with it whatever it stands for.

-- Each text as jsonb; NULL of what is none.
--
-- A cast that fails is an error, and to catch one is a subtransaction: parallel unsafe, as no worker of Postgres 15 can begin one.
create or replace function lora._json_values(texts text[])
returns jsonb[]
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  documents jsonb[];
  document jsonb;
begin
  begin
    return array(select given.content::jsonb from pg_catalog.unnest(texts) with ordinality as given (content, place) order by given.place);
  exception when invalid_text_representation or untranslatable_character or numeric_value_out_of_range or statement_too_complex
    or program_limit_exceeded then
    null;
  end;
  for place in 1 .. pg_catalog.cardinality(texts) loop
    document := null;
    begin
      document := texts[place]::jsonb;
    exception when invalid_text_representation or untranslatable_character or numeric_value_out_of_range or statement_too_complex
      or program_limit_exceeded then
      null;
    end;
    documents[place] := document;
  end loop;
  return documents;
end
$$;
grant execute on function lora._json_values(text[]) to public;

-- The texts as jsonb, which tells all of most of them; NULL of what is no JSON, and a NUL, which jsonb cannot hold, is U+FFFF. Whether a text has no
-- escapes and no characters that may be wrong in one. What is wrong with the JSON, as lora._json_faults has it, with its place.
create or replace function lora._read_json(texts text[], out documents jsonb[], out plain boolean[], out faults jsonb)
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  odd integer[];
  broken integer[];
  place integer;
  found jsonb;
  -- An array grows in place, which a document does not.
  every jsonb[] := '{}';
begin
  documents := lora._json_values(texts);
  select pg_catalog.array_agg(read.plain order by read.place),
    pg_catalog.array_agg(read.place order by read.place) filter (where read.is_odd and read.broken <= 10),
    pg_catalog.array_agg(read.place) filter (where read.is_odd and read.broken > 10)
  into plain, odd, broken
  from (
    select given.place::integer as place,
      -- Of a text that is no JSON for no special reason only the first ones are asked where it breaks: a file of one object a page has hundreds
      -- of thousands.
      case when given.document is null and not given.is_special then
        pg_catalog.count(*) filter (where given.document is null and not given.is_special and given.content is not null) over (order by given.place)
        else 0 end as broken,
      -- ASCII without a backslash holds no such character, and most texts are no more.
      (given.is_bare or given.content !~ '\\[ubf]|[\u007f-\u009f\ufffd]') as plain,
      given.content is not null and (
        given.written is null
        -- What may be a key that stands twice: in what Postgres writes there are fewer ends of keys. A quote or a colon that is written as a number, or a
        -- space before the colon, would hide one.
        or pg_catalog.octet_length(given.content) - pg_catalog.octet_length(pg_catalog.replace(given.content, '":', ''))
          <> pg_catalog.octet_length(given.written) - pg_catalog.octet_length(pg_catalog.replace(given.written, '":', ''))
        or not given.is_bare and given.content ~ '\\u00(?:00|22|3[aA])'
        -- A number that may be another one as a float, or beyond any: it has many digits, or zeros, where Postgres writes it.
        or given.written ~ '[0-9.]{16}' and given.written ~ '(?:[:,] |\[|^)-?[0-9.]{16}'
        -- Deep nesting.
        or pg_catalog.jsonb_path_exists(given.document, 'strict $.**{64} ? (@.type() == "object" || @.type() == "array")')
      ) as is_odd
    from (
      -- How Postgres writes it, unless it is to be looked at closely either way: it may hold many values, keys with a space before the colon, or numbers
      -- with large powers, of which Postgres would write all zeros.
      select each.content, each.document, each.place, case when pg_catalog.octet_length(each.content) <= 400000
          and each.content !~ '"[ \t\r\n]+:|(?:[\[:, \t\r\n]|^)-?[0-9.]+[eE][-+]?[0-9]{3}' then each.document::text end as written,
        each.document is null and (pg_catalog.octet_length(each.content) > 400000
          or each.content ~ 'NaN|Infinity|nan|inf|\\u(?:0000|[dD][89a-fA-F])|[eE][-+]?[0-9]{3}|[0-9]{100}|(?:[\[{][^\[{]*){64}') as is_special,
        pg_catalog.strpos(each.content, '\') = 0 and pg_catalog.strpos(each.content, E'\x7f') = 0
          and pg_catalog.octet_length(each.content) = pg_catalog.length(each.content) as is_bare
      from unnest(texts, documents) with ordinality as each (content, document, place)
      offset 0
    ) as given
  ) as read;
  foreach place in array coalesce(odd, '{}') loop
    found := (
      select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('place', place, 'code', fault.code, 'detail', fault.detail, 'byte', fault.byte))
      from lora._json_faults(texts[place]) as fault
    );
    every := every || found;
    if found -> 0 ->> 'code' not in ('duplicate_key', 'nul_character') then
      documents[place] := null;
    elsif found @> '[{"code": "duplicate_key"}]' then
      documents[place] := lora._first_members(lora._with_floats(lora._readable(texts[place]))::json);
    else
      documents[place] := (lora._json_values(array[lora._with_floats(lora._readable(texts[place]))]))[1];
    end if;
  end loop;
  every := every || (
    select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('place', each, 'code', 'invalid_json', 'byte', 0) order by each)
    from pg_catalog.unnest(broken) as each);
  faults := (
    select coalesce(pg_catalog.jsonb_agg(fault.value order by each.place, fault.place), '[]')
    from pg_catalog.unnest(every) with ordinality as each (found, place)
    cross join lateral pg_catalog.jsonb_array_elements(each.found) with ordinality as fault (value, place));
end
$$;
grant execute on function lora._read_json(text[]) to public;

-- What a finding says of a fault of the JSON of a line, or of a value of a document.
create or replace function lora._json_error(code text, detail text, byte bigint, noun text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case code
    when 'duplicate_key' then pg_catalog.format('key %s stands twice in one object', lora._quoted(detail))
    when 'nul_character' then 'a string holds \u0000'
    when 'nesting_too_deep' then pg_catalog.format('the %s is nested too deep', noun)
    when 'too_many_values' then pg_catalog.format('the %s has more than 200000 keys and values', noun)
    when 'non_finite_number' then pg_catalog.format('NaN or Infinity at column %s', byte + 1)
    when 'number_out_of_range' then pg_catalog.format('a number beyond the range of a double at column %s', byte + 1)
    when 'unpaired_surrogate' then pg_catalog.format('half of a surrogate pair at column %s', byte + 1)
    else pg_catalog.format('invalid JSON at column %s: %s', byte + 1, detail)
  end;
end
$$;
grant execute on function lora._json_error(text, text, bigint, text) to public;

-- The first member of a key, which is the one that counts where a key stands twice; of Postgres's own operators the last one does.
create or replace function lora._member(document json, name text)
returns json
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.json_typeof(document) = 'object' then
    (select member.value from pg_catalog.json_each(document) with ordinality as member (key, value, place)
     where member.key = name order by member.place limit 1) end;
end
$$;
grant execute on function lora._member(json, text) to public;

-- A hash of a value. Postgres's own does not tell where lists and objects end, and what its text has tells numbers apart that are equal.
create or replace function lora._value_hash(value jsonb)
returns bigint
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.hashtextextended(
    pg_catalog.concat(pg_catalog.jsonb_hash_extended(value, 0), pg_catalog.regexp_replace(value::text, '[0-9.]+', '0', 'g')), 0)
$$;
grant execute on function lora._value_hash(jsonb) to public;

-- A value in which a key stands twice, as jsonb with the first one of each.
create or replace function lora._first_members(document json)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case pg_catalog.json_typeof(document)
    when 'object' then coalesce(
      (
        select pg_catalog.jsonb_object_agg(member.key, lora._first_members(member.value))
        from (
          select each.key, each.value, pg_catalog.row_number() over (partition by each.key order by each.place) as number
          from pg_catalog.json_each(document) with ordinality as each (key, value, place)
        ) as member
        where member.number = 1
      ), '{}')
    when 'array' then coalesce(
      (
        select pg_catalog.jsonb_agg(lora._first_members(element.value) order by element.place)
        from pg_catalog.json_array_elements(document) with ordinality as element (value, place)
      ), '[]')
    else document::jsonb
  end;
end
$$;
grant execute on function lora._first_members(json) to public;
