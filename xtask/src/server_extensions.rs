//! Extensions of others that the tests run ours beside, in the private Postgres only: plpgsql_check, which reads the bodies of
//! functions as a compiler would, and pg_cron, which calls them by the clock.
//!
//! The packages of a distribution have them for the servers that they have. They are downloaded and unpacked, not
//! installed, and so need no rights; a server that came in another way goes without, and the tests say so.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use pg_lora_tests::{Scratch, Tree};

use crate::checkout::Checkout;
use crate::setup::say;
use crate::{process, tree};

/// With lists of its own: those of the system may be absent, and are not ours to update. Root would hand the download
/// to an account that cannot write here.
const DOWNLOAD: &str = r#"
set -e
umask 022
mkdir -p lists/partial cache/archives/partial
apt() { apt-get -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User=root "$@"; }
apt update
apt download "$1"
dpkg -x ./*.deb files
"#;

/// The end of a package's name, and the extension's own.
const EXTENSIONS: [(&str, &str); 2] = [("plpgsql-check", "plpgsql_check"), ("cron", "pg_cron")];

/// Puts them into a private tree, if the tree's server is a distribution's.
pub fn provide(checkout: &Checkout, tree: &Tree) -> anyhow::Result<()> {
    for (package, extension) in EXTENSIONS {
        let library = tree.pkglibdir().join(extension).with_extension("so");
        if !library.is_file() && tree.is_of_a_distribution() {
            provide_one(checkout, tree, package, extension)?;
        }
    }
    Ok(())
}

fn provide_one(checkout: &Checkout, tree: &Tree, package: &str, extension: &str) -> anyhow::Result<()> {
    let major = tree.major();
    let package = format!("postgresql-{major}-{package}");
    say(&format!("fetching {package} for the tests"));
    let scratch = Scratch::new()?;
    let mut download = Command::new("/bin/sh");
    download.args(["-c", DOWNLOAD, "sh", &package]).current_dir(scratch.path());
    process::run_silently(checkout, extension, &mut download)
        .with_context(|| format!("could not fetch {package}\nhint: apt-get has to reach its mirror"))?;
    let files = scratch.path().join("files/usr");
    copy(
        &files.join(format!("share/postgresql/{major}/extension")),
        extension,
        &tree.sharedir().join("extension"),
    )?;
    // Last: with it the thing is complete.
    copy(&files.join(format!("lib/postgresql/{major}/lib")), &format!("{extension}.so"), tree.pkglibdir())
}

/// Copies the files of a folder whose names begin with a word.
fn copy(from: &Path, word: &str, to: &Path) -> anyhow::Result<()> {
    let mut copied = false;
    for file in tree::entries(from)? {
        let name = file.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with(word) && file.is_file() {
            fs::copy(&file, to.join(name))
                .with_context(|| format!("could not copy \"{}\"", file.display()))?;
            copied = true;
        }
    }
    if !copied {
        bail!("the package has no \"{word}\" in \"{}\"", from.display());
    }
    Ok(())
}
