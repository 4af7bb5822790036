-- build_info: what is installed.
create or replace function lora.build_info()
returns jsonb
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.jsonb_build_object(
    'edition', 'portable',
    -- Generated: versions.
    'version', '0.1.0',
    'ruleset_version', '2',
    -- End.
    -- Nothing is compiled, so there is nothing slower than this.
    'profile', 'release',
    'postgres_version', pg_catalog.current_setting('server_version')
  );
end
$$;
comment on function lora.build_info() is
  'Which edition of schema lora answers, its version and how it was built';
grant execute on function lora.build_info() to public;
