//! Who looks on while a step runs: what it waits for, asked over a second connection, and a line every ten seconds.
//!
//! Invariant: a step never waits for its watcher. The second connection is opened when something takes longer than
//! [`PATIENCE`], not before; where it cannot be opened, or is kept waiting by a pooler, the step goes on without it and
//! the lines come all the same.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::types::Type;
use serde::Deserialize;

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::target::Target;
use crate::{connect, query, report, sql_error};

/// How long a statement may take before anybody asks why, and how often is asked then.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a line is said.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// When a connection that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// What pg_stat_activity shows.
const APPLICATION_NAME: &str = "pg-lora watch";

/// The watcher of a session; its threads start with the first step.
pub struct Watch {
    shared: Arc<Shared>,
    target: Option<(Target, Interrupt)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    /// Which step this is, so that an answer that comes late is not taken for another step's.
    number: u64,
    ended: bool,
}

/// What runs right now.
struct Running {
    doing: String,
    /// Which statement of it, where one takes its time.
    at: Option<String>,
    process: i32,
    began: Instant,
    statement: Instant,
    waits: Option<Waits>,
}

/// What the server says about a process that takes its time.
#[derive(Clone, Debug, Deserialize)]
struct Waits {
    holders: Vec<Holder>,
    /// What it waits for, where that is no lock.
    event: Option<String>,
    /// How far an index has come.
    progress: Option<String>,
}

/// A session that others wait for.
#[derive(Clone, Debug, Deserialize)]
struct Holder {
    pid: i32,
    application: Option<String>,
    user: Option<String>,
    seconds: Option<f64>,
    query: Option<String>,
}

impl Watch {
    /// One that looks at nothing yet.
    pub fn new(target: Target, interrupt: Interrupt) -> Self {
        Self { shared: Arc::default(), target: Some((target, interrupt)) }
    }

    /// From now on a step runs on this process of the server.
    pub fn begin(&mut self, doing: &str, process: i32) {
        let mut state = self.shared.lock();
        let now = Instant::now();
        state.number += 1;
        // A step that is tried again is still the same one to whoever waits for it.
        let began = match state.running.take() {
            Some(before) if before.doing == doing => before.began,
            _ => now,
        };
        state.running =
            Some(Running { doing: doing.to_owned(), at: None, process, began, statement: now, waits: None });
        drop(state);
        if let Some((target, interrupt)) = self.target.take() {
            let (beats, asks) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
            std::thread::spawn(move || beat(&beats));
            std::thread::spawn(move || ask(&asks, target, &interrupt));
        }
        self.shared.changed.notify_all();
    }

    /// The next statement begins, here.
    pub fn statement(&self, at: impl FnOnce() -> Option<String>) {
        if let Some(running) = &mut self.shared.lock().running {
            running.at = at();
            running.statement = Instant::now();
            running.waits = None;
        }
    }

    /// Who holds what the last statement waited for, as far as anybody had the time to ask.
    pub fn holders(&self) -> Option<String> {
        let state = self.shared.lock();
        state.running.as_ref()?.waits.as_ref().and_then(Waits::held)
    }

