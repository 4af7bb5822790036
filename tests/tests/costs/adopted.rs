//! An application that was there before: it charges GPU time by an insert of its own, and drives jobs by updates of the table.
//! What a worker claimed is charged by the database and by nobody else; what the application drove, by the application.

use std::sync::Barrier;

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{claim, job_row, point, ready_dataset, report, set_clock};
use pg_lora_tests::{Caller, Database, Refusal, environment, sqlstate};
use postgres::Client;
use serde_json::{Value, json};

use crate::settled::is_settled;
use crate::{call, charged, queue_on, somebody};

/// How a claimed job comes to its end, or back into the queue.
const DOORS: [(&str, &str); 9] = [
    ("completed", "select public.complete_training_job('JOB', 1)"),
    ("failed", "select public.complete_training_job('JOB', 1, '{\"status\": \"failed\"}')"),
    ("failed", "select public.fail_training_job('JOB', 1, 'stalled', 'x')"),
    ("cancelled", "select public.cancel_training_job('JOB')"),
    // As the application itself writes it, with figures of its own.
    (
        "completed",
        "update public.training_jobs set status = 'completed', progress = 100, final_cost = 4.1, \
         completed_at = '2026-03-01T09:00Z' where id = 'JOB'",
    ),
    (
        "failed",
        "update public.training_jobs set status = 'failed', error_message = 'x', final_cost = 0.9 where id = 'JOB'",
    ),
    ("cancelled", "update public.training_jobs set status = 'cancelled', final_cost = 0 where id = 'JOB'"),
    ("queued", "update public.training_jobs set status = 'queued' where id = 'JOB'"),
    ("queued", "select public.sweep_training_jobs()"),
];

/// What applications charge a run by. Each of them is refused with PT409 where the run is the database's to charge.
fn own_charges(user: &Caller, job: &str) -> Vec<String> {
    let row = |columns: &str, values: &str, conflict: &str| {
        format!(
            "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period{columns}) \
             values ('{}', '{job}', 'training_compute', 4.1, '2026-03-01'{values}){conflict}",
            user.id()
        )
    };
    vec![
        row("", "", ""),
        row(", details", ", '{\"gpu_type\": \"A100-80GB\", \"num_gpus\": 2, \"hours\": 1}'", ""),
        row(", idempotency_key", ", 'run-JOB-1'", ""),
        row(", idempotency_key", ", 'run-JOB-1'", " on conflict (idempotency_key) do nothing"),
        row(
            ", period, hourly_rate, gpus",
            ", '[2026-03-01 10:00Z,2026-03-01 11:00Z)', 3.5, 2",
            " on conflict do nothing",
        ),
        // In another currency, for another time, and for nothing.
        row(", currency", ", 'EUR'", ""),
        row(", period", ", '[2020-01-01 10:00Z,2020-01-01 11:00Z)'", ""),
        row("", "", "").replace("4.1", "0"),
        format!("select public.record_cost('{}', 'training_compute', 4.1, 'run-{job}', '{job}')", user.id()),
    ]
}

/// All of these are refused, and leave the ledger as it is.
#[track_caller]
fn are_refused(db: &mut Client, user: &Caller, job: &str) {
    let before = charged(db, job);
    for charge in own_charges(user, job) {
        Refusal::of(Caller::service().write(db, &charge))
            .is("PT409", &format!("\"{job}\" is charged by the database"));
    }
    assert_eq!(charged(db, job), before);
}

fn gpus() -> Value {
    json!({"gpu_type": "A100-80GB", "num_gpus": 2, "cost_per_gpu_hour": 3.50})
}

fn write(db: &mut Client, job: &str, set: &str) {
    let sql = format!("update public.training_jobs set {set} where id = '{job}'");
    assert_eq!(Caller::service().write(db, &sql).unwrap(), 1, "{set}");
}

