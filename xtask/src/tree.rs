//! The private Postgres: a copy of an installation under `target`, so that nothing is ever installed into the
//! system's own and two checkouts do not collide.
//!
//! A relocatable installation (Debian's packages, anything built from source) finds its files relative to its
//! programs, so the copy keeps the places relative to each other and its own `pg_config` answers with the new
//! ones. One whose `pg_config` is a script with fixed answers gets a new script.
//!
//! There are two copies: pgrx's test framework installs a test build of the extension, which must not replace the
//! real one. The second copy is hard links, without any file of the extension.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use pg_lora_tests::{Account, Tree};

use crate::checkout::{Checkout, make_readable_dir};
use crate::setup::say;

/// All that `pg_config` can be asked for.
const OPTIONS: [&str; 23] = [
    "--bindir",
    "--docdir",
    "--htmldir",
    "--includedir",
    "--pkgincludedir",
    "--includedir-server",
    "--libdir",
    "--pkglibdir",
    "--localedir",
    "--mandir",
    "--sharedir",
    "--sysconfdir",
    "--pgxs",
    "--configure",
    "--cc",
    "--cppflags",
    "--cflags",
    "--cflags_sl",
    "--ldflags",
    "--ldflags_ex",
    "--ldflags_sl",
    "--libs",
    "--version",
];

/// Written last: a copy without it was interrupted.
const COMPLETE: &str = ".complete";

/// The two copies.
pub struct Trees {
    /// With the extension.
    pub private: Tree,
    /// For pgrx's own tests.
    pub pgrx: Tree,
}

/// Copies an installation, unless that was done before and it has not changed since.
pub fn provide(checkout: &Checkout, source: &Tree) -> anyhow::Result<Trees> {
    let home = home(checkout)?;
    let name = format!("postgres-{}", source.major());
    let private_dir = home.join(&name);
    // `--pg-config` of a copy of ours, as the tests hand it to a demo they start: it is the copy.
    let private = if source.pg_config().starts_with(&private_dir) {
        source.clone()
    } else {
        copy(source, &private_dir, How::Copy)?
    };
    let pgrx = copy(&private, &home.join(format!("{name}-pgrx")), How::Link)?;
    for tree in [&private, &pgrx] {
        lend_clients(tree)?;
    }
    Ok(Trees { private, pgrx })
}

/// pgrx's test framework expects these beside the server, and a server made for applications comes without. Those
/// of another version do the same.
fn lend_clients(tree: &Tree) -> anyhow::Result<()> {
    for program in ["createdb", "dropdb", "psql"] {
        let place = tree.bindir().join(program);
        if !place.exists() {
            let lent = tree.client(program)?;
            // A link whose program is gone.
            remove(&place)?;
            symlink(&lent, &place).with_context(|| format!("could not link \"{}\"", lent.display()))?;
        }
    }
    Ok(())
}

/// The folder for copies: under `target`, or, where the servers' account cannot go there (a checkout in a closed
/// home folder), under the system's folder for temporary files.
pub fn home(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let inside = checkout.place("trees")?;
    make_readable_dir(&inside)?;
    let Some(account) = Account::for_servers()? else { return Ok(inside) };
    if account.can_read(&inside) {
        return Ok(inside);
    }
    let mut hasher = DefaultHasher::new();
    checkout.root().hash(&mut hasher);
    let outside = std::env::temp_dir().join(format!("pg_lora-{:016x}", hasher.finish()));
    if !outside.is_dir() {
        say(&format!(
            "\"{}\" is closed to the account \"{}\", so the private postgres goes to \"{}\"",
            inside.display(),
            account.name(),
            outside.display()
        ));
        make_readable_dir(&outside)?;
    }
    // The name can be guessed, and what lies there is run as root's helper: it has to be ours.
    let seen = fs::symlink_metadata(&outside)?;
    if !seen.is_dir() || seen.uid() != fs::metadata("/proc/self")?.uid() || seen.mode() & 0o022 != 0 {
        bail!("\"{}\" belongs to somebody else\nhint: remove it", outside.display());
    }
    Ok(outside)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Copy,
    Link,
}

