//! What is between the worker and its data is started anew between two chunks, and the worker goes on.

use std::cell::RefCell;
use std::io;

use pg_lora_tests::chat::Chat;
use pg_lora_tests::story::{add_dataset, sign_up};
use pg_lora_tests::{Cluster, Options, Outcome, Postgrest, environment};
use serde_json::json;

use super::file::{Choices, File};
use super::{faulty, is_recorded, notices, worker_at};

const CHUNK_BYTES: usize = 10_000;

/// A server of this test's own, which keeps what it says that it has.
fn durable_cluster() -> Cluster {
    let options = Options::default().set("synchronous_commit", "on").set("autovacuum", "off");
    let cluster = options.start(&environment::tree().unwrap()).unwrap();
    cluster.create_database("platform").unwrap();
    Outcome::of_pg_lora(&cluster.url("platform"), &["migrate", "--platform", "standalone"]).expect(0);
    cluster
}

/// Numbers of chunks after which something happens: some of them, or all.
fn moments(chat: &Chat) -> Vec<usize> {
    let chunks = chat.bytes.len() / CHUNK_BYTES;
    assert!(chunks >= 5, "{chunks} chunks");
    if environment::full() {
        return (1..=chunks).collect();
    }
    let mut choices = Choices(environment::seed());
    // The last one is between the last chunk and the report.
    vec![1 + choices.below(chunks - 1), chunks]
}

/// Streams a file on which this happens after each of the chunks in turn.
fn stream(cluster: &Cluster, postgrest: Postgrest, happening: impl Fn(Postgrest) -> Postgrest) {
    let mut chat = faulty(environment::seed());
    chat.bytes.truncate(chat.bytes.len() / CHUNK_BYTES * CHUNK_BYTES);
    let alice = sign_up(&mut cluster.connect("platform").unwrap(), "alice");
    let worker = worker_at(&postgrest).chunk_bytes(CHUNK_BYTES);
    let postgrest = RefCell::new(Some(postgrest));
    for moment in moments(&chat) {
        let dataset = add_dataset(&mut cluster.connect("platform").unwrap(), &alice, 10);
        let mut file = File::new(&chat.bytes).with(moment * CHUNK_BYTES, || {
            postgrest.replace_with(|postgrest| Some(happening(postgrest.take().unwrap())));
            io::Result::Ok(())
        });
        let validation = worker.validate(&dataset, &mut file, None);
        let validation = validation.unwrap_or_else(|failure| panic!("after chunk {moment}: {failure}"));
        let mut db = cluster.connect("platform").unwrap();
        is_recorded(&mut db, &dataset, &validation, &chat.bytes, &json!({}));
        assert_eq!(notices(&mut db, &dataset), 1, "after chunk {moment}");
    }
}

#[test]
fn postgrest_is_started_anew_between_two_chunks() {
    let cluster = durable_cluster();
    let postgrest = Postgrest::start(&cluster, "platform").unwrap();
    stream(&cluster, postgrest, |postgrest| postgrest.restart(&cluster, "platform").unwrap());
}

/// PostgREST finds its connections gone, and says so until it has others.
#[test]
fn postgres_crashes_between_two_chunks() {
    let cluster = durable_cluster();
    let postgrest = Postgrest::start(&cluster, "platform").unwrap();
    stream(&cluster, postgrest, |postgrest| {
        cluster.crash().unwrap();
        postgrest
    });
}
