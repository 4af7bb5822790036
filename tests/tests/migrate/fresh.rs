//! An empty database: what is in it afterwards, and that a second run has nothing to do.

use std::process::Command;

use pg_lora_tests::{Database, Outcome, environment};
use serde_json::{Value, json};

use crate::{assert_same, provider_pending, recorded, schema, value};

/// The specification's tables and their columns, in its order. Ours come after them.
const COLUMNS: [(&str, &str); 6] = [
    (
        "datasets",
        "id user_id name description format status storage_bucket storage_path file_name file_size total_training_pairs \
         total_validation_pairs total_tokens avg_turns_per_conversation avg_tokens_per_turn training_ready validated_at \
         validation_errors sample_data created_at updated_at deleted_at",
    ),
    (
        "training_jobs",
        "id user_id dataset_id preset_id hyperparameters gpu_config status current_stage progress current_epoch \
         total_epochs current_step total_steps current_metrics queued_at started_at completed_at estimated_completion_at \
         current_cost estimated_total_cost final_cost error_message error_stack retry_count external_job_id artifact_id \
         created_at updated_at",
    ),
    (
        "metrics_points",
        "id job_id timestamp epoch step training_loss validation_loss learning_rate gradient_norm throughput gpu_utilization",
    ),
    (
        "model_artifacts",
        "id user_id job_id dataset_id name version description status deployed_at quality_metrics training_summary \
         configuration artifacts parent_model_id created_at updated_at deleted_at",
    ),
    ("cost_records", "id user_id job_id cost_type amount details billing_period recorded_at"),
    ("notifications", "id user_id type title message priority read action_url metadata created_at"),
];

/// What came to the six.
const TABLES_OF_OURS: [&str; 4] = ["cost_budgets", "custom_metrics", "gpu_prices", "training_job_events"];

/// What else the specification names: indexes, keys, policies, triggers.
const INDEXES: [&str; 14] = [
    "idx_cost_records_billing_period",
    "idx_cost_records_user_id",
    "idx_datasets_created_at",
    "idx_datasets_status",
    "idx_datasets_user_id",
    "idx_metrics_points_job_id",
    "idx_metrics_points_timestamp",
    "idx_model_artifacts_job_id",
    "idx_model_artifacts_user_id",
    "idx_notifications_read",
    "idx_notifications_user_id",
    "idx_training_jobs_dataset_id",
    "idx_training_jobs_status",
    "idx_training_jobs_user_id",
];
const CONSTRAINTS: [&str; 20] = [
    "cost_records_job_id_fkey",
    "cost_records_pkey",
    "cost_records_user_id_fkey",
    "datasets_pkey",
    "datasets_user_id_fkey",
    "fk_training_jobs_artifact",
    "metrics_points_job_id_fkey",
    "metrics_points_pkey",
    "model_artifacts_dataset_id_fkey",
    "model_artifacts_job_id_fkey",
    "model_artifacts_job_id_key",
    "model_artifacts_parent_model_id_fkey",
    "model_artifacts_pkey",
    "model_artifacts_user_id_fkey",
    "notifications_pkey",
    "notifications_user_id_fkey",
    "training_jobs_dataset_id_fkey",
    "training_jobs_external_job_id_key",
    "training_jobs_pkey",
    "training_jobs_user_id_fkey",
];
const POLICIES: [&str; 6] = [
    "Users can create own datasets",
    "Users can create own jobs",
    "Users can update own datasets",
    "Users can view own datasets",
    "Users can view own jobs",
    "Users can view own models",
];
const TRIGGERS: [&str; 3] =
    ["update_datasets_updated_at", "update_model_artifacts_updated_at", "update_training_jobs_updated_at"];

/// Which of these names are not among what the query finds.
fn missing(database: &Database, names: &[&str], sql: &str) -> Vec<String> {
    let found: Vec<String> =
        database.connect().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    names
        .iter()
        .filter(|name| !found.iter().any(|found| found == *name))
        .map(|name| (*name).to_owned())
        .collect()
}

#[test]
fn an_empty_database_ends_as_the_specification_names_it() {
    let database = Database::empty();
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    let tables = "select jsonb_agg(relname order by relname) from pg_class \
                  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')";
    let mut names: Vec<&str> = COLUMNS.iter().map(|(table, _)| *table).chain(TABLES_OF_OURS).collect();
    names.sort_unstable();
    assert_eq!(value(&mut database.connect(), tables), json!(names));
    for (table, columns) in COLUMNS {
        let columns: Vec<&str> = columns.split_whitespace().collect();
        let first = format!(
            "select jsonb_agg(attname order by attnum) from pg_attribute where attrelid = 'public.{table}'::regclass \
             and attnum between 1 and {} and not attisdropped",
            columns.len()
        );
        assert_eq!(value(&mut database.connect(), &first), json!(columns), "{table}");
    }
    let indexes = "select indexname::text from pg_indexes where schemaname = 'public'";
    assert_eq!(missing(&database, &INDEXES, indexes), [""; 0]);
    let constraints = "select conname::text from pg_constraint where connamespace = 'public'::regnamespace";
    assert_eq!(missing(&database, &CONSTRAINTS, constraints), [""; 0]);
    assert_eq!(missing(&database, &POLICIES, "select polname::text from pg_policy"), [""; 0]);
    assert_eq!(missing(&database, &TRIGGERS, "select tgname::text from pg_trigger"), [""; 0]);
    let buckets =
        "select jsonb_object_agg(id, jsonb_build_array(public, file_size_limit)) from storage.buckets";
    assert_eq!(
        value(&mut database.connect(), buckets),
        json!({"lora-datasets": [false, 524_288_000], "lora-models": [false, 5_368_709_120_i64]})
    );
}

