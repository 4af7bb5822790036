//! The extension: built for release and installed into the private Postgres, when its sources changed.
//!
//! cargo-pgrx takes seconds to find out that nothing is to do; a fingerprint of the sources beside the tree
//! takes milliseconds.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::setup::{Prepared, say};
use crate::{pgrx, process, tree};

/// What the built extension depends on, besides the Postgres it is for.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "core", "extension"];

/// Builds and installs the extension unless the one that is installed has the same sources.
pub fn install(prepared: &Prepared<'_>) -> anyhow::Result<()> {
    let tree = &prepared.tree;
    let stamp = tree.sharedir().join("extension/pg_lora.fingerprint");
    let fingerprint = fingerprint(prepared.checkout.root(), tree.version())?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == fingerprint) {
        return Ok(());
    }
    say(&format!("building the extension for postgres {}", tree.major()));
    let mut command = pgrx::command(prepared, pgrx::Home::Builds)?;
    command.args(["install", "--release", "--package", "pg_lora", "--no-default-features", "--features"]);
    command.arg(format!("pg{}", tree.major())).arg("--pg-config").arg(tree.pg_config());
    process::run_silently(prepared.checkout, "extension", &mut command)?;
    fs::write(&stamp, fingerprint).with_context(|| format!("could not write \"{}\"", stamp.display()))
}

fn fingerprint(root: &Path, postgres: &str) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    (pgrx::VERSION, postgres).hash(&mut hasher);
    for name in SOURCES {
        for file in files_below(&root.join(name))? {
            let path = file.strip_prefix(root).unwrap_or(&file);
            // Golden files and their results are not compiled.
            if path.starts_with("extension/tests") || path.starts_with("core/fuzz") {
                continue;
            }
            path.hash(&mut hasher);
            fs::read(&file)
                .with_context(|| format!("could not read \"{}\"", file.display()))?
                .hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// Every file at or below a path, in a fixed order.
fn files_below(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in tree::entries(path)? {
        files.extend(files_below(&entry)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_of_the_sources_and_the_server() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let one = fingerprint(root, "PostgreSQL 15.1").unwrap();
        assert_eq!(one, fingerprint(root, "PostgreSQL 15.1").unwrap());
        assert_ne!(one, fingerprint(root, "PostgreSQL 15.2").unwrap());
    }
}
