//! System packages: a Postgres server with headers, what building an extension needs, and PgBouncer for the tests.
//!
//! Looks for the things themselves and not for packages, so that a machine which has them in another way is left
//! alone. Installs with apt-get as root or through sudo, or else names the one command to run. Never touches a
//! server of the system, and sees to it that installing the package does not start one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use pg_lora_tests::{Account, Tree};

use crate::checkout::Checkout;
use crate::setup::say;
use crate::{process, tree};

/// The versions that the extension has a feature for, the preferred one first.
const MAJORS: [u16; 3] = [17, 16, 15];

/// Runs as root. Debian's server package makes and starts a cluster of the system's own, and PgBouncer's starts one of
/// those; for the time of the installation that is off, and PgBouncer does not start with the machine either.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update
dir=/etc/postgresql-common/createcluster.d
file=$dir/no-cluster-by-pg-lora-setup.conf
mkdir -p "$dir"
trap 'rm -f "$file"' EXIT
echo "create_main_cluster = false" >"$file"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$file" "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get install --yes --no-install-recommends "$@"
case " $* " in *" pgbouncer "*) update-rc.d pgbouncer disable || true ;; esac
"#;

/// Provides what is missing and says which Postgres to copy: the given one, or the distribution's.
pub fn provide(checkout: &Checkout, pg_config: Option<&Path>) -> anyhow::Result<Tree> {
    let given = match pg_config {
        Some(path) => Some(usable(&Tree::from_pg_config(path)?)?),
        None => None,
    };
    let found = given.or_else(newest_installed);
    let missing = missing_packages(&Machine::look(checkout, found.is_some())?)?;
    if !missing.is_empty() {
        install(checkout, &missing)?;
    }
    match found.or_else(newest_installed) {
        Some(tree) => Ok(tree),
        None => bail!(
            "there is no postgres server with headers in \"/usr/lib/postgresql\"\n\
             hint: name another with --pg-config"
        ),
    }
}

fn newest_installed() -> Option<Tree> {
    MAJORS.iter().find_map(|major| {
        let tree = Tree::from_pg_config(&PathBuf::from(format!("/usr/lib/postgresql/{major}/bin/pg_config")))
            .ok()?;
        usable(&tree).ok()
    })
}

/// A tree that the extension can be built for.
fn usable(tree: &Tree) -> anyhow::Result<Tree> {
    if !MAJORS.contains(&tree.major()) {
        bail!("the extension is not built for postgres {}\nhint: use 15, 16 or 17", tree.major());
    }
    let headers = tree::answer(tree.pg_config(), "--includedir-server")?;
    if !Path::new(&headers).join("postgres.h").is_file() {
        bail!(
            "there are no server headers in \"{headers}\"\n\
             hint: install postgresql-server-dev-{} or what this server calls it",
            tree.major()
        );
    }
    Ok(tree.clone())
}

/// What a machine has, as far as the choice of packages depends on it.
#[derive(Debug, Default, Clone)]
struct Machine {
    /// A server with headers, the given one or an installed one.
    postgres: bool,
    /// The newest server that lacks only its headers.
    server_without_headers: Option<u16>,
    libclang: bool,
    clang: bool,
    pgbouncer: bool,
    /// A worker of the documentation is a program in Python.
    python: bool,
    /// sudo matters to root alone: pgrx's test framework changes the user with it.
    root_without_sudo: bool,
    npm_wanted: bool,
    npm: bool,
    /// `ID` and `VERSION_ID` of /etc/os-release.
    distribution: (String, String),
}

impl Machine {
    fn look(checkout: &Checkout, postgres: bool) -> anyhow::Result<Self> {
        let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        Ok(Self {
            postgres,
            server_without_headers: MAJORS
                .into_iter()
                .find(|major| Path::new(&format!("/usr/lib/postgresql/{major}/bin/postgres")).is_file()),
            libclang: has_libclang(),
            clang: process::in_path("clang").is_some(),
            pgbouncer: pgbouncer().is_ok(),
            python: process::in_path("python3").is_some(),
            root_without_sudo: Account::for_servers()?.is_some() && process::in_path("sudo").is_none(),
            npm_wanted: checkout.root().join("types/package.json").is_file(),
            npm: process::in_path("npm").is_some(),
            distribution: (os_release_value(&os_release, "ID"), os_release_value(&os_release, "VERSION_ID")),
        })
    }
}

/// The packages, by the names they have in Debian and Ubuntu, that a machine still needs.
fn missing_packages(machine: &Machine) -> anyhow::Result<Vec<String>> {
    let mut packages = Vec::new();
    if !machine.postgres {
        let major = match (machine.server_without_headers, &machine.distribution) {
            (Some(major), _) => major,
            (None, (id, version)) => packaged_major(id, version)?,
        };
        packages.push(format!("postgresql-{major}"));
        packages.push(format!("postgresql-server-dev-{major}"));
    }
    let mut want = |missing: bool, names: &[&str]| {
        if missing {
            packages.extend(names.iter().map(|name| (*name).to_owned()));
        }
    };
    want(!machine.libclang, &["libclang-dev"]);
    want(!machine.clang, &["clang"]);
    want(!machine.pgbouncer, &["pgbouncer"]);
    want(!machine.python, &["python3"]);
    want(machine.root_without_sudo, &["sudo"]);
    want(machine.npm_wanted && !machine.npm, &["nodejs", "npm"]);
    Ok(packages)
}

