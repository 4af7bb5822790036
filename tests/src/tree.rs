//! A Postgres installation, as its `pg_config` describes it.
//!
//! Refuses what pg_lora does not run on: anything older than 15, or a tree without a server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// One Postgres installation: binaries, libraries, share files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pg_config: PathBuf,
    bindir: PathBuf,
    pkglibdir: PathBuf,
    sharedir: PathBuf,
    version: String,
    major: u16,
}

impl Tree {
    /// Asks `pg_config` where everything is.
    pub fn from_pg_config(pg_config: &Path) -> anyhow::Result<Self> {
        let tree = Self::of_any_version(pg_config)?;
        supported(tree.major).with_context(|| format!("cannot use \"{}\"", pg_config.display()))?;
        Ok(tree)
    }

    /// The same, of a version that pg_lora may not run on: for the tests that it does not.
    pub fn of_any_version(pg_config: &Path) -> anyhow::Result<Self> {
        // It is run, here and later, from other folders than the one that a relative path was meant in.
        let pg_config = &std::path::absolute(pg_config).context("the path of pg_config is empty")?;
        let version = ask(pg_config, "--version")?;
        let major = major(&version).with_context(|| format!("cannot use \"{}\"", pg_config.display()))?;
        let tree = Self {
            bindir: PathBuf::from(ask(pg_config, "--bindir")?),
            pkglibdir: PathBuf::from(ask(pg_config, "--pkglibdir")?),
            sharedir: PathBuf::from(ask(pg_config, "--sharedir")?),
            pg_config: pg_config.to_owned(),
            version,
            major,
        };
        if !tree.bindir.join("postgres").is_file() {
            bail!("there is no server in \"{}\", only client programs", tree.bindir.display());
        }
        Ok(tree)
    }

    /// The `pg_config` that describes this tree.
    pub fn pg_config(&self) -> &Path {
        &self.pg_config
    }

    /// The folder of `postgres`, `initdb`, `psql` …
    pub fn bindir(&self) -> &Path {
        &self.bindir
    }

    /// The folder of loadable libraries.
    pub fn pkglibdir(&self) -> &Path {
        &self.pkglibdir
    }

    /// The folder above `extension/`.
    pub fn sharedir(&self) -> &Path {
        &self.sharedir
    }

    /// What `pg_config --version` says, the packager's words included.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it came with packages of a distribution, which then have more for it.
    pub fn is_of_a_distribution(&self) -> bool {
        ["(Debian ", "(Ubuntu "].iter().any(|name| self.version.contains(name))
    }

    /// 15, 16, 17 …
    pub fn major(&self) -> u16 {
        self.major
    }

    /// A client program: the tree's own, or, since some server packages come without clients, the newest of this
    /// machine.
    pub fn client(&self, program: &str) -> anyhow::Result<PathBuf> {
        let mut candidates = vec![self.bindir.join(program)];
        candidates
            .extend((15..=19).rev().map(|n| PathBuf::from(format!("/usr/lib/postgresql/{n}/bin/{program}"))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        candidates.extend(std::env::split_paths(&path).map(|folder| folder.join(program)));
        candidates.into_iter().find(|file| file.is_file()).with_context(|| {
            format!("there is no \"{program}\" in \"{}\" nor on this machine", self.bindir.display())
        })
    }

    /// The `pg_dump` for this server; None where the newest one is older, as it then refuses to connect.
    pub fn pg_dump(&self) -> anyhow::Result<Option<PathBuf>> {
        let program = self.client("pg_dump")?;
        let version = ask(&program, "--version")?;
        let number = version.strip_prefix("pg_dump (PostgreSQL) ");
        let number = number.with_context(|| format!("\"{version}\" is not what pg_dump says"))?;
        Ok((major(&format!("PostgreSQL {number}"))? >= self.major).then_some(program))
    }
}

fn ask(pg_config: &Path, option: &str) -> anyhow::Result<String> {
    let output = Command::new(pg_config)
        .arg(option)
        .current_dir("/")
        .output()
        .with_context(|| format!("could not run \"{} {option}\"", pg_config.display()))?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || answer.is_empty() {
        bail!("\"{} {option}\" gave no answer", pg_config.display());
    }
    Ok(answer)
}

/// `PostgreSQL 15.20 (Debian 15.20-0+deb12u1)` → 15; `PostgreSQL 18beta1` → 18.
fn major(version: &str) -> anyhow::Result<u16> {
    let number = version.strip_prefix("PostgreSQL ").unwrap_or_default();
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().with_context(|| format!("\"{version}\" does not name a postgres version"))
}

fn supported(major: u16) -> anyhow::Result<()> {
    if major < 15 {
        bail!("postgres {major} is too old\nhint: use 15, 16 or 17");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("PostgreSQL 15.20 (Debian 15.20-0+deb12u1)").unwrap(), 15);
        assert_eq!(major("PostgreSQL 18beta1").unwrap(), 18);
        assert_eq!(major("PostgreSQL 17").unwrap(), 17);
        assert!(major("psql 15").is_err());
        assert!(major("PostgreSQL devel").is_err());
    }

    #[test]
    fn an_old_server_is_refused_with_a_hint() {
        let error = supported(14).unwrap_err().to_string();
        assert_eq!(error, "postgres 14 is too old\nhint: use 15, 16 or 17");
    }

    #[test]
    fn a_missing_pg_config_is_named() {
        let error = Tree::from_pg_config(Path::new("/no/such/pg_config")).unwrap_err();
        assert!(error.to_string().contains("/no/such/pg_config"), "{error}");
    }
}
