-- dataset_document: one JSON document in place of lines, the shapes "full" and "individual": a block like that of lines. core/src/dataset/document.rs
-- says what and why. A part of the document is its text, the byte at which it begins, and what stands before its paths.

-- A JSON text without the escapes that Postgres refuses to read: each is another character, as long as it was.
create or replace function lora._readable_json(part text)
returns json
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  shown constant text := lora._readable(part);
begin
  if pg_catalog.json_typeof(shown::json) = 'object' then
    perform from pg_catalog.json_each(shown::json);
  else
    perform from pg_catalog.json_array_elements(shown::json);
  end if;
  return shown;
exception when invalid_text_representation or untranslatable_character then
  -- A backslash that is escaped itself begins none.
  return pg_catalog.regexp_replace(shown, '(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\1\\uffff', 'g');
end
$$;
grant execute on function lora._readable_json(text) to public;

-- The members of an object, or the elements of an array, with the byte of the whole text at which each begins, and whether its key holds NUL; at most so
-- many. NULL keys: elements.
create or replace function lora._members_of(part text, at bigint, most bigint)
returns table (key text, content text, byte bigint, place bigint, has_nul boolean)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  bytes constant bytea := pg_catalog.convert_to(part, 'UTF8');
  document constant json := lora._readable_json(part);
  is_object constant boolean := pg_catalog.json_typeof(part::json) = 'object';
  -- Where the text was read to.
  read integer;
  between text;
  width integer;
begin
  read := pg_catalog.octet_length(part) - pg_catalog.octet_length(pg_catalog.ltrim(part, E' \t\r\n')) + 1;
  for key, content, place in
    select member.key, member.value::text, member.place
    from pg_catalog.json_each(case when is_object then document else '{}' end) with ordinality
      as member (key, value, place)
    union all
    select null, element.value::text, element.place
    from pg_catalog.json_array_elements(case when is_object then '[]' else document end) with ordinality
      as element (value, place)
    order by 3
  loop
    exit when place > most;
    width := 256;
    loop
      between := pg_catalog.convert_from(pg_catalog.substr(bytes, read + 1, width), 'LATIN1');
      between := pg_catalog.substring(between,
        case when is_object then '^[, \t\r\n]*"(?:[^"\\]|\\.)*"[ \t\r\n]*:[ \t\r\n]*(?=[^ \t\r\n])' else '^[, \t\r\n]*(?=[^, \t\r\n])' end);
      exit when between is not null or read + width > pg_catalog.length(bytes);
      width := width * 16;
    end loop;
    read := read + pg_catalog.length(between);
    byte := at + read;
    -- As it is written; a key has no halves of characters. Behind an odd number of backslashes it is a backslash and some letters.
    has_nul := false;
    if pg_catalog.strpos(key, U&'\ffff') > 0 then
      has_nul := between ~ '^[^"]*"(?:[^"\\]|\\(?!u0000).)*\\u0000';
      key := lora._readable(pg_catalog.convert_from(pg_catalog.convert_to(
        pg_catalog.substring(between, '"(?:[^"\\]|\\.)*"'), 'LATIN1'), 'UTF8'))::json #>> '{}';
    end if;
    if pg_catalog.strpos(content, '\uff') > 0 then
      content := pg_catalog.convert_from(pg_catalog.substr(bytes, read + 1, pg_catalog.octet_length(content)), 'UTF8');
    end if;
    read := read + pg_catalog.octet_length(content);
    return next;
  end loop;
end
$$;
grant execute on function lora._members_of(text, bigint, bigint) to public;

-- Whether a value is an object whose keys can be read: halves of characters cannot.
create or replace function lora._has_members(part text)
returns boolean
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.json_typeof(part::json) <> 'object' then
    return false;
  end if;
  return (lora._json_values(array[part]))[1] is not null or not exists (select from lora._json_faults(part, true));
end
$$;
grant execute on function lora._has_members(text) to public;

