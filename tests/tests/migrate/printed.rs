//! What every command prints with `--output json`, held against docs/pg-lora.schema.json.

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use pg_lora_tests::story::{claim, complete, point, queue_job, ready_dataset, report, sign_up};
use pg_lora_tests::{Database, Outcome, Scratch, program};
use serde_json::{Value, json};

use crate::adopted::ROWS;
use crate::seeded;

/// The schema, ready to be asked.
struct Schema {
    schemas: Schemas,
    root: SchemaIndex,
    /// Which commands were asked about, each with and without an error.
    seen: Vec<(String, bool)>,
}

impl Schema {
    fn load() -> Self {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pg-lora.schema.json");
        let text = std::fs::read_to_string(page).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let place = "https://example.org/pg-lora.schema.json";
        compiler.add_resource(place, schema).unwrap();
        let root = compiler.compile(place, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, root, seen: Vec::new() }
    }

    fn accepts(&self, value: &Value) -> Result<(), String> {
        self.schemas.validate(value, self.root).map_err(|error| format!("{error:#}"))
    }

    /// Checks the object that a command printed.
    #[track_caller]
    fn check(&mut self, outcome: &Outcome) -> Value {
        let value = outcome.json();
        if let Err(error) = self.accepts(&value) {
            panic!("{value:#}\n{error}");
        }
        let command = value["command"].as_str().unwrap().to_owned();
        let code = value["error"]["exit_code"].as_i64().unwrap_or(0);
        assert_eq!(outcome.code.map(i64::from), Some(code), "{value}");
        self.seen.push((command, code != 0));
        value
    }

    #[track_caller]
    fn of(&mut self, database: &Database, arguments: &[&str]) -> Value {
        self.check(&database.pg_lora(&[arguments, &["--output", "json"]].concat()))
    }

    #[track_caller]
    fn without_database(&mut self, folder: &Path, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        self.check(&Outcome::of(program::pg_lora(&arguments).current_dir(folder)))
    }
}

