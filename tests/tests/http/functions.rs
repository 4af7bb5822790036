//! The functions of the API, called as `.rpc(…)`.

use pg_lora_tests::story::{GPUS, claim, pairs};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::life::Life;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn gpus() -> Value {
    serde_json::from_str(GPUS).unwrap()
}

/// Each with arguments that would work for whoever may call it.
fn calls_of_users(dataset: &str, job: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("check_dataset", json!({"content": pairs(2)})),
        ("create_training_job", json!({"dataset_id": dataset, "gpu_config": gpus()})),
        ("estimate_training_cost", json!({"dataset_id": dataset, "gpu_config": gpus()})),
        ("training_job_progress", json!({"job_id": job})),
        ("mark_notifications_read", json!({"ids": []})),
        ("training_jobs_overview", json!({})),
        ("training_metrics_curve", json!({"job_ids": []})),
        ("cost_summary", json!({"from_date": "2026-01-01", "to_date": "2026-02-01"})),
        ("cost_report", json!({"from_date": "2026-01-01", "to_date": "2026-02-01"})),
        ("training_job_cost", json!({"job_id": job})),
    ]
}

/// What is of the user alone: the service says whose.
fn calls_for_oneself() -> Vec<(&'static str, Value)> {
    vec![
        ("cost_budget", json!({})),
        ("set_cost_budget", json!({"monthly_limit": 100, "time_zone": "Europe/Berlin"})),
    ]
}

fn calls_of_the_service(dataset: &str, job: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("validate_dataset", json!({"dataset_id": dataset, "content": pairs(3)})),
        ("append_dataset_chunk", json!({"dataset_id": dataset, "chunk_number": 1, "content": pairs(3)})),
        ("finish_dataset_validation", json!({"dataset_id": dataset, "chunks": 1})),
        ("claim_training_jobs", json!({"worker": "w"})),
        ("heartbeat_training_job", json!({"job_id": job, "attempt": 1})),
        ("report_training_metrics", json!({"job_id": job, "attempt": 1, "points": []})),
        ("complete_training_job", json!({"job_id": job, "attempt": 1})),
        (
            "fail_training_job",
            json!({"job_id": job, "attempt": 1, "failure_class": "stalled", "message": "x"}),
        ),
        ("register_model_artifact", json!({"job_id": job, "attempt": 1, "name": "x", "artifacts": {}})),
    ]
}

#[test]
fn functions_of_the_service_are_not_for_users_and_none_is_for_nobody() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.queued_job(&dataset);
    for (function, arguments) in calls_of_users(&dataset, &job) {
        life.nobody.rpc(function, &arguments).has_code(401, "42501");
        life.platform.without_token().rpc(function, &arguments).has_code(401, "42501");
        life.alice.rpc(function, &arguments).expect(200);
        life.service.rpc(function, &arguments).expect(200);
    }
    for (function, mut arguments) in calls_for_oneself() {
        life.nobody.rpc(function, &arguments).has_code(401, "42501");
        life.alice.rpc(function, &arguments).expect(200);
        life.service.rpc(function, &arguments).is_refused(400, "22023", "user_id");
        arguments["user_id"] = json!(life.alice_id);
        life.service.rpc(function, &arguments).expect(200);
        life.bob.rpc(function, &arguments).is_refused(403, "42501", "budget");
    }
    for (function, arguments) in calls_of_the_service(&dataset, &job) {
        life.nobody.rpc(function, &arguments).has_code(401, "42501");
        life.alice.rpc(function, &arguments).has_code(403, "42501");
    }
}

#[test]
fn a_job_goes_its_whole_way_by_functions_alone() {
    let mut life = Life::begin();
    let dataset = life.new_dataset();
    let content = pairs(3);
    let report = json!({"dataset_id": dataset, "content": content});
    assert_eq!(life.service.rpc("validate_dataset", &report).json()["training_ready"], true);
    let wanted = json!({
        "dataset_id": dataset, "preset_id": "custom", "hyperparameters": {"max_steps": 2},
        "gpu_config": gpus(), "idempotency_key": "once",
    });
    let job = life.alice.rpc("create_training_job", &wanted).json();
    assert_eq!(life.alice.rpc("create_training_job", &wanted).json()["id"], job["id"], "once for the key");
    let claimed = life.service.rpc("claim_training_jobs", &json!({"worker": "w"})).row();
    assert_eq!((&claimed["id"], &claimed["status"]), (&job["id"], &json!("initializing")));
    let beat = json!({"job_id": job["id"], "attempt": 1, "stage": "training"});
    assert_eq!(life.service.rpc("heartbeat_training_job", &beat).json()["cancel_requested"], false);
    // A number that JSON has no word for comes as a text.
    let points = json!([
        {"step": 1, "epoch": 1, "training_loss": 2.5, "learning_rate": 0.0002},
        {"step": 2, "epoch": 1, "training_loss": "NaN", "learning_rate": 0.0002},
    ]);
    let told = json!({"job_id": job["id"], "attempt": 1, "points": points});
    assert_eq!(life.service.rpc("report_training_metrics", &told).json()["accepted"], 2);
    let losses = life.alice.get("/metrics_points?select=training_loss&order=step").rows();
    assert_eq!(losses, [json!({"training_loss": 2.5}), json!({"training_loss": "NaN"})]);
    let done = json!({"job_id": job["id"], "attempt": 1});
    assert_eq!(life.service.rpc("complete_training_job", &done).json()["status"], "completed");
    let progress = life.alice.rpc("training_job_progress", &json!({"job_id": job["id"]})).json();
    assert_eq!(progress["percent"].as_f64(), Some(100.0), "{progress}");
}

