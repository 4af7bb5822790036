//! `claim_training_jobs` and `heartbeat_training_job`: which worker has which job, and for how long.

use std::collections::HashSet;

use pg_lora_tests::story::{
    claim, digests, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

fn beat(db: &mut Client, arguments: &str) -> Result<Value, postgres::Error> {
    Caller::service().ask(db, &format!("select public.heartbeat_training_job({arguments})"))
}

#[test]
fn the_oldest_job_is_claimed_first() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let queued = ["10:02", "10:01", "10:03"].map(|time| {
        set_clock(&mut db, &format!("2026-01-15 {time}Z"));
        queue_job(&mut db, &alice, &dataset, 10)
    });
    set_clock(&mut db, "2026-01-15 11:00Z");
    assert_eq!(claim(&mut db, "worker-1"), queued[1]);
    let job = job_row(&mut db, &queued[1]);
    for (column, value) in [
        ("status", json!("initializing")),
        ("current_stage", json!("setup")),
        ("claimed_by", json!("worker-1")),
        ("started_at", json!("2026-01-15T11:00:00+00:00")),
        ("last_heartbeat_at", json!("2026-01-15T11:00:00+00:00")),
        ("lease_expires_at", json!("2026-01-15T11:05:00+00:00")),
        ("attempt", json!(1)),
    ] {
        assert_eq!(job[column], value, "{column}");
    }
    let sql = "select jsonb_agg(id) from public.claim_training_jobs('worker-2', 5, 60)";
    let both = Caller::service().ask(&mut db, sql).unwrap();
    assert_eq!(
        both.as_array().unwrap().iter().collect::<HashSet<_>>(),
        HashSet::from([&json!(queued[0]), &json!(queued[2])])
    );
    assert_eq!(job_row(&mut db, &queued[0])["lease_expires_at"], "2026-01-15T11:01:00+00:00");
    assert_eq!(
        Caller::service()
            .ask(&mut db, "select count(*) from public.claim_training_jobs('worker-3')")
            .unwrap(),
        0
    );
}

#[test]
fn workers_that_claim_at_once_never_get_the_same_job() {
    const JOBS: usize = 60;
    const WORKERS: usize = 6;
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for _ in 0..JOBS {
        queue_job(&mut db, &alice, &dataset, 10);
    }
    let claimed: Vec<Vec<String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let mut db = database.connect();
                scope.spawn(move || {
                    let sql =
                        format!("select jsonb_agg(id) from public.claim_training_jobs('worker-{worker}', 3)");
                    let mut mine = Vec::new();
                    while let Value::Array(ids) = Caller::service().ask(&mut db, &sql).unwrap() {
                        assert!(ids.len() <= 3, "{ids:?}");
                        mine.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
                    }
                    mine
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let all: Vec<&String> = claimed.iter().flatten().collect();
    assert_eq!(all.len(), JOBS);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), JOBS);
    for (worker, ids) in claimed.iter().enumerate() {
        for id in ids {
            assert_eq!(job_row(&mut db, id)["claimed_by"], format!("worker-{worker}"));
        }
    }
}

#[test]
fn a_claim_does_not_wait_for_another_one() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let (first, second) =
        (queue_job(&mut db, &alice, &dataset, 10), queue_job(&mut db, &alice, &dataset, 10));
    let service = Caller::service();
    let mut open = service.begin(&mut db).unwrap();
    let sql = "select id::text from public.claim_training_jobs('slow')";
    assert_eq!(open.query_one(sql, &[]).unwrap().get::<_, String>(0), first);
    let mut other = database.connect();
    other.batch_execute("set statement_timeout = '5s'").unwrap();
    assert_eq!(claim(&mut other, "quick"), second);
    // The slow worker died: its job is in the queue as before.
    drop(open);
    assert_eq!(claim(&mut other, "quick"), first);
}

