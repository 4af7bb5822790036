-- A function that runs with its owner's rights in the schema that the API shows, callable by any user: the rights of
-- the caller and the policies end there. Such halves belong into a schema that the API does not show.
select pg_proc.oid::regprocedure::text
from pg_proc
where pronamespace = 'public'::regnamespace and prosecdef and has_function_privilege('authenticated', oid, 'execute')
