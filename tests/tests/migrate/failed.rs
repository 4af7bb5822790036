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

/// An event trigger that refuses a command once so many versions are recorded: what nobody can see before it runs.
fn refuse_command(tag: &str, versions: i32) -> String {
    format!(
        "create function public.refuse_command() returns event_trigger language plpgsql as $$
         begin
           if {versions} > 0 then
             if to_regclass('lora_migrate.refinery_schema_history') is null then return; end if;
             if (select count(*) from lora_migrate.refinery_schema_history) < {versions} then return; end if;
           end if;
           raise exception 'not on this database' using errcode = 'PT403';
         end $$;
         create event trigger refuse_command on ddl_command_start when tag in ('{tag}')
           execute function public.refuse_command()"
    )
}

const ALLOW_COMMAND: &str = "drop event trigger refuse_command; drop function public.refuse_command()";

#[test]
fn the_first_version_fails_and_nothing_of_it_stays() {
    let database = Database::empty();
    let mut db = database.connect();
    crate::create_platform(&mut db);
    db.batch_execute(&refuse_command("CREATE INDEX", 0)).unwrap();
    let before = schema(&database);
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    assert!(
        outcome.stderr.contains("\nerror: sql/migrations/V0001__training_tables.sql:"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("(PT403)"), "the SQLSTATE: {}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("rolled back: nothing of \"sql/migrations/V0001__training_tables.sql\" was kept")
    );
    assert_same(&schema(&database), &before);

    let error = database.pg_lora(&["migrate", "--output", "json"]).expect(8).json()["error"].clone();
    assert_eq!((&error["exit_code"], &error["sqlstate"]), (&json!(8), &json!("PT403")));
    assert_eq!(error["file"], "sql/migrations/V0001__training_tables.sql");
    // The server gives no position for this error; the statement's own is shown.
    let line = line_of("V0001__training_tables.sql", "create index if not exists idx_datasets_user_id");
    assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(1)));

    db.batch_execute(ALLOW_COMMAND).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
}

#[test]
fn a_later_version_fails_and_the_ones_before_it_stay() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(&refuse_command("CREATE POLICY", 2)).unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    let line = line_of("V0003__row_level_security.sql", "create policy \"Users can view own datasets\"");
    let place = format!("\nerror: sql/migrations/V0003__row_level_security.sql:{line}:1: ");
    assert!(outcome.stderr.contains(&place), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("\n  | create policy \"Users can view own datasets\""),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("not on this database (PT403)"), "{}", outcome.stderr);

    assert_eq!(recorded(&mut db), json!([1, 2]));
    // What came before the failing statement in its file is gone with it.
    let secured = "select relrowsecurity from pg_class where oid = 'public.cost_records'::regclass";
    assert_eq!(value(&mut db, secured), json!(false));
    let status = database.pg_lora(&["status", "--check"]).expect(5);
    assert!(status.stdout.contains("V0003__row_level_security"), "{}", status.stdout);

    db.batch_execute(ALLOW_COMMAND).unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["versions_applied"][0]["version"], 3, "{answer}");
    assert_eq!(recorded(&mut db), recorded(&mut Database::migrated().connect()));
}

#[test]
fn the_layer_fails_and_no_part_of_it_stays() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(&refuse_command("CREATE TRIGGER", 0)).unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(8);
    assert!(
        outcome.stderr.contains("sql/functions/") && outcome.stderr.contains("(PT403)"),
        "{}",
        outcome.stderr
    );
    // The versions are applied, the layer is not: the tables are closed to clients.
    assert_eq!(recorded(&mut db), recorded(&mut Database::migrated().connect()));
    let made = "select count(*) from pg_proc where pronamespace = 'public'::regnamespace
                and proname not in ('update_updated_at_column', 'refuse_command')";
    assert_eq!(value(&mut db, made), json!(0));
    let open = "select has_table_privilege('authenticated', 'public.datasets', 'select')";
    assert_eq!(value(&mut db, open), json!(false));

    db.batch_execute(ALLOW_COMMAND).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
}
