//! Tables in use: whoever uses them is named and waited for, nobody else waits for long, and the budget is kept.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use pg_lora_tests::{Database, Outcome, Pgbouncer, PoolMode, environment, program};
use postgres::Client;
use serde_json::{Value, json};

use crate::concurrent::{end, signal, start, wait_until};
use crate::versions::{bring, rows, versions};
use crate::{create_platform, recorded, value};

/// The next version wants the strongest lock on both tables.
fn at_first_version() -> Database {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    bring(&database, &versions(), 1);
    db.batch_execute(&rows(1)).unwrap();
    database
}

/// A runner that waits for a lock.
const WAITING: &str =
    "select from pg_stat_activity where application_name = 'pg-lora' and wait_event_type = 'Lock'
                       and datname = current_database()";
const GONE: &str = "select where not exists (select from pg_stat_activity
                    where application_name like 'pg-lora%' and datname = current_database())";

/// Reads all the while, and says how long the slowest read took.
struct Reader {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Reader {
    fn start(database: &Database) -> Self {
        Self::of(
            database,
            &["select count(*) from public.metrics_points", "select count(*) from public.datasets"],
        )
    }

    fn of(database: &Database, queries: &'static [&'static str]) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (stop, mut db) = (Arc::clone(&done), database.connect());
        let thread = std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            while !stop.load(Ordering::SeqCst) {
                for query in queries {
                    let began = Instant::now();
                    db.batch_execute(query).unwrap();
                    slowest = slowest.max(began.elapsed());
                }
                sleep(Duration::from_millis(50));
            }
            slowest
        });
        Self { done, thread }
    }

    /// Each try may hold up a reader for its 3 s.
    #[track_caller]
    fn was_not_kept_waiting(self) {
        self.done.store(true, Ordering::SeqCst);
        let slowest = self.thread.join().unwrap();
        assert!(slowest < Duration::from_secs(8), "a reader waited for {slowest:?}");
    }
}

fn most_retries(answer: &Value) -> u64 {
    let versions = answer["versions_applied"].as_array().unwrap();
    versions.iter().filter_map(|version| version["retries"].as_u64()).max().unwrap()
}

#[test]
fn a_session_that_is_idle_in_its_transaction_is_named_and_waited_for() {
    let database = at_first_version();
    let mut holder = database.connect();
    let pid = value(&mut holder, "select pg_backend_pid()");
    holder.batch_execute("set application_name = 'a report'").unwrap();
    let mut open = holder.transaction().unwrap();
    open.batch_execute("  select count(*)\n from public.metrics_points").unwrap();
    let runner = start(&database, &["migrate", "--output", "json"]);
    wait_until(&mut database.connect(), WAITING);
    let reader = Reader::start(&database);
    sleep(Duration::from_secs(14));
    open.commit().unwrap();
    let outcome = end(runner).expect(0);
    reader.was_not_kept_waiting();
    let named =
        format!("held by pid {pid}, application \"a report\", user \"postgres\", in its transaction for ");
    assert!(outcome.stderr.contains(&named), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" s: select count(*); rolled back, retry 1 in "), "{}", outcome.stderr);
    // The heartbeat.
    assert!(
        outcome.stderr.contains(" s so far, waiting for a lock that is held by pid "),
        "{}",
        outcome.stderr
    );
    let answer = outcome.json();
    let logged =
        value(&mut database.connect(), "select max(retries) from lora_migrate.runs where kind = 'version'");
    assert_eq!(logged, json!(most_retries(&answer)));
    assert!(most_retries(&answer) >= 2, "{answer}");
    assert_eq!(recorded(&mut database.connect()).as_array().unwrap().len(), versions().len());
}

#[test]
fn a_long_select_is_waited_for() {
    let database = at_first_version();
    let mut holder = database.connect();
    let thread = std::thread::spawn(move || {
        holder.batch_execute("select pg_sleep(7) from public.metrics_points, public.datasets").unwrap();
    });
    wait_until(
        &mut database.connect(),
        "select from pg_stat_activity where query like 'select pg_sleep(7)%' and wait_event = 'PgSleep'",
    );
    // Has the one when it asks for the other, in an order that is not the version's.
    let reader = Reader::of(&database, &["select count(*) from public.metrics_points, public.datasets"]);
    let outcome = database.pg_lora(&["migrate"]).expect(0);
    thread.join().unwrap();
    reader.was_not_kept_waiting();
    assert!(outcome.stderr.contains(": select pg_sleep(7) from public.metrics_points"), "{}", outcome.stderr);
    let applied = outcome.stdout.lines().find(|line| line.starts_with("applied    V0002")).unwrap();
    assert!(applied.ends_with(" retries)") || applied.ends_with(" 1 retry)"), "{applied}");
    assert_eq!(recorded(&mut database.connect()).as_array().unwrap().len(), versions().len());
}

