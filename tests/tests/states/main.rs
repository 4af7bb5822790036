//! The states of datasets, models and finished jobs, which bind every role, and what follows from each change. The states
//! of a job under way are in the tests of the API.

mod accounts;
mod dataset_metrics;
mod datasets;
mod documentation;
mod documents;
mod finished_jobs;
mod models;
mod notifications;
mod runs;

use pg_lora_tests::{Caller, Refusal};
use postgres::Client;
use serde_json::Value;

/// A row of a table as its text says, seen by the service.
fn row(db: &mut Client, table: &str, id: &str) -> Value {
    let sql = format!("select found from public.{table} as found where id = '{id}'");
    Caller::service().ask(db, &sql).unwrap()
}

/// An update that changes one row.
fn set(db: &mut Client, who: &Caller, table: &str, id: &str, change: &str) {
    assert_eq!(who.write(db, &update(table, id, change)).unwrap(), 1, "{table}: {change}");
}

/// The refusal that an update ends with.
#[track_caller]
fn refused(db: &mut Client, who: &Caller, table: &str, id: &str, change: &str) -> Refusal {
    Refusal::of(who.write(db, &update(table, id, change)))
}

fn update(table: &str, id: &str, change: &str) -> String {
    format!("update public.{table} set {change} where id = '{id}'")
}

/// Writes rows as an application left them before there were rules: without triggers and without checks, which come
/// back as they come to an adopted database.
fn adopt(db: &mut Client, sql: &str) {
    let checks = "select format('alter table %s add constraint %I %s not valid', conrelid::regclass, conname, \
                    pg_get_constraintdef(oid)), format('alter table %s drop constraint %I', conrelid::regclass, conname) \
                  from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace";
    let (back, away): (Vec<String>, Vec<String>) =
        db.query(checks, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).unzip();
    db.batch_execute(&format!(
        "begin; set local session_replication_role = replica; {}; {sql}; {}; commit",
        away.join("; "),
        back.join("; ")
    ))
    .unwrap();
}
