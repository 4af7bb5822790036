//! What users may change of their own: cancel a job, name a model, take back a dataset that was never uploaded.

use pg_lora_tests::story::{
    add_dataset, add_model, claim, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use serde_json::{Value, json};

fn cancel(job: &str) -> String {
    format!("update public.training_jobs set status = 'cancelled' where id = '{job}'")
}

#[test]
fn a_queued_job_is_cancelled_at_once_and_costs_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    set_clock(&mut db, "2026-03-01 11:00Z");
    assert_eq!(alice.write(&mut db, &cancel(&job)).unwrap(), 1);
    let row = job_row(&mut db, &job);
    assert_eq!(row["status"], "cancelled");
    assert_eq!(row["completed_at"], "2026-03-01T11:00:00+00:00");
    assert_eq!(row["cancel_requested_at"], "2026-03-01T11:00:00+00:00");
    assert_eq!((&row["final_cost"], &row["current_cost"]), (&Value::Null, &json!(0.0)));
    let told = "select count(*) from public.notifications where type = 'job_cancelled'";
    assert_eq!(alice.ask(&mut db, told).unwrap(), 1);
    // The same again is no change.
    assert_eq!(alice.write(&mut db, &cancel(&job)).unwrap(), 1);
    assert_eq!(alice.ask(&mut db, told).unwrap(), 1);
}

#[test]
fn a_running_job_is_charged_to_the_moment_and_its_worker_is_told() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-03-01 10:30Z");
    assert_eq!(alice.write(&mut db, &cancel(&job)).unwrap(), 1);
    set_clock(&mut db, "2026-03-01 12:00Z");
    let beat = format!("select public.heartbeat_training_job('{job}', 1, 'training')");
    assert_eq!(Caller::service().ask(&mut db, &beat).unwrap()["cancel_requested"], true);
    assert_eq!(report(&mut db, &job, json!([point(2, json!(2.0))])).unwrap()["cancel_requested"], true);
    let amounts = "select jsonb_agg(amount::text) from public.cost_records";
    assert_eq!(alice.ask(&mut db, amounts).unwrap(), json!(["3.5000000000"]), "half an hour of two GPUs");
}

#[test]
fn nothing_else_of_a_job_is_the_users_to_change() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for (column, value) in [
        ("status", "'running'"),
        ("status", "'completed'"),
        ("status", "null"),
        ("progress", "100"),
        ("gpu_config", "'{}'"),
        ("queued_at", "'2000-01-01'"),
        ("attempt", "9"),
        ("max_attempts", "99"),
        ("error_message", "'x'"),
        ("artifact_id", "gen_random_uuid()"),
        ("external_job_id", "'x'"),
    ] {
        let sql = format!("update public.training_jobs set {column} = {value} where id = '{job}'");
        Refusal::of(alice.write(&mut db, &sql))
            .is("42501", &format!("column \"{column}\" of \"training_jobs\""));
        let both = format!(
            "update public.training_jobs set status = 'cancelled', {column} = {value} where id = '{job}'"
        );
        if column != "status" {
            Refusal::of(alice.write(&mut db, &both)).is("42501", column);
        }
    }
    // When a job ended and what it cost is not for its owner to say, alone or on the way.
    for (column, value) in [("final_cost", "0"), ("completed_at", "'2000-01-01'")] {
        let sql = format!("update public.training_jobs set {column} = {value} where id = '{job}'");
        Refusal::of(alice.write(&mut db, &sql)).is("42501", &format!("column \"{column}\""));
    }
    let bob = sign_up(&mut db, "bob");
    assert_eq!(bob.write(&mut db, &cancel(&job)).unwrap(), 0);
    assert_eq!(job_row(&mut db, &job)["status"], "queued");
}

/// Applications send both along when they cancel.
#[test]
fn what_a_cancelled_job_cost_and_when_it_ended_is_the_databases_whatever_is_sent() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    set_clock(&mut db, "2026-03-01 11:00Z");
    let sql = format!(
        "update public.training_jobs set status = 'cancelled', completed_at = '2000-01-01', final_cost = 0 \
         where id = '{job}'"
    );
    for _ in 0..2 {
        assert_eq!(alice.write(&mut db, &sql).unwrap(), 1);
        let row = job_row(&mut db, &job);
        assert_eq!((&row["status"], &row["final_cost"]), (&json!("cancelled"), &json!(7.0)));
        assert_eq!(row["completed_at"], "2026-03-01T11:00:00+00:00");
    }
}

#[test]
fn a_job_is_not_deleted_and_the_refusal_says_what_to_do() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    queue_job(&mut db, &alice, &dataset, 10);
    for who in [&alice, &Caller::service()] {
        let refusal = Refusal::of(who.write(&mut db, "delete from public.training_jobs"));
        refusal.is("42501", "rows of \"training_jobs\" cannot be deleted");
        assert!(refusal.hint.contains("cancelled"), "{refusal:?}");
    }
}

#[test]
fn a_dataset_is_deleted_for_good_only_while_it_is_uploaded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let uploading = add_dataset(&mut db, &alice, 10);
    let ready = ready_dataset(&mut db, &alice, 3);
    let delete = |id: &str| format!("delete from public.datasets where id = '{id}'");
    assert_eq!(alice.write(&mut db, &delete(&uploading)).unwrap(), 1);
    Refusal::of(alice.write(&mut db, &delete(&ready))).is("PT409", "is \"ready\"");
}

#[test]
fn a_model_is_named_hidden_and_shown_again() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    add_model(&mut db, &alice, &job, &dataset);
    let update = |set: &str| format!("update public.model_artifacts set {set}");
    assert_eq!(
        alice.write(&mut db, &update("name = 'better', description = 'mine', version = '2'")).unwrap(),
        1
    );
    assert_eq!(alice.write(&mut db, &update("deleted_at = '1999-01-01'")).unwrap(), 1);
    let deleted = "select deleted_at from public.model_artifacts";
    assert_eq!(
        alice.ask(&mut db, deleted).unwrap(),
        "2026-03-01T10:00:00+00:00",
        "the database writes the time"
    );
    assert_eq!(alice.write(&mut db, &update("deleted_at = null")).unwrap(), 1);
    for column in [
        "status = 'deployed'",
        "quality_metrics = '{\"x\": 1}'",
        "artifacts = '{\"x\": 1}'",
        "deployed_at = now()",
    ] {
        let name = column.split(' ').next().unwrap();
        Refusal::of(alice.write(&mut db, &update(column)))
            .is("42501", &format!("column \"{name}\" of \"model_artifacts\""));
    }
}
