//! `pg-lora migrate` and `pg-lora status`, from outside: what they make of a database, and what they leave alone.

mod adopted;
mod concurrent;
mod failed;
mod fresh;
mod history;
mod layers;
mod refused;

use std::process::Command;

use pg_lora_tests::Database;
use postgres::Client;
use serde_json::Value;

/// The SQL of a database's schema, as pg_dump writes it. Equal texts are equal catalogues.
fn schema(database: &Database, options: &[&str]) -> String {
    let pg_dump = database.server().tree().client("pg_dump").unwrap();
    let output = Command::new(pg_dump)
        .args(["--schema-only", "--dbname", &database.url()])
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // A key that is another one in each dump.
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

/// Checks that two schemas are the same, and shows only the lines that differ.
#[track_caller]
fn assert_same(left: &str, right: &str) {
    let only_in = |one: &str, other: &str| -> Vec<String> {
        one.lines().filter(|line| !other.lines().any(|known| known == *line)).map(str::to_owned).collect()
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

/// The platform's things, from this project's own files: roles are there already.
fn create_platform(db: &mut Client) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/platform");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.starts_with("-- required: role") {
            db.batch_execute(&text).unwrap();
        }
    }
}

/// A database on which somebody ran the SQL of the specification by hand.
fn seeded() -> Database {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute(include_str!("../../fixtures/seed.sql")).unwrap();
    database
}