#[test]
fn a_charge_of_the_applications_own_is_refused_whichever_door_closed_the_job() {
    let database = Database::migrated();
    let mut db = database.connect();
    let service = Caller::service();
    let alice = somebody(&mut db);
    set_clock(&mut db, "2026-03-01 10:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let mut total = 0.0;
    for (status, door) in DOORS {
        set_clock(&mut db, "2026-03-01 10:00Z");
        let job = queue_on(&mut db, &alice, &dataset, &gpus());
        are_refused(&mut db, &alice, &job);
        assert_eq!(claim(&mut db, "w"), job);
        are_refused(&mut db, &alice, &job);
        report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
        are_refused(&mut db, &alice, &job);
        set_clock(&mut db, "2026-03-01 11:00Z");
        service.write(&mut db, &door.replace("JOB", &job)).unwrap();
        let row = job_row(&mut db, &job);
        assert_eq!(row["status"], status, "{door}");
        are_refused(&mut db, &alice, &job);
        assert_eq!(charged(&mut db, &job), "7.0000000000", "{door}");
        if status == "queued" {
            // Whoever has the second attempt: the first one was charged.
            write(&mut db, &job, "status = 'initializing'");
            are_refused(&mut db, &alice, &job);
            write(&mut db, &job, "status = 'cancelled'");
            are_refused(&mut db, &alice, &job);
        } else {
            assert_eq!(row["final_cost"], 7.0, "{door}");
            assert_eq!(row["completed_at"], "2026-03-01T11:00:00+00:00", "{door}");
        }
        total += 7.0;
        // Something else of the same job is no second charge.
        let storage = own_charges(&alice, &job)[0].replace("training_compute", "storage").replace("4.1", "0");
        assert_eq!(service.write(&mut db, &storage).unwrap(), 1);
    }
    is_settled(&mut db);
    let summary = alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2027-01-01')").unwrap();
    assert_eq!(summary["total"], total, "{summary}");
}

/// The application's insert and the end of the job, or its claim, at the same moment.
#[test]
fn a_charge_of_the_applications_own_that_comes_at_the_same_moment_is_refused() {
    let rounds = if environment::full() { 200 } else { 20 };
    let mut random = Random::stream(environment::seed(), 2);
    let database = Database::migrated();
    let mut db = database.connect();
    let service = Caller::service();
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    let mut others = [(); 4].map(|()| database.connect());
    for round in 0..rounds {
        let job = queue_on(&mut db, &alice, &dataset, &gpus());
        let claims = random.once_in(2);
        let door = if claims {
            "select count(*) from public.claim_training_jobs('w')".to_owned()
        } else {
            assert_eq!(claim(&mut db, "w"), job);
            report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
            random.pick(&DOORS[..7]).1.replace("JOB", &job)
        };
        let charges = own_charges(&alice, &job);
        let barrier = Barrier::new(others.len() + 1);
        std::thread::scope(|scope| {
            for (db, charge) in others.iter_mut().zip(&charges) {
                let (service, barrier) = (&service, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    Refusal::of(service.write(db, charge)).is("PT409", "is charged by the database");
                });
            }
            barrier.wait();
            service.write(&mut db, &door).unwrap();
        });
        let rows = if claims { "0" } else { "1" };
        let found = format!("select count(*)::text from public.cost_records where job_id = '{job}'");
        assert_eq!(service.ask(&mut db, &found).unwrap(), rows, "round {round}: {door}");
        if claims {
            call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
        }
    }
    is_settled(&mut db);
    let all: i64 = db.query_one("select count(*) from public.cost_records", &[]).unwrap().get(0);
    assert_eq!(all, rounds, "each job once");
}

