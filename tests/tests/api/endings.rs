//! How a job ends, and how it begins again: `cancel_training_job`, `fail_training_job`, `complete_training_job`,
//! `retry_training_job`, `sweep_training_jobs`, and the checkpoints that the next attempt goes on from.

use pg_lora_tests::story::{
    claim, complete, digests, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{call, events, notices};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn running_job(db: &mut Client, user: &Caller, dataset: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5))])).unwrap();
    job
}

#[test]
fn the_owner_cancels_and_says_why() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let queued = queue_job(&mut db, &alice, &dataset, 10);
    let cancelled = call(&mut db, &alice, &format!("cancel_training_job('{queued}', 'wrong file')")).unwrap();
    assert_eq!((&cancelled["status"], &cancelled["error_message"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(events(&mut db, &queued, "status"), [json!({"reason": "wrong file"})]);
    // Once more is no change, and the reason of one job is not that of the next.
    let again = call(&mut db, &alice, &format!("cancel_training_job('{queued}', 'really')")).unwrap();
    assert_eq!(again, cancelled);
    assert_eq!(events(&mut db, &queued, "status").len(), 1);

    let running = running_job(&mut db, &alice, &dataset);
    call(&mut db, &Caller::service(), &format!("cancel_training_job('{running}')")).unwrap();
    assert_eq!(events(&mut db, &running, "status").last().unwrap().get("reason"), None);
    let beat = format!("heartbeat_training_job('{running}', 1)");
    assert_eq!(call(&mut db, &Caller::service(), &beat).unwrap()["cancel_requested"], true);

    let done = running_job(&mut db, &alice, &dataset);
    complete(&mut db, &done).unwrap();
    let refused = Refusal::of(call(&mut db, &alice, &format!("cancel_training_job('{done}')")));
    refused.is("PT409", "is \"completed\" and cannot become \"cancelled\"");
    let long = format!("cancel_training_job('{done}', repeat('x', 1001))");
    Refusal::of(call(&mut db, &alice, &long)).is("22023", "reason");
}

#[test]
fn a_job_that_is_not_there_and_one_of_somebody_else_are_the_same() {
    let database = Database::migrated();
    let mut db = database.connect();
    let [alice, bob] = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let dataset = ready_dataset(&mut db, &alice, 3);
    let hers = queue_job(&mut db, &alice, &dataset, 10);
    let before = digests(&mut db);
    for function in ["cancel_training_job", "retry_training_job"] {
        let mut ask =
            |who: &Caller, id: &str| Refusal::of(call(&mut db, who, &format!("{function}('{id}')")));
        let (of_alice, unknown) = (ask(&bob, &hers), ask(&bob, UNKNOWN));
        unknown.is("PT404", UNKNOWN);
        assert_eq!(of_alice.message, unknown.message.replace(UNKNOWN, &hers));
        ask(&Caller::service(), UNKNOWN).is("PT404", UNKNOWN);
        Refusal::of(call(&mut db, &bob, &format!("{function}(null)"))).is("PT404", "null");
    }
    for function in [
        format!("fail_training_job('{UNKNOWN}', 1, 'stalled', 'x')"),
        format!("complete_training_job('{UNKNOWN}', 1)"),
    ] {
        Refusal::of(call(&mut db, &Caller::service(), &function)).is("PT404", UNKNOWN);
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_worker_fails_a_job_and_says_how() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = running_job(&mut db, &alice, &dataset);
    let fail = |arguments: &str| format!("fail_training_job('{job}', {arguments})");
    for (arguments, code, what) in [
        ("1, 'bad_luck', 'x'", "22023", "\"failure_class\" is \"bad_luck\""),
        ("1, null, 'x'", "22023", "\"failure_class\" is null"),
        ("1, 'diverged', ''", "22023", "\"message\" is empty"),
        ("1, 'diverged', null", "22023", "\"message\" is empty"),
        ("2, 'diverged', 'x'", "22023", "has not begun"),
        ("null, 'diverged', 'x'", "22023", "has not begun"),
    ] {
        Refusal::of(call(&mut db, &service, &fail(arguments))).is(code, what);
    }
    let row =
        call(&mut db, &service, &fail("1, 'out_of_memory', 'CUDA out of memory', 'Traceback …'")).unwrap();
    for (column, value) in [
        ("status", "failed"),
        ("failure_class", "out_of_memory"),
        ("error_message", "CUDA out of memory"),
        ("error_stack", "Traceback …"),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    let charged = format!("select count(*) from public.cost_records where job_id = '{job}'");
    assert_eq!(alice.ask(&mut db, &charged).unwrap(), 1);
    let again = Refusal::of(call(&mut db, &service, &fail("1, 'diverged', 'again'")));
    again.is("PT409", "is failed and cannot become failed");
    let done = Refusal::of(call(&mut db, &service, &format!("complete_training_job('{job}', 1)")));
    done.is("PT409", "is failed and cannot become completed");

    let cancelled = running_job(&mut db, &alice, &dataset);
    call(&mut db, &alice, &format!("cancel_training_job('{cancelled}')")).unwrap();
    let late = format!("fail_training_job('{cancelled}', 1, 'diverged', 'x')");
    Refusal::of(call(&mut db, &service, &late)).is("PT409", "is cancelled and cannot become failed");
}

/// Platforms that run containers say COMPLETED when the container has ended.
#[test]
fn a_run_that_failed_inside_is_a_failure_whatever_is_said_outside() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (result, class, message) in [
        (
            json!({"output": {"status": "failed", "error": "CUDA out of memory"}}),
            json!("out_of_memory"),
            "CUDA out of memory",
        ),
        (
            json!({"status": "COMPLETED", "output": {"status": "FAILED", "error_message": "no such file"}}),
            Value::Null,
            "no such file",
        ),
        (
            json!({"output": {"status": "failed", "failure_class": "diverged", "message": "loss is NaN"}}),
            json!("diverged"),
            "loss is NaN",
        ),
        (json!({"status": "failed"}), Value::Null, "the result of the run says that it failed"),
    ] {
        let job = running_job(&mut db, &alice, &dataset);
        let row =
            call(&mut db, &Caller::service(), &format!("complete_training_job('{job}', 1, '{result}')"))
                .unwrap();
        assert_eq!((&row["status"], &row["failure_class"]), (&json!("failed"), &class), "{row}");
        assert_eq!(row["error_message"], message);
        assert_ne!(row["progress"], 100.0);
        assert_eq!(events(&mut db, &job, "result"), [result], "what the worker said is kept");
    }
    assert!(!notices(&mut db, &alice).as_array().unwrap().contains(&json!("job_completed")));
}

#[test]
fn without_a_step_a_job_is_complete_for_a_reason_only() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), job);
    let done = |result: &str| format!("complete_training_job('{job}', 1, '{result}')");
    let service = Caller::service();
    for result in ["{}", r#"{"reason_without_steps": " "}"#, r#"{"output": {"status": "success"}}"#] {
        Refusal::of(call(&mut db, &service, &done(result))).is("PT409", "has not reported a step");
    }
    Refusal::of(call(&mut db, &service, &done("[]"))).is("22023", "\"result\" is not an object");
    let large = format!("complete_training_job('{job}', 1, jsonb_build_object('x', repeat('x', 70000)))");
    Refusal::of(call(&mut db, &service, &large)).is("22023", "\"result\" has");
    let row = call(&mut db, &service, &done(r#"{"reason_without_steps": "nothing to train"}"#)).unwrap();
    assert_eq!((&row["status"], &row["progress"]), (&json!("completed"), &json!(100.0)), "{row}");
    assert_eq!(events(&mut db, &job, "result")[0]["reason_without_steps"], "nothing to train");
}

#[test]
fn a_failed_job_is_tried_again_and_one_that_is_over_is_repeated() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let retry = |job: &str| format!("retry_training_job('{job}')");
    let job = running_job(&mut db, &alice, &dataset);
    Refusal::of(call(&mut db, &alice, &retry(&job))).is("PT409", "is running");
    for attempt in 1..=3 {
        let fail = format!("fail_training_job('{job}', {attempt}, 'infrastructure', 'the machine is gone')");
        call(&mut db, &service, &fail).unwrap();
        if attempt < 3 {
            let again = call(&mut db, &alice, &retry(&job)).unwrap();
            assert_eq!((&again["id"], &again["status"]), (&json!(job), &json!("queued")));
            assert_eq!((&again["attempt"], &again["failure_class"]), (&json!(attempt + 1), &Value::Null));
            assert_eq!(claim(&mut db, "w"), job);
        }
    }
    Refusal::of(call(&mut db, &alice, &retry(&job))).is("PT409", "has failed 3 of 3 times");

    for over in ["cancelled", "completed"] {
        let first = running_job(&mut db, &alice, &dataset);
        match over {
            "cancelled" => drop(call(&mut db, &alice, &format!("cancel_training_job('{first}')")).unwrap()),
            _ => drop(complete(&mut db, &first).unwrap()),
        }
        let new = call(&mut db, &alice, &retry(&first)).unwrap();
        assert_ne!(new["id"], json!(first));
        assert_eq!(
            (&new["retry_of"], &new["attempt"], &new["status"]),
            (&json!(first), &json!(1), &json!("queued"))
        );
        let old = job_row(&mut db, &first);
        for same in ["dataset_id", "preset_id", "hyperparameters", "gpu_config", "user_id", "total_steps"] {
            assert_eq!(new[same], old[same], "{same}");
        }
        assert_eq!(
            call(&mut db, &alice, &retry(&first)).unwrap()["id"],
            new["id"],
            "once while it is under way"
        );
        let cancel = format!("cancel_training_job('{}')", new["id"].as_str().unwrap());
        call(&mut db, &alice, &cancel).unwrap();
    }
}

/// The function's own word to the guard is no key that opens more than the function does.
#[test]
fn a_client_cannot_use_the_way_of_a_retry_for_anything_else() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = running_job(&mut db, &alice, &dataset);
    call(&mut db, &Caller::service(), &format!("fail_training_job('{job}', 1, 'stalled', 'x')")).unwrap();
    let queue = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
    Refusal::of(alice.write(&mut db, &queue)).is("42501", "status");
    for change in
        ["status = 'running'", "status = 'queued', max_attempts = 100", "status = 'queued', progress = 50"]
    {
        let sql = format!("update public.training_jobs set {change} where id = '{job}'");
        let outcome = alice.run(&mut db, |t| {
            t.execute("select set_config('lora_private.retries', $1, true)", &[&job])?;
            t.execute(&sql, &[])
        });
        Refusal::of(outcome).has_code("42501");
    }
}

