-- Row-level security without a policy: to every role but the owner the table looks empty, which is hardly ever meant.
-- The platform's own schemas are the platform's business.
select pg_class.oid::regclass::text
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p') and relrowsecurity and nspname not in ('auth', 'storage')
  and not exists (select from pg_policy where polrelid = pg_class.oid)
