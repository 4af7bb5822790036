-- Constraints of ours that are not validated, and unique indexes of ours that are not there, each with the condition of
-- the rows that break it. $1: [{table, name}], our constraints. $2: [{table, name, columns, predicate, statement}], our
-- unique indexes.
with named as (
  select c.oid, n.nspname, n.nspname || '.' || c.relname as name,
    has_table_privilege(c.oid, 'select') and not row_security_active(c.oid) as readable,
    case when exists (select from pg_attribute where attrelid = c.oid and attname = 'id' and not attisdropped) then 'id::text'
      else (select 'concat_ws('' '', ' || string_agg(quote_ident(attname), ', ' order by attnum) || ')'
        from pg_constraint p join pg_attribute on attrelid = conrelid and attnum = any (conkey)
        where conrelid = c.oid and contype = 'p') end as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
)
select coalesce(jsonb_agg(to_jsonb(rule) order by "table", type, name), '[]')
from (
  select 'constraint' as type, conname as name, named.name as "table", key, readable,
    case contype when 'c' then '(' || pg_get_expr(conbin, conrelid) || ') is false'
      else (select format('not exists (select from %s as that where %s) and %s', confrelid::regclass,
          string_agg(format('that.%I = this.%I', theirs.attname, mine.attname), ' and '),
          string_agg(format('this.%I is not null', mine.attname), ' and '))
        from unnest(conkey, confkey) as pair(mine, theirs)
        join pg_attribute mine on mine.attrelid = conrelid and mine.attnum = pair.mine
        join pg_attribute theirs on theirs.attrelid = confrelid and theirs.attnum = pair.theirs) end as condition,
    format('alter table %s validate constraint %I', conrelid::regclass, conname) as mend
  from jsonb_to_recordset($1) as ours("table" text, name text)
  join named on named.name = ours."table"
  join pg_constraint on conrelid = named.oid and conname = ours.name
  where contype in ('c', 'f') and not convalidated
  union all
  select 'index', ours.name, ours."table", key, readable,
    format('(%s) and (%s) in (select %s from %s where (%s) group by %s having count(*) > 1)',
      predicate, columns, columns, ours."table", predicate, columns),
    statement
  from jsonb_to_recordset($2) as ours("table" text, name text, columns text, predicate text, statement text)
  join named on named.name = ours."table"
  where to_regclass(format('%I.%I', nspname, ours.name)) is null
) as rule
