//! Requests that nobody means well with. None of them is an internal error, and none gets around a guard.

use pg_lora_tests::environment;
use pg_lora_tests::story::{GPUS, digests};
use serde_json::{Map, Value, json};

use crate::client::{Answer, Client};
use crate::life::Life;

/// Values that some column or argument has not thought of.
fn values() -> Vec<Value> {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(""),
        json!("\u{0}"),
        json!("x".repeat(20_000)),
        // One that does not compress, and so fits no entry of an index.
        json!(incompressible(20_000)),
        json!("NaN"),
        json!("-Infinity"),
        json!("infinity"),
        json!("294277-01-01T00:00:00Z"),
        json!("00000000-0000-4000-8000-000000000000"),
        json!("{}"),
        json!(-1),
        json!(0.5),
        json!(9_223_372_036_854_775_807_i64),
        json!(1e300),
        json!(true),
        json!([]),
        json!([null, {"type": 1}]),
        json!({}),
        json!({"": null, "type": [], "count": 1e300, "epochs": -1, "num_gpus": 0.1}),
        json!({"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": "NaN", "job_id": "x", "dataset_id": 7}),
        json!({"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": 1e300}),
        json!({"max_steps": 1e18, "batch_size": 1e-300, "num_epochs": 1000}),
        deep,
    ]
}

/// Letters of a linear congruential generator.
fn incompressible(length: usize) -> String {
    let step = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(7), step)
        .map(|state: u64| char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap_or_default()))
        .take(length)
        .collect()
}

#[track_caller]
fn is_no_internal_error(answer: &Answer, sent: &Value) {
    let sent: String = sent.to_string().chars().take(300).collect();
    assert!(answer.status < 500, "{answer} (sent {sent})");
}

/// A tenth of all combinations, another one in each run, and all of them at full size.
struct Sample(u64);

impl Sample {
    fn takes(&mut self) -> bool {
        self.0 += 1;
        environment::full() || self.0.is_multiple_of(10)
    }
}

fn columns(life: &mut Life, table: &str) -> Vec<String> {
    let sql = "select column_name::text from information_schema.columns \
               where table_schema = 'public' and table_name = $1 order by ordinal_position";
    life.db.query(sql, &[&table]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// A row that each table takes from the service.
fn rows(life: &Life, dataset: &str, job: &str) -> Vec<(&'static str, Value)> {
    let owner = &life.alice_id;
    let gpus: Value = serde_json::from_str(GPUS).unwrap();
    vec![
        (
            "datasets",
            json!({
                "user_id": owner, "name": "x", "storage_path": format!("{owner}/x/x.jsonl"), "file_name": "x",
                "file_size": 1,
            }),
        ),
        (
            "training_jobs",
            json!({
                "user_id": owner, "dataset_id": dataset, "preset_id": "custom", "hyperparameters": {},
                "gpu_config": gpus, "total_epochs": 1, "estimated_total_cost": 1,
            }),
        ),
        (
            "metrics_points",
            json!({"job_id": job, "epoch": 1, "step": 99, "training_loss": 0, "learning_rate": 0}),
        ),
        ("model_artifacts", life.artifact(job, dataset)),
        (
            "cost_records",
            json!({
                "user_id": owner, "job_id": job, "cost_type": "storage", "amount": 1,
                "billing_period": "2026-01-15",
            }),
        ),
        (
            "notifications",
            json!({
                "user_id": owner, "type": "job_queued", "title": "t", "message": "m",
                "metadata": {"job_id": job},
            }),
        ),
        (
            "training_job_events",
            json!({"job_id": job, "sequence": 99, "actor": "me", "kind": "note", "attempt": 1}),
        ),
        (
            "gpu_prices",
            json!({"gpu_type": "T4", "hourly_rate": 1, "tokens_per_second": 1, "valid": "[2026-01-01,)"}),
        ),
        ("cost_budgets", json!({"user_id": owner, "monthly_limit": 1})),
    ]
}

#[test]
fn no_value_of_a_column_is_an_internal_error() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    life.queued_job(&dataset);
    life.new_dataset();
    let tables = rows(&life, &dataset, &job);
    let columns: Vec<Vec<String>> = tables.iter().map(|(table, _)| columns(&mut life, table)).collect();
    let mut sample = Sample(environment::seed() % 10);
    for ((table, row), columns) in tables.iter().zip(&columns) {
        let path = format!("/{table}");
        for (column, value) in
            columns.iter().flat_map(|column| values().into_iter().map(move |v| (column, v)))
        {
            let mut body = row.clone();
            body[column] = value.clone();
            let change = json!({column: value});
            for client in [&life.alice, &life.service] {
                if sample.takes() {
                    is_no_internal_error(&client.attempt("POST", &path, Some(&body)), &body);
                }
                if sample.takes() {
                    is_no_internal_error(&client.attempt("PATCH", &path, Some(&change)), &change);
                }
            }
        }
    }
}

#[test]
fn no_argument_of_a_function_is_an_internal_error() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.queued_job(&dataset);
    pg_lora_tests::story::claim(&mut life.db, "w");
    let gpus: Value = serde_json::from_str(GPUS).unwrap();
    let uploaded = life.new_dataset();
    let chunk = json!({"dataset_id": uploaded, "chunk_number": 1, "content": "x"});
    life.service.rpc("append_dataset_chunk", &chunk).expect(200);
    let calls = [
        ("check_dataset", json!({"content": "x", "options": {}})),
        ("validate_dataset", json!({"dataset_id": dataset, "content": "x", "options": {}})),
        (
            "append_dataset_chunk",
            json!({
                "dataset_id": uploaded, "chunk_number": 2, "content": "x", "encoding": "utf8", "split": "train",
                "options": {},
            }),
        ),
        (
            "finish_dataset_validation",
            json!({"dataset_id": uploaded, "chunks": 1, "content_sha256": null, "options": {}}),
        ),
        (
            "create_training_job",
            json!({
                "dataset_id": dataset, "preset_id": "custom", "hyperparameters": {}, "gpu_config": gpus,
                "idempotency_key": "k", "user_id": null,
            }),
        ),
        ("training_job_progress", json!({"job_id": job, "at": null})),
        (
            "cost_summary",
            json!({"from_date": "2026-01-01", "to_date": "2026-02-01", "time_zone": "UTC", "job_id": null}),
        ),
        ("claim_training_jobs", json!({"worker": "w", "max_jobs": 1, "lease_seconds": 1})),
        (
            "heartbeat_training_job",
            json!({"job_id": job, "attempt": 1, "stage": "training", "external_job_id": "x"}),
        ),
        ("report_training_metrics", json!({"job_id": job, "attempt": 1, "points": []})),
        ("complete_training_job", json!({"job_id": job, "attempt": 1, "result": {}})),
    ];
    let mut sample = Sample(environment::seed() % 10);
    for (function, arguments) in &calls {
        let path = format!("/rpc/{function}");
        let names = arguments.as_object().map(Map::keys).unwrap();
        for (name, value) in names.flat_map(|name| values().into_iter().map(move |value| (name, value))) {
            let mut body = arguments.clone();
            body[name] = value;
            for client in [&life.alice, &life.service] {
                if sample.takes() {
                    is_no_internal_error(&client.attempt("POST", &path, Some(&body)), &body);
                }
            }
        }
    }
}

