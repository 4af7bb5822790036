//! Files that cannot run in a transaction: statement by statement, each recorded when it is done, so that a run that was
//! stopped anywhere is gone on with.
//!
//! Invariant: while the statements run, their session holds the migration lock as its own: no transaction is open that an
//! index build would have to wait for, and the lock ends with the process of the server that works, so nobody builds an
//! index that another one is still building. What such a process left invalid is dropped and built again, whatever
//! `if not exists` would say.
//! Refused: a transaction pooler, through which a session keeps nothing.

use std::collections::HashSet;
use std::time::Duration;

use postgres::types::Type;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::connect::{self, Session};
use crate::embedded::Version;
use crate::error::{Error, Exit};
use crate::patience::{Patience, Tries};
use crate::report::Report;
use crate::sql_header::{self, Resumable};
use crate::step::{self, Done, Effort, FailedStatement, Step, Task};
use crate::survey::Facts;
use crate::{history, lock, query, sql_error, sql_text};

/// Where it is recorded what is done.
const TABLE: &str = "lora_migrate.progress";
/// What holds where the file says nothing, as in a step.
const STATEMENT_TIMEOUT: &str = "10min";
/// Waiting for the weak lock that these statements take keeps no reader or writer waiting, so it may take longer than in
/// a step; but never less.
const LEAST_LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// A statement of such a file.
struct Statement {
    at: usize,
    text: &'static str,
    /// Over its text and how often that came before in the file, so that a file that was changed since goes on where
    /// it still says the same.
    hash: String,
    /// For messages and the record: its first words.
    words: String,
}

/// Refuses to begin where a session keeps nothing.
pub fn check(session: &mut Session, pending: &[Version]) -> Result<(), Error> {
    let Some(version) = pending.iter().find(|version| version.header.outside) else { return Ok(()) };
    if !connect::is_transaction_pooled(session)? {
        return Ok(());
    }
    Err(Error::new(
        Exit::Refused,
        format!("\"{}\" runs outside of a transaction, and this URL leads to a transaction pooler", version.file),
    )
    .detail("two open connections had the same process of the server, so nothing can be kept in a session")
    .hint(
        "use the URL of the server itself, or of its pooler in session mode: on Supabase the direct connection, or the \
         pooler's port 5432 in place of 6543",
    ))
}

/// Applies such a version, unless another runner has done so.
pub fn apply(
    session: &mut Session,
    patience: Patience,
    version: &Version,
) -> Result<Option<Done<()>>, Error> {
    let mut done = None;
    step::run(session, patience, Task::version(version), |step| {
        done = match history::is_pending(step, version)? {
            false => None,
            // The session's lock outlives this transaction, which leaves no trace.
            true => Some((recorded(step, version)?, step.keep_lock()?)),
        };
        Ok(None::<()>)
    })?;
    let Some((done, process)) = done else { return Ok(None) };
    let mut task = Task::version(version);
    let outcome = run(session, patience, version, &mut task, done, process);
    // Where the connection is lost, the lock is too.
    let _ = session.client.batch_execute(&format!("{}; reset all", lock::release()));
    session.watch.end();
    outcome.map(Some)
}

fn run(
    session: &mut Session,
    patience: Patience,
    version: &Version,
    task: &mut Task,
    mut done: HashSet<String>,
    process: i32,
) -> Result<Done<()>, Error> {
    let all = statements(version.sql);
    for statement in &all {
        if done.contains(&statement.hash) {
            continue;
        }
        let ran = run_statement(session, patience, version, statement, process, task)
            .and_then(|()| record(session, patience, version, statement));
        if let Err(error) = ran {
            return Err(partial(error, session, version, &all, &done));
        }
        done.insert(statement.hash.clone());
    }
    let outcome = step::run(session, patience, task.clone(), |step| {
        history::record(step, version)?;
        let sql = "delete from lora_migrate.progress where version = $1";
        step.execute(sql, &[(&version.number, Type::INT4)], version.label())?;
        Ok(Some(()))
    });
    match outcome {
        Ok(_) => Ok(Done { made: (), effort: Effort { took: task.began.elapsed(), retries: task.retries } }),
        Err(error) => Err(partial(error, session, version, &all, &done)),
    }
}

