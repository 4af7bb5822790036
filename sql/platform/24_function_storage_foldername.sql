-- optional: function storage.foldername(text)
-- The folders of an object's path, outermost first: 'a/b/c.txt' gives {a,b}. Policies compare its first
-- element with the caller's id.
create function storage.foldername(name text) returns text[]
language sql immutable
set search_path = ''
as $$
  select trim_array(string_to_array(name, '/'), least(1, cardinality(string_to_array(name, '/'))))
$$;
grant execute on function storage.foldername(text) to anon, authenticated, service_role;
