-- estimate_tokens: how many tokens a text has, by what pairs of neighbouring characters cost. core/src/dataset/tokens.rs says what and why,
-- token_costs.sql has the costs.
create or replace function lora.estimate_tokens(content text)
returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Rounded to the nearest.
  return (select (tokens.units + 512) / 1024 from lora._tokens_of(array[content]) as tokens);
end
$$;
comment on function lora.estimate_tokens(text) is
  'Estimates how many tokens a text has for a tokenizer such as Mistral''s';
grant execute on function lora.estimate_tokens(text) to public;

-- The estimates of many texts, each in 1024ths of a token and by itself, at its place in the list: with its characters by script, and its
-- pairs "th". NULL is like an empty text.
--
-- A text is one long sum. So its bytes are cut into pieces of 32 pairs, which one expression adds up: a row for each byte would cost more than
-- all the rest. Pairs of ASCII are summed there; of what is not ASCII the bytes cost nothing, and it is looked at a character at a time, with
-- its neighbours. Where no text has such a character, this part has no row.
create or replace function lora._tokens_of(texts text[])
returns table (
  place bigint, units bigint, ascii bigint, th bigint, latin bigint, cyrillic bigint, arabic bigint, cjk bigint, other bigint
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
-- The tables of costs are made once, with the plan.
set plan_cache_mode = force_generic_plan
set jit = off
as $$
begin
  return query
  with message as materialized (
    select each.place, pg_catalog.octet_length(each.content) as size, pg_catalog.length(each.content) as characters,
      -- A text begins as if after a space, and its last piece may end early.
      pg_catalog.convert_to(' ' || each.content, 'UTF8') || pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex') as bytes,
      -- ASCII between ASCII has been counted.
      case when pg_catalog.octet_length(each.content) <> pg_catalog.length(each.content) then
        ' ' || pg_catalog.regexp_replace(each.content, '(?<=[\u0001-\u007f])[\u0001-\u007f]+(?=[\u0001-\u007f])', '', 'g')
      end as rest
    from (
      select given.place, coalesce(given.content, '') as content from pg_catalog.unnest(texts) with ordinality as given (content, place)
    ) as each
  ),
  costs as materialized (
    select lora._token_pairs() as pairs, lora._token_known() as known, lora._token_letters() as letters, lora._token_blocks() as blocks,
      lora._token_scripts() as scripts
  ),
  near as (
    select piece.place, pg_catalog.sum(piece.cost & 1048575) as units, pg_catalog.sum(piece.cost >> 20) as th
    from (
      select piece.place,
        costs.pairs[pg_catalog.get_byte(piece.bytes, 0)][pg_catalog.get_byte(piece.bytes, 1)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 1)][pg_catalog.get_byte(piece.bytes, 2)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 2)][pg_catalog.get_byte(piece.bytes, 3)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 3)][pg_catalog.get_byte(piece.bytes, 4)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 4)][pg_catalog.get_byte(piece.bytes, 5)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 5)][pg_catalog.get_byte(piece.bytes, 6)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 6)][pg_catalog.get_byte(piece.bytes, 7)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 7)][pg_catalog.get_byte(piece.bytes, 8)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 8)][pg_catalog.get_byte(piece.bytes, 9)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 9)][pg_catalog.get_byte(piece.bytes, 10)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 10)][pg_catalog.get_byte(piece.bytes, 11)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 11)][pg_catalog.get_byte(piece.bytes, 12)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 12)][pg_catalog.get_byte(piece.bytes, 13)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 13)][pg_catalog.get_byte(piece.bytes, 14)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 14)][pg_catalog.get_byte(piece.bytes, 15)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 15)][pg_catalog.get_byte(piece.bytes, 16)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 16)][pg_catalog.get_byte(piece.bytes, 17)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 17)][pg_catalog.get_byte(piece.bytes, 18)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 18)][pg_catalog.get_byte(piece.bytes, 19)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 19)][pg_catalog.get_byte(piece.bytes, 20)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 20)][pg_catalog.get_byte(piece.bytes, 21)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 21)][pg_catalog.get_byte(piece.bytes, 22)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 22)][pg_catalog.get_byte(piece.bytes, 23)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 23)][pg_catalog.get_byte(piece.bytes, 24)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 24)][pg_catalog.get_byte(piece.bytes, 25)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 25)][pg_catalog.get_byte(piece.bytes, 26)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 26)][pg_catalog.get_byte(piece.bytes, 27)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 27)][pg_catalog.get_byte(piece.bytes, 28)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 28)][pg_catalog.get_byte(piece.bytes, 29)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 29)][pg_catalog.get_byte(piece.bytes, 30)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 30)][pg_catalog.get_byte(piece.bytes, 31)]
        + costs.pairs[pg_catalog.get_byte(piece.bytes, 31)][pg_catalog.get_byte(piece.bytes, 32)] as cost
      from costs
      cross join (
        select each.place, pg_catalog.substr(each.bytes, each.at, 33) as bytes
        -- A list of rows is made faster here than beside the texts.
        from (select message.place, message.bytes, pg_catalog.generate_series(1, message.size, 32) as at from message) as each
        offset 0
      ) as piece
      offset 0
    ) as piece
    group by piece.place
  ),
  far as (
    select message.place, of_pairs.*
    from message
    cross join costs
    cross join lateral (
      select pg_catalog.sum(costs.pairs[pair.before][pair.after] + pair.cost)::bigint as units,
        pg_catalog.count(*) filter (where pair.after > 255) as characters,
        pg_catalog.count(*) filter (where pair.script = 1) as latin,
        pg_catalog.count(*) filter (where pair.script = 2) as cyrillic,
        pg_catalog.count(*) filter (where pair.script = 3) as arabic,
        pg_catalog.count(*) filter (where pair.script = 4) as cjk,
        pg_catalog.count(*) filter (where pair.script = 5) as other
      from (
        select
          case
            when code.before < 128 then code.before
            when code.before < 2048 and pg_catalog.get_bit(costs.known, code.before) = 1 then 256
            else 257
          end as before,
          case
            when code.after < 128 then code.after
            when code.after < 2048 and pg_catalog.get_bit(costs.known, code.after) = 1 then 256
            else 257
          end as after,
          case
            when code.after < 128 then 0
            when code.after < 2048 then costs.letters[code.after]
            when code.after < 65536 and pg_catalog.get_bit(costs.known, code.after) = 1 then costs.blocks[code.after >> 4]
            else code.size * 1024
          end as cost,
          case
            when code.after < 65536 then pg_catalog.get_byte(costs.scripts, code.after >> 4)
            when code.after between 131072 and 204799 then 4
          end as script
        from (
          select pg_catalog.ascii(pair.before) as before, pg_catalog.ascii(pair.after) as after, pg_catalog.octet_length(pair.after) as size
          from (
            -- Parts, as an array of characters takes fifty times their bytes.
            select pg_catalog.unnest(pg_catalog.string_to_array(part.rest, null)) as before,
              pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.substr(part.rest, 2), null)) as after
            from (
              select pg_catalog.substr(message.rest, at, 65537) as rest
              from pg_catalog.generate_series(1, pg_catalog.length(message.rest) - 1, 65536) as at
              offset 0
            ) as part
          ) as pair
          offset 0
        ) as code
        -- Nothing is behind the last character of a part, with which the next one begins.
        where code.after is not null and (code.before > 127 or code.after > 127)
        offset 0
      ) as pair
    ) as of_pairs
    where message.rest is not null
  )
  select message.place,
    greatest(
      coalesce(near.units, 0) + coalesce(far.units, 0),
      -- Costs are averages: of a single letter they are less than a token, which no text is.
      case when message.size > 0 then 1024 else 0 end),
    message.characters - coalesce(far.characters, 0), coalesce(near.th, 0), coalesce(far.latin, 0), coalesce(far.cyrillic, 0), coalesce(far.arabic, 0),
    coalesce(far.cjk, 0), coalesce(far.other, 0)
  from message
  left join near on near.place = message.place
  left join far on far.place = message.place;
end
$$;
grant execute on function lora._tokens_of(text[]) to public;
