//! Tables, indexes, policies and triggers, and the interfaces that describe them.

use std::collections::BTreeMap;

use pg_lora_tests::{Database, seed, story};
use postgres::Client;
use serde_json::{Value, json};

use crate::catalogue::{self, migrated, names, specified};
use crate::departures::unexplained;
use crate::typescript::{compile, evaluate, fields, values};

/// Which table an interface describes.
const INTERFACES: [(&str, &str); 2] = [("Dataset", "datasets"), ("TrainingJob", "training_jobs")];

#[test]
fn acceptance_1_database_tables_created_with_proper_indexes() {
    let (specified, migrated) = (specified(), migrated());
    let left: [&str; 0] = [];
    assert_eq!(unexplained(&specified, &migrated), left);
    // None of the fourteen may be one that a failed build left behind.
    let invalid = "select count(*) from pg_index where not indisvalid or not indisready";
    let invalid: i64 = Database::migrated().connect().query_one(invalid, &[]).unwrap().get(0);
    assert_eq!(invalid, 0);
}

#[test]
fn acceptance_4_typescript_interfaces_defined_matching_schema() {
    let database = Database::migrated();
    let mut db = database.connect();
    for (interface, table) in INTERFACES {
        let mut columns = columns(&mut db, table);
        for field in fields(interface) {
            let place = format!("{interface}.{}", field.name);
            let (kind, not_null) =
                columns.remove(&field.name).unwrap_or_else(|| panic!("{place} is no column"));
            assert_eq!(field.nullable, !not_null, "{place}: whether it can be null");
            let ours = match kind.as_str() {
                "uuid" | "text" | "character varying" | "timestamp with time zone" => "string",
                "integer" | "bigint" | "numeric" => "number",
                "boolean" => "boolean",
                "jsonb" => "document",
                other => panic!("{place} is of type {other}"),
            };
            match (field.kind.as_str(), values(&field.kind)) {
                ("string" | "number" | "boolean", _) => assert_eq!(field.kind, ours, "{place}"),
                (_, None) => assert_eq!(ours, "document", "{place}"),
                ("PresetId", Some(values)) => assert_eq!(values, presets(&mut db), "{place}"),
                (_, Some(values)) => assert_eq!(values, allowed(&mut db, table, &field.name), "{place}"),
            }
        }
        // What is ours beside it: no reader of the interface misses it, and no writer has to fill it.
        for column in columns.keys() {
            let required = "select attnotnull and not atthasdef from pg_attribute
                            where attrelid = to_regclass($1) and attname = $2";
            let required: bool = db.query_one(required, &[&table, column]).unwrap().get(0);
            assert!(!required, "an application that knows the specification cannot fill {table}.{column}");
        }
    }
}

