//! Where a server listens, and the URLs that say so.
//!
//! A URL must mean the same to rust-postgres, to libpq (psql, pg_dump, PostgREST) and to `pg-lora`, so it uses
//! only what all of them read: a percent-encoded URI, the socket folder as `host`, no default left to a `PG*`
//! variable.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A server on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    socket_dir: PathBuf,
    port: u16,
}

impl Address {
    pub(crate) fn new(socket_dir: PathBuf, port: u16) -> Self {
        Self { socket_dir, port }
    }

    /// The folder with the unix socket `.s.PGSQL.<port>`.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The port: part of the socket's name, and of the TCP address where there is one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of a database over the unix socket, as the superuser `postgres`, who needs no password there.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql://postgres@/{}?host={}&port={}",
            percent_encoded(database),
            percent_encoded(&self.socket_dir.to_string_lossy()),
            self.port
        )
    }

    /// URL of a database over TCP, where every role needs its password.
    pub fn tcp_url(&self, database: &str, user: &str, password: &str) -> String {
        format!(
            "postgresql://{}:{}@127.0.0.1:{}/{}",
            percent_encoded(user).replace('/', "%2F"),
            percent_encoded(password).replace('/', "%2F"),
            self.port,
            percent_encoded(database)
        )
    }
}

/// RFC 3986: unreserved characters stay, and the slash, which a path or a query may hold and people want to read.
/// Before the host it has to go too.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_as_it_was_meant() {
        let address = Address::new(PathBuf::from("/tmp/a b&c"), 5433);
        let url = address.url("tést?#");
        assert_eq!(url, "postgresql://postgres@/t%C3%A9st%3F%23?host=/tmp/a%20b%26c&port=5433");
        let config: postgres::Config = url.parse().unwrap();
        assert_eq!(config.get_dbname(), Some("tést?#"));
        assert_eq!(config.get_hosts(), [postgres::config::Host::Unix(PathBuf::from("/tmp/a b&c"))]);
        assert_eq!(config.get_ports(), [5433]);
    }

    #[test]
    fn a_password_may_hold_anything() {
        let url = Address::new(PathBuf::from("/tmp/x"), 1).tcp_url("db", "u", "p@ss:/?#%");
        assert_eq!(url, "postgresql://u:p%40ss%3A%2F%3F%23%25@127.0.0.1:1/db");
        let config: postgres::Config = url.parse().unwrap();
        assert_eq!(config.get_password(), Some("p@ss:/?#%".as_bytes()));
    }
}
