//! Further versions from a folder, after the embedded ones: how the tests see what the project's own SQL never does.
//!
//! Invariant: there is no such thing in a release build; this module is compiled with `debug_assertions` only.
//! Refused: what the build would refuse in `sql/migrations`, unless [`UNCHECKED`] is set, so that what only the run can
//! notice is tried too.

use std::path::PathBuf;

use crate::embedded::{MIGRATION_PATHS, Version};
use crate::error::{Error, Exit};
use crate::sql_text::Refusal;
use crate::{sql_header, sql_text};

/// The folder, with files `V00NN__noun_phrase.sql` whose numbers go on where the embedded ones end.
const FOLDER: &str = "PG_LORA_FURTHER_VERSIONS";
/// `1`: they are taken as they are.
const UNCHECKED: &str = "PG_LORA_FURTHER_VERSIONS_UNCHECKED";

/// The versions of the folder in their order; none where it is not named or cannot be read, which [`check`] tells.
pub fn versions() -> Vec<Version> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut migrations = refinery::load_sql_migrations(&folder).unwrap_or_default();
    migrations.sort();
    let version = |migration: &refinery::Migration| {
        let file = format!("V{:04}__{}.sql", migration.version(), migration.name());
        Version::new(migration, String::leak(folder.join(file).display().to_string()))
    };
    migrations.iter().map(version).collect()
}

/// Refuses what the build would refuse.
pub fn check() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let refused = |reason: String| Error::new(Exit::Usage, reason).hint(format!("see {FOLDER}"));
    refinery::load_sql_migrations(folder).map_err(|error| refused(error.to_string()))?;
    for (index, version) in versions().iter().enumerate() {
        let expected = MIGRATION_PATHS.len() + index + 1;
        if version.number as usize != expected {
            return Err(refused(format!("{}: {expected} is expected", version.file)));
        }
        let found = [sql_text::refusals(version.sql), sql_header::refusals(version.sql)].concat();
        if let Some(Refusal { line, reason }) = found.first()
            && std::env::var_os(UNCHECKED).is_none_or(|value| value != "1")
        {
            return Err(refused(format!("{}:{line}: {reason}", version.file)));
        }
    }
    Ok(())
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
