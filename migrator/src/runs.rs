//! The run log, `lora_migrate.runs`: one row for each step that wrote, in that step's own transaction.
//!
//! Invariant: a row is there exactly if what it tells of was committed. So the nonce of a step, looked up under the
//! lock, says what became of a commit whose answer was lost.

use postgres::Transaction;
use postgres::types::Type;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::report::{Report, printable};
use crate::step::{Step, Task};
use crate::survey::Facts;
use crate::{query, sql_error};

/// Where they are.
pub const TABLE: &str = "lora_migrate.runs";
/// How many `status` shows.
const SHOWN: i64 = 10;

/// A row, as `status` shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub kind: String,
    pub name: String,
    pub started_at: String,
    pub milliseconds: i64,
    pub retries: i32,
    pub role: String,
    pub client_address: Option<String>,
    pub client_host: Option<String>,
    pub tool_version: String,
}

/// Writes the row of a step that is about to commit, and tells PostgREST, whose watcher of DDL does not see grants and
/// policies. Fails where something ended the transaction that the step began.
pub fn record(step: &mut Step, task: &Task) -> Result<(), Error> {
    let doing = "writing the run log";
    // A file may have taken on a role that has no right here.
    step.run("reset session authorization; reset role", doing)?;
    let nonce = step.nonce();
    let took = task.began.elapsed();
    let rows = step.execute(
        "insert into lora_migrate.runs
           (nonce, kind, name, started_at, milliseconds, retries, role, client_address, client_host, tool_version)
         select $1, $2, $3, clock_timestamp() - make_interval(secs => $4), $5, $6, session_user,
           inet_client_addr(), $7, $8
         where current_setting('lora_migrate.nonce', true) = $1::text
         returning pg_notify('pgrst', 'reload schema')",
        &[
            (&nonce, Type::UUID),
            (&task.kind, Type::TEXT),
            (&task.name, Type::TEXT),
            (&took.as_secs_f64(), Type::FLOAT8),
            (&i64::try_from(took.as_millis()).unwrap_or(i64::MAX), Type::INT8),
            (&i32::try_from(task.retries).unwrap_or(i32::MAX), Type::INT4),
            (&whoami::hostname().ok(), Type::TEXT),
            (&BUILD_VERSION, Type::TEXT),
        ],
        doing,
    )?;
    match rows {
        1 => Ok(()),
        _ => Err(Error::new(
            Exit::SqlFailed,
            format!("{}: something ended the transaction that it runs in, or reset its settings", task.doing),
        )
        .hint("look for a trigger or a file of SQL with a transaction statement in it")),
    }
}

/// Whether the step with this nonce was committed. Only the lock makes the answer final.
pub fn committed(transaction: &mut Transaction, nonce: Uuid) -> Result<bool, Error> {
    let doing = "looking for what became of a commit";
    let there = "select to_jsonb(to_regclass('lora_migrate.runs') is not null)";
    if !query::json::<bool>(transaction, there, &[], doing)? {
        return Ok(false);
    }
    let found = "select to_jsonb(exists (select from lora_migrate.runs where nonce = $1))";
    query::json(transaction, found, &[(&nonce, Type::UUID)], doing)
}

/// Says which steps wrote last. A role that may not read them does without.
pub fn show(session: &mut Session, facts: &Facts, report: &mut Report) -> Result<(), Error> {
    report.expect(&["runs"], &[]);
    if !matches!(facts.may_read(TABLE), Ok(true)) {
        return Ok(());
    }
    let doing = "reading the run log";
    let failed = |error| sql_error::while_doing(&error, doing);
    let mut transaction = session.client.transaction().map_err(failed)?;
    let runs: Vec<Run> = query::json(
        &mut transaction,
        "select coalesce(jsonb_agg(to_jsonb(last) - 'nonce' - 'recorded_at' order by recorded_at desc), '[]')
         from (select * from lora_migrate.runs order by recorded_at desc limit $1) as last",
        &[(&SHOWN, Type::INT8)],
        doing,
    )?;
    transaction.rollback().map_err(failed)?;
    for run in &runs {
        let Run { name, started_at, milliseconds, role, client_host, .. } = run;
        let host = client_host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
        let words = format!("{started_at} {name} ({milliseconds} ms) by {role}{host}");
        report.line("run", &printable(&words));
    }
    report.set("runs", runs);
    Ok(())
}
