-- dataset_tools: the tool calls of a conversation: what the assistant calls, what the tools answer, and whether the two fit.

-- What is wrong with what is called.
create or replace function lora._called_findings(function jsonb, at text[], declared text[])
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  path constant text := lora._shown_path(null, at);
  called constant jsonb := case when pg_catalog.jsonb_typeof(function) = 'object' then function else '{}' end;
  name constant text := case when pg_catalog.jsonb_typeof(called -> 'name') = 'string' then nullif(called ->> 'name', '') end;
  is_object boolean;
begin
  if name is null or not called ? 'arguments' then
    return query select 'invalid_tool_call', at,
      pg_catalog.format('"%s" has no "%s"', path, case when name is null then 'name' else 'arguments' end), null::text;
  end if;
  if called ? 'arguments' then
    is_object := pg_catalog.jsonb_typeof(called -> 'arguments') = 'string' and lora._is_json_object(called ->> 'arguments');
    if not is_object then
      return query select 'invalid_tool_arguments', at, pg_catalog.format('the arguments of "%s" are no JSON object in a string', path), null::text;
    end if;
  end if;
  if name is not null and name <> all (declared) then
    return query select 'undeclared_tool', at, pg_catalog.format('the tool %s is called and not declared', lora._quoted(name)), null::text;
  end if;
end
$$;
grant execute on function lora._called_findings(jsonb, text[], text[]) to public;

-- Whether a text is a JSON object that can be read.
create or replace function lora._is_json_object(content text)
returns boolean
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  document constant jsonb := (lora._json_values(array[content]))[1];
begin
  if document is not null then
    return pg_catalog.jsonb_typeof(document) = 'object';
  end if;
  return pg_catalog.ltrim(content, E' \t\r\n') like '{%'
    and not exists (select from lora._json_faults(content, true));
end
$$;
grant execute on function lora._is_json_object(text) to public;

-- The calls of all messages of the list.
create or replace function lora._tool_findings(document jsonb, list text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  declared constant text[] := array(
    select case when tool.named ? 'function' then tool.named -> 'function' else tool.named end ->> 'name'
    from (
      select case when pg_catalog.jsonb_typeof(element) = 'object' then element else '{}' end as named
      from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(document -> 'tools') = 'array' then document -> 'tools' else '[]' end) as element
    ) as tool
    where pg_catalog.jsonb_typeof(case when tool.named ? 'function' then tool.named -> 'function' else tool.named end -> 'name') = 'string'
  );
  at text[];
  message jsonb;
  role text;
  place integer := -1;
  id text;
  answered text;
  number integer;
  call jsonb;
  -- Ids of calls that have no answer yet, each with its message: of one id the last.
  open text[] := '{}';
  open_in integer[] := '{}';
begin
  for message in select element from pg_catalog.jsonb_array_elements(document -> list) as element loop
    place := place + 1;
    at := array['.' || list, '[' || place];
    if pg_catalog.jsonb_typeof(message) <> 'object' then
      message := '{}';
    end if;
    role := case when pg_catalog.jsonb_typeof(message -> 'role') = 'string' then message ->> 'role' end;
    if role = 'tool' then
      answered := case when pg_catalog.jsonb_typeof(message -> 'tool_call_id') = 'string' then message ->> 'tool_call_id' end;
      if answered = any (open) then
        select coalesce(pg_catalog.array_agg(called.id order by called.place), '{}'), coalesce(pg_catalog.array_agg(called.message order by called.place), '{}')
        into open, open_in
        from unnest(open, open_in) with ordinality as called (id, message, place)
        where called.id <> answered;
      else
        return query select 'unknown_tool_result', at,
          pg_catalog.format('"%s" answers %s, which is no open call', lora._shown_path(null, at), coalesce(lora._quoted(answered), 'nothing')), null::text;
      end if;
    elsif open <> '{}' then
      return query select 'missing_tool_result', array['.' || list, '[' || called.message],
        pg_catalog.format('the call %s has no answer', lora._quoted(called.id)), null::text
      from (
        select each.id, pg_catalog.max(each.message) as message from unnest(open, open_in) as each (id, message) group by each.id
      ) as called
      order by called.message, called.id collate pg_catalog."C";
      open := '{}';
      open_in := '{}';
    end if;
    if role <> 'assistant' and (lora._is_call(message -> 'tool_calls') or lora._is_call(message -> 'function_call')) then
      return query select 'invalid_tool_call', at,
        pg_catalog.format('"%s" is of %s, only the assistant calls tools', lora._shown_path(null, at), lora._quoted(role)), null::text;
    end if;
    -- The older form has no id, so nothing can answer it by one.
    if message -> 'function_call' <> 'null' then
      return query select * from lora._called_findings(message -> 'function_call', at || '.function_call'::text, declared);
    end if;
    if message -> 'tool_calls' <> 'null' then
      if pg_catalog.jsonb_typeof(message -> 'tool_calls') <> 'array' then
        return query select 'wrong_type', at || '.tool_calls'::text, pg_catalog.format('"%s" is %s, an array is expected',
          lora._shown_path(null, at || '.tool_calls'::text), lora._described(message -> 'tool_calls')), null::text;
        continue;
      end if;
      number := -1;
      for call in select element from pg_catalog.jsonb_array_elements(message -> 'tool_calls') as element loop
        number := number + 1;
        call := case when pg_catalog.jsonb_typeof(call) = 'object' then call else '{}' end;
        id := case when pg_catalog.jsonb_typeof(call -> 'id') = 'string' then nullif(call ->> 'id', '') end;
        if id is null then
          return query select 'invalid_tool_call', at || array['.tool_calls', '[' || number],
            pg_catalog.format('"%s" has no "id"', lora._shown_path(null, at || array['.tool_calls', '[' || number])), null::text;
        end if;
        return query select * from lora._called_findings(call -> 'function', at || array['.tool_calls', '[' || number, '.function'], declared);
        if id is not null then
          open := open || id;
          open_in := open_in || place;
        end if;
      end loop;
    end if;
  end loop;
  -- A conversation may end with a call: that is what such an example teaches.
end
$$;
grant execute on function lora._tool_findings(jsonb, text) to public;
