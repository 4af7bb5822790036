-- What the guards of all tables share. A guard is a trigger that runs first and with the rights of whoever
-- writes: it lets clients (anon, authenticated) change only what is theirs to decide, and says which column it
-- refuses and how to do it right. Column grants could refuse too, but never name the column. Each guard's file
-- states the grants of its table whole: the migrator takes back what a layer made, but knows nothing of grants.

-- Whether row-level security holds for the current user. Asking for names such as current_user fails open: a
-- role that a platform adds tomorrow would not be on the list.
create or replace function lora_private.is_client()
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return pg_catalog.row_security_active('public.datasets'::pg_catalog.regclass)
    and not pg_catalog.pg_has_role(current_user, 'service_role', 'member');
end
$$;

-- Whether the current user is an owner of the table: the database's own functions are, and whoever administers it.
create or replace function lora_private.is_owner_of(table_id oid)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select pg_catalog.pg_has_role(current_user, relowner, 'member') from pg_catalog.pg_class where oid = table_id
  );
end
$$;

-- The first column, by name, that two versions of a row differ in and that is not among those allowed.
create or replace function lora_private.first_changed_column(old_row jsonb, new_row jsonb, allowed text[])
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select new_column.key
  from pg_catalog.jsonb_each(new_row) as new_column
  where new_column.key <> all (allowed)
    and new_column.value is distinct from old_row -> new_column.key
  order by new_column.key
  limit 1
$$;

create or replace function lora_private.refuse_column(table_name text, column_name text, hint text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'column "%" of "%" cannot be set by a client', column_name, table_name
    using errcode = '42501', column = column_name, table = table_name, hint = hint;
end
$$;

-- A text or a document of a client that is larger than any that is of use would cost every reader of it.
create or replace function lora_private.check_length(column_name text, value text, most integer)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if pg_catalog.length(value) > most then
    raise exception '"%" has % characters', column_name, pg_catalog.length(value)
      using errcode = '22023', column = column_name, hint = pg_catalog.format('Use at most %s characters.', most);
  end if;
end
$$;

create or replace function lora_private.check_document_size(column_name text, document jsonb, most integer)
returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  size constant integer := pg_catalog.octet_length(document::pg_catalog.text);
begin
  if size > most then
    raise exception '"%" has % bytes', column_name, size
      using errcode = '22023', column = column_name, hint = pg_catalog.format('Use a document of at most %s bytes.', most);
  end if;
end
$$;

-- Lets a client change the columns that are allowed, and refuses the first other one.
create or replace function lora_private.refuse_other_columns(
  table_name text, old_row jsonb, new_row jsonb, allowed text[], hint text
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  refused constant pg_catalog.text := lora_private.first_changed_column(old_row, new_row, allowed);
begin
  if refused is not null then
    perform lora_private.refuse_column(table_name, refused, hint);
  end if;
end
$$;

revoke all on function
  lora_private.is_client(),
  lora_private.is_owner_of(oid),
  lora_private.first_changed_column(jsonb, jsonb, text[]),
  lora_private.refuse_column(text, text, text),
  lora_private.check_length(text, text, integer),
  lora_private.check_document_size(text, jsonb, integer),
  lora_private.refuse_other_columns(text, jsonb, jsonb, text[], text)
  from public, anon, authenticated, service_role;
grant execute on function
  lora_private.is_client(),
  lora_private.is_owner_of(oid),
  lora_private.first_changed_column(jsonb, jsonb, text[]),
  lora_private.refuse_column(text, text, text),
  lora_private.check_length(text, text, integer),
  lora_private.check_document_size(text, jsonb, integer),
  lora_private.refuse_other_columns(text, jsonb, jsonb, text[], text)
  to authenticated, service_role;
