//! The account that servers run as. Postgres refuses to run as root, so root needs an unprivileged one.
//!
//! Refuses to guess: an account is taken only if the system knows it by name.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// An unprivileged account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Whom a server has to run as: nobody else (`None`) unless we are root, then `postgres`, or `nobody` on a
    /// machine whose Postgres did not come with a package.
    pub fn for_servers() -> anyhow::Result<Option<Self>> {
        if !we_are_root()? {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
                return Ok(Some(Self { name: name.to_owned(), uid, gid }));
            }
        }
        bail!("postgres refuses to run as root, and there is no account \"postgres\" or \"nobody\"")
    }

    /// The account's name, as `sudo -u` takes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes `command` run as this account, without any group of ours.
    pub fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or folder to this account.
    pub fn own(&self, path: &Path) -> anyhow::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("could not give \"{}\" to \"{}\"", path.display(), self.name))
    }

    /// Whether this account can enter a folder and list it, asked of the system itself: every folder on the way
    /// counts, and not only its mode bits.
    pub fn can_read(&self, folder: &Path) -> bool {
        self.succeeds("cd \"$1\" && ls . >/dev/null", folder)
    }

    /// The same, and make and remove folders in it.
    pub(crate) fn can_write(&self, folder: &Path) -> bool {
        self.succeeds("cd \"$1\" && test -w .", folder)
    }

    fn succeeds(&self, script: &str, folder: &Path) -> bool {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(folder).current_dir("/");
        self.apply(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// The owner of an existing file or folder, if we are root and it is not ours: how to act on something that
    /// an earlier process made.
    pub(crate) fn owner_of(path: &Path) -> anyhow::Result<Option<Self>> {
        let seen = fs::metadata(path).with_context(|| format!("could not read \"{}\"", path.display()))?;
        if seen.uid() == 0 || !we_are_root()? {
            return Ok(None);
        }
        Ok(Some(Self { name: seen.uid().to_string(), uid: seen.uid(), gid: seen.gid() }))
    }
}

/// Whether this process runs as root. The owner of /proc/self is the effective user.
pub(crate) fn we_are_root() -> anyhow::Result<bool> {
    Ok(fs::metadata("/proc/self").context("could not read \"/proc/self\"")?.uid() == 0)
}

fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_have_no_id() {
        assert_eq!(id("-u", "no-such-account-here"), None);
    }

    #[test]
    fn an_account_is_needed_only_by_root() {
        let account = Account::for_servers().unwrap();
        assert_eq!(account.is_some(), we_are_root().unwrap());
        if let Some(account) = account {
            assert_ne!(account.uid, 0);
            assert!(account.can_read(Path::new("/")));
            assert!(!account.can_read(Path::new("/no/such/folder")));
            assert!(account.can_write(Path::new("/tmp")) && !account.can_write(Path::new("/")));
        }
    }
}
