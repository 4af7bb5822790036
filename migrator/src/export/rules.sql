-- Makes hold for every row what no row breaks; the rest waits for "pg-lora migrate", and "pg-lora status" names its rows.
do $pg_lora$
declare
  rule record;
begin
  for rule in
    select conrelid::regclass as "table", conname
    from pg_catalog.pg_constraint
    join (values
{constraints}
    ) as ours ("table", name) on conrelid = pg_catalog.to_regclass(ours."table") and conname = ours.name
    where contype in ('c', 'f') and not convalidated
    order by 1, 2
  loop
    begin
      execute pg_catalog.format('alter table %s validate constraint %I', rule."table", rule.conname);
    exception when check_violation or foreign_key_violation then
      raise warning 'rows of % break "%"', rule."table", rule.conname;
    end;
  end loop;
  for rule in
    select name, statement from (values
{indexes}
    ) as ours (name, statement) where pg_catalog.to_regclass(name) is null
  loop
    begin
      execute rule.statement;
    exception when unique_violation then
      raise warning 'rows share what is to be unique by "%"', rule.name;
    end;
  end loop;
end
$pg_lora$;
