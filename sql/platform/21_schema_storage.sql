-- optional: schema storage
create schema storage;
grant usage on schema storage to anon, authenticated, service_role;
