//! Files that cannot run in a transaction: gone on with after any failure, one runner at a time, no invalid index passed
//! over, no transaction pooler.

use std::process::{Child, Stdio};

use pg_lora_tests::{Database, Outcome, Pgbouncer, PoolMode};
use postgres::Client;
use serde_json::{Value, json};

use crate::concurrent::{end, signal, wait_until};
use crate::further::Further;
use crate::versions::versions;
use crate::{recorded, value};

const FILE: &str = "-- no transaction
analyze public.datasets;
create unique index concurrently if not exists further_key on public.datasets (name);
create index concurrently if not exists further_idx on public.datasets (file_name);
";
const TWICE: &str = "
insert into auth.users (id, email) values ('00000000-0000-4000-8000-00000000000a', 'alice@example.org');
insert into public.datasets (user_id, name, storage_path, file_name, file_size)
select '00000000-0000-4000-8000-00000000000a', 'one', n::text, 'x', 1 from generate_series(1, 2) as n;
";

fn spawn(further: &Further, database: &Database, arguments: &[&str]) -> Child {
    let mut command = further.command(&database.url(), arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn indexes(db: &mut Client) -> Value {
    value(
        db,
        "select jsonb_object_agg(c.relname, i.indisvalid) from pg_index i join pg_class c on c.oid = i.indexrelid
         where c.relname ~ '^further'",
    )
}

fn is_recorded(db: &mut Client) -> bool {
    recorded(db).as_array().unwrap().len() == versions().len() + 1
}

#[test]
fn what_failed_is_gone_on_with_and_an_invalid_index_is_built_again() {
    for resume in [&["migrate"][..], &["repair", "--resume"]] {
        let database = Database::migrated();
        let mut db = database.connect();
        db.batch_execute(TWICE).unwrap();
        let further = Further::new(&[FILE]);
        for _ in 0..2 {
            let outcome = further.run(&database, &["migrate", "--output", "json"]).expect(9);
            let error = outcome.json()["error"].clone();
            assert_eq!((&error["exit_code"], &error["sqlstate"]), (&json!(9), &json!("23505")), "{error}");
            assert_eq!((&error["line"], &error["column"]), (&json!(3), &json!(1)), "{error}");
            let detail = error["detail"].as_str().unwrap();
            assert!(detail.contains("1 of 3 statements of "), "{detail}");
            assert!(
                detail.contains("are done: analyze public.datasets; left: create unique index"),
                "{detail}"
            );
            assert!(!detail.contains("rolled back"), "{detail}");
            assert!(error["hint"].as_str().unwrap().contains("pg-lora repair --resume"), "{error}");
            // Left behind by the server, and what `if not exists` alone would pass over.
            assert_eq!(indexes(&mut db), json!({ "further_key": false }));
            assert!(!is_recorded(&mut db));
        }
        let status = further.run(&database, &["status", "--check"]).expect(5);
        assert!(status.stdout.contains("analyze public.datasets is done"), "{}", status.stdout);
        let status = further.run(&database, &["status", "--output", "json"]).expect(0).json();
        assert_eq!(status["partial"][0]["done"], "analyze public.datasets", "{status}");

        db.batch_execute("update public.datasets set name = id::text").unwrap();
        let outcome = further.run(&database, resume).expect(0);
        assert!(outcome.stdout.contains(&format!("applied    {}", further.label())), "{}", outcome.stdout);
        assert_eq!(indexes(&mut db), json!({ "further_key": true, "further_idx": true }));
        assert!(is_recorded(&mut db));
        let ran =
            "select jsonb_agg(name order by recorded_at) from lora_migrate.runs where name like '%further%'";
        let label = further.label();
        assert_eq!(
            value(&mut db, ran),
            json!([
                format!("{label}: analyze public.datasets"),
                format!("{label}: create unique index concurrently if not exists further_key o…"),
                format!("{label}: create index concurrently if not exists further_idx on publi…"),
                label,
            ])
        );
        assert_eq!(value(&mut db, "select count(*) from lora_migrate.progress"), json!(0));
        further.run(&database, &["status", "--check"]).expect(0);
        let again = further.run(&database, &["repair", "--resume"]).expect(0);
        assert!(again.stderr.contains("nothing stopped half-way"), "{}", again.stderr);
    }
}

/// The build waits for an older snapshot, and the other runners ask for the lock all the while: neither of them keeps
/// it from its end.
#[test]
fn runners_that_wait_do_not_keep_the_build_waiting() {
    let database = Database::migrated();
    let mut db = database.connect();
    let further = Further::new(&["-- no transaction
create index concurrently further_idx on public.datasets (file_name);
"]);
    let mut holder = database.connect();
    holder
        .batch_execute("set application_name = 'a snapshot'; begin isolation level repeatable read")
        .unwrap();
    holder.batch_execute("select from public.notifications").unwrap();
    let runners: Vec<Child> =
        (0..4).map(|_| spawn(&further, &database, &["migrate", "--output", "json"])).collect();
    wait_until(
        &mut db,
        "select from pg_stat_activity where query like 'create index concurrently%' and wait_event_type = 'Lock'
         and datname = current_database()",
    );
    // A session lock, and no transaction but the build's own.
    let idle = "select count(*) from pg_stat_activity where application_name = 'pg-lora' and state = 'idle in transaction'
                and state_change < clock_timestamp() - interval '5 s' and datname = current_database()";
    std::thread::sleep(std::time::Duration::from_secs(11));
    assert_eq!(value(&mut db, idle), json!(0));
    db.batch_execute(TWICE).unwrap();
    assert_eq!(value(&mut db, "select count(*) from public.datasets"), json!(2), "nobody else waits");
    holder.batch_execute("commit").unwrap();
    let outcomes: Vec<Outcome> = runners.into_iter().map(|runner| end(runner).expect(0)).collect();
    let applied = |outcome: &Outcome| outcome.json()["versions_applied"].as_array().unwrap().len();
    assert_eq!(outcomes.iter().map(applied).sum::<usize>(), 1);
    let builder = outcomes.iter().find(|outcome| applied(outcome) == 1).unwrap();
    assert!(builder.stderr.contains("application \"a snapshot\""), "{}", builder.stderr);
    assert_eq!(indexes(&mut db), json!({ "further_idx": true }));
    assert!(is_recorded(&mut db));
}

#[test]
fn a_build_that_is_stopped_says_so_and_is_gone_on_with() {
    let database = Database::migrated();
    let mut db = database.connect();
    let further = Further::new(&[FILE]);
    let mut holder = database.connect();
    holder.batch_execute("begin isolation level repeatable read; select from public.notifications").unwrap();
    let runner = spawn(&further, &database, &["migrate"]);
    wait_until(
        &mut db,
        "select from pg_stat_activity where query like 'create unique index concurrently%' and wait_event_type = 'Lock'
         and datname = current_database()",
    );
    signal(&runner, "TERM");
    let outcome = end(runner).expect(9);
    assert!(outcome.stderr.contains("was interrupted"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 of 3 statements"), "{}", outcome.stderr);
    assert_eq!(indexes(&mut db), json!({ "further_key": false }));
    // Nobody waits for long for somebody who does not go.
    let outcome = further.run(&database, &["migrate", "--table-lock-wait", "1"]).expect(9);
    assert!(outcome.stderr.contains("(55P03)"), "{}", outcome.stderr);
    holder.batch_execute("commit").unwrap();
    further.run(&database, &["migrate"]).expect(0);
    assert_eq!(indexes(&mut db), json!({ "further_key": true, "further_idx": true }));
}

#[test]
fn an_index_of_another_kind_under_its_name_is_refused_by_name() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute("create index further_idx on public.datasets (file_size)").unwrap();
    let further = Further::new(&[FILE]);
    let outcome = further.run(&database, &["migrate"]).expect(11);
    assert!(outcome.stderr.contains("further_idx: it is another one than is expected"), "{}", outcome.stderr);
    assert!(!is_recorded(&mut db));
    assert_eq!(indexes(&mut db), json!({ "further_idx": true }));
}

#[test]
fn a_transaction_pooler_is_refused_and_one_of_sessions_is_not() {
    let database = Database::migrated();
    let mut db = database.connect();
    let further = Further::new(&[FILE]);
    let through = |mode: PoolMode| {
        let pooler = Pgbouncer::start(database.server(), mode, 8).unwrap();
        Outcome::of(&mut further.command(&pooler.url(database.name()), &["migrate"]))
    };
    let outcome = through(PoolMode::Transaction).expect(11);
    assert!(outcome.stderr.contains("this URL leads to a transaction pooler"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: use the URL of the server itself"), "{}", outcome.stderr);
    assert_eq!(indexes(&mut db), Value::Null);
    assert!(!is_recorded(&mut db));

    through(PoolMode::Session).expect(0);
    assert_eq!(indexes(&mut db), json!({ "further_key": true, "further_idx": true }));
    assert!(is_recorded(&mut db));
}
