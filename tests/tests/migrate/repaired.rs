//! Checksums of the same text in other whitespace are told from those of another text, and only they are rewritten.

use std::path::Path;

use pg_lora_tests::Database;
use refinery::Migration;
use serde_json::{Value, json};

use crate::{assert_same, schema, value};

const ROWS: &str = "select jsonb_agg(jsonb_build_array(version, name, checksum) order by version) from lora_migrate.refinery_schema_history";

/// Records a version as refinery would have done from another text.
fn record(database: &Database, label: &str, change: impl Fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/migrations");
    let text = std::fs::read_to_string(folder.join(format!("{label}.sql"))).unwrap();
    let migration = Migration::unapplied(label, &change(&text)).unwrap();
    let sql = "update lora_migrate.refinery_schema_history set checksum = $1 where version = $2";
    let updated = database.connect().execute(sql, &[&migration.checksum().to_string(), &migration.version()]);
    assert_eq!(updated.unwrap(), 1);
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn whitespace_line_ends_and_other_texts_are_told_apart() {
    let told = |change: fn(&str) -> String, words: &str, hint: &str| {
        let database = Database::migrated();
        record(&database, "V0002__exact_money_and_attempts", change);
        for command in [&["migrate"][..], &["status"], &["verify"]] {
            let outcome = database.pg_lora(command).expect(7);
            assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
            assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
        }
        database
    };
    let repair = "hint: run pg-lora repair --write";
    told(crlf, "\"sql/migrations/V0002__exact_money_and_attempts.sql\" with CRLF line ends", repair);
    let other = "with other whitespace";
    told(|text| text.trim_end().to_owned(), other, repair);
    told(|text| crlf(&format!("{text}\n")), other, repair);
    told(|text| format!("\u{feff}{text}"), other, repair);

    // Of another text nothing is known, and the statement that ends the conflict is left to people.
    let words = "version 2 was applied from another text than";
    let database = told(
        |text| text.replacen("numeric", "numeric ", 1),
        words,
        "update lora_migrate.refinery_schema_history set",
    );
    let outcome = database.pg_lora(&["migrate"]).expect(7);
    let statement =
        outcome.stderr.lines().find(|line| line.trim().starts_with("update lora_migrate.")).unwrap();
    database.pg_lora(&["repair", "--write"]).expect(7);
    assert_eq!(database.connect().execute(statement.trim().trim_end_matches(';'), &[]).unwrap(), 1);
    database.pg_lora(&["status", "--check"]).expect(0);
}

#[test]
fn repair_says_what_it_would_do_and_does_it_only_when_told_to() {
    let database = Database::migrated();
    let mut db = database.connect();
    let right = value(&mut db, ROWS);
    let nothing = database.pg_lora(&["repair"]).expect(0);
    assert_eq!((nothing.stdout.as_str(), nothing.stderr.as_str()), ("", "nothing to repair\n"));

    record(&database, "V0001__training_tables", crlf);
    record(&database, "V0003__row_level_security", |text| text.trim_end().to_owned());
    let (wrong, before) = (value(&mut db, ROWS), schema(&database));
    let told = database.pg_lora(&["repair"]).expect(0);
    assert_eq!(
        told.stdout,
        "repairable V0001__training_tables was applied with CRLF line ends\n\
         repairable V0003__row_level_security was applied with other whitespace\n"
    );
    assert!(told.stderr.contains("hint: run pg-lora repair --write"), "{}", told.stderr);
    let answer = database.pg_lora(&["repair", "--output", "json"]).expect(0).json();
    assert_eq!((&answer["changed"], &answer["repaired"]), (&json!(false), &json!([])));
    let differences: Vec<&Value> =
        answer["repairable"].as_array().unwrap().iter().map(|row| &row["difference"]).collect();
    assert_eq!(json!(differences), json!(["line_ends", "whitespace"]));
    assert_eq!(value(&mut db, ROWS), wrong);

    let answer = database.pg_lora(&["repair", "--write", "--output", "json"]).expect(0).json();
    assert_eq!((&answer["changed"], answer["repaired"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(value(&mut db, ROWS), right);
    assert_same(&schema(&database), &before);
    database.pg_lora(&["status", "--check"]).expect(0);
    let again = database.pg_lora(&["repair", "--write", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!(false));
}

#[test]
fn a_real_difference_is_never_rewritten() {
    let database = Database::migrated();
    let mut db = database.connect();
    record(&database, "V0001__training_tables", crlf);
    record(&database, "V0004__events_and_prices", |text| format!("{text}-- a comment\n"));
    let rows = "select jsonb_object_agg(version, checksum) from lora_migrate.refinery_schema_history";
    let wrong = value(&mut db, rows);
    let told = database.pg_lora(&["repair"]).expect(7);
    assert!(told.stdout.starts_with("repairable V0001__"), "{}", told.stdout);
    assert!(told.stderr.contains("version 4 was applied from another text"), "{}", told.stderr);
    assert_eq!(value(&mut db, rows), wrong);
    let done = database.pg_lora(&["repair", "--write"]).expect(7);
    assert!(done.stdout.starts_with("repaired   V0001__"), "{}", done.stdout);
    let now = value(&mut db, rows);
    assert_eq!(now["4"], wrong["4"]);
    assert_ne!(now["1"], wrong["1"]);
    // Neither is a text under another name, nor a row that is missing.
    for change in ["set name = 'other' where version = 2", "set checksum = null where version = 2"] {
        let database = Database::migrated();
        let mut db = database.connect();
        db.batch_execute(&format!("update lora_migrate.refinery_schema_history {change}")).unwrap();
        let before = value(&mut db, ROWS);
        database.pg_lora(&["repair", "--write"]).expect(7);
        assert_eq!(value(&mut db, ROWS), before);
    }
}

#[test]
fn it_wants_the_lock_the_label_and_a_database_that_it_may_touch() {
    let database = Database::migrated();
    database.pg_lora(&["migrate", "--env", "production"]).expect(0);
    record(&database, "V0001__training_tables", crlf);
    let mut db = database.connect();
    let wrong = value(&mut db, ROWS);
    let outcome = database.pg_lora(&["repair", "--write"]).expect(11);
    assert!(outcome.stderr.contains("labelled \"production\""), "{}", outcome.stderr);
    database.pg_lora(&["repair"]).expect(0);
    let write = ["repair", "--write", "--env", "production", "--lock-wait", "0"];
    let mut holder = database.connect();
    let mut open = holder.transaction().unwrap();
    open.execute("select pg_advisory_xact_lock(x'70675f6c6f726100'::bigint)", &[]).unwrap();
    database.pg_lora(&write).expect(6);
    drop(open);
    let floor = |build: &str| {
        format!("update lora_migrate.settings set value = '{build}' where name = 'oldest_build'")
    };
    db.batch_execute(&floor("999.0.0")).unwrap();
    database.pg_lora(&write).expect(7);
    assert_eq!(value(&mut db, ROWS), wrong);
    db.batch_execute(&floor("0.0.1")).unwrap();
    database.pg_lora(&write).expect(0);
    let unmigrated = Database::empty();
    let before = schema(&unmigrated);
    unmigrated.pg_lora(&["repair", "--write"]).expect(0);
    assert_same(&schema(&unmigrated), &before);
}