#[test]
fn every_command_prints_what_the_schema_says() {
    let mut schema = Schema::load();

    let empty = Database::empty();
    for command in [
        &["status"][..],
        &["plan"],
        &["adopt"],
        &["wait"],
        &["verify"],
        &["verify", "--datasets"],
        &["verify", "--costs"],
        &["costs"],
        &["buckets"],
        &["jobs"],
        &["watch", "00000000-0000-4000-8000-000000000000"],
        &["types", "--out", "types"],
        &["migrate"],
        &["migrate", "--schedule-sweep"],
        &["repair"],
        &["repair", "--resume"],
    ] {
        schema.of(&empty, command);
    }
    let first = schema.of(&empty, &["migrate", "--platform", "standalone", "--env", "one"]);
    assert!(!first["platform_created"].as_array().unwrap().is_empty());

    // With everything that can be remarked.
    let used = seeded();
    let mut db = used.connect();
    db.batch_execute(ROWS).unwrap();
    db.batch_execute(
        "create policy \"Theirs\" on public.datasets using (true);
         create table public.gpu_prices (id int);
         insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate)
           select id, 1, 7, 2.5, 0.0002 from public.training_jobs, generate_series(1, 2)",
    )
    .unwrap();
    assert!(!schema.of(&used, &["status"])["obstacles"].as_array().unwrap().is_empty());
    assert!(!schema.of(&used, &["plan"])["steps"].as_array().unwrap().is_empty());
    schema.of(&used, &["adopt"]);
    assert!(!schema.of(&used, &["migrate"])["obstacles"].as_array().unwrap().is_empty());
    db.batch_execute("drop table public.gpu_prices").unwrap();
    let adopted = schema.of(&used, &["migrate"]);
    for key in ["versions_applied", "foreign_objects", "foreign_policies", "broken_rules"] {
        assert!(!adopted[key].as_array().unwrap().is_empty(), "{key}: {adopted}");
    }
    assert!(adopted["repeated_points"]["rows"].as_u64().unwrap() > 0 && adopted["functions"].is_object());
    schema.of(&used, &["status", "--check"]);
    schema.of(&used, &["verify"]);
    schema.of(&used, &["verify", "--datasets"]);

    let database = Database::migrated();
    let mut db = database.connect();
    for command in [
        &["status", "--check"][..],
        &["plan"],
        &["adopt"],
        &["migrate"],
        &["verify"],
        &["verify", "--datasets"],
        &["verify", "--costs"],
        &["repair"],
        &["repair", "--resume"],
        &["buckets"],
    ] {
        schema.of(&database, command);
    }
    assert!(!schema.of(&database, &["status"])["runs"].as_array().unwrap().is_empty());
    db.batch_execute("insert into lora_migrate.progress values (9999, 'analyze public.datasets', 'x')")
        .unwrap();
    assert_eq!(schema.of(&database, &["status"])["partial"][0]["version"], 9999);
    db.batch_execute("delete from lora_migrate.progress").unwrap();
    watched(&mut schema, &database);
    db.batch_execute("update storage.buckets set file_size_limit = null, public = true").unwrap();
    schema.of(&database, &["status"]);
    schema.of(&database, &["migrate"]);
    schema.of(&database, &["buckets"]);
    let written = schema.of(&database, &["buckets", "--write"]);
    assert!(!written["buckets_overwritten"].as_array().unwrap().is_empty(), "{written}");
    db.batch_execute("update lora_migrate.layers set hash = 'x' where name = 'functions'").unwrap();
    schema.of(&database, &["status", "--check"]);
    schema.of(&database, &["verify"]);
    db.batch_execute("update lora_migrate.layers set version = '999.0.0' where name = 'functions'").unwrap();
    for command in [&["status"][..], &["migrate"], &["verify"], &["buckets", "--write"]] {
        assert_eq!(schema.of(&database, command)["state"], "ahead", "{command:?}");
    }
    db.batch_execute("update lora_migrate.refinery_schema_history set checksum = '1' where version = 1")
        .unwrap();
    for command in [&["status"][..], &["migrate"], &["verify"], &["repair"], &["buckets"]] {
        assert_eq!(schema.of(&database, command)["error"]["exit_code"], 7, "{command:?}");
    }

    // The other edition, and back.
    let switched = Database::migrated();
    for edition in ["portable", "native"] {
        let provider = ["--provider", edition];
        assert_eq!(schema.of(&switched, &[&["plan"][..], &provider].concat())["edition"], edition);
        let answer = schema.of(&switched, &[&["migrate"][..], &provider].concat());
        assert_eq!(
            (&answer["lora"]["action"], &answer["lora"]["edition"]),
            (&json!("switched"), &json!(edition))
        );
        assert_eq!(schema.of(&switched, &["status"])["lora"]["edition"], edition);
        schema.of(&switched, &["verify"]);
    }

    let folder = Scratch::new().unwrap();
    let out = folder.path().join("types");
    for (more, code) in [(&["--check"][..], 10), (&[], 0), (&["--check"], 0)] {
        let arguments = [&["types", "--out", out.to_str().unwrap()], more].concat();
        let answer = schema.of(&Database::migrated(), &arguments);
        assert_eq!(answer["error"]["exit_code"].as_i64().unwrap_or(0), code, "{answer}");
    }
    std::fs::write(
        folder.path().join("good.jsonl"),
        "{\"prompt\":\"Is it open?\",\"completion\":\"From nine on.\"}\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("bad.jsonl"), "nope\n").unwrap();
    for file in ["good.jsonl", "bad.jsonl", "absent.jsonl"] {
        schema.without_database(folder.path(), &["validate", file]);
    }
    schema.without_database(folder.path(), &["completions", "bash"]);
    schema.without_database(folder.path(), &["export", "--to", "supabase"]);
    schema.without_database(
        folder.path(),
        &["export", "--to", "supabase", "--provider", "native", "--out", "out"],
    );
    let url = "host=/no/such/folder dbname=x user=x";
    for command in [
        &["status"][..],
        &["plan"],
        &["adopt"],
        &["wait", "--wait", "0"],
        &["migrate"],
        &["verify"],
        &["repair"],
        &["buckets"],
    ] {
        let arguments = [command, &["--database-url", url, "--output", "json"]].concat();
        schema.check(&Outcome::of(&mut program::pg_lora(&arguments)));
    }

    // All that there are.
    let help = Outcome::of(&mut program::pg_lora(&["--help"])).expect(0).stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let command = line.split_whitespace().next().unwrap().to_owned();
        if command != "help" {
            let fails = command != "completions";
            assert!(schema.seen.contains(&(command.clone(), false)), "{command} never succeeded");
            assert!(!fails || schema.seen.contains(&(command.clone(), true)), "{command} never failed");
        }
    }
}

