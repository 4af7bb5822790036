-- dataset_texts: what the text of a message may hold that it should not, and how text is shown. core/src/dataset/text.rs says what and why.

-- Whether a text shows nothing: white space and characters without width only.
create or replace function lora._is_blank(content text)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return content !~ ('[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000'
    '\u00ad\u034f\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]');
end
$$;
grant execute on function lora._is_blank(text) to public;

-- Without white space at both ends.
create or replace function lora._trimmed(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.btrim(content, U&'\0009\000a\000b\000c\000d\0020\0085\00a0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200a'
    '\2028\2029\202f\205f\3000');
end
$$;
grant execute on function lora._trimmed(text) to public;

-- The first control token of a chat template in a text.
create or replace function lora._control_token(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.substring(content,
    '<\|(?:im_start|im_end|im_sep|endoftext|end_of_text|begin_of_text|start_header_id|end_header_id|eot_id|system|user|assistant|end)\|>'
    '|<start_of_turn>|<end_of_turn>|</?s>|<</?SYS>>|\[/?INST\]|\[TOOL_CALLS\]');
end
$$;
grant execute on function lora._control_token(text) to public;

-- The first control character of a text that is neither tab nor line end, as its number. U+FFFF stands for NUL, which has a rule of its own.
create or replace function lora._control_character(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.lpad(pg_catalog.upper(pg_catalog.to_hex(pg_catalog.ascii(
    pg_catalog.substring(content, '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]')))), 4, '0');
end
$$;
grant execute on function lora._control_character(text) to public;

-- At most so many characters of a text, with U+FFFD in the place of NUL.
create or replace function lora._cut(content text, characters integer)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.octet_length(content) > characters and pg_catalog.length(content) > characters then
    content := pg_catalog."left"(content, characters) || '…';
  end if;
  return pg_catalog.translate(content, U&'\ffff', U&'\fffd');
end
$$;
grant execute on function lora._cut(text, integer) to public;

-- A text of the file as a message quotes it.
create or replace function lora._quoted(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return '"' || lora._cut(content, 40) || '"';
end
$$;
grant execute on function lora._quoted(text) to public;

-- A number of the file as a message shows it: the shortest decimal that is read back as the same float, without an exponent.
create or replace function lora._shown_number(value numeric)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.trim_scale(lora._figure(lora._float(value)))::text;
end
$$;
grant execute on function lora._shown_number(numeric) to public;

-- What a value is, for messages.
create or replace function lora._described(value jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case pg_catalog.jsonb_typeof(value)
    when 'null' then 'null'
    when 'boolean' then 'a boolean'
    when 'number' then 'the number ' || lora._shown_number(value::numeric)
    when 'string' then 'text'
    when 'array' then 'an array'
    else 'an object'
  end;
end
$$;
grant execute on function lora._described(jsonb) to public;

-- The way to a value inside of an example, such as turns[2].content. Steps are keys behind a dot and numbers behind a bracket.
create or replace function lora._shown_path(prefix text, steps text[])
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  path text := coalesce(prefix, '');
  step text;
begin
  foreach step in array coalesce(steps, '{}') loop
    if step like '.%' then
      path := path || case when path = '' then '' else '.' end || lora._cut(pg_catalog.substr(step, 2), 60);
    else
      path := path || step || ']';
    end if;
  end loop;
  return nullif(path, '');
end
$$;
grant execute on function lora._shown_path(text, text[]) to public;

-- At most 120 characters of a text around a byte: from at most 40 bytes before it, so that the fault itself is in it.
create or replace function lora._excerpt(content text, byte bigint)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  bytes constant bytea := pg_catalog.convert_to(content, 'UTF8');
  size constant integer := pg_catalog.octet_length(content);
  start integer := greatest(least(byte, size) - 40, 0);
  stop integer;
  cut text;
begin
  if size = 0 then
    return null;
  end if;
  -- Bytes within a character have 10 as their first bits.
  while start > 0 and start < size and pg_catalog.get_byte(bytes, start) & 192 = 128 loop
    start := start - 1;
  end loop;
  stop := least(start + 484, size);
  while stop < size and pg_catalog.get_byte(bytes, stop) & 192 = 128 loop
    stop := stop - 1;
  end loop;
  cut := pg_catalog.convert_from(pg_catalog.substr(bytes, start + 1, stop - start), 'UTF8');
  if pg_catalog.length(cut) > 120 then
    cut := pg_catalog."left"(cut, 119) || '…';
  end if;
  return pg_catalog.regexp_replace(cut, '[\u0001-\u001f\u007f-\u009f]', U&'\fffd', 'g');
end
$$;
grant execute on function lora._excerpt(text, bigint) to public;

-- Whether a text is no more than a program's word for nothing.
create or replace function lora._is_junk(content text)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.octet_length(content) <= 20
    and pg_catalog.lower(lora._trimmed(content) collate pg_catalog."C")
      in ('nan', 'null', 'none', 'undefined', 'n/a', '<na>', 'nil', '[object object]');
end
$$;
grant execute on function lora._is_junk(text) to public;

-- A JSON text with the escape of U+FFFF in the place of that of NUL, which no text of Postgres holds. A backslash that is escaped itself begins none.
create or replace function lora._readable(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.strpos(content, '\u0000') = 0 then content
    else pg_catalog.regexp_replace(content, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\uffff', 'g') end;
end
$$;
grant execute on function lora._readable(text) to public;
