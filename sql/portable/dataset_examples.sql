-- dataset_examples: many examples at once: what is wrong with them, and what they are worth. core/src/dataset/example.rs says what is counted.

-- What is wrong with one example, in the order in which it is raised.
create or replace function lora._example_findings(content text, document jsonb, kind text, prefix text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
begin
  if kind = 'pairs' then
    return query select * from lora._pair_findings(content, document, prefix);
  elsif kind in ('alpaca', 'completion') then
    return query select * from lora._instruction_findings(content, document, kind);
  else
    return query select * from lora._chat_findings(content, document, kind);
  end if;
end
$$;
grant execute on function lora._example_findings(text, jsonb, text, text) to public;

-- Whether nothing can be wrong with an example whose texts are clean, by its fields and the roles of its messages and of its context. Where this
-- says no, it may still be sound.
create or replace function lora._is_regular(document jsonb, kind text, roles text, context text, entries integer, last_context text, prefix text)
returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if document - lora._keys_of(kind) <> '{}' or document ? 'split' and document -> 'split' not in ('null', '"train"', '"validation"') then
    return false;
  end if;
  return coalesce(case kind
    when 'messages' then roles ~ '^s?(ua)+$' and pg_catalog.jsonb_array_length(document -> 'messages') = entries
    when 'conversations' then roles ~ '^s?(ua)+$' and pg_catalog.jsonb_array_length(document -> 'conversations') = entries
    when 'turns' then roles ~ '^s?(ua)+$' and pg_catalog.jsonb_array_length(document -> 'turns') = entries
      and lora._id(document -> 'conversation_id') is not null
    when 'sharegpt' then roles ~ '^s?(ua)+$'
      and pg_catalog.jsonb_array_length(document -> 'conversations') = entries - coalesce(lora._optional_text(document, 'system') is not null, false)::integer
    when 'alpaca' then not document ? 'history' or document -> 'history' = 'null'
    when 'completion' then true
    when 'pairs' then
      (prefix is not null or lora._id(document -> 'conversation_id') is not null)
      and case coalesce(pg_catalog.jsonb_typeof(document -> 'conversation_history'), 'null')
        when 'null' then true
        when 'array' then pg_catalog.jsonb_array_length(document -> 'conversation_history') = pg_catalog.length(context) - 1
      end
      and context !~ 'ss|uu|aa|tt'
      -- Not the repeated input, and as many messages as the number says.
      and not (pg_catalog."right"(context, 1) = 'u' and last_context = document ->> 'current_user_input')
      and case coalesce(pg_catalog.jsonb_typeof(document -> 'turn_number'), 'null')
        when 'null' then true
        when 'number' then (document -> 'turn_number')::numeric between 1 and 1e9
          and case when coalesce(document -> 'conversation_history', 'null') = 'null'
            then (document -> 'turn_number')::numeric = pg_catalog.trunc((document -> 'turn_number')::numeric)
            else (document -> 'turn_number')::numeric in (pg_catalog.length(context), pg_catalog.length(context) + 1) end
      end
      and not exists (select from lora._judgement_findings('{}', document, null))
      and not document @? '$.training_metadata.quality_criteria.* ? (@ < 1 || @ > 5)'
  end, false);
end
$$;
grant execute on function lora._is_regular(jsonb, text, text, text, integer, text, text) to public;

-- The bucket of a number in the histogram of lengths, and where it begins.
create or replace function lora._bucket(value bigint)
returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  octave integer := 12;
begin
  if value < 4096 then
    return value;
  end if;
  while value >> octave > 1 loop
    octave := octave + 1;
  end loop;
  return 4096 + (octave - 12) * 16 + (value >> (octave - 4) & 15);
end
$$;
grant execute on function lora._bucket(bigint) to public;

-- Reads examples: their texts, what they are as jsonb, their shapes (NULL: no example), whether their texts are plain; for pairs of a document what stands
-- before their paths, and the ids of their conversations; their lines. The faulty ones have an error already. Answers what was found, by place; what
-- was counted of those without an error; of each
-- of these nine numbers: its place, hashes of prompt, reply, id, conversation and its metadata, its turn, messages, whether it is held back; and the
-- messages that may be in the sample.
create or replace function lora._read_examples(
  contents text[], documents jsonb[], kinds text[], plain boolean[], faulty integer[], prefixes text[], conversations text[], lines bigint[],
  profile text, window_tokens numeric,
  out findings jsonb, out tally jsonb, out examples bigint[], out sample jsonb
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set work_mem = '64MB'
as $$
declare
  errors constant text[] := array(select rule.code from lora.dataset_rules() as rule where rule.severities ->> profile = 'error');
begin
  with part as materialized (
    select parts.*, pg_catalog.row_number() over (order by parts.place, parts.ord) as number from lora._parts(documents, kinds, plain) as parts
  ),
  read as materialized (
    select value.place::integer as place, value.content, value.document, value.kind, value.prefix, value.conversation,
      coalesce(of_parts.is_clean, false) as is_clean, of_parts.roles, coalesce(of_parts.context, '') as context, of_parts.entries,
      of_parts.last_reply, of_parts.last_context, of_parts.last_context_text
    from unnest(contents, documents, kinds, prefixes, conversations) with ordinality
      as value (content, document, kind, prefix, conversation, place)
    left join (
      select part.place, pg_catalog.bool_and(part.is_clean) as is_clean, pg_catalog.count(*) filter (where not part.is_context)::integer as entries,
        pg_catalog.string_agg(coalesce(part.role, '?'), '' order by part.ord) filter (where not part.is_context) as roles,
        pg_catalog.string_agg(coalesce(part.role, '?'), '' order by part.ord) filter (where part.is_context) as context,
        pg_catalog.max(part.ord) filter (where part.role = 'a' and not part.is_context) as last_reply,
        pg_catalog.max(part.ord) filter (where part.is_context) as last_context,
        (pg_catalog.array_agg(part.content order by part.ord desc) filter (where part.is_context))[1] as last_context_text
      from part group by part.place
    ) as of_parts on of_parts.place = value.place
    where value.kind is not null
  ),
  found as materialized (
    select read.place, finding.code, finding.steps, finding.error, finding.suggestion, finding.number
    from read
    cross join lateral lora._example_findings(read.content, read.document, read.kind, read.prefix)
      with ordinality as finding (code, steps, error, suggestion, number)
    where not (read.is_clean and case
      -- The most frequent cases, without a call.
      when read.kind = 'completion' and read.document - array['prompt', 'completion', 'id', 'system', 'metadata'] = '{}' then true
      when read.kind = 'alpaca' and read.document - array['instruction', 'input', 'output', 'system', 'id', 'text', 'metadata'] = '{}' then true
      when read.kind = 'messages' and read.roles ~ '^s?(ua)+$' and read.document - array['messages', 'id', 'metadata'] = '{}' then
        pg_catalog.jsonb_array_length(read.document -> 'messages') = read.entries
      else lora._is_regular(read.document, read.kind, read.roles, read.context, read.entries, read.last_context_text, read.prefix)
    end)
  ),
  sound as materialized (
    select read.* from read
    where read.place not in (select found.place from found where found.code = any (errors)) and read.place <> all (faulty)
      and not (read.kind = 'pairs' and read.document -> 'target_response' = 'null')
  ),
  message as materialized (
    -- A repeated input is counted once: the second copy is the fault that is reported.
    select part.*, sound.last_reply,
      not part.is_context and part.ord = sound.last_reply as is_last_reply
    from part
    join sound on sound.place = part.place
    where not (sound.kind = 'pairs' and part.is_context and part.ord = sound.last_context and part.role = 'u'
      and part.content = sound.document ->> 'current_user_input')
  ),
  counted as materialized (
    select message.*, tokens.units, tokens.ascii, tokens.th, tokens.latin, tokens.cyrillic, tokens.arabic, tokens.cjk, tokens.other
    from (select message.*, pg_catalog.row_number() over (order by message.number) as at from message) as message
    join lora._tokens_of((select pg_catalog.array_agg(message.content order by message.number) from message)) as tokens on tokens.place = message.at
  ),
  measured as materialized (
    select counted.place,
      -- A reply without weight is no pair.
      pg_catalog.string_agg(case when counted.is_weightless and counted.role = 'a' then 'w' else counted.role end, ''
        order by counted.ord) filter (where not counted.is_context)
        as roles,
      pg_catalog.count(*) filter (where not counted.is_context and not counted.continues and counted.role in ('u', 'a')) as messages,
      pg_catalog.sum(counted.units)::bigint as units,
      pg_catalog.sum(counted.units) filter (where counted.is_context or counted.ord < counted.last_reply) as before_reply,
      pg_catalog.sum(counted.units) filter (where not counted.is_context and counted.role = 's') as system,
      pg_catalog.sum(counted.units) filter (where not counted.is_context and counted.role = 'u') as "user",
      pg_catalog.sum(counted.units) filter (where not counted.is_context and counted.role = 'a') as assistant,
      pg_catalog.sum(counted.units) filter (where not counted.is_context and counted.role = 't') as tool,
      pg_catalog.sum(counted.ascii) as ascii, pg_catalog.sum(counted.th) as th, pg_catalog.sum(counted.latin) as latin,
      pg_catalog.sum(counted.cyrillic) as cyrillic, pg_catalog.sum(counted.arabic) as arabic, pg_catalog.sum(counted.cjk) as cjk,
      pg_catalog.sum(counted.other) as other,
      pg_catalog.hashtextextended(
        coalesce(pg_catalog.string_agg(pg_catalog.concat(counted.role, counted.calls, ':', pg_catalog.length(counted.content), ':', counted.content),
          '' order by counted.is_context desc, counted.ord) filter (where not counted.is_last_reply), ''), 0) as prompt,
      pg_catalog.hashtextextended(
        coalesce(pg_catalog.max(pg_catalog.concat(counted.calls, ':', counted.content)) filter (where counted.is_last_reply), ''), 1) as reply
    from counted group by counted.place
  ),
  beyond as (
    select measured.place, (measured.units + 512) / 1024 as tokens, (coalesce(measured.before_reply, 0)::bigint + 512) / 1024 as before
    from measured where (measured.units + 512) / 1024 > window_tokens
  ),
  lost as materialized (
    select beyond.place, 'window_overflow' as code,
      pg_catalog.format('the example has about %s tokens, the window %s: %s are lost', beyond.tokens, window_tokens, beyond.tokens - window_tokens) as error
    from beyond
    union all
    select beyond.place, 'reply_truncated',
      pg_catalog.format('about %s tokens stand before the last reply, the window has %s', beyond.before, window_tokens)
    from beyond join sound on sound.place = beyond.place
    where beyond.before >= window_tokens and sound.last_reply is not null
  ),
  example as materialized (
    select measured.*, sound.kind,
      coalesce(sound.document -> 'split' = '"validation"', false) as is_validation,
      (pg_catalog.length(measured.roles) - pg_catalog.length(pg_catalog.replace(measured.roles, 'ua', ''))) / 2 as pairs,
      (measured.units + 512) / 1024 as tokens,
      case when sound.prefix is null and sound.document ? 'id' then lora._id(sound.document -> 'id') end as id,
      case
        when sound.prefix is not null then sound.conversation
        when sound.kind in ('alpaca', 'completion') then null
        when sound.document ? 'conversation_id' then lora._id(sound.document -> 'conversation_id')
      end as conversation,
      case
        when sound.kind = 'pairs' and pg_catalog.jsonb_typeof(sound.document -> 'conversation_metadata') = 'object'
          and sound.document -> 'conversation_metadata' ?| lora._scaffolding() then
          -- Never that of another shape, whose metadata are all that is there.
          ~ lora._value_hash(
            (select pg_catalog.jsonb_object_agg(key, sound.document -> 'conversation_metadata' -> key)
             from unnest(lora._scaffolding()) as key where sound.document -> 'conversation_metadata' ? key))
        when sound.kind in ('turns', 'messages', 'conversations') and sound.document ? 'conversation_metadata' then
          lora._value_hash(sound.document -> 'conversation_metadata')
      end as metadata,
      case when sound.kind = 'pairs' and pg_catalog.jsonb_typeof(sound.document -> 'turn_number') = 'number' then
        (sound.document -> 'turn_number')::bigint end as turn
    from measured
    join sound on sound.place = measured.place
    where not ('reply_truncated' = any (errors) and measured.place in (select lost.place from lost where lost.code = 'reply_truncated'))
  ),
  conversation as (
    -- The conversations that begin before the fourth one does.
    select shown.place, shown.conversation
    from (
      select begun.place, begun.conversation, pg_catalog.dense_rank() over (order by begun.first) as rank
      from (
        select example.place, example.conversation,
          pg_catalog.min(example.place) over (partition by coalesce('.' || example.conversation, lines[example.place]::text)) as first
        from example
        where coalesce(pg_catalog.octet_length(example.conversation) <= 200 and pg_catalog.strpos(example.conversation, U&'\ffff') = 0, true)
          and exists (
            select from message
            where message.place = example.place and not message.is_context and message.role in ('u', 'a') and message.content is not null)
      ) as begun
    ) as shown
    where shown.rank <= 4
  )
  select
    (
      select pg_catalog.jsonb_object_agg(of_code.code, of_code.findings)
      from (
        select each.code,
          pg_catalog.jsonb_build_object('count', pg_catalog.count(*), 'kept',
            coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(each.place, each.steps, each.error, each.suggestion) order by each.place, each.number)
              filter (where each.rank <= 10), '[]')) as findings
        from (
          select every.*, pg_catalog.row_number() over (partition by every.code order by every.place, every.number) as rank
          from (
            select found.code, found.place, found.number, found.steps, found.error, found.suggestion from found
            union all
            select lost.code, lost.place, 1000000000, '{}', lost.error, null from lost
          ) as every
        ) as each
        group by each.code
      ) as of_code
    ),
    (
      select pg_catalog.jsonb_build_object(
        'training_examples', pg_catalog.count(*) filter (where not example.is_validation),
        'training_pairs', coalesce(pg_catalog.sum(example.pairs) filter (where not example.is_validation), 0),
        'validation_pairs', coalesce(pg_catalog.sum(example.pairs) filter (where example.is_validation), 0),
        'messages', coalesce(pg_catalog.sum(example.messages), 0),
        'system', coalesce(pg_catalog.sum(example.system), 0), 'user', coalesce(pg_catalog.sum(example."user"), 0),
        'assistant', coalesce(pg_catalog.sum(example.assistant), 0), 'tool', coalesce(pg_catalog.sum(example.tool), 0),
        'units', coalesce(pg_catalog.sum(example.units), 0), 'ascii', coalesce(pg_catalog.sum(example.ascii), 0),
        'th', coalesce(pg_catalog.sum(example.th), 0), 'latin', coalesce(pg_catalog.sum(example.latin), 0),
        'cyrillic', coalesce(pg_catalog.sum(example.cyrillic), 0), 'arabic', coalesce(pg_catalog.sum(example.arabic), 0),
        'cjk', coalesce(pg_catalog.sum(example.cjk), 0), 'other', coalesce(pg_catalog.sum(example.other), 0),
        'over_window', pg_catalog.count(*) filter (where example.tokens > window_tokens),
        'shortest', pg_catalog.min(example.tokens), 'longest', pg_catalog.max(example.tokens),
        'lengths', (
          select coalesce(pg_catalog.jsonb_object_agg(bucket.bucket, bucket.count), '{}')
          from (
            select case when other.tokens < 4096 then other.tokens else lora._bucket(other.tokens) end as bucket, pg_catalog.count(*) as count
            from example as other group by 1
          ) as bucket
        ))
      from example
    ),
    (
      select coalesce(pg_catalog.array_agg(array[
        example.place, example.prompt, example.reply, coalesce(pg_catalog.hashtextextended(example.id, 0), 0),
        coalesce(pg_catalog.hashtextextended(example.conversation, 0), 0), coalesce(example.metadata, 0), coalesce(example.turn, 0), example.messages,
        example.is_validation::integer] order by example.place), '{}')
      from example
    ),
    (
      select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(line.place, line.conversation, line.role, lora._cut(line.content, 2000)) order by line.number)
      from (
        select message.place, conversation.conversation, message.role, message.content, message.number,
          pg_catalog.row_number() over (partition by coalesce('.' || conversation.conversation, lines[message.place]::text) order by message.number) as rank
        from conversation
        join message on message.place = conversation.place
        where not message.is_context and message.role in ('u', 'a') and message.content is not null
      ) as line
      where line.rank <= 20
    )
  into findings, tally, examples, sample;
  findings := coalesce(findings, '{}');
  sample := coalesce(sample, '[]');
end
$$;
grant execute on function lora._read_examples(text[], jsonb[], text[], boolean[], integer[], text[], text[], bigint[], text, numeric) to public;
