do $pg_lora$
declare
  recorded constant int[] := array(select version from lora_migrate.refinery_schema_history order by version);
begin
  if pg_catalog.current_setting('lora_migrate.nonce', true) is distinct from '{number}' then
    raise exception 'this file has to run in one transaction'
      using hint = 'Use "supabase db push"; with psql add --single-transaction.';
  elsif not pg_catalog.pg_try_advisory_xact_lock({lock}) then
    raise exception 'another runner holds the migration lock of pg_lora' using hint = 'Push again when it has ended.';
  elsif {there} then
    raise exception 'version {version} of pg_lora is recorded already'
      using hint = 'Mark the file as applied: supabase migration repair --status applied {number}';
  elsif {missing} then
    raise exception 'the versions of pg_lora up to {needs} are not all recorded' using hint = 'Push their files before this one.';
  end if;
end
$pg_lora$;