fn copy(source: &Tree, dest: &Path, how: How) -> anyhow::Result<Tree> {
    let built = fs::metadata(source.bindir().join("postgres"))?.mtime();
    let stamp = format!("{}\n{}\n{built}\n", source.pg_config().display(), source.version());
    let layout = Layout::of(source, dest)?;
    let pg_config = layout.place(source.bindir()).join("pg_config");
    if fs::read_to_string(dest.join(COMPLETE)).is_ok_and(|text| text == stamp) {
        return Tree::from_pg_config(&pg_config);
    }
    if how == How::Copy {
        say(&format!("copying {} to \"{}\"", source.version(), dest.display()));
    }
    remove(dest)?;
    for root in &layout.roots {
        copy_folder(root, &layout.place(root), how)?;
    }
    if Tree::from_pg_config(&pg_config)
        .ok()
        .is_none_or(|tree| !same_folder(tree.bindir(), &layout.place(source.bindir())))
    {
        write_pg_config(source, &layout, &pg_config)?;
    }
    fs::write(dest.join(COMPLETE), stamp)?;
    Tree::from_pg_config(&pg_config)
}

/// Which folders are copied, and where they go.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// Folders, none below another.
    roots: Vec<PathBuf>,
    /// What all of them have in common.
    above: PathBuf,
    dest: PathBuf,
}

impl Layout {
    fn of(source: &Tree, dest: &Path) -> anyhow::Result<Self> {
        let include = PathBuf::from(answer(source.pg_config(), "--includedir-server")?);
        let libdir = PathBuf::from(answer(source.pg_config(), "--libdir")?);
        Self::new(source.bindir(), source.pkglibdir(), source.sharedir(), &include, &libdir, dest)
    }

    fn new(
        bindir: &Path,
        pkglibdir: &Path,
        sharedir: &Path,
        include: &Path,
        libdir: &Path,
        dest: &Path,
    ) -> anyhow::Result<Self> {
        // libpq and the like come along where they lie with the server; Debian's are the system's own.
        let lib = if pkglibdir.starts_with(libdir) { libdir } else { pkglibdir };
        let roots: Vec<PathBuf> = [bindir, lib, sharedir, include].map(Path::to_owned).to_vec();
        let above = roots.iter().skip(1).fold(roots[0].clone(), |above, root| {
            above.ancestors().find(|a| root.starts_with(a)).unwrap_or(Path::new("/")).to_owned()
        });
        if roots.contains(&above) || roots.iter().any(|root| !root.is_absolute()) {
            bail!(
                "cannot copy an installation that lies in \"{}\" without folders of its own",
                above.display()
            );
        }
        Ok(Self { roots, above, dest: dest.to_owned() })
    }

    /// Where a file or folder of the source goes.
    fn place(&self, path: &Path) -> PathBuf {
        self.dest.join(path.strip_prefix(&self.above).unwrap_or(path))
    }

    /// An answer of `pg_config` with the places of the copy in it.
    fn translate(&self, answer: &str) -> String {
        match self.roots.iter().find(|root| Path::new(answer).starts_with(root)) {
            Some(_) => self.place(Path::new(answer)).to_string_lossy().into_owned(),
            None => answer.to_owned(),
        }
    }
}

/// What never comes along: bitcode (three quarters of the size, used only for inlining), manual pages, and any
/// file of the extension.
fn is_left_out(name: &str) -> bool {
    matches!(name, "bitcode" | "man") || name.starts_with("pg_lora")
}

