//! `training_job_progress` and `complete_training_job`: where a job stands until it is done, and afterwards.

use pg_lora_tests::story::{
    claim, complete, digests, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

fn progress(db: &mut Client, caller: &Caller, arguments: &str) -> Result<Value, postgres::Error> {
    caller.ask(db, &format!("select public.training_job_progress({arguments})"))
}

/// A job of ten steps, claimed at 23:00.
fn claimed(db: &mut Client) -> (Caller, String) {
    set_clock(db, "2026-01-15 23:00Z");
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 3);
    let job = queue_job(db, &alice, &dataset, 10);
    assert_eq!(claim(db, "w"), job);
    (alice, job)
}

fn beat(db: &mut Client, job: &str, stage: &str) {
    Caller::service()
        .ask(db, &format!("select public.heartbeat_training_job('{job}', 1, '{stage}')"))
        .unwrap();
}

#[test]
fn percent_never_falls_whatever_a_worker_announces() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    let mut seen = vec![0.0];
    let mut look = |db: &mut Client, what: &str| {
        let answer = progress(db, &alice, &format!("'{job}'")).unwrap();
        let percent = answer["percent"].as_f64().unwrap();
        assert!(percent >= *seen.last().unwrap(), "{what}: {percent} after {seen:?}");
        assert_eq!(job_row(db, &job)["progress"].as_f64(), Some(percent), "{what}");
        seen.push(percent);
        percent
    };
    for stage in
        ["downloading", "loading_model", "downloading", "queued_on_gpu", "a stage of its own", "setup"]
    {
        beat(&mut db, &job, stage);
        assert!(look(&mut db, stage) <= 5.0);
    }
    for (step, stage) in
        [(1, "training"), (4, "evaluating"), (2, "training"), (5, "setup"), (9, "downloading")]
    {
        report(&mut db, &job, json!([point(step, json!(2.0))])).unwrap();
        look(&mut db, &format!("step {step}"));
        beat(&mut db, &job, stage);
        look(&mut db, stage);
    }
    report(&mut db, &job, json!([point(10, json!(2.0))])).unwrap();
    assert_eq!(look(&mut db, "all steps"), 95.0);
    for stage in ["saving", "uploading", "saving", "training", "queued"] {
        beat(&mut db, &job, stage);
        assert!(look(&mut db, stage) < 100.0);
    }
    // More steps than were announced do not make it complete.
    report(&mut db, &job, json!([point(500, json!(2.0))])).unwrap();
    assert!(look(&mut db, "too many steps") < 100.0);
    complete(&mut db, &job).unwrap();
    assert_eq!(look(&mut db, "completed"), 100.0);
}

#[test]
fn a_steady_run_is_foretold_and_priced() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    let before = progress(&mut db, &alice, &format!("'{job}'")).unwrap();
    assert_eq!((&before["step"], &before["eta"]["method"]), (&Value::Null, &json!("estimate")));

    for step in 1..=4 {
        set_clock(&mut db, &format!("2026-01-15 23:{step:02}Z"));
        report(&mut db, &job, json!([point(step, json!(2.0))])).unwrap();
    }
    let answer = progress(&mut db, &alice, &format!("'{job}'")).unwrap();
    assert_eq!(
        answer["eta"],
        json!({"low": 248.0, "expected": 360.0, "high": 472.0, "reason": null, "method": "measured"})
    );
    assert_eq!(
        (&answer["step"], &answer["total_steps"], &answer["seconds_per_step"]),
        (&json!(4), &json!(10), &json!(60.0))
    );
    assert_eq!(answer["percent"], 41.0);
    // 4 of 10 minutes at $7 an hour.
    let cost = "select jsonb_build_array(answer #>> '{cost,current}', answer #>> '{cost,projected}') from public.training_job_progress";
    let cost = alice.ask(&mut db, &format!("{cost}('{job}') as answer")).unwrap();
    assert_eq!(cost, json!(["0.4666666667", "1.1666666667"]));
    assert_eq!(job_row(&mut db, &job)["estimated_completion_at"], "2026-01-15T23:10:00+00:00");

    // Two and a half minutes ago only one point was there.
    let past = progress(&mut db, &alice, &format!("'{job}', '2026-01-15 23:01:30Z'")).unwrap();
    assert_eq!((&past["step"], &past["eta"]["method"]), (&json!(1), &json!("estimate")));
}

