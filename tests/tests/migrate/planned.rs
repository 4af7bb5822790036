//! `pg-lora plan`: what a run would do to tables that are there, and who is in its way.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use pg_lora_tests::{Database, Outcome, environment};
use postgres::Client;
use serde_json::{Value, json};

use crate::adopted::ROWS;
use crate::versions::versions;
use crate::{assert_same, provider_pending, schema, seeded, value};

fn plan(database: &Database) -> Value {
    database.pg_lora(&["plan", "--output", "json"]).expect(0).json()
}

/// What a step does to a table.
fn touched<'a>(answer: &'a Value, step: &str, table: &str) -> &'a Value {
    let step = answer["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"].as_str().unwrap().starts_with(step));
    let tables = step.unwrap_or_else(|| panic!("no {step:?} in {answer}"))["tables"].as_array().unwrap();
    tables.iter().find(|one| one["table"] == table).unwrap_or(&Value::Null)
}

#[test]
fn what_rewrites_and_what_scans_is_announced_with_its_size() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    let rows = if environment::full() { 200_000 } else { 20_000 };
    db.batch_execute(&format!(
        "insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate)
         select '00000000-0000-4000-8000-000000000e01', 1, 100 + i, 0.5, 0.0001 from generate_series(1, {rows} - 5) as i;
         analyze public.metrics_points"
    ))
    .unwrap();
    let before = schema(&database);
    let answer = plan(&database);
    assert_same(&schema(&database), &before);
    assert_eq!((&answer["changed"], &answer["up_to_date"]), (&json!(false), &json!(false)));
    let names: Vec<&str> =
        answer["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), versions().len() + 2);
    let provider = provider_pending().split_once(' ').unwrap().1;
    assert_eq!(
        (names[1], &names[names.len() - 2..]),
        ("V0002__exact_money_and_attempts", &[provider, "functions"][..])
    );

    let points = touched(&answer, "V0002", "public.metrics_points");
    assert_eq!(
        (&points["lock"], &points["rows"], &points["analysed"]),
        (&json!("ACCESS EXCLUSIVE"), &json!(rows), &json!(true))
    );
    assert_eq!(points["rewrites"].as_array().unwrap().len(), 6, "{points}");
    assert_eq!(points["rewrites"][0], "alter column training_loss type double precision");
    assert_eq!(points["bytes"], value(&mut db, "select pg_relation_size('public.metrics_points')"));
    let seconds = points["seconds"].as_f64().unwrap();
    assert!((seconds - 3e-6 * f64::from(rows)).abs() < 1e-9, "{seconds}");
    assert_eq!(points["changes_rows"], json!(true));
    let costs = touched(&answer, "V0002", "public.cost_records");
    assert_eq!(
        (&costs["rewrites"], &costs["analysed"]),
        (&json!(["alter column amount type numeric(20, 10)"]), &json!(false))
    );

    let checked = touched(&answer, "V0007", "public.training_jobs");
    assert_eq!(
        (&checked["lock"], &checked["scans"], &checked["seconds"]),
        (&json!("SHARE UPDATE EXCLUSIVE"), &json!(["validate constraint …"]), &Value::Null)
    );
    let filled = touched(&answer, "V0006", "public.datasets");
    assert_eq!((filled["scans"].as_array().unwrap().len(), &filled["changes_rows"]), (6, &json!(true)));
    let locked = touched(&answer, "V0003", "public.notifications");
    assert_eq!((&locked["lock"], &locked["scans"]), (&json!("ACCESS EXCLUSIVE"), &json!([])));
    // The table is there, so its making locks nothing; one that is made anew locks what it refers to.
    assert_eq!(touched(&answer, "V0001", "auth.users"), &Value::Null);
    assert_eq!(touched(&answer, "V0005", "auth.users")["lock"], "SHARE ROW EXCLUSIVE");
    assert_eq!(touched(&answer, "functions", "public.datasets")["lock"], "SHARE ROW EXCLUSIVE");

    let text = database.pg_lora(&["plan"]).expect(0);
    let about = format!("rewrites   public.metrics_points, about {rows} rows, ");
    assert!(text.stdout.contains(&about), "{}", text.stdout);
    assert!(text.stdout.contains("locks      public.notifications, ACCESS EXCLUSIVE\n"), "{}", text.stdout);
    let pending = format!("\npending    {}\npending    layer functions\n", provider_pending());
    assert!(text.stdout.contains(&pending), "{}", text.stdout);
    assert!(text.stdout.contains("\npending    bucket lora-models\n"), "{}", text.stdout);
    assert!(text.stderr.contains("estimates"), "{}", text.stderr);
}