-- What is wrong with the keys of an object of the document, and with the JSON of its members but the lists, which are read element by element. Each row
-- has the part that it is about: its text, byte and path.
create or replace function lora._member_findings(part text, at bigint, path text, members jsonb, lists text[])
returns table (code text, steps text[], error text, byte bigint, content text, part_byte bigint, prefix text)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  known constant text[] :=
    array['training_file_metadata', 'dataset_metadata', 'consultant_profile', 'conversations', 'conversation_metadata', 'training_pairs'];
  twice constant text := (
    select member.value ->> 0
    from (
      select each.value, each.place, pg_catalog.row_number() over (partition by each.value ->> 0 order by each.place) as number
      from pg_catalog.jsonb_array_elements(members) with ordinality as each (value, place)
    ) as member where member.number > 1 order by member.place limit 1);
  unknown constant text := (
    select each.value ->> 0 from pg_catalog.jsonb_array_elements(members) with ordinality as each (value, place)
    where each.value ->> 0 <> all (known) order by each.place limit 1);
  member jsonb;
begin
  if twice is not null then
    return query select 'duplicate_key', '{}'::text[], pg_catalog.format('key %s stands twice in one object', lora._quoted(twice)), null::bigint,
      part, at, path;
  end if;
  if members @? '$[*][3] ? (@ == true)' then
    return query select 'nul_character', '{}'::text[], 'a key holds \u0000', null::bigint, part, at, path;
  end if;
  if unknown is not null then
    return query select 'unknown_key', array['.' || unknown], lora._quoted(unknown) || ' is no key of this shape', null::bigint, part, at, path;
  end if;
  for member in select each.value from pg_catalog.jsonb_array_elements(members) with ordinality as each (value, place) order by each.place loop
    continue when member ->> 0 = any (lists);
    return query
    select finding.code, finding.steps, finding.error, finding.byte, member ->> 1, (member ->> 2)::bigint, place.path
    from (select case when path = '' then '' else path || '.' end || lora._cut(member ->> 0, 60) as path) as place
    cross join lateral lora._value_findings(member ->> 1, place.path) as finding;
  end loop;
end
$$;
grant execute on function lora._member_findings(text, bigint, text, jsonb, text[]) to public;

-- What is wrong with the JSON of a value of the document.
create or replace function lora._value_findings(content text, path text)
returns table (code text, steps text[], error text, byte bigint)
language plpgsql immutable strict parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  faults jsonb;
begin
  if pg_catalog.octet_length(content) > 16777216 then
    return query select 'line_too_long', null::text[],
      pg_catalog.format('the value has %s bytes, 16777216 at most are read', pg_catalog.octet_length(content)), 0::bigint;
    return;
  end if;
  faults := (lora._read_json(array[content])).faults;
  return query
  select fault.code, case when fault.code in ('nesting_too_deep', 'too_many_values') then '{}'::text[] end, lora._json_error(fault.code, fault.detail,
    fault.byte, case path when '' then 'line' else 'value' end),
    case when fault.code not in ('nesting_too_deep', 'too_many_values') then fault.byte end
  from pg_catalog.jsonb_to_recordset(faults) as fault (code text, detail text, byte bigint);
end
$$;
grant execute on function lora._value_findings(text, text) to public;

-- The id that a member of an object is.
create or replace function lora._member_id(content text, key text)
returns text
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
  document constant jsonb := case when pg_catalog.octet_length(content) <= 16777216 then ((lora._read_json(array[content])).documents)[1] end;
begin
  return case when pg_catalog.jsonb_typeof(document) = 'object' then lora._id(document -> key) end;
end
$$;
grant execute on function lora._member_id(text, text) to public;

-- Reads a document. The byte order mark was before its text. NULL: it is an object, and no document of ours.
create or replace function lora._read_document(
  content text, is_marked boolean, file_lines bigint, profile text, window_tokens numeric, out block jsonb, out examples bigint[]
)
language plpgsql immutable parallel unsafe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  before constant bigint := case when is_marked then 3 else 0 end;
  shape text;
  members jsonb;
  has_pairs boolean;
  has_conversations boolean;
  conversations bigint := 0;
  turns bigint[] := '{}';
  one record;
  pair record;
  inner_members jsonb;
  id text;
  count bigint;
  metadata text;
  name text;
  -- The texts at fault and the pairs, each with its byte, path and conversation; findings of texts.
  texts text[] := '{}';
  bytes bigint[] := '{}';
  prefixes text[] := '{}';
  findings jsonb := '[]';
  pairs text[];
  pair_bytes bigint[] := '{}';
  pair_prefixes text[] := '{}';
  pair_conversations text[] := '{}';
  declared jsonb := '{}';
  found jsonb;
  pair_lines bigint[];
  text_lines bigint[];
  read record;
  documents jsonb[];
  plain boolean[];
  faults jsonb;
  kinds text[];
  -- The order in which the findings of parts are raised: those of the document first, then conversation by conversation.
  orders bigint[] := '{}';
