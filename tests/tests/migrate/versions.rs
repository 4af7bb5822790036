//! Every version leads to the same end: a database that stopped at any earlier one, with rows in it, ends as a fresh one.

use pg_lora_tests::Database;
use pg_lora_tests::story::TABLES;
use refinery::{Migration, Runner, Target};
use serde_json::json;

use crate::{assert_same, create_platform, recorded, schema, seeded, value};

/// Rows that no version objects to, in columns that all of them have.
const ROWS: &str = "
insert into auth.users (id, email) values ('00000000-0000-4000-8000-00000000000a', 'alice@example.org');
insert into public.datasets (id, user_id, name, storage_path, file_name, file_size) values
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-00000000000a', 'one', 'x', 'x', 1);
insert into public.training_jobs (id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, total_epochs, estimated_total_cost) values
  ('00000000-0000-4000-8000-000000000e01', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000d1', 'custom', '{}', '{}', 'completed', 3, 4.1);
insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate) values
  ('00000000-0000-4000-8000-000000000e01', 1, 7, 2.5, 0.0002);
insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts) values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000e01', '00000000-0000-4000-8000-0000000000d1', 'adapter', '{}', '{}', '{}', '{}');
insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period) values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000e01', 'storage', 12.34, '2026-01-01');
insert into public.notifications (user_id, type, title, message) values
  ('00000000-0000-4000-8000-00000000000a', 'note', 'x', 'x');
";

/// The same as they are written to a version. From the second one on a point names its attempt: what looks it up is not
/// there before the functions are.
pub fn rows(version: i32) -> String {
    if version < 2 {
        return ROWS.to_owned();
    }
    ROWS.replace("points (job_id, epoch", "points (job_id, attempt, epoch")
        .replace("e01', 1, 7,", "e01', 1, 1, 7,")
}

/// What this checkout has, as refinery itself reads it.
pub fn versions() -> Vec<Migration> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/migrations");
    let mut versions = refinery::load_sql_migrations(folder).unwrap();
    versions.sort();
    versions
}

/// Brings a database to a version by refinery itself, with the history where pg-lora has it.
pub fn bring(database: &Database, versions: &[Migration], last: i32) {
    let mut db = database.connect();
    db.batch_execute("create schema if not exists lora_migrate").unwrap();
    let mut runner = Runner::new(versions).set_target(Target::Version(last));
    runner.set_migration_table_name("lora_migrate.refinery_schema_history");
    runner.run(&mut db).unwrap();
}

/// What is found after `pg-lora migrate`, and that it has nothing more to do then.
#[track_caller]
fn assert_ends_as(database: &Database, fresh: &[String], from: &str) {
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
    let end = schema(database);
    let differs = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    assert!(end == fresh, "{from}: {:#?} instead of {:#?}", differs(&end, fresh), differs(fresh, &end));

    let again = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!(false), "{from}: {again}");
    assert_same(&schema(database), &end);
}

#[test]
fn each_version_is_reached_from_every_earlier_one() {
    let fresh = Database::migrated();
    let (expected, history) = (schema(&fresh), recorded(&mut fresh.connect()));
    let versions = versions();
    assert_eq!(history.as_array().unwrap().len(), versions.len());
    // From none at all, `fresh` does it.
    for version in &versions {
        let database = Database::empty();
        let mut db = database.connect();
        create_platform(&mut db);
        bring(&database, &versions, version.version());
        db.batch_execute(&rows(version.version())).unwrap();
        assert_ends_as(&database, &expected, version.name());
        assert_eq!(recorded(&mut db), history, "{}", version.name());
        for table in TABLES {
            let count = value(&mut db, &format!("select count(*) from public.{table}"));
            assert_eq!(count, json!(1), "{}: {table}", version.name());
        }
    }
}

/// The same where the specification's SQL came first.
#[test]
fn each_version_is_reached_on_a_seeded_database() {
    let expected = schema(&Database::migrated());
    let versions = versions();
    for version in &versions {
        let database = seeded();
        database.connect().batch_execute(ROWS).unwrap();
        bring(&database, &versions, version.version());
        // Left alone by every version: it may be an application's own.
        let theirs = "drop function public.update_updated_at_column() cascade";
        let used = "select count(*) from pg_trigger where tgfoid = 'public.update_updated_at_column()'::regprocedure";
        database.pg_lora(&["migrate"]).expect(0);
        assert_eq!(value(&mut database.connect(), used), json!(0), "{}", version.name());
        database.connect().batch_execute(theirs).unwrap();
        assert_ends_as(&database, &expected, version.name());
    }
}