#[test]
fn nothing_is_pending_where_nothing_is_and_check_says_which() {
    let database = Database::migrated();
    let outcome = database.pg_lora(&["plan", "--check"]).expect(0);
    assert_eq!(outcome.stdout, "plan       nothing is pending\n");
    assert_eq!(plan(&database)["steps"], json!([]));
    database.connect().batch_execute("delete from lora_migrate.layers where name = 'functions'").unwrap();
    let outcome = database.pg_lora(&["plan", "--check"]).expect(5);
    assert!(outcome.stdout.starts_with("pending    layer functions\n"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("hint: run pg-lora migrate"), "{}", outcome.stderr);
    database.pg_lora(&["plan"]).expect(0);
    // And what stands in the way.
    let database = seeded();
    database.connect().batch_execute("create table public.gpu_prices (id int)").unwrap();
    let answer = plan(&database);
    assert_eq!(answer["obstacles"][0]["identity"], "public.gpu_prices");
}

/// The locks and rewrites of the server itself, version by version, beside those that were announced.
#[test]
fn what_is_announced_is_what_the_server_does() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    let answer = plan(&database);
    let modes = [
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ];
    let rank = |mode: &str| modes.iter().position(|other| *other == mode).unwrap();
    let announced = |mode: &str| {
        let joined = |name: &str| name.to_uppercase().replace(' ', "");
        modes.iter().position(|other| joined(mode) + "LOCK" == other.to_uppercase()).unwrap()
    };
    let files = |db: &mut Client| -> BTreeMap<String, i64> {
        let rows = db.query(
            "select n.nspname || '.' || relname, relfilenode::bigint from pg_class c join pg_namespace n on n.oid = relnamespace
             where relkind = 'r' and nspname in ('public', 'auth', 'storage')", &[]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let at_first = files(&mut db);
    let mut texts: Vec<(String, String)> = versions()
        .iter()
        .map(|version| (format!("V{:04}", version.version()), version.sql().unwrap().to_owned()))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/functions");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let functions: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap() + "\n").collect();
    texts.push(("functions".to_owned(), format!("set local check_function_bodies = off; {functions}")));
    for (step, sql) in texts {
        let before = files(&mut db);
        let mut transaction = db.transaction().unwrap();
        transaction.batch_execute(&sql).unwrap_or_else(|error| panic!("{step}: {error:?}"));
        let held = transaction
            .query(
                "select n.nspname || '.' || relname, mode from pg_locks l join pg_class c on c.oid = l.relation
                 join pg_namespace n on n.oid = relnamespace where l.pid = pg_backend_pid() and relkind = 'r' and l.granted",
                &[],
            )
            .unwrap();
        transaction.commit().unwrap();
        let after = files(&mut db);
        let mut strongest: BTreeMap<String, usize> = BTreeMap::new();
        for row in &held {
            let (table, mode): (String, String) = (row.get(0), row.get(1));
            let lock = strongest.entry(table).or_default();
            *lock = (*lock).max(rank(&mode));
        }
        for table in at_first.keys() {
            let said = touched(&answer, &step, table);
            let lock = strongest.get(table).copied();
            match said["lock"].as_str() {
                // Reading it, or a key of it, stops nobody.
                None => assert!(
                    lock.is_none_or(|lock| lock < rank("RowExclusiveLock")),
                    "{step} {table}: {lock:?}"
                ),
                // There is no publication to add the tables to.
                Some(_) if step == "V0011" => {}
                Some(said) => assert_eq!(Some(announced(said)), lock, "{step} {table}"),
            }
            let rewritten = before[table] != after[table];
            let said = said["rewrites"].as_array().is_some_and(|clauses| !clauses.is_empty());
            assert_eq!(said, rewritten, "{step} {table}");
        }
    }
}

#[test]
fn whoever_is_in_the_way_is_named() {
    let database = seeded();
    let mut reader = database.connect();
    reader.batch_execute("set application_name = 'reports'; begin").unwrap();
    reader.batch_execute("select count(*), 'secret' from public.metrics_points\n where step > 0").unwrap();
    let mut writer = database.connect();
    writer.batch_execute("begin; insert into public.gpu_list values (1)").unwrap_err();
    writer.batch_execute("rollback; begin; lock table public.notifications in access share mode").unwrap();
    // One that waits: in a thread, until the reader is gone.
    let mut waiting = database.connect();
    let waits = std::thread::spawn(move || {
        waiting.batch_execute("alter table public.metrics_points add column theirs int")
    });
    let mut db = database.connect();
    let end = Instant::now() + Duration::from_secs(30);
    while value(
        &mut db,
        "select count(*) from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())",
    ) == json!(0)
    {
        assert!(Instant::now() < end, "nobody waits");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Somebody waits for all of the table, and the plan is made all the same.
    let answer = plan(&database);
    let sessions = answer["sessions"].as_array().unwrap();
    let of = |mode: &str, table: &str| {
        sessions
            .iter()
            .find(|one| one["mode"] == mode && one["table"] == table)
            .unwrap_or_else(|| panic!("{answer}"))
    };
    let holds = of("AccessShareLock", "public.metrics_points");
    assert_eq!(
        (&holds["application"], &holds["user"], &holds["granted"], &holds["in_the_way"]),
        (&json!("reports"), &json!("postgres"), &json!(true), &json!(true))
    );
    assert_eq!(holds["query"], "select count(*), '…' from public.metrics_points");
    assert!(holds["seconds"].is_u64() && holds["pid"].is_i64(), "{holds}");
    let waits_for = of("AccessExclusiveLock", "public.metrics_points");
    assert_eq!((&waits_for["granted"], &waits_for["in_the_way"]), (&json!(false), &json!(true)));
    let text = database.pg_lora(&["plan"]).expect(0).stdout;
    assert!(
        text.contains("in the way pid ")
            && text.contains(", waits for ACCESS EXCLUSIVE on public.metrics_points: alter table"),
        "{text}"
    );

    // A role that may not see the others' statistics sees their locks.
    db.batch_execute("create role plan_stranger login").unwrap();
    let url = database.url().replace("postgres@", "plan_stranger@");
    let answer = Outcome::of_pg_lora(&url, &["plan", "--output", "json"]).expect(0).json();
    let seen = answer["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["mode"] == "AccessShareLock" && one["table"] == "public.metrics_points");
    let seen = seen.unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(
        (&seen["application"], &seen["query"], &seen["in_the_way"]),
        (&json!("reports"), &Value::Null, &json!(true))
    );
    let text = Outcome::of_pg_lora(&url, &["plan"]).expect(0).stdout;
    assert!(text.contains("query not seen by this role"), "{text}");
    db.batch_execute("drop role plan_stranger").unwrap();

    reader.batch_execute("rollback").unwrap();
    waits.join().unwrap().unwrap();
    // And while somebody has all of it.
    reader.batch_execute("begin; lock table public.metrics_points").unwrap();
    let answer = plan(&database);
    assert_eq!(
        answer["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["mode"] == "AccessExclusiveLock")
            .count(),
        1
    );
    reader.batch_execute("rollback").unwrap();
    writer.batch_execute("rollback").unwrap();
}
