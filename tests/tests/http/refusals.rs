//! What a refusal looks like to a client: a status by its kind, the column or the row in the message, and what to do
//! instead in the hint.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::life::Life;

/// A refusal of a column says which one.
#[track_caller]
fn names(answer: &Answer, table: &str, column: &str) {
    answer.is_refused(403, "42501", &format!("column \"{column}\" of \"{table}\""));
}

fn new_dataset(life: &Life) -> Value {
    json!({
        "user_id": life.alice_id, "name": "practice", "storage_path": format!("{}/d/x.jsonl", life.alice_id),
        "file_name": "x.jsonl", "file_size": 1,
    })
}

fn new_job(life: &Life, dataset: &str) -> Value {
    json!({
        "user_id": life.alice_id, "dataset_id": dataset, "preset_id": "balanced", "hyperparameters": {},
        "gpu_config": {"gpu_type": "A100-80GB", "num_gpus": 1, "cost_per_gpu_hour": 3.5},
        "total_epochs": 1, "estimated_total_cost": 1,
    })
}

/// The same row with another value.
fn with(row: &Value, column: &str, value: &Value) -> Value {
    let mut row = row.clone();
    row[column] = value.clone();
    row
}

#[test]
fn a_column_that_is_not_the_users_is_named() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    life.service.insert("/model_artifacts", &life.artifact(&job, &dataset)).expect(201);
    let alice = &life.alice;

    let row = new_dataset(&life);
    for (column, value) in [
        ("status", json!("ready")),
        ("training_ready", json!(true)),
        ("total_tokens", json!(7)),
        ("validated_at", json!("2026-01-01T00:00:00Z")),
        ("storage_bucket", json!("lora-models")),
        ("storage_path", json!("somebody/else/x.jsonl")),
    ] {
        names(&alice.insert("/datasets", &with(&row, column, &value)), "datasets", column);
    }
    for (column, value) in
        [("status", json!("error")), ("training_ready", json!(false)), ("file_size", json!(2))]
    {
        names(&alice.update("/datasets?status=eq.ready", &json!({column: value})), "datasets", column);
    }

    let row = new_job(&life, &dataset);
    for (column, value) in [
        ("status", json!("completed")),
        ("progress", json!(100)),
        ("current_cost", json!(-1)),
        ("final_cost", json!(0)),
        ("external_job_id", json!("squatted")),
        ("max_attempts", json!(99)),
    ] {
        names(&alice.insert("/training_jobs", &with(&row, column, &value)), "training_jobs", column);
    }
    life.queued_job(&dataset);
    let alice = &life.alice;
    let queued = "/training_jobs?status=eq.queued";
    for (column, value) in [("status", json!("running")), ("progress", json!(100)), ("gpu_config", json!({}))]
    {
        names(&alice.update(queued, &json!({column: value})), "training_jobs", column);
    }

    for (column, value) in
        [("status", json!("deployed")), ("quality_metrics", json!({})), ("artifacts", json!({}))]
    {
        names(&alice.update("/model_artifacts", &json!({column: value})), "model_artifacts", column);
    }
    for (column, value) in [("message", json!("x")), ("type", json!("news")), ("priority", json!("low"))] {
        names(&alice.update("/notifications", &json!({column: value})), "notifications", column);
    }
    let budget = json!({"user_id": life.alice_id, "platform_limit": 1_000_000});
    names(&alice.insert("/cost_budgets", &budget), "cost_budgets", "platform_limit");
}

/// Payment required: with what is spent, what is committed, and what to do.
#[test]
fn a_job_beyond_the_budget_is_payment_required() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let row = new_job(&life, &dataset);
    let call = json!({"dataset_id": dataset, "gpu_config": row["gpu_config"]});
    life.alice.rpc("set_cost_budget", &json!({"monthly_limit": 1, "hard_stop": true})).expect(200);
    for refused in [
        life.alice.insert("/training_jobs", &row),
        life.alice.rpc("create_training_job", &call),
        life.service.insert("/training_jobs", &row),
    ] {
        refused.is_refused(402, "PT402", "does not fit into the budget");
        assert!(refused.text.contains("Of 1 USD, 0.00 are spent and 0.00 committed"), "{}", refused.text);
    }
    life.alice.update("/cost_budgets", &json!({"monthly_limit": 100})).expect(204);
    life.alice.insert("/training_jobs", &row).expect(201);
    let spent = life.alice.rpc("cost_budget", &json!({})).json();
    assert_eq!(spent["limit"].as_f64(), Some(100.0), "{spent}");
    assert!(spent["committed"].as_f64() > Some(0.0), "{spent}");
}

#[test]
fn a_state_that_does_not_allow_it_is_a_conflict() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let one = format!("/training_jobs?id=eq.{job}");
    life.alice.update(&one, &json!({"status": "cancelled"})).is_refused(409, "PT409", &job);
    life.service.update(&one, &json!({"status": "running"})).is_refused(409, "PT409", &job);
    life.service.update(&one, &json!({"final_cost": 99})).is_refused(409, "PT409", "final_cost");
    life.alice.delete(&format!("/datasets?id=eq.{dataset}")).is_refused(409, "PT409", &dataset);
    life.service.delete(&format!("/datasets?id=eq.{dataset}")).is_refused(409, "PT409", &dataset);
    let unread = life.new_dataset();
    life.alice.insert("/training_jobs", &new_job(&life, &unread)).is_refused(409, "PT409", &unread);
    // Nothing is ready that was not read.
    let ready = json!({"status": "ready", "training_ready": true});
    life.service.update(&format!("/datasets?id=eq.{unread}"), &ready).is_refused(409, "PT409", &unread);
}

