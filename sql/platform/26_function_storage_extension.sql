-- optional: function storage.extension(text)
-- What follows the last dot of the file name, and the whole name where it has none: 'a/b/c.txt' gives 'txt'.
create function storage.extension(name text) returns text
language sql immutable
set search_path = ''
as $$
  select split_part(split_part(name, '/', -1), '.', -1)
$$;
grant execute on function storage.extension(text) to anon, authenticated, service_role;
