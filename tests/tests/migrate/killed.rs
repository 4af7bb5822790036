//! Runners that are killed at a statement's boundary: the next one goes on, nothing is applied twice, nothing stays locked.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::random::Random;
use pg_lora_tests::{Database, Outcome, Proxy, Verdict, environment, program};
use postgres::Client;
use serde_json::json;

use crate::further::Further;
use crate::{assert_same, recorded, schema, value};

/// Runs a program through a proxy and kills it (SIGKILL) at its n-th statement, which the server still gets or does not.
/// Whether it came that far.
pub fn kill_at(
    database: &Database,
    statement: usize,
    forwarded: bool,
    make: &dyn Fn(&str) -> Command,
) -> bool {
    let process = Arc::new(AtomicU32::new(0));
    let victim = Arc::clone(&process);
    let judge = move |number, _: &str| {
        if number != statement {
            return Verdict::Forward;
        }
        while victim.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(1));
        }
        let pid = victim.load(Ordering::SeqCst).to_string();
        assert!(Command::new("kill").args(["-s", "KILL", &pid]).status().unwrap().success());
        if forwarded { Verdict::ForwardAndCut } else { Verdict::Cut }
    };
    let proxy = Proxy::start(database.server(), judge).unwrap();
    let mut command = make(&proxy.url(database.name()));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.store(child.id(), Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    if output.status.signal() == Some(9) {
        return true;
    }
    Outcome::from(output).expect(0);
    false
}

/// What a killed runner held is free again.
pub fn wait_for_locks(db: &mut Client) {
    let held = "select count(*) from pg_locks where locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())";
    let began = Instant::now();
    while value(db, held) != json!(0) {
        assert!(began.elapsed() < Duration::from_secs(5), "the lock is still held");
        sleep(Duration::from_millis(10));
    }
}

/// How many steps were committed.
fn committed(db: &mut Client) -> u64 {
    if value(db, "select to_regclass('lora_migrate.runs') is not null") != json!(true) {
        return 0;
    }
    value(db, "select count(*) from lora_migrate.runs").as_u64().unwrap()
}

/// Kills one runner after the other, each some statements later than the one before, and begins anew whenever a step was
/// committed. Ends with the run that comes to its end; says how many were killed.
fn kill_all(database: &Database, stride: usize, make: &dyn Fn(&str) -> Command) -> usize {
    let mut random = Random::stream(environment::seed(), 62);
    let mut db = database.connect();
    let steps = |random: &mut Random| if stride == 1 { 1 } else { random.between(1, 2 * stride - 1) };
    let (mut killed, mut statement) = (0, steps(&mut random));
    loop {
        let before = committed(&mut db);
        if !kill_at(database, statement, random.once_in(2), make) {
            return killed;
        }
        killed += 1;
        wait_for_locks(&mut db);
        let after = committed(&mut db);
        if after > 0 {
            let versions = "select coalesce(jsonb_agg(substr(name, 2, 4)::int order by name), '[]') from lora_migrate.runs
                            where kind = 'version'";
            let history = recorded(&mut db);
            let history = if history.is_null() { json!([]) } else { history };
            assert_eq!(value(&mut db, versions), history, "after statement {statement}");
        }
        statement = if after == before { statement + steps(&mut random) } else { steps(&mut random) };
    }
}

fn stride() -> usize {
    if environment::full() { 1 } else { 10 }
}

#[test]
fn at_any_statement_of_any_version_and_layer() {
    let database = Database::empty();
    let killed = kill_all(&database, stride(), &|url| {
        let mut command = program::pg_lora(&["migrate", "--platform", "standalone"]);
        command.env("DATABASE_URL", url);
        command
    });
    assert!(killed > 20, "only {killed} were killed");
    database.pg_lora(&["status", "--check"]).expect(0);
    assert_same(&schema(&database), &schema(&Database::migrated()));
    let twice = "select count(*) from (
        select from lora_migrate.runs group by kind, name having count(*) > 1) as twice";
    assert_eq!(value(&mut database.connect(), twice), json!(0));
    eprintln!("{killed} runners were killed");
}

/// There each boundary is a state of its own: statements are no part of a transaction.
#[test]
fn at_any_statement_of_a_file_outside_of_a_transaction() {
    let database = Database::migrated();
    let further = Further::new(&["-- no transaction
create unique index concurrently if not exists further_one on public.datasets (id, file_name);
create index concurrently further_two on public.datasets (file_size);
reindex index concurrently public.further_one;
drop index concurrently if exists public.further_two;
analyze public.datasets;
"]);
    let killed = kill_all(&database, if environment::full() { 1 } else { 3 }, &|url| {
        further.command(url, &["migrate"])
    });
    assert!(killed > 20, "only {killed} were killed");
    further.run(&database, &["status", "--check"]).expect(0);
    let mut db = database.connect();
    let indexes = "select jsonb_agg(jsonb_build_array(c.relname, i.indisvalid)) from pg_index i join pg_class c on c.oid = i.indexrelid
                   where c.relname ~ '^further'";
    assert_eq!(value(&mut db, indexes), json!([["further_one", true]]));
    assert_eq!(value(&mut db, "select count(*) from lora_migrate.progress"), json!(0));
    let versions = format!("select count(*) from lora_migrate.runs where name = '{}'", further.label());
    assert_eq!(value(&mut db, &versions), json!(1));
}