#[test]
fn what_nobody_may_do_says_what_to_do_instead() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    for client in [&life.alice, &life.service] {
        client.delete(&format!("/training_jobs?id=eq.{job}")).is_refused(403, "42501", "training_jobs");
    }
    life.alice.delete("/training_jobs").is_refused(403, "42501", "training_jobs");
    // The ledger and the log are closed by the lack of a right: there is no way to do it right.
    life.service.update("/cost_records", &json!({"amount": 0})).has_code(403, "42501");
    life.service.delete("/training_job_events").has_code(403, "42501");
}

#[test]
fn a_value_that_is_none_is_a_bad_request() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let row = new_job(&life, &dataset);
    for (column, value, what) in [
        ("preset_id", json!("reckless"), "reckless"),
        ("gpu_config", json!({"gpu_type": "A100-80GB", "num_gpus": 0, "cost_per_gpu_hour": 1}), "num_gpus"),
        ("gpu_config", json!({"num_gpus": 1, "cost_per_gpu_hour": 1}), "gpu_type"),
        (
            "gpu_config",
            json!({"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": -1}),
            "cost_per_gpu_hour",
        ),
        ("hyperparameters", json!({"num_epochs": 0}), "num_epochs"),
        ("hyperparameters", json!([]), "hyperparameters"),
    ] {
        life.alice.insert("/training_jobs", &with(&row, column, &value)).is_refused(400, "22023", what);
    }
    life.queued_job(&dataset);
    let queued = "/training_jobs?status=eq.queued";
    life.service.update(queued, &json!({"status": "banana"})).is_refused(409, "PT409", "banana");
    // What Postgres itself says.
    life.alice
        .insert("/datasets", &with(&new_dataset(&life), "file_size", &json!(-1)))
        .has_code(400, "23514");
    life.service.update("/datasets", &json!({"total_tokens": -1})).has_code(400, "23514");
    life.service
        .update("/training_jobs?status=eq.queued", &json!({"progress": "much"}))
        .has_code(400, "22P02");
    life.alice.get("/datasets?id=eq.mine").has_code(400, "22P02");
    let notice = json!({"user_id": life.alice_id, "type": "Not a type", "title": "t", "message": "m"});
    life.alice.insert("/notifications", &notice).has_code(400, "23514");
    life.alice.insert("/datasets", &json!({"user_id": life.alice_id})).has_code(400, "23502");
}

#[test]
fn what_is_there_already_is_a_conflict() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let point = json!({"job_id": job, "epoch": 1, "step": 1, "training_loss": 1, "learning_rate": 0.1});
    life.service.insert("/metrics_points", &point).has_code(409, "23505");
    let lost = json!({
        "job_id": "00000000-0000-0000-0000-000000000000", "epoch": 1, "step": 1, "training_loss": 1,
        "learning_rate": 0.1,
    });
    life.service.insert("/metrics_points", &lost).has_code(409, "23503");
    life.alice.insert("/datasets", &new_dataset(&life)).expect(201);
    life.alice.insert("/datasets", &new_dataset(&life)).has_code(409, "23505");
    life.service.insert("/model_artifacts", &life.artifact(&job, &dataset)).expect(201);
    life.service.insert("/model_artifacts", &life.artifact(&job, &dataset)).has_code(409, "23505");
}

/// A row of somebody else is not to be told from one that does not exist: the answers differ in the id alone.
#[test]
fn what_is_not_yours_is_not_there() {
    const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let bob = &life.bob;
    let same = |id: &str, ask: &dyn Fn(&str) -> Answer, status: u16| {
        let (hers, unknown) = (ask(id).expect(status), ask(UNKNOWN).expect(status));
        assert_eq!(hers.text, unknown.text.replace(UNKNOWN, id));
    };
    let on = |dataset: &str| with(&new_job(&life, dataset), "user_id", &json!(life.bob_id));
    same(&dataset, &|id| bob.insert("/training_jobs", &on(id)), 404);
    bob.insert("/training_jobs", &on(&dataset)).is_refused(404, "PT404", &dataset);
    same(&dataset, &|id| bob.get(&format!("/datasets?id=eq.{id}")), 200);
    same(&dataset, &|id| bob.get_single(&format!("/datasets?id=eq.{id}")), 406);
    same(&dataset, &|id| bob.update(&format!("/datasets?id=eq.{id}"), &json!({"name": "x"})), 204);
    same(&dataset, &|id| bob.update(&format!("/datasets?id=eq.{id}"), &json!({"status": "ready"})), 204);
    same(&dataset, &|id| bob.delete(&format!("/datasets?id=eq.{id}")), 200);
    same(&job, &|id| bob.update(&format!("/training_jobs?id=eq.{id}"), &json!({"status": "cancelled"})), 204);
    same(
        &job,
        &|id| bob.update_single(&format!("/training_jobs?id=eq.{id}"), &json!({"status": "cancelled"})),
        406,
    );
    same(&job, &|id| bob.get(&format!("/training_job_events?job_id=eq.{id}")), 200);
    same(&job, &|id| bob.delete(&format!("/training_jobs?id=eq.{id}")), 403);
}
