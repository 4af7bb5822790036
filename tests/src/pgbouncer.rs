//! A throw-away PgBouncer in front of a [`Cluster`], as platforms put one in front of their databases.
//!
//! It listens on a free port of 127.0.0.1, lets every role of the server in without a password, and ends with its
//! owner in whatever way that ends, as clusters do. Refuses to hide why it did not start: the error ends with its log.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::cluster::{START_BUDGET, connect, free_port, read_log, tail};
use crate::{Address, Cluster, Scratch, environment};

/// For how long a client has its connection of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it stays.
    Session,
    /// For one transaction: the next one may run on another connection, and other clients run on this one.
    Transaction,
}

/// A running PgBouncer that ends with this value, or with this process.
#[derive(Debug)]
pub struct Pgbouncer {
    scratch: Scratch,
    address: Address,
}

impl Pgbouncer {
    /// Starts one that has up to `pool_size` connections for each user and database, and waits until it takes clients.
    pub fn start(cluster: &Cluster, mode: PoolMode, pool_size: u16) -> anyhow::Result<Self> {
        // Between finding a free port and the server's binding it somebody else may: then another port.
        let mut attempts = 3;
        loop {
            attempts -= 1;
            match Self::start_once(cluster, mode, pool_size) {
                Err(error) if attempts > 0 && error.to_string().contains("in use") => {}
                other => return other,
            }
        }
    }

    fn start_once(cluster: &Cluster, mode: PoolMode, pool_size: u16) -> anyhow::Result<Self> {
        let port = free_port()?;
        let server = cluster.address();
        let settings = settings(server, port, mode, pool_size);
        let scratch = Scratch::with_program(&environment::pgbouncer()?, &settings)?;
        let address = Address::new(scratch.path().to_owned(), port);
        let pgbouncer = Self { scratch, address };
        pgbouncer.wait_until_ready()?;
        Ok(pgbouncer)
    }

    /// URL of a database through it, as the superuser `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.address.tcp_url(database, "postgres", "")
    }

    /// A connection through it as the superuser `postgres`.
    pub fn connect(&self, database: &str) -> anyhow::Result<postgres::Client> {
        connect(&self.url(database))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The folder that it lives in.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        read_log(self.scratch.path())
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_BUDGET;
        while !self.log().contains("process up") {
            let failure = if self.scratch.path().join("exited").exists() {
                "PgBouncer did not start"
            } else if Instant::now() > deadline {
                "PgBouncer was not ready in time"
            } else {
                sleep(Duration::from_millis(10));
                continue;
            };
            bail!("{failure}; its log ends with\n{}", tail(&self.log(), 20));
        }
        Ok(())
    }
}

/// A role that is in no file is asked of the server, as `auth_user`. It has no unix socket, where its folder's name
/// would have to be known.
fn settings(server: &Address, port: u16, mode: PoolMode, pool_size: u16) -> String {
    let mode = match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
    };
    format!(
        "[databases]\n\
         * = host={} port={} auth_user=postgres\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = trust\n\
         auth_query = select rolname, null from pg_catalog.pg_roles where rolname = $1\n\
         pool_mode = {mode}\n\
         default_pool_size = {pool_size}\n\
         max_client_conn = 200\n\
         server_login_retry = 1\n\
         ignore_startup_parameters = extra_float_digits\n",
        server.socket_dir().display(),
        server.port(),
    )
}