#[test]
fn a_job_whose_dataset_is_gone_or_broken_is_not_tried_again() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = running_job(&mut db, &alice, &dataset);
    call(&mut db, &Caller::service(), &format!("fail_training_job('{job}', 1, 'user_error', 'x')")).unwrap();
    let change = |set: &str| format!("update public.datasets set {set} where id = '{dataset}'");
    let retry = format!("retry_training_job('{job}')");
    assert_eq!(alice.write(&mut db, &change("status = 'validating'")).unwrap(), 1);
    Refusal::of(call(&mut db, &alice, &retry)).is("PT409", "is not ready");
    assert_eq!(alice.write(&mut db, &change("deleted_at = now()")).unwrap(), 1);
    let refusal = Refusal::of(call(&mut db, &alice, &retry));
    refusal.is("PT409", "is not ready");
    assert_eq!(refusal.detail, "It is deleted.");
}

#[test]
fn the_next_attempt_goes_on_from_the_last_checkpoint() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = running_job(&mut db, &alice, &dataset);
    let beat = |attempt: u32, checkpoint: &str| {
        format!("heartbeat_training_job('{job}', {attempt}, 'checkpointing', checkpoint => {checkpoint})")
    };
    for (checkpoint, what) in [
        ("'[]'", "\"checkpoint\" is not an object"),
        ("'{}'", "\"checkpoint.step\" is missing"),
        (r#"'{"step": -1, "path": "x"}'"#, "\"checkpoint.step\" is -1"),
        (r#"'{"step": 1.5, "path": "x"}'"#, "\"checkpoint.step\" is 1.5"),
        (r#"'{"step": "1", "path": "x"}'"#, "\"checkpoint.step\" is 1"),
        (r#"'{"step": 1}'"#, "\"checkpoint.path\" is no path"),
        (r#"'{"step": 1, "path": ""}'"#, "\"checkpoint.path\" is no path"),
        (r#"'{"step": 1, "path": "x", "size": -5}'"#, "\"checkpoint.size\" is -5"),
    ] {
        Refusal::of(call(&mut db, &service, &beat(1, checkpoint))).is("22023", what);
    }
    let first = r#"{"step": 4, "path": "a/checkpoint-4", "size": 1000}"#;
    for _ in 0..2 {
        call(&mut db, &service, &beat(1, &format!("'{first}'"))).unwrap();
    }
    call(&mut db, &service, &beat(1, r#"'{"step": 8, "path": "a/checkpoint-8", "more": true}'"#)).unwrap();
    assert_eq!(
        events(&mut db, &job, "checkpoint"),
        [
            json!({"step": 4, "path": "a/checkpoint-4", "size": 1000}),
            json!({"step": 8, "path": "a/checkpoint-8"})
        ]
    );
    assert_eq!(job_row(&mut db, &job)["resume_from"], Value::Null, "it is for the next attempt");

    call(&mut db, &service, &format!("fail_training_job('{job}', 1, 'infrastructure', 'x')")).unwrap();
    call(&mut db, &alice, &format!("retry_training_job('{job}')")).unwrap();
    let sql = "select jsonb_build_object('id', id, 'attempt', attempt, 'from', resume_from) from public.claim_training_jobs('w')";
    assert_eq!(
        service.ask(&mut db, sql).unwrap(),
        json!({"id": job, "attempt": 2, "from": {"step": 8, "path": "a/checkpoint-8", "attempt": 1}})
    );
    // A worker of the first attempt that still runs is told so, and saves nothing.
    Refusal::of(call(&mut db, &service, &beat(1, &format!("'{first}'")))).is("PT409", "attempt 1");
}

#[test]
fn a_sweep_gives_lost_jobs_back_until_they_have_no_attempt_left() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-01-15 10:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let service = Caller::service();
    let sweep = "select coalesce(jsonb_agg(jsonb_build_array(kind, job_id, attempt, action, since) order by job_id), '[]') \
                 from public.sweep_training_jobs()";
    for attempt in 1..=3 {
        set_clock(&mut db, &format!("2026-01-15 1{attempt}:00Z"));
        assert_eq!(claim(&mut db, "w"), job);
        assert_eq!(service.ask(&mut db, sweep).unwrap(), json!([]), "its lease holds");
        set_clock(&mut db, &format!("2026-01-15 1{attempt}:05:01Z"));
        let action = if attempt < 3 { "queued again" } else { "failed" };
        let since = format!("2026-01-15T1{attempt}:00:00+00:00");
        assert_eq!(service.ask(&mut db, sweep).unwrap(), json!([["job", job, attempt, action, since]]));
        assert_eq!(service.ask(&mut db, sweep).unwrap(), json!([]), "once");
    }
    let row = job_row(&mut db, &job);
    assert_eq!((&row["status"], &row["failure_class"]), (&json!("failed"), &json!("infrastructure")));
    let message = row["error_message"].as_str().unwrap();
    assert_eq!(message, "the worker \"w\" was not heard of since 2026-01-15 13:00:00 UTC, in attempt 3 of 3");
    // Each attempt cost what it used, and whoever was lost and comes back is told.
    let charged = "select count(*) from public.cost_records where cost_type = 'training_compute'";
    assert_eq!(alice.ask(&mut db, charged).unwrap(), 3);
    Refusal::of(call(&mut db, &service, &format!("heartbeat_training_job('{job}', 2)")))
        .is("PT409", "attempt 2");
}

#[test]
fn a_sweep_removes_what_was_abandoned_and_what_was_read_long_ago() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-01-15 10:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    queue_job(&mut db, &alice, &dataset, 10);
    let anew = format!("update public.datasets set status = 'validating' where id = '{dataset}'");
    alice.write(&mut db, &anew).unwrap();
    let service = Caller::service();
    call(&mut db, &service, &format!("append_dataset_chunk('{dataset}', 1, 'x')")).unwrap();
    let ids = "select array_agg(id::text) from public.notifications where type = 'dataset_ready'";
    let ids: Vec<String> = db.query_one(ids, &[]).unwrap().get(0);
    let mark = format!("mark_notifications_read(array['{}', '{UNKNOWN}']::uuid[])", ids[0]);
    assert_eq!(
        call(&mut db, &sign_up(&mut database.connect(), "bob"), &mark).unwrap(),
        0,
        "not somebody else's"
    );
    assert_eq!(call(&mut db, &alice, &mark).unwrap(), 1);
    assert_eq!(call(&mut db, &alice, &mark).unwrap(), 0);
    Refusal::of(call(&mut db, &alice, "mark_notifications_read(null)")).is("22023", "ids");

    let sweep = |arguments: &str| {
        format!(
            "select coalesce(jsonb_agg(jsonb_build_array(kind, action, reason) order by kind), '[]') \
             from public.sweep_training_jobs({arguments}) where kind <> 'queue'"
        )
    };
    set_clock(&mut db, "2026-01-16 09:00Z");
    assert_eq!(service.ask(&mut db, &sweep("true, 1")).unwrap(), json!([]));
    set_clock(&mut db, "2026-01-16 11:00Z");
    assert_eq!(
        service.ask(&mut db, &sweep("true, 1")).unwrap(),
        json!([
            ["chunks", "removed", "1 chunks of validations that nobody has gone on with for a day"],
            ["notifications", "removed", "1 notifications that were read"]
        ])
    );
    assert_eq!(notices(&mut db, &alice), json!(["job_queued"]), "what nobody has read stays");
    for (arguments, what) in [("null", "notify"), ("true, -1", "keep_read"), ("true, 40000", "keep_read")] {
        Refusal::of(service.ask(&mut db, &sweep(arguments))).is("22023", what);
    }
}
