-- dataset_options: what a caller may ask of a validation. An unknown key is refused by name: a misspelt option that is silently ignored is a validation
-- that did not happen. core/src/dataset/options.rs and profile.rs say what and why.

-- A value as a message shows it.
create or replace function lora._compact(value jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case pg_catalog.jsonb_typeof(value)
    when 'array' then '[' || coalesce(
      (select pg_catalog.string_agg(lora._compact(element.value), ',' order by element.place)
       from pg_catalog.jsonb_array_elements(value) with ordinality as element (value, place)), '') || ']'
    when 'object' then '{' || coalesce(
      (select pg_catalog.string_agg(pg_catalog.to_jsonb(member.key)::text || ':' || lora._compact(member.value), ',' order by member.key collate pg_catalog."C")
       from pg_catalog.jsonb_each(value) as member), '') || '}'
    when 'number' then
      case
        when value::text ~ '^-?[0-9]+$' and value::numeric between -9223372036854775808 and 18446744073709551615 then value::text
        -- What no float holds as it is.
        when pg_catalog.abs(value::numeric) >= 1e16 then coalesce(lora._float(value::numeric)::text, value::text)
        when pg_catalog.abs(value::numeric) < 1e-5 and lora._float(value::numeric) <> 0 then
          pg_catalog.regexp_replace(lora._float(value::numeric)::text, 'e-0*', 'e-')
        else lora._figure(lora._float(value::numeric))::text
      end
    else value::text
  end;
end
$$;
grant execute on function lora._compact(jsonb) to public;

create or replace function lora._refuse_option(key text, value jsonb, hint text)
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'option "%" has the value %', key, lora._compact(value) using errcode = '22023', hint = hint;
end
$$;
grant execute on function lora._refuse_option(text, jsonb, text) to public;

-- A whole number of so much or more, and of no more than that if there is a most.
create or replace function lora._whole_option(key text, value jsonb, fewest integer, most numeric default null)
returns numeric
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant numeric := case when pg_catalog.jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]+$' then value::numeric end;
begin
  if number is null or number < fewest or number > 18446744073709551615 then
    perform lora._refuse_option(key, value, pg_catalog.format('Use a whole number, %s or more.', fewest));
  elsif number > most then
    perform lora._refuse_option(key, value, pg_catalog.format('Use a whole number, %s at most.', most));
  end if;
  return number;
end
$$;
grant execute on function lora._whole_option(text, jsonb, integer, numeric) to public;

-- The options in full: profile, window, fewest examples, exact tokens, the declared format with its shapes; and what the profile allows.
create or replace function lora._dataset_options(options jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  key text;
  value jsonb;
  answer jsonb := '{"profile": "brightrun", "exact_tokens": null, "declared_format": null}';
  part text;
  exact jsonb := '{}';
  shapes jsonb;
  exact_hint constant text :=
    'Use {"content": 25058, "sequence": 63528, "method": "mistral-7b"}; sequence may be left out.';
begin
  if pg_catalog.jsonb_typeof(options) <> 'object' then
    raise exception 'options must be a JSON object'
      using errcode = '22023', hint = 'Pass a JSON object, such as {"profile": "brightrun"}.';
  end if;
  for key, value in select member.key, member.value from pg_catalog.jsonb_each(options) as member order by member.key collate pg_catalog."C" loop
    case key
      when 'profile' then
        if value not in ('"brightrun"', '"openai"', '"mistral"', '"together"') then
          perform lora._refuse_option(key, value, 'Use one of "brightrun", "openai", "mistral", "together".');
        end if;
        answer := answer || pg_catalog.jsonb_build_object(key, value);
      when 'window' then
        answer := answer || pg_catalog.jsonb_build_object(key, lora._whole_option(key, value, 1));
      when 'min_examples' then
        answer := answer || pg_catalog.jsonb_build_object(key, lora._whole_option(key, value, 0));
      when 'exact_tokens' then
        if pg_catalog.jsonb_typeof(value) <> 'object' then
          perform lora._refuse_option(key, value, exact_hint);
        end if;
        for part in select member from pg_catalog.jsonb_object_keys(value) as member order by member collate pg_catalog."C" loop
          if part in ('content', 'sequence') then
            exact := exact || pg_catalog.jsonb_build_object(part, lora._whole_option('exact_tokens.' || part, value -> part, 0, 1000000000000000));
          elsif part = 'method' then
            if pg_catalog.jsonb_typeof(value -> part) <> 'string' or pg_catalog.octet_length(value ->> part) not between 1 and 100 then
              perform lora._refuse_option('exact_tokens.method', value -> part, 'Use the name of the tokenizer.');
            end if;
            exact := exact || pg_catalog.jsonb_build_object(part, value -> part);
          else
            raise exception 'unknown option "%"', 'exact_tokens.' || part using errcode = '22023', hint = exact_hint;
          end if;
        end loop;
        if not exact ?& array['content', 'method'] then
          raise exception 'option "exact_tokens" lacks "content" or "method"' using errcode = '22023', hint = exact_hint;
        end if;
        answer := answer || pg_catalog.jsonb_build_object(key, exact);
      when 'declared_format' then
        part := pg_catalog.replace(case when pg_catalog.jsonb_typeof(value) = 'string' then value #>> '{}' else '' end, '-', '_');
        shapes := case
          when part = 'brightrun_lora_v4' then '["pairs", "full"]'
          when part = 'brightrun_lora_v3' then '["individual"]'
          when part in ('pairs', 'turns', 'messages', 'conversations', 'sharegpt', 'alpaca', 'completion', 'full', 'individual') then
            pg_catalog.jsonb_build_array(part)
        end;
        if shapes is null then
          perform lora._refuse_option(key, value,
            'Use "brightrun_lora_v3", "brightrun_lora_v4" or the name of a shape, such as "messages".');
        end if;
        answer := answer || pg_catalog.jsonb_build_object(key, pg_catalog.jsonb_build_object('name', value, 'shapes', shapes));
      else
        raise exception 'unknown option "%"', key using errcode = '22023',
          hint = 'Use "profile", "window", "min_examples", "exact_tokens" or "declared_format".';
    end case;
  end loop;
  -- What the consumer of the profile takes: tokens of an example, fewest and most pairs, bytes, shapes.
  return (
    select pg_catalog.jsonb_build_object('window', profile."window", 'min_examples', profile.min_examples) || answer || pg_catalog.jsonb_build_object(
      'max_examples', profile.max_examples, 'max_bytes', profile.max_bytes, 'shapes', profile.shapes)
    from (values
      -- Generated: profiles of validation.
      ('brightrun', 2048, 1, 2147483647, 524288000, null::pg_catalog.jsonb),
      ('openai', 65536, 10, 50000000, 512000000, '["messages"]'),
      ('mistral', 32768, 10, 2147483647, 512000000, '["messages"]'),
      ('together', 32768, 1, 2147483647, 4900000000, '["messages","completion"]')
      -- End.
    ) as profile (name, "window", min_examples, max_examples, max_bytes, shapes)
    where profile.name = answer ->> 'profile');
end
$$;
grant execute on function lora._dataset_options(jsonb) to public;
