//! The states of a job: which changes the database allows, and what follows from each, whoever makes it.

use pg_lora_tests::story::{
    add_dataset, claim, complete, job_row, pairs, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

const STATES: [&str; 6] = ["queued", "initializing", "running", "completed", "failed", "cancelled"];

/// From → to, as docs/security.md draws them.
const ALLOWED: [(&str, &str); 12] = [
    ("queued", "initializing"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("initializing", "running"),
    ("initializing", "failed"),
    ("initializing", "cancelled"),
    ("initializing", "queued"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("failed", "queued"),
];

/// Writes to the tables as an application does that calls no function of ours; answers the text returned.
fn write(db: &mut Client, who: &Caller, sql: &str) -> Result<String, postgres::Error> {
    who.run(db, |t| Ok(t.query_one(sql, &[])?.get(0)))
}

fn set_status(db: &mut Client, who: &Caller, job: &str, status: &str) -> Result<String, postgres::Error> {
    write(
        db,
        who,
        &format!("update public.training_jobs set status = '{status}' where id = '{job}' returning status"),
    )
}

/// A job in a state, on the way that the states allow.
fn job_in(db: &mut Client, user: &Caller, dataset: &str, state: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    let way: &[&str] = match state {
        "queued" => &[],
        "initializing" => &["initializing"],
        "running" => &["initializing", "running"],
        "completed" => &["initializing", "running", "completed"],
        "failed" => &["failed"],
        _ => &["cancelled"],
    };
    for step in way {
        set_status(db, &Caller::service(), &job, step).unwrap();
    }
    job
}

#[test]
fn every_change_is_allowed_or_refused_as_the_page_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for from in STATES {
        for to in STATES {
            let job = job_in(&mut db, &alice, &dataset, from);
            let outcome = set_status(&mut db, &Caller::service(), &job, to);
            if from == to || ALLOWED.contains(&(from, to)) {
                assert_eq!(outcome.unwrap(), to, "{from} → {to}");
            } else {
                Refusal::of(outcome).is("PT409", &format!("is \"{from}\" and cannot become \"{to}\""));
            }
        }
        let job = job_in(&mut db, &alice, &dataset, from);
        Refusal::of(set_status(&mut db, &Caller::service(), &job, "banana"))
            .is("PT409", "cannot become \"banana\"");
    }
}

#[test]
fn the_owner_of_the_tables_is_bound_by_the_states_too() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let sql = format!("update public.training_jobs set status = 'completed' where id = '{job}'");
    Refusal::of(db.execute(&sql, &[])).is("PT409", "cannot become \"completed\"");
}

#[test]
fn a_job_begins_in_the_queue() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for status in &STATES[1..] {
        let sql = format!(
            "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, \
             total_epochs, estimated_total_cost, status) values ('{}', '{dataset}', 'balanced', '{{}}', \
             '{{\"gpu_type\": \"H100\", \"num_gpus\": 1, \"cost_per_gpu_hour\": 1}}', 1, 1, '{status}') returning id::text",
            alice.id()
        );
        Refusal::of(write(&mut db, &Caller::service(), &sql)).is("PT409", "cannot begin as");
    }
}

#[test]
fn every_attempt_is_charged_by_itself_and_the_queue_is_free() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let service = Caller::service();

    // Claimed at 10:00, lost at 11:00; two GPUs at 3.50.
    claim(&mut db, "first");
    report(&mut db, &job, json!([point(4, json!(1.0))])).unwrap();
    set_clock(&mut db, "2026-03-01 11:00Z");
    set_status(&mut db, &service, &job, "queued").unwrap();
    let row = job_row(&mut db, &job);
    assert_eq!((&row["attempt"], &row["retry_count"]), (&json!(2), &json!(1)));
    for gone in ["claimed_by", "started_at", "completed_at", "lease_expires_at", "current_metrics"] {
        assert_eq!(row[gone], Value::Null, "{gone}");
    }
    assert_eq!(
        (&row["progress"], &row["current_step"], &row["current_stage"]),
        (&json!(0.0), &json!(0), &json!("queued"))
    );
    Refusal::of(report(&mut db, &job, json!([point(5, json!(1.0))])))
        .is("PT409", "attempt 1 of training job");

    // Claimed again at 12:00, failed at 12:30, retried, claimed at 14:00, completed at 14:15.
    set_clock(&mut db, "2026-03-01 12:00Z");
    claim(&mut db, "second");
    set_clock(&mut db, "2026-03-01 12:30Z");
    set_status(&mut db, &service, &job, "failed").unwrap();
    assert_eq!(job_row(&mut db, &job)["final_cost"], json!(10.50), "7.00 and 3.50");
    set_clock(&mut db, "2026-03-01 13:00Z");
    set_status(&mut db, &service, &job, "queued").unwrap();
    assert_eq!(job_row(&mut db, &job)["final_cost"], Value::Null);
    set_clock(&mut db, "2026-03-01 14:00Z");
    claim(&mut db, "third");
    let points = json!([point(10, json!(1.0))]);
    let sql = format!("select public.report_training_metrics('{job}', 3, '{points}')");
    service.ask(&mut db, &sql).unwrap();
    set_clock(&mut db, "2026-03-01 14:15Z");
    Refusal::of(complete(&mut db, &job)).is("PT409", "attempt 1");
    service.ask(&mut db, &format!("select status from public.complete_training_job('{job}', 3)")).unwrap();

    assert_eq!(job_row(&mut db, &job)["final_cost"], json!(12.25));
    let ledger = "select jsonb_agg(jsonb_build_array(details -> 'attempt', details ->> 'status', amount::text) \
                  order by recorded_at) from public.cost_records";
    assert_eq!(
        alice.ask(&mut db, ledger).unwrap(),
        json!([
            [1, "queued", "7.0000000000"],
            [2, "failed", "3.5000000000"],
            [3, "completed", "1.7500000000"]
        ])
    );
    let summary = alice.ask(&mut db, "select public.cost_summary('2026-03-01', '2026-03-02')").unwrap();
    assert_eq!(summary["total"], json!(12.25));
}