#[test]
fn what_is_not_there_is_not_found() {
    let life = Life::begin();
    let job = json!({"job_id": UNKNOWN});
    life.alice.rpc("training_job_progress", &job).is_refused(404, "PT404", UNKNOWN);
    life.service.rpc("training_job_progress", &job).is_refused(404, "PT404", UNKNOWN);
    for (function, arguments) in calls_of_the_service(UNKNOWN, UNKNOWN) {
        if function != "claim_training_jobs" {
            life.service.rpc(function, &arguments).is_refused(404, "PT404", UNKNOWN);
        }
    }
    let wanted = json!({"dataset_id": UNKNOWN, "gpu_config": gpus()});
    life.alice.rpc("create_training_job", &wanted).is_refused(404, "PT404", UNKNOWN);
}

/// The answers differ in the id alone.
#[test]
fn what_is_somebody_elses_is_not_found_either() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let same = |id: &str, ask: &dyn Fn(&str) -> Answer| {
        let (hers, unknown) = (ask(id).expect(404), ask(UNKNOWN).expect(404));
        assert_eq!(hers.text, unknown.text.replace(UNKNOWN, id));
    };
    same(&job, &|id| life.bob.rpc("training_job_progress", &json!({"job_id": id})));
    same(&dataset, &|id| {
        life.bob.rpc("create_training_job", &json!({"dataset_id": id, "gpu_config": gpus()}))
    });
    same(&job, &|id| {
        let of_the_job = json!({"from_date": "2020-01-01", "to_date": "2099-01-01", "job_id": id});
        life.bob.rpc("cost_summary", &of_the_job)
    });
    let for_her = json!({"dataset_id": dataset, "gpu_config": gpus(), "user_id": life.alice_id});
    life.bob.rpc("create_training_job", &for_her).is_refused(403, "42501", "oneself");
}

#[test]
fn an_argument_that_is_none_is_a_bad_request_and_a_late_worker_a_conflict() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.queued_job(&dataset);
    let beat = |attempt: u32| json!({"job_id": job, "attempt": attempt});
    life.service.rpc("heartbeat_training_job", &beat(1)).is_refused(409, "PT409", &job);
    assert_eq!(claim(&mut life.db, "w"), job);
    life.service.rpc("heartbeat_training_job", &beat(2)).is_refused(400, "22023", &job);
    life.service.rpc("complete_training_job", &beat(1)).is_refused(409, "PT409", &job);
    life.service.rpc("claim_training_jobs", &json!({"worker": ""})).is_refused(400, "22023", "worker");
    let backwards = json!({"from_date": "2026-02-01", "to_date": "2026-01-01"});
    life.alice.rpc("cost_summary", &backwards).is_refused(400, "22023", "from_date");
    let nowhere = json!({"from_date": "2026-01-01", "to_date": "2026-02-01", "time_zone": "Mars/Olympus"});
    life.alice.rpc("cost_summary", &nowhere).is_refused(400, "22023", "Mars/Olympus");
    let wrong = json!({"content": "x", "options": {"no_such_option": 1}});
    life.alice.rpc("check_dataset", &wrong).is_refused(400, "22023", "no_such_option");
    // An argument that no function has; PostgREST's own answer.
    life.alice.rpc("cost_summary", &json!({"since": "2026-01-01"})).has_code(404, "PGRST202");
}

/// `supabase.rpc('cost_report', …, { get: true }).csv()`. Whole: where columns are chosen, this PostgREST writes the header in an order
/// of its own.
#[test]
fn a_report_of_costs_is_a_table_and_so_a_csv() {
    let mut life = Life::begin();
    let charge = format!(
        "select public.record_cost('{}', 'storage', 0.25, 'storage-' || day, billing_period => date '2026-01-01' + day)
           from generate_series(0, 2) as day",
        life.alice_id
    );
    life.db.batch_execute(&format!("set role service_role; {charge}; reset role")).unwrap();
    let path = "/rpc/cost_report?from_date=2026-01-01&to_date=2026-01-03&order=day.desc";
    let csv = life.alice.get_csv(path).expect(200).text;
    let [header, second, first] = csv.lines().collect::<Vec<_>>()[..] else { panic!("{csv}") };
    assert_eq!(
        header,
        "day,cost_type,gpu_type,gpus,hourly_rate,job_id,job_status,currency,amount,is_open,record_id"
    );
    assert!(second.starts_with("2026-01-02,storage,,,,,,USD,0.2500000000,f,"), "{second}");
    assert!(first.starts_with("2026-01-01,storage,,,,,,USD,0.2500000000,f,"), "{first}");
    assert_eq!(life.bob.get_csv(path).expect(200).text.trim_end(), "");
    life.nobody.get_csv(path).has_code(401, "42501");
}
