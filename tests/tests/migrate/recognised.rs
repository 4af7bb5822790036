//! `pg-lora adopt`: what a database without a history is taken for, and what follows when that is recorded.

use std::process::Command;

use pg_lora_tests::{Database, Outcome, environment};
use refinery::Runner;
use serde_json::{Value, json};

use crate::adopted::ROWS;
use crate::versions::{bring, rows, versions};
use crate::{assert_same, create_platform, recorded, schema, seeded, value};

const FORGET: &str = "drop schema lora_migrate cascade";

/// That nothing is written without being told to; the answer.
#[track_caller]
fn asked(database: &Database, code: i32) -> Value {
    let before = schema(database);
    let answer = database.pg_lora(&["adopt", "--output", "json"]).expect(code).json();
    assert_eq!(answer["changed"], json!(false));
    assert_same(&schema(database), &before);
    answer
}

/// That the versions are recorded and the rest follows.
#[track_caller]
fn assert_goes_on(database: &Database, fresh: &Database) {
    let answer = database.pg_lora(&["adopt", "--write", "--output", "json"]).expect(0).json();
    assert_eq!(answer["changed"], json!(true), "{answer}");
    let count = answer["recorded"].as_array().unwrap().len();
    assert_eq!(json!(count), answer["adopted_version"], "{answer}");
    let answer = asked(database, 0);
    assert_eq!((&answer["state"], &answer["recorded"]), (&json!("recorded"), &json!([])));
    database.pg_lora(&["adopt", "--write"]).expect(0);

    let mut db = database.connect();
    assert_eq!(recorded(&mut db).as_array().unwrap().len(), count);
    let mut runner = Runner::new(&versions());
    runner.set_migration_table_name("lora_migrate.refinery_schema_history");
    assert_eq!(runner.get_applied_migrations(&mut db).unwrap().len(), count);

    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
    assert_eq!(recorded(&mut db), recorded(&mut fresh.connect()));
    assert_same(&schema(database), &schema(fresh));
    assert!(runner.run(&mut db).unwrap().applied_migrations().is_empty());
}

#[test]
fn each_version_is_recognised_and_goes_on() {
    let fresh = Database::migrated();
    let versions = versions();
    // In the small size a third of them; by what they make, all are recognised in a unit test.
    let third = environment::seed() % 3;
    let chosen = |number: i32| environment::full() || number == 11 || number as u64 % 3 == third;
    for number in versions.iter().map(refinery::Migration::version).filter(|number| chosen(*number)) {
        let database = Database::empty();
        let mut db = database.connect();
        create_platform(&mut db);
        bring(&database, &versions, number);
        db.batch_execute(&rows(number)).unwrap();
        db.batch_execute(FORGET).unwrap();
        let answer = asked(&database, 0);
        assert_eq!(
            (&answer["state"], &answer["differences"]),
            (&json!("version"), &json!([])),
            "{number}: {answer}"
        );
        // A version that leaves no trace on a plain Postgres is run once more, and finds nothing to do.
        let is_alike = answer["alike"].as_array().unwrap().contains(&json!(number));
        assert!(answer["adopted_version"] == json!(number) || is_alike && number == 11, "{number}: {answer}");
        assert_goes_on(&database, &fresh);
    }
}

#[test]
fn a_database_with_the_layers_is_recognised_and_goes_on() {
    let fresh = Database::migrated();
    let database = Database::migrated();
    database.connect().batch_execute(FORGET).unwrap();
    let answer = asked(&database, 0);
    assert_eq!(answer["adopted_version"], json!(versions().len()), "{answer}");
    assert!(answer["layers"]["functions"].as_u64().unwrap() > 50, "{answer}");
    let refused = database.pg_lora(&["migrate"]).expect(11);
    assert!(refused.stderr.contains("their history is gone, run pg-lora adopt; "), "{}", refused.stderr);
    let text = database.pg_lora(&["adopt"]).expect(0);
    let last = versions().pop().unwrap();
    let line = format!("state      version {0}, V{0:04}__{1}\n", last.version(), last.name());
    assert!(text.stdout.starts_with(&line), "{}", text.stdout);
    assert!(text.stderr.contains("nothing was written"), "{}", text.stderr);
    assert_goes_on(&database, &fresh);
}

