-- optional: schema storage
create schema storage;
revoke all on schema storage from public, anon, authenticated, service_role;
grant usage on schema storage to anon, authenticated, service_role;