/// Columns by name: the type without its length, and whether it is NOT NULL.
fn columns(db: &mut Client, table: &str) -> BTreeMap<String, (String, bool)> {
    let sql = "select attname::text, format_type(atttypid, null), attnotnull from pg_attribute
               where attrelid = to_regclass($1) and attnum > 0 and not attisdropped";
    let rows = db.query(sql, &[&table]).unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// What the check of a column lets in, in alphabetical order.
fn allowed(db: &mut Client, table: &str, column: &str) -> Vec<String> {
    let sql = "select coalesce(array_agg(value[1] order by value[1] collate \"C\"), '{}') from pg_constraint,
               regexp_matches(pg_get_constraintdef(oid), '''([^'']*)''::', 'g') as value where conname = $1";
    db.query_one(sql, &[&format!("{table}_{column}_check")]).unwrap().get(0)
}

/// The presets that the database knows.
fn presets(db: &mut Client) -> Vec<String> {
    let sql = "select array_agg(name order by name collate \"C\") from jsonb_object_keys(lora.hyperparameter_presets()) as name";
    db.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn acceptance_5_migration_runs_successfully() {
    for database in [Database::empty(), seed::database()] {
        database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
        database.pg_lora(&["status", "--check"]).expect(0);
        // The specification's own script fails when it is run again.
        let again = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
        assert_eq!(again["changed"], json!(false), "{again}");
    }
}

/// "7 tables" is a miscount of the specification: it names six, and defines six.
#[test]
fn verification_1_database_run_migration_verify_7_tables_exist() {
    let named = "datasets, training_jobs, metrics_points, model_artifacts, cost_records, notifications";
    let mut expected: Vec<String> = named.split(", ").map(str::to_owned).collect();
    expected.sort();
    assert_eq!(names(&specified(), "table"), expected);

    let database = Database::empty();
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    let found = names(&catalogue::things(&mut database.connect()), "table");
    expected
        .extend(["cost_budgets", "custom_metrics", "gpu_prices", "training_job_events"].map(str::to_owned));
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn verification_3_types_typescript_compiles_without_errors() {
    let outcome = compile(seed::TYPESCRIPT).expect(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));

    // So do rows that a reader gets, each column with the value that it has.
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = story::sign_up(&mut db, "alice");
    let dataset = story::ready_dataset(&mut db, &alice, 20);
    let bad = story::add_dataset(&mut db, &alice, 4);
    let report = story::validate(&mut db, &bad, "oops").unwrap();
    assert_eq!(report["training_ready"], false);
    let job = story::queue_job(&mut db, &alice, &dataset, 100);
    let read = |db: &mut Client, table: &str, id: &str| {
        alice.ask(db, &format!("select to_jsonb(t) from public.{table} as t where id = '{id}'")).unwrap()
    };
    let queued = read(&mut db, "training_jobs", &job);
    story::claim(&mut db, "w");
    story::report(&mut db, &job, json!([story::point(1, json!("NaN")), story::point(2, json!(2.5))]))
        .unwrap();
    let rows = [
        ("Dataset", read(&mut db, "datasets", &dataset), "sample_data"),
        ("Dataset", read(&mut db, "datasets", &bad), "validation_errors"),
        ("TrainingJob", queued, "gpu_config"),
        ("TrainingJob", read(&mut db, "training_jobs", &job), "current_metrics"),
    ];
    let (mut text, mut broken) = (seed::TYPESCRIPT.to_owned(), seed::TYPESCRIPT.to_owned());
    for (number, (interface, row, document)) in rows.iter().enumerate() {
        assert!(!row[document].is_null(), "{row:#}");
        let reading = reading(number, interface, row);
        text.push_str(&reading);
        broken.push_str(&reading.replace(&format!("\"status\":{}", row["status"]), "\"status\":null"));
    }
    let outcome = compile(&text);
    assert_eq!(outcome.code, Some(0), "{}\n{rows:#?}", outcome.stdout);
    // The compiler does look at them.
    let outcome = compile(&broken);
    assert_eq!(outcome.stdout.matches("error TS2322").count(), rows.len(), "{}", outcome.stdout);
    let presets = alice.ask(&mut db, "select lora.hyperparameter_presets()").unwrap();
    assert_eq!(evaluate(seed::TYPESCRIPT, "HYPERPARAMETER_PRESETS"), presets);
}

/// A row that comes from elsewhere, as its interface has it: columns and fields that are ours are no error, as they
/// are none to an application.
fn reading(number: usize, interface: &str, row: &Value) -> String {
    // Only where it is written out is a text a value of a union, and not any text.
    let unions = fields(interface).into_iter().filter(|field| values(&field.kind).is_some());
    let unions: Value = unions.map(|field| (field.name.clone(), row[&field.name].clone())).collect();
    let unions = unions.to_string();
    let unions = unions.trim_start_matches('{').trim_end_matches('}');
    format!(
        "const row{number} = {row};\nexport const read{number}: {interface} = {{ ...row{number}, {unions} }};\n"
    )
}
