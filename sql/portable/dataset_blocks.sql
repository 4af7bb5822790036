-- dataset_blocks: what lines hold, put together; core/src/dataset/body.rs says what and why. A block is an object, and the examples that are compared
-- with each other, ten numbers each: line, offset, hashes of prompt, reply, id, conversation and its metadata, turn, messages, whether it is held back.
-- Beyond 400,000 examples only their conversations are kept.

-- Sums over the examples of several.
create or replace function lora._joined_tallies(many jsonb[])
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_object_agg(of_key.key, of_key.value)
      from (
        select figure.key, pg_catalog.to_jsonb(case figure.key
          when 'shortest' then pg_catalog.min(nullif(figure.value, 'null')::numeric)
          when 'longest' then pg_catalog.max(nullif(figure.value, 'null')::numeric)
          else coalesce(pg_catalog.sum(nullif(figure.value, 'null')::numeric), 0)
        end) as value
        from pg_catalog.unnest(many) as tally
        cross join lateral pg_catalog.jsonb_each(case when pg_catalog.jsonb_typeof(tally) = 'object' then tally - 'lengths' else '{}' end) as figure
        group by figure.key
        union all
        select 'lengths', coalesce(
          (
            select pg_catalog.jsonb_object_agg(bucket.key, bucket.count)
            from (
              select length.key, pg_catalog.sum(length.value::bigint) as count
              from pg_catalog.unnest(many) as tally
              cross join lateral pg_catalog.jsonb_each(
                case when pg_catalog.jsonb_typeof(tally) = 'object' then tally -> 'lengths' else '{}' end) as length
              group by length.key
            ) as bucket
          ), '{}')
      ) as of_key
    ), '{}');
end
$$;
grant execute on function lora._joined_tallies(jsonb[]) to public;

-- The messages of the sample of several, in their order, until the fifth conversation: the fourth one tells where the sample ends.
create or replace function lora._joined_samples(many jsonb[])
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_agg(message.value order by message.at)
      from (
        select ranked.value, ranked.at, pg_catalog.row_number() over (partition by ranked.conversation order by ranked.at) as number,
          pg_catalog.dense_rank() over (order by ranked.begins) as rank
        from (
          select every.*, pg_catalog.min(every.at) over (partition by every.conversation) as begins
          from (
            select each.value, coalesce('.' || (each.value ->> 1), each.value ->> 0) as conversation,
              pg_catalog.row_number() over (order by (each.value ->> 0)::bigint, sample.place, each.place) as at
            from unnest(many) with ordinality as sample (messages, place)
            cross join lateral pg_catalog.jsonb_array_elements(sample.messages) with ordinality as each (value, place)
          ) as every
        ) as ranked
      ) as message
      where message.rank <= 4 and message.number <= 20
    ), '[]');
end
$$;
grant execute on function lora._joined_samples(jsonb[]) to public;

