//! The SQL of this build: versions, functions, the portable edition of schema `lora`, platform.
//!
//! Invariant: names, checksums and texts of the versions are refinery's own, so that the history this program
//! writes is one that refinery reads.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::sql_header::{self, Header};

mod refinery_migrations {
    refinery::embed_migrations!("../sql/migrations");
}

include!(concat!(env!("OUT_DIR"), "/embedded_files.rs"));

/// The version of this build, of the extension that belongs to it, and of the state that it makes.
pub const BUILD_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The oldest build that can work with a database that this one has migrated: three numbers. Raised, together with
/// the version that needs it, when an older program would fail or do harm there.
pub const OLDEST_BUILD: &str = "0.1.0";

/// A file below `sql/`.
#[derive(Clone, Copy, Debug)]
pub struct SqlFile {
    /// From the root of the project.
    pub path: &'static str,
    pub text: &'static str,
}

/// A versioned migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: i32,
    /// What follows the two underscores of the file's name.
    pub name: String,
    /// refinery's: over name, number and text.
    pub checksum: u64,
    pub file: &'static str,
    pub sql: &'static str,
    /// What its first lines ask for.
    pub header: Header,
}

impl Version {
    /// One of refinery's migrations, and the file that it came from.
    pub fn new(migration: &refinery::Migration, file: &'static str) -> Self {
        let sql = migration.sql().unwrap_or_default();
        Self {
            number: migration.version(),
            name: migration.name().to_owned(),
            checksum: migration.checksum(),
            file,
            // Lives as long as the program: there is one set of migrations, made once.
            sql: String::leak(sql.to_owned()),
            header: sql_header::read(sql),
        }
    }

    /// The name of the file without its folder and ending, which is how people call it.
    pub fn label(&self) -> &'static str {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        name.strip_suffix(".sql").unwrap_or(name)
    }

    /// The file, for running it.
    pub fn sql_file(&self) -> SqlFile {
        SqlFile { path: self.file, text: self.sql }
    }
}

/// All versions of this build in their order.
pub fn versions() -> &'static [Version] {
    static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(|| {
        let runner = refinery_migrations::migrations::runner();
        let mut versions: Vec<Version> = runner
            .get_migrations()
            .iter()
            .map(|migration| {
                let path = MIGRATION_PATHS.iter().find(|(number, _)| *number == migration.version());
                Version::new(migration, path.map_or("", |(_, path)| path))
            })
            .collect();
        versions.sort_by_key(|version| version.number);
        #[cfg(debug_assertions)]
        versions.extend(crate::further::versions());
        versions
    });
    &VERSIONS
}

/// What the layer of functions is.
pub fn functions_hash() -> String {
    hash(FUNCTION_FILES)
}

/// What the portable edition of schema `lora` is.
pub fn portable_hash() -> String {
    hash(PORTABLE_FILES)
}

/// SHA-256 over path and text of each file, in order.
fn hash(files: &[SqlFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        // Lengths, so that no text can pass for a path and a text.
        for part in [file.path, file.text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One thing of the platform, and the file that makes it.
#[derive(Clone, Copy, Debug)]
pub struct PlatformThing {
    /// role, schema, table or function.
    pub kind: &'static str,
    /// With its schema; a function with its argument types.
    pub name: &'static str,
    /// Whether nothing can be installed without it.
    pub required: bool,
    pub file: SqlFile,
}

/// What this project expects to find, in the order in which it can be made. From the first lines of the
/// files.
pub fn platform() -> impl Iterator<Item = PlatformThing> {
    PLATFORM_FILES.iter().filter_map(|file| {
        let (need, thing) = file.text.lines().next()?.strip_prefix("-- ")?.split_once(": ")?;
        let (kind, name) = thing.split_once(' ')?;
        Some(PlatformThing { kind, name, required: need == "required", file: *file })
    })
}

#[cfg(test)]
mod tests {
    use super::{PLATFORM_FILES, functions_hash, platform, portable_hash, versions};

    #[test]
    fn every_version_has_its_file_and_its_number() {
        for (index, version) in versions().iter().enumerate() {
            assert_eq!(version.number as usize, index + 1);
            assert!(version.label().ends_with(&version.name), "{}", version.file);
        }
    }

    #[test]
    fn the_platform_names_what_each_file_makes() {
        assert_eq!(platform().count(), PLATFORM_FILES.len());
        assert!(
            platform().any(|thing| thing.kind == "function" && thing.name == "auth.uid()" && thing.required)
        );
        assert!(platform().any(|thing| thing.kind == "schema" && thing.name == "storage" && !thing.required));
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits_and_of_its_files() {
        assert_eq!((functions_hash().len(), portable_hash().len()), (64, 64));
        assert_ne!(functions_hash(), portable_hash());
    }
}
