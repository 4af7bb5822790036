-- What plpgsql_check says of every function in PL/pgSQL, with all of its warnings. A trigger function is checked for each
-- table that it works on, since its rows are that table's.
with ours as (
  select pg_proc.oid, prorettype = 'trigger'::regtype as is_trigger
  from pg_proc join pg_language on pg_language.oid = prolang
  where lanname = 'plpgsql'
    and pronamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
), call (function, relation, old_rows, new_rows) as (
  select oid, 0::oid, null::name, null::name from ours where not is_trigger
  union
  select ours.oid, tgrelid, tgoldtable, tgnewtable from ours join pg_trigger on tgfoid = ours.oid
)
select function::regprocedure::text, relation::regclass::text, coalesce(lineno, 0), level, coalesce(sqlstate, ''), message,
  concat_ws(' / ', detail, hint, query)
from call cross join lateral plpgsql_check_function_tb(
  function, relation, oldtable => old_rows, newtable => new_rows, fatal_errors => false,
  other_warnings => true, performance_warnings => true, extra_warnings => true, security_warnings => true
)
union all
-- What no trigger calls is checked by nobody.
select oid::regprocedure::text, '-', 0, 'error', '', 'a trigger function without a trigger', ''
from ours where is_trigger and not exists (select from pg_trigger where tgfoid = ours.oid)
order by 1, 2, 3, 6
