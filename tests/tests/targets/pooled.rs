//! A transaction pooler is told from a server and from a session pooler.

use pg_lora_tests::{Database, Outcome, Pgbouncer, PoolMode};
use serde_json::Value;

fn transaction_pooler(url: &str) -> Value {
    Outcome::of_pg_lora(url, &["wait", "--output", "json"]).expect(0).json()["connection"]["transaction_pooler"].clone()
}

#[test]
fn only_a_pooler_in_transaction_mode_is_one() {
    let database = Database::empty();
    assert_eq!(transaction_pooler(&database.url()), false);
    for (mode, size, expected) in [
        (PoolMode::Transaction, 1, Value::Bool(true)),
        (PoolMode::Transaction, 5, Value::Bool(true)),
        (PoolMode::Session, 5, Value::Bool(false)),
    ] {
        let pgbouncer = Pgbouncer::start(database.server(), mode, size).unwrap();
        assert_eq!(transaction_pooler(&pgbouncer.url(database.name())), expected, "{mode:?} {size}");
    }
}

/// Tells the others to stop, whatever becomes of the test: they would be waited for without end.
struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Others that come and go give the question another answer each time; it is never the wrong one. (Where they leave no second
/// connection within its time it stays open.)
#[test]
fn it_is_told_among_other_clients() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Transaction, 3).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = pgbouncer.connect(database.name()).unwrap();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    client.simple_query("select pg_sleep(0.001)").unwrap();
                }
            });
        }
        let answers: Vec<Value> =
            (0..5).map(|_| transaction_pooler(&pgbouncer.url(database.name()))).collect();
        assert!(answers.iter().all(|answer| *answer != false), "{answers:?}");
        assert!(answers.iter().any(|answer| *answer == true), "{answers:?}");
    });
}

#[test]
fn a_session_pool_with_one_connection_leaves_the_question_open() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Session, 1).unwrap();
    let url = format!("{}?connect_timeout=2", pgbouncer.url(database.name()));
    assert_eq!(transaction_pooler(&url), Value::Null);
    let text = Outcome::of_pg_lora(&url, &["wait"]).expect(0).stdout;
    let port = pgbouncer.port();
    assert_eq!(
        text,
        format!("ready      \"{}\" at 127.0.0.1:{port} as postgres (no TLS)\n", database.name())
    );
}

#[test]
fn people_are_told_too() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Transaction, 2).unwrap();
    let url = pgbouncer.url(database.name()) + "?pgbouncer=true&connection_limit=1";
    let text = Outcome::of_pg_lora(&url, &["wait"]).expect(0).stdout;
    let port = pgbouncer.port();
    assert_eq!(
        text,
        format!(
            "ready      \"{}\" at 127.0.0.1:{port} as postgres (no TLS), through a transaction pooler\n",
            database.name()
        )
    );
}
