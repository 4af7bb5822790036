-- optional: function auth.role()
-- The role that the claims of the request name; see auth.uid().
create function auth.role() returns text
language sql stable
set search_path = ''
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;
grant execute on function auth.role() to anon, authenticated, service_role;