/// An upsert is an insert that may become an update, and is refused what either is.
#[test]
fn an_upsert_gets_around_no_guard() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let owner = life.alice_id.clone();
    let path = format!("{owner}/y/y.jsonl");
    let upsert =
        |client: &Client, table: &str, row: &Value| client.upsert(&format!("/{table}?on_conflict=id"), row);
    let before = digests(&mut life.db);
    for (column, value) in
        [("file_size", json!(2)), ("training_ready", json!(true)), ("status", json!("ready"))]
    {
        let mut row = json!({
            "id": dataset, "user_id": owner, "name": "x", "storage_path": path, "file_name": "x", "file_size": 1,
        });
        row[column] = value;
        upsert(&life.alice, "datasets", &row).is_refused(403, "42501", "of \"datasets\"");
        row["user_id"] = json!(life.bob_id);
        row["storage_path"] = json!(format!("{}/y/y.jsonl", life.bob_id));
        assert!(matches!(upsert(&life.bob, "datasets", &row).status, 403 | 404), "another's row");
    }
    let row = json!({
        "id": job, "user_id": owner, "dataset_id": dataset, "preset_id": "custom", "hyperparameters": {},
        "gpu_config": serde_json::from_str::<Value>(GPUS).unwrap(), "total_epochs": 1, "estimated_total_cost": 1,
    });
    let answer = upsert(&life.alice, "training_jobs", &row);
    assert!(matches!(answer.status, 403 | 409), "{answer}");
    assert_eq!(digests(&mut life.db), before);
}

/// One request with the same news twice is one row, as two requests would be.
#[test]
fn the_same_event_twice_in_one_request_is_one_row() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.queued_job(&dataset);
    let row = json!({
        "user_id": life.alice_id, "type": "job_queued", "title": "t", "message": "m",
        "metadata": {"job_id": job},
    });
    life.alice.insert("/notifications", &json!([row, row])).expect(201);
    assert_eq!(life.alice.count("/notifications?type=eq.job_queued").total(), 1);
}
