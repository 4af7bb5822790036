-- dataset_repeats: examples compared with each other: ids, prompts, replies and conversations that come again. core/src/dataset/repeats.rs says what
-- and why. Of each the hashes are kept; those of the file that is held back for validation come behind all of the other one.

-- What they have in common, and how many conversations and messages of each there are. In a document the ids of pairs repeat, and a byte tells which
-- pair is meant. The findings of the held back file have "validation" as their seventh member.
create or replace function lora._compared(
  examples bigint[], held_back bigint[], block jsonb, is_document boolean, out findings jsonb, out conversations bigint, out lengths jsonb,
  out shortest bigint, out longest bigint
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
as $$
begin
  with example as materialized (
    select pg_catalog.row_number() over (order by every.is_held_back, every.numbers[2]) as at, every.is_held_back,
      every.numbers[1] as line, every.numbers[2] as byte_offset, every.numbers[3] as prompt, every.numbers[4] as reply, every.numbers[5] as id,
      every.numbers[6] as conversation, every.numbers[7] as metadata, every.numbers[8] as turn, every.numbers[9] as messages,
      every.is_held_back or every.numbers[10] = 1 as is_validation
    from (
      select array[examples[at][1], examples[at][2], examples[at][3], examples[at][4], examples[at][5], examples[at][6], examples[at][7], examples[at][8],
        examples[at][9], examples[at][10]] as numbers, false as is_held_back
      from pg_catalog.generate_subscripts(examples, 1) as at
      union all
      select array[held_back[at][1], held_back[at][2], held_back[at][3], held_back[at][4], held_back[at][5], held_back[at][6], held_back[at][7],
        held_back[at][8], held_back[at][9], held_back[at][10]], true
      from pg_catalog.generate_subscripts(held_back, 1) as at
    ) as every
  ),
  prompt as (
    select example.*,
      pg_catalog.min(example.at) filter (where not example.is_validation) over same_prompt as first_training,
      pg_catalog.min(example.at) filter (where example.is_validation) over same_prompt as first_validation,
      pg_catalog.min(example.at) filter (where not example.is_validation) over same_reply as training,
      pg_catalog.min(example.at) filter (where example.is_validation) over same_reply as validation,
      pg_catalog.count(*) over same_prompt as alike
    from example
    window same_prompt as (partition by example.prompt), same_reply as (partition by example.prompt, example.reply)
  ),
  repeated as materialized (
    select prompt.*, case when prompt.is_validation then prompt.validation else prompt.training end as original,
      case when prompt.is_validation then prompt.first_validation else prompt.first_training end as other
    from prompt where prompt.alike > 1
  ),
  told as (
    select conversation.*, pg_catalog.first_value(conversation.metadata) over same as first_metadata, pg_catalog.min(conversation.at) over same as first,
      pg_catalog.lag(conversation.at) over same as before, pg_catalog.lag(conversation.turn) over same as turn_before,
      pg_catalog.lag(conversation.is_held_back) over same as held_back_before
    from example as conversation
    where conversation.conversation <> 0
    window same as (partition by conversation.conversation order by conversation.at)
  ),
  found as (
    select 'duplicate_example' as code, 'the example is that of' as words, repeated.at, repeated.original as earlier
    from repeated where repeated.original <> repeated.at
    union all
    select 'conflicting_reply', 'the prompt has another reply on', repeated.at, repeated.other
    from repeated join example as other on other.at = repeated.other
    where repeated.original = repeated.at and other.reply <> repeated.reply
    union all
    select 'validation_example_in_training', 'the validation example is trained on in', repeated.at, repeated.training
    from repeated where repeated.is_validation and repeated.training is not null
    union all
    select 'validation_prompt_in_training', 'the validation prompt is trained on, with another reply, in', repeated.at, repeated.first_training
    from repeated where repeated.is_validation and repeated.training is null and repeated.first_training is not null
    union all
    select 'duplicate_id', 'the id is that of', same.at, same.first
    from (
      select example.at, pg_catalog.min(example.at) over (partition by example.id, example.is_held_back) as first
      from example where example.id <> 0 and not is_document
    ) as same where same.at <> same.first
    union all
    select 'metadata_conflict', 'the conversation has other metadata on', pg_catalog.min(told.at), pg_catalog.min(told.first)
    from told where told.metadata <> told.first_metadata group by told.conversation
    union all
    select 'turn_not_increasing', 'turn_number is not above the one on', told.at, told.before
    from told where told.turn <> 0 and told.turn <= told.turn_before and told.is_held_back = told.held_back_before
  ),
  length as (
    select pg_catalog.sum(example.messages)::bigint as messages from example where example.conversation <> 0 group by example.conversation
    union all
    select example.messages from example where example.conversation = 0
  )
  select
    (
      select pg_catalog.jsonb_object_agg(of_code.code, of_code.findings)
      from (
        select each.code, pg_catalog.jsonb_build_object('count', pg_catalog.count(*), 'kept', pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            example.line, example.byte_offset, null,
            each.words || case when is_document then ' byte ' || earlier.byte_offset else ' line ' || earlier.line end
              || case when example.is_held_back <> earlier.is_held_back then ' of the training file' else '' end,
            null, null, case when example.is_held_back then 'validation' end) order by each.at) filter (where each.rank <= 10)) as findings
        from (select found.*, pg_catalog.row_number() over (partition by found.code order by found.at) as rank from found) as each
        join example on example.at = each.at
        join example as earlier on earlier.at = each.earlier
        group by each.code
      ) as of_code
    ),
    (select pg_catalog.count(distinct example.conversation) filter (where example.conversation <> 0)
      + pg_catalog.count(*) filter (where example.conversation = 0) from example)
      + coalesce((block ->> 'alone')::bigint, 0)
      + (select pg_catalog.count(*) from pg_catalog.jsonb_array_elements_text(coalesce(block -> 'beyond', '[]')) as beyond
         where beyond::bigint not in (select example.conversation from example)),
    (
      select pg_catalog.jsonb_object_agg(bucket.bucket, bucket.count)
      from (select lora._bucket(length.messages) as bucket, pg_catalog.count(*) as count from length group by 1) as bucket
    ),
    (select pg_catalog.min(length.messages) from length), (select pg_catalog.max(length.messages) from length)
  into findings, conversations, lengths, shortest, longest;
  findings := coalesce(findings, '{}');
  if (block ->> 'not_compared')::bigint > 0 then
    findings := findings || lora._finding('comparison_limited', 0, 0, null,
      pg_catalog.format('the first 400000 examples were compared with each other, %s were not', block ->> 'not_compared'));
  end if;
