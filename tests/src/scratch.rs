//! A throw-away folder, and the shell that watches over it.
//!
//! The shell runs in a process group of its own, so that Ctrl-C in a terminal does not reach it, and holds the
//! reading end of a pipe from us. The pipe closes however we end (drop, panic, exit, SIGKILL), and then the
//! shell stops the servers that live in the folder and removes it. No exit handler could promise that.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::Account;

const SUPERVISE: &str = include_str!("supervise.sh");

/// The longest folder for which `<folder>/.s.PGSQL.65535` still fits the 107 bytes of a unix socket's name.
const LONGEST_SOCKET_DIR: usize = 107 - "/.s.PGSQL.65535".len();

/// A folder for servers, owned by the account they run as. Dropping it stops them and removes it.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
    supervisor: Child,
}

impl Scratch {
    /// A folder in which others (say, pgrx's test framework) start servers, each in a folder of its own below it.
    pub fn new() -> anyhow::Result<Self> {
        let account = Account::for_servers()?;
        Self::supervised(make_dir(account.as_ref())?, account.as_ref(), &[])
    }

    /// A fresh folder whose shell also makes a cluster in `data` and runs its server, with `settings` appended to
    /// its configuration.
    pub(crate) fn with_server(bindir: &Path, settings: impl FnOnce(&Path) -> String) -> anyhow::Result<Self> {
        Self::with_settings(settings, |_| vec!["cluster".into(), bindir.into()])
    }

    /// A fresh folder whose shell also runs another server, whose one argument is a file with its settings.
    pub(crate) fn with_program(program: &Path, settings: &str) -> anyhow::Result<Self> {
        Self::with_settings(
            |_| settings.to_owned(),
            |file| vec!["program".into(), program.into(), file.into()],
        )
    }

    fn with_settings(
        settings: impl FnOnce(&Path) -> String,
        task: impl FnOnce(&Path) -> Vec<OsString>,
    ) -> anyhow::Result<Self> {
        let account = Account::for_servers()?;
        let dir = make_dir(account.as_ref())?;
        let file = dir.join("settings.conf");
        fs::write(&file, settings(&dir))
            .with_context(|| format!("could not write \"{}\"", file.display()))?;
        if let Some(account) = &account {
            account.own(&file)?;
        }
        Self::supervised(dir, account.as_ref(), &task(&file))
    }

    /// Takes charge of a folder that an earlier process left behind: dropping it ends what runs there.
    pub(crate) fn adopt(dir: PathBuf) -> anyhow::Result<Self> {
        let owner = Account::owner_of(&dir)?;
        Self::supervised(dir, owner.as_ref(), &[])
    }

    fn supervised(dir: PathBuf, account: Option<&Account>, task: &[OsString]) -> anyhow::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISE, "supervise"]).arg(&dir).args(task);
        command.current_dir("/").process_group(0);
        // A PGPORT or PGOPTIONS of the caller is meant for another server, and so is a PGRST_DB_URI.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(account) = account {
            account.apply(&mut command);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let supervisor = command.spawn().context("could not run \"/bin/sh\"")?;
        Ok(Self { dir, supervisor })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Leaves the folder and its server to themselves.
    pub(crate) fn keep(mut self) -> anyhow::Result<PathBuf> {
        let told = self.supervisor.stdin.as_mut().map(|pipe| pipe.write_all(b"keep\n"));
        if !matches!(told, Some(Ok(()))) || !self.supervisor.wait()?.success() {
            bail!("the server in \"{}\" could not be left running", self.dir.display());
        }
        Ok(self.dir.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // None after `keep`, which has waited already.
        if self.supervisor.stdin.is_none() {
            return;
        }
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        // What somebody else (root) put into the folder, the shell may not remove.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn make_dir(account: Option<&Account>) -> anyhow::Result<PathBuf> {
    // Its shell, which runs as that account, has to remove the folder from there, also when we are killed.
    let usable = |dir: &Path| account.is_none_or(|account| account.can_write(dir));
    let parent = parent_for_sockets(&std::env::temp_dir(), usable);
    for _ in 0..16 {
        let dir = parent.join(format!("pglora-{:06x}", RandomState::new().hash_one(()) & 0xff_ffff));
        // Only the servers' account and root may enter: trust authentication is not for other users.
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {
                if let Some(account) = account {
                    account.own(&dir)?;
                }
                return Ok(dir);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("could not make \"{}\"", dir.display()));
            }
        }
    }
    bail!("could not find a free name for a folder in \"{}\"", parent.display())
}

/// TMPDIR, unless its name is too long for a socket or the servers' account cannot make folders there.
fn parent_for_sockets(wanted: &Path, usable: impl Fn(&Path) -> bool) -> PathBuf {
    let length = wanted.as_os_str().len() + "/pglora-000000".len();
    if length <= LONGEST_SOCKET_DIR && usable(wanted) { wanted.to_owned() } else { PathBuf::from("/tmp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_folder_is_short_and_open() {
        let long = PathBuf::from("/").join("x".repeat(80));
        assert_eq!(parent_for_sockets(Path::new("/var/tmp"), |_| true), Path::new("/var/tmp"));
        assert_eq!(parent_for_sockets(&long, |_| true), Path::new("/tmp"));
        assert_eq!(parent_for_sockets(Path::new("/closed/tmp"), |_| false), Path::new("/tmp"));
    }

    #[test]
    fn a_folder_without_a_server_goes_too() {
        let scratch = Scratch::new().unwrap();
        let dir = scratch.path().to_owned();
        fs::create_dir_all(dir.join("15-1")).unwrap();
        // Whose number that is, nobody knows: it must not be signalled, it works elsewhere.
        fs::write(dir.join("15-1/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        assert!(dir.is_dir());
        drop(scratch);
        assert!(!dir.exists());
    }
}
