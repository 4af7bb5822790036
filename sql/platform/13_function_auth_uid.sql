-- required: function auth.uid()
-- PostgREST leaves the claims of the request in `request.jwt.claims`; older ones set one setting per claim.
-- After a transaction such a setting is '' and not NULL, hence nullif. Parallel unsafe, as on Supabase: a
-- plan that is serial there must not look parallel here.
create function auth.uid() returns uuid
language sql stable
set search_path = ''
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;
grant execute on function auth.uid() to anon, authenticated, service_role;