    /// Nothing runs any more.
    pub fn end(&self) {
        self.shared.lock().running = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until something changes, or for so long.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Option<Duration>) -> MutexGuard<'a, State> {
        match most {
            Some(most) => self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0,
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Says a line every so often while a step runs.
fn beat(shared: &Shared) {
    let mut state = shared.lock();
    let (mut began, mut said) = (None, 0);
    while !state.ended {
        let left = state.running.as_ref().map(|running| {
            if began != Some(running.began) {
                (began, said) = (Some(running.began), 0);
            }
            let left = (HEARTBEAT * (said + 1)).saturating_sub(running.began.elapsed());
            if left.is_zero() {
                report::say(&running.words());
                said = (running.began.elapsed().as_secs() / HEARTBEAT.as_secs()) as u32;
            }
            left
        });
        state = match left {
            Some(left) if left.is_zero() => state,
            left => shared.wait(state, left),
        };
    }
}

/// Asks the server what a step waits for, once it takes its time.
fn ask(shared: &Shared, mut target: Target, interrupt: &Interrupt) {
    for host in &mut target.hosts {
        host.config.application_name(APPLICATION_NAME);
    }
    let mut client = None;
    let mut not_before = Instant::now();
    let mut state = shared.lock();
    while !state.ended {
        let now = Instant::now();
        let left = state.running.as_ref().map(|running| {
            let due = running.statement + PATIENCE;
            due.max(not_before).saturating_duration_since(now)
        });
        match left {
            Some(left) if left.is_zero() => {}
            left => {
                state = shared.wait(state, left);
                continue;
            }
        }
        let (number, process) = (state.number, state.running.as_ref().map_or(0, |running| running.process));
        let statement = state.running.as_ref().map(|running| running.statement);
        drop(state);
        let answer = look(&mut client, &target, interrupt, process);
        not_before = Instant::now() + if answer.is_ok() { PATIENCE } else { AGAIN };
        state = shared.lock();
        let same = state.number == number;
        if let Some(running) = state.running.as_mut().filter(|now| same && Some(now.statement) == statement)
            && let Ok(waits) = answer
        {
            // The last moment of a wait may be seen without its reason, which is still the reason.
            if waits.held().is_some() || running.waits.as_ref().is_none_or(|before| before.held().is_none()) {
                running.waits = Some(waits);
            }
        }
    }
}

fn look(
    client: &mut Option<Client>,
    target: &Target,
    interrupt: &Interrupt,
    process: i32,
) -> Result<Waits, Error> {
    let mut open = match client.take() {
        Some(open) => open,
        None => connect::dial(target, interrupt)?,
    };
    let doing = "asking what a step waits for";
    let failed = |error| sql_error::while_doing(&error, doing);
    let mut transaction = open.transaction().map_err(failed)?;
    transaction
        .batch_execute("set local search_path = ''; set local statement_timeout = '5s'")
        .map_err(failed)?;
    let waits = query::json(&mut transaction, include_str!("watch.sql"), &[(&process, Type::INT4)], doing)?;
    transaction.rollback().map_err(failed)?;
    *client = Some(open);
    Ok(waits)
}

impl Running {
    fn words(&self) -> String {
        let at = self.at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        let waits = match &self.waits {
            Some(waits) => waits.words(),
            None => "it runs".to_owned(),
        };
        format!("{}{at}: {} s so far, {waits}", self.doing, self.began.elapsed().as_secs())
    }
}

impl Waits {
    /// The sessions that hold a lock.
    fn held(&self) -> Option<String> {
        let all: Vec<String> = self.holders.iter().take(3).map(Holder::words).collect();
        let more = self.holders.len().saturating_sub(all.len());
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!all.is_empty()).then(|| format!("{}{more}", all.join("; ")))
    }

    fn words(&self) -> String {
        match (self.held(), &self.progress, &self.event) {
            (Some(held), ..) => format!("waiting for a lock that is held by {held}"),
            (None, Some(progress), _) => format!("building an index: {progress}"),
            (None, None, Some(event)) => format!("waiting for {event}"),
            (None, None, None) => "it runs".to_owned(),
        }
    }
}

impl Holder {
    fn words(&self) -> String {
        let Self { pid, application, user, seconds, query } = self;
        if *pid == 0 {
            return "a prepared transaction".to_owned();
        }
        let mut words = format!(
            "pid {pid}, application \"{}\", user \"{}\"",
            application.as_deref().unwrap_or_default(),
            user.as_deref().unwrap_or_default()
        );
        if let Some(seconds) = seconds {
            words.push_str(&format!(", in its transaction for {seconds:.0} s"));
        }
        if let Some(query) = query.as_deref().filter(|query| !query.is_empty()) {
            words.push_str(&format!(": {query}"));
        }
        report::printable(&words)
    }
}

#[cfg(test)]
mod tests {
    use super::{Holder, Waits};

    fn holder(pid: i32) -> Holder {
        let text = |text: &str| Some(text.to_owned());
        Holder {
            pid,
            application: text("psql"),
            user: text("alice"),
            seconds: Some(12.4),
            query: text("select \u{7}1"),
        }
    }

    #[test]
    fn holders_are_named_and_counted() {
        let waits =
            |holders: Vec<Holder>| Waits { holders, event: Some("IO DataFileRead".into()), progress: None };
        let one = "pid 7, application \"psql\", user \"alice\", in its transaction for 12 s: select \\u{7}1";
        assert_eq!(waits(vec![holder(7)]).held().as_deref(), Some(one));
        assert!(waits((1..6).map(holder).collect()).held().unwrap().ends_with("; and 2 more"));
        assert_eq!(
            waits(vec![holder(0)]).words(),
            "waiting for a lock that is held by a prepared transaction"
        );
        assert_eq!(waits(Vec::new()).words(), "waiting for IO DataFileRead");
    }
}