/// The Postgres that a release of a distribution ships.
fn packaged_major(id: &str, version: &str) -> anyhow::Result<u16> {
    Ok(match (id, version) {
        ("debian", "12") => 15,
        ("debian", "13") => 17,
        ("ubuntu", "24.04") => 16,
        ("ubuntu", "25.04" | "25.10") => 17,
        _ => bail!(
            "no postgres 15, 16 or 17 is known to come with \"{id} {version}\"\n\
             hint: install one with its server headers and name it with --pg-config"
        ),
    })
}

fn os_release_value(text: &str, key: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or("unknown")
        .trim_matches('"')
        .to_owned()
}

/// The program, which the tests run servers of their own with. It lies where only root's PATH leads.
pub fn pgbouncer() -> anyhow::Result<PathBuf> {
    process::in_path("pgbouncer")
        .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|program| program.is_file()))
        .context("there is no pgbouncer on this machine\nhint: run \"cargo xtask setup\"")
}

/// Where bindgen looks for libclang.
fn has_libclang() -> bool {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("LIBCLANG_PATH").map(PathBuf::from).into_iter().collect();
    folders.extend(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        folders.push(entry.path());
        folders.push(entry.path().join("lib"));
    }
    folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        (name.starts_with("libclang.so") || name.starts_with("libclang-")) && name.contains(".so")
    })
}

/// Installs packages, or says how to.
pub fn install(checkout: &Checkout, packages: &[String]) -> anyhow::Result<()> {
    let by_hand = format!(
        "sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    );
    if process::in_path("apt-get").is_none() {
        bail!(
            "this machine lacks what the packages {} bring, and has no apt-get\n\
             hint: install the same with the system's package manager",
            packages.join(", ")
        );
    }
    let root = Account::for_servers()?.is_some();
    if !root && !sudo_without_password() {
        bail!("system packages are missing\nhint: run \"{by_hand}\"");
    }
    say(&format!("installing {}", packages.join(", ")));
    let mut command = if root {
        Command::new("/bin/sh")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "/bin/sh"]);
        sudo
    };
    command.args(["-c", INSTALL, "sh"]).args(packages).current_dir("/");
    process::run_silently(checkout, "packages", &mut command)
        .with_context(|| format!("could not install system packages\nhint: run \"{by_hand}\""))
}

fn sudo_without_password() -> bool {
    let mut command = Command::new("sudo");
    command.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(id: &str, version: &str) -> Machine {
        Machine { distribution: (id.to_owned(), version.to_owned()), ..Machine::default() }
    }

    #[test]
    fn a_bare_debian_needs_its_own_postgres_and_clang() {
        assert_eq!(
            missing_packages(&bare("debian", "12")).unwrap(),
            ["postgresql-15", "postgresql-server-dev-15", "libclang-dev", "clang", "pgbouncer", "python3"]
        );
        let root = Machine { root_without_sudo: true, ..bare("ubuntu", "24.04") };
        assert_eq!(
            missing_packages(&root).unwrap(),
            [
                "postgresql-16",
                "postgresql-server-dev-16",
                "libclang-dev",
                "clang",
                "pgbouncer",
                "python3",
                "sudo"
            ]
        );
    }

    #[test]
    fn a_complete_machine_needs_nothing() {
        let machine = Machine {
            postgres: true,
            libclang: true,
            clang: true,
            pgbouncer: true,
            python: true,
            ..bare("arch", "unknown")
        };
        assert!(missing_packages(&machine).unwrap().is_empty());
    }

    #[test]
    fn headers_are_for_the_server_that_is_there() {
        let machine = Machine {
            server_without_headers: Some(17),
            libclang: true,
            clang: true,
            pgbouncer: true,
            python: true,
            ..bare("debian", "12")
        };
        assert_eq!(missing_packages(&machine).unwrap(), ["postgresql-17", "postgresql-server-dev-17"]);
    }

    #[test]
    fn an_unknown_distribution_is_told_what_to_do() {
        let error = missing_packages(&bare("ubuntu", "22.04")).unwrap_err().to_string();
        assert!(error.contains("ubuntu 22.04") && error.contains("--pg-config"), "{error}");
    }

    #[test]
    fn npm_is_installed_only_for_the_npm_package() {
        let complete = Machine {
            postgres: true,
            libclang: true,
            clang: true,
            pgbouncer: true,
            python: true,
            ..bare("debian", "12")
        };
        let wanted = Machine { npm_wanted: true, ..complete };
        assert_eq!(missing_packages(&wanted).unwrap(), ["nodejs", "npm"]);
        assert!(missing_packages(&Machine { npm: true, ..wanted }).unwrap().is_empty());
    }

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let text = "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(os_release_value(text, "ID"), "debian");
        assert_eq!(os_release_value(text, "VERSION_ID"), "12");
        assert_eq!(os_release_value(text, "CODENAME"), "unknown");
    }
}
