//! A step: one transaction that holds the migration lock. Every write of this program happens in one, but for the
//! statements that cannot run in a transaction.
//!
//! Invariant: no transaction stays open between two tries, neither for the migration lock nor for the locks of tables;
//! what was decided before the lock was held is decided again under it; a step that finds nothing left to do leaves no
//! trace, and one that wrote leaves exactly one row in the run log, whatever became of the connection.

use std::time::{Duration, Instant};

use postgres::types::Type;
use postgres::{SimpleQueryMessage, Transaction};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::connect::Session;
use crate::embedded::{SqlFile, Version};
use crate::error::{Error, Exit};
use crate::patience::{Patience, Tries};
use crate::query::{self, Parameter};
use crate::watch::Watch;
use crate::{history, lock, report, runs, sql_error, sql_text};

/// How long to sleep between two tries for the migration lock.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// How often somebody who waits for it hears so.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// A statement of a file that the server refused.
pub struct FailedStatement {
    /// The byte of the file at which the statement begins.
    pub at: usize,
    pub error: postgres::Error,
}

/// What a step does: for the run log and for messages.
#[derive(Clone, Debug)]
pub struct Task {
    /// version, statement, layer, platform, rules, buckets, environment, schedule, repair or adopt.
    pub kind: &'static str,
    pub name: String,
    /// For messages.
    pub doing: String,
    pub began: Instant,
    pub retries: u32,
}

impl Task {
    /// A task that begins now.
    pub fn new(kind: &'static str, name: impl Into<String>, doing: impl Into<String>) -> Self {
        Self { kind, name: name.into(), doing: doing.into(), began: Instant::now(), retries: 0 }
    }

    /// Applying a version.
    pub fn version(version: &Version) -> Self {
        Self::new("version", version.label(), version.label())
    }
}

/// What a step wrote, and what it took.
pub struct Done<T> {
    pub made: T,
    pub effort: Effort,
}

/// What a step took, retries and waiting for tables included.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub took: Duration,
    pub retries: u32,
}

/// The transaction of a step.
pub struct Step<'a> {
    transaction: Transaction<'a>,
    watch: &'a Watch,
    nonce: Uuid,
    /// Whether the tables of schema `lora_migrate` were looked for.
    pub has_tables: bool,
}

/// A commit whose answer never came, and what it would have committed.
struct Lost<T> {
    nonce: Uuid,
    made: T,
}

/// How one try for a step ended.
enum Outcome<T> {
    /// Somebody else holds the migration lock.
    Busy(String),
    /// There was nothing left to do.
    Nothing,
    Wrote(T),
    /// The connection ended in the commit.
    Lost(Lost<T>, Error),
}