#[test]
fn the_worker_of_a_new_attempt_begins_at_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    report(&mut db, &job, json!([point(8, json!(2.0))])).unwrap();
    db.execute(
        &format!("update public.training_jobs set status = 'queued', attempt = 2 where id = '{job}'"),
        &[],
    )
    .unwrap();
    assert_eq!(progress(&mut db, &alice, &format!("'{job}'")).unwrap()["percent"], 0.0);
    assert_eq!(claim(&mut db, "another"), job);
    let row = job_row(&mut db, &job);
    assert_eq!(
        (&row["progress"], &row["current_step"], &row["current_metrics"]),
        (&json!(0.0), &json!(0), &Value::Null)
    );
    let points = json!([point(1, json!(3.0))]);
    let sql = format!("select public.report_training_metrics('{job}', 2, $1)");
    Caller::service().run(&mut db, |t| t.execute(&sql, &[&points])).unwrap();
    let row = job_row(&mut db, &job);
    assert_eq!((&row["current_step"], &row["current_metrics"]["training_loss"]), (&json!(1), &json!(3)));
    assert_eq!(row["progress"], 14.0);
}

/// A worker's clock is not ours: its points may be from tomorrow or from last year.
#[test]
fn a_wrong_clock_of_a_worker_breaks_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    for (step, at) in [
        (1, "2036-01-01T00:00:00Z"),
        (2, "1999-01-01T00:00:00Z"),
        (3, "0001-01-01T00:00:00Z"),
        (4, "9999-12-31T23:59:59Z"),
    ] {
        let mut point = point(step, json!(2.0));
        point["timestamp"] = json!(at);
        report(&mut db, &job, json!([point])).unwrap();
        let answer = progress(&mut db, &alice, &format!("'{job}'")).unwrap();
        assert_eq!(answer["step"], step, "{answer}");
        assert_eq!(answer["percent"], 5.0 + 9.0 * f64::from(step));
    }
    set_clock(&mut db, "2026-01-15 23:30Z");
    complete(&mut db, &job).unwrap();
    assert_eq!(job_row(&mut db, &job)["final_cost"], 3.5);
}

#[test]
fn somebody_elses_job_is_not_found() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    let bob = sign_up(&mut db, "bob");
    let hidden = Refusal::of(progress(&mut db, &bob, &format!("'{job}'")));
    hidden.is("PT404", &format!("training job \"{job}\" does not exist"));
    // It is not to be told from one that does not exist.
    let unknown = "00000000-0000-4000-8000-000000000000";
    let absent = Refusal::of(progress(&mut db, &alice, &format!("'{unknown}'")));
    assert_eq!(hidden, Refusal { message: absent.message.replace(unknown, &job), ..absent });
    Refusal::of(progress(&mut db, &alice, "null")).is("PT404", "training job");
    assert_eq!(progress(&mut db, &Caller::service(), &format!("'{job}'")).unwrap()["status"], "initializing");
}

#[test]
fn completing_freezes_where_the_job_stands() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db);
    report(&mut db, &job, json!([point(7, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-01-15 23:30Z");
    let row = complete(&mut db, &job).unwrap();
    for (column, value) in [
        ("status", json!("completed")),
        ("current_stage", json!("completed")),
        ("progress", json!(100.0)),
        ("completed_at", json!("2026-01-15T23:30:00+00:00")),
        ("estimated_completion_at", Value::Null),
        ("lease_expires_at", Value::Null),
        ("final_cost", json!(3.5)),
        ("current_step", json!(7)),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    let note = "select jsonb_build_array(title, message, priority, metadata ->> 'job_id') from public.notifications where type = 'job_completed'";
    assert_eq!(
        alice.ask(&mut db, note).unwrap(),
        json!(["Training completed", "The training on \"practice\" is done.", "high", job])
    );
    set_clock(&mut db, "2026-06-01 00:00Z");
    let later = progress(&mut db, &alice, &format!("'{job}'")).unwrap();
    assert_eq!((&later["percent"], &later["eta"]["reason"]), (&json!(100.0), &json!("ended")));
    assert_eq!((&later["cost"]["current"], &later["cost"]["projected"]), (&json!(3.5), &json!(3.5)));
}

#[test]
fn only_a_running_job_can_be_completed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    Refusal::of(complete(&mut db, &job)).is("PT409", "is queued");
    assert_eq!(claim(&mut db, "w"), job);
    Refusal::of(complete(&mut db, &job)).is("PT409", "has not reported a step");
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();

    let with =
        |result: &str| format!("select to_jsonb(public.complete_training_job('{job}', 1, '{result}'))");
    let done = with(r#"{"output": {"status": "success"}}"#);
    assert_eq!(Caller::service().ask(&mut db, &done).unwrap()["status"], "completed");
    let before = digests(&mut db);
    Refusal::of(complete(&mut db, &job)).is("PT409", "is completed");
    Refusal::of(report(&mut db, &job, json!([point(2, json!(2.0))]))).is("PT409", "is completed");
    assert_eq!(digests(&mut db), before);
}