/// A job that nobody claimed, from its start to each of its ends: the database charges nothing, and takes what the
/// application says, once for each key.
#[test]
fn a_job_that_the_application_drives_by_updates_is_charged_once_and_by_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let service = Caller::service();
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (number, status) in ["completed", "failed", "cancelled"].into_iter().enumerate() {
        let job = queue_on(&mut db, &alice, &dataset, &gpus());
        let submitted = format!("current_stage = 'queued_on_gpu', external_job_id = 'runpod-{number}'");
        write(
            &mut db,
            &job,
            &format!("status = 'initializing', started_at = '2026-03-01 10:00Z', {submitted}"),
        );
        write(
            &mut db,
            &job,
            "status = 'running', current_stage = 'training', progress = 25.5, current_cost = 1.25",
        );
        set_clock(&mut db, "2026-03-01 12:00Z");
        let end = format!("status = '{status}', completed_at = '2026-03-01 11:00Z', final_cost = 4.1");
        write(&mut db, &job, &end);
        for _ in 0..9 {
            // Thirty seconds later the poller says so again. The record of a job that is over stays what it is.
            let again = format!("update public.training_jobs set {end} where id = '{job}'");
            service.write(&mut db, &again).unwrap();
        }
        let row = job_row(&mut db, &job);
        assert_eq!((&row["status"], &row["final_cost"]), (&json!(status), &json!(4.1)));
        assert_eq!(row["completed_at"], "2026-03-01T11:00:00+00:00", "of whoever drives the job");
        assert_eq!(charged(&mut db, &job), "nothing", "{status}: by the database");

        // Its one insert, sent again with its key, in whichever way.
        let charges = own_charges(&alice, &job);
        let keyed = charges[2].replace("JOB", &job);
        assert_eq!(service.write(&mut db, &keyed).unwrap(), 1);
        for _ in 0..9 {
            let outcome = service.write(&mut db, &keyed);
            assert_eq!(outcome.as_ref().map_err(sqlstate), Err("23505"), "{outcome:?}");
            assert_eq!(service.write(&mut db, &charges[3].replace("JOB", &job)).unwrap(), 0);
        }
        assert_eq!(charged(&mut db, &job), "4.1000000000", "{status}");
        let by_function = format!(
            "record_cost('{}', 'training_compute', 4.1, 'run-{job}-1', '{job}', billing_period => '2026-03-01')",
            alice.id()
        );
        let row = call(&mut db, &service, &by_function).unwrap();
        assert_eq!(row["idempotency_key"], format!("run-{job}-1"), "the row that is there");
        assert_eq!(charged(&mut db, &job), "4.1000000000", "{status}");
        let summary = format!("select public.cost_summary('2026-03-01', '2026-03-02', 'UTC', '{job}')");
        let summary = alice.ask(&mut db, &summary).unwrap();
        assert_eq!(
            (&summary["total"], &summary["by_status"][0]["status"]),
            (&json!(4.1), &json!(status)),
            "{summary}"
        );
        set_clock(&mut db, "2026-03-01 10:00Z");
    }
    is_settled(&mut db);
}

/// One attempt of the application's, one of a worker's: each is charged by whoever had it, and no hour by both.
#[test]
fn an_attempt_of_the_application_and_one_of_a_worker_are_charged_once_each() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let service = Caller::service();
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_on(&mut db, &alice, &dataset, &gpus());
    write(&mut db, &job, "status = 'initializing', started_at = '2026-03-01 10:00Z'");
    write(&mut db, &job, "status = 'running'");
    // While it runs, as the provider bills it.
    let charge = &own_charges(&alice, &job)[4];
    assert_eq!(service.write(&mut db, charge).unwrap(), 1);
    set_clock(&mut db, "2026-03-01 11:00Z");
    write(&mut db, &job, "status = 'queued'");
    are_refused(&mut db, &alice, &job);
    assert_eq!(claim(&mut db, "w"), job);
    are_refused(&mut db, &alice, &job);
    set_clock(&mut db, "2026-03-01 12:30Z");
    call(&mut db, &service, &format!("fail_training_job('{job}', 2, 'infrastructure', 'x')")).unwrap();
    are_refused(&mut db, &alice, &job);
    assert_eq!(charged(&mut db, &job), "4.1000000000 10.5000000000");
    is_settled(&mut db);
    let twice = "select count(*) from public.cost_records as one join public.cost_records as other \
                 on one.id < other.id and one.job_id = other.job_id and one.period && other.period";
    assert_eq!(service.ask(&mut db, twice).unwrap(), 0);
}
