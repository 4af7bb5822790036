-- dataset_metric_findings: the figures of a dataset's row against each other and against a report. core/src/dataset/metrics.rs says
-- what and why.
create or replace function lora.dataset_metric_findings(metrics jsonb, report jsonb default null)
returns table (code text, severity text, column_name text, error text, suggestion text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  fault pg_catalog.text[];
begin
  if metrics is null then
    return;
  end if;
  fault := lora._cells_fault('metrics', metrics,
    array['file_size', 'total_training_pairs', 'total_validation_pairs', 'total_tokens', 'avg_turns_per_conversation', 'avg_tokens_per_turn'],
    array['status', 'format', 'storage_path', 'ruleset_version']);
  if fault is not null then
    raise exception '%', fault[1] using errcode = '22023', hint = fault[2];
  end if;
  return query select rule.code, rule.severity, fault.column_name, fault.error, rule.suggestion
  from lora._metric_faults(metrics, report) with ordinality as fault (code, column_name, error, place)
  join (values
    -- Generated: rules of figures.
    (1, 'negative_figure', 'error', 'Store what was counted, or null where nothing was.'),
    (2, 'figure_not_finite', 'error', 'Store null where there is nothing to divide by.'),
    (3, 'fractional_count', 'error', 'Store the whole number that was counted; only averages have decimals.'),
    (4, 'unknown_status', 'error', 'Use "uploading", "validating", "ready" or "error".'),
    (5, 'unknown_format', 'error', 'Use "brightrun_lora_v4" or "brightrun_lora_v3"; the shape that was found is in the report.'),
    (6, 'path_too_long', 'error', 'Use a shorter path: "<user id>/<dataset id>/<file name>".'),
    (7, 'ready_without_validation', 'error', 'Have the file validated: validate_dataset sets status, counts and "validated_at" together.'),
    (8, 'ready_without_pairs', 'error', 'Set "total_training_pairs" to what was counted; a dataset without a training pair is not ready.'),
    (9, 'ready_without_tokens', 'error', 'Set "total_tokens" as well, or have the file validated.'),
    (10, 'ready_with_errors', 'error', 'Set "status" to "error", or "validation_errors" to null when they are mended.'),
    (11, 'readiness_contradicts_status', 'error', 'Set "training_ready" to true exactly when "status" is "ready".'),
    (12, 'error_without_reason', 'error', 'Set "error_message" to what is wrong, or "validation_errors" to the findings.'),
    (13, 'guessed_tokens', 'warning', 'Have the file validated: 200 tokens a pair is a guess, off by -53 to +29 % on real files.'),
    (14, 'tokens_without_pairs', 'warning', 'Have the file validated: pairs and tokens come from one count.'),
    (15, 'pairs_without_tokens', 'warning', 'Have the file validated; a figure that was not counted is null and not 0.'),
    (16, 'tokens_beyond_file', 'warning', 'Have the file validated: a token takes at least one byte, so one of the two figures is wrong.'),
    (17, 'turns_below_one', 'warning', 'Have the file validated; an average that was not counted is null and not 0.'),
    (18, 'average_contradicts_tokens', 'warning', 'Set "avg_tokens_per_turn" to "total_tokens" divided by the number of messages, or have the file validated.'),
    (19, 'differs_from_report', 'warning', 'Have the file validated again; validate_dataset fills the columns from the report.'),
    (20, 'unreadable_report', 'warning', 'Have the file validated again: the report is replaced.'),
    (21, 'outdated_ruleset', 'info', 'Nothing to do; validate the file again to have it judged by the rules of today.')
    -- End.
  ) as rule (place, code, severity, suggestion) on rule.code = fault.code
  order by rule.place, fault.place;
end
$$;
comment on function lora.dataset_metric_findings(jsonb, jsonb) is
  'What is wrong with the figures of a dataset''s row, against each other and against a report';
grant execute on function lora.dataset_metric_findings(jsonb, jsonb) to public;

-- Message and hint of the first cell of a row that has another type than its column; NULL where all can be read. A row that has a cell
-- "training_ready" has a boolean there.
create or replace function lora._cells_fault(what text, cells jsonb, numbers text[], texts text[])
returns text[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  name pg_catalog.text;
  expected pg_catalog.text;
  kind pg_catalog.text;
  number numeric;
begin
  if pg_catalog.jsonb_typeof(cells) <> 'object' then
    return array[
      pg_catalog.format('"%s" is not a JSON object', what),
      'Pass an object with the columns of one row, such as to_jsonb(datasets).'];
  end if;
  foreach name in array numbers || 'training_ready'::pg_catalog.text || texts loop
    expected := case when name = any (numbers) then 'a number' when name = any (texts) then 'a text' else 'a boolean' end;
    kind := case pg_catalog.jsonb_typeof(cells -> name)
      when 'string' then 'a text'
      when 'array' then 'an array'
      when 'object' then 'an object'
      when 'boolean' then 'a boolean'
      when 'number' then 'a number'
    end;
    if kind <> expected and not (expected = 'a number' and cells -> name in ('"NaN"', '"Infinity"', '"-Infinity"')) then
      return array[
        pg_catalog.format('"%s" is %s, %s is expected', name, kind, expected),
        pg_catalog.format('Pass %s or null for "%s", or leave it out.', expected, name)];
    elsif kind = 'a number' then
      number := (cells -> name)::numeric;
      if number < -9223372036854775808 or number >= 9223372036854775808 then
        return array[pg_catalog.format('"%s" is larger than any count', name), 'Pass a figure that a bigint holds.'];
      end if;
    end if;
  end loop;
  return null;
end
$$;
grant execute on function lora._cells_fault(text, jsonb, text[], text[]) to public;

-- A figure in millionths, rounded down; NULL of none, and of what is not finite.
create or replace function lora._figure_micros(figure jsonb)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.jsonb_typeof(figure) = 'number' then pg_catalog.floor(figure::numeric * 1000000) end;
end
$$;
grant execute on function lora._figure_micros(jsonb) to public;

-- A figure that can be a count.
create or replace function lora._figure_count(figure jsonb)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant numeric := case when pg_catalog.jsonb_typeof(figure) = 'number' then figure::numeric end;
begin
  return case when number >= 0 and number = pg_catalog.trunc(number) then pg_catalog.trunc(number) end;
end
$$;
grant execute on function lora._figure_count(jsonb) to public;

-- A figure as it is written, cut where it is longer than any should be.
create or replace function lora._figure_text(figure jsonb)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.left(figure #>> '{}', 40);
end
$$;
grant execute on function lora._figure_text(jsonb) to public;

-- A text of a row or a file as a message quotes it.
create or replace function lora._quote(value text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := 40; -- QUOTE_CHARS
begin
  return pg_catalog.format('"%s%s"', pg_catalog.translate(pg_catalog.left(value, most), U&'\ffff', U&'\fffd'),
    case when pg_catalog.length(value) > most then '…' end);
end
$$;
grant execute on function lora._quote(text) to public;

create or replace function lora._counted_pairs(number numeric)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.format('%s %s', number, case when number = 1 then 'pair' else 'pairs' end);
end
$$;
grant execute on function lora._counted_pairs(numeric) to public;

-- Whether a report says the same of a column. Counts are what they are; averages have two decimals, rounded either way.
create or replace function lora._report_says(report jsonb, column_name text, figure jsonb)
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  theirs constant jsonb := report -> case column_name when 'file_size' then 'bytes' else column_name end;
  tolerance constant integer := case when column_name in ('avg_turns_per_conversation', 'avg_tokens_per_turn') then 10000 else 0 end;
begin
  return coalesce(pg_catalog.abs(lora._figure_micros(figure) - lora._figure_micros(theirs)) <= tolerance, false);
end
$$;
grant execute on function lora._report_says(jsonb, text, jsonb) to public;

-- Whether a row says of these columns what the report says. What the row leaves open is not in doubt.
create or replace function lora._report_confirms(report jsonb, metrics jsonb, columns text[])
returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  name pg_catalog.text;
begin
  foreach name in array columns loop
    if metrics -> name <> 'null' and not lora._report_says(report, name, metrics -> name) then
      return false;
    end if;
  end loop;
  return true;
end
$$;
grant execute on function lora._report_confirms(jsonb, jsonb, text[]) to public;

-- A version of the rules as a number.
create or replace function lora._ruleset_number(version text)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  number constant numeric := pg_catalog.substring(version, '^[+]?0*([0-9]{1,20})$')::numeric;
begin
  return case when number <= 18446744073709551615 then number end;
end
$$;
grant execute on function lora._ruleset_number(text) to public;

-- What is wrong with a row whose cells can be read: the code of a rule, the column, and the message.
create or replace function lora._metric_faults(metrics jsonb, report jsonb)
returns table (code text, column_name text, error text)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  counts constant pg_catalog.text[] := array['file_size', 'total_training_pairs', 'total_validation_pairs', 'total_tokens'];
  averages constant pg_catalog.text[] := array['avg_turns_per_conversation', 'avg_tokens_per_turn'];
  today constant integer := 2; -- RULESET_VERSION
  -- What an application that never counts stores for each pair.
  guessed constant integer := 200;
  -- With the bucket's name it has to fit into an index entry.
  path_bytes constant integer := 2000;
  status constant pg_catalog.text := metrics ->> 'status';
  validation_errors constant jsonb := metrics -> 'validation_errors';
  no_errors constant boolean := coalesce(validation_errors in ('null', '[]'), false);
  size constant numeric := lora._figure_count(metrics -> 'file_size');
  training constant numeric := lora._figure_count(metrics -> 'total_training_pairs');
  pairs constant numeric := training + coalesce(lora._figure_count(metrics -> 'total_validation_pairs'), 0);
  tokens constant numeric := lora._figure_count(metrics -> 'total_tokens');
  average numeric;
  fewest numeric;
  number numeric;
  name pg_catalog.text;
  figure jsonb;
  theirs jsonb;
  fault pg_catalog.text[];
begin
  -- Each by itself.
  foreach name in array counts || averages loop
    figure := metrics -> name;
    code := case
      when figure = 'null' then null
      when lora._figure_micros(figure) is null then 'figure_not_finite'
      when lora._figure_micros(figure) < 0 then 'negative_figure'
      when name = any (counts) and lora._figure_count(figure) is null then 'fractional_count'
    end;
    if figure is not null and code is not null then
      column_name := name;
      error := pg_catalog.format('"%s" is %s', name, lora._figure_text(figure));
      return next;
    end if;
  end loop;
  if status not in ('uploading', 'validating', 'ready', 'error') then
    return query values ('unknown_status', 'status', pg_catalog.format('"status" is %s', lora._quote(status)));
  end if;
  if metrics ->> 'format' not in ('brightrun_lora_v4', 'brightrun_lora_v3') then
    return query values ('unknown_format', 'format', pg_catalog.format('"format" is %s', lora._quote(metrics ->> 'format')));
  end if;
  if pg_catalog.octet_length(metrics ->> 'storage_path') > path_bytes then
    return query values ('path_too_long', 'storage_path',
      pg_catalog.format('"storage_path" has %s bytes', pg_catalog.octet_length(metrics ->> 'storage_path')));
  end if;

  -- The status against what validation fills in.
  if status = 'ready' then
    if metrics -> 'validated_at' = 'null' then
      return query values ('ready_without_validation', 'validated_at', 'the dataset is "ready" and "validated_at" is null');
    end if;
    figure := metrics -> 'total_training_pairs';
    if figure = 'null' or lora._figure_micros(figure) < 1000000 then
      return query values ('ready_without_pairs', 'total_training_pairs',
        pg_catalog.format('the dataset is "ready" and "total_training_pairs" is %s', coalesce(lora._figure_text(figure), 'null')));
    end if;
    if metrics -> 'total_tokens' = 'null' then
      return query values ('ready_without_tokens', 'total_tokens', 'the dataset is "ready" and "total_tokens" is null');
    end if;
    if validation_errors is not null and not no_errors then
      return query values ('ready_with_errors', 'validation_errors', 'the dataset is "ready" and "validation_errors" is not empty');
    end if;
  end if;
  if metrics -> 'training_ready' <> pg_catalog.to_jsonb(status = 'ready') and metrics -> 'training_ready' <> 'null' then
    return query values ('readiness_contradicts_status', 'training_ready',
      pg_catalog.format('"training_ready" is %s and "status" is %s', metrics ->> 'training_ready', lora._quote(status)));
  end if;
  if status = 'error' and no_errors and metrics -> 'error_message' = 'null' then
    return query values ('error_without_reason', 'error_message',
      'the dataset is in "error", and "error_message" and "validation_errors" are empty');
  end if;

  if report = 'null' then
    report := null;
  end if;
  fault := lora._cells_fault('validation_report', report,
    array['bytes', 'total_training_pairs', 'total_validation_pairs', 'total_tokens', 'avg_turns_per_conversation', 'avg_tokens_per_turn'],
    array['ruleset_version', 'shape']);
  if fault is not null then
    return query values ('unreadable_report', 'validation_report', fault[1]);
    report := null;
  end if;
  report := coalesce(report, '{}');

  -- One figure against another.
  if not lora._report_confirms(report, metrics, array['total_training_pairs', 'total_validation_pairs', 'total_tokens']) then
    number := case
      when training > 0 and training * guessed = tokens then training
      when pairs > 0 and pairs * guessed = tokens then pairs
    end;
    if number is not null then
      return query values ('guessed_tokens', 'total_tokens',
        pg_catalog.format('"total_tokens" is %s, exactly 200 for each of %s', tokens, lora._counted_pairs(number)));
    end if;
    -- Lines that cannot be used may hold messages: of a file with errors that is no contradiction.
    if pairs = 0 and tokens > 0 and status is distinct from 'error' then
      return query values ('tokens_without_pairs', 'total_tokens',
        pg_catalog.format('"total_tokens" is %s, and there is no pair', tokens));
    end if;
    if pairs > 0 and tokens = 0 then
      return query values ('pairs_without_tokens', 'total_tokens',
        pg_catalog.format('"total_tokens" is 0, with %s', lora._counted_pairs(pairs)));
    end if;
  end if;
  if tokens > size then
    return query values ('tokens_beyond_file', 'total_tokens',
      pg_catalog.format('"total_tokens" is %s, and the file has %s bytes', tokens, size));
  end if;
  figure := metrics -> 'avg_turns_per_conversation';
  average := lora._figure_micros(figure);
  if pairs > 0 and average >= 0 and average < 1000000
    and not lora._report_confirms(report, metrics, array['total_training_pairs', 'avg_turns_per_conversation'])
  then
    return query values ('turns_below_one', 'avg_turns_per_conversation',
      pg_catalog.format('"avg_turns_per_conversation" is %s, with %s', lora._figure_text(figure), lora._counted_pairs(pairs)));
  end if;
  figure := metrics -> 'avg_tokens_per_turn';
  average := lora._figure_micros(figure);
  if average >= 0 and tokens is not null and not lora._report_confirms(
    report, metrics, array['total_training_pairs', 'total_validation_pairs', 'total_tokens', 'avg_tokens_per_turn'])
  then
    -- In a document a turn can answer the one before it, and be answered; elsewhere a pair has two messages.
    fewest := greatest(1, coalesce(pairs, 0) * case
      when report ->> 'shape' in ('pairs', 'turns', 'conversations', 'messages', 'sharegpt', 'alpaca', 'completion') then 2 else 1 end);
    -- Rounded up, so that no rounding is taken for a fault.
    if average > pg_catalog.div(tokens * 1000000 + fewest - 1, fewest) + 10000 then
      return query values ('average_contradicts_tokens', 'avg_tokens_per_turn',
        pg_catalog.format('"avg_tokens_per_turn" is %s: %s tokens in at least %s messages give less',
          lora._figure_text(figure), tokens, fewest));
    elsif average = 0 and tokens > 0 then
      return query values ('average_contradicts_tokens', 'avg_tokens_per_turn',
        pg_catalog.format('"avg_tokens_per_turn" is %s, and "total_tokens" is %s', lora._figure_text(figure), tokens));
    end if;
  end if;

  -- The row against the report.
  code := 'differs_from_report';
  foreach name in array counts || averages loop
    theirs := report -> case name when 'file_size' then 'bytes' else name end;
    if metrics -> name <> 'null' and theirs <> 'null' and not lora._report_says(report, name, metrics -> name) then
      column_name := name;
      error := pg_catalog.format('"%s" is %s, the report says %s', name, lora._figure_text(metrics -> name), lora._figure_text(theirs));
      return next;
    end if;
  end loop;
  if metrics -> 'training_ready' <> report -> 'training_ready'
    and metrics -> 'training_ready' <> 'null' and report -> 'training_ready' <> 'null'
  then
    return query values ('differs_from_report', 'training_ready',
      pg_catalog.format('"training_ready" is %s, the report says %s', metrics ->> 'training_ready', report ->> 'training_ready'));
  end if;
  if metrics ->> 'ruleset_version' <> report ->> 'ruleset_version' then
    return query values ('differs_from_report', 'ruleset_version',
      pg_catalog.format('"ruleset_version" is %s, the report says %s',
        lora._quote(metrics ->> 'ruleset_version'), lora._quote(report ->> 'ruleset_version')));
  end if;
  number := lora._ruleset_number(report ->> 'ruleset_version');
  if number < today then
    return query values ('outdated_ruleset', 'ruleset_version',
      pg_catalog.format('the report is by rules %s, today''s are %s', number, today));
  end if;
end
$$;
grant execute on function lora._metric_faults(jsonb, jsonb) to public;