/// The database as pg_dump writes it; None, and a word about it, where there is only one that is too old.
fn dump(database: &Database) -> Option<String> {
    let Some(pg_dump) = database.server().tree().pg_dump().unwrap() else {
        environment::skipped("comparing dumps, as there is no pg_dump for this server");
        return None;
    };
    let mut command = Command::new(pg_dump);
    let text = Outcome::of(command.args(["--schema-only", "--dbname", &database.url()])).expect(0).stdout;
    // A key that is another one in each dump.
    Some(text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_run_says_what_it_did_and_the_next_one_does_nothing() {
    let database = Database::empty();
    let first =
        database.pg_lora(&["migrate", "--platform", "standalone", "--output", "json"]).expect(0).json();
    assert_eq!((&first["changed"], &first["error"]), (&json!(true), &Value::Null));
    let versions: Vec<&Value> =
        first["versions_applied"].as_array().unwrap().iter().map(|v| &v["version"]).collect();
    assert_eq!(json!(versions), recorded(&mut database.connect()));
    assert!(!versions.is_empty());

    let (before, dumped) = (schema(&database), dump(&database));
    // Whatever it would write, it could not.
    let read_only = "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$";
    database.connect().batch_execute(read_only).unwrap();
    for arguments in
        [&["migrate", "--output", "json"][..], &["migrate", "--platform", "standalone", "--output", "json"]]
    {
        let again = database.pg_lora(arguments).expect(0).json();
        assert_eq!((&again["changed"], &again["error"]), (&json!(false), &Value::Null), "{again}");
        assert_eq!(again["versions_applied"], json!([]));
    }
    let text = database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(text.stdout, "");
    assert!(text.stderr.contains("was up to date already, nothing was written"), "{}", text.stderr);
    assert!(dump(&database) == dumped, "pg_dump sees a difference");
    assert_same(&schema(&database), &before);
}

#[test]
fn status_tells_pending_from_done_and_writes_nothing() {
    let database = Database::empty();
    let before = schema(&database);
    let status = |arguments: &[&str], code| -> Outcome {
        let mut all = vec!["status"];
        all.extend(arguments);
        database.pg_lora(&all).expect(code)
    };
    let pending = status(&["--output", "json"], 0).json();
    assert_eq!(pending["up_to_date"], false);
    let total = pending["versions"]["total"].as_u64().unwrap() as usize;
    let versions =
        pending["pending"].as_array().unwrap().iter().filter(|what| what.as_str().unwrap().starts_with("V0"));
    assert_eq!(versions.count(), total);
    assert!(
        pending["platform_missing"].as_array().unwrap().contains(&json!("table auth.users")),
        "{pending}"
    );
    let check = status(&["--check"], 5);
    assert!(check.stdout.contains("pending    V0001__training_tables\n"), "{}", check.stdout);
    assert!(check.stderr.contains("error: the database is not up to date\n"), "{}", check.stderr);
    assert!(check.stderr.contains("hint: run pg-lora migrate"), "{}", check.stderr);
    assert_eq!(status(&["--check", "--output", "json"], 5).json()["error"]["exit_code"], 5);
    assert_same(&schema(&database), &before);

    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    let before = schema(&database);
    let done = status(&["--check", "--output", "json"], 0).json();
    assert_eq!(
        (&done["up_to_date"], &done["versions"]),
        (&json!(true), &json!({"applied": total, "total": total}))
    );
    assert_same(&schema(&database), &before);

    // Each part counts.
    for (sql, part) in [
        ("update lora_migrate.layers set hash = 'x' where name = 'functions'", "layer functions"),
        ("update storage.buckets set public = true where id = 'lora-models'", "bucket lora-models"),
        ("revoke usage on schema lora from anon", provider_pending()),
        ("drop function auth.uid() cascade", "function auth.uid()"),
    ] {
        let database = Database::migrated();
        database.connect().batch_execute(sql).unwrap();
        let outcome = database.pg_lora(&["status", "--check"]).expect(5);
        assert!(outcome.stderr.contains(part), "{sql}: {}", outcome.stderr);
    }
}

#[test]
fn refinery_itself_reads_the_history_and_finds_nothing_to_do() {
    let database = Database::migrated();
    let mut db = database.connect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/migrations");
    let migrations = refinery::load_sql_migrations(folder).unwrap();
    let mut runner = refinery::Runner::new(&migrations);
    runner.set_migration_table_name("lora_migrate.refinery_schema_history");
    let before = schema(&database);

    let applied = runner.get_applied_migrations(&mut db).unwrap();
    assert_eq!(applied.len(), migrations.len());
    for (applied, ours) in applied.iter().zip(runner.get_migrations()) {
        assert_eq!(
            (applied.name(), applied.version(), applied.checksum()),
            (ours.name(), ours.version(), ours.checksum())
        );
        assert!(applied.applied_on().is_some(), "a time that refinery parses");
    }
    assert!(runner.run(&mut db).unwrap().applied_migrations().is_empty());
    assert_same(&schema(&database), &before);
}
