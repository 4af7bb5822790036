//! Opening the connection that a command uses, and the few beside it.
//!
//! Invariant: the whole of it, name lookup and authentication included, ends within the target's timeout;
//! what comes out says which server was tried and never how it was authenticated.
//! Refused: a server that has less TLS than the target asks for, or is not what `target_session_attrs` says.

mod refused;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use postgres::config::SslMode;
use postgres::error::Severity;
use postgres::{Client, SimpleQueryMessage};

use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::survey::Facts;
use crate::target::{Host, Needs, Target};
use crate::tls::{self, Connector, Mode};
use crate::watch::Watch;
use crate::{report, sql_error};

/// How long to sleep between two attempts of [`open_within`].
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How often somebody who waits is told that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// For how long a connection that was lost is tried to be opened again.
const COMES_BACK: Duration = Duration::from_secs(15);

/// An open connection, what ends it early, and who looks at it while it waits.
pub struct Session {
    pub client: Client,
    pub interrupt: Interrupt,
    pub watch: Watch,
    /// Host and port, or the socket: where this connection leads.
    pub place: String,
    /// What protects it, for people: "TLS verify-full", "no TLS", "unix socket".
    pub protection: &'static str,
    /// The same server alone, for further connections.
    target: Target,
}

impl Session {
    /// Says which database is about to be written to. To be called once, before the first write.
    pub fn announce(&self, doing: &str, facts: &Facts) {
        let Facts { database, role, .. } = facts;
        report::say(&format!("{doing} \"{database}\" at {} as {role} ({})", self.place, self.protection));
    }