fn copy_folder(from: &Path, to: &Path, how: How) -> anyhow::Result<()> {
    make_readable_dir(to)?;
    for entry in entries(from)? {
        let name = entry.file_name().unwrap_or_default();
        if is_left_out(&name.to_string_lossy()) {
            continue;
        }
        let dest = to.join(name);
        let kind = fs::symlink_metadata(&entry)?.file_type();
        let copied = if kind.is_dir() {
            copy_folder(&entry, &dest, how)?;
            Ok(())
        } else if kind.is_symlink() {
            fs::read_link(&entry).and_then(|target| symlink(target, &dest))
        } else if how == How::Link && fs::hard_link(&entry, &dest).is_ok() {
            Ok(())
        } else {
            fs::copy(&entry, &dest).map(|_| ())
        };
        match copied {
            // Two roots may hold the same folder.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other.with_context(|| format!("could not copy \"{}\"", entry.display()))?,
        }
    }
    Ok(())
}

/// A `pg_config` with fixed answers: the source's, with the places of the copy.
fn write_pg_config(source: &Tree, layout: &Layout, file: &Path) -> anyhow::Result<()> {
    let mut script = String::from("#!/bin/sh\nfor option in \"$@\"; do\n  case $option in\n");
    for option in OPTIONS {
        let answer = layout.translate(&answer(source.pg_config(), option)?);
        script.push_str(&format!("  {option}) echo '{}' ;;\n", answer.replace('\'', "'\\''")));
    }
    script.push_str("  *) echo \"unknown option $option\" >&2; exit 1 ;;\n  esac\ndone\n");
    remove(file)?;
    fs::write(file, script)
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("could not write \"{}\"", file.display()))
}

/// One answer of a `pg_config`; empty if it does not know.
pub fn answer(pg_config: &Path, option: &str) -> anyhow::Result<String> {
    let output = Command::new(pg_config)
        .arg(option)
        .output()
        .with_context(|| format!("could not run \"{} {option}\"", pg_config.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The entries of a folder, in a fixed order.
pub fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("could not read \"{}\"", folder.display()))?;
    let mut paths = read.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    Ok(paths)
}

fn same_folder(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Removes a file or folder that may be absent.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove \"{}\"", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bin: &str, pkglib: &str, share: &str, include: &str, lib: &str) -> anyhow::Result<Layout> {
        let [bin, pkglib, share, include, lib] = [bin, pkglib, share, include, lib].map(Path::new);
        Layout::new(bin, pkglib, share, include, lib, Path::new("/t"))
    }

    #[test]
    fn debians_places_stay_relative_to_each_other() {
        let debian = layout(
            "/usr/lib/postgresql/15/bin",
            "/usr/lib/postgresql/15/lib",
            "/usr/share/postgresql/15",
            "/usr/include/postgresql/15/server",
            "/usr/lib/x86_64-linux-gnu",
        )
        .unwrap();
        assert_eq!(
            debian.place(Path::new("/usr/lib/postgresql/15/bin")),
            Path::new("/t/lib/postgresql/15/bin")
        );
        assert_eq!(debian.translate("/usr/share/postgresql/15"), "/t/share/postgresql/15");
        assert_eq!(debian.translate("/usr/lib/x86_64-linux-gnu"), "/usr/lib/x86_64-linux-gnu");
        assert_eq!(debian.translate("-g -O2"), "-g -O2");
    }

    #[test]
    fn libraries_that_lie_with_the_server_come_along() {
        let own = layout(
            "/o/pg/bin",
            "/o/pg/lib/postgresql",
            "/o/pg/share/postgresql",
            "/o/pg/include/server",
            "/o/pg/lib",
        )
        .unwrap();
        assert_eq!(own.roots[1], Path::new("/o/pg/lib"));
        assert_eq!(own.translate("/o/pg/lib/postgresql"), "/t/lib/postgresql");
    }

    #[test]
    fn an_installation_in_one_heap_is_refused() {
        assert!(layout("/o", "/o/lib", "/o/share", "/o/include", "/o/lib").is_err());
    }

    #[test]
    fn bitcode_and_the_extension_stay_behind() {
        assert!(
            is_left_out("bitcode") && is_left_out("pg_lora.control") && is_left_out("pg_lora--0.1.0.sql")
        );
        assert!(!is_left_out("pg_config") && !is_left_out("llvmjit.so") && !is_left_out("pgxs"));
    }
}
