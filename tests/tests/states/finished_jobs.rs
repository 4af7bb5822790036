//! A job that is over is a record: nobody changes what it was, did and cost.

use pg_lora_tests::story::{
    add_model, claim, complete, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{adopt, refused, row, set};

/// Each column that is frozen, with another value.
const FROZEN: [(&str, &str); 29] = [
    ("dataset_id", "gen_random_uuid()"),
    ("preset_id", "'fast'"),
    ("hyperparameters", "'{}'"),
    ("gpu_config", "'{}'"),
    ("current_stage", "'x'"),
    ("progress", "1"),
    ("current_epoch", "77"),
    ("total_epochs", "77"),
    ("current_step", "77"),
    ("total_steps", "77"),
    ("current_metrics", "'{\"training_loss\": 0}'"),
    ("queued_at", "'2000-01-01'"),
    ("started_at", "'2000-01-01'"),
    ("completed_at", "'2000-01-01'"),
    ("estimated_completion_at", "'2000-01-01'"),
    ("current_cost", "77"),
    ("estimated_total_cost", "77"),
    ("final_cost", "77"),
    ("error_message", "'x'"),
    ("error_stack", "'x'"),
    ("retry_count", "77"),
    ("external_job_id", "'x'"),
    ("created_at", "'2000-01-01'"),
    ("attempt", "77"),
    ("max_attempts", "77"),
    ("claimed_by", "'x'"),
    ("cancel_requested_at", "'2000-01-01'"),
    ("failure_class", "'stalled'"),
    ("idempotency_key", "'x'"),
];

fn started(db: &mut Client, user: &Caller, dataset: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5))])).unwrap();
    job
}

#[test]
fn nothing_of_it_can_be_changed_by_anybody() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for status in ["completed", "failed", "cancelled"] {
        let job = started(&mut db, &alice, &dataset);
        set(&mut db, &Caller::service(), "training_jobs", &job, &format!("status = '{status}'"));
        let before = row(&mut db, "training_jobs", &job);
        for (column, value) in FROZEN {
            let said = format!("is {status} and its \"{column}\" cannot change any more");
            let change = format!("{column} = {value}");
            let sql = format!("update public.training_jobs set {change} where id = '{job}'");
            for outcome in [Caller::service().write(&mut db, &sql), db.execute(&sql, &[])] {
                assert!(outcome.is_err(), "{status}: {change}");
                Refusal::of(outcome).is("PT409", &said);
            }
        }
        // A poller that writes the same once more changes nothing.
        set(
            &mut db,
            &Caller::service(),
            "training_jobs",
            &job,
            &format!("status = '{status}', progress = progress"),
        );
        let mut after = row(&mut db, "training_jobs", &job);
        after["updated_at"] = before["updated_at"].clone();
        assert_eq!(after, before);
    }
}

#[test]
fn its_model_is_linked_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let [job, other] = [0, 1].map(|_| {
        let job = started(&mut db, &alice, &dataset);
        complete(&mut db, &job).unwrap();
        job
    });
    let [model, second] = [&job, &other].map(|job| add_model(&mut db, &alice, job, &dataset));
    let service = Caller::service();
    set(&mut db, &service, "training_jobs", &job, &format!("artifact_id = '{model}'"));
    for value in [format!("'{second}'"), "null".to_owned()] {
        refused(&mut db, &service, "training_jobs", &job, &format!("artifact_id = {value}"))
            .is("PT409", "its \"artifact_id\" cannot change any more");
    }
}

#[test]
fn a_bad_value_of_an_adopted_job_is_repaired_when_it_is_closed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (status, from) in [("completed", "running"), ("failed", "banana"), ("cancelled", "queued")] {
        let job = queue_job(&mut db, &alice, &dataset, 10);
        adopt(
            &mut db,
            &format!(
                "update public.training_jobs set status = '{from}', current_cost = -3, final_cost = 'NaN', \
                 estimated_total_cost = 'NaN', progress = 150, current_step = -1, current_epoch = -1, total_steps = -1, \
                 total_epochs = 0, retry_count = -5 where id = '{job}'"
            ),
        );
        // Until then any other change is refused by the checks.
        refused(&mut db, &Caller::service(), "training_jobs", &job, "current_stage = 'x'").has_code("23514");
        let who = if status == "cancelled" { &alice } else { &Caller::service() };
        set(&mut db, who, "training_jobs", &job, &format!("status = '{status}'"));
        let found = row(&mut db, "training_jobs", &job);
        let progress = if status == "completed" { 100.0 } else { 0.0 };
        for (column, value) in [
            ("status", json!(status)),
            ("current_cost", json!(0.0)),
            ("final_cost", Value::Null),
            ("estimated_total_cost", json!(0.0)),
            ("progress", json!(progress)),
            ("current_step", json!(0)),
            ("current_epoch", json!(0)),
            ("total_steps", Value::Null),
            ("total_epochs", json!(1)),
            ("retry_count", json!(0)),
        ] {
            assert_eq!(found[column], value, "{status}: {column}");
        }
    }
}

/// What applications did at the end of a run, and what would now charge it twice.
#[test]
fn the_time_of_a_claimed_job_is_charged_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = started(&mut db, &alice, &dataset);
    let charge = |job: &str, kind: &str| {
        format!(
            "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period) \
             values ('{}', '{job}', '{kind}', 7, '2026-03-01')",
            alice.id()
        )
    };
    let service = Caller::service();
    let open = Refusal::of(service.write(&mut db, &charge(&job, "training_compute")));
    open.is("PT409", "is charged by the database");
    set_clock(&mut db, "2026-03-01 11:00Z");
    complete(&mut db, &job).unwrap();
    Refusal::of(service.write(&mut db, &charge(&job, "training_compute")))
        .is("PT409", "is charged by the database");
    // Something else of the same job, and a correction, are no second charge.
    assert_eq!(service.write(&mut db, &charge(&job, "storage")).unwrap(), 1);
    let correction = "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, corrects) \
         select user_id, job_id, cost_type, -1, billing_period, id from public.cost_records where cost_type = 'training_compute'";
    assert_eq!(service.write(&mut db, correction).unwrap(), 1);
    // A job that an application drives by itself, it charges by itself.
    let own = queue_job(&mut db, &alice, &dataset, 10);
    for status in ["initializing", "running", "completed"] {
        set(&mut db, &service, "training_jobs", &own, &format!("status = '{status}'"));
    }
    assert_eq!(service.write(&mut db, &charge(&own, "training_compute")).unwrap(), 1);
    // An amount that is none, of a job or not, would be the sum of everything.
    let none = "insert into public.cost_records (user_id, cost_type, amount, billing_period) \
        select user_id, cost_type, 'NaN', billing_period from public.cost_records limit 1";
    Refusal::of(service.write(&mut db, none)).is("22023", "an amount of NaN is none");
    let total = "select sum(amount) from public.cost_records where cost_type = 'training_compute'";
    assert_eq!(service.ask(&mut db, total).unwrap(), json!(13.0));
}
