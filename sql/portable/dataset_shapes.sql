-- dataset_shapes: what is wrong with an object of each shape, in the order in which it is raised; core/src/dataset/shapes says what and why. Only
-- objects come here in which something looks odd: lora._read_examples looks at many at once.

-- What objects are by the keys that only one shape has; NULL of what is no object.
create or replace function lora._kinds(documents jsonb[])
returns text[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return array(
    select case
      when pg_catalog.jsonb_typeof(each.document) <> 'object' then null
      when each.document ? '_meta' then 'header'
      when each.document ?| array['chosen', 'rejected', 'preferred_output', 'non_preferred_output'] then 'preference'
      when each.document ?| array['current_user_input', 'target_response'] then 'pairs'
      when each.document ?| array['training_file_metadata', 'dataset_metadata', 'training_pairs'] then 'document'
      when each.document ? 'messages' then 'messages'
      when each.document ? 'turns' then 'turns'
      when each.document ? 'conversations' then
        case
          when pg_catalog.jsonb_typeof(each.document -> 'conversations') <> 'array' then 'conversations'
          when pg_catalog.jsonb_typeof(each.document -> 'conversations' -> 0) <> 'object' then 'conversations'
          when each.document -> 'conversations' -> 0 ? 'training_pairs' then 'document'
          when each.document -> 'conversations' -> 0 ?| array['from', 'value'] then 'sharegpt'
          else 'conversations'
        end
      when each.document ? 'instruction' then 'alpaca'
      when each.document ?| array['prompt', 'completion'] then 'completion'
      when each.document is not null then 'unrecognised'
    end
    from pg_catalog.unnest(documents) with ordinality as each (document, place) order by each.place);
end
$$;
grant execute on function lora._kinds(jsonb[]) to public;

-- Keys of a line of each shape.
create or replace function lora._keys_of(kind text)
returns text[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case kind
    when 'turns' then array['turns', 'conversation_id', 'id', 'split', 'metadata', 'conversation_metadata', 'tools']
    when 'messages' then
      array['messages', 'metadata', 'tools', 'functions', 'parallel_tool_calls', 'id', 'conversation_id', 'split']
    when 'conversations' then array['conversations', 'metadata', 'tools', 'id', 'conversation_id', 'split', 'source']
    when 'sharegpt' then array['conversations', 'id', 'system', 'tools', 'split', 'source', 'metadata', 'conversation_id']
    when 'alpaca' then array['instruction', 'input', 'output', 'system', 'history', 'id', 'split', 'text', 'metadata']
    when 'completion' then array['prompt', 'completion', 'id', 'split', 'system', 'metadata']
    when 'pairs' then
      array['id', 'conversation_id', 'turn_number', 'conversation_metadata', 'system_prompt', 'conversation_history', 'current_user_input',
        'emotional_context', 'response_strategy', 'target_response', 'response_breakdown', 'expected_user_response_patterns',
        'behavioral_notes', 'training_metadata', 'metadata', 'split']
  end;
end
$$;
grant execute on function lora._keys_of(text) to public;

-- Whether what stands for calls is any: an empty list is none.
create or replace function lora._is_call(calls jsonb)
returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(calls not in ('null', '[]'), false);
end
$$;
grant execute on function lora._is_call(jsonb) to public;

-- Conversations as lists of role and content (turns, messages, conversations) or of from and value (sharegpt).
create or replace function lora._chat_findings(content text, document jsonb, kind text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  raw constant json := lora._readable(content);
  list constant text := case when kind = 'sharegpt' then 'conversations' else kind end;
  at constant text[] := array['.' || list];
  is_sharegpt constant boolean := kind = 'sharegpt';
  role_key constant text := case when is_sharegpt then 'from' else 'role' end;
  text_key constant text := case when is_sharegpt then 'value' else 'content' end;
  known constant text[] := case
    when is_sharegpt then array['from', 'value', 'weight', 'name', 'metadata']
    else array['role', 'content', 'weight', 'tool_calls', 'function_call', 'tool_call_id', 'name', 'refusal', 'metadata']
  end;
  entries constant jsonb := document -> list;
  raw_entries constant json := lora._member(raw, list);
  entry jsonb;
  raw_entry json;
  place integer := -1;
  role text;
  roles text := '';
  is_silent boolean;
  has_calls boolean;
  has_tools boolean := false;
  -- Assistant messages that can be trained on, and those of them whose weight is 0.
  replies integer := 0;
  weightless integer := 0;
begin
  return query select * from lora._unknown_keys(raw, document, lora._keys_of(kind), '{}');
  if kind = 'turns' and lora._id(document -> 'conversation_id') is null then
    return query select * from lora._text_findings(document -> 'conversation_id', null, array['.conversation_id']);
  end if;
  if is_sharegpt then
    if lora._optional_text(document, 'system') is not null then
      return query select * from lora._text_findings(document -> 'system', null, array['.system']);
    end if;
  elsif pg_catalog.jsonb_typeof(entries) <> 'array' then
    return query select 'wrong_type', at, pg_catalog.format('"%s" is %s, an array is expected', list, lora._described(entries)), null::text;
    return;
  elsif entries = '[]' then
    return query select 'empty_conversation', at, pg_catalog.format('"%s" is empty', list), null::text;
    return;
  end if;
  -- The text of each beside it: to look one up by its number takes as long as what is before it.
  for entry, raw_entry in
    select element.value, element.raw
    from rows from (pg_catalog.jsonb_array_elements(entries), pg_catalog.json_array_elements(raw_entries)) as element (value, raw)
  loop
    place := place + 1;
    if pg_catalog.jsonb_typeof(entry) <> 'object' then
      return query select 'wrong_type', at || ('[' || place),
        pg_catalog.format('"%s" is %s, an object is expected', lora._shown_path(null, at || ('[' || place)), lora._described(entry)), null::text;
      roles := roles || '?';
      continue;
    end if;
    return query select * from lora._unknown_keys(raw_entry, entry, known, at || ('[' || place));
    return query select * from lora._role_findings(entry -> role_key, null, at || array['[' || place, '.' || role_key], is_sharegpt);
    role := case when pg_catalog.jsonb_typeof(entry -> role_key) = 'string' then
      case
        when not is_sharegpt then lora._role_of(entry ->> role_key)
        when entry ->> role_key = 'function_call' then 'a'
        else lora._role_meant_by(entry ->> role_key)
      end
    end;
    roles := roles || coalesce(role, '?');
    has_calls := not is_sharegpt and (lora._is_call(entry -> 'tool_calls') or lora._is_call(entry -> 'function_call'));
    has_tools := has_tools or has_calls or not is_sharegpt and role is not distinct from 't';
    is_silent := has_calls and coalesce(entry -> text_key, 'null') in ('null', '""');
    if not is_silent then
      return query select * from lora._text_findings(entry -> text_key, null, at || array['[' || place, '.' || text_key]);
      -- It cannot be read, but the weight of a message is looked at all the same.
      if pg_catalog.jsonb_typeof(entry -> text_key) is distinct from 'string' or lora._is_blank(entry ->> text_key) then
        if not is_sharegpt then
          return query select * from lora._weight_findings(entry -> 'weight', null, at || array['[' || place, '.weight']);
        end if;
        continue;
      end if;
    end if;
    continue when is_sharegpt and role is null;
    return query select * from lora._weight_findings(entry -> 'weight', null, at || array['[' || place, '.weight']);
    if role = 'a' then
      replies := replies + 1;
      weightless := weightless + coalesce(entry -> 'weight' = '0', false)::integer;
    end if;
  end loop;
  return query select * from lora._order_findings(roles, at);
  if replies > 0 and replies = weightless then
    return query select 'all_weights_zero', at, 'all assistant messages have weight 0', null::text;
  end if;
  if has_tools then
    return query select * from lora._tool_findings(document, list);
  end if;
  return query select * from lora._split_findings(document -> 'split');
end
$$;
grant execute on function lora._chat_findings(text, jsonb, text) to public;

-- An instruction, perhaps with an input, and the output to learn; earlier rounds, each a list of an instruction and its output. Or a prompt and
-- what follows it.
create or replace function lora._instruction_findings(content text, document jsonb, kind text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  raw constant json := lora._readable(content);
  key text;
  round jsonb;
  place integer := -1;
begin
  return query select * from lora._unknown_keys(raw, document, lora._keys_of(kind), '{}');
  foreach key in array case kind when 'alpaca' then array['system', 'instruction', 'input', 'output'] else array['system', 'prompt', 'completion'] end loop
    continue when key in ('system', 'input') and lora._optional_text(document, key) is null;
    return query select * from lora._text_findings(document -> key, null, array['.' || key]);
  end loop;
  if kind = 'alpaca' and document -> 'history' <> 'null' then
    if pg_catalog.jsonb_typeof(document -> 'history') <> 'array' then
      return query select 'wrong_type', array['.history'],
        pg_catalog.format('"history" is %s, an array is expected', lora._described(document -> 'history')), null::text;
    else
      for round in select element from pg_catalog.jsonb_array_elements(document -> 'history') as element loop
        place := place + 1;
        if pg_catalog.jsonb_typeof(round) <> 'array' or pg_catalog.jsonb_array_length(round) <> 2 then
          return query select 'wrong_type', array['.history', '[' || place],
            pg_catalog.format('"history[%s]" is no list of an instruction and its output', place), null::text;
        end if;
        if pg_catalog.jsonb_typeof(round) = 'array' then
          for number in 0 .. least(pg_catalog.jsonb_array_length(round), 2) - 1 loop
            return query select * from lora._text_findings(round -> number, null, array['.history', '[' || place, '[' || number]);
          end loop;
        end if;
      end loop;
    end if;
  end if;
  return query select * from lora._split_findings(document -> 'split');
end
$$;
grant execute on function lora._instruction_findings(text, jsonb, text) to public;