/// Runs one, as often as it takes: a deadlock or a lock that was not obtained leaves what the next try removes.
fn run_statement(
    session: &mut Session,
    patience: Patience,
    version: &Version,
    statement: &Statement,
    process: i32,
    task: &mut Task,
) -> Result<(), Error> {
    let mut tries = Tries::new(patience);
    let before = task.retries;
    loop {
        session.interrupt.check()?;
        if connect::backend(&mut session.client)? != process {
            // Opened again after a commit whose answer was lost, or given away by a pooler; the lock went with it.
            return Err(Error::new(Exit::Unreachable, "the session that held the migration lock was lost"));
        }
        session.watch.begin(version.label(), process);
        let outcome = try_statement(session, patience, version, statement);
        let holders = session.watch.holders();
        match outcome {
            Err(error) if error.exit == Exit::TableLock => {
                tries.again(error, version.label(), holders, &session.interrupt)?;
                task.retries = before + tries.retries();
            }
            other => return other,
        }
    }
}

fn try_statement(
    session: &mut Session,
    patience: Patience,
    version: &Version,
    statement: &Statement,
) -> Result<(), Error> {
    let Session { client, watch, .. } = session;
    let doing = version.label();
    let failed = |error| sql_error::while_doing(&error, doing);
    let lock_timeout = patience.tables.max(LEAST_LOCK_TIMEOUT).as_millis().min(i32::MAX as u128);
    let timeout = version.header.statement_timeout.as_deref().unwrap_or(STATEMENT_TIMEOUT);
    client
        .batch_execute(&format!(
            "reset session authorization; reset role; reset all;
             set search_path = ''; set standard_conforming_strings = on;
             set client_connection_check_interval = '2s';
             set lock_timeout = {lock_timeout}; set statement_timeout = '{timeout}'"
        ))
        .map_err(failed)?;
    let resumable = sql_header::resumable(statement.text).unwrap_or(Resumable::Other);
    let left: Left = left_behind(client, &resumable).map_err(failed)?;
    for index in left.invalid {
        watch.statement(|| Some(format!("dropping {index}, which is not valid")));
        client.batch_execute(&format!("drop index concurrently if exists {index}")).map_err(failed)?;
    }
    // Built before, and stopped before that was recorded. An index of another kind was refused as an obstacle.
    if left.valid {
        return Ok(());
    }
    watch.statement(|| Some(statement.words.clone()));
    client.batch_execute(statement.text).map_err(|error| {
        sql_error::in_file(&FailedStatement { at: statement.at, error }, &version.sql_file())
    })
}

/// What earlier tries of a statement left.
#[derive(Default)]
struct Left {
    invalid: Vec<String>,
    valid: bool,
}

fn left_behind(client: &mut postgres::Client, statement: &Resumable) -> Result<Left, postgres::Error> {
    let (sql, parameters) = match statement {
        Resumable::Other => return Ok(Left::default()),
        Resumable::CreateIndex { name, table } => {
            ("on_table.oid = to_regclass($1) and c.relname = $2", [table, name])
        }
        Resumable::ReindexTable { table } => (
            "on_table.oid = to_regclass($1) and $2 = $2 and c.relname ~ '_cc(new|old)[0-9]*$' and not i.indisvalid",
            [table, table],
        ),
        Resumable::ReindexIndex { index } => (
            "on_table.oid = (select indrelid from pg_index where indexrelid = to_regclass($1)) and $2 = $2
             and c.relname ~ '_cc(new|old)[0-9]*$' and not i.indisvalid",
            [index, index],
        ),
    };
    let sql = format!(
        "select i.indisvalid, format('%I.%I', n.nspname, c.relname)
         from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
         join pg_class on_table on on_table.oid = i.indrelid
         where {sql}"
    );
    let [one, two] = parameters;
    let mut left = Left::default();
    for row in client.query_typed(&sql, &[(one, Type::TEXT), (two, Type::TEXT)])? {
        match row.try_get(0)? {
            true => left.valid = true,
            false => left.invalid.push(row.try_get(1)?),
        }
    }
    Ok(left)
}

fn record(
    session: &mut Session,
    patience: Patience,
    version: &Version,
    statement: &Statement,
) -> Result<(), Error> {
    let name = format!("{}: {}", version.label(), statement.words);
    step::run(session, patience, Task::new("statement", name, version.label()), |step| {
        step.execute(
            "insert into lora_migrate.progress (version, statement, hash) values ($1, $2, $3)
             on conflict (version, hash) do nothing",
            &[(&version.number, Type::INT4), (&statement.words, Type::TEXT), (&statement.hash, Type::TEXT)],
            "recording a statement",
        )?;
        Ok(Some(()))
    })?;
    Ok(())
}

