//! A server that outlived the process that started it, known by its folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use postgres::Client;

use crate::{Address, Scratch, cluster};

/// A running server that belongs to nobody until it is stopped.
#[derive(Debug)]
pub struct Detached {
    dir: PathBuf,
    address: Address,
}

impl Detached {
    /// Finds the server that [`Cluster::detach`](crate::Cluster::detach) left in a folder, if it still runs.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join("data/postmaster.pid");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("there is no running server in \"{}\"", dir.display()))?;
        let Some((pid, address)) = parse_pid_file(&text) else {
            bail!("\"{}\" is not the pid file of a server", file.display());
        };
        // After a reboot the file may still be there and the number belong to another process.
        if fs::read_link(format!("/proc/{pid}/cwd")).ok() != fs::canonicalize(dir.join("data")).ok() {
            bail!("the server in \"{}\" is gone", dir.display());
        }
        Ok(Self { dir: dir.to_owned(), address })
    }

    /// Its folder, to be handed to [`open`](Self::open) by a later process.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// URL of a database over the unix socket, as the superuser `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// A connection to a database as the superuser `postgres`.
    pub fn connect(&self, database: &str) -> anyhow::Result<Client> {
        cluster::connect(&self.url(database))
    }

    /// Stops the server and removes its folder.
    pub fn stop(self) -> anyhow::Result<()> {
        Self::sweep(&self.dir)
    }

    /// Removes the folder of a server that was detached, and stops the server if it still runs. A folder that is
    /// gone already is fine.
    pub fn sweep(dir: &Path) -> anyhow::Result<()> {
        if dir.exists() {
            drop(Scratch::adopt(dir.to_owned())?);
        }
        if dir.exists() {
            bail!("the server in \"{}\" did not stop", dir.display());
        }
        Ok(())
    }
}

/// Lines of postmaster.pid: pid, data folder, start time, port, socket folder, …
fn parse_pid_file(text: &str) -> Option<(u32, Address)> {
    let lines: Vec<&str> = text.lines().collect();
    let pid = lines.first()?.trim().parse().ok()?;
    let port = lines.get(3)?.trim().parse().ok()?;
    let socket_dir = lines.get(4).filter(|line| !line.is_empty())?;
    Some((pid, Address::new(PathBuf::from(socket_dir), port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_says_where_the_server_listens() {
        let (pid, address) = parse_pid_file("41\n/tmp/x/data\n1\n5433\n/tmp/x\n\n  1 2\nready   \n").unwrap();
        assert_eq!((pid, address.port()), (41, 5433));
        assert_eq!(address.socket_dir(), Path::new("/tmp/x"));
        assert!(parse_pid_file("").is_none());
        assert!(parse_pid_file("-41\n/tmp/x/data\n1\n0\n\n").is_none(), "initdb's own server");
    }

    #[test]
    fn a_folder_without_a_server_is_an_error() {
        let error = Detached::open(Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no running server"), "{error}");
    }
}
