-- What a CHECK of datasets refuses, it refuses by its name alone. lora.dataset_metric_findings knows the same rules in
-- words: which column, what is wrong with it, what to do. Here it speaks first.
--
-- It refuses nothing that a CHECK would not refuse a moment later, so that a row of an adopted database is held by no more
-- than before. An update that touches none of the columns pays nothing.
create or replace function lora_private.explain_dataset_checks()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  broken pg_catalog.record;
begin
  select finding.error, finding.suggestion, finding.column_name, ('datasets_' || case
      when finding.code like 'ready\_with%' then 'status_validated_at'
      when finding.code = 'readiness_contradicts_status' then 'status_training_ready'
      when finding.code = 'error_without_reason' then 'status_error_message'
      else finding.column_name
    end || '_check') collate "C" as name
  into broken
  from lora.dataset_metric_findings(pg_catalog.jsonb_build_object(
    'file_size', new.file_size,
    'total_training_pairs', new.total_training_pairs,
    'total_validation_pairs', new.total_validation_pairs,
    'total_tokens', new.total_tokens,
    'avg_turns_per_conversation', new.avg_turns_per_conversation,
    'avg_tokens_per_turn', new.avg_tokens_per_turn,
    'training_ready', new.training_ready,
    'status', new.status,
    'format', new.format,
    'storage_path', new.storage_path,
    'validated_at', new.validated_at,
    'validation_errors', new.validation_errors,
    'error_message', new.error_message
  )) as finding
  where finding.severity = 'error'
  -- Checks are tested in the order of their names.
  order by name limit 1;
  -- A client's row in somebody else's name is refused by row-level security, which looks after triggers and before checks.
  if found and not (lora_private.is_client() and new.user_id is distinct from (select auth.uid())) then
    raise exception '%', broken.error
      using errcode = '23514', schema = tg_table_schema, table = tg_table_name, column = broken.column_name,
        constraint = broken.name, hint = broken.suggestion,
        detail = pg_catalog.format('This breaks check constraint "%s".', broken.name);
  end if;
  return new;
end
$$;
revoke all on function lora_private.explain_dataset_checks() from public, anon, authenticated, service_role;

-- Last of all: what the others fill in is explained as well. A deleted row breaks no check; a new one that is deleted
-- already is tested in new_rows.sql.
create or replace trigger z_explain_new_dataset
  before insert on public.datasets
  for each row when (new.deleted_at is null)
  execute function lora_private.explain_dataset_checks();
create or replace trigger z_explain_dataset
  before update of
    file_size, total_training_pairs, total_validation_pairs, total_tokens, avg_turns_per_conversation,
    avg_tokens_per_turn, training_ready, status, format, storage_path, validated_at, validation_errors, error_message
  on public.datasets
  -- Written out: two rows that are compared are read back from a dump as another expression, which would look changed.
  for each row when (
    new.deleted_at is null and (
      new.file_size is distinct from old.file_size
      or new.total_training_pairs is distinct from old.total_training_pairs
      or new.total_validation_pairs is distinct from old.total_validation_pairs
      or new.total_tokens is distinct from old.total_tokens
      or new.avg_turns_per_conversation is distinct from old.avg_turns_per_conversation
      or new.avg_tokens_per_turn is distinct from old.avg_tokens_per_turn
      or new.training_ready is distinct from old.training_ready
      or new.status is distinct from old.status
      or new.format is distinct from old.format
      or new.storage_path is distinct from old.storage_path
      or new.validated_at is distinct from old.validated_at
      or new.validation_errors is distinct from old.validation_errors
      or new.error_message is distinct from old.error_message
    )
  )
  execute function lora_private.explain_dataset_checks();
