//! The application's poller: it drives jobs by direct updates with the service key, and charges them itself.

use serde_json::{Value, json};

use crate::life::Life;

fn job(id: &str) -> String {
    format!("/training_jobs?id=eq.{id}")
}

/// Takes a queued job to its training, as the poller does it.
fn start(life: &Life, id: &str, external: &str) {
    let submitted = json!({
        "status": "initializing", "current_stage": "queued_on_gpu", "external_job_id": external,
        "started_at": "2026-03-01T10:00:00.000Z",
    });
    life.service.update(&job(id), &submitted).expect(204);
    let running = json!({
        "status": "running", "current_stage": "training", "progress": 25.5, "current_epoch": 1, "current_step": 3,
        "current_metrics": {"training_loss": 1.7, "learning_rate": 0.0002}, "current_cost": 1.25,
    });
    life.service.update(&job(id), &running).expect(204);
}

fn point(id: &str, step: u32) -> Value {
    json!({
        "job_id": id, "epoch": 1, "step": step, "training_loss": 1.7, "validation_loss": null,
        "learning_rate": 0.0002, "gradient_norm": 0.8, "throughput": 1800, "gpu_utilization": 93.5,
        "timestamp": "2026-03-01T10:05:00.000Z",
    })
}

#[test]
fn the_poller_takes_the_five_oldest_jobs() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let jobs: Vec<String> = (0..7).map(|_| life.queued_job(&dataset)).collect();
    let list =
        "/training_jobs?select=*,dataset:datasets!dataset_id(*)&status=eq.queued&order=queued_at.asc&limit=5";
    let found: Vec<Value> = life.service.get(list).rows().iter().map(|row| row["id"].clone()).collect();
    assert_eq!(found, jobs[..5]);
}

#[test]
fn the_poller_drives_a_job_to_its_end_and_charges_it() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let id = life.queued_job(&dataset);
    start(&life, &id, "runpod-1");
    let active = "/training_jobs?select=*&status=in.(initializing,running)&external_job_id=not.is.null";
    let row = life.service.get(active).row();
    assert_eq!((&row["current_stage"], &row["progress"]), (&json!("training"), &json!(25.5)));
    assert_eq!((&row["current_cost"], &row["external_job_id"]), (&json!(1.25), &json!("runpod-1")));

    for step in 3..6 {
        life.service.insert("/metrics_points", &point(&id, step)).expect(201);
    }
    // The same step again, thirty seconds later, is not a second point.
    life.service.insert("/metrics_points", &point(&id, 5)).has_code(409, "23505");
    assert_eq!(life.alice.count(&format!("/metrics_points?job_id=eq.{id}")).total(), 3);

    let done = json!({
        "status": "completed", "current_stage": "completed", "progress": 100, "final_cost": 4.1,
        "completed_at": "2026-03-01T11:00:00.000Z",
    });
    life.service.update(&job(&id), &done).expect(204);
    let row = life.alice.get(&job(&id)).row();
    assert_eq!(
        (&row["status"], &row["progress"], &row["final_cost"]),
        (&json!("completed"), &json!(100.0), &json!(4.1))
    );
    assert_eq!(row["completed_at"], "2026-03-01T11:00:00+00:00", "of whoever drives the job");
    assert_eq!(life.alice.count("/cost_records").total(), 0, "nobody else charges it");
    life.service.insert("/cost_records", &compute(&life, &id)).expect(201);
    assert_eq!(life.alice.get("/cost_records").row()["amount"], 4.1);
}

#[test]
fn the_poller_writes_down_a_failure() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let id = life.queued_job(&dataset);
    start(&life, &id, "runpod-1");
    let failed = json!({
        "status": "failed", "error_message": "CUDA out of memory", "error_stack": "at train.py:77",
        "completed_at": "2026-03-01T10:30:00.000Z", "final_cost": 0.9,
    });
    life.service.update(&job(&id), &failed).expect(204);
    let row = life.alice.get(&job(&id)).row();
    assert_eq!((&row["status"], &row["error_message"]), (&json!("failed"), &json!("CUDA out of memory")));
    assert_eq!((&row["error_stack"], &row["final_cost"]), (&json!("at train.py:77"), &json!(0.9)));
}

/// The one request of the application that is refused: closing the job has charged it already.
#[test]
fn nobody_is_charged_twice() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let id = life.completed_job(&dataset);
    assert_eq!(life.alice.count("/cost_records?cost_type=eq.training_compute").total(), 1);
    life.service.insert("/cost_records", &compute(&life, &id)).is_refused(409, "PT409", &id);
    assert_eq!(life.alice.count("/cost_records").total(), 1);
    // What else the run has cost is another matter.
    let storage = json!({
        "user_id": life.alice_id, "job_id": id, "cost_type": "storage", "amount": 0.5, "billing_period": "2026-03-01",
    });
    life.service.insert("/cost_records", &storage).expect(201);
}

fn compute(life: &Life, id: &str) -> Value {
    json!({
        "user_id": life.alice_id, "job_id": id, "cost_type": "training_compute", "amount": 4.1,
        "details": {"gpu_type": "A100-80GB", "num_gpus": 2, "hours": 1}, "billing_period": "2026-03-01",
    })
}

#[test]
fn costs_are_read_since_a_date() {
    let life = Life::begin();
    for (amount, day) in [(0.004, "2026-02-28"), (0.25, "2026-03-01"), (4.1, "2026-03-02")] {
        let row = json!({
            "user_id": life.alice_id, "cost_type": "storage", "amount": amount, "billing_period": day,
            "recorded_at": format!("{day}T12:00:00Z"),
        });
        life.service.insert("/cost_records", &row).expect(201);
    }
    let since = format!(
        "/cost_records?select=*&user_id=eq.{}&billing_period=gte.2026-03-01&order=recorded_at.desc",
        life.alice_id
    );
    let amounts: Vec<Value> = life.alice.get(&since).rows().iter().map(|row| row["amount"].clone()).collect();
    assert_eq!(amounts, [json!(4.1), json!(0.25)]);
    assert_eq!(life.alice.get("/cost_records?billing_period=lt.2026-03-01").row()["amount"], 0.004);
    assert_eq!(life.bob.get("/cost_records").rows().len(), 0);
}
