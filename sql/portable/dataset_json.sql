-- dataset_json: a JSON text a token at a time, for what Postgres's own types do not tell: where and how a text breaks, a key that stands twice,
-- where in the text a value is. Only texts at fault are read so.

-- The tokens of a text, each with the byte at which it begins. A character that begins no token is one by itself.
create or replace function lora._json_tokens(content text)
returns table (token text, byte bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select matched.token,
    coalesce(pg_catalog.sum(pg_catalog.octet_length(matched.token)) over (order by matched.place rows between unbounded preceding and 1 preceding), 0)
  from (
    select found.match[1] as token, found.place
    from pg_catalog.regexp_matches(content,
      '[ \t\r\n]+|"(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
      '|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|.', 'g') with ordinality as found (match, place)
  ) as matched
  order by matched.place;
end
$$;
grant execute on function lora._json_tokens(text) to public;

-- How a string breaks that begins with its quote at the byte: a message of serde_json, and the byte behind what was read of it. NULL: it
-- does not. The text is the rest of all, whose bytes count for a \u at its end. In a skipped one halves of characters are no fault, and a control
-- character is not read.
create or replace function lora._string_fault(content text, byte bigint, is_skipped boolean, out message text, out behind bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  size constant bigint := byte + pg_catalog.octet_length(content);
  -- As far as it is a string. Of a skipped one any four digits will do, else halves of characters come in pairs.
  sound constant text := case
    when is_skipped then pg_catalog.substring(content, '^"(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')
    else pg_catalog.substring(content,
      '^"(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
      '|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*')
  end;
  at bigint := byte + pg_catalog.octet_length(sound);
  rest constant text := pg_catalog.substr(content, pg_catalog.length(sound) + 1, 20);
begin
  if pg_catalog."left"(rest, 1) = '"' then
    return;
  elsif rest in ('', '\') then
    message := 'EOF while parsing a string';
    behind := size;
  elsif pg_catalog."left"(rest, 1) <> '\' then
    message := 'control character (\u0000-\u001F) found while parsing a string';
    behind := at + case when is_skipped then 0 else 1 end;
  elsif pg_catalog."left"(rest, 2) <> '\u' then
    message := 'invalid escape';
    behind := at + 2;
  elsif size - at < 6 then
    message := 'EOF while parsing a string';
    behind := size;
  elsif rest !~ '^\\u[0-9a-fA-F]{4}' then
    message := 'invalid escape';
    behind := at + 6;
  elsif rest ~ '^\\u[dD][c-fC-F]' then
    message := 'lone leading surrogate in hex escape';
    behind := at + 6;
  else
    -- The first half of a character: what follows is no second one.
    at := at + 6;
    if size = at or pg_catalog.substr(rest, 7) = '\' then
      message := 'EOF while parsing a string';
      behind := size;
    elsif pg_catalog.substr(rest, 7, 1) <> '\' then
      message := 'unexpected end of hex escape';
      behind := at + 1;
    elsif pg_catalog.substr(rest, 8, 1) <> 'u' then
      message := 'unexpected end of hex escape';
      behind := at + 2;
    elsif size - at < 6 then
      message := 'EOF while parsing a string';
      behind := size;
    elsif pg_catalog.substr(rest, 7) !~ '^\\u[0-9a-fA-F]{4}' then
      message := 'invalid escape';
      behind := at + 6;
    else
      message := 'lone leading surrogate in hex escape';
      behind := at + 6;
    end if;
  end if;
end
$$;
grant execute on function lora._string_fault(text, bigint, boolean) to public;

-- How a number breaks that begins with these characters: a message of serde_json, and how many bytes were read of it. NULL: it does not.
create or replace function lora._json_number_fault(content text, out message text, out behind bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant text := pg_catalog.substring(content, '^-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]*)?');
  whole constant text := pg_catalog.substring(content, '^-?(?:0|[1-9][0-9]*)?');
  fraction constant text := pg_catalog.substring(number, '^-?[0-9]+(\.[0-9]*)');
  exponent constant text := pg_catalog.substring(number, '[eE][-+]?[0-9]*$');
  power constant text := coalesce(pg_catalog.substring(number, '[eE]\+?([0-9]+)$'), '');
  zeros constant integer := pg_catalog.length(power) - pg_catalog.length(pg_catalog.ltrim(power, '0'));
  rest constant text := pg_catalog.substr(content, pg_catalog.length(number) + 1);
begin
  if whole = '-' then
    -- What is read is the character behind the sign.
    message := case when content = '-' then 'EOF while parsing a value' else 'invalid number' end;
    behind := pg_catalog.octet_length(pg_catalog."left"(content, 1)) + case when content = '-' then 0 else 1 end;
  elsif whole in ('0', '-0') and pg_catalog.substr(content, pg_catalog.length(whole) + 1) ~ '^[0-9]' then
    message := 'invalid number';
    behind := pg_catalog.length(whole) + 1;
  elsif fraction = '.' then
    behind := pg_catalog.length(whole) + 1;
    message := case when pg_catalog.substr(content, behind::integer + 1) = '' then 'EOF while parsing a value' else 'invalid number' end;
    behind := least(behind + 1, pg_catalog.octet_length(content));
  elsif exponent is not null and exponent !~ '[0-9]' then
    behind := pg_catalog.length(number);
    message := case when rest = '' then 'EOF while parsing a value' else 'invalid number' end;
    behind := behind + case when rest = '' then 0 else 1 end;
  elsif lora._is_beyond_float(number) then
    message := 'number out of range';
    -- A power is read as far as 32 bits hold it.
    behind := pg_catalog.length(number) - pg_catalog.length(power) + coalesce(
      (select pg_catalog.min(digits)
       from pg_catalog.generate_series(zeros + 1, least(pg_catalog.length(power), zeros + 11)) as digits
       where pg_catalog.substr(power, zeros + 1, digits - zeros)::numeric > 2147483647), pg_catalog.length(power));
  end if;
end
$$;
grant execute on function lora._json_number_fault(text) to public;

-- A number as its digits behind the point, and the power of ten that they are multiplied with; NULL of 0. More digits than a float can be told by are
-- one more, as is a power that no float has: of either, Postgres's own numbers hold only so many.
create or replace function lora._decimal(number text, out digits text, out power integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  mantissa constant text := pg_catalog.ltrim(pg_catalog.regexp_replace(number, '[eE].*$', ''), '-');
  written constant text := pg_catalog.substring(number, '[eE][+]?(-?)0*[0-9]*$')
    || coalesce(nullif(pg_catalog.substring(number, '[eE][-+]?0*([0-9]*)$'), ''), '0');
begin
  digits := pg_catalog.ltrim(pg_catalog.replace(mantissa, '.', ''), '0');
  if digits = '' then
    digits := null;
    return;
  end if;
  power := case when written is null then 0 when pg_catalog.length(written) > 9 then pg_catalog.rpad(pg_catalog."left"(written, 1), 9, '9')::integer
      else written::integer end
    + pg_catalog.length(pg_catalog.split_part(mantissa, '.', 1))
    - (pg_catalog.length(pg_catalog.replace(mantissa, '.', '')) - pg_catalog.length(digits));
  if pg_catalog.length(digits) > 800 then
    digits := pg_catalog."left"(digits, 800) || case when pg_catalog.substr(digits, 801) ~ '[1-9]' then '1' else '' end;
  end if;
end
$$;
grant execute on function lora._decimal(text) to public;

-- Whether a number is larger than any float.
create or replace function lora._is_beyond_float(number text)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  decimal constant record := lora._decimal(number);
begin
  return decimal.digits is not null
    and (decimal.power > 309 or decimal.power = 309 and lora._float(('0.' || decimal.digits || 'e309')::numeric) is null);
end
$$;
grant execute on function lora._is_beyond_float(text) to public;

-- A number of a text, which is no larger than any float, as the float that it is read as.
create or replace function lora._read_number(number text)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  decimal constant record := lora._decimal(number);
begin
  if decimal.digits is null or decimal.power < -323 then
    return 0;
  end if;
  return lora._figure(lora._float(
    (case when number like '-%' then '-' else '' end || '0.' || decimal.digits || 'e' || decimal.power)::numeric));
end
$$;
grant execute on function lora._read_number(text) to public;

-- A JSON text with its numbers as floats are: other tools read them so, and Postgres's own numbers are exact, and not as small as a text may have them.
create or replace function lora._with_floats(content text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if content !~ '[0-9.]{16}|[0-9][eE]' then
    return content;
  end if;
  return (
    select pg_catalog.string_agg(
      case when token.token ~ '^-?[0-9].*(?:[eE]|[0-9.]{15})' then lora._read_number(token.token)::text else token.token end, '' order by token.byte)
    from lora._json_tokens(content) as token);
end
$$;
grant execute on function lora._with_floats(text) to public;

-- What is wrong with a text, and where, which is a byte from 0 on: that it is no JSON (code, what follows the code's words, byte), or that a
-- key stands twice in it, or a NUL. A skipped text is read only to find out what is in it, as serde_json skips the members of a document: it may be
-- nested deeply, and hold numbers beyond a float, halves of characters, keys that stand twice, and NUL. Of many values in one text the answer is how
-- many there are.
create or replace function lora._json_faults(content text, is_skipped boolean default false, are_many boolean default false)
returns table (code text, detail text, byte bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  next record;
  -- What is expected: a value, a value or the end of the list, a key, a key or the end of the object, a colon, what follows a value.
  state text := 'value';
  -- The open lists and objects; the keys of the open objects, each with its byte, and where those of each begin.
  open text[] := '{}';
  keys text[] := '{}';
  places bigint[] := '{}';
  begins integer[] := '{}';
  depth integer := 0;
  nodes bigint := 0;
  message text;
  behind bigint;
  twice bigint;
  size constant bigint := pg_catalog.octet_length(content);
  first_nul bigint;
  bytes constant bytea := pg_catalog.convert_to(content, 'UTF8');
  stop bigint;
  rest text;
  skips_key boolean;
  many bigint := 0;
  behind_scalar boolean := false;
begin
  for next in select token.token, token.byte, pg_catalog."left"(token.token, 1) as begins from lora._json_tokens(content) as token order by token.byte loop
    if next.begins in (' ', E'\t', E'\n', E'\r') then
      behind_scalar := false;
      continue;
    end if;
    if are_many and depth = 0 and state = 'behind' then
      if behind_scalar and next.begins not in ('[', ']', '{', '}', '"', ',', ':') then
        message := 'trailing characters';
        exit;
      end if;
      many := many + 1;
      state := 'value';
    end if;
    behind_scalar := false;
    if state = 'behind' and depth > 0 then
      if open[depth] = '[' and nodes > 200000 and not is_skipped then
        return query select 'too_many_values', null::text, 0::bigint;
        return;
      elsif next.begins = (case open[depth] when '[' then ']' else '}' end) then
        if open[depth] = '{' then
          if twice is null and not is_skipped then
            select pg_catalog.min(other.place) into twice
            from (
              select places[at] as place, pg_catalog.row_number() over (partition by keys[at] order by at) as number
              from pg_catalog.generate_series(begins[depth], pg_catalog.cardinality(keys)) as at
            ) as other
            where other.number = 2;
          end if;
          keys := keys[:begins[depth] - 1];
          places := places[:begins[depth] - 1];
        end if;
        depth := depth - 1;
        continue;
      elsif next.begins = ',' then
        state := case when open[depth] = '{' then 'key' when is_skipped and depth > 1 then 'value' else 'element' end;
        continue;
      end if;
      message := case open[depth] when '[' then 'expected `,` or `]`' else 'expected `,` or `}`' end;
      behind := next.byte + 1;
      exit;
    elsif state = 'behind' then
      message := 'trailing characters';
      behind := next.byte + 1;
      exit;
    elsif state = 'colon' then
      if next.begins = ':' then
        state := 'value';
        continue;
      end if;
      message := 'expected `:`';
      behind := next.byte + 1;
      exit;
    elsif state in ('key', 'first key') then
      if next.begins = '"' then
        -- Of a document the keys are read, not those of what is in it.
        skips_key := is_skipped and (depth > 1 or are_many);
        if next.token = '"' or next.token ~* '\\ud[89a-f]' and not skips_key then
          select fault.message, fault.behind into message, behind
          from lora._string_fault(pg_catalog.convert_from(pg_catalog.substr(bytes, next.byte::integer + 1), 'UTF8'), next.byte, skips_key) as fault;
          exit when message is not null;
        end if;
        nodes := nodes + 1;
        state := 'colon';
        continue when is_skipped;
        keys := keys || case
          when pg_catalog.strpos(next.token, '\') = 0 then pg_catalog.substr(next.token, 2, pg_catalog.length(next.token) - 2)
          else lora._readable(next.token)::json #>> '{}'
        end;
        places := places || next.byte;
        if depth > 64 then
          return query select 'nesting_too_deep', null::text, 0::bigint;
          return;
        elsif nodes > 200000 then
          return query select 'too_many_values', null::text, 0::bigint;
          return;
        end if;
        continue;
      elsif next.begins = '}' and state = 'first key' then
        depth := depth - 1;
        state := 'behind';
        continue;
      end if;
      message := case when next.begins = '}' and not (is_skipped and depth > 1) then 'trailing comma' else 'key must be a string' end;
      behind := next.byte + 1;
      exit;
    elsif next.begins = ']' and state in ('element', 'first element') then
      if state = 'first element' then
        depth := depth - 1;
        state := 'behind';
        continue;
      end if;
      message := 'trailing comma';
      behind := next.byte + 1;
      exit;
    end if;
    -- A value.
    if next.begins = '"' then
      if next.token = '"' or next.token ~* '\\ud[89a-f]' and not is_skipped then
        select fault.message, fault.behind into message, behind
        from lora._string_fault(pg_catalog.convert_from(pg_catalog.substr(bytes, next.byte::integer + 1), 'UTF8'), next.byte, is_skipped) as fault;
        exit when message is not null;
      end if;
      nodes := nodes + 1;
      state := 'behind';
    elsif next.token in ('[', '{') then
      nodes := nodes + 1;
      depth := depth + 1;
      open[depth] := next.token;
      begins[depth] := pg_catalog.cardinality(keys) + 1;
      state := case next.token when '[' then 'first element' else 'first key' end;
      if is_skipped then
        null;
      elsif next.token = '[' and depth > 64 then
        return query select 'nesting_too_deep', null::text, 0::bigint;
        return;
      elsif next.token = '[' and nodes > 200000 then
        return query select 'too_many_values', null::text, 0::bigint;
        return;
      end if;
    elsif next.token in ('true', 'false', 'null') then
      nodes := nodes + 1;
      state := 'behind';
      behind_scalar := true;
    elsif next.begins in ('t', 'f', 'n') then
      -- Read until the first letter that is another one.
      declare
        word constant text := case next.begins when 't' then 'true' when 'f' then 'false' else 'null' end;
        found constant text := pg_catalog.convert_from(
          pg_catalog.substr(pg_catalog.convert_to(content, 'UTF8'), next.byte::integer + 1), 'UTF8');
        same integer := 1;
      begin
        while pg_catalog.substr(found, same + 1, 1) = pg_catalog.substr(word, same + 1, 1) loop
          same := same + 1;
        end loop;
        message := case when pg_catalog.length(found) = same then 'EOF while parsing a value' else 'expected ident' end;
        behind := next.byte + same + case when pg_catalog.length(found) = same then 0 else 1 end;
      end;
      exit;
    elsif next.begins in ('-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9') then
      stop := next.byte + pg_catalog.octet_length(next.token);
      -- What may be wrong with a number: more of it behind what is one, or its size.
      if next.token = '-' or pg_catalog.octet_length(next.token) > 300 or next.token ~ '[eE]\+?[0-9]{3}'
        or stop < size and pg_catalog.get_byte(bytes, stop::integer) in (46, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 69, 101) then
        -- Not to within a character.
        rest := pg_catalog.substring(lora._latin(pg_catalog.substr(bytes, stop::integer + 1, 400)), '^[\u0001-\u007f]*');
        -- Of what is skipped, serde_json says the same wherever a number ends too soon.
        select case when is_skipped and fault.message like 'EOF %' then 'invalid number' else fault.message end, next.byte + fault.behind
        into message, behind
        from lora._json_number_fault(next.token || rest || case when stop + pg_catalog.length(rest) < size then ' ' else '' end) as fault;
      end if;
      exit when message is not null and not (is_skipped and message = 'number out of range');
      if message = 'number out of range' then
        message := null;
      end if;
      nodes := nodes + 1;
      state := 'behind';
      behind_scalar := true;
    else
      message := 'expected value';
      behind := next.byte + 1;
      exit;
    end if;
  end loop;
  if are_many then
    return query select 'values', null::text, many + 1 where message is null and state = 'behind' and depth = 0;
    return;
  end if;
  if message is null and (state <> 'behind' or depth > 0) then
    if state = 'behind' and open[depth] = '[' and nodes > 200000 and not is_skipped then
      return query select 'too_many_values', null::text, 0::bigint;
      return;
    end if;
    behind := size;
    message := 'EOF while parsing ' || case
      when state = 'first element' or state = 'behind' and open[depth] = '[' then 'a list'
      when state in ('first key', 'colon') or state = 'behind' or state = 'key' and is_skipped and depth > 1 then 'an object'
      else 'a value'
    end;
  end if;
  if message is not null then
    return query select * from lora._explained(content, message, behind);
    return;
  end if;
  if is_skipped then
    return;
  end if;
  if twice is not null then
    return query select 'duplicate_key', read.key,
      -- A key that has no escapes is a part of the text.
      case when read.token like '%\\%' then 0 else twice + 1 end
    from (
      select (lora._readable(token.token))::json #>> '{}' as key, token.token
      from lora._json_tokens(content) as token where token.byte = twice
    ) as read;
  end if;
  -- Behind an odd number of backslashes it is a backslash and some letters.
  first_nul := pg_catalog.octet_length(pg_catalog.substring(content, '^(?:[^\\]|\\(?!u0000).)*?\\u0000')) - 6;
  if first_nul is not null then
    return query select 'nul_character', null::text, first_nul;
  end if;
end
$$;
grant execute on function lora._json_faults(text, boolean, boolean) to public;

-- What serde_json says of a text, as one of the ways in which JSON of real files is broken: its code, what the message ends with, and the byte.
create or replace function lora._explained(content text, message text, behind bigint)
returns table (code text, detail text, byte bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  bytes constant bytea := pg_catalog.convert_to(content, 'UTF8');
  -- A line of its own has no line before it; a document has.
  at bigint := greatest(behind - 1, 0);
  word text;
begin
  if at < pg_catalog.length(bytes) and pg_catalog.get_byte(bytes, at::integer) = 10 then
    at := behind;
  end if;
  code := case
    when message = 'number out of range' then 'number_out_of_range'
    when message like '%hex escape' then 'unpaired_surrogate'
  end;
  if code is null then
    foreach word in array array['NaN', 'Infinity', 'nan', 'inf'] loop
      if pg_catalog.substr(bytes, at::integer + 1, pg_catalog.length(word)) = pg_catalog.convert_to(word, 'UTF8')
        or pg_catalog.substr(bytes, greatest(at::integer - 1, 0) + 1, pg_catalog.length(word)) = pg_catalog.convert_to(word, 'UTF8') then
        code := 'non_finite_number';
      end if;
    end loop;
  end if;
  detail := case message
    when 'expected ident' then 'expected true, false or null'
    else pg_catalog.replace(message, 'EOF while parsing', 'the text ends inside of')
  end;
  code := coalesce(code, 'invalid_json');
  byte := at;
  return next;
end
$$;
grant execute on function lora._explained(text, text, bigint) to public;

-- The byte of a text at which the value behind some steps begins; of the last one that is there otherwise. In an object of which any key has half
-- of a character none is found.
create or replace function lora._located(content text, steps text[])
returns bigint
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  next record;
  before text;
  -- Where the whole begins, and the value behind each step that was gone.
  found bigint[] := '{0}';
  -- How many steps were gone, how deep the token is, which step leads to the next member of the value that was found.
  gone integer := 0;
  depth integer := 0;
  member text;
  number integer := 0;
  in_list boolean;
  is_key boolean := false;
  wanted constant integer := coalesce(pg_catalog.cardinality(steps), 0);
  is_done boolean := wanted = 0 or pg_catalog.octet_length(content) > 262144;
  -- Then the keys behind what was found are read too, of the objects that hold it, which are so many still; and say how many steps may be gone.
  has_halves constant boolean := content ~* '\\ud[89a-f]';
  holding integer := 0;
  allowed integer := wanted;
begin
  if is_done then
    return 0;
  end if;
  for next in select token.token, token.byte, pg_catalog."left"(token.token, 1) as begins from lora._json_tokens(content) as token order by token.byte loop
    continue when next.begins in (' ', E'\t', E'\n', E'\r');
    if next.token = ':' then
      if has_halves and depth <= holding and (lora._string_fault(before, 0, false)).message is not null then
        allowed := least(allowed, depth - 1);
      end if;
    elsif next.token = ',' then
      if depth = gone + 1 then
        number := number + 1;
        is_key := not in_list;
      end if;
    elsif next.token in (']', '}') then
      depth := depth - 1;
      is_done := is_done or depth <= gone;
      holding := least(holding, depth);
    elsif not is_done and depth = gone + 1 and is_key then
      is_done := has_halves and (lora._string_fault(next.token, 0, false)).message is not null;
      if not is_done then
        member := '.' || case
          when pg_catalog.strpos(next.token, '\') = 0 then pg_catalog.substr(next.token, 2, pg_catalog.length(next.token) - 2)
          else lora._readable(next.token)::json #>> '{}'
        end;
      end if;
      is_key := false;
    else
      -- A value.
      if not is_done and depth = gone + 1 and (case when in_list then '[' || number else member end) = steps[gone + 1] then
        gone := gone + 1;
        holding := gone;
        found[gone + 1] := next.byte;
        is_done := gone = wanted or next.token not in ('[', '{');
      end if;
      if next.token in ('[', '{') then
        depth := depth + 1;
        if depth = gone + 1 then
          number := 0;
          in_list := next.token = '[';
          is_key := not in_list;
        end if;
      end if;
    end if;
    exit when is_done and not has_halves;
    before := next.token;
  end loop;
  return found[least(gone, allowed) + 1];
end
$$;
grant execute on function lora._located(text, text[]) to public;