begin
  block := pg_catalog.jsonb_build_object('lines', file_lines, 'filled', file_lines, 'documents', 0, 'opening', 0, 'shapes', '{}'::jsonb,
    'tally', null, 'sample', '[]'::jsonb, 'findings', case when is_marked then
      lora._finding('byte_order_mark', 1, 0, null, 'the file begins with a byte order mark') else '{}' end);
  examples := '{}';

  select fault.code, fault.detail, fault.byte into one from lora._json_faults(content, true) as fault
  where (lora._json_values(array[content]))[1] is null;
  if one.code is not null then
    -- The line end that closes the last line begins no other one.
    one.byte := least(one.byte, pg_catalog.octet_length(content) - pg_catalog.octet_length(
      pg_catalog.substring(content, '[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$')));
    -- Not within a character.
    while one.byte > 0 and one.byte < pg_catalog.octet_length(content)
      and pg_catalog.get_byte(pg_catalog.convert_to(content, 'UTF8'), one.byte::integer) & 192 = 128 loop
      one.byte := one.byte - 1;
    end loop;
    block := pg_catalog.jsonb_set(block, '{findings}', lora._merged_findings(array[block -> 'findings', lora._placed_findings(
      pg_catalog.jsonb_build_object(one.code, pg_catalog.jsonb_build_object('count', 1, 'kept', pg_catalog.jsonb_build_array(
        pg_catalog.jsonb_build_array(1, null, lora._json_error(one.code, one.detail, one.byte, 'line'), null, one.byte, false)))),
      array[content], array[1], array[before], array[null::text])]));
    return;
  end if;
  if pg_catalog.json_typeof(content::json) <> 'object' then
    block := null;
    return;
  end if;
  members := (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(member.key, member.content, member.byte, member.has_nul) order by member.place), '[]')
    from lora._members_of(content, 0, 1000) as member);
  if not exists (
    select from pg_catalog.jsonb_array_elements(members) as member
    where case when member ->> 0 = 'conversations' then pg_catalog.strpos(member ->> 1, '"training_pairs"') > 0
      else member ->> 0 in ('training_file_metadata', 'dataset_metadata', 'consultant_profile', 'conversation_metadata', 'training_pairs') end
  ) then
    block := null;
    return;
  end if;

  findings := findings || coalesce((
    select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(finding)) from lora._member_findings(content, 0, '', members, array['conversations',
      'training_pairs']) as finding), '[]');
  has_pairs := members @? '$[*][0] ? (@ == "training_pairs")';
  has_conversations := members @? '$[*][0] ? (@ == "conversations")';
  if has_pairs and has_conversations then
    block := pg_catalog.jsonb_set(block, '{findings}', lora._merged_findings(array[block -> 'findings',
      lora._finding('mixed_shapes', 0, 0, null, 'the document has "training_pairs" and "conversations"')]));
  end if;
  if not has_pairs and not has_conversations then
    findings := findings || pg_catalog.jsonb_build_object('code', 'missing_field', 'steps', array['.conversations'],
      'error', '"conversations" is missing', 'content', content, 'part_byte', 0, 'prefix', '');
  else
    shape := case when has_pairs then 'individual' else 'full' end;
    -- What the metadata declare; of two names for the pairs the first that is there. What is wrong with their JSON was said above.
    name := case when has_pairs then 'dataset_metadata' else 'training_file_metadata' end;
    select member -> 1 as content, (member ->> 2)::bigint as byte into one
    from pg_catalog.jsonb_array_elements(members) with ordinality as each (member, place) where member ->> 0 = name order by place limit 1;
    metadata := one.content #>> '{}';
    if metadata is not null and pg_catalog.octet_length(metadata) <= 16777216 then
      select * into read from lora._read_json(array[metadata]);
      if read.documents[1] is null then
        null;
      elsif pg_catalog.jsonb_typeof(read.documents[1]) <> 'object' then
        findings := findings || pg_catalog.jsonb_build_object('code', 'wrong_type', 'steps', '{}'::text[],
          'error', pg_catalog.format('"%s" is %s, an object is expected', name, lora._described(read.documents[1])),
          'content', metadata, 'part_byte', one.byte, 'prefix', name);
      else
        declared := pg_catalog.jsonb_build_object('declared_conversations', lora._declared(read.documents[1], 'total_conversations'));
        foreach id in array array['total_conversations'] || case when has_pairs then array['total_turns', 'total_training_pairs']
          else array['total_training_pairs', 'total_pairs'] end loop
          exit when declared ? 'declared' and id <> 'total_conversations';
          findings := findings || coalesce((
            select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(finding) || pg_catalog.jsonb_build_object('content', metadata, 'part_byte', one.byte,
              'prefix', name))
            from lora._declared_findings(read.documents[1], id, name, '{}') as finding), '[]');
          if id <> 'total_conversations' and lora._declared(read.documents[1], id) is not null then
            declared := declared || pg_catalog.jsonb_build_object('declared', lora._declared(read.documents[1], id), 'declared_path', name || '.' || id);
          end if;
        end loop;
      end if;
    end if;
    id := null;
    if has_pairs then
      -- It is one conversation: what its metadata call it.
      id := coalesce(lora._member_id(metadata, 'conversation_id'), lora._member_id(metadata, 'dataset_name'), lora._member_id(metadata, 'file_name'));
    end if;
    select member ->> 1 as content, (member ->> 2)::bigint as byte into one
    from pg_catalog.jsonb_array_elements(members) with ordinality as each (member, place)
    where member ->> 0 = case when has_pairs then 'training_pairs' else 'conversations' end order by place limit 1;
    if pg_catalog.json_typeof(one.content::json) <> 'array' then
      findings := findings || pg_catalog.jsonb_build_object('code', 'wrong_type', 'steps', '{}'::text[],
        'error', pg_catalog.format('"%s" is no array', case when has_pairs then 'training_pairs' else 'conversations' end),
        'content', one.content, 'part_byte', one.byte, 'prefix', case when has_pairs then 'training_pairs' else 'conversations' end);
    elsif has_pairs then
      select pg_catalog.array_agg(element.content order by element.place), pg_catalog.array_agg(element.byte order by element.place),
        pg_catalog.array_agg(pg_catalog.format('training_pairs[%s]', element.place - 1) order by element.place),
        pg_catalog.array_agg(id order by element.place)
      into pairs, pair_bytes, pair_prefixes, pair_conversations
      from lora._members_of(one.content, one.byte, 9223372036854775807) as element;
      if pairs is not null then
        turns := array[pg_catalog.cardinality(pairs)];
        conversations := 1;
      end if;
    else
      orders := pg_catalog.array_fill(-1::bigint, array[pg_catalog.jsonb_array_length(findings)]);
      for one in select * from lora._members_of(one.content, one.byte, 9223372036854775807) as element order by element.place loop
        conversations := conversations + 1;
        name := pg_catalog.format('conversations[%s]', one.place - 1);
        count := 0;
        if not lora._has_members(one.content) then
          findings := findings || pg_catalog.jsonb_build_object('code', 'wrong_type', 'steps', '{}'::text[],
            'error', pg_catalog.format('"%s" is no object', name), 'content', one.content, 'part_byte', one.byte, 'prefix', name);
        else
          inner_members := (
            select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(member.key, member.content, member.byte, member.has_nul) order by member.place), '[]')
            from lora._members_of(one.content, one.byte, 1000) as member);
          findings := findings || coalesce((
            select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(finding))
            from lora._member_findings(one.content, one.byte, name, inner_members, array['training_pairs']) as finding), '[]');
          id := (
            select lora._member_id(member ->> 1, 'conversation_id')
            from pg_catalog.jsonb_array_elements(inner_members) with ordinality as each (member, place)
            where member ->> 0 = 'conversation_metadata' order by place limit 1);
          if id is null then
            findings := findings || pg_catalog.jsonb_build_object('code', 'missing_field', 'steps', array['.conversation_metadata', '.conversation_id'],
              'error', pg_catalog.format('"%s.conversation_metadata.conversation_id" is missing', name), 'content', one.content, 'part_byte', one.byte,
              'prefix', name);
          end if;
          select member ->> 1 as content, (member ->> 2)::bigint as byte into read
          from pg_catalog.jsonb_array_elements(inner_members) with ordinality as each (member, place)
          where member ->> 0 = 'training_pairs' order by place limit 1;
          if read.content is null then
            findings := findings || pg_catalog.jsonb_build_object('code', 'missing_field', 'steps', array['.training_pairs'],
              'error', pg_catalog.format('"%s.training_pairs" is missing', name), 'content', one.content, 'part_byte', one.byte, 'prefix', name);
          elsif pg_catalog.json_typeof(read.content::json) <> 'array' then
            findings := findings || pg_catalog.jsonb_build_object('code', 'wrong_type', 'steps', '{}'::text[],
              'error', pg_catalog.format('"%s.training_pairs" is no array', name), 'content', read.content, 'part_byte', read.byte,
              'prefix', name || '.training_pairs');
          else
            -- One by one, as an array grows in place.
            for pair in select * from lora._members_of(read.content, read.byte, 9223372036854775807) as member order by member.place loop
              count := count + 1;
              pairs := pairs || pair.content;
              pair_bytes := pair_bytes || pair.byte;
              pair_prefixes := pair_prefixes || pg_catalog.format('%s.training_pairs[%s]', name, pair.place - 1);
              pair_conversations := pair_conversations || id;
            end loop;
          end if;
        end if;
        turns := turns || count;
        orders := orders
          || pg_catalog.array_fill(one.byte, array[pg_catalog.jsonb_array_length(findings) - pg_catalog.cardinality(orders)]);
      end loop;
    end if;
  end if;

  -- The pairs, as lines would be.
  pairs := coalesce(pairs, '{}');
  select * into documents, plain, faults from lora._read_json(array(
    select case when pg_catalog.octet_length(each.content) <= 16777216 then each.content end
    from pg_catalog.unnest(pairs) with ordinality as each (content, place) order by place));
  faults := coalesce(faults, '[]');
  kinds := array(
    select case when pg_catalog.jsonb_typeof(document) = 'object' then 'pairs' end
    from pg_catalog.unnest(documents) with ordinality as each (document, place) order by place);
  pair_lines := lora._lines_at(content, pair_bytes);
  select * into read from lora._read_examples(pairs, documents, kinds, plain,
    array(select (fault ->> 'place')::integer from pg_catalog.jsonb_array_elements(faults) as fault), pair_prefixes, pair_conversations, pair_lines,
      profile, window_tokens);
  examples := read.examples;
  -- What is wrong with other parts, in the order of the document: of a code the first ones are kept.
  select pg_catalog.array_agg(each.value ->> 'content' order by each.place), pg_catalog.array_agg((each.value ->> 'part_byte')::bigint order by each.place),
    pg_catalog.array_agg(nullif(each.value ->> 'prefix', '') order by each.place)
  into texts, bytes, prefixes
  from (
    select value, place from pg_catalog.jsonb_array_elements(findings) with ordinality as of_parts (value, place)
    union all
    select pg_catalog.jsonb_build_object('content', each.content, 'part_byte', pair_bytes[place], 'prefix', pair_prefixes[place]),
      pg_catalog.jsonb_array_length(findings) + place
    from pg_catalog.unnest(pairs) with ordinality as each (content, place)
  ) as each;
  text_lines := lora._lines_at(content, bytes);
  count := pg_catalog.jsonb_array_length(findings);
  with every as (
    select each.value ->> 'code' as code, each.place, each.value -> 'steps' as steps, each.value -> 'error' as error, each.value -> 'byte' as byte,
      coalesce(orders[each.place], -1) as ord
    from pg_catalog.jsonb_array_elements(findings) with ordinality as each (value, place)
    union all
    select fault.code, count + fault.place, case when fault.code in ('nesting_too_deep', 'too_many_values') then '[]'::jsonb end,
      pg_catalog.to_jsonb(lora._json_error(fault.code, fault.detail, fault.byte, 'value')),
      case when fault.code not in ('nesting_too_deep', 'too_many_values') then pg_catalog.to_jsonb(fault.byte) end, pair_bytes[fault.place]
    from pg_catalog.jsonb_to_recordset(faults) as fault (place bigint, code text, detail text, byte bigint)
    union all
    select 'not_an_object', count + each.place, '[]',
      pg_catalog.to_jsonb(pg_catalog.format('the value is %s, an object is expected', lora._described(each.document))), null, pair_bytes[each.place]
    from pg_catalog.unnest(documents) with ordinality as each (document, place)
    where pg_catalog.jsonb_typeof(each.document) <> 'object'
    union all
    select 'line_too_long', count + each.place, null,
      pg_catalog.to_jsonb(pg_catalog.format('the value has %s bytes, 16777216 at most are read', pg_catalog.octet_length(each.content))), '0',
        pair_bytes[each.place]
    from pg_catalog.unnest(pairs) with ordinality as each (content, place)
    where pg_catalog.octet_length(each.content) > 16777216
  ),
  kept as (
    select every.code, every.ord, every.place as number,
      pg_catalog.jsonb_build_array(every.place, every.steps, every.error, null, every.byte, false) as finding
    from every
    union all
    select of_code.key, pair_bytes[(each.finding ->> 0)::integer], 1000000000 + each.number,
      pg_catalog.jsonb_build_array((each.finding ->> 0)::bigint + count, each.finding -> 1, each.finding -> 2, each.finding -> 3, null, false)
    from pg_catalog.jsonb_each(read.findings) as of_code
    cross join lateral pg_catalog.jsonb_array_elements(of_code.value -> 'kept') with ordinality as each (finding, number)
  )
  select lora._placed_findings(coalesce(pg_catalog.jsonb_object_agg(of_code.code, of_code.findings), '{}'), texts, text_lines, array(
      select byte + before from pg_catalog.unnest(bytes) with ordinality as each (byte, place) order by place), prefixes)
  into found
  from (
    select each.code, pg_catalog.jsonb_build_object(
      'count', (select pg_catalog.count(*) from every where every.code = each.code) + coalesce((read.findings -> each.code ->> 'count')::bigint, 0),
      'kept', pg_catalog.jsonb_agg(each.finding order by each.ord, each.number) filter (where each.rank <= lora._kept_of(each.code))) as findings
    from (select kept.*, pg_catalog.row_number() over (partition by kept.code order by kept.ord, kept.number) as rank from kept) as each
    group by each.code
  ) as of_code;
  block := block || declared || pg_catalog.jsonb_build_object(
    'findings', lora._merged_findings(array[block -> 'findings', found]), 'sample', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(pair_lines[(each.message ->> 0)::integer], each.message -> 1,
        each.message -> 2, each.message -> 3)
        order by each.place), '[]')
      from pg_catalog.jsonb_array_elements(read.sample) with ordinality as each (message, place)),
    'tally', read.tally || case when shape is not null then pg_catalog.jsonb_build_object('messages', (select coalesce(pg_catalog.sum(turn), 0)
      from pg_catalog.unnest(turns) as turn)) else '{}' end,
    'shape', shape,
    'document', case when shape is not null then pg_catalog.jsonb_build_object('conversations', conversations, 'turns', turns) end);
  if pg_catalog.cardinality(examples) > 0 then
    examples := (
      select pg_catalog.array_agg(array[pair_lines[examples[at][1]], pair_bytes[examples[at][1]] + before, examples[at][2], examples[at][3], examples[at][4],
        examples[at][5], examples[at][6], examples[at][7], examples[at][8], examples[at][9]] order by at)
      from pg_catalog.generate_subscripts(examples, 1) as at);
  end if;
end
$$;
grant execute on function lora._read_document(text, boolean, bigint, text, numeric) to public;

-- The lines on which bytes of a text are, from 1 on.
create or replace function lora._lines_at(content text, bytes bigint[])
returns bigint[]
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select counted.line
    from (
      select every.place, pg_catalog.count(*) filter (where every.place is null) over (order by every.byte, every.place nulls first) as line
      from (
        -- Where lines begin.
        select pg_catalog.sum(pg_catalog.octet_length(line.content) + 1) over (order by line.place) - pg_catalog.octet_length(line.content) - 1 as byte,
          null::bigint as place
        from pg_catalog.unnest(pg_catalog.string_to_array(content, E'\n')) with ordinality as line (content, place)
        union all
        select asked.byte, asked.place from pg_catalog.unnest(bytes) with ordinality as asked (byte, place)
      ) as every
    ) as counted
    where counted.place is not null
    order by counted.place);
end
$$;
grant execute on function lora._lines_at(text, bigint[]) to public;
