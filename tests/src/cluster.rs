//! A throw-away server on a fresh folder: unix socket in that folder, durability off, gone with its owner.
//!
//! Locally it trusts every role, because the folder is closed to others; over TCP, which is off unless asked for,
//! every role needs its password. Refuses to hide why a server did not start: the error ends with its log.

use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use postgres::{Client, NoTls};

use crate::{Account, Address, Detached, Scratch, Tree};

/// initdb takes about a second; a machine that needs this long has another problem, and the log will tell.
pub(crate) const START_BUDGET: Duration = Duration::from_secs(60);

/// The socket's name needs a port even where nothing listens on TCP.
const PORT_WITHOUT_TCP: u16 = 5432;

/// How a cluster differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    tcp: bool,
    port: Option<u16>,
    settings: Vec<(String, String)>,
}

impl Options {
    /// Also listens on a free port of 127.0.0.1.
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Also listens on this port of 127.0.0.1, for those who have to know it before the server is there.
    pub fn tcp_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self.tcp()
    }

    /// One more line of postgresql.conf; the last one of a name counts.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts a server and waits until it takes connections.
    pub fn start(&self, tree: &Tree) -> anyhow::Result<Cluster> {
        // Between finding a free port and the server's binding it somebody else may: then another port.
        let mut attempts = if self.tcp && self.port.is_none() { 3 } else { 1 };
        loop {
            attempts -= 1;
            match self.start_once(tree) {
                Err(error) if attempts > 0 && error.to_string().contains("could not bind") => {}
                other => return other,
            }
        }
    }

    fn start_once(&self, tree: &Tree) -> anyhow::Result<Cluster> {
        let port = match self.port {
            Some(port) => port,
            None if self.tcp => free_port()?,
            None => PORT_WITHOUT_TCP,
        };
        let scratch = Scratch::with_server(tree.bindir(), |dir| self.postgresql_conf(dir, port))?;
        let address = Address::new(scratch.path().to_owned(), port);
        let cluster = Cluster { scratch, address, tree: tree.clone(), tcp: self.tcp };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    fn postgresql_conf(&self, dir: &Path, port: u16) -> String {
        let mut lines = String::from("\n# pg_lora: a throw-away cluster\n");
        let port = port.to_string();
        let dir = dir.to_string_lossy();
        let ours = [
            ("listen_addresses", if self.tcp { "127.0.0.1" } else { "" }),
            ("port", &port),
            ("unix_socket_directories", &dir),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            ("logging_collector", "off"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
        ];
        let theirs = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            writeln!(lines, "{name} = '{}'", value.replace('\'', "''")).expect("a String takes everything");
        }
        lines
    }
}

/// A running server that ends with this value, or with this process.
#[derive(Debug)]
pub struct Cluster {
    scratch: Scratch,
    address: Address,
    tree: Tree,
    tcp: bool,
}

impl Cluster {
    /// Starts the usual one: unix socket only.
    pub fn start(tree: &Tree) -> anyhow::Result<Self> {
        Options::default().start(tree)
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
        connect(&self.url(database))
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let quoted = name.replace('"', "\"\"");
        self.connect("postgres")?
            .batch_execute(&format!("create database \"{quoted}\""))
            .with_context(|| format!("could not create the database \"{name}\""))
    }

    /// The folder with the unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.address.socket_dir()
    }

    /// The port on 127.0.0.1, if TCP was asked for.
    pub fn tcp_port(&self) -> Option<u16> {
        self.tcp.then_some(self.address.port())
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        read_log(self.scratch.path())
    }

    /// The installation it runs from.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Ends all processes of the server at once, without a checkpoint, and starts it again: it recovers from its log.
    /// What was committed is there again only where `synchronous_commit` was on.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.pg_ctl(&["stop", "-m", "immediate"])?;
        let log = self.scratch.path().join("log");
        // The folder's shell stops whichever server runs in it.
        self.pg_ctl(&["start", "-l", &log.to_string_lossy()])
    }

    fn pg_ctl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(self.tree.bindir().join("pg_ctl"));
        command.args(["-s", "-w", "-D"]).arg(self.scratch.path().join("data")).args(arguments);
        // Nothing that the caller has set is meant for this server.
        command.env_clear().current_dir("/").stdin(Stdio::null()).process_group(0);
        if let Some(account) = Account::for_servers()? {
            account.apply(&mut command);
        }
        let output = command.output().context("could not run \"pg_ctl\"")?;
        if !output.status.success() {
            bail!("\"pg_ctl {}\" failed: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Stops the server and removes its folder, as dropping does, and says whether that worked.
    pub fn stop(self) -> anyhow::Result<()> {
        let dir = self.scratch.path().to_owned();
        drop(self);
        if dir.exists() {
            bail!("the server in \"{}\" did not stop", dir.display());
        }
        Ok(())
    }

    /// Leaves the server running when this process ends; [`Detached::stop`] ends it later.
    pub fn detach(self) -> anyhow::Result<Detached> {
        Detached::open(&self.scratch.keep()?)
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let dir = self.scratch.path();
        let deadline = Instant::now() + START_BUDGET;
        while !is_ready(&dir.join("data/postmaster.pid")) {
            let failure = if dir.join("exited").exists() {
                "the server did not start"
            } else if Instant::now() > deadline {
                "the server was not ready in time"
            } else {
                sleep(Duration::from_millis(10));
                continue;
            };
            bail!("{failure}; its log ends with\n{}", tail(&read_log(dir), 20));
        }
        Ok(())
    }
}

pub(crate) fn connect(url: &str) -> anyhow::Result<Client> {
    Client::connect(url, NoTls).with_context(|| format!("could not connect to \"{url}\""))
}

/// The eighth line of the pid file is the server's own word that it takes connections.
fn is_ready(pid_file: &PathBuf) -> bool {
    fs::read_to_string(pid_file).is_ok_and(|text| text.lines().nth(7).map(str::trim_end) == Some("ready"))
}

pub(crate) fn read_log(dir: &Path) -> String {
    fs::read(dir.join("log"))
        .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn tail(text: &str, lines: usize) -> String {
    let skipped = text.lines().count().saturating_sub(lines);
    text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

/// A port of 127.0.0.1 on which nothing listens yet.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("could not find a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_quoted_and_the_callers_come_last() {
        let conf = Options::default()
            .tcp()
            .set("fsync", "on")
            .set("application_name", "it's")
            .postgresql_conf(Path::new("/tmp/x"), 5555);
        assert!(conf.contains("listen_addresses = '127.0.0.1'\nport = '5555'\n"), "{conf}");
        assert!(conf.ends_with("fsync = 'on'\napplication_name = 'it''s'\n"), "{conf}");
    }

    #[test]
    fn without_tcp_nothing_listens() {
        let conf = Options::default().postgresql_conf(Path::new("/tmp/x"), PORT_WITHOUT_TCP);
        assert!(conf.contains("listen_addresses = ''\n"), "{conf}");
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("1\n2\n3\n", 2), "2\n3");
        assert_eq!(tail("1\n", 20), "1");
        assert_eq!(tail("", 20), "");
    }
}
