-- dataset_pairs: what is wrong with one training pair, a line of the shape "pairs" or an element of "training_pairs" in a document, with its
-- history and the format's own judgements. core/src/dataset/shapes/pairs.rs says what and why.

-- Keys in which all pairs of a conversation have to agree.
create or replace function lora._scaffolding()
returns text[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return array['persona_archetype', 'emotional_arc', 'emotional_arc_key', 'training_topic', 'training_topic_key'];
end
$$;
grant execute on function lora._scaffolding() to public;

create or replace function lora._pair_findings(content text, document jsonb, prefix text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  raw constant json := lora._readable(content);
  key text;
  is_readable boolean := true;
  turn constant jsonb := nullif(document -> 'turn_number', 'null');
  turn_number constant numeric := case when pg_catalog.jsonb_typeof(turn) = 'number' then turn::numeric end;
  history constant jsonb := nullif(document -> 'conversation_history', 'null');
  at text[];
  entry jsonb;
  raw_entry json;
  place integer := -1;
  -- Messages of the history that can be read: their roles, and the text of the last one.
  roles text := '';
  last_text text;
begin
  if prefix is null then
    if lora._id(document -> 'conversation_id') is null then
      return query select * from lora._text_findings(document -> 'conversation_id', prefix, array['.conversation_id']);
    end if;
    if document -> 'target_response' = 'null' then
      return query select 'null_target', array['.target_response'], '"target_response" is null: the line is no pair', null::text;
    end if;
  end if;
  return query select * from lora._unknown_keys(raw, document, lora._keys_of('pairs'), '{}');
  foreach key in array array['system_prompt', 'current_user_input', 'target_response'] loop
    is_readable := is_readable and pg_catalog.jsonb_typeof(document -> key) is not distinct from 'string' and not lora._is_blank(document ->> key);
    continue when key = 'target_response' and document -> key = 'null';
    return query select * from lora._text_findings(document -> key, prefix, array['.' || key]);
  end loop;
  if turn is not null and not coalesce(turn_number = pg_catalog.trunc(turn_number) and turn_number between 1 and 1e9, false) then
    return query select 'wrong_type', array['.turn_number'], pg_catalog.format('"%s" is %s, a whole number of 1 or more is expected',
      lora._shown_path(prefix, array['.turn_number']), lora._described(turn)), null::text;
  end if;

  at := array['.conversation_history'];
  if history is not null and pg_catalog.jsonb_typeof(history) <> 'array' then
    return query select 'wrong_type', at,
      pg_catalog.format('"%s" is %s, an array is expected', lora._shown_path(prefix, at), lora._described(history)), null::text;
  elsif history is not null then
    for entry, raw_entry in
      select element.value, element.raw
      from rows from (pg_catalog.jsonb_array_elements(history), pg_catalog.json_array_elements(lora._member(raw, 'conversation_history')))
        as element (value, raw)
    loop
      place := place + 1;
      if pg_catalog.jsonb_typeof(entry) <> 'object' then
        return query select 'wrong_type', at || ('[' || place), pg_catalog.format('"%s" is %s, an object is expected',
          lora._shown_path(prefix, at || ('[' || place)), lora._described(entry)), null::text;
        continue;
      end if;
      return query select * from lora._unknown_keys(
        raw_entry, entry, array['turn', 'role', 'content', 'emotional_state', 'metadata'], at || ('[' || place));
      return query select * from lora._role_findings(entry -> 'role', prefix, at || array['[' || place, '.role'], false);
      return query select * from lora._text_findings(entry -> 'content', prefix, at || array['[' || place, '.content']);
      if pg_catalog.jsonb_typeof(entry -> 'role') = 'string' and lora._role_of(entry ->> 'role') is not null
        and pg_catalog.jsonb_typeof(entry -> 'content') = 'string' and not lora._is_blank(entry ->> 'content') then
        roles := roles || lora._role_of(entry ->> 'role');
        last_text := entry ->> 'content';
      end if;
    end loop;
    -- Version 4 numbers messages, version 3.4 exchanges.
    if turn_number > 0 and turn_number <> all (array[place + 2, place + 3, (place + 1) / 2 + 1]) then
      return query select 'history_length_mismatch', at, pg_catalog.format('"turn_number" is %s, the history has %s messages',
        lora._shown_number(turn_number), place + 1), null::text;
    end if;
  end if;
  return query select * from lora._split_findings(document -> 'split');
  return query select * from lora._judgement_findings(raw, document, prefix);
  if is_readable then
    if pg_catalog."right"(roles, 1) = 'u' and last_text = document ->> 'current_user_input' then
      return query select 'input_repeated_in_history', at, '"conversation_history" already ends with "current_user_input"', null::text;
      roles := pg_catalog."left"(roles, -1);
    end if;
    place := pg_catalog.regexp_instr(roles, 'ss|uu|aa|tt');
    if place > 0 then
      return query select 'roles_not_alternating', at || ('[' || place),
        pg_catalog.format('two messages of "%s" in a row', lora._role_name(pg_catalog.substr(roles, place, 1))), null::text;
    end if;
  end if;
end
$$;
grant execute on function lora._pair_findings(text, jsonb, text) to public;

-- What the format says about itself: scaffolding, emotions and marks. None of it is trained on.
create or replace function lora._judgement_findings(raw json, document jsonb, prefix text)
returns table (code text, steps text[], error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  metadata constant jsonb := nullif(document -> 'conversation_metadata', 'null');
  context constant jsonb := nullif(document -> 'emotional_context', 'null');
  emotions constant jsonb := case when pg_catalog.jsonb_typeof(context) = 'object' then context -> 'detected_emotions' end;
  training constant jsonb := case when pg_catalog.jsonb_typeof(document -> 'training_metadata') = 'object' then document -> 'training_metadata' end;
  score constant numeric := case when pg_catalog.jsonb_typeof(training -> 'quality_score') = 'number' then (training -> 'quality_score')::numeric end;
  missing text;
  at text[];
begin
  if metadata is not null then
    missing := (
      select key from unnest(lora._scaffolding()) with ordinality as known (key, place)
      where pg_catalog.jsonb_typeof(metadata) <> 'object' or not metadata ? key
      order by place limit 1
    );
    at := array['.conversation_metadata'];
    if missing is not null then
      return query select 'missing_scaffolding', at, pg_catalog.format('"%s" has no "%s"', lora._shown_path(prefix, at), missing), null::text;
    end if;
  end if;
  if context is not null then
    missing := (
      select key from unnest(array['primary', 'primary_confidence']) with ordinality as known (key, place)
      where case when pg_catalog.jsonb_typeof(emotions) = 'object' then coalesce(emotions -> key, 'null') = 'null' else true end
      order by place limit 1
    );
    at := array['.emotional_context', '.detected_emotions'];
    if missing is not null then
      return query select 'missing_emotion', at, pg_catalog.format('"%s" has no "%s"', lora._shown_path(prefix, at), missing), null::text;
    end if;
  end if;
  at := array['.training_metadata', '.quality_score'];
  if score not between 1 and 5 then
    return query select 'criterion_out_of_range', at,
      pg_catalog.format('"%s" is %s', lora._shown_path(prefix, at), lora._shown_number(score)), null::text;
  elsif score < 2.5 then
    return query select 'low_quality_score', at, pg_catalog.format('"%s" is %s', lora._shown_path(prefix, at), lora._shown_number(score)), null::text;
  end if;
  if pg_catalog.jsonb_typeof(training -> 'quality_criteria') = 'object' then
    return query select 'criterion_out_of_range', mark.at, pg_catalog.format('"%s" is %s', lora._shown_path(prefix, mark.at),
      lora._shown_number(mark.value)), null::text
    from (
      select array['.training_metadata', '.quality_criteria', '.' || member.key] as at, member.place,
        case when pg_catalog.json_typeof(member.value) = 'number' then lora._read_number(member.value #>> '{}') end as value
      from pg_catalog.json_each(lora._member(lora._member(raw, 'training_metadata'), 'quality_criteria')) with ordinality as member (key, value, place)
    ) as mark
    where mark.value not between 1 and 5
    order by mark.place;
  end if;
end
$$;
grant execute on function lora._judgement_findings(json, jsonb, text) to public;
