-- The time is asked for some thirty times in the life of a job. A function in SQL is planned again for each statement that calls it, one
-- in PL/pgSQL once for a connection: a fifth of what a job cost the server.
create or replace function lora_private.clock()
returns timestamptz
language plpgsql stable parallel safe
set search_path = ''
as 'begin return pg_catalog.now(); end';