/// What a dump makes of the database, or of all of it but the migrator's own schema; as `pg_upgrade` does.
fn restored(database: &Database, options: &[&str]) -> Option<Database> {
    let tree = database.server().tree();
    let Some(pg_dump) = tree.pg_dump().unwrap() else {
        environment::skipped("restoring dumps, as there is no pg_dump for this server");
        return None;
    };
    let file = std::env::temp_dir().join(format!("{}-{}.sql", database.name(), std::process::id()));
    let mut dump = Command::new(pg_dump);
    Outcome::of(dump.args(options).arg("--file").arg(&file).arg(database.url())).expect(0);
    let restored = Database::empty();
    let mut read = Command::new(tree.client("psql").unwrap());
    read.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).arg(restored.url());
    let outcome = Outcome::of(&mut read);
    std::fs::remove_file(&file).unwrap();
    outcome.expect(0);
    Some(restored)
}

#[test]
fn a_dump_that_was_restored_is_verified_and_recognised() {
    let fresh = Database::migrated();
    let Some(database) = restored(&fresh, &[]) else { return };
    database.pg_lora(&["verify"]).expect(0);
    assert_eq!(database.pg_lora(&["migrate", "--output", "json"]).expect(0).json()["changed"], json!(false));

    let Some(database) = restored(&fresh, &["--exclude-schema=lora_migrate"]) else { return };
    let answer = asked(&database, 0);
    assert_eq!(answer["adopted_version"], json!(versions().len()), "{answer}");
    database.pg_lora(&["adopt", "--write"]).expect(0);
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);

    let Some(database) = restored(&fresh, &["--exclude-schema=lora_migrate", "--no-privileges"]) else {
        return;
    };
    let answer = asked(&database, 11);
    let missing: Vec<&Value> =
        answer["differences"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert!(!missing.is_empty() && missing.iter().all(|one| **one == json!("grant")), "{answer}");
}

/// Restored without rights: those of the layer are given anew, those of the versions are missed.
#[test]
fn rights_of_the_layer_do_not_matter_and_those_of_the_versions_do() {
    let fresh = Database::migrated();
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "revoke all on all tables in schema public from anon, authenticated, service_role;
         grant all on public.datasets to anon;
         revoke all on all functions in schema public from authenticated, service_role",
    )
    .unwrap();
    db.batch_execute(FORGET).unwrap();
    asked(&database, 0);
    db.batch_execute("revoke usage on schema lora_private from authenticated").unwrap();
    let answer = asked(&database, 11);
    assert_eq!(answer["differences"][0]["identity"], "on schema lora_private to authenticated", "{answer}");
    db.batch_execute("grant usage on schema lora_private to authenticated").unwrap();
    assert_goes_on(&database, &fresh);
}

#[test]
fn rules_that_rows_break_are_said_and_go_on_waiting() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let before = schema(&database);
    db.batch_execute(FORGET).unwrap();
    let answer = asked(&database, 0);
    assert_eq!(answer["adopted_version"], json!(versions().len()), "{answer}");
    assert!(
        answer["differences"].as_array().unwrap().iter().all(|one| one["found"] == json!({"valid": false}))
    );
    assert_eq!(answer["differences"].as_array().unwrap().len(), 12);
    assert_eq!(answer["foreign_objects"][0]["identity"], "public.update_updated_at_column()");
    database.pg_lora(&["adopt", "--write"]).expect(0);
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    assert_same(&schema(&database), &before);
}

#[test]
fn the_specification_needs_no_record() {
    let database = seeded();
    let answer = asked(&database, 0);
    assert_eq!((&answer["state"], &answer["adopted_version"]), (&json!("specification"), &Value::Null));
    assert_eq!((&answer["differences"], &answer["foreign_policies"]), (&json!([]), &json!([])));
    let before = schema(&database);
    let written = database.pg_lora(&["adopt", "--write"]).expect(0);
    assert!(
        written.stdout.contains("there is nothing to record, pg-lora migrate adopts it"),
        "{}",
        written.stdout
    );
    assert_same(&schema(&database), &before);

    // With more on it than it says, and less.
    database
        .connect()
        .batch_execute(
            "create policy \"Everybody sees\" on public.datasets for select using (true);
             alter table public.training_jobs add column priority int;
             create index theirs on public.training_jobs (priority);
             drop index public.idx_notifications_read",
        )
        .unwrap();
    let answer = asked(&database, 0);
    assert_eq!(answer["state"], "specification");
    assert_eq!(answer["foreign_policies"][0]["name"], "Everybody sees");
    assert_eq!(answer["foreign_objects"].as_array().unwrap().len(), 3, "{answer}");
    let [missing] = &answer["differences"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(missing["identity"], "idx_notifications_read on public.notifications");
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
}

#[test]
fn an_empty_database_has_nothing_to_adopt() {
    let database = Database::empty();
    let answer = asked(&database, 0);
    assert_eq!(answer["state"], "empty");
    create_platform(&mut database.connect());
    assert_eq!(asked(&database, 0)["state"], "empty");
    database.pg_lora(&["adopt", "--write"]).expect(0);
    assert_eq!(value(&mut database.connect(), "select to_regnamespace('lora_migrate')"), Value::Null);
}

#[test]
fn what_is_of_somebody_else_is_refused() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("create table public.datasets (id int primary key, rows bigint)").unwrap();
    let answer = asked(&database, 11);
    assert!(answer["obstacles"].as_array().unwrap().len() > 5, "{answer}");
    let before = schema(&database);
    database.pg_lora(&["adopt", "--write"]).expect(11);
    assert_same(&schema(&database), &before);
}