#[test]
fn an_impossible_claim_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    queue_job(&mut db, &alice, &dataset, 10);
    let before = digests(&mut db);
    for (arguments, what) in [
        ("null", "\"worker\""),
        ("''", "\"worker\""),
        ("'w', 0", "\"max_jobs\" is 0"),
        ("'w', -1", "\"max_jobs\" is -1"),
        ("'w', 1001", "\"max_jobs\" is 1001"),
        ("'w', null", "\"max_jobs\" is null"),
        ("'w', 1, 0", "\"lease_seconds\" is 0"),
        ("'w', 1, -1", "\"lease_seconds\" is -1"),
        ("'w', 1, -300", "\"lease_seconds\" is -300"),
        ("'w', 1, 86401", "\"lease_seconds\" is 86401"),
        ("'w', 1, null", "\"lease_seconds\" is null"),
    ] {
        let sql = format!("select jsonb_agg(id) from public.claim_training_jobs({arguments})");
        Refusal::of(Caller::service().ask(&mut db, &sql)).is("22023", what);
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_heartbeat_renews_the_lease_that_was_asked_for() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    set_clock(&mut db, "2026-01-15 11:00Z");
    let claim = "select id from public.claim_training_jobs('w', lease_seconds => 60)";
    assert_eq!(Caller::service().ask(&mut db, claim).unwrap(), json!(job));
    for (minute, stage) in
        [("11:00:30", "'downloading'"), ("11:00:45", "null"), ("11:02:00", "'loading_model'")]
    {
        set_clock(&mut db, &format!("2026-01-15 {minute}Z"));
        let answer = beat(&mut db, &format!("'{job}', 1, {stage}")).unwrap();
        assert_eq!(answer["cancel_requested"], false);
        let row = job_row(&mut db, &job);
        assert_eq!(row["last_heartbeat_at"], format!("2026-01-15T{minute}+00:00"));
        assert_eq!(answer["lease_expires_at"], row["lease_expires_at"]);
        let lease = format!(
            "select lease_expires_at - last_heartbeat_at = interval '1 minute' from public.training_jobs where id = '{job}'"
        );
        assert_eq!(Caller::service().ask(&mut db, &lease).unwrap(), true, "{row}");
    }
    // A stage that was not said stays.
    let row = job_row(&mut db, &job);
    assert_eq!((&row["current_stage"], &row["status"]), (&json!("loading_model"), &json!("initializing")));
    assert_eq!(
        beat(&mut db, &format!("'{job}', 1, external_job_id => 'runpod-7'")).unwrap()["cancel_requested"],
        false
    );
    assert_eq!(job_row(&mut db, &job)["external_job_id"], "runpod-7");
}

#[test]
fn only_the_worker_of_the_current_attempt_is_heard() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let calls = |job: &str, attempt: &str| {
        [
            format!("select public.heartbeat_training_job('{job}', {attempt})"),
            format!("select public.report_training_metrics('{job}', {attempt}, '[]')"),
            format!("select to_jsonb(public.complete_training_job('{job}', {attempt}))"),
            format!("select to_jsonb(public.fail_training_job('{job}', {attempt}, 'stalled', 'x'))"),
        ]
    };
    let check = |db: &mut Client, attempt: &str, code: &str, what: &str| {
        let before = digests(db);
        for call in calls(&job, attempt) {
            let refusal = Refusal::of(Caller::service().ask(db, &call));
            refusal.is(code, what);
            assert!(refusal.message.contains(&job), "{refusal:?}");
        }
        assert_eq!(digests(db), before);
    };
    check(&mut db, "1", "PT409", "is queued");
    assert_eq!(claim(&mut db, "w"), job);
    check(&mut db, "2", "22023", "attempt 2 of training job");
    check(&mut db, "0", "PT409", "attempt 0 of training job");
    check(&mut db, "null", "22023", "attempt null of training job");
    for call in calls(unknown, "1") {
        Refusal::of(Caller::service().ask(&mut db, &call)).is("PT404", unknown);
    }

    // The job was given to another worker: what the first one still sends is refused.
    let again = format!("update public.training_jobs set status = 'queued', attempt = 2 where id = '{job}'");
    db.execute(&again, &[]).unwrap();
    assert_eq!(claim(&mut db, "another"), job);
    check(&mut db, "1", "PT409", "attempt 1 of training job");
    assert_eq!(beat(&mut db, &format!("'{job}', 2")).unwrap()["cancel_requested"], false);
    db.execute(&format!("update public.training_jobs set status = 'failed' where id = '{job}'"), &[])
        .unwrap();
    check(&mut db, "2", "PT409", "is failed");
}

#[test]
fn a_cancelled_job_answers_its_worker_and_is_not_written_to() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{job}'");
    assert_eq!(Caller::service().write(&mut db, &cancel).unwrap(), 1);

    let before = digests(&mut db);
    let answer = beat(&mut db, &format!("'{job}', 1, 'training', 'runpod-7'")).unwrap();
    assert_eq!(answer, json!({"cancel_requested": true, "lease_expires_at": null}));
    let answer = report(&mut db, &job, json!([point(2, json!(1.0))])).unwrap();
    assert_eq!((&answer["cancel_requested"], &answer["accepted"]), (&json!(true), &json!(0)), "{answer}");
    assert_eq!(digests(&mut db), before);
    // It cannot be completed any more.
    let complete = format!("select to_jsonb(public.complete_training_job('{job}', 1))");
    let refusal = Refusal::of(Caller::service().ask(&mut db, &complete));
    refusal.is("PT409", "is cancelled and cannot become completed");
}

#[test]
fn a_stage_or_an_external_id_that_does_not_fit_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let [first, second] = [(); 2].map(|()| queue_job(&mut db, &alice, &dataset, 10));
    assert_eq!([claim(&mut db, "w"), claim(&mut db, "w")], [first.clone(), second.clone()]);
    assert!(beat(&mut db, &format!("'{first}', 1, external_job_id => 'runpod-7'")).is_ok());
    let before = digests(&mut db);
    for length in [51, 10_240] {
        let stage = beat(&mut db, &format!("'{first}', 1, repeat('x', {length})"));
        Refusal::of(stage).is("22023", &format!("\"stage\" has {length} characters"));
    }
    Refusal::of(beat(&mut db, &format!("'{second}', 1, external_job_id => 'runpod-7'")))
        .is("PT409", "has the external id");
    assert_eq!(digests(&mut db), before);
}