#[test]
fn a_dump_is_waited_for_and_is_whole() {
    let database = at_first_version();
    let Some(pg_dump) = database.server().tree().pg_dump().unwrap() else {
        environment::skipped("waiting for a dump, as there is no pg_dump for this server");
        return;
    };
    let mut db = database.connect();
    // More than fits between the server and a reader that does not read.
    db.batch_execute("update public.datasets set description = (select string_agg(md5(n::text), '') from generate_series(1, 300000) n)")
        .unwrap();
    let mut command = Command::new(pg_dump);
    command.args(["--dbname", &database.url()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut dump = command.spawn().unwrap();
    wait_until(
        &mut db,
        "select from pg_stat_activity where application_name = 'pg_dump' and query like 'COPY public.datasets %'",
    );
    let runner = start(&database, &["migrate", "--output", "json"]);
    wait_until(&mut db, WAITING);
    let reader = Reader::start(&database);
    sleep(Duration::from_secs(5));
    let mut text = String::new();
    dump.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(dump.wait().unwrap().success());
    let outcome = end(runner).expect(0);
    reader.was_not_kept_waiting();
    assert!(outcome.stderr.contains("application \"pg_dump\""), "{}", outcome.stderr);
    assert!(
        text.contains("COPY public.training_jobs ") && text.contains("database dump complete"),
        "{} bytes",
        text.len()
    );
    assert_eq!(recorded(&mut db).as_array().unwrap().len(), versions().len());
}

#[test]
fn who_does_not_go_is_named_when_the_budget_is_used_up() {
    let database = at_first_version();
    let mut holder = database.connect();
    holder.batch_execute("set application_name = 'forgotten'").unwrap();
    let mut open = holder.transaction().unwrap();
    open.batch_execute("select from public.metrics_points").unwrap();
    let began = Instant::now();
    let outcome = database.pg_lora(&["migrate", "--table-lock-wait", "4"]).expect(12);
    assert!(began.elapsed() >= Duration::from_secs(4) && began.elapsed() < Duration::from_secs(30));
    assert!(outcome.stderr.contains("(55P03)"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the lock is held by pid "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("application \"forgotten\""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("given up after "), "{}", outcome.stderr);
    assert_eq!(recorded(&mut database.connect()), json!([1]));
    drop(open);
    database.pg_lora(&["migrate"]).expect(0);
}

#[test]
fn a_runner_is_ended_between_two_tries() {
    let database = at_first_version();
    let mut holder: Client = database.connect();
    let mut open = holder.transaction().unwrap();
    open.batch_execute("select from public.metrics_points").unwrap();
    let runner = start(&database, &["migrate"]);
    wait_until(&mut database.connect(), WAITING);
    sleep(Duration::from_secs(4));
    signal(&runner, "TERM");
    let outcome = end(runner).expect(143);
    assert!(outcome.stderr.contains("retry 1 in "), "{}", outcome.stderr);
    wait_until(&mut database.connect(), GONE);
    assert_eq!(recorded(&mut database.connect()), json!([1]));
    drop(open);
}

/// A pooler with one connection keeps whoever asks what the step waits for waiting, until the step has gone on.
#[test]
fn a_step_does_not_wait_for_whoever_looks_on() {
    let database = at_first_version();
    let pooler = Pgbouncer::start(database.server(), PoolMode::Transaction, 1).unwrap();
    let mut holder = database.connect();
    let mut open = holder.transaction().unwrap();
    open.batch_execute("select from public.metrics_points").unwrap();
    let mut command = program::pg_lora(&["migrate"]);
    command.env("DATABASE_URL", pooler.url(database.name())).stdout(Stdio::piped()).stderr(Stdio::piped());
    let runner = command.spawn().unwrap();
    sleep(Duration::from_secs(12));
    open.commit().unwrap();
    let outcome: Outcome = end(runner).expect(0);
    assert!(outcome.stderr.contains("; rolled back, retry 1 in "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" s so far, "), "{}", outcome.stderr);
    assert_eq!(recorded(&mut database.connect()).as_array().unwrap().len(), versions().len());
}
