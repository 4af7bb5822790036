//! A step: one transaction that holds the migration lock. Every write of this program happens in one.
//!
//! Invariant: no transaction stays open between two tries for the lock; what was decided before the lock was
//! held is decided again under it; a step that finds nothing left to do leaves no trace.

use std::time::{Duration, Instant};

use postgres::types::Type;
use postgres::{SimpleQueryMessage, Transaction};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::connect::Session;
use crate::embedded::SqlFile;
use crate::error::{Error, Exit};
use crate::query::{self, Parameter};
use crate::{lock, report, sql_error, sql_text};

/// How long to sleep between two tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// A statement of a file that the server refused.
pub struct FailedStatement {
    /// The byte of the file at which the statement begins.
    pub at: usize,
    pub error: postgres::Error,
}

/// The transaction of a step.
pub struct Step<'a> {
    transaction: Transaction<'a>,
    nonce: String,
}

/// Runs `work` under the lock and commits what it returns; None means that there was nothing left to do.
///
/// Waits up to `patience` for another runner. `name` is for messages.
pub fn run<T>(
    session: &mut Session,
    patience: Duration,
    name: &str,
    mut work: impl FnMut(&mut Step) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let Session { client, interrupt, .. } = session;
    let end = Instant::now() + patience;
    let mut announced = false;
    loop {
        interrupt.check()?;
        let failed = |error| sql_error::while_doing(&error, name);
        let mut transaction = client.transaction().map_err(failed)?;
        let nonce = Uuid::new_v4().to_string();
        let answer = transaction.simple_query(&preamble(&nonce)).map_err(failed)?;
        if answer
            .iter()
            .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")))
        {
            let mut step = Step { transaction, nonce };
            let outcome = work(&mut step)?;
            if outcome.is_some() {
                // PostgREST's watcher of DDL does not see grants and policies.
                step.run("notify pgrst, 'reload schema'", name)?;
                interrupt.check()?;
                step.transaction.commit().map_err(failed)?;
            }
            return Ok(outcome);
        }
        let holder = lock::holder(&mut transaction)?;
        transaction.rollback().map_err(failed)?;
        if Instant::now() >= end {
            return Err(Error::new(
                Exit::Locked,
                format!("another runner holds the migration lock after {} s of waiting", patience.as_secs()),
            )
            .detail(holder)
            .hint("run the command again when that session has ended"));
        }
        if !announced {
            report::say(&format!("waiting for the migration lock, held by {holder}"));
            announced = true;
        }
        interrupt.sleep(TRY_EVERY)?;
    }
}

/// The settings of every step, and the try for the lock, in one round trip.
///
/// What an earlier file or a pooled session left behind goes first: `reset all` would wipe the settings after
/// it. The limits keep a step from queueing behind a long query with everybody else behind it, and from
/// outliving its client.
fn preamble(nonce: &str) -> String {
    format!(
        "reset session authorization;
         reset role;
         reset all;
         set local search_path = '';
         set local standard_conforming_strings = on;
         set local lock_timeout = '3s';
         set local statement_timeout = '10min';
         set local idle_in_transaction_session_timeout = '60s';
         set local client_connection_check_interval = '2s';
         set local lora_migrate.nonce = '{nonce}';
         {}",
        lock::attempt()
    )
}

impl<'a> Step<'a> {
    /// What the transaction was marked with: gone when a file ended the transaction.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The transaction itself, for questions that are also asked outside of steps.
    pub fn transaction(&mut self) -> &mut Transaction<'a> {
        &mut self.transaction
    }

    /// Whether the transaction is still the one that the step began.
    pub fn is_intact(&mut self, doing: &str) -> Result<bool, Error> {
        let nonce = self.nonce.clone();
        self.json(
            "select to_jsonb(coalesce(current_setting('lora_migrate.nonce', true), '') = $1)",
            &[(&nonce, Type::TEXT)],
            doing,
        )
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
            let outcome = self.transaction.batch_execute(&file.text[statement]);
            outcome.map_err(|error| FailedStatement { at, error })?;
        }
        Ok(())
    }

    /// Runs statements of this program's own.
    pub fn run(&mut self, sql: &str, doing: &str) -> Result<(), Error> {
        self.transaction.batch_execute(sql).map_err(|error| sql_error::while_doing(&error, doing))
    }

    /// The same, with the driver's error.
    pub fn try_run(&mut self, sql: &str) -> Result<(), postgres::Error> {
        self.transaction.batch_execute(sql)
    }

    /// Runs one statement with parameters, and returns how many rows it touched.
    pub fn execute(&mut self, sql: &str, parameters: &[Parameter], doing: &str) -> Result<u64, Error> {
        self.transaction.execute_typed(sql, parameters).map_err(|error| sql_error::while_doing(&error, doing))
    }

    /// The one value of a query that answers with one jsonb.
    pub fn json<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        parameters: &[Parameter],
        doing: &str,
    ) -> Result<T, Error> {
        query::json(&mut self.transaction, sql, parameters, doing)
    }
}
