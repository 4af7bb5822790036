//! A throw-away PostgREST: the HTTP layer, as the platform sets it up, on a database of a [`Cluster`].
//!
//! It ends with its owner in whatever way that ends, as clusters do. Refuses to hide why it did not start: the
//! error ends with its log.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cluster::{START_BUDGET, free_port, read_log, tail};
use crate::{Caller, Cluster, Scratch, environment};

/// The role that connects and becomes whoever a token names. It belongs to the server, so several may make it at
/// once; a lock on one database holds for all.
const AUTHENTICATOR: &str = "
begin;
select pg_advisory_xact_lock(7467);
do $$
begin
  if not exists (select from pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
  end if;
end
$$;
grant anon, authenticated, service_role to authenticator;
commit";

/// A running PostgREST that ends with this value, or with this process.
#[derive(Debug)]
pub struct Postgrest {
    scratch: Scratch,
    port: u16,
}

impl Postgrest {
    /// Signs tokens for throw-away servers only, so it is no secret.
    pub const SECRET: &str = "a secret of at least 32 characters for tests";

    /// Starts it on a database and waits until it knows the schema.
    pub fn start(cluster: &Cluster, database: &str) -> anyhow::Result<Self> {
        Self::run(&environment::postgrest()?, cluster, database)
    }

    /// The same with a program of the caller's.
    pub fn run(program: &Path, cluster: &Cluster, database: &str) -> anyhow::Result<Self> {
        let mut client = cluster.connect("postgres")?;
        client.batch_execute(AUTHENTICATOR).context("could not make the role \"authenticator\"")?;
        // Between finding a free port and the server's binding it somebody else may: then another port.
        let mut attempts = 3;
        loop {
            attempts -= 1;
            match Self::start_once(program, cluster, database, free_port()?) {
                Err(error) if attempts > 0 && error.to_string().contains("in use") => {}
                other => return other,
            }
        }
    }

    fn start_once(program: &Path, cluster: &Cluster, database: &str, port: u16) -> anyhow::Result<Self> {
        let uri = cluster.address().url(database).replacen("//postgres@", "//authenticator@", 1);
        let scratch = Scratch::with_program(program, &settings(&uri, port))?;
        let postgrest = Self { scratch, port };
        postgrest.wait_until_ready()?;
        Ok(postgrest)
    }

    /// Ends it, and starts another one on the same database that answers at the same address.
    pub fn restart(self, cluster: &Cluster, database: &str) -> anyhow::Result<Self> {
        let port = self.port;
        drop(self);
        Self::start_once(&environment::postgrest()?, cluster, database, port)
    }

    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder that it lives in.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        read_log(self.scratch.path())
    }

    /// The signed token of a caller.
    pub fn token(caller: &Caller) -> String {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let body = format!("{}.{}", encoded(r#"{"alg":"HS256","typ":"JWT"}"#), encoded(&caller.claims()));
        let mut mac =
            Hmac::<Sha256>::new_from_slice(Self::SECRET.as_bytes()).expect("a key of any length is taken");
        mac.update(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_BUDGET;
        while !self.log().contains("Schema cache loaded") {
            let failure = if self.scratch.path().join("exited").exists() {
                "PostgREST did not start"
            } else if Instant::now() > deadline {
                "PostgREST was not ready in time"
            } else {
                sleep(Duration::from_millis(10));
                continue;
            };
            bail!("{failure}; its log ends with\n{}", tail(&self.log(), 20));
        }
        Ok(())
    }
}

/// As on the platform, but for the number of connections, and that a request may ask to be rolled back.
fn settings(uri: &str, port: u16) -> String {
    let secret = Postgrest::SECRET;
    format!(
        "db-uri = \"{uri}\"\n\
         db-schemas = \"public\"\n\
         db-extra-search-path = \"public, extensions\"\n\
         db-anon-role = \"anon\"\n\
         db-max-rows = 1000\n\
         db-pool = 4\n\
         db-tx-end = \"commit-allow-override\"\n\
         jwt-secret = \"{secret}\"\n\
         server-host = \"127.0.0.1\"\n\
         server-port = {port}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_three_parts_and_holds_the_claims() {
        let caller = Caller::user("7b0e");
        let token = Postgrest::token(&caller);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[1]).unwrap(), caller.claims().into_bytes());
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[2]).unwrap().len(), 32);
    }
}
