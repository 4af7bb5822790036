//! What chunks are refused for, and how that looks over HTTP.

use std::time::{Duration, Instant};

use pg_lora_tests::environment;
use pg_lora_tests::story::pairs;
use serde_json::{Value, json};

use crate::life::Life;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn chunk(dataset: &str, number: i64, content: &str) -> Value {
    json!({"dataset_id": dataset, "chunk_number": number, "content": content})
}

fn end(dataset: &str, chunks: i64) -> Value {
    json!({"dataset_id": dataset, "chunks": chunks})
}

#[test]
fn chunks_that_do_not_fit_are_refused() {
    let mut life = Life::begin();
    let dataset = life.new_dataset();
    let append = |arguments: &Value| life.service.rpc("append_dataset_chunk", arguments);
    let finish = |arguments: &Value| life.service.rpc("finish_dataset_validation", arguments);
    append(&chunk(&dataset, 1, &pairs(2))).expect(200);

    append(&chunk(&dataset, 1, &pairs(3))).is_refused(409, "PT409", "another content");
    let mut other_split = chunk(&dataset, 1, &pairs(2));
    other_split["split"] = json!("validation");
    append(&other_split).is_refused(409, "PT409", "the split \"train\"");
    for number in [0, -1, 2_000_000_000] {
        append(&chunk(&dataset, number, "")).is_refused(400, "22023", &number.to_string());
        finish(&end(&dataset, number)).is_refused(400, "22023", &number.to_string());
    }
    // No integer at all, in Postgres's own words.
    append(&chunk(&dataset, 3_000_000_000, "")).has_code(400, "22003");
    let with = |name: &str, value: &str| {
        let mut arguments = chunk(&dataset, 2, "%%%");
        arguments[name] = json!(value);
        arguments
    };
    append(&with("encoding", "base64")).is_refused(400, "22023", "base64");
    append(&with("encoding", "hex")).is_refused(400, "22023", "hex");
    append(&with("split", "test")).is_refused(400, "22023", "test");
    append(&chunk(UNKNOWN, 1, "")).is_refused(404, "PT404", UNKNOWN);
    finish(&end(UNKNOWN, 1)).is_refused(404, "PT404", UNKNOWN);

    finish(&end(&dataset, 3)).is_refused(409, "PT409", "chunk 2 is missing");
    append(&chunk(&dataset, 3, "")).expect(200);
    finish(&end(&dataset, 3)).is_refused(409, "PT409", "chunk 2 is missing");
    finish(&end(&dataset, 1)).is_refused(400, "22023", "chunk 3 is there");
    append(&chunk(&dataset, 2, "")).expect(200);
    let mut with_options = end(&dataset, 3);
    with_options["options"] = json!({"profile": "openai"});
    finish(&with_options).is_refused(409, "PT409", "chunk 1 was not read");
    let mut with_hash = end(&dataset, 3);
    with_hash["content_sha256"] = json!("abc");
    finish(&with_hash).is_refused(400, "22023", "SHA-256");

    finish(&end(&dataset, 3)).expect(200);
    append(&chunk(&dataset, 1, &pairs(2))).is_refused(409, "PT409", "finished");
    append(&chunk(&dataset, 4, "")).is_refused(409, "PT409", "finished");
    finish(&end(&dataset, 4)).is_refused(409, "PT409", "finished");
}

#[test]
fn chunks_are_for_the_service() {
    let mut life = Life::begin();
    let dataset = life.new_dataset();
    let calls = [
        ("append_dataset_chunk", chunk(&dataset, 1, &pairs(2))),
        ("finish_dataset_validation", end(&dataset, 1)),
    ];
    for (function, arguments) in &calls {
        life.platform.without_token().rpc(function, arguments).has_code(401, "42501");
        life.nobody.rpc(function, arguments).has_code(401, "42501");
        life.bob.rpc(function, arguments).has_code(403, "42501");
        // Not for the owner either: a client could send any file.
        life.alice.rpc(function, arguments).has_code(403, "42501");
        life.service.rpc(function, arguments).expect(200);
    }
}

/// In ten times as many bytes as a chunk may have, or a hundred times.
#[test]
fn a_chunk_that_is_far_too_large_is_refused_and_the_server_lives_on() {
    let mut life = Life::begin();
    let dataset = life.new_dataset();
    let bytes = if environment::full() { 300_000_000 } else { 30_000_000 };
    let mut arguments = chunk(&dataset, 1, "");
    for encoding in ["utf8", "base64"] {
        arguments["encoding"] = json!(encoding);
        arguments["content"] = json!("x".repeat(bytes));
        let start = Instant::now();
        let answer = life.service.rpc("append_dataset_chunk", &arguments);
        let took = start.elapsed();
        answer.is_refused(400, "22023", &format!("the chunk has {bytes} bytes"));
        eprintln!("{bytes} bytes as {encoding}: refused after {took:?}");
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
    life.service.rpc("append_dataset_chunk", &chunk(&dataset, 1, &pairs(2))).expect(200);
    life.service.rpc("finish_dataset_validation", &end(&dataset, 1)).expect(200);
}
