-- dataset_summary: what a report shows of what was found and counted.

-- The findings, worst first, with how many there were.
create or replace function lora._summary(
  findings jsonb, profile text, out errors bigint, out warnings bigint, out counts jsonb, out shown jsonb, out truncated boolean
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  with rule as (
    select rule.code, rule.severities ->> profile as severity, rule.once, rule.suggestion, (findings -> rule.code ->> 'count')::bigint as lines,
      findings -> rule.code -> 'kept' as kept
    from lora.dataset_rules() as rule
    where findings ? rule.code
  ),
  every as (
    select rule.code, rule.severity, kept.finding, kept.number, case rule.severity when 'error' then 1 when 'warning' then 2 else 3 end as rank,
      pg_catalog.row_number() over (
        order by case rule.severity when 'error' then 1 when 'warning' then 2 else 3 end, kept.finding -> 6 is not distinct from '"validation"',
          (kept.finding ->> 0)::bigint, (kept.finding ->> 1)::bigint, rule.code collate pg_catalog."C", kept.number) as place,
      pg_catalog.jsonb_build_object(
        'line', kept.finding -> 0,
        'error', case when rule.once and rule.lines > 1 then pg_catalog.format('%s (%s lines in all)', kept.finding ->> 3,
          rule.lines) else kept.finding ->> 3 end,
        'suggestion', coalesce(kept.finding ->> 4, rule.suggestion), 'code', rule.code, 'severity', rule.severity, 'path', kept.finding -> 2,
        'offset', kept.finding -> 1, 'excerpt', kept.finding -> 5)
      || case when kept.finding -> 6 = '"validation"' then '{"split": "validation"}' else '{}'::jsonb end as shown
    from rule
    cross join lateral pg_catalog.jsonb_array_elements(rule.kept) with ordinality as kept (finding, number)
  )
  select coalesce(pg_catalog.sum(case when rule.once then 1 else rule.lines end) filter (where rule.severity = 'error'), 0),
    coalesce(pg_catalog.sum(case when rule.once then 1 else rule.lines end) filter (where rule.severity = 'warning'), 0),
    coalesce(pg_catalog.jsonb_object_agg(rule.code, rule.lines), '{}'),
    (select coalesce(pg_catalog.jsonb_agg(every.shown order by every.place) filter (where every.place <= 100), '[]') from every),
    coalesce(pg_catalog.bool_or(case when rule.once then 1 else rule.lines end > pg_catalog.jsonb_array_length(rule.kept)), false)
      or (select pg_catalog.count(*) > 100 from every)
  into errors, warnings, counts, shown, truncated
  from rule;
end
$$;
grant execute on function lora._summary(jsonb, text) to public;

-- What tells a shape.
create or replace function lora._shape_reason(shape text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select reason.reason from (values
      -- Generated: reasons of shapes.
      ('pairs', 'the first example has "current_user_input" or "target_response"'),
      ('turns', 'the first example has "turns"'),
      ('messages', 'the first example has "messages"'),
      ('conversations', 'the first example has "conversations"'),
      ('sharegpt', 'the first example has "conversations" with "from" or "value"'),
      ('alpaca', 'the first example has "instruction"'),
      ('completion', 'the first example has "prompt" or "completion"'),
      ('full', 'the file is one JSON document with "training_file_metadata" or "training_pairs" in "conversations"'),
      ('individual', 'the file is one JSON document with "training_pairs"')
      -- End.
    ) as reason (shape, reason)
    where reason.shape = _shape_reason.shape);
end
$$;
grant execute on function lora._shape_reason(text) to public;

-- The quotient, rounded to two decimals; NULL of nothing.
create or replace function lora._ratio(one bigint, other bigint)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when other > 0 then lora._figure(pg_catalog.div(one::numeric * 200 + other, other * 2)::double precision / 100) end;
end
$$;
grant execute on function lora._ratio(bigint, bigint) to public;

-- How far the count may be off, in percent: the least certain of the scripts of which there is enough.
create or replace function lora._error_band(tally jsonb)
returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  ascii constant numeric := coalesce((tally ->> 'ascii')::numeric, 0);
  latin constant numeric := coalesce((tally ->> 'latin')::numeric, 0);
  foreign_characters constant numeric := coalesce((tally ->> 'cyrillic')::numeric, 0) + coalesce((tally ->> 'arabic')::numeric, 0)
    + coalesce((tally ->> 'cjk')::numeric, 0) + coalesce((tally ->> 'other')::numeric, 0);
  every constant numeric := ascii + latin + foreign_characters;
  -- Latin text is held for English when it has few accents and enough "th".
  is_english constant boolean := latin * 200 <= ascii and coalesce((tally ->> 'th')::numeric, 0) * 110 >= ascii;
  band integer;
begin
  select pg_catalog.max(script.band) into band
  from (values
    -- Generated: bands of scripts.
    ('english', 4),
    ('latin', 9),
    ('cyrillic', 9),
    ('arabic', 2),
    ('cjk', 2),
    ('other', 4)
    -- End.
  ) as script (name, band)
  where case
    when script.name = 'english' then is_english and ((ascii + latin) * 3 > every or every = 0)
    when script.name = 'latin' then not is_english and ((ascii + latin) * 3 > every or every = 0)
    else coalesce((tally ->> script.name)::numeric, 0) * 10 > every
  end;
  return band;
end
$$;
grant execute on function lora._error_band(jsonb) to public;

-- The first three conversations, each with its first messages.
create or replace function lora._shown_sample(sample jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_agg(conversation.shown order by conversation.begins)
      from (
        select pg_catalog.min(message.begins) as begins, pg_catalog.jsonb_build_object('conversation_id', message.value -> 1, 'turns',
          pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('role', lora._role_name(message.value ->> 2), 'content', message.value -> 3)
            order by message.place)) as shown
        from (
          select ranked.*, pg_catalog.min(ranked.place) filter (where ranked.rank = 4) over () as stop
          from (
            select every.*, pg_catalog.dense_rank() over (order by every.begins) as rank
            from (
              select each.value, each.place, coalesce('.' || (each.value ->> 1), each.value ->> 0) as conversation,
                pg_catalog.min(each.place) over (partition by coalesce('.' || (each.value ->> 1), each.value ->> 0)) as begins
              from pg_catalog.jsonb_array_elements(sample) with ordinality as each (value, place)
            ) as every
          ) as ranked
        ) as message
        where message.rank <= 3 and (message.stop is null or message.place < message.stop)
        group by message.conversation, message.value -> 1
      ) as conversation
    ), '[]');
end
$$;
grant execute on function lora._shown_sample(jsonb) to public;

-- Rules for which there is a coarser finding on the same line, as SQL cannot tell them.
create or replace function lora._rules_not_evaluated()
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(pg_catalog.jsonb_agg(rule.code order by rule.code collate pg_catalog."C"), '[]') from lora.dataset_rules() as rule where not rule.portable);
end
$$;
grant execute on function lora._rules_not_evaluated() to public;