/// A state between two versions, or with something in the way of the next one, is nothing to go on from.
#[test]
fn what_differs_from_every_version_is_refused() {
    let at = |number: i32, change: &str| {
        let versions = versions();
        let database = Database::empty();
        let mut db = database.connect();
        create_platform(&mut db);
        bring(&database, &versions, number);
        db.batch_execute(&format!("{FORGET}; {change}")).unwrap();
        database
    };
    let cases = [
        (
            5,
            "alter table public.cost_budgets drop column hard_stop",
            "column public.cost_budgets.hard_stop: expected default false",
        ),
        (
            3,
            "drop policy \"Users can view own jobs\" on public.training_jobs",
            "policy \"Users can view own jobs\" on public.training_jobs: expected command select",
        ),
        (
            2,
            "alter table public.cost_records alter amount type numeric(10, 2)",
            "column public.cost_records.amount: type is numeric(10,2), expected numeric(20,10)",
        ),
        (
            4,
            "alter table public.datasets add constraint datasets_storage_path_key unique (storage_path)",
            "constraint datasets_storage_path_key on public.datasets: found definition UNIQUE (storage_path)",
        ),
        (
            1,
            "create view public.spending as select sum(amount) from public.cost_records",
            "view public.spending: a pending version changes column public.cost_records.amount",
        ),
        (3, "create table public.gpu_prices (id int)", "table public.gpu_prices"),
        (
            12,
            "create function public.check_dataset(content text) returns int language sql as 'select 1'",
            "function public.check_dataset(pg_catalog.text): this build has a function of this name",
        ),
    ];
    for (number, change, words) in cases {
        let database = at(number, change);
        let before = schema(&database);
        let refused = database.pg_lora(&["adopt", "--write"]).expect(11);
        assert!(
            refused.stderr.contains(words) && refused.stderr.contains("\nhint: "),
            "{change}: {}",
            refused.stderr
        );
        assert!(refused.stdout.contains(words), "{change}: {}", refused.stdout);
        assert_same(&schema(&database), &before);
    }
}

#[test]
fn of_several_at_once_one_records() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(FORGET).unwrap();
    std::thread::scope(|scope| {
        let run = || database.pg_lora(&["adopt", "--write", "--output", "json"]).expect(0).json();
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        let answers: Vec<Value> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        let wrote = answers.iter().filter(|answer| answer["changed"] == json!(true)).count();
        assert_eq!(wrote, 1, "{answers:?}");
    });
    assert_eq!(recorded(&mut db).as_array().unwrap().len(), versions().len());
}

#[test]
fn a_role_that_may_not_write_is_told_so() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(&format!("{FORGET}; create role adopt_stranger login")).unwrap();
    let url = database.url().replace("postgres@", "adopt_stranger@");
    let answer = Outcome::of_pg_lora(&url, &["adopt", "--output", "json"]);
    // It sees what is there, although it is the owner of nothing.
    assert_eq!(answer.expect(0).json()["adopted_version"], json!(versions().len()));
    let refused = Outcome::of_pg_lora(&url, &["adopt", "--write"]).expect(4);
    // The functions of the extension need no owner of their own.
    let words = if environment::is_portable() {
        "schema \"lora\" or functions in it do not belong to role"
    } else {
        "creating the schema \"lora_migrate\""
    };
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    db.batch_execute("drop role adopt_stranger").unwrap();
}
