-- The structural rules of a chat file in SQL, for PostgreSQL 15 and later and without an extension: what a careful
-- author would write, and what the extension is compared with. Tried and slower: messages grouped again by line, with
-- lag() for the role before and a regular expression for empty content (1.6 times as long); json in the place of jsonb
-- (2.2 times).

-- Whether a line is JSON that jsonb can hold. There is no "is json" before PostgreSQL 16, and a block with a handler
-- is a subtransaction: so this is only for files in which some line is not.
create function jsonb_or_null(line text) returns jsonb
language plpgsql immutable strict parallel safe as $$
begin
  return line::jsonb;
exception when data_exception or program_limit_exceeded or statement_too_complex then
  return null;
end
$$;

-- Every fault of one file: counts for each code, lines in order. Lines with a fault count for nothing else.
create function plain_validation(content text) returns jsonb
language plpgsql stable as $$
declare
  -- The placeholder is how a line becomes jsonb.
  query constant text := $query$
    with judged as materialized (
      select number,
        case
          when doc is null then array['invalid_json']
          when jsonb_typeof(doc) <> 'object' then array['not_an_object']
          when list is null then array['missing_field']
          when jsonb_typeof(list) <> 'array' then array['wrong_type']
          when found.roles is null then array['empty_conversation']
          else array_remove(array[
            case when found.missing > 0 then 'missing_field' end,
            case when found.mistyped > 0 then 'wrong_type' end,
            case when found.empty > 0 then 'empty_content' end,
            case when found.unknown > 0 then 'unknown_role' end,
            -- A conversation with a role that is not known is not judged further.
            case when found.missing + found.mistyped + found.unknown = 0 then
              case when strpos(found.roles, 'a') = 0 then 'no_assistant_message'
                   when right(found.roles, 1) <> 'a' then 'last_not_assistant' end
            end,
            case when strpos(found.roles, 'uu') + strpos(found.roles, 'aa') > 0 then 'roles_not_alternating' end,
            case when strpos(substr(found.roles, 2), 's') > 0 then 'system_not_first' end
          ], null)
        end as codes,
        found.roles
      from (
        select number, doc, doc->'messages' as list
        from (
          select number, %s as doc from string_to_table($1, E'\n') with ordinality as lines (line, number)
          -- After the last line end there is no line.
          where line <> ''
          -- Without this, here and below, the planner writes an expression out wherever its value is used.
          offset 0
        ) as documents
        offset 0
      ) as lines
      cross join lateral (
        select
          count(*) filter (where role is null or content is null) as missing,
          count(*) filter (where jsonb_typeof(message) <> 'object' or jsonb_typeof(role) <> 'string'
                           or jsonb_typeof(content) <> 'string') as mistyped,
          count(*) filter (where jsonb_typeof(content) = 'string'
                           -- Long texts are trimmed only if their beginning already is empty.
                           and ltrim(left(content #>> '{}', 32), invisible) = ''
                           and ltrim(content #>> '{}', invisible) = '') as empty,
          count(*) filter (where jsonb_typeof(role) = 'string' and role_letter is null) as unknown,
          -- One letter for each message, in their order: the rules on roles are about this word.
          string_agg(coalesce(role_letter, '?'), '') as roles
        from (
          select message, message->'role' as role, message->'content' as content,
            case message->>'role' when 'user' then 'u' when 'assistant' then 'a' when 'system' then 's' end as role_letter,
            E' \t\n\r\u00a0\u200b\u200c\u200d\u2060\ufeff' as invisible
          from jsonb_array_elements(case when jsonb_typeof(list) = 'array' then list end) as message
          offset 0
        ) as messages
      ) as found
    )
    select jsonb_build_object(
      'lines', (select count(*) from judged),
      'pairs', (select coalesce(sum((length(roles) - length(replace(roles, 'ua', ''))) / 2), 0) from judged where codes = '{}'),
      'messages', (select coalesce(sum(length(replace(roles, 's', ''))), 0) from judged where codes = '{}'),
      'counts', (select coalesce(jsonb_object_agg(code, times), '{}') from
                  (select code, count(*) as times from judged, unnest(codes) as code group by code) as counted),
      'findings', (select coalesce(jsonb_agg(jsonb_build_object('line', number, 'code', code) order by number, code), '[]')
                   from judged, unnest(codes) as code)
    )
  $query$;
  report jsonb;
begin
  -- A file without such a line is the usual one.
  execute format(query, 'line::jsonb') into report using content;
  return report;
exception when data_exception or program_limit_exceeded or statement_too_complex then
  execute format(query, 'jsonb_or_null(line)') into report using content;
  return report;
end
$$;
