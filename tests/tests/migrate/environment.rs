//! The label that says which environment a database is.

use pg_lora_tests::{Database, Outcome};
use serde_json::{Value, json};

use crate::{assert_same, schema, value};

const LABEL: &str = "select max(value) from lora_migrate.settings where name = 'environment'";

fn label(database: &Database) -> Value {
    value(&mut database.connect(), LABEL)
}

fn refused(outcome: Outcome, words: &[&str]) {
    let outcome = outcome.expect(11);
    for words in words {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    assert!(outcome.stderr.contains("\nhint: ") && outcome.stdout.is_empty(), "{outcome:?}");
}

#[test]
fn the_first_run_writes_it_down_and_others_are_refused_before_they_write() {
    let database = Database::empty();
    let first =
        database.pg_lora(&["migrate", "--platform", "standalone", "--env", "production", "--output", "json"]);
    let answer = first.expect(0).json();
    assert_eq!((&answer["environment"], &answer["state"]), (&json!("production"), &json!("up_to_date")));
    assert_eq!(label(&database), json!("production"));

    // There is something to do, and it is not done.
    let mut db = database.connect();
    db.batch_execute("update lora_migrate.layers set hash = 'x' where name = 'functions'").unwrap();
    let layers = "select jsonb_agg(l order by name) from lora_migrate.layers l";
    let (before, rows) = (schema(&database), value(&mut db, layers));
    let both = ["labelled \"production\"", "means \"staging\"", "--relabel production"];
    refused(database.pg_lora(&["migrate", "--env", "staging"]), &both);
    refused(
        database.pg_lora(&["migrate", "--platform", "standalone", "--env", "Production"]),
        &["\"Production\""],
    );
    refused(
        database.pg_lora(&["migrate"]),
        &["labelled \"production\", and the command names no environment", "add --env production"],
    );
    let variable = |label: &str, arguments: &[&str]| {
        let mut command = pg_lora_tests::program::pg_lora(arguments);
        Outcome::of(command.env("DATABASE_URL", database.url()).env("PG_LORA_ENV", label))
    };
    refused(variable("staging", &["migrate"]), &both);
    refused(variable("", &["migrate"]), &["names no environment"]);
    assert_same(&schema(&database), &before);
    assert_eq!(value(&mut db, layers), rows);

    variable("staging", &["migrate", "--env", "production"]).expect(0);
    variable("production", &["migrate"]).expect(0);
    let again = database.pg_lora(&["migrate", "--env", "production", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!(false));
}

#[test]
fn status_shows_it() {
    let database = Database::migrated();
    assert_eq!(
        database.pg_lora(&["status", "--output", "json"]).expect(0).json()["environment"],
        Value::Null
    );
    // Up to date already: the label is all that is written.
    let outcome = database.pg_lora(&["migrate", "--env", "production"]).expect(0);
    assert_eq!(outcome.stdout, "labelled   production\n");
    let status = database.pg_lora(&["status"]).expect(0);
    assert!(status.stdout.contains("\nenvironment production\n"), "{}", status.stdout);
    database.pg_lora(&["status", "--check", "--env", "production"]).expect(0);
    let json = database.pg_lora(&["status", "--output", "json"]).expect(0).json();
    assert_eq!(json["environment"], json!("production"));
    // Whoever says which database is meant does not want to hear of another one.
    let other = database.pg_lora(&["status", "--check", "--env", "staging"]).expect(11);
    assert!(other.stderr.contains("means \"staging\""), "{}", other.stderr);
}

#[test]
fn it_changes_only_where_the_present_one_is_named() {
    let database = Database::migrated();
    let relabel = |new: &str, old: &str| database.pg_lora(&["migrate", "--env", new, "--relabel", old]);
    refused(relabel("staging", "production"), &["has no environment label"]);
    database.pg_lora(&["migrate", "--env", "production"]).expect(0);
    refused(relabel("staging", "development"), &["labelled \"production\", and \"development\""]);
    assert_eq!(label(&database), json!("production"));
    let outcome = relabel("staging", "production").expect(0);
    assert_eq!(outcome.stdout, "labelled   staging\n");
    assert_eq!(label(&database), json!("staging"));
    database.pg_lora(&["migrate", "--env", "staging"]).expect(0);

    database.pg_lora(&["migrate", "--relabel", "staging"]).expect(2);
    for odd in ["two words", "a;b", "a\"b"] {
        database.pg_lora(&["migrate", "--env", odd]).expect(2);
    }
}

/// Whoever comes second finds the label of the first, and is refused.
#[test]
fn of_two_that_start_together_one_label_wins() {
    let database = Database::empty();
    let outcomes = std::thread::scope(|scope| {
        let run = |label| {
            let arguments = ["migrate", "--platform", "standalone", "--env", label];
            let database = &database;
            scope.spawn(move || (label, database.pg_lora(&arguments)))
        };
        [run("one"), run("two")].map(|thread| thread.join().unwrap())
    });
    let label = label(&database);
    for (own, outcome) in outcomes {
        if json!(own) == label {
            outcome.expect(0);
        } else {
            outcome.expect(11);
        }
    }
    assert_same(&schema(&database), &schema(&Database::migrated()));
}
