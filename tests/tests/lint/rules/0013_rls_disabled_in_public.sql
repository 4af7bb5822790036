-- A table in the schema that the API shows without row-level security: whoever is granted it has all of it.
select pg_class.oid::regclass::text
from pg_class
where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not relrowsecurity