end
$$;
grant execute on function lora._compared(bigint[], bigint[], jsonb, boolean) to public;

-- What reports say of a distribution: the percentiles by nearest rank, exact to 4,096, beyond it the lower end of a sixteenth of an octave.
create or replace function lora._spread(lengths jsonb, shortest bigint, longest bigint)
returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object('min', shortest, 'p50', lora._percentile(lengths, 50, shortest, longest),
    'p95', lora._percentile(lengths, 95, shortest, longest), 'max', longest);
end
$$;
grant execute on function lora._spread(jsonb, bigint, bigint) to public;

create or replace function lora._percentile(lengths jsonb, percent integer, shortest bigint, longest bigint)
returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  bucket bigint := (
    select below.bucket
    from (
      select each.bucket, pg_catalog.sum(each.count) over (order by each.bucket) as below, pg_catalog.sum(each.count) over () as count
      from (select length.key::bigint as bucket, length.value::bigint as count from pg_catalog.jsonb_each_text(lengths) as length) as each
    ) as below
    where below.below >= pg_catalog.ceil(below.count * percent / 100)
    order by below.bucket limit 1);
begin
  if bucket >= 4096 then
    bucket := (16 + (bucket - 4096) % 16) << (((bucket - 4096) / 16)::integer + 8);
  end if;
  return least(greatest(bucket, shortest), longest);
end
$$;
grant execute on function lora._percentile(jsonb, integer, bigint, bigint) to public;
