-- required: role service_role
-- The platform's own services. Only a superuser (from PostgreSQL 16 on, a role that has it) may give
-- BYPASSRLS; without it service_role still works, because every table has policies for it.
do $$
begin
  create role service_role nologin noinherit bypassrls;
exception
  when insufficient_privilege then
    create role service_role nologin noinherit;
end
$$;
grant service_role to current_user;
