-- optional: function storage.filename(text)
-- The last part of an object's path: 'a/b/c.txt' gives 'c.txt'.
create function storage.filename(name text) returns text
language sql immutable
set search_path = ''
as $$
  select split_part(name, '/', -1)
$$;
grant execute on function storage.filename(text) to anon, authenticated, service_role;
