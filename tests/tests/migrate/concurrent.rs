//! Several runners at once, runners that wait, and runners that are stopped.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::{Database, Outcome, program};
use postgres::Client;
use serde_json::{Value, json};

use crate::{assert_same, recorded, schema, value};

/// The key of the migration lock: "pg_lora" in ASCII and a zero.
const LOCK: &str = "select pg_advisory_xact_lock(x'70675f6c6f726100'::bigint)";

pub fn start(database: &Database, arguments: &[&str]) -> Child {
    let mut command = program::pg_lora(arguments);
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub fn end(child: Child) -> Outcome {
    child.wait_with_output().unwrap().into()
}

pub fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// Waits until something is so in the database.
pub fn wait_until(db: &mut Client, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while value(db, &format!("select exists ({condition})")) != json!(true) {
        assert!(Instant::now() < deadline, "never: {condition}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn runners_that_start_together_apply_each_version_once() {
    let database = Database::empty();
    let runners: Vec<Child> = (0..4)
        .map(|_| start(&database, &["migrate", "--platform", "standalone", "--output", "json"]))
        .collect();
    let mut applied = Vec::new();
    for runner in runners {
        let answer = end(runner).expect(0).json();
        let versions = answer["versions_applied"].as_array().cloned().unwrap_or_default();
        applied.extend(versions.into_iter().map(|version| version["version"].as_i64().unwrap()));
    }
    applied.sort_unstable();
    assert_eq!(json!(applied), recorded(&mut database.connect()));
    database.pg_lora(&["status", "--check"]).expect(0);
    assert_same(&schema(&database), &schema(&Database::migrated()));
}

#[test]
fn a_runner_says_who_holds_the_lock_and_gives_up() {
    let database = Database::empty();
    let mut holder = database.connect();
    let mut open = holder.transaction().unwrap();
    open.execute("set application_name = 'somebody else'", &[]).unwrap();
    open.execute(LOCK, &[]).unwrap();
    let outcome = database.pg_lora(&["migrate", "--platform", "standalone", "--lock-wait", "1"]).expect(6);
    assert!(outcome.stderr.contains("waiting for the migration lock"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("application \"somebody else\""), "{}", outcome.stderr);
    // Looking, and having nothing to do, needs no lock.
    database.pg_lora(&["status"]).expect(0);
    open.commit().unwrap();
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);

    let done = Database::migrated();
    let mut holder = done.connect();
    let mut open = holder.transaction().unwrap();
    open.execute(LOCK, &[]).unwrap();
    done.pg_lora(&["migrate", "--lock-wait", "0"]).expect(0);
}

#[test]
fn a_runner_that_waited_finds_the_work_done() {
    let database = Database::empty();
    let mut holder = database.connect();
    let mut open = holder.transaction().unwrap();
    open.execute(LOCK, &[]).unwrap();
    let waiting = start(&database, &["migrate", "--platform", "standalone", "--output", "json"]);
    let other = start(&database, &["migrate", "--platform", "standalone", "--output", "json"]);
    sleep(Duration::from_millis(500));
    open.commit().unwrap();
    let answers = [end(waiting).expect(0).json(), end(other).expect(0).json()];
    let count = |answer: &Value| answer["versions_applied"].as_array().map_or(0, Vec::len);
    let total = recorded(&mut database.connect()).as_array().unwrap().len();
    assert_eq!(answers.iter().map(count).sum::<usize>(), total);
}

#[test]
fn a_stopped_runner_leaves_nothing_half_written() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        // While it waits for the lock.
        let database = Database::empty();
        let before = schema(&database);
        let mut holder = database.connect();
        let mut open = holder.transaction().unwrap();
        open.execute(LOCK, &[]).unwrap();
        let runner = start(&database, &["migrate", "--platform", "standalone"]);
        wait_until(
            &mut database.connect(),
            "select from pg_stat_activity where application_name = 'pg-lora' and datname = current_database()",
        );
        let began = Instant::now();
        signal(&runner, name);
        let outcome = end(runner).expect(code);
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
        drop(open);
        assert_same(&schema(&database), &before);

        // While a statement of it waits inside the server.
        let database = crate::seeded();
        let before = schema(&database);
        let mut holder = database.connect();
        let mut open = holder.transaction().unwrap();
        open.batch_execute("lock table public.datasets in access share mode").unwrap();
        open.batch_execute("lock table public.cost_records in access exclusive mode").unwrap();
        let runner = start(&database, &["migrate"]);
        wait_until(
            &mut database.connect(),
            "select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())",
        );
        signal(&runner, name);
        end(runner).expect(code);
        drop(open);
        assert_same(&schema(&database), &before);
        database.pg_lora(&["migrate"]).expect(0);
    }
}

#[test]
fn a_table_that_is_in_use_is_not_waited_for_long() {
    let database = crate::seeded();
    let before = schema(&database);
    let mut holder = database.connect();
    let mut open = holder.transaction().unwrap();
    open.batch_execute("lock table public.cost_records in access exclusive mode").unwrap();
    let outcome = database.pg_lora(&["migrate", "--table-lock-wait", "0"]).expect(12);
    assert!(outcome.stderr.contains("(55P03)") && outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    drop(open);
    assert_same(&schema(&database), &before);
    database.pg_lora(&["migrate"]).expect(0);
}
