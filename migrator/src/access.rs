//! What a command that reads rows needs, looked at before it reads them: tables of which the role sees every row, and functions.
//!
//! Refused: a database without them (11); a role that does not see every row, or may not call a function (4).

use postgres::Transaction;
use postgres::types::Type;
use serde::Deserialize;

use crate::error::{Error, Exit};
use crate::query;

/// What the role lacks, the first of it.
#[derive(Deserialize)]
struct Access {
    role: String,
    absent: Option<String>,
    unreadable: Option<String>,
    uncallable: Option<String>,
}

const LOOK: &str = "
    select jsonb_build_object(
      'role', current_user,
      'absent', (
        select kind || ' \"' || name || '\"' from (
          select 'table' as kind, name, to_regclass(name) is null as is_absent, 1 as place from unnest($1) as name
          union all
          select 'function', name, not exists (
            select from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
            where pg_namespace.nspname || '.' || proname = name), 2 from unnest($2) as name
        ) as thing where is_absent order by place, name limit 1
      ),
      'unreadable', (
        select name from unnest($1) as name
        where not coalesce(has_table_privilege(to_regclass(name)::oid, 'select') and not row_security_active(to_regclass(name)::oid), false)
        order by name limit 1
      ),
      'uncallable', (
        select pg_namespace.nspname || '.' || proname from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
        where pg_namespace.nspname || '.' || proname = any ($2)
          and not (has_schema_privilege(pronamespace, 'usage') and has_function_privilege(pg_proc.oid, 'execute'))
        order by 1 limit 1
      )
    )";

/// Refuses what `tables` and `functions`, named with their schemas, cannot be read or called for.
pub fn check(
    transaction: &mut Transaction,
    tables: &[&str],
    functions: &[&str],
    doing: &str,
) -> Result<(), Error> {
    let Access { role, absent, unreadable, uncallable } = query::json(
        transaction,
        LOOK,
        &[(&tables, Type::TEXT_ARRAY), (&functions, Type::TEXT_ARRAY)],
        doing,
    )?;
    if let Some(absent) = absent {
        return Err(Error::new(Exit::Refused, format!("the database has no {absent}"))
            .hint("run pg-lora migrate, then this command again"));
    }
    if let Some(table) = unreadable {
        return Err(Error::new(
            Exit::Denied,
            format!("role \"{role}\" does not see every row of \"{table}\""),
        )
        .hint("use the role that migrated, or one that may read all rows and bypasses row-level security"));
    }
    if let Some(function) = uncallable {
        return Err(Error::new(Exit::Denied, format!("role \"{role}\" may not call \"{function}\"")).hint(
            format!(
                "grant usage on schema {} to \"{role}\", or use the role that migrated",
                function.split('.').next().unwrap_or_default()
            ),
        ));
    }
    Ok(())
}