fn recorded(step: &mut Step, version: &Version) -> Result<HashSet<String>, Error> {
    step.json(
        "select coalesce(jsonb_agg(hash), '[]') from lora_migrate.progress where version = $1",
        &[(&version.number, Type::INT4)],
        "reading what is done of a file",
    )
}

/// What failed, with what is done and what is left.
fn partial(
    cause: Error,
    session: &Session,
    version: &Version,
    all: &[Statement],
    done: &HashSet<String>,
) -> Error {
    let (done, left): (Vec<&Statement>, Vec<&Statement>) =
        all.iter().partition(|statement| done.contains(&statement.hash));
    let words = |statements: &[&Statement]| {
        statements.iter().map(|statement| statement.words.as_str()).collect::<Vec<_>>().join(", ")
    };
    let cause = match session.interrupt.error() {
        Some(_) => Error::new(Exit::Partial, format!("\"{}\" was interrupted", version.label())),
        None => cause,
    };
    let state = format!(
        "{} of {} statements of \"{}\" are done{}{}; left: {}",
        done.len(),
        all.len(),
        version.label(),
        if done.is_empty() { "" } else { ": " },
        words(&done),
        words(&left)
    );
    // There was no transaction to roll back.
    let rolled_back = format!("rolled back: nothing of \"{}\" was kept", version.file);
    let facts = cause.detail.unwrap_or_default().replace(&rolled_back, "");
    let go_on = "go on with pg-lora migrate, or with pg-lora repair --resume";
    Error {
        exit: Exit::Partial,
        message: cause.message,
        sqlstate: cause.sqlstate,
        place: cause.place,
        detail: Some(format!("{}\n{state}", facts.trim()).trim().to_owned()),
        hint: Some(cause.hint.map_or_else(|| go_on.to_owned(), |hint| format!("{hint}\nthen {go_on}"))),
    }
}

/// Says which file stopped half-way, and after which statements.
pub fn show(session: &mut Session, facts: &Facts, report: &mut Report) -> Result<(), Error> {
    report.expect(&["partial"], &[]);
    if !matches!(facts.may_read(TABLE), Ok(true)) {
        return Ok(());
    }
    let doing = "reading what is done of a file";
    let failed = |error| sql_error::while_doing(&error, doing);
    let mut transaction = session.client.transaction().map_err(failed)?;
    let rows: Vec<(i32, String)> = query::json(
        &mut transaction,
        "select coalesce(jsonb_agg(jsonb_build_array(version, statement) order by version, done_at), '[]')
         from lora_migrate.progress",
        &[],
        doing,
    )?;
    transaction.rollback().map_err(failed)?;
    for (version, statement) in &rows {
        report.line("partial", &format!("version {version}: {statement} is done"));
    }
    let values: Vec<Value> =
        rows.iter().map(|(version, statement)| json!({ "version": version, "done": statement })).collect();
    report.set("partial", values);
    Ok(())
}

fn statements(text: &'static str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for range in sql_text::statements(text) {
        let (at, text) = (range.start, &text[range]);
        let before = found.iter().filter(|statement| statement.text == text).count();
        let mut hasher = Sha256::new();
        hasher.update(before.to_be_bytes());
        hasher.update(text);
        let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let words = text.trim_end_matches(';').split_whitespace().collect::<Vec<_>>().join(" ");
        let words = match words.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        };
        found.push(Statement { at, text, hash, words });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn statements_are_known_by_their_text_and_not_by_their_place() {
        let hashes = |text| statements(text).into_iter().map(|one| one.hash).collect::<Vec<_>>();
        let before = hashes("-- no transaction\nanalyze public.a;\nvacuum public.b;\nanalyze public.a;\n");
        let after = hashes("-- no transaction\nvacuum public.c;\nanalyze public.a;\nvacuum public.b;\n");
        assert_eq!(before[..2], after[1..]);
        assert_ne!(before[0], before[2], "twice is not once");
    }

    #[test]
    fn they_are_named_by_their_first_words() {
        let words: Vec<String> = statements(
            "analyze\n  public.a;\nvacuum public.this_is_a_table_with_a_name_that_is_longer_than_a_line;",
        )
        .into_iter()
        .map(|one| one.words)
        .collect();
        assert_eq!(
            words,
            ["analyze public.a", "vacuum public.this_is_a_table_with_a_name_that_is_longer_tha…"]
        );
    }
}
