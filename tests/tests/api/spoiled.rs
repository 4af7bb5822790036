//! Jobs that hold what no job should, of an adopted database or written by a careless service: each is answered for, and none
//! stops the sweep, a page or a worker of the others.

use pg_lora_tests::story::{claim, point, queue_job, ready_dataset, report, set_clock, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{call, events};

/// Behind the back of all triggers, as it was before there were any.
fn spoil(db: &mut Client, sql: &str) {
    db.batch_execute(&format!("begin; set local session_replication_role = replica; {sql}; commit")).unwrap();
}

fn claimed(db: &mut Client) -> (Caller, String, String) {
    set_clock(db, "2026-01-15 20:00Z");
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 3);
    let job = queue_job(db, &alice, &dataset, 100);
    assert_eq!(
        Caller::service().ask(db, "select id from public.claim_training_jobs('w', 1, 36000)").unwrap(),
        json!(job)
    );
    (alice, job, dataset)
}

fn sweep(db: &mut Client) -> Value {
    let sql = "select coalesce(jsonb_agg(jsonb_build_array(job_id, action, reason) order by action), '[]') \
               from public.sweep_training_jobs()";
    Caller::service().ask(db, sql).unwrap()
}

#[test]
fn a_pace_an_estimate_and_a_checkpoint_that_nobody_can_read_stop_nothing() {
    let paces = ["{}", "[]", "\"x\"", r#"{"version": 2, "steps": [1]}"#];
    let estimates = [
        r#"{"seconds_per_step": "abc"}"#,
        r#"{"seconds_per_step": 1, "preparation_seconds": "x", "from_step": -1}"#,
        r#"{"seconds_per_step": 1e999}"#,
        "[1]",
    ];
    let checkpoints = [r#"{"step": "abc"}"#, r#"{"step": 1e30}"#, "[1]", "7"];
    let best = [r#"{"training_loss": {"value": "abc"}}"#, "[1]", "7", "null"];
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, _) = claimed(&mut db);
    let service = Caller::service();
    for (number, pace) in paces.iter().enumerate() {
        let attempt = number + 1;
        let steps = json!([point(1, json!(2.0)), point(2, json!(2.0)), point(3, json!("NaN"))]);
        let reported = format!("report_training_metrics('{job}', {attempt}, '{steps}')");
        call(&mut db, &service, &reported).unwrap();
        spoil(
            &mut db,
            &format!(
                "update lora_private.training_job_paces set pace = '{pace}';
                 update public.training_jobs set estimate = '{}', best_metrics = '{}' where id = '{job}';
                 insert into public.training_job_events (job_id, sequence, at, actor, kind, attempt, payload)
                 values ('{job}', {}, now(), 'x', 'checkpoint', {attempt}, '{}')",
                estimates[number],
                best[number],
                1_000 + number * 100,
                checkpoints[number],
            ),
        );
        assert_eq!(
            call(&mut db, &alice, &format!("training_job_progress('{job}')")).unwrap()["step"],
            3,
            "{pace}"
        );
        let page = call(&mut db, &alice, "training_jobs_overview()").unwrap();
        assert_eq!(page["jobs"][0]["progress"]["verdict"], "ok", "{pace}");
        assert_eq!(sweep(&mut db), json!([]), "{pace}");
        let beat = format!("heartbeat_training_job('{job}', {attempt}, 'training')");
        call(&mut db, &service, &beat).unwrap();
        let more = json!([point(4, json!(3.0)), point(5, json!(2.0))]);
        let more = format!("report_training_metrics('{job}', {attempt}, '{more}')");
        assert_eq!(call(&mut db, &service, &more).unwrap()["accepted"], 2, "{pace}");
        let best = format!(
            "select best_metrics -> 'training_loss' -> 'value' from public.training_jobs where id = '{job}'"
        );
        assert_eq!(alice.ask(&mut db, &best).unwrap(), json!(2), "{pace}");
        let again = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
        service.write(&mut db, &again).unwrap();
        assert_eq!(claim(&mut db, "w"), job);
    }
}

#[test]
fn a_status_that_nobody_knows_stops_no_page() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, dataset) = claimed(&mut db);
    report(&mut db, &job, json!([point(50, json!(2.0))])).unwrap();
    queue_job(&mut db, &alice, &dataset, 10);
    spoil(
        &mut db,
        &format!(
            "alter table public.training_jobs drop constraint training_jobs_status_check;
             update public.training_jobs set status = 'paused' where id = '{job}'"
        ),
    );
    let answer = call(&mut db, &alice, &format!("training_job_progress('{job}')")).unwrap();
    assert_eq!(
        (&answer["status"], &answer["step"], &answer["verdict"], &answer["verdict_reason"]),
        (&json!("paused"), &json!(50), &Value::Null, &json!("unknown_status"))
    );
    assert_eq!(answer["eta"]["expected"], Value::Null);
    let page = call(&mut db, &alice, "training_jobs_overview()").unwrap();
    assert_eq!(page["jobs"].as_array().unwrap().len(), 2, "{page}");
}

