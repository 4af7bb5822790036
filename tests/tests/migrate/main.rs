//! `pg-lora migrate`, `status`, `plan`, `verify` and `adopt`, from outside: what they make of a database, and what they leave alone.

mod adopted;
mod ahead;
mod blocked;
mod buckets;
mod concurrent;
mod drift;
mod drift_changes;
mod environment;
mod exported;
mod failed;
mod foreign;
mod fresh;
mod further;
mod history;
mod hostile;
mod killed;
mod layers;
mod lost;
mod mended;
mod obstacles;
mod older_plans;
mod outside;
mod pipeline;
mod planned;
mod pooled;
mod portable;
mod printed;
mod realtime;
mod recognised;
mod refused;
mod repaired;
mod runs;
mod snapshot;
mod supabase;
mod switched;
mod verified;
mod versions;

use pg_lora_tests::Database;
use pg_lora_tests::seed::{create_platform, database as seeded};
use postgres::Client;
use serde_json::Value;

/// What a database's catalogue holds, one line for each thing.
fn catalogue(db: &mut Client) -> Vec<String> {
    db.query(include_str!("catalogue.sql"), &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The same of a test's own database.
fn schema(database: &Database) -> Vec<String> {
    catalogue(&mut database.connect())
}

/// Checks that two catalogues are the same, and shows only the lines that differ.
#[track_caller]
fn assert_same(left: &[String], right: &[String]) {
    let only_in = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    assert!(left == right, "left: {:#?}\nright: {:#?}", only_in(left, right), only_in(right, left));
}

/// The one value of a query that the superuser asks.
fn value(db: &mut Client, sql: &str) -> Value {
    let question = format!("select to_jsonb(answer.value) from ({sql}) as answer (value)");
    db.query_one(&question, &[]).unwrap().get::<_, Option<Value>>(0).unwrap_or_default()
}

/// Which versions are recorded, in their order.
fn recorded(db: &mut Client) -> Value {
    value(db, "select jsonb_agg(version order by version) from lora_migrate.refinery_schema_history")
}
