-- dataset_fields: what may be wrong with a field of an example, whatever its shape; core/src/dataset/check.rs says what and why. Each function
-- answers the findings in the order in which they are raised: code, the steps to the value (keys behind a dot, numbers behind a bracket), message,
-- and a suggestion where there is a better one than the rule's own. Paths in messages begin with the prefix, which is that of a pair in a document.

-- A text that is trained on, with everything that may be wrong with one. A JSON null that is none of SQL is a value of the wrong type.
create or replace function lora._text_findings(value jsonb, prefix text, at text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  path constant text := lora._shown_path(prefix, at);
  content text;
  part integer;
begin
  steps := at;
  if value is null then
    code := 'missing_field';
    error := pg_catalog.format('"%s" is missing', path);
    return next;
    return;
  elsif pg_catalog.jsonb_typeof(value) <> 'string' then
    code := 'wrong_type';
    error := pg_catalog.format('"%s" is %s, text is expected', path, lora._described(value));
    if pg_catalog.jsonb_typeof(value) = 'array' then
      part := (
        select pg_catalog.min(element.place) - 1
        from pg_catalog.jsonb_array_elements(value) with ordinality as element (value, place)
        where pg_catalog.jsonb_typeof(element.value) = 'object'
          and (element.value ? 'image_url'
            or pg_catalog.jsonb_typeof(element.value -> 'type') = 'string' and pg_catalog.strpos(element.value ->> 'type', 'image') > 0)
      );
      if part is not null then
        code := 'image_data';
        steps := at || ('[' || part);
        error := pg_catalog.format('"%s" is an image', lora._shown_path(prefix, steps));
      elsif pg_catalog.jsonb_typeof(value -> 0) = 'object' and value -> 0 ? 'text' then
        error := pg_catalog.format('"%s" is a list of parts, text is expected', path);
        suggestion := 'Join the texts of the parts into one string.';
      end if;
    end if;
    return next;
    return;
  end if;
  content := value #>> '{}';
  if lora._is_blank(content) then
    code := 'empty_content';
    error := pg_catalog.format('"%s" is empty', path);
    return next;
    return;
  end if;
  if lora._trimmed(content) <> content then
    code := 'padded_content';
    error := pg_catalog.format('"%s" begins or ends with white space', path);
    return next;
  end if;
  if lora._is_junk(content) then
    code := 'junk_content';
    error := pg_catalog.format('"%s" is only "%s"', path, lora._trimmed(content));
    return next;
  end if;
  if lora._control_token(content) is not null then
    code := 'control_token';
    error := pg_catalog.format('"%s" holds the control token "%s"', path, lora._control_token(content));
    return next;
  end if;
  if pg_catalog.strpos(content, U&'\fffd') > 0 then
    code := 'replacement_character';
    error := pg_catalog.format('"%s" holds U+FFFD', path);
    return next;
  end if;
  if lora._control_character(content) is not null then
    code := 'control_character';
    error := pg_catalog.format('"%s" holds the control character U+%s', path, lora._control_character(content));
    return next;
  end if;
end
$$;
grant execute on function lora._text_findings(jsonb, text, text[]) to public;

-- A field that may be missing, null or empty, and holds text otherwise.
create or replace function lora._optional_text(document jsonb, key text)
returns jsonb
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select nullif(nullif(document -> key, 'null'), '""')
$$;
grant execute on function lora._optional_text(jsonb, text) to public;

-- An id: text that says something, or a whole number that a float holds exactly.
create or replace function lora._id(value jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.jsonb_typeof(value) = 'string' then
    return case when not lora._is_blank(value #>> '{}') then value #>> '{}' end;
  elsif pg_catalog.jsonb_typeof(value) = 'number' and pg_catalog.abs(value::numeric) < 9e15 and value::numeric = pg_catalog.trunc(value::numeric) then
    return pg_catalog.trunc(value::numeric)::text;
  end if;
  return null;
end
$$;
grant execute on function lora._id(jsonb) to public;

-- Keys of an object that its shape does not have, in the order of the text.
create or replace function lora._unknown_keys(content json, document jsonb, known text[], at text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if document - known <> '{}' then
    return query select 'unknown_key', at || ('.' || member.key), lora._quoted(member.key) || ' is no key of this shape', null::text
    from pg_catalog.json_object_keys(content) with ordinality as member (key, place)
    where member.key <> all (known)
    order by member.place;
  end if;
end
$$;
grant execute on function lora._unknown_keys(json, jsonb, text[], text[]) to public;

-- The letter of a role: system, user, assistant, tool.
create or replace function lora._role_of(name text)
returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case name
    when 'user' then 'u' when 'assistant' then 'a' when 'system' then 's' when 'tool' then 't' when 'developer' then 's' when 'function' then 't'
  end
$$;
grant execute on function lora._role_of(text) to public;

-- The role that other tools' names for it mean.
create or replace function lora._role_meant_by(name text)
returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when pg_catalog.lower(name collate pg_catalog."C") in ('user', 'human', 'customer', 'client', 'prompter') then 'u'
    when pg_catalog.lower(name collate pg_catalog."C") in ('assistant', 'gpt', 'chatgpt', 'bot', 'model', 'ai', 'chatbot') then 'a'
    when pg_catalog.lower(name collate pg_catalog."C") in ('system', 'developer') then 's'
    when pg_catalog.lower(name collate pg_catalog."C") in ('tool', 'function', 'observation') then 't'
  end
$$;
grant execute on function lora._role_meant_by(text) to public;

create or replace function lora._role_name(role text)
returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case role when 's' then 'system' when 'u' then 'user' when 'a' then 'assistant' when 't' then 'tool' end
$$;
grant execute on function lora._role_name(text) to public;

-- The role of a message. One that other tools use is refused with the name that is meant.
create or replace function lora._role_findings(value jsonb, prefix text, at text[], is_sharegpt boolean)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  path constant text := lora._shown_path(prefix, at);
  name text;
begin
  steps := at;
  if value is null then
    code := 'missing_field';
    error := pg_catalog.format('"%s" is missing', path);
    return next;
  elsif pg_catalog.jsonb_typeof(value) <> 'string' then
    code := 'wrong_type';
    error := pg_catalog.format('"%s" is %s, text is expected', path, lora._described(value));
    return next;
  else
    name := value #>> '{}';
    if is_sharegpt and lora._role_meant_by(name) is null and name <> 'function_call' or not is_sharegpt and lora._role_of(name) is null then
      code := 'unknown_role';
      error := pg_catalog.format('"%s" is %s, which is no known role', path, lora._quoted(name));
      suggestion := case
        when is_sharegpt then 'Use "system", "human" or "gpt".'
        when lora._role_meant_by(name) is not null then
          pg_catalog.format('Use "%s" in place of %s.', lora._role_name(lora._role_meant_by(name)), lora._quoted(name))
      end;
      return next;
    end if;
  end if;
end
$$;
grant execute on function lora._role_findings(jsonb, text, text[], boolean) to public;

-- The weight of a message, which keeps it out of the loss when it is 0.
create or replace function lora._weight_findings(value jsonb, prefix text, at text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if value <> 'null' and value <> '0' and value <> '1' then
    return query select 'invalid_weight', at, pg_catalog.format('"%s" is %s', lora._shown_path(prefix, at), lora._described(value)), null::text;
  end if;
end
$$;
grant execute on function lora._weight_findings(jsonb, text, text[]) to public;

-- Whether the example says that it is held back for validation.
create or replace function lora._split_findings(value jsonb)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if value not in ('null', '"validation"', '"train"') then
    return query select 'unknown_split', array['.split'],
      pg_catalog.format('"split" is %s: the example counts as one to train on',
        case pg_catalog.jsonb_typeof(value) when 'string' then lora._quoted(value #>> '{}') else lora._described(value) end),
      null::text;
  end if;
end
$$;
grant execute on function lora._split_findings(jsonb) to public;

-- The rules on the order of roles, each a letter, "?" for one that is not known: nothing more is said about such a conversation.
create or replace function lora._order_findings(roles text, at text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  place integer;
begin
  if pg_catalog.strpos(roles, '?') > 0 then
    return;
  end if;
  if pg_catalog.strpos(roles, 'a') = 0 then
    return query select 'no_assistant_message', at, 'the conversation has no assistant message', null::text;
  elsif pg_catalog."right"(roles, 1) <> 'a' then
    return query select 'last_not_assistant', at || ('[' || pg_catalog.length(roles) - 1), 'the last message is not the assistant''s', null::text;
  end if;
  place := pg_catalog.strpos(pg_catalog.substr(roles, 2), 's');
  if place > 0 then
    return query select 'system_not_first', at || ('[' || place), 'a system message stands after the first message', null::text;
  end if;
  place := pg_catalog.length(roles) - pg_catalog.length(pg_catalog.ltrim(roles, 's'));
  if pg_catalog.substr(roles, place + 1, 1) in ('a', 't') then
    return query select 'first_not_user', at || ('[' || place),
      pg_catalog.format('the conversation begins with "%s"', lora._role_name(pg_catalog.substr(roles, place + 1, 1))), null::text;
  end if;
  -- Several tools may answer one after the other.
  place := pg_catalog.regexp_instr(roles, 'ss|uu|aa');
  if place > 0 then
    return query select 'roles_not_alternating', at || ('[' || place),
      pg_catalog.format('two messages of "%s" in a row', lora._role_name(pg_catalog.substr(roles, place, 1))), null::text;
  end if;
end
$$;
grant execute on function lora._order_findings(text, text[]) to public;
