//! SIGINT and SIGTERM: cancel what runs, roll back, end with 130 or 143.
//!
//! Invariant: after the first signal no new step begins, and the running statement is cancelled through the
//! server's own cancel request, again and again until it is gone: a request that arrives between two
//! statements has no effect. A second signal, or [`GRACE`] without an end, exits at once; the server then
//! rolls back when it notices, within the `client_connection_check_interval` that every step sets.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Exit};

/// How long a cancelled statement may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// How often the cancel request is repeated, and how soon a sleep notices a signal.
const PULSE: Duration = Duration::from_millis(100);

/// Whether a signal has come, and what to cancel when one does.
#[derive(Clone, Default)]
pub struct Interrupt {
    signal: Arc<AtomicI32>,
    running: Arc<Mutex<Option<(CancelToken, MakeRustlsConnect)>>>,
}

impl Interrupt {
    /// Installs the handlers and starts the thread that waits for a signal.
    pub fn install() -> Result<Self, Error> {
        let interrupt = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| Error::new(Exit::Internal, format!("cannot handle signals: {error}")))?;
        let shared = interrupt.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if shared.signal.swap(signal, Ordering::SeqCst) != 0 {
                    std::process::exit(128 + signal);
                }
                let shared = shared.clone();
                std::thread::spawn(move || shared.cancel_until_gone(signal));
            }
        });
        Ok(interrupt)
    }

    /// From now on a signal cancels what runs on the connection that this token belongs to, by a request that is as well
    /// protected as the connection.
    pub fn cancels(&self, token: CancelToken, tls: MakeRustlsConnect) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((token, tls));
    }

    /// Fails when a signal has come.
    pub fn check(&self) -> Result<(), Error> {
        self.error().map_or(Ok(()), Err)
    }

    /// What the program ends with when a signal has come.
    pub fn error(&self) -> Option<Error> {
        let (exit, name) = match self.signal.load(Ordering::SeqCst) {
            0 => return None,
            SIGINT => (Exit::Interrupted, "SIGINT"),
            _ => (Exit::Terminated, "SIGTERM"),
        };
        Some(
            Error::new(exit, format!("interrupted by {name}; what was running was rolled back"))
                .hint("run the command again: steps that were complete stay, the rest follows"),
        )
    }

    /// Sleeps, but not past a signal.
    pub fn sleep(&self, duration: Duration) -> Result<(), Error> {
        let end = Instant::now() + duration;
        loop {
            self.check()?;
            match end.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(PULSE)),
            }
        }
    }

    fn cancel_until_gone(&self, signal: i32) {
        let end = Instant::now() + GRACE;
        while Instant::now() < end {
            let token = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((token, tls)) = token {
                // A server that cannot be asked is dealt with by the grace period.
                let _ = token.cancel_query(tls);
            }
            std::thread::sleep(PULSE);
        }
        std::process::exit(128 + signal);
    }
}