    /// Opens the connection again after it was lost. A server that restarts is waited for.
    pub fn reopen(&mut self) -> Result<(), Error> {
        let end = Instant::now() + COMES_BACK;
        loop {
            match dial(&self.target, &self.interrupt) {
                Ok(client) => {
                    self.interrupt.cancels(client.cancel_token(), Connector::new(&self.target.tls)?.maker);
                    self.client = client;
                    return Ok(());
                }
                Err(error) if error.exit == Exit::Unreachable && Instant::now() < end => {
                    self.interrupt.sleep(TRY_EVERY)?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Connects, and lets a signal cancel what will run on the connection.
pub fn open(target: &Target, interrupt: &Interrupt) -> Result<Session, Error> {
    let mut failures: Vec<Error> = Vec::new();
    for host in &target.hosts {
        match open_host(target, host, interrupt) {
            Ok(session) => {
                interrupt.cancels(session.client.cancel_token(), Connector::new(&session.target.tls)?.maker);
                return Ok(session);
            }
            // As in libpq: whoever answers and refuses speaks for all of them.
            Err(error) if error.exit == Exit::Unreachable && !answers(&error) => failures.push(error),
            Err(error) => return Err(error),
        }
    }
    Err(match failures.len() {
        1 => failures.remove(0),
        _ => {
            let places: Vec<&str> = target.hosts.iter().map(|host| host.place.as_str()).collect();
            let reason = |error: Error| {
                format!("{}{}", error.message, error.detail.map(|why| format!(": {why}")).unwrap_or_default())
            };
            Error::new(
                Exit::Unreachable,
                format!("none of the servers at \"{}\" can be used", places.join(",")),
            )
            .detail(failures.into_iter().map(reason).collect::<Vec<_>>().join("\n"))
            .hint("check hosts and ports, and that a server is running")
        }
    })
}

/// Whether a server has answered, and is up.
fn answers(error: &Error) -> bool {
    error.sqlstate.as_deref().is_some_and(|state| state != "57P03")
}

/// The same, for as long as the database is starting: refused connections, names that are not known yet, a database that is
/// not made yet. What waiting does not mend (a password, TLS, a right) ends it at once.
pub fn open_within(target: &Target, patience: Duration, interrupt: &Interrupt) -> Result<Session, Error> {
    let began = Instant::now();
    let mut target = target.clone();
    let timeout = target.timeout;
    let mut heard = began;
    let mut announced = false;
    loop {
        // The last attempt ends with the time that is left.
        let left = patience.saturating_sub(began.elapsed());
        target.timeout = timeout.min(left.max(Duration::from_secs(1)));
        let error = match open(&target, interrupt) {
            Err(error) if error.exit == Exit::Unreachable => error,
            mut outcome => {
                if let Ok(session) = &mut outcome {
                    session.target.timeout = timeout;
                    session.watch = Watch::new(session.target.clone(), interrupt.clone());
                }
                return outcome;
            }
        };
        if began.elapsed() + TRY_EVERY > patience {
            let waited = format!("the database did not accept connections within {} s", patience.as_secs());
            let last = format!(
                "{waited}; at the last attempt: {}",
                error.detail.as_deref().unwrap_or("nothing else")
            );
            return Err(error.detail(last));
        }
        let why = error.detail.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        if !announced {
            announced = true;
            report::say(&format!("waiting up to {} s: {}{why}", patience.as_secs(), error.message));
        } else if heard.elapsed() >= HEARTBEAT {
            heard = Instant::now();
            report::say(&format!("still waiting, {} s: {}{why}", began.elapsed().as_secs(), error.message));
        }
        interrupt.sleep(TRY_EVERY)?;
    }
}

/// One more connection to the same server, which no signal cancels.
pub fn dial(target: &Target, interrupt: &Interrupt) -> Result<Client, Error> {
    let host = target
        .hosts
        .first()
        .ok_or_else(|| Error::new(Exit::Internal, "there is no server to connect to again"))?;
    open_host(target, host, interrupt).map(|session| session.client)
}

/// Tries one server, with and without TLS where the mode leaves that open.
fn open_host(target: &Target, host: &Host, interrupt: &Interrupt) -> Result<Session, Error> {
    let mut target = target.clone();
    if host.is_socket {
        target.tls.mode = Mode::Disable;
    }
    let target = &target;
    let tries: &[SslMode] = match target.tls.mode {
        Mode::Disable => &[SslMode::Disable],
        Mode::Allow => &[SslMode::Disable, SslMode::Require],
        Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
    };
    let mut refusal: Option<Error> = None;
    for mode in tries {
        let connector = Connector::new(&target.tls)?;
        let mut config = host.config.clone();
        config.ssl_mode(*mode);
        config.notice_callback(|notice| {
            // NOTICE is about what was skipped because it is there already. 25P01 follows a COMMIT inside a file,
            // which is reported on its own.
            if notice.parsed_severity() == Some(Severity::Warning) && notice.code().code() != "25P01" {
                report::say(&format!("warning: {}", notice.message()));
            }
        });
        let maker = connector.maker.clone();
        let connecting = move || config.connect(maker);
        match within(target.timeout, interrupt, connecting)? {
            None => {
                return Err(refused::unreachable(&host.place)
                    .detail(format!("no answer within {} s", target.timeout.as_secs()))
                    .hint("check host and port, and that no firewall is between"));
            }
            Some(Ok(mut client)) => {
                fits(&mut client, target.needs, &host.place)?;
                let protection = if host.is_socket { "unix socket" } else { connector.description() };
                let target = Target { hosts: vec![host.clone()], ..target.clone() };
                let place = host.place.clone();
                let watch = Watch::new(target.clone(), interrupt.clone());
                return Ok(Session {
                    client,
                    interrupt: interrupt.clone(),
                    watch,
                    place,
                    protection,
                    target,
                });
            }
            Some(Err(error)) => {
                // pg_hba.conf may let in with TLS, or without, alone; and what TLS a server has may be unusable.
                let by_rule = error.code().is_some_and(|state| state.code() == "28000");
                let by_tls = connector.was_used() && tls::describe(&error, "").is_some();
                let again = match target.tls.mode {
                    Mode::Allow => by_rule,
                    Mode::Prefer => by_rule && connector.was_used() || by_tls || refused::is_tls(&error),
                    _ => false,
                };
                let error = refused::explained(&error, host, target);
                // The first refusal is of the way that was preferred.
                let first = refusal.take().unwrap_or(error);
                if !again {
                    return Err(first);
                }
                refusal = Some(first);
            }
        }
    }
    Err(refusal.unwrap_or_else(|| refused::unreachable(&host.place)))
}

/// The driver's timeout covers the TCP handshake only: a name server, or a port that accepts and then says
/// nothing, would hold it for ever. Hence a thread, which is left behind when the time is over.
fn within<T: Send + 'static>(
    timeout: Duration,
    interrupt: &Interrupt,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, Error> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Nobody waits any more when the time was over.
        let _ = sender.send(work());
    });
    let end = Instant::now() + timeout;
    loop {
        interrupt.check()?;
        let left = end.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(Duration::from_millis(100))) {
            Ok(outcome) => return Ok(Some(outcome)),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Whether a server is what `target_session_attrs` asks for.
fn fits(client: &mut Client, needs: Needs, place: &str) -> Result<(), Error> {
    let (question, what) = match needs {
        Needs::Nothing => return Ok(()),
        Needs::ReadWrite => ("select current_setting('transaction_read_only') = 'off'", "takes no writes"),
        Needs::Primary => ("select not pg_is_in_recovery()", "is a standby"),
    };
    let answer = word(client, question).map_err(|error| {
        sql_error::while_doing(&error, "asking the server whether it is the one that is wanted")
    })?;
    match answer.as_deref() {
        Some("t") => Ok(()),
        _ => Err(Error::new(Exit::Unreachable, format!("the server at \"{place}\" {what}"))
            .hint("name the primary server too, or leave target_session_attrs out")),
    }
}

/// Whether this connection goes through a pooler that gives each transaction another connection of the server: what belongs
/// to a session (session locks, prepared statements, settings, `create index concurrently` with its wait) must not be done
/// through one.
///
/// It opens a second connection for the time of the question, so only what needs the answer asks. The server's process ids
/// tell: two clients that have the same one at the same time, or one client that has had two, share connections. An error
/// means that nothing is known, as where the pool has no second connection to give.
pub fn is_transaction_pooled(session: &mut Session) -> Result<bool, Error> {
    const DOING: &str = "asking whether a pooler is between";
    let failed = |error: postgres::Error| sql_error::while_doing(&error, DOING);
    let target = session.target.clone();
    let mut other = dial(&target, &session.interrupt)?;
    let mine = word(&mut session.client, PID).map_err(failed)?;
    for _ in 0..3 {
        // While the other one is in a transaction, its connection is nobody else's. A pooler may take a client and then let
        // it wait for minutes.
        let asking = move || {
            let its = other.batch_execute("begin").and_then(|()| word(&mut other, PID));
            (other, its)
        };
        let Some((asked, its)) = within(target.timeout, &session.interrupt, asking)? else {
            return Err(refused::unreachable(&session.place)
                .detail("there is no second connection to be had")
                .hint("let the pool have more connections, or name the server itself"));
        };
        other = asked;
        let its = its.map_err(failed)?;
        // Asked before, as a pool of one connection would let the next question wait for the end of that transaction.
        let mut shared = its == mine;
        // Among other clients that come and go it may get the one that it had a few times in a row.
        for _ in 0..LOOKS {
            shared = shared || word(&mut session.client, PID).map_err(failed)? != mine;
        }
        other.batch_execute("rollback").map_err(failed)?;
        if shared {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The process of the server that a connection has right now.
pub fn backend(client: &mut Client) -> Result<i32, Error> {
    word(client, PID)
        .map_err(|error| sql_error::while_doing(&error, "asking for the process of the server"))?
        .and_then(|process| process.parse().ok())
        .ok_or_else(|| Error::new(Exit::Internal, "the server did not say which process it is"))
}

const PID: &str = "select pg_backend_pid()";
/// How often a connection is asked for its process while another one is in a transaction; three times all of it.
const LOOKS: usize = 6;

/// The one value of a question, by the simple protocol, which every pooler lets through.
fn word(client: &mut Client, question: &str) -> Result<Option<String>, postgres::Error> {
    let answer = client.simple_query(question)?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
