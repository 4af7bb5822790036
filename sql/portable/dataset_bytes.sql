-- dataset_bytes: the bytes of a file as text.

-- Bytes as if each were a character, with U+0001 in the place of NUL.
create or replace function lora._latin(content bytea)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.position(content, '\x00'::bytea) > 0 then
    content := pg_catalog.decode(
      pg_catalog.replace(pg_catalog.replace(pg_catalog.encode(content, 'escape'), '\\', '\134'), '\000', '\001'), 'escape');
  end if;
  return pg_catalog.convert_from(content, 'LATIN1');
end
$$;
grant execute on function lora._latin(bytea) to public;

-- How many of the bytes are UTF-8 before the first that is not.
create or replace function lora._valid_bytes(latin text)
returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.length(pg_catalog.substring(latin,
    '^(?:[\u0001-\u007f]|[\u00c2-\u00df][\u0080-\u00bf]|\u00e0[\u00a0-\u00bf][\u0080-\u00bf]|[\u00e1-\u00ec\u00ee\u00ef][\u0080-\u00bf]{2}'
    '|\u00ed[\u0080-\u009f][\u0080-\u00bf]|\u00f0[\u0090-\u00bf][\u0080-\u00bf]{2}|[\u00f1-\u00f3][\u0080-\u00bf]{3}'
    '|\u00f4[\u0080-\u008f][\u0080-\u00bf]{2})*'));
end
$$;
grant execute on function lora._valid_bytes(text) to public;

-- Bytes as the text that they are; NULL of what is not UTF-8. A NUL, which no text of Postgres holds, is U+0001, which no JSON may hold either.
create or replace function lora._text_of(content bytea)
returns text
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.position(content, '\x00'::bytea) > 0 then
    content := pg_catalog.convert_to(lora._latin(content), 'LATIN1');
  end if;
  return pg_catalog.convert_from(content, 'UTF8');
exception when character_not_in_repertoire then
  return null;
end
$$;
grant execute on function lora._text_of(bytea) to public;
