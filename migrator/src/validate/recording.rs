//! The result of `pg-lora validate` on the row of its dataset.
//!
//! Invariant: it is recorded whole or not at all, by the functions in which every way of validating ends: they say which
//! datasets there are, how long a file has to be, and what becomes of a row. They run with the rights of whoever calls them:
//! a role that does not see the stored objects acts as service_role. No connection is open while files are read.
//! Refused: a dataset that is not there, content that is not as long as the stored object, a database without these
//! functions.

use pg_lora_core::dataset::Report as DatasetReport;
use postgres::types::{Json, Type};
use postgres::{IsolationLevel, Transaction};
use serde::Serialize;
use uuid::Uuid;

use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::{query, sql_error};

/// Whether this role would find no stored object to compare with, and may act as one that does. Rights are inherited by
/// members of a role, that to pass row security is not.
const ACTS_AS_SERVICE: &str = "select to_jsonb(
    exists (
      select from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname = 'storage' and relname = 'objects' and row_security_active(pg_class.oid)
    )
    and exists (select from pg_roles where rolname = 'service_role' and pg_has_role(oid, 'member')))";

/// What became of the row.
#[derive(Serialize)]
pub struct Recorded {
    pub dataset: Uuid,
    /// ready or error.
    pub status: String,
}

/// Refuses what would be refused when all is read.
pub fn check(session: &mut Session, dataset: Uuid) -> Result<(), Error> {
    in_transaction(session, "looking for the dataset", |transaction, doing| {
        let sql = "select to_jsonb(id) from lora_private.dataset_to_validate($1)";
        query::json::<Uuid>(transaction, sql, &[(&dataset, Type::UUID)], doing).map(drop)
    })
}

/// Records a report and the SHA-256 of the file to train on.
pub fn record(
    session: &mut Session,
    dataset: Uuid,
    report: &DatasetReport,
    sha256: &str,
) -> Result<Recorded, Error> {
    // More than a bigint holds is no file.
    let bytes = i64::try_from(report.bytes).unwrap_or(i64::MAX);
    in_transaction(session, "recording the result", |transaction, doing| {
        query::json::<bool>(
            transaction,
            "select lora_private.record_dataset_report(dataset, $2, $3) -> 'training_ready'
             from lora_private.dataset_to_validate($1) as dataset
             cross join lateral lora_private.refuse_other_size(dataset, $4)",
            &[
                (&dataset, Type::UUID),
                (&Json(report.answer()), Type::JSONB),
                (&sha256, Type::TEXT),
                (&bytes, Type::INT8),
            ],
            doing,
        )?;
        let sql = "select to_jsonb(status) from public.datasets where id = $1";
        let status = query::json(transaction, sql, &[(&dataset, Type::UUID)], doing)?;
        Ok(Recorded { dataset, status })
    })
}

/// Runs `work` in a transaction of its own, and commits it. `doing` is for messages.
fn in_transaction<T>(
    session: &mut Session,
    doing: &str,
    work: impl FnOnce(&mut Transaction, &str) -> Result<T, Error>,
) -> Result<T, Error> {
    let Session { client, interrupt, .. } = session;
    interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, doing);
    let outcome = (|| {
        let mut transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .map_err(failed)?;
        // Another validation of the dataset may hold its row for as long as it reads a large file.
        transaction
            .batch_execute(
                "set local search_path = ''; set local lock_timeout = '60s';
                 set local idle_in_transaction_session_timeout = '60s'; set local client_connection_check_interval = '2s'",
            )
            .map_err(failed)?;
        if query::json(&mut transaction, ACTS_AS_SERVICE, &[], doing)? {
            transaction.batch_execute("set local role service_role").map_err(failed)?;
        }
        let answer = work(&mut transaction, doing)?;
        interrupt.check()?;
        transaction.commit().map_err(failed)?;
        Ok(answer)
    })();
    // Whatever failed after a signal failed because of it.
    outcome.map_err(|error| interrupt.error().unwrap_or_else(|| refused(error)))
}

/// What the database refuses is written nowhere; trying again does not help.
fn refused(mut error: Error) -> Error {
    match error.sqlstate.as_deref() {
        Some("PT404" | "PT409" | "22023") => error.exit = Exit::Refused,
        // No such function, schema or table.
        Some("42883" | "3F000" | "42P01") => {
            error.exit = Exit::Refused;
            error.hint = Some("run pg-lora migrate, then this command again".into());
        }
        Some("42501") => {
            error.hint = Some("use the role that migrated, or a member of service_role".into());
        }
        _ => {}
    }
    error
}

#[cfg(test)]
mod tests {
    use super::refused;
    use crate::error::{Error, Exit};

    #[test]
    fn what_the_database_refuses_has_an_exit_code_and_keeps_its_hint() {
        for (sqlstate, exit, hint) in [
            ("PT404", Exit::Refused, "its own"),
            ("PT409", Exit::Refused, "its own"),
            ("22023", Exit::Refused, "its own"),
            ("42883", Exit::Refused, "run pg-lora migrate, then this command again"),
            ("3F000", Exit::Refused, "run pg-lora migrate, then this command again"),
            ("42501", Exit::Denied, "use the role that migrated, or a member of service_role"),
            ("23514", Exit::SqlFailed, "its own"),
        ] {
            let exit_before = if sqlstate == "42501" { Exit::Denied } else { Exit::SqlFailed };
            let mut error = Error::new(exit_before, "no").hint("its own");
            error.sqlstate = Some(sqlstate.into());
            let error = refused(error);
            assert_eq!((error.exit, error.hint.as_deref()), (exit, Some(hint)), "{sqlstate}");
        }
    }
}