#[test]
fn one_whose_silence_no_calendar_holds_keeps_no_other_from_being_swept() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, dataset) = claimed(&mut db);
    let other = queue_job(&mut db, &alice, &dataset, 10);
    Caller::service().ask(&mut db, "select id from public.claim_training_jobs('w', 1, 36000)").unwrap();
    let spoilt = format!("update public.training_jobs set stage_changed_at = '-infinity' where id = '{job}'");
    spoil(&mut db, &spoilt);
    set_clock(&mut db, "2026-01-15 21:00Z");
    let swept = sweep(&mut db);
    assert_eq!((&swept[0][0], &swept[0][1]), (&json!(job), &json!("left")), "{swept}");
    assert_eq!((&swept[1][0], &swept[1][1]), (&json!(other), &json!("notified")), "{swept}");
    assert_eq!(events(&mut db, &other, "stalled").len(), 1);
}

#[test]
fn a_lease_without_an_end_is_renewed_as_such() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job, _) = claimed(&mut db);
    for (spoilt, lease) in [
        ("lease_expires_at = 'infinity'", "infinity"),
        ("last_heartbeat_at = '-infinity'", "infinity"),
        ("lease_expires_at = '2026-01-16', last_heartbeat_at = 'infinity'", "2026-01-15T20:05:00+00:00"),
    ] {
        let set = format!("update public.training_jobs set {spoilt} where id = '{job}'");
        Caller::service().write(&mut db, &set).unwrap();
        let beat = call(&mut db, &Caller::service(), &format!("heartbeat_training_job('{job}', 1)")).unwrap();
        assert_eq!(beat["lease_expires_at"], lease, "{spoilt}");
    }
}

#[test]
fn a_run_whose_losses_are_as_large_as_numbers_get_is_recorded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job, _) = claimed(&mut db);
    report(&mut db, &job, json!([point(1, json!(1.5e308))])).unwrap();
    report(&mut db, &job, json!([point(2, json!(1.6e308))])).unwrap();
    report(&mut db, &job, json!([point(3, json!("NaN"))])).unwrap();
    assert_eq!(events(&mut db, &job, "non_finite").len(), 1);
}

#[test]
fn any_number_of_attempts_has_a_curve() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, _) = claimed(&mut db);
    report(&mut db, &job, json!([point(1, json!(2.0)), point(2, json!(2.0))])).unwrap();
    spoil(&mut db, &format!("update public.training_jobs set attempt = 2000000000 where id = '{job}'"));
    let curves = call(&mut db, &alice, &format!("training_metrics_curve(array['{job}']::uuid[])")).unwrap();
    assert_eq!(curves[0]["x"], json!([1, 2]));
    assert_eq!(call(&mut db, &alice, &format!("training_job_health('{job}')")).unwrap(), json!([]));
}

#[test]
fn more_points_than_an_answer_holds_are_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, _) = claimed(&mut db);
    let many = format!(
        "training_metrics_curve(array_fill('{job}'::uuid, array[100]), array_fill('training_loss'::text, array[20]), max_points => 1001)"
    );
    let refusal = Refusal::of(call(&mut db, &alice, &many));
    assert_eq!(refusal.code, "22023");
    assert!(refusal.message.ends_with("are more than 2000000 points"), "{}", refusal.message);
}

