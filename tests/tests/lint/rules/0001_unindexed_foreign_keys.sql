-- A foreign key whose columns do not lead an index: each time a row that is referred to is deleted or gets another key,
-- the whole referring table is read, with the lock held. An index of the rows that have a key at all will do.
select format('%s.%s', conrelid::regclass, conname)
from pg_constraint
where contype = 'f'
  and connamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
  and not exists (
    select from pg_index
    where indrelid = conrelid and indisvalid
      -- In any order: equality of all of them is what is asked for.
      and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
      and (indpred is null or pg_get_expr(indpred, indrelid) = format('(%I IS NOT NULL)', (
        select attname from pg_attribute where attrelid = conrelid and attnum = conkey[1]
      )))
  )
