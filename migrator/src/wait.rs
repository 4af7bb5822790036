//! `pg-lora wait`: until the database accepts connections. Writes nothing.

use std::time::Instant;

use serde_json::{Value, json};

use crate::connect::{self, Session};
use crate::error::Error;
use crate::report::{Report, say};
use crate::{query, sql_error};

/// Says what answered. Whoever calls it has waited since `began`.
pub fn run(session: &mut Session, began: Instant, report: &mut Report) -> Result<(), Error> {
    let waited = began.elapsed();
    const DOING: &str = "asking the server who it is";
    let mut transaction =
        session.client.transaction().map_err(|error| sql_error::while_doing(&error, DOING))?;
    let server: Value = query::json(
        &mut transaction,
        "select jsonb_build_object('postgres', current_setting('server_version'),
           'database', current_database(), 'role', current_user)",
        &[],
        DOING,
    )?;
    transaction.rollback().map_err(|error| sql_error::while_doing(&error, DOING))?;
    // Not the question that was asked: where the pool has no second connection, it is left open.
    let pooled = connect::is_transaction_pooled(session).ok();
    let through = match pooled {
        Some(true) => ", through a transaction pooler",
        Some(false) | None => "",
    };
    let word = |key: &str| server[key].as_str().unwrap_or_default();
    report.line(
        "ready",
        &format!(
            "\"{}\" at {} as {} ({}){through}",
            word("database"),
            session.place,
            word("role"),
            session.protection
        ),
    );
    report.set("server", &server);
    report.set(
        "connection",
        json!({ "place": session.place, "protection": session.protection, "transaction_pooler": pooled }),
    );
    report.set("waited_milliseconds", waited.as_millis() as u64);
    if waited.as_secs() > 0 {
        say(&format!("the database accepts connections, after {} s", waited.as_secs()));
    }
    Ok(())
}
