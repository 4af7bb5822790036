-- dataset_findings: what was found, by code: how often, and the first of them.
--
-- As they are found: {code: {"count": …, "kept": [[place, steps, error, suggestion, byte, bare], …]}}; a place is the number of a text, a bare one
-- is not shown. As they are kept: [line, offset, path, error, suggestion, excerpt], in their order.

-- The findings of texts, at their lines and offsets.
create or replace function lora._placed_findings(findings jsonb, contents text[], lines bigint[], offsets bigint[], prefixes text[])
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_object_agg(of_code.code, pg_catalog.jsonb_build_object('count', of_code.findings -> 'count', 'kept', coalesce(
        (
          select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
              -- Only an example inside of a document has line ends.
              lines[located.place] + case when located.byte > 0 and pg_catalog.strpos(located.content, E'\n') > 0 then
                pg_catalog.length(pg_catalog.regexp_replace(
                  pg_catalog.convert_from(pg_catalog.substr(pg_catalog.convert_to(located.content, 'UTF8'), 1, located.byte::integer), 'UTF8'),
                    '[^\n]+', '', 'g'))
                else 0 end,
              offsets[located.place] + located.byte,
              case when located.steps is not null then lora._shown_path(prefixes[located.place], located.steps) end,
              located.finding -> 2, located.finding -> 3,
              case when located.finding -> 5 is distinct from 'true' then lora._excerpt(located.content, located.byte) end
            ) order by located.number)
          from (
            select each.finding, each.number, each.place, each.steps, each.content,
              case when each.finding -> 5 = 'true' then coalesce((each.finding ->> 4)::bigint, 0)
                else least(coalesce((each.finding ->> 4)::bigint, lora._located(lora._readable(each.content), each.steps), 0),
                  pg_catalog.octet_length(each.content)) end as byte
            from (
              select kept.finding, kept.number, (kept.finding ->> 0)::integer as place,
                case when pg_catalog.jsonb_typeof(kept.finding -> 1) = 'array' then
                  array(select pg_catalog.jsonb_array_elements_text(kept.finding -> 1)) end as steps,
                contents[(kept.finding ->> 0)::integer] as content
              from pg_catalog.jsonb_array_elements(of_code.findings -> 'kept') with ordinality as kept (finding, number)
            ) as each
            -- Else each value would be looked for wherever its byte is named.
            offset 0
          ) as located
        ), '[]')))
      from pg_catalog.jsonb_each(findings) as of_code (code, findings)
    ), '{}');
end
$$;
grant execute on function lora._placed_findings(jsonb, text[], bigint[], bigint[], text[]) to public;

-- How many findings of a rule are kept: one of what is found once for a file.
create or replace function lora._kept_of(code text)
returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when code in (
    -- Generated: rules that are found once.
    'blank_line', 'crlf', 'null_target', 'input_repeated_in_history', 'history_length_mismatch', 'missing_scaffolding', 'missing_emotion'
    -- End.
  ) then 1 else 10 end;
end
$$;
grant execute on function lora._kept_of(text) to public;

-- The findings of all of several, those of the earlier lines first, or those of the first file: each an object by code of what is kept.
create or replace function lora._merged_findings(many jsonb[], by_file boolean default false)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_object_agg(merged.code, pg_catalog.jsonb_build_object('count', merged.count, 'kept', merged.kept))
      from (
        select of_code.code, pg_catalog.sum((of_code.findings ->> 'count')::bigint) as count,
          coalesce(
            (
              select pg_catalog.jsonb_agg(first.finding order by first.line, first.of, first.number)
              from (
                select kept.finding, case when not by_file then (kept.finding ->> 0)::bigint end as line, other.place as of, kept.number
                from unnest(many) with ordinality as other (findings, place)
                cross join lateral pg_catalog.jsonb_array_elements(other.findings -> of_code.code -> 'kept') with ordinality as kept (finding, number)
                where other.findings ? of_code.code
                order by 2, 3, 4
                limit lora._kept_of(of_code.code)
              ) as first
            ), '[]') as kept
        from unnest(many) as each (findings)
        cross join lateral pg_catalog.jsonb_each(each.findings) as of_code (code, findings)
        group by of_code.code
      ) as merged
    ), '{}');
end
$$;
grant execute on function lora._merged_findings(jsonb[], boolean) to public;

-- Kept findings at other lines and offsets: of each line what it is shifted by, or one number for all.
create or replace function lora._shifted_kept(kept jsonb, lines jsonb, bytes jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_array(
          (each.finding ->> 0)::bigint + (lines ->> (least((each.finding ->> 0)::bigint, pg_catalog.jsonb_array_length(lines))::integer - 1))::bigint,
          (each.finding ->> 1)::bigint + (bytes ->> (least((each.finding ->> 0)::bigint, pg_catalog.jsonb_array_length(bytes))::integer - 1))::bigint,
          each.finding -> 2, each.finding -> 3, each.finding -> 4, each.finding -> 5) order by each.number)
      from pg_catalog.jsonb_array_elements(kept) with ordinality as each (finding, number)
    ), '[]');
end
$$;
grant execute on function lora._shifted_kept(jsonb, jsonb, jsonb) to public;

create or replace function lora._shifted_findings(findings jsonb, lines jsonb, bytes jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_object_agg(of_code.code, pg_catalog.jsonb_build_object('count', of_code.findings -> 'count',
        'kept', lora._shifted_kept(of_code.findings -> 'kept', lines, bytes)))
      from pg_catalog.jsonb_each(findings) as of_code (code, findings)
    ), '{}');
end
$$;
grant execute on function lora._shifted_findings(jsonb, jsonb, jsonb) to public;

-- One finding of its own, as it is kept.
create or replace function lora._finding(code text, line bigint, byte_offset bigint, path text, error text, excerpt text default null)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object(code, pg_catalog.jsonb_build_object(
    'count', 1, 'kept', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array(line, byte_offset, path, error, null, excerpt))));
end
$$;
grant execute on function lora._finding(text, bigint, bigint, text, text, text) to public;
