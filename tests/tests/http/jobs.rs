//! Jobs, as the application's pages use them.

use pg_lora_tests::story::claim;
use serde_json::{Value, json};

use crate::life::Life;

/// What the page of a new job sends, in its own spelling.
fn new_job(life: &Life, dataset: &str) -> Value {
    json!({
        "user_id": life.alice_id, "dataset_id": dataset, "preset_id": "fast",
        "hyperparameters": {"learning_rate": 0.0002, "batch_size": 2, "epochs": 2, "rank": 8},
        "gpu_config": {"type": "A100-80GB", "count": 2},
        "status": "queued", "current_stage": "queued", "progress": 0,
        "total_epochs": 2, "total_steps": 33, "estimated_total_cost": 4.1,
    })
}

#[test]
fn a_job_is_queued_in_the_applications_spelling_and_stored_in_the_specifications() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let row = life.alice.insert_single("/training_jobs?select=*", &new_job(&life, &dataset));
    let row = row.expect(201).object();
    assert_eq!((&row["status"], &row["preset_id"]), (&json!("queued"), &json!("custom")));
    let gpus = &row["gpu_config"];
    assert_eq!((&gpus["gpu_type"], &gpus["num_gpus"]), (&json!("A100-80GB"), &json!(2)), "{row}");
    assert_eq!((gpus.get("type"), gpus.get("count")), (None, None), "{row}");
    assert_eq!(gpus["cost_per_gpu_hour"].as_f64(), Some(3.5), "of the price book: {row}");
    let parameters = &row["hyperparameters"];
    for (name, value) in
        [("num_epochs", 2.0), ("lora_rank", 8.0), ("batch_size", 2.0), ("learning_rate", 0.0002)]
    {
        assert_eq!(parameters[name].as_f64(), Some(value), "{name}: {row}");
    }
    assert_eq!((parameters.get("epochs"), parameters.get("rank")), (None, None), "{row}");
    // Three pairs in batches of two are two steps, twice; the database counts and estimates by itself.
    assert_eq!((&row["total_epochs"], &row["total_steps"]), (&json!(2), &json!(4)));
    assert!(row["estimated_total_cost"].as_f64().unwrap() > 0.0, "{row}");
}

/// In each preset that the application knows, with all that it may send, by either way in.
#[test]
fn every_preset_of_the_application_makes_a_job() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    for (sent, stored) in [
        ("conservative", "conservative"),
        ("balanced", "balanced"),
        ("aggressive", "aggressive"),
        ("custom", "custom"),
        ("fast", "custom"),
        ("quality", "custom"),
    ] {
        let mut row = new_job(&life, &dataset);
        row["preset_id"] = json!(sent);
        row["hyperparameters"]["alpha"] = json!(32);
        row["hyperparameters"]["dropout"] = json!(0.1);
        let inserted = life.alice.insert_single("/training_jobs?select=*", &row).expect(201).object();
        let call = json!({
            "dataset_id": dataset, "preset_id": sent, "hyperparameters": row["hyperparameters"],
            "gpu_config": row["gpu_config"],
        });
        let created = life.alice.rpc("create_training_job", &call).expect(200).object();
        for job in [&inserted, &created] {
            assert_eq!(job["preset_id"], stored, "{sent}");
            let parameters = &job["hyperparameters"];
            assert_eq!(parameters["lora_alpha"].as_f64(), Some(32.0), "{sent}: {parameters}");
            assert_eq!(parameters["lora_dropout"].as_f64(), Some(0.1), "{sent}: {parameters}");
        }
        for column in ["hyperparameters", "gpu_config", "total_steps", "estimated_total_cost"] {
            assert_eq!(inserted[column], created[column], "{sent}: {column}");
        }
    }
}

#[test]
fn a_list_of_jobs_comes_with_their_datasets() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    for _ in 0..12 {
        life.queued_job(&dataset);
    }
    let list = format!(
        "/training_jobs?select=*,dataset:datasets!dataset_id(id,name,format,total_training_pairs)\
         &user_id=eq.{}&order=created_at.desc&limit=10",
        life.alice_id
    );
    let page = life.alice.get_counted(&format!("{list}&offset=0")).expect(206);
    assert_eq!((page.total(), page.rows().len()), (12, 10));
    for row in page.rows() {
        assert_eq!(row["dataset"]["id"], *dataset);
        assert_eq!(row["dataset"]["total_training_pairs"], 3);
    }
    assert_eq!(life.alice.get_counted(&format!("{list}&offset=10")).rows().len(), 2);
    assert_eq!(life.alice.get(&format!("{list}&status=eq.running")).rows().len(), 0);
    assert_eq!(life.bob.get(&list).rows().len(), 0);
}

/// The application sends its own idea of the end and the price along; what counts is the database's.
#[test]
fn a_user_cancels_a_job() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let queued = life.queued_job(&dataset);
    let cancel = json!({
        "status": "cancelled", "completed_at": "1999-01-01T00:00:00.000Z", "final_cost": 1_000_000,
    });
    let one = |job: &str| format!("/training_jobs?id=eq.{job}&user_id=eq.{}&select=*", life.alice_id);
    let row = life.alice.update_and_select(&one(&queued), &cancel).expect(200).row();
    assert_eq!(row["status"], "cancelled");
    assert!(row["completed_at"].as_str().unwrap() > "2020", "{row}");
    assert_ne!(row["final_cost"], 1_000_000);

    let alice = life.caller();
    let started = pg_lora_tests::story::queue_job(&mut life.db, &alice, &dataset, 10);
    assert_eq!(claim(&mut life.db, "w"), started);
    let row = life.alice.update_and_select(&one(&started), &cancel).expect(200).row();
    assert_eq!(row["status"], "cancelled");
    assert!(row["completed_at"].as_str().unwrap() > "2020", "{row}");
    assert_ne!(row["final_cost"], 1_000_000);
    assert!(row["cancel_requested_at"].is_string(), "{row}");
    // Twice, and in the plain form.
    life.alice.update(&one(&started), &cancel).expect(204);
    life.alice.update(&one(&started), &json!({"status": "cancelled"})).expect(204);
    assert_eq!(life.alice.get(&one(&started)).row()["completed_at"], row["completed_at"]);
}

#[test]
fn a_page_of_one_job_has_its_row_and_its_points() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let one = format!("/training_jobs?select=*,dataset:datasets!dataset_id(*)&id=eq.{job}");
    let row = life.alice.get_single(&one).expect(200).object();
    assert_eq!((&row["status"], &row["dataset"]["id"]), (&json!("completed"), &json!(dataset)));
    let points = format!("/metrics_points?select=*&job_id=eq.{job}&order=timestamp.asc&limit=100");
    let steps: Vec<Value> =
        life.alice.get(&points).expect(200).rows().iter().map(|point| point["step"].clone()).collect();
    assert_eq!(steps, [1, 2]);
    // To somebody else it is not there.
    life.bob.get_single(&one).has_code(406, "PGRST116");
    assert_eq!(life.bob.get(&points).rows().len(), 0);
}