/// Runs `work` under the lock and commits what it returns; None means that there was nothing left to do.
///
/// Waits for another runner, and for tables that others use. `work` is run again from its beginning after each wait.
pub fn run<T>(
    session: &mut Session,
    patience: Patience,
    mut task: Task,
    mut work: impl FnMut(&mut Step) -> Result<Option<T>, Error>,
) -> Result<Option<Done<T>>, Error> {
    let mut waited: Option<Instant> = None;
    let mut said = Duration::ZERO;
    let mut tries: Option<Tries> = None;
    let mut lost: Option<Lost<T>> = None;
    let before = task.retries;
    loop {
        session.interrupt.check()?;
        task.retries = before + tries.as_ref().map_or(0, Tries::retries);
        let outcome = attempt(session, &mut task, &mut lost, waited.is_none(), &mut work);
        // Whoever was in the way is asked for before the watcher is told that nothing runs.
        let holders = session.watch.holders();
        if !matches!(&outcome, Err(error) if error.exit == Exit::TableLock) {
            session.watch.end();
        }
        match outcome {
            Ok(Outcome::Nothing) => return Ok(None),
            Ok(Outcome::Wrote(made)) => {
                let effort = Effort { took: task.began.elapsed(), retries: task.retries };
                return Ok(Some(Done { made, effort }));
            }
            Ok(Outcome::Busy(holder)) => {
                let began = *waited.get_or_insert_with(|| {
                    report::say(&format!("waiting for the migration lock, held by {holder}"));
                    Instant::now()
                });
                if began.elapsed() >= patience.runners {
                    return Err(locked(patience.runners, holder));
                }
                if began.elapsed() >= said + SAY_EVERY {
                    said = began.elapsed();
                    let seconds = said.as_secs();
                    report::say(&format!("waiting for the migration lock for {seconds} s, held by {holder}"));
                }
                session.interrupt.sleep(TRY_EVERY)?;
            }
            Ok(Outcome::Lost(what, error)) => {
                if lost.is_some() {
                    return Err(error);
                }
                report::say(&format!("{}: the connection was lost in the commit; looking again", task.doing));
                session.reopen().map_err(|mut unreachable| {
                    unreachable.message = format!("{}: {}", error.message, unreachable.message);
                    unreachable.hint = error.hint;
                    unreachable
                })?;
                lost = Some(what);
                tries.get_or_insert_with(|| Tries::new(patience)).count();
            }
            Err(error) if error.exit == Exit::TableLock => {
                let tries = tries.get_or_insert_with(|| Tries::new(patience));
                let again = tries.again(error, &task.doing, holders, &session.interrupt);
                if again.is_err() {
                    session.watch.end();
                }
                again?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// One transaction: the lock, the work, the commit.
fn attempt<T>(
    session: &mut Session,
    task: &mut Task,
    lost: &mut Option<Lost<T>>,
    first: bool,
    work: &mut impl FnMut(&mut Step) -> Result<Option<T>, Error>,
) -> Result<Outcome<T>, Error> {
    let Session { client, interrupt, watch, .. } = session;
    let failed = |error| sql_error::while_doing(&error, &task.doing);
    let mut transaction = client.transaction().map_err(failed)?;
    let nonce = Uuid::new_v4();
    let answer = transaction.simple_query(&preamble(nonce)).map_err(failed)?;
    let (has_lock, process) = answer
        .iter()
        .rev()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1)?.parse().ok()?)),
            _ => None,
        })
        .ok_or_else(|| Error::new(Exit::Internal, "the server did not say whether the lock is free"))?;
    if !has_lock {
        let holder = lock::holder(&mut transaction)?;
        transaction.rollback().map_err(failed)?;
        return Ok(Outcome::Busy(holder));
    }
    // Who held the lock before has ended, so what it committed is seen now.
    if let Some(Lost { nonce, .. }) = lost
        && runs::committed(&mut transaction, *nonce)?
        && let Some(Lost { made, .. }) = lost.take()
    {
        transaction.rollback().map_err(failed)?;
        return Ok(Outcome::Wrote(made));
    }
    if !first && task.retries == 0 {
        // Waiting for another runner is not what this step took.
        task.began = Instant::now();
    }
    watch.begin(&task.doing, process);
    let mut step = Step { transaction, watch, nonce, has_tables: false };
    let Some(made) = work(&mut step)? else { return Ok(Outcome::Nothing) };
    history::ensure(&mut step)?;
    runs::record(&mut step, task)?;
    interrupt.check()?;
    watch.statement(|| Some("commit".to_owned()));
    match step.transaction.commit() {
        Ok(()) => Ok(Outcome::Wrote(made)),
        Err(error) => {
            let told = error.as_db_error().is_some();
            let mut error = sql_error::while_doing(&error, &task.doing);
            if told || error.exit != Exit::Unreachable {
                return Err(error);
            }
            error.message = format!("{}: the connection was lost in the commit", task.doing);
            error.hint = Some(
                "run the command again: it looks for itself whether this step was committed, and goes on from there"
                    .into(),
            );
            Ok(Outcome::Lost(Lost { nonce, made }, error))
        }
    }
}

fn locked(patience: Duration, holder: String) -> Error {
    let seconds = patience.as_secs();
    Error::new(Exit::Locked, format!("another runner holds the migration lock after {seconds} s of waiting"))
        .detail(holder)
        .hint("run the command again when that session has ended")
}

