//! What a database says of itself beside its history: the oldest build that can still work with it, which
//! environment it is, and what an operator decided for good.
//!
//! Invariant: written only inside a step, that is under the lock; the oldest build only ever rises.

use postgres::types::Type;
use serde::Deserialize;

use crate::embedded::OLDEST_BUILD;
use crate::error::Error;
use crate::step::Step;

/// Where they are kept. Databases of earlier builds have no such table before something is written to them.
pub const TABLE: &str = "lora_migrate.settings";

/// What is recorded of the specification's types.
const STRICT: &str = "strict";

/// All of them as one jsonb.
pub const RECORDED: &str =
    "select coalesce(jsonb_object_agg(s.name, s.value), '{}') from lora_migrate.settings s";

/// As they are recorded.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Settings {
    /// The oldest version of pg-lora that can work with what newer ones made of the database.
    pub oldest_build: Option<String>,
    /// The environment that the database is.
    pub environment: Option<String>,
    /// `strict` where buckets take the specification's types alone.
    pub mime_types: Option<String>,
}

impl Settings {
    /// Whether an operator decided that buckets take the specification's types alone.
    pub fn strict_mime_types(&self) -> bool {
        self.mime_types.as_deref() == Some(STRICT)
    }
}

/// What is recorded now. The table has to be there.
pub fn recorded(step: &mut Step) -> Result<Settings, Error> {
    step.json(RECORDED, &[], "reading the settings")
}

/// The same where there may be no table.
pub fn recorded_if_any(step: &mut Step) -> Result<Settings, Error> {
    let there: bool = step.json(
        "select to_jsonb(to_regclass($1) is not null)",
        &[(&TABLE, Type::TEXT)],
        "looking for the settings",
    )?;
    if there { recorded(step) } else { Ok(Settings::default()) }
}

/// Writes down which types buckets take.
pub fn write_strict_mime_types(step: &mut Step, strict: bool) -> Result<(), Error> {
    if strict {
        return write(step, "mime_types", STRICT);
    }
    let sql = "delete from lora_migrate.settings where name = 'mime_types'";
    step.execute(sql, &[], "recording a setting")?;
    Ok(())
}

/// Writes one down.
pub fn write(step: &mut Step, name: &str, value: &str) -> Result<(), Error> {
    step.execute(
        "insert into lora_migrate.settings as s (name, value) values ($1, $2)
         on conflict (name) do update set value = excluded.value",
        &[(&name, Type::TEXT), (&value, Type::TEXT)],
        "recording a setting",
    )?;
    Ok(())
}

/// Three numbers with dots, on both sides: anything else is refused before. `$1` is the oldest build.
pub const RAISE_OLDEST_BUILD: &str =
    "insert into lora_migrate.settings as s (name, value) values ('oldest_build', $1)
on conflict (name) do update set value = excluded.value
where string_to_array(s.value, '.')::int[] < string_to_array(excluded.value, '.')::int[]";

/// Raises the oldest build to what this one needs, beside whatever it has just made.
pub fn raise_oldest_build(step: &mut Step) -> Result<(), Error> {
    step.execute(
        RAISE_OLDEST_BUILD,
        &[(&OLDEST_BUILD, Type::TEXT)],
        "recording the oldest build that can work with this database",
    )?;
    Ok(())
}
