-- An index that another one makes needless: the same columns in the same order, or the first of the other's, over the
-- same rows. Each costs every write. One that keeps values unique is needed for that.
select distinct needless.indexrelid::regclass::text
from pg_index as needless
join pg_index as needed on needed.indrelid = needless.indrelid and needed.indexrelid <> needless.indexrelid
join pg_class as needless_class on needless_class.oid = needless.indexrelid
join pg_class as needed_class on needed_class.oid = needed.indexrelid
join pg_namespace on pg_namespace.oid = needless_class.relnamespace
where nspname in ('public', 'lora', 'lora_private', 'lora_migrate')
  and needless_class.relam = needed_class.relam
  and not needless.indisexclusion and not needed.indisexclusion
  and (not needless.indisunique or needed.indisunique and needless.indkey::text = needed.indkey::text)
  and needless.indexprs is null and needed.indexprs is null
  and (needed.indkey::int2[])[0:needless.indnkeyatts - 1] = (needless.indkey::int2[])[0:needless.indnkeyatts - 1]
  and (needed.indclass::oid[])[0:needless.indnkeyatts - 1] = (needless.indclass::oid[])[0:needless.indnkeyatts - 1]
  and (needed.indcollation::oid[])[0:needless.indnkeyatts - 1] = (needless.indcollation::oid[])[0:needless.indnkeyatts - 1]
  and (needed.indoption::int2[])[0:needless.indnkeyatts - 1] = (needless.indoption::int2[])[0:needless.indnkeyatts - 1]
  and needed.indnkeyatts >= needless.indnkeyatts and needless.indnatts = needless.indnkeyatts
  and pg_get_expr(needless.indpred, needless.indrelid) is not distinct from pg_get_expr(needed.indpred, needed.indrelid)
  -- Of two that are the same, the younger; of a plain one and a unique one the plain one.
  and (
    needless.indkey::text <> needed.indkey::text or needed.indisunique and not needless.indisunique
    or needless.indexrelid > needed.indexrelid
  )