#[test]
fn a_page_of_jobs_that_wait_looks_for_no_points() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    (0..5).for_each(|_| drop(queue_job(&mut db, &alice, &dataset, 10)));
    let scans: i64 = alice
        .run(&mut db, |t| {
            let page: Value = t.query_one("select public.training_jobs_overview('queued')", &[])?.get(0);
            assert_eq!(page["jobs"].as_array().unwrap().len(), 5);
            let scans = "select pg_stat_get_xact_numscans('public.metrics_points'::regclass) \
                         + coalesce(sum(pg_stat_get_xact_numscans(indexrelid)), 0)::bigint \
                         from pg_index where indrelid = 'public.metrics_points'::regclass";
            Ok(t.query_one(scans, &[])?.get(0))
        })
        .unwrap();
    assert_eq!(scans, 0);
}

#[test]
fn figures_that_are_no_numbers_are_none_in_the_answer() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job, dataset) = claimed(&mut db);
    let waiting = queue_job(&mut db, &alice, &dataset, 10);
    spoil(
        &mut db,
        &format!(
            "alter table public.training_jobs drop constraint training_jobs_progress_check,
               drop constraint training_jobs_estimated_total_cost_check;
             update public.training_jobs set progress = 'NaN' where id = '{job}';
             update public.training_jobs set estimated_total_cost = 'NaN' where id = '{waiting}'"
        ),
    );
    let percent = call(&mut db, &alice, &format!("training_job_progress('{job}')")).unwrap();
    assert!(percent["percent"].is_number(), "{percent}");
    let cost = call(&mut db, &alice, &format!("training_job_progress('{waiting}')")).unwrap();
    assert_eq!(cost["cost"]["projected"], Value::Null);
}

#[test]
fn a_sweep_does_not_wait_for_a_notification_that_somebody_holds() {
    let database = Database::migrated();
    let [mut db, mut other] = [database.connect(), database.connect()];
    let (alice, ..) = claimed(&mut db);
    alice.write(&mut db, "update public.notifications set read = true").unwrap();
    set_clock(&mut db, "2026-01-15 21:00Z");
    let mut held = alice.begin(&mut other).unwrap();
    held.execute("update public.notifications set read = true where type = 'job_queued'", &[]).unwrap();
    let removed = |db: &mut Client| {
        let sql = "select reason from public.sweep_training_jobs(false, 0) where kind = 'notifications'";
        Caller::service()
            .run(db, |t| {
                t.batch_execute("set local lock_timeout = '2s'")?;
                Ok(t.query_opt(sql, &[])?.map(|row| row.get::<_, String>(0)))
            })
            .unwrap()
    };
    let rest = removed(&mut db);
    assert!(rest.is_some_and(|rest| !rest.starts_with("0 ")));
    drop(held);
    assert_eq!(removed(&mut db).unwrap(), "1 notifications that were read");
}

#[test]
fn of_a_place_that_is_not_counted_no_start_is_foretold() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, _, dataset) = claimed(&mut db);
    for _ in 0..5 {
        queue_job(&mut db, &alice, &dataset, 10);
    }
    Caller::service().ask(&mut db, "select count(*) from public.claim_training_jobs('w', 5)").unwrap();
    set_clock(&mut db, "2026-01-15 20:10Z");
    let last = queue_job(&mut db, &alice, &dataset, 10);
    let mut place = |before: u32| {
        spoil(
            &mut db,
            &format!(
                "insert into public.training_jobs select (jsonb_populate_record(job,
                   jsonb_build_object('id', gen_random_uuid(), 'queued_at', job.queued_at - number * interval '1 s'))).*
                 from public.training_jobs as job, generate_series(1, {before}) as number where job.id = '{last}'"
            ),
        );
        let answer = call(&mut db, &alice, &format!("training_job_progress('{last}')")).unwrap();
        (answer["queue_position"].clone(), answer["expected_start_at"].is_null())
    };
    assert_eq!(place(999), (json!(1_000), false));
    assert_eq!(place(1), (json!(1_001), true));
}
