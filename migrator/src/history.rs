//! Schema `lora_migrate`: which versions a database has had, in refinery's own table and format.
//!
//! Invariant: the schema is made, and a row written, only inside a step, that is under the lock; a row is
//! written in the transaction of the version that it records.

use postgres::types::Type;
use serde::Deserialize;

use crate::embedded::{self, Version};
use crate::error::{Error, Exit};
use crate::settings;
use crate::step::Step;
use crate::{ahead, plan};

/// refinery's table, under the name that its Runner is given.
pub const TABLE: &str = "lora_migrate.refinery_schema_history";

/// All recorded rows as one jsonb. Every column but the key may be NULL in refinery's format.
pub const RECORDED: &str = "
    select coalesce(jsonb_agg(jsonb_build_object('version', version, 'name', name, 'checksum', checksum)
      order by version), '[]')
    from lora_migrate.refinery_schema_history";

/// A row of the history.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    pub version: i32,
    pub name: Option<String>,
    pub checksum: Option<String>,
}

/// Makes the schema and its tables where they are not there.
pub fn ensure(step: &mut Step) -> Result<(), Error> {
    if std::mem::replace(&mut step.has_tables, true) {
        return Ok(());
    }
    let there: bool = step.json(
        "select to_jsonb(count(*) = 5) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'lora_migrate'
           and c.relname in ('refinery_schema_history', 'layers', 'settings', 'runs', 'progress')",
        &[],
        "looking for the schema \"lora_migrate\"",
    )?;
    match there {
        true => Ok(()),
        false => step.run(include_str!("bootstrap.sql"), "creating the schema \"lora_migrate\""),
    }
}

/// What is recorded now.
pub fn recorded(step: &mut Step) -> Result<Vec<Recorded>, Error> {
    step.json(RECORDED, &[], "reading the history")
}

/// Whether a version is still to be applied, asked under the lock.
pub fn is_pending(step: &mut Step, version: &Version) -> Result<bool, Error> {
    ensure(step)?;
    if ahead::is_now(step)? {
        return Ok(false);
    }
    let recorded = recorded(step)?;
    let pending = plan::pending(embedded::versions(), &recorded).map_err(plan::conflict)?;
    Ok(pending.iter().any(|left| left.number == version.number))
}

/// Records a version, unless its file ended the transaction that it was given.
pub fn record(step: &mut Step, version: &Version) -> Result<(), Error> {
    let nonce = step.nonce().to_string();
    // A file may have taken on a role that has no right here.
    step.run("reset session authorization; reset role", "writing the history")?;
    // RFC 3339 and a decimal u64: what refinery parses, and panics on when it cannot.
    let rows = step.execute(
        "insert into lora_migrate.refinery_schema_history (version, name, applied_on, checksum)
         select $1, $2, to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), $3
         where current_setting('lora_migrate.nonce', true) = $4",
        &[
            (&version.number, Type::INT4),
            (&version.name, Type::TEXT),
            (&version.checksum.to_string(), Type::TEXT),
            (&nonce, Type::TEXT),
        ],
        "writing the history",
    )?;
    match rows {
        1 => settings::raise_oldest_build(step),
        _ => Err(Error::new(
            Exit::SqlFailed,
            format!("\"{}\" ended the transaction that it runs in, or reset its settings", version.file),
        )
        .detail("what stood before that may have been committed; it was not recorded")
        .hint("remove the transaction statement from the file, and look at what it left behind")),
    }
}
