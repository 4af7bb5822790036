//! SQL that fails: nothing of it stays, the message leads to it, and the next run goes on where it failed.

use pg_lora_tests::Database;
use serde_json::json;

use crate::{assert_same, recorded, schema, seeded, value};

/// The line of a migration that begins with these words.
fn line_of(file: &str, words: &str) -> usize {
    let path = format!("{}/../sql/migrations/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().position(|line| line.starts_with(words)).unwrap() + 1
}

#[test]
fn the_first_version_fails_on_a_name_that_is_taken() {
    let database = Database::empty();
    let mut db = database.connect();
    crate::create_platform(&mut db);
    db.batch_execute("create view public.datasets as select 1 as user_id, '' as status, now() as created_at, now() as deleted_at").unwrap();
    let before = schema(&database);
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    assert!(
        outcome.stderr.starts_with("error: sql/migrations/V0001__training_tables.sql:"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("(42809)"), "the SQLSTATE: {}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("rolled back: nothing of \"sql/migrations/V0001__training_tables.sql\" was kept")
    );
    assert_same(&schema(&database), &before);

    let error = database.pg_lora(&["migrate", "--output", "json"]).expect(8).json()["error"].clone();
    assert_eq!((&error["exit_code"], &error["sqlstate"]), (&json!(8), &json!("42809")));
    assert_eq!(error["file"], "sql/migrations/V0001__training_tables.sql");
    // The server gives no position for this error; the statement's own is shown.
    let line = line_of("V0001__training_tables.sql", "create index if not exists idx_datasets_user_id");
    assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(1)));

    db.batch_execute("drop view public.datasets").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
}

#[test]
fn a_later_version_fails_and_the_ones_before_it_stay() {
    let database = seeded();
    let mut db = database.connect();
    let key = "notifications_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade";
    let retype = |to: &str| {
        format!("alter table public.notifications alter column user_id type {to} using user_id::{to}")
    };
    db.batch_execute("alter table public.notifications drop constraint notifications_user_id_fkey").unwrap();
    db.batch_execute(&retype("text")).unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    let line = line_of("V0003__row_level_security.sql", "create policy \"Users can view own notifications\"");
    let place = format!("error: sql/migrations/V0003__row_level_security.sql:{line}:1: ");
    assert!(outcome.stderr.starts_with(&place), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("\n  | create policy \"Users can view own notifications\""),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("operator does not exist: text = uuid (42883)"), "{}", outcome.stderr);

    assert_eq!(recorded(&mut db), json!([1, 2]));
    // What came before the failing statement in its file is gone with it.
    let secured = "select relrowsecurity from pg_class where oid = 'public.cost_records'::regclass";
    assert_eq!(value(&mut db, secured), json!(false));
    let status = database.pg_lora(&["status", "--check"]).expect(5);
    assert!(status.stdout.contains("V0003__row_level_security"), "{}", status.stdout);

    db.batch_execute(&retype("uuid")).unwrap();
    db.batch_execute(&format!("alter table public.notifications add constraint {key}")).unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["versions_applied"][0]["version"], 3, "{answer}");
    assert_eq!(recorded(&mut db), recorded(&mut Database::migrated().connect()));
}

#[test]
fn a_function_that_is_somebody_elses_is_not_replaced() {
    let database = seeded();
    let mut db = database.connect();
    let theirs = "public.cost_summary(from_date date, to_date date, time_zone text, job_id uuid)";
    db.batch_execute(&format!("create function {theirs} returns text language sql as $$ select 'theirs' $$"))
        .unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    assert!(
        outcome.stderr.contains("sql/functions/cost_summary.sql") && outcome.stderr.contains("(42P13)"),
        "{}",
        outcome.stderr
    );
    assert_eq!(value(&mut db, "select public.cost_summary(null, null, null, null)"), json!("theirs"));
    // The versions are applied, the layer is not, and no part of it: the tables are closed to clients.
    assert_eq!(recorded(&mut db), recorded(&mut Database::migrated().connect()));
    let made = "select count(*) from pg_proc where pronamespace = 'public'::regnamespace and proname <> 'update_updated_at_column'";
    assert_eq!(value(&mut db, made), json!(1));
    let open = "select has_table_privilege('authenticated', 'public.datasets', 'select')";
    assert_eq!(value(&mut db, open), json!(false));

    db.batch_execute("drop function public.cost_summary").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
}

/// An application that built on the tables holds back what would change them.
#[test]
fn a_view_on_a_retyped_column_stops_the_version() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute("create view public.theirs as select amount from public.cost_records").unwrap();
    let before = value(&mut db, "select pg_get_viewdef('public.theirs'::regclass)");
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    assert!(outcome.stderr.contains("sql/migrations/V0002__"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("view theirs") || outcome.stderr.contains("view public.theirs"),
        "{}",
        outcome.stderr
    );
    assert_eq!(recorded(&mut db), json!([1]));
    assert_eq!(value(&mut db, "select pg_get_viewdef('public.theirs'::regclass)"), before);
    let column = "select count(*) from pg_attribute where attrelid = 'public.training_jobs'::regclass and attname = 'attempt'";
    assert_eq!(value(&mut db, column), json!(0), "V0002 left something behind");
}
