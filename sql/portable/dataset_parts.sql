-- dataset_parts: the texts of many examples, one row for each. What looks odd there is looked at again, one example by one, by the functions of
-- dataset_shapes.sql and dataset_pairs.sql, which say what is wrong; a row says only whether nothing can be.

-- Messages by example, in their order: those of the example, and those of other ones that it has before it as its context.
create or replace function lora._parts(documents jsonb[], kinds text[], plain boolean[])
returns table (
  place integer, ord integer, role text, content text, is_clean boolean, is_context boolean, continues boolean, is_weightless boolean, calls bigint
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  with value as materialized (
    select given.place::integer as place, given.document, given.kind, given.plain,
      case given.kind
        when 'messages' then given.document -> 'messages'
        when 'turns' then given.document -> 'turns'
        when 'conversations' then given.document -> 'conversations'
        when 'sharegpt' then given.document -> 'conversations'
        when 'pairs' then given.document -> 'conversation_history'
      end as list
    from unnest(documents, kinds, plain) with ordinality as given (document, kind, plain, place)
    where given.kind is not null
  ),
  field as (
    -- Elements of a list.
    select value.place, element.place::integer as ord, value.plain, value.kind = 'pairs' as is_context, false as continues,
      case when value.kind = 'sharegpt' then
          case pg_catalog.lower(element.value ->> 'from' collate pg_catalog."C")
            when 'human' then 'u' when 'gpt' then 'a' when 'user' then 'u' when 'assistant' then 'a' when 'system' then 's'
            else coalesce(case when element.value ->> 'from' = 'function_call' then 'a' end, lora._role_meant_by(element.value ->> 'from'))
          end
        else
          case element.value ->> 'role'
            when 'user' then 'u' when 'assistant' then 'a' when 'system' then 's' when 'tool' then 't'
            when 'developer' then 's' when 'function' then 't'
          end
      end as role,
      case when value.kind = 'sharegpt' then element.value -> 'value' else element.value -> 'content' end as content,
      case
        when value.kind = 'sharegpt' then element.value - array['from', 'value', 'name', 'metadata'] in ('{}', '{"weight": 1}')
        when value.kind = 'pairs' then element.value - array['role', 'content', 'turn', 'emotional_state', 'metadata'] = '{}'
        else element.value - array['role', 'content', 'name', 'metadata', 'refusal'] in ('{}', '{"weight": 1}')
      end as has_known_keys,
      case
        -- Calls of tools are no part of ShareGPT.
        when value.kind = 'sharegpt' then case when element.value ? 'weight' then element.value - array['tool_calls', 'function_call'] end
        when value.kind <> 'pairs' and element.value ?| array['weight', 'tool_calls', 'function_call'] then element.value
      end as more
    from value
    cross join lateral pg_catalog.jsonb_array_elements(case when pg_catalog.jsonb_typeof(value.list) = 'array' then value.list else '[]' end)
      with ordinality as element (value, place)
    where pg_catalog.jsonb_typeof(element.value) = 'object'
    union all
    -- Fields of the example itself.
    select value.place, field.ord, value.plain, field.is_context, field.continues, field.role, value.document -> field.key, true, null
    from value
    join (values
      ('sharegpt', 'system', 0, 's', false, false, true),
      ('alpaca', 'system', 1000001, 's', false, false, true),
      ('alpaca', 'instruction', 1000002, 'u', false, false, false),
      ('alpaca', 'input', 1000003, 'u', false, true, true),
      ('alpaca', 'output', 1000004, 'a', false, false, false),
      ('completion', 'system', 1000001, 's', false, false, true),
      ('completion', 'prompt', 1000002, 'u', false, false, false),
      ('completion', 'completion', 1000003, 'a', false, false, false),
      ('pairs', 'system_prompt', 0, 's', true, false, false),
      ('pairs', 'current_user_input', 1000001, 'u', false, false, false),
      ('pairs', 'target_response', 1000002, 'a', false, false, false)
    ) as field (kind, key, ord, role, is_context, continues, is_optional) on field.kind = value.kind
    where not field.is_optional or coalesce(value.document -> field.key, 'null') not in ('null', '""')
    union all
    -- Earlier rounds.
    select value.place, 2 * round.place::integer + number - 2, value.plain, true, false, case number when 1 then 'u' else 'a' end,
      round.value -> number - 1, true, null
    from value
    cross join lateral pg_catalog.jsonb_array_elements(
      case when value.kind = 'alpaca' and pg_catalog.jsonb_typeof(value.document -> 'history') = 'array' then value.document -> 'history' else '[]' end
    ) with ordinality as round (value, place)
    cross join pg_catalog.generate_series(1, 2) as number
    where value.kind = 'alpaca'
  ),
  part as (
    select field.*, case when pg_catalog.jsonb_typeof(field.content) = 'string' then field.content #>> '{}' end as shown from field
    offset 0
  )
  select part.place, part.ord, part.role,
    -- A message that calls tools needs no words.
    case when part.shown <> '' or part.more is null then part.shown end,
    part.has_known_keys and part.role is not null
    -- Printable at both ends: neither blank nor padded.
    and coalesce(
      pg_catalog.ascii(part.shown) between 33 and 126
      and pg_catalog.get_byte(pg_catalog.convert_to(part.shown, 'UTF8'), pg_catalog.octet_length(part.shown) - 1) between 33 and 126
      or not lora._is_blank(part.shown) and lora._trimmed(part.shown) = part.shown,
      false)
    and (pg_catalog.octet_length(part.shown) > 20 or not lora._is_junk(part.shown))
    and ((pg_catalog.strpos(part.shown, '<') = 0 and pg_catalog.strpos(part.shown, '[') = 0) or lora._control_token(part.shown) is null)
    and (part.plain or part.shown !~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd]'),
    part.is_context, part.continues,
    coalesce(part.more -> 'weight' = '0', false),
    -- Calls of the newer kind count before the older one.
    coalesce(
      case when lora._is_call(part.more -> 'tool_calls') then lora._value_hash(part.more -> 'tool_calls') end,
      case when lora._is_call(part.more -> 'function_call') then lora._value_hash(part.more -> 'function_call') end)
  from part;
end
$$;
grant execute on function lora._parts(jsonb[], text[], boolean[]) to public;
