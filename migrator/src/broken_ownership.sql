-- Foreign keys between tables of ours whose rows have an owner, with the condition of the rows whose parent is another
-- user's. $1: the names of our tables.
with named as (
  select c.oid, n.nspname || '.' || c.relname as name,
    has_table_privilege(c.oid, 'select') and not row_security_active(c.oid) as readable
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname || '.' || c.relname in (select jsonb_array_elements_text($1))
    and exists (select from pg_attribute where attrelid = c.oid and attname = 'user_id' and not attisdropped)
)
select coalesce(jsonb_agg(jsonb_build_object(
  'type', 'ownership', 'name', conname, 'table', child.name, 'key', 'this.id::text', 'mend', null,
  'readable', child.readable and parent.readable,
  'condition', format('exists (select from %s as that where that.%I = this.%I and that.user_id <> this.user_id)',
    parent.name, theirs.attname, mine.attname)) order by child.name, conname), '[]')
from pg_constraint
join named child on child.oid = conrelid join named parent on parent.oid = confrelid
join pg_attribute mine on mine.attrelid = conrelid and mine.attnum = conkey[1]
join pg_attribute theirs on theirs.attrelid = confrelid and theirs.attnum = confkey[1]
where contype = 'f' and cardinality(conkey) = 1
