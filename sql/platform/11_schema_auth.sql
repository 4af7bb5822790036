-- required: schema auth
create schema auth;
revoke all on schema auth from public, anon, authenticated, service_role;
grant usage on schema auth to anon, authenticated, service_role;
