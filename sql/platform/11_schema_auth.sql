-- required: schema auth
create schema auth;
grant usage on schema auth to anon, authenticated, service_role;
