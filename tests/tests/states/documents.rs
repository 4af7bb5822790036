//! The documents of a job, whichever of their spellings an application writes.

use pg_lora_tests::story::{ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

/// A job as the application inserts it; answers its row.
fn insert(
    db: &mut Client,
    user: &Caller,
    dataset: &str,
    preset: &str,
    hyperparameters: &Value,
    gpu_config: &Value,
) -> Result<Value, postgres::Error> {
    let sql = format!(
        "insert into public.training_jobs as job (user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, current_stage, \
         total_epochs, total_steps, estimated_total_cost) values ('{}', '{dataset}', '{preset}', '{hyperparameters}', '{gpu_config}', \
         'queued', 'queued', 3, 33, null) returning to_jsonb(job)",
        user.id()
    );
    user.run(db, |t| Ok(t.query_one(&sql, &[])?.get(0)))
}

#[test]
fn the_applications_own_spelling_is_stored_as_the_specifications() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 44);
    let sent = json!({"learning_rate": 0.0005, "batch_size": 4, "epochs": 3, "rank": 64, "alpha": 128, "dropout": 0.2});
    let job =
        insert(&mut db, &alice, &dataset, "fast", &sent, &json!({"type": "A100-80GB", "count": 2})).unwrap();
    assert_eq!(job["preset_id"], "custom", "fast has no twin in the specification");
    assert_eq!(
        job["hyperparameters"],
        json!({
            "base_model": "mistralai/Mistral-7B-v0.1", "learning_rate": 0.0005, "batch_size": 4, "num_epochs": 3,
            "lora_rank": 64, "lora_alpha": 128, "lora_dropout": 0.2
        })
    );
    // The price is that of the price book, and frozen on the job.
    assert_eq!(job["gpu_config"], json!({"gpu_type": "A100-80GB", "num_gpus": 2, "cost_per_gpu_hour": 3.5}));
    assert_eq!((&job["total_epochs"], &job["total_steps"]), (&json!(3), &json!(33)));
    assert!(job["estimated_total_cost"].as_f64().unwrap() > 0.5, "{job}");
}

#[test]
fn a_preset_of_both_worlds_keeps_its_name() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 4);
    let gpus = json!({"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": null});
    for (sent, stored) in [("balanced", "balanced"), ("quality", "custom"), ("aggressive", "aggressive")] {
        let job = insert(&mut db, &alice, &dataset, sent, &json!({}), &gpus).unwrap();
        assert_eq!(
            (&job["preset_id"], &job["gpu_config"]["cost_per_gpu_hour"]),
            (&json!(stored), &json!(4.2))
        );
    }
}

#[test]
fn under_both_names_the_specifications_counts() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 4);
    let sent = json!({"epochs": 9, "num_epochs": 2});
    let gpus = json!({"type": "nothing", "gpu_type": "H100", "count": 7, "num_gpus": 1});
    let job = insert(&mut db, &alice, &dataset, "custom", &sent, &gpus).unwrap();
    assert_eq!(job["total_epochs"], 2);
    assert_eq!(job["hyperparameters"].get("epochs"), None);
    assert_eq!(job["gpu_config"], json!({"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": 4.2}));
}

#[test]
fn a_gpu_that_nobody_has_priced_is_refused_with_the_field() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 4);
    let gpus = json!({"type": "B9000", "count": 1});
    let refusal = Refusal::of(insert(&mut db, &alice, &dataset, "custom", &json!({}), &gpus));
    refusal.is("22023", "\"gpu_config.cost_per_gpu_hour\" is missing");
    assert_eq!(refusal.detail, "The price book has no price of \"B9000\" for today.");
}

#[test]
fn a_repeated_request_is_the_same_in_either_spelling_and_at_another_price_of_the_day() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 4);
    let request = |preset: &str, hyperparameters: &str, gpus: &str| {
        format!(
            "select id from public.create_training_job('{dataset}', '{preset}', '{hyperparameters}', '{gpus}', 'key')"
        )
    };
    let job =
        alice.ask(&mut db, &request("fast", r#"{"epochs": 2}"#, r#"{"type": "H100", "count": 1}"#)).unwrap();
    let dearer = "update public.gpu_prices set hourly_rate = 9 where gpu_type = 'H100'";
    assert_eq!(Caller::service().write(&mut db, dearer).unwrap(), 1);
    let again = request("custom", r#"{"num_epochs": 2}"#, r#"{"gpu_type": "H100", "num_gpus": 1}"#);
    assert_eq!(alice.ask(&mut db, &again).unwrap(), job);
    let priced = request(
        "custom",
        r#"{"num_epochs": 2}"#,
        r#"{"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": 1}"#,
    );
    Refusal::of(alice.ask(&mut db, &priced)).is("PT409", "was used for another request");
}