/// The settings of every step, and the try for the lock, in one round trip.
///
/// What an earlier file or a pooled session left behind goes first: `reset all` would wipe the settings after
/// it, and through a pooler the name too. The limits keep a step from queueing behind a long query with everybody else behind it, and from
/// outliving its client. Whoever looks first for a deadlock is the one to end; where this role may say so, that is the
/// step, which is tried again, and not a reader of two tables.
fn preamble(nonce: Uuid) -> String {
    format!(
        "reset session authorization;
         reset role;
         reset all;
         set local application_name = 'pg-lora';
         set local search_path = '';
         set local standard_conforming_strings = on;
         set local lock_timeout = '3s';
         set local statement_timeout = '10min';
         set local idle_in_transaction_session_timeout = '60s';
         set local client_connection_check_interval = '2s';
         set local lora_migrate.nonce = '{nonce}';
         select set_config('deadlock_timeout', '100ms', true)
         where has_parameter_privilege('deadlock_timeout', 'set');
         {}",
        lock::attempt()
    )
}

impl<'a> Step<'a> {
    /// What the transaction was marked with: gone when a file ended the transaction.
    pub fn nonce(&self) -> Uuid {
        self.nonce
    }

    /// The transaction itself, for questions that are also asked outside of steps.
    pub fn transaction(&mut self) -> &mut Transaction<'a> {
        self.watch.statement(|| None);
        &mut self.transaction
    }

    /// Whether the transaction is still the one that the step began.
    pub fn is_intact(&mut self, doing: &str) -> Result<bool, Error> {
        let nonce = self.nonce.to_string();
        self.json(
            "select to_jsonb(coalesce(current_setting('lora_migrate.nonce', true), '') = $1)",
            &[(&nonce, Type::TEXT)],
            doing,
        )
    }

    /// Keeps the migration lock for the session, after this transaction too, and says which process of the server that
    /// is.
    pub fn keep_lock(&mut self) -> Result<i32, Error> {
        let doing = "keeping the migration lock";
        self.run(&lock::keep(), doing)?;
        self.json("select to_jsonb(pg_backend_pid())", &[], doing)
    }

    /// Runs a file.
    pub fn run_file(&mut self, file: &SqlFile) -> Result<(), Error> {
        self.try_file(file).map_err(|failed| sql_error::in_file(&failed, file))
    }

    /// The same, with the driver's error for those who look into it.
    ///
    /// Statement by statement: for many errors the server gives no position, and then the statement's own is the
    /// best that there is.
    pub fn try_file(&mut self, file: &SqlFile) -> Result<(), FailedStatement> {
        for statement in sql_text::statements(file.text) {
            let at = statement.start;
            self.watch.statement(|| {
                let line = file.text[..at].matches('\n').count() + 1;
                Some(format!("{}:{line}", file.path))
            });
            let outcome = self.transaction.batch_execute(&file.text[statement]);
            outcome.map_err(|error| FailedStatement { at, error })?;
        }
        Ok(())
    }

    /// Runs statements of this program's own.
    pub fn run(&mut self, sql: &str, doing: &str) -> Result<(), Error> {
        self.watch.statement(|| None);
        self.transaction.batch_execute(sql).map_err(|error| sql_error::while_doing(&error, doing))
    }

    /// The same, with the driver's error.
    pub fn try_run(&mut self, sql: &str) -> Result<(), postgres::Error> {
        self.watch.statement(|| None);
        self.transaction.batch_execute(sql)
    }

    /// Runs one statement with parameters, and returns how many rows it touched.
    pub fn execute(&mut self, sql: &str, parameters: &[Parameter], doing: &str) -> Result<u64, Error> {
        self.watch.statement(|| None);
        self.transaction.execute_typed(sql, parameters).map_err(|error| sql_error::while_doing(&error, doing))
    }

    /// The one value of a query that answers with one jsonb.
    pub fn json<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        parameters: &[Parameter],
        doing: &str,
    ) -> Result<T, Error> {
        self.watch.statement(|| None);
        query::json(&mut self.transaction, sql, parameters, doing)
    }
}
