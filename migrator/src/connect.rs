//! Opening the connection that a command uses, and the few beside it.
//!
//! Invariant: the whole of it, name lookup and authentication included, ends within the target's timeout;
//! what comes out says which server was tried and never how it was authenticated.
//! Refused: servers that accept only TLS.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use postgres::error::Severity;
use postgres::{Client, NoTls};

use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::target::Target;
use crate::watch::Watch;
use crate::{report, sql_error};

/// For how long a connection that was lost is tried to be opened again.
const COMES_BACK: Duration = Duration::from_secs(15);

/// An open connection, what ends it early, and who looks at it while it waits.
pub struct Session {
    pub client: Client,
    pub interrupt: Interrupt,
    pub watch: Watch,
    target: Target,
}

/// Connects, and lets a signal cancel what will run on the connection.
pub fn open(target: Target, interrupt: &Interrupt) -> Result<Session, Error> {
    let client = dial(&target, interrupt)?;
    interrupt.cancels(client.cancel_token());
    let watch = Watch::new(target.clone(), interrupt.clone());
    Ok(Session { client, interrupt: interrupt.clone(), watch, target })
}

impl Session {
    /// Opens the connection again after it was lost. A server that restarts is waited for.
    pub fn reopen(&mut self) -> Result<(), Error> {
        let end = Instant::now() + COMES_BACK;
        loop {
            match dial(&self.target, &self.interrupt) {
                Ok(client) => {
                    self.interrupt.cancels(client.cancel_token());
                    self.client = client;
                    return Ok(());
                }
                Err(error) if error.exit == Exit::Unreachable && Instant::now() < end => {
                    self.interrupt.sleep(Duration::from_millis(500))?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a pooler between here and the server gives each transaction whatever connection is free, so that
/// nothing can be kept in the session.
///
/// Two open connections that have the same process of the server tell it; so does one whose process changes. In
/// turns, because another client may be in between.
pub fn is_transaction_pooled(session: &mut Session) -> Result<bool, Error> {
    let mut other = dial(&session.target, &session.interrupt)?;
    let mut before = None;
    for _ in 0..3 {
        let (here, there) = (backend(&mut session.client)?, backend(&mut other)?);
        if here == there || before.is_some_and(|before| before != here) {
            return Ok(true);
        }
        before = Some(here);
    }
    Ok(false)
}

/// The process of the server that a connection has right now.
pub fn backend(client: &mut Client) -> Result<i32, Error> {
    client
        .query_typed_one("select pg_backend_pid()", &[])
        .and_then(|row| row.try_get(0))
        .map_err(|error| sql_error::while_doing(&error, "asking for the process of the server"))
}

/// Connects, and nothing more.
pub fn dial(target: &Target, interrupt: &Interrupt) -> Result<Client, Error> {
    let Target { mut config, timeout, place } = target.clone();
    config.notice_callback(|notice| {
        // NOTICE is about what was skipped because it is there already. 25P01 follows a COMMIT inside a file,
        // which is reported on its own.
        if notice.parsed_severity() == Some(Severity::Warning) && notice.code().code() != "25P01" {
            report::say(&format!("warning: {}", notice.message()));
        }
    });
    // A server that is gone without a word is noticed within a minute, and not after the two hours of the
    // system.
    config
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3);
    // The driver's timeout covers the TCP handshake only: a name server, or a port that accepts and then says
    // nothing, would hold it for ever. Hence a thread, which is left behind when the time is over.
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Nobody waits any more when the time was over.
        let _ = sender.send(config.connect(NoTls));
    });
    let end = Instant::now() + timeout;
    let outcome = loop {
        interrupt.check()?;
        let left = end.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(Duration::from_millis(100))) {
            Ok(outcome) => break outcome,
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(_) => {
                return Err(unreachable(&place)
                    .detail(format!("no answer within {} s", timeout.as_secs()))
                    .hint("check host and port, and that no firewall is between"));
            }
        }
    };
    outcome.map_err(|error| refused(&error, &place))
}

fn unreachable(place: &str) -> Error {
    Error::new(Exit::Unreachable, format!("the server at \"{place}\" cannot be reached"))
}

/// Why a connection was not opened.
fn refused(error: &postgres::Error, place: &str) -> Error {
    if error.as_db_error().is_some() {
        let mut error = sql_error::while_doing(error, &format!("connecting to \"{place}\""));
        if error.message.contains("pg_hba.conf") {
            error.hint = Some(
                "allow this connection in pg_hba.conf; where the server wants TLS: this version of pg-lora \
                 does not speak it yet"
                    .into(),
            );
        }
        return error;
    }
    let cause = sql_error::cause(error);
    // The driver's own words for "the server asks for a password and none was given", "… for a method I do
    // not know".
    match error.to_string().as_str() {
        "invalid configuration" if cause.contains("password") => {
            Error::new(Exit::Denied, format!("the server at \"{place}\" asks for a password"))
                .hint("put it into the URL or into PGPASSWORD")
        }
        "authentication error" => {
            Error::new(Exit::Denied, format!("authentication at \"{place}\" failed")).detail(cause)
        }
        "error performing TLS handshake" => {
            Error::new(Exit::Denied, format!("the server at \"{place}\" asks for TLS")).detail(cause)
        }
        "invalid configuration" => {
            Error::new(Exit::Usage, "the connection string cannot be used").detail(cause)
        }
        _ => unreachable(place).detail(cause).hint("check host and port, and that the server is running"),
    }
}
