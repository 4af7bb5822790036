-- A database that has schema lora as the portable edition keeps its functions, and what stands on them: whoever switches names them by the
-- setting lora_migrate.adopted, as a JSON list, and what follows replaces them in place. Without it a function of such a name stops
-- the script, as that of any extension. Taken is only what the role of the session owns anyway.
do $adopted$
declare
  named record;
begin
  for named in
    select
      function.oid::pg_catalog.regprocedure as identity,
      case function.prokind when 'a' then 'aggregate' else 'function' end as kind
    from pg_catalog.jsonb_array_elements_text(
      coalesce(nullif(pg_catalog.current_setting('lora_migrate.adopted', true), ''), '[]')::pg_catalog.jsonb) as name
    join pg_catalog.pg_proc as function on function.oid = pg_catalog.to_regprocedure(name)
    where function.pronamespace = 'lora'::pg_catalog.regnamespace
      and pg_catalog.pg_has_role(session_user, function.proowner, 'usage')
  loop
    execute pg_catalog.format('alter extension pg_lora add %s %s', named.kind, named.identity);
  end loop;
end
$adopted$;
