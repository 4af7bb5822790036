//! The limits of the buckets: an operator's are kept until the operator says otherwise.

use pg_lora_tests::{Database, Outcome};
use serde_json::{Value, json};

use crate::{assert_same, schema, value};

const ROWS: &str =
    "select jsonb_object_agg(id, to_jsonb(b) - 'id' - 'created_at' - 'updated_at') from storage.buckets b";

/// The specification's types for datasets.
const STRICT: [&str; 2] = ["application/json", "application/x-jsonlines"];

fn rows(database: &Database) -> Value {
    value(&mut database.connect(), ROWS)
}

fn change(database: &Database, sql: &str) {
    database.connect().batch_execute(sql).unwrap();
}

fn json(database: &Database, arguments: &[&str]) -> Value {
    database.pg_lora(&[arguments, &["--output", "json"]].concat()).expect(0).json()
}

#[test]
fn other_limits_are_drift_until_they_are_overwritten() {
    let database = Database::migrated();
    let fresh = rows(&database);
    let clean = database.pg_lora(&["buckets"]).expect(0);
    assert_eq!(clean.stdout, "bucket     lora-datasets: private\nbucket     lora-models: private\n");
    assert_eq!(clean.stderr, "");

    change(
        &database,
        "update storage.buckets set file_size_limit = 1000 where id = 'lora-datasets';
         update storage.buckets set allowed_mime_types = null, public = true where id = 'lora-models'",
    );
    let set = rows(&database);
    let told = database.pg_lora(&["buckets"]).expect(0);
    assert!(
        told.stdout.contains("drift      lora-datasets: file_size_limit 524288000, found 1000\n"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains("bucket     lora-models: public\n"), "{}", told.stdout);
    assert!(told.stderr.contains("hint: run pg-lora buckets --write,"), "{}", told.stderr);
    let answer = json(&database, &["buckets"]);
    assert_eq!((&answer["changed"], answer["buckets_drift"].as_array().unwrap().len()), (&json!(false), 2));
    assert_eq!(rows(&database), set);
    // Private is not an operator's to decide.
    let answer = json(&database, &["migrate"]);
    assert_eq!(answer["buckets_changed"], json!([{"action": "make_private", "id": "lora-models"}]));
    assert_eq!(rows(&database)["lora-datasets"]["file_size_limit"], json!(1000));

    let answer = json(&database, &["buckets", "--write"]);
    assert_eq!((&answer["changed"], &answer["buckets_drift"]), (&json!(true), &json!([])));
    assert_eq!(answer["buckets_overwritten"].as_array().unwrap().len(), 2);
    assert_eq!(rows(&database), fresh);
    assert_eq!(json(&database, &["buckets", "--write"])["changed"], json!(false));

    change(&database, "delete from storage.buckets");
    let written = database.pg_lora(&["buckets", "--write"]).expect(0);
    assert!(
        written.stdout.starts_with("created    bucket lora-datasets\ncreated    bucket lora-models\n"),
        "{}",
        written.stdout
    );
    assert_eq!(rows(&database), fresh);
}

#[test]
fn the_specifications_types_alone_are_a_decision_that_is_kept() {
    let database = Database::migrated();
    let (fresh, before) = (rows(&database), schema(&database));
    let told = database.pg_lora(&["buckets", "--strict-mime"]).expect(0);
    assert!(told.stdout.contains("drift      lora-models: allowed_mime_types"), "{}", told.stdout);
    assert!(told.stderr.contains("--write --strict-mime"), "{}", told.stderr);
    assert_eq!(rows(&database), fresh);

    json(&database, &["buckets", "--write", "--strict-mime"]);
    assert_eq!(rows(&database)["lora-datasets"]["allowed_mime_types"], json!(STRICT));
    for command in [&["status"][..], &["migrate"], &["buckets"]] {
        assert_eq!(json(&database, command)["buckets_drift"], json!([]), "{command:?}");
    }
    // What is made again is made so.
    change(&database, "delete from storage.buckets where id = 'lora-datasets'");
    json(&database, &["migrate"]);
    assert_eq!(rows(&database)["lora-datasets"]["allowed_mime_types"], json!(STRICT));

    assert_eq!(json(&database, &["buckets", "--write"])["changed"], json!(true));
    assert_eq!(rows(&database), fresh);
    assert_eq!(json(&database, &["status"])["buckets_drift"], json!([]));
    assert_same(&schema(&database), &before);
}

#[test]
fn it_is_refused_where_it_cannot_or_may_not() {
    let refused = |outcome: Outcome, code: i32, words: &str| {
        let outcome = outcome.expect(code);
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
    };
    let empty = Database::empty();
    let before = schema(&empty);
    refused(empty.pg_lora(&["buckets", "--write"]), 11, "no table \"storage.buckets\"");
    assert_same(&schema(&empty), &before);

    let database = Database::migrated();
    database.pg_lora(&["migrate", "--env", "production"]).expect(0);
    change(&database, "delete from storage.buckets");
    refused(database.pg_lora(&["buckets", "--write"]), 11, "labelled \"production\"");
    database.pg_lora(&["buckets"]).expect(0);
    // A newer build may have others.
    change(&database, "update lora_migrate.layers set version = '999.0.0' where name = 'functions'");
    let ahead = database.pg_lora(&["buckets", "--write", "--env", "production"]).expect(0);
    assert!(ahead.stderr.contains("is ahead, buckets are left"), "{}", ahead.stderr);
    assert_eq!(rows(&database), Value::Null);
}