-- Puts blocks together. The examples of each are the text of their array; its lines are shifted as lora._shifted_kept does it. Examples beyond those that
-- are compared are counted by their conversations.
create or replace function lora._joined_blocks(
  blocks jsonb[], example_lists text[], lines jsonb[], bytes jsonb[], out block jsonb, out examples bigint[]
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  later bigint[];
begin
  select pg_catalog.array_agg(example.numbers order by example.line, example.byte_offset) filter (where example.rank <= 400000),
    pg_catalog.array_agg(example.numbers[6] order by example.line, example.byte_offset) filter (where example.rank > 400000)
  into examples, later
  from (
    select every.*, pg_catalog.row_number() over (order by every.line, every.byte_offset) as rank
    from (
      select shifted.line, shifted.byte_offset,
        array[shifted.line, shifted.byte_offset, part.list[at][3], part.list[at][4], part.list[at][5], part.list[at][6], part.list[at][7], part.list[at][8],
          part.list[at][9], part.list[at][10]] as numbers
      from (
        select each.list::bigint[] as list, each.lines, each.bytes, pg_catalog.jsonb_array_length(each.lines) as count
        from unnest(example_lists, lines, bytes) as each (list, lines, bytes)
        offset 0
      ) as part
      cross join lateral pg_catalog.generate_subscripts(part.list, 1) as at
      cross join lateral (
        select part.list[at][1] + (part.lines ->> (least(part.list[at][1], part.count)::integer - 1))::bigint as line,
          part.list[at][2] + (part.bytes ->> (least(part.list[at][1], part.count)::integer - 1))::bigint as byte_offset
        offset 0
      ) as shifted
      -- Or each row would be sorted with the whole list that it is from.
      offset 0
    ) as every
  ) as example;
  examples := coalesce(examples, '{}');
  select pg_catalog.jsonb_build_object(
    'filled', pg_catalog.sum((each.block ->> 'filled')::bigint), 'documents', pg_catalog.sum((each.block ->> 'documents')::bigint),
    'opening', pg_catalog.sum((each.block ->> 'opening')::bigint),
    'not_compared', coalesce(pg_catalog.sum((each.block ->> 'not_compared')::bigint), 0) + coalesce(pg_catalog.cardinality(later), 0),
    -- Each without an id is one of its own.
    'alone', coalesce(pg_catalog.sum((each.block ->> 'alone')::bigint), 0)
      + coalesce((select pg_catalog.count(*) from pg_catalog.unnest(later) as conversation where conversation = 0), 0),
    'beyond', (
      select coalesce(pg_catalog.jsonb_agg(distinct beyond.conversation), '[]')
      from (
        select pg_catalog.to_jsonb(conversation) as conversation from pg_catalog.unnest(later) as conversation where conversation <> 0
        union all
        select conversation from pg_catalog.unnest(blocks) as other cross join lateral pg_catalog.jsonb_array_elements(other -> 'beyond') as conversation
      ) as beyond),
    'declared', pg_catalog.max((each.block ->> 'declared')::bigint),
    'findings', lora._merged_findings(pg_catalog.array_agg(lora._shifted_findings(each.block -> 'findings', each.lines, each.bytes) order by each.place)),
    'tally', lora._joined_tallies(pg_catalog.array_agg(each.block -> 'tally' order by each.place)),
    'sample', lora._joined_samples(pg_catalog.array_agg(
      (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
          (message.value ->> 0)::bigint + (each.lines ->> (least((message.value ->> 0)::bigint, pg_catalog.jsonb_array_length(each.lines))::integer - 1))::bigint,
          message.value -> 1, message.value -> 2, message.value -> 3) order by message.place), '[]')
        from pg_catalog.jsonb_array_elements(each.block -> 'sample') with ordinality as message (value, place)
      ) order by each.place)),
    'shapes', lora._joined_shapes(pg_catalog.array_agg(
      (
        select coalesce(pg_catalog.jsonb_object_agg(of_shape.key, of_shape.value || pg_catalog.jsonb_build_object(
          'first', (of_shape.value ->> 'first')::bigint
            + (each.lines ->> (least((of_shape.value ->> 'first')::bigint, pg_catalog.jsonb_array_length(each.lines))::integer - 1))::bigint,
          'kept', lora._shifted_kept(of_shape.value -> 'kept', each.lines, each.bytes))), '{}')
        from pg_catalog.jsonb_each(each.block -> 'shapes') as of_shape
      ) order by each.place)))
  into block
  from unnest(blocks, lines, bytes) with ordinality as each (block, lines, bytes, place);
end
$$;
grant execute on function lora._joined_blocks(jsonb[], text[], jsonb[], jsonb[]) to public;

-- Lines of each shape: how many, the first one, and what is wrong with them if the file is of another shape.
create or replace function lora._joined_shapes(many jsonb[])
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select pg_catalog.jsonb_object_agg(joined.shape, joined.lines)
      from (
        select of_shape.key as shape, pg_catalog.jsonb_build_object(
          'lines', pg_catalog.sum((of_shape.value ->> 'lines')::bigint), 'first', pg_catalog.min((of_shape.value ->> 'first')::bigint),
          'kept', (
            select pg_catalog.jsonb_agg(kept.finding order by kept.line)
            from (
              select finding, (finding ->> 0)::bigint as line
              from pg_catalog.unnest(many) as other
              cross join lateral pg_catalog.jsonb_array_elements(other -> of_shape.key -> 'kept') as finding
              where other ? of_shape.key
              order by 2 limit 10
            ) as kept)) as lines
        from pg_catalog.unnest(many) as each
        cross join lateral pg_catalog.jsonb_each(each) as of_shape
        group by of_shape.key
      ) as joined
    ), '{}');
end
$$;
grant execute on function lora._joined_shapes(jsonb[]) to public;