/// Jobs, from the queue to their end.
fn watched(schema: &mut Schema, database: &Database) {
    assert_eq!(schema.of(database, &["jobs"])["jobs"], json!([]));
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let jobs: Vec<String> = (0..2).map(|_| queue_job(&mut db, &alice, &dataset, 10)).collect();
    schema.of(database, &["watch", &jobs[1], "--once"]);
    assert_eq!(claim(&mut db, "w"), jobs[0]);
    schema.of(database, &["watch", &jobs[0], "--once"]);
    report(&mut db, &jobs[0], json!([point(1, json!(2.0)), point(2, json!(1.5))])).unwrap();
    schema.of(database, &["watch", &jobs[0], "--once"]);
    assert!(schema.of(database, &["jobs", "--page-size", "1"])["next"].is_string());
    assert!(schema.of(database, &["costs"])["costs"]["by_job"].is_array());
    complete(&mut db, &jobs[0]).unwrap();
    db.batch_execute(
        "begin; set local session_replication_role = replica; update public.cost_records set amount = amount + 1; commit",
    )
    .unwrap();
    assert_eq!(schema.of(database, &["verify", "--costs"])["error"]["exit_code"], 10);
    db.batch_execute(
        "begin; set local session_replication_role = replica; update public.cost_records set amount = amount - 1; commit",
    )
    .unwrap();
    schema.of(database, &["watch", &jobs[0]]);
    let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{}'", jobs[1]);
    alice.write(&mut db, &cancel).unwrap();
    assert_eq!(schema.of(database, &["watch", &jobs[1]])["error"]["exit_code"], 14);
    schema.of(database, &["jobs"]);
}

/// A schema that takes everything would say nothing.
#[test]
fn the_schema_refuses_what_no_command_prints() {
    let schema = Schema::load();
    let good = Database::migrated().pg_lora(&["status", "--output", "json"]).expect(0).json();
    schema.accepts(&good).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        schema.accepts(&value)
    };
    let removed =
        |key: &'static str| move |value: &mut Value| drop(value.as_object_mut().unwrap().remove(key));
    let set = |key: &'static str, to: Value| move |value: &mut Value| value[key] = to.clone();
    for key in [
        "command",
        "version",
        "changed",
        "milliseconds",
        "error",
        "server",
        "pending",
        "foreign_policies",
        "state",
    ] {
        assert!(changed(&removed(key)).is_err(), "without {key}");
    }
    for (key, value) in [
        ("another", json!(1)),
        ("command", json!("unknown")),
        ("command", json!("verify")),
        ("state", json!("done")),
        ("changed", json!("no")),
        ("milliseconds", json!(-1)),
        ("error", json!({"exit_code": 0, "message": "x"})),
        ("error", json!({"exit_code": 7})),
        ("error", json!({"exit_code": 7, "message": "x", "file": "x"})),
        ("server", json!({"postgres": "15"})),
        ("foreign_objects", json!([{"type": "x"}])),
        ("lora", json!({"edition": "native", "state": "unknown", "version": null, "build": "1", "left": 0})),
    ] {
        assert!(changed(&set(key, value.clone())).is_err(), "{key}: {value}");
    }
}
