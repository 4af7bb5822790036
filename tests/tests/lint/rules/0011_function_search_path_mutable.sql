-- A function that finds its names in whatever the caller has set: a table or an operator of the caller's can stand in
-- for the one that is meant. Compiled code looks up no names.
select pg_proc.oid::regprocedure::text
from pg_proc join pg_language on pg_language.oid = prolang
where lanname not in ('c', 'internal')
  and pronamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
  and not exists (select from unnest(proconfig) as setting where setting like 'search\_path=%')
