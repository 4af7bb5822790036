create schema if not exists lora;
revoke all on schema lora from public, anon, authenticated, service_role;
grant usage on schema lora to anon, authenticated, service_role;
do $pg_lora$
begin
  if exists (select from pg_catalog.pg_extension where extname = 'pg_lora') then
    raise exception 'schema lora is the extension "pg_lora" here, and this file makes its portable edition'
      using hint = 'Run pg-lora migrate --provider portable, which switches in place, and mark this file as applied: supabase migration repair --status applied {number}. '
        'Or export with --provider native.';
  end if;
end
$pg_lora$;
