-- What depends on columns that change their type or on keys that are replaced, and what a change of rows would be refused
-- for. Catalogues only. $1: {tables: names with their schema; retyped: [{table, column, type}]; dropped: [{table, name}];
-- updated: names of tables whose rows change; rekeyed: [{table, name, columns}], the keys that take the place of dropped
-- ones of their name}.
with recursive named as (
  select c.*, n.nspname, n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
), ours as (
  select * from named where name in (select jsonb_array_elements_text($1 -> 'tables'))
), retyped as (
  select ours.oid, attname, attnum, wish.type
  from jsonb_to_recordset($1 -> 'retyped') as wish("table" text, "column" text, type text)
  join ours on ours.name = wish."table"
  join pg_attribute on attrelid = ours.oid and attname = wish."column" and not attisdropped
  where format_type(atttypid, atttypmod) <> wish.type
), family as (
  -- A column changes in the tables that inherit it too.
  select oid, attname, attnum from retyped
  union
  select a.attrelid, a.attname, a.attnum from family
  join pg_inherits on inhparent = family.oid join pg_attribute a on a.attrelid = inhrelid and a.attname = family.attname
), row_type as (
  -- What holds whole rows of a table that is rewritten: its type, arrays, domains and composites of it.
  select reltype as oid from pg_class where oid in (select oid from family)
  union
  select next.oid from row_type, lateral (
    select typarray as oid from pg_type where oid = row_type.oid and typarray <> 0
    union all select oid from pg_type where typbasetype = row_type.oid
    union all select rngtypid from pg_range where rngsubtype = row_type.oid
    union all select reltype from pg_attribute join pg_class c on c.oid = attrelid
      where atttypid = row_type.oid and relkind = 'c' and not attisdropped) as next
), dependant as (
  select d.classid, d.objid, d.objsubid, 'column ' || family.oid::regclass || '.' || quote_ident(family.attname) as needs
  from family join pg_depend d
    on d.refclassid = 'pg_class'::regclass and d.refobjid = family.oid and d.refobjsubid = family.attnum
  -- The server makes these anew by itself; and a default goes along with its own column.
  where d.classid not in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
    and not exists (select from pg_attrdef where d.classid = 'pg_attrdef'::regclass and oid = d.objid
      and adrelid = family.oid and adnum = family.attnum)
  union
  select d.classid, d.objid, d.objsubid, 'constraint ' || quote_ident(c.conname) || ' on ' || c.conrelid::regclass
  from jsonb_to_recordset($1 -> 'dropped') as wish("table" text, name text)
  join ours on ours.name = wish."table"
  join pg_constraint c on c.conrelid = ours.oid and c.conname = wish.name
  join pg_depend d on d.deptype = 'n' and d.objid <> c.oid and (
    d.refclassid = 'pg_constraint'::regclass and d.refobjid = c.oid
    or c.contype in ('p', 'u', 'x') and d.refclassid = 'pg_class'::regclass and d.refobjid = c.conindid)
  union
  select 'pg_class'::regclass, a.attrelid, a.attnum, 'the row type of ' || (select min(oid)::regclass from retyped)
  from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm', 'p')
  where a.atttypid in (select oid from row_type) and not a.attisdropped
  union
  select 'pg_class'::regclass, indexrelid, 0, 'column ' || retyped.oid::regclass || '.' || quote_ident(attname)
  from retyped join pg_index on indrelid = retyped.oid, unnest(indkey, indclass) as part(attnum, class)
  join pg_opclass on pg_opclass.oid = part.class
  -- The server takes the default class of the new type only where that of the old one was the default.
  where part.attnum = retyped.attnum and not opcdefault and opcintype <> retyped.type::regtype
  union
  select 'pg_class'::regclass, oid, attnum, 'the table that it is inherited from' from pg_attribute join retyped using (attnum)
  where attrelid = oid and attinhcount > 0
), chain (classid, objid, objsubid, needs, depth) as (
  -- What stands on a view or a function has to go before it.
  select classid, objid, objsubid, needs, 0 from dependant
  union
  select d.classid, d.objid, d.objsubid, needs || ', which ' || coalesce(ev_class::regclass::text,
    (select identity from pg_identify_object(chain.classid, chain.objid, chain.objsubid))) || ' uses', depth + 1
  from chain
  left join pg_rewrite on chain.classid = 'pg_rewrite'::regclass and oid = chain.objid and rulename = '_RETURN'
  join pg_depend d on d.deptype = 'n' and d.objid <> chain.objid and (
    d.refclassid = 'pg_class'::regclass and d.refobjid = ev_class
    or ev_class is null and d.refclassid = chain.classid and d.refobjid = chain.objid and chain.objsubid in (0, d.refobjsubid))
  where depth < 16
), named_dependant as (
  select min(needs) as needs, max(depth) as depth, coalesce(r.type, i.type) as type, coalesce(r.identity, i.identity) as identity,
    coalesce(r.remedy, 'drop ' || coalesce(r.type, i.type) || ' ' || coalesce(r.identity, i.identity)) as remedy
  from chain d
  cross join pg_identify_object(d.classid, d.objid, d.objsubid) i
  left join lateral (
    select case when rulename <> '_RETURN' then 'rule' when relkind = 'm' then 'materialized view' else 'view' end,
      case when rulename <> '_RETURN' then quote_ident(rulename) || ' on ' else '' end || ev_class::regclass, null
    from pg_rewrite join pg_class c on c.oid = ev_class where d.classid = 'pg_rewrite'::regclass and pg_rewrite.oid = d.objid
    union all
    select case when attgenerated <> '' then 'generated column' else 'default' end, adrelid::regclass || '.' || quote_ident(attname),
      'alter table ' || adrelid::regclass || case when attgenerated <> '' then ' drop column ' || quote_ident(attname)
        else ' alter column ' || quote_ident(attname) || ' drop default' end
    from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum
    where d.classid = 'pg_attrdef'::regclass and pg_attrdef.oid = d.objid
    union all
    select 'publication', quote_ident(pubname), 'alter publication ' || quote_ident(pubname) || ' drop table ' || prrelid::regclass
    from pg_publication_rel join pg_publication p on p.oid = prpubid
    where d.classid = 'pg_publication_rel'::regclass and pg_publication_rel.oid = d.objid
    union all
    select 'constraint', quote_ident(conname) || ' on ' || conrelid::regclass,
      'alter table ' || conrelid::regclass || ' drop constraint ' || quote_ident(conname)
    from pg_constraint where d.classid = 'pg_constraint'::regclass and oid = d.objid
    union all
    select 'column', attrelid::regclass || '.' || quote_ident(attname), case
      when relkind = 'm' then 'drop materialized view ' || attrelid::regclass
      when attinhcount > 0 then 'alter table ' || attrelid::regclass || ' no inherit '
        || (select min(inhparent)::regclass from pg_inherits where inhrelid = attrelid)
      else 'alter table ' || attrelid::regclass || ' drop column ' || quote_ident(attname) end
    from pg_attribute join pg_class c on c.oid = attrelid
    where d.classid = 'pg_class'::regclass and attrelid = d.objid and attnum = d.objsubid
  ) as r(type, identity, remedy) on true
  group by 3, 4, 5
), identity as (
  -- What tells rows apart for subscribers: now, where a version changes rows; and under the key that comes.
  select ours.oid, relreplident, false as later, case relreplident
    when 'f' then (select array_agg(attname::text) from pg_attribute where attrelid = ours.oid and attnum > 0 and not attisdropped)
    else (select array_agg(attname::text) from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey)
      where indrelid = ours.oid and (relreplident = 'd' and indisprimary or relreplident = 'i' and indisreplident)) end as columns
  from ours where name in (select jsonb_array_elements_text($1 -> 'updated'))
  union all
  select ours.oid, relreplident, true, case when relreplident = 'd' then wish.columns end
  from jsonb_to_recordset($1 -> 'rekeyed') as wish("table" text, name text, columns text[])
  join ours on ours.name = wish."table"
  join pg_constraint on conrelid = ours.oid and conname = wish.name and contype = 'p'
  where relreplident = 'd' or exists (select from pg_index where indexrelid = conindid and indisreplident)
), published as (
  select pubname, c.oid, pubupdate, pubdelete, prattrs is not null as listed, attnames::text[] as columns,
    (select coalesce(array_agg(distinct attname::text), '{}') from regexp_matches(prqual::text, ':varattno (\d+)', 'g') as variable
      join pg_attribute on attrelid = c.oid and attnum = variable[1]::int) as filter
  from pg_publication_tables t join pg_publication p using (pubname)
  join pg_class c on c.oid = format('%I.%I', schemaname, tablename)::regclass
  left join pg_publication_rel on prpubid = p.oid and prrelid = c.oid
  where c.oid in (select oid from identity)
), unpublishable as (
  select 'publication' as type, quote_ident(pubname) as identity,
    'alter publication ' || quote_ident(pubname) || ' drop table ' || identity.oid::regclass as remedy, min(case
      when later then 'the key of ' || identity.oid::regclass || ', and changes of rows would be refused under another one'
      else 'rows of ' || identity.oid::regclass || ', which is refused: the columns that it takes are not those of the replica identity'
    end) as needs
  from identity join published using (oid)
  where (pubupdate or pubdelete and later) and identity.columns is not null
    and (not filter <@ identity.columns or listed and (relreplident = 'f' or not identity.columns <@ published.columns))
  group by pubname, identity.oid
  union all
  select 'replica identity', 'of ' || oid::regclass, 'alter table ' || oid::regclass || ' replica identity default', 'the key that it is'
  from identity where later and columns is null
  union all
  select distinct 'replica identity', 'of ' || oid::regclass, 'alter table ' || oid::regclass || ' replica identity default',
    'rows of ' || oid::regclass || ', which is published without one'
  from identity join published using (oid) where not later and identity.columns is null and pubupdate
), expression as (
  select conrelid as oid, 'constraint' as type, quote_ident(conname) || ' on ' || conrelid::regclass as identity,
    'alter table ' || conrelid::regclass || ' drop constraint ' || quote_ident(conname) as remedy,
    pg_get_expr(conbin, conrelid) as text
  from pg_constraint where contype = 'c' and conrelid in (select oid from retyped)
  union all
  select indrelid, case when conname is null then 'index' else 'constraint' end, coalesce(quote_ident(conname) || ' on ' || conrelid::regclass, indexrelid::regclass::text),
    coalesce('alter table ' || conrelid::regclass || ' drop constraint ' || quote_ident(conname), 'drop index ' || indexrelid::regclass),
    part
  from pg_index left join pg_constraint on conindid = indexrelid and conrelid = indrelid, lateral (
    select pg_get_indexdef(indexrelid, number, false) from generate_series(1, indnatts) as number where indkey[number - 1] = 0
    union all select pg_get_expr(indpred, indrelid) where indpred is not null) as expressions(part)
  where indrelid in (select oid from retyped)
  union all
  select stxrelid, 'statistics', i.identity, 'drop statistics ' || i.identity, part
  from pg_statistic_ext s, pg_identify_object('pg_statistic_ext'::regclass, s.oid, 0) i,
    unnest(pg_get_statisticsobjdef_expressions(s.oid)) as part
  where stxrelid in (select oid from retyped)
)
select jsonb_build_object(
  'dependants', (select coalesce(jsonb_agg(to_jsonb(d) order by depth desc, type, identity), '[]')
    from (select type, identity, needs, remedy, depth from named_dependant
      union select type, identity, needs, remedy, 0 from unpublishable
      where remedy not in (select remedy from named_dependant)) as d),
  'expressions', (select coalesce(jsonb_agg(jsonb_build_object(
      'type', type, 'identity', identity, 'remedy', remedy, 'needs', 'the types of its columns on ' || e.oid::regclass,
      'question', (select format('select (%s) from (select %s) as %I where false', e.text,
          string_agg(format('null::%s as %I', coalesce(r.type, format_type(atttypid, atttypmod)), a.attname), ', ' order by a.attnum),
          (select relname from pg_class where oid = e.oid))
        from pg_attribute a left join retyped r on r.oid = attrelid and r.attnum = a.attnum
        where attrelid = e.oid and a.attnum > 0 and not attisdropped)) order by type, identity), '[]')
    from expression e)
)
