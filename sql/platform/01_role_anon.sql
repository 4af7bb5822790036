-- required: role anon
-- Whoever calls without a session. PostgREST switches to it, so the role that migrates is made a member:
-- tests and tools can then `set role` as well.
create role anon nologin noinherit;
grant anon to current_user;