#[test]
fn a_job_that_failed_is_tried_again_as_often_as_it_may() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let service = Caller::service();
    // A worker that is lost is no failure, whatever the attempt.
    for attempt in 1..=4 {
        claim(&mut db, "w");
        set_status(&mut db, &service, &job, "queued").unwrap();
        assert_eq!(job_row(&mut db, &job)["attempt"], attempt + 1);
    }
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for _ in 1..=2 {
        set_status(&mut db, &service, &job, "failed").unwrap();
        set_status(&mut db, &service, &job, "queued").unwrap();
    }
    set_status(&mut db, &service, &job, "failed").unwrap();
    let retry = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
    for outcome in [service.write(&mut db, &retry), db.execute(&retry, &[])] {
        Refusal::of(outcome).is("PT409", "has failed 3 of 3 times");
    }
    let more =
        format!("update public.training_jobs set status = 'queued', max_attempts = 4 where id = '{job}'");
    assert_eq!(service.write(&mut db, &more).unwrap(), 1);
    assert_eq!(job_row(&mut db, &job)["attempt"], 4);
}

/// An application's own worker writes whole rows, with what it once read.
#[test]
fn only_the_database_counts_attempts() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for (change, attempt) in [
        ("attempt = 7, retry_count = 9", 1),
        ("status = 'initializing', attempt = 7, retry_count = 9", 1),
        ("status = 'queued', attempt = 7, retry_count = 9", 2),
        ("status = 'failed', attempt = 1, retry_count = 0", 2),
        ("status = 'queued', attempt = 1, retry_count = 0", 3),
    ] {
        let sql = format!("update public.training_jobs set {change} where id = '{job}'");
        assert_eq!(Caller::service().write(&mut db, &sql).unwrap(), 1);
        let row = job_row(&mut db, &job);
        assert_eq!(
            (&row["attempt"], &row["retry_count"]),
            (&json!(attempt), &json!(attempt - 1)),
            "{change}"
        );
    }
}

#[test]
fn a_job_that_an_application_drives_by_itself_is_not_charged_by_us() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let service = Caller::service();
    let update =
        |set: &str| format!("update public.training_jobs set {set} where id = '{job}' returning status");
    write(&mut db, &service, &update("status = 'initializing', started_at = '2026-01-01'")).unwrap();
    write(&mut db, &service, &update("status = 'running'")).unwrap();
    write(
        &mut db,
        &service,
        &update("status = 'completed', completed_at = '2026-01-01 01:00Z', final_cost = 4.20"),
    )
    .unwrap();
    let row = job_row(&mut db, &job);
    assert_eq!((&row["final_cost"], &row["current_cost"]), (&json!(4.20), &json!(4.20)));
    assert_eq!(row["completed_at"], "2026-01-01T01:00:00+00:00");
    assert_eq!(service.ask(&mut db, "select count(*) from public.cost_records").unwrap(), 0);
}

#[test]
fn a_status_that_nobody_knows_can_only_be_ended() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    // As it may stand in a database that was adopted.
    db.batch_execute(
        "alter table public.training_jobs disable trigger user, drop constraint training_jobs_status_check;
         update public.training_jobs set status = 'banana';
         alter table public.training_jobs enable trigger user,
           add constraint training_jobs_status_check check (status <> 'banana') not valid",
    )
    .unwrap();
    let service = Caller::service();
    Refusal::of(set_status(&mut db, &service, &job, "running")).is("PT409", "is \"banana\"");
    assert_eq!(set_status(&mut db, &service, &job, "cancelled").unwrap(), "cancelled");
}

#[test]
fn a_dataset_that_is_not_ready_takes_no_job() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, pairs(1).len());
    let sql = format!("select id from public.create_training_job('{dataset}')");
    Refusal::of(alice.ask(&mut db, &sql)).is("PT409", "is not ready");
}
