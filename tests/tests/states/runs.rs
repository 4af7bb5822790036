//! What a run is charged by and written down as is the database's, for every role: the request, the claim, the attempt, the
//! numbers of the events, the keys of the ledger. And no row that anybody writes keeps a job from its next state.

use std::time::Duration;

use pg_lora_tests::story::{
    GPUS, claim, complete, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{adopt, refused, row, set};

/// A claimed job that has reported its first step.
fn started(db: &mut Client, user: &Caller, dataset: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5))])).unwrap();
    job
}

fn status(db: &mut Client, job: &str, status: &str) {
    set(db, &Caller::service(), "training_jobs", job, &format!("status = '{status}'"));
}

fn event(job: &str, sequence: &str) -> String {
    format!(
        "insert into public.training_job_events (job_id, sequence, at, actor, kind, attempt) \
         values ('{job}', {sequence}, '2000-01-01', 'me', 'note', 1)"
    )
}

fn charge(user: &Caller, job: &str, more: &str, values: &str) -> String {
    format!(
        "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period{more}) \
         values ('{}', '{job}', 'training_compute', 7, '2026-03-01'{values})",
        user.id()
    )
}

fn amounts(db: &mut Client, job: &str) -> Value {
    let sql = format!(
        "select coalesce(jsonb_agg(amount order by recorded_at, amount), '[]') from public.cost_records where job_id = '{job}'"
    );
    Caller::service().ask(db, &sql).unwrap()
}

#[test]
fn events_are_numbered_by_the_database() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for sequence in ["2147483647", "1", "-5", "null"] {
        assert_eq!(service.write(&mut db, &event(&job, sequence)).unwrap(), 1, "{sequence}");
    }
    // Two rows of one statement too.
    let two = format!("{}, ('{job}', 7, now(), 'me', 'note', 1)", event(&job, "7"));
    assert_eq!(service.write(&mut db, &two).unwrap(), 2);
    let numbers = format!(
        "select jsonb_agg(sequence order by sequence) from public.training_job_events where job_id = '{job}'"
    );
    assert_eq!(service.ask(&mut db, &numbers).unwrap(), json!([1, 2, 3, 4, 5, 6, 7]));
    let times = "select bool_and(at = '2026-03-01 10:00Z') from public.training_job_events";
    assert_eq!(service.ask(&mut db, times).unwrap(), true);
    assert_eq!(claim(&mut db, "w"), job);

    // One that was written without the trigger.
    adopt(&mut db, &event(&job, "2147483647"));
    report(&mut db, &job, json!([point(1, json!(2.5))])).unwrap();
    complete(&mut db, &job).unwrap();
    assert_eq!(
        service.ask(&mut db, &numbers).unwrap(),
        json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2_147_483_647])
    );
}

#[test]
fn a_change_of_a_job_waits_for_an_event_that_is_not_committed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let mut other = database.connect();
    let mut open = Caller::service().begin(&mut db).unwrap();
    open.execute(&event(&job, "2"), &[]).unwrap();
    std::thread::scope(|scope| {
        let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{job}'");
        let cancelled = scope.spawn(move || alice.write(&mut other, &cancel));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!cancelled.is_finished());
        open.commit().unwrap();
        assert_eq!(cancelled.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn nobody_takes_the_key_that_an_attempt_is_charged_by() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = started(&mut db, &alice, &dataset);
    let sql = format!(
        "insert into public.cost_records (user_id, cost_type, amount, billing_period, idempotency_key) \
         values ('{}', 'other', 0, '2026-03-01', 'training_compute:{job}:1')",
        alice.id()
    );
    Refusal::of(Caller::service().write(&mut db, &sql)).is("42501", "one of the database's own");
    // The owner of the tables has charged it by hand: the job ends all the same, and is not charged again.
    assert_eq!(db.execute(&sql, &[]).unwrap(), 1);
    set_clock(&mut db, "2026-03-01 11:00Z");
    complete(&mut db, &job).unwrap();
    assert_eq!(amounts(&mut db, &job), json!([]));
}

#[test]
fn a_job_that_may_yet_be_claimed_is_not_charged_by_others() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = queue_job(&mut db, &alice, &dataset, 10);
    Refusal::of(service.write(&mut db, &charge(&alice, &job, "", "")))
        .is("PT409", "is charged by the database");
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(2.5))])).unwrap();
    set_clock(&mut db, "2026-03-01 11:00Z");
    complete(&mut db, &job).unwrap();
    assert_eq!(amounts(&mut db, &job), json!([7.0]));

    // An application that drives a job by itself charges what has run, and a worker's attempt after it is another one.
    let own = queue_job(&mut db, &alice, &dataset, 10);
    for next in ["initializing", "running", "failed"] {
        status(&mut db, &own, next);
    }
    assert_eq!(service.write(&mut db, &charge(&alice, &own, "", "")).unwrap(), 1);
    status(&mut db, &own, "queued");
    Refusal::of(service.write(&mut db, &charge(&alice, &own, "", "")))
        .is("PT409", "is charged by the database");
    assert_eq!(claim(&mut db, "w"), own);
    set_clock(&mut db, "2026-03-01 11:30Z");
    status(&mut db, &own, "failed");
    assert_eq!(amounts(&mut db, &own), json!([7.0, 3.5]));
}

#[test]
fn what_others_write_into_the_ledger_keeps_no_job_from_its_end() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for next in ["initializing", "running"] {
        status(&mut db, &job, next);
    }
    let odd =
        charge(&alice, &job, ", period, details", ", '[2026-02-01,2026-02-02)', '{\"attempt\": \"banana\"}'");
    assert_eq!(service.write(&mut db, &odd).unwrap(), 1);
    status(&mut db, &job, "queued");
    for next in ["initializing", "running"] {
        status(&mut db, &job, next);
    }
    // It is the second attempt, driven by an application too: what it says is what is known.
    set(&mut db, &service, "training_jobs", &job, "status = 'completed', final_cost = 4.20");
    assert_eq!(job_row(&mut db, &job)["final_cost"], 4.2);
}

#[test]
fn nothing_of_a_run_is_there_before_the_run() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let sent = [
        ("current_stage", "'training'", json!("queued")),
        ("progress", "77", json!(0.0)),
        ("current_epoch", "7", json!(0)),
        ("current_step", "7", json!(0)),
        ("current_metrics", "'{}'", Value::Null),
        ("current_cost", "7", json!(0.0)),
        ("final_cost", "7", Value::Null),
        ("claimed_by", "'me'", Value::Null),
        ("started_at", "'2000-01-01'", Value::Null),
        ("completed_at", "'2000-01-01'", Value::Null),
        ("estimated_completion_at", "'2000-01-01'", Value::Null),
        ("lease_expires_at", "'2000-01-01'", Value::Null),
        ("last_heartbeat_at", "'2000-01-01'", Value::Null),
        ("last_progress_at", "'2000-01-01'", Value::Null),
        ("cancel_requested_at", "'2000-01-01'", Value::Null),
        ("error_message", "'x'", Value::Null),
        ("error_stack", "'x'", Value::Null),
        ("failure_class", "'stalled'", Value::Null),
        ("artifact_id", "gen_random_uuid()", Value::Null),
        ("attempt", "7", json!(1)),
        ("retry_count", "7", json!(0)),
        ("external_job_id", "'runpod-7'", json!("runpod-7")),
    ];
    let sql = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, \
         estimated_total_cost, {}) values ('{}', '{dataset}', 'custom', '{{}}', '{GPUS}', 1, 1, {}) returning id::text",
        sent.each_ref().map(|column| column.0).join(", "),
        alice.id(),
        sent.each_ref().map(|column| column.1).join(", "),
    );
    let job: String = Caller::service().run(&mut db, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap();
    let found = row(&mut db, "training_jobs", &job);
    for (column, _, kept) in &sent {
        assert_eq!(&found[column], kept, "{column}");
    }
    // Nor does it cost anything.
    status(&mut db, &job, "cancelled");
    assert_eq!(job_row(&mut db, &job)["final_cost"], Value::Null);
    assert_eq!(amounts(&mut db, &job), json!([]));
}

#[test]
fn a_point_belongs_to_an_attempt_that_has_begun() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = started(&mut db, &alice, &dataset);
    status(&mut db, &job, "queued");
    assert_eq!(claim(&mut db, "w"), job);
    let service = Caller::service();
    let insert = |column: &str, value: &str| {
        format!(
            "insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate{column}) \
             values ('{job}', 1, 1, 1.5, 0.0002{value})"
        )
    };
    // The same step as one of the attempt before.
    assert_eq!(service.write(&mut db, &insert("", "")).unwrap(), 1);
    let attempts = "select jsonb_agg(jsonb_build_array(attempt, training_loss) order by attempt) from public.metrics_points";
    assert_eq!(service.ask(&mut db, attempts).unwrap(), json!([[1, 2.5], [2, 1.5]]));
    for attempt in ["3", "0", "-1", "32767", "-32768"] {
        Refusal::of(service.write(&mut db, &insert(", attempt", &format!(", {attempt}"))))
            .is("22023", &format!("\"attempt\" {attempt} is none"));
    }
    // What a worker that is late had not sent yet.
    let late = insert(", attempt", ", 1").replace("1, 1, 1.5", "1, 2, 1.5");
    assert_eq!(service.write(&mut db, &late).unwrap(), 1);
}

#[test]
fn what_was_asked_for_never_changes() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let other = ready_dataset(&mut db, &alice, 3);
    let changes = [
        ("dataset_id", format!("'{other}'")),
        ("gpu_config", "gpu_config || '{\"cost_per_gpu_hour\": 0}'".to_owned()),
        ("hyperparameters", "'{}'".to_owned()),
        ("preset_id", "'balanced'".to_owned()),
        ("idempotency_key", "'x'".to_owned()),
        ("created_at", "'2000-01-01'".to_owned()),
    ];
    for state in ["queued", "initializing", "running", "failed"] {
        let job = queue_job(&mut db, &alice, &dataset, 10);
        let way: &[&str] = match state {
            "queued" => &[],
            "initializing" => &["initializing"],
            "running" => &["initializing", "running"],
            _ => &["failed"],
        };
        for next in way {
            status(&mut db, &job, next);
        }
        // Along with a change of the status, and without one.
        let along = match state {
            "queued" => "status = 'initializing', ",
            "running" => "status = 'completed', ",
            _ => "status = 'queued', ",
        };
        for (column, value) in &changes {
            let change = format!("{along}{column} = {value}");
            refused(&mut db, &Caller::service(), "training_jobs", &job, &change)
                .is("PT409", &format!("\"{column}\" of training job"));
            let sql = format!("update public.training_jobs set {column} = {value} where id = '{job}'");
            Refusal::of(db.execute(&sql, &[])).is("PT409", &format!("\"{column}\""));
        }
        // A worker that writes whole rows writes what is there.
        let same = "dataset_id = dataset_id, gpu_config = gpu_config, idempotency_key = idempotency_key";
        set(&mut db, &Caller::service(), "training_jobs", &job, same);
        if state != "failed" {
            status(&mut db, &job, "failed");
        }
    }
}

#[test]
fn a_claim_holds_until_the_attempt_is_over() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-03-01 10:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for (column, value) in [("claimed_by", "'me'"), ("started_at", "'2000-01-01'")] {
        let said = format!("\"{column}\" of training job");
        refused(&mut db, &service, "training_jobs", &job, &format!("{column} = {value}")).is("PT409", &said);
    }
    assert_eq!(claim(&mut db, "w"), job);
    set_clock(&mut db, "2026-03-01 11:00Z");
    for along in ["", "status = 'running', ", "status = 'failed', ", "status = 'cancelled', "] {
        for (column, value) in [
            ("claimed_by", "null"),
            ("claimed_by", "'me'"),
            ("started_at", "'2000-01-01'"),
            ("started_at", "null"),
            ("started_at", "lora_private.clock()"),
        ] {
            let said = format!("\"{column}\" of training job");
            refused(&mut db, &service, "training_jobs", &job, &format!("{along}{column} = {value}"))
                .is("PT409", &said);
        }
    }
    status(&mut db, &job, "failed");
    assert_eq!(job_row(&mut db, &job)["final_cost"], 7.0);
    assert_eq!(amounts(&mut db, &job), json!([7.0]));

    // A claim by a direct update begins when it is made.
    let direct = queue_job(&mut db, &alice, &dataset, 10);
    let sent = "status = 'initializing', claimed_by = 'me', started_at = '2000-01-01'";
    set(&mut db, &service, "training_jobs", &direct, sent);
    assert_eq!(job_row(&mut db, &direct)["started_at"], "2026-03-01T11:00:00+00:00");
    set_clock(&mut db, "2026-03-01 12:00Z");
    status(&mut db, &direct, "queued");
    assert_eq!(amounts(&mut db, &direct), json!([7.0]));
    // An application keeps the times of a job that it drives by itself.
    set(
        &mut db,
        &service,
        "training_jobs",
        &direct,
        "status = 'initializing', started_at = '2026-03-01 11:58Z'",
    );
    set(&mut db, &service, "training_jobs", &direct, "started_at = '2026-03-01 11:59Z'");
    assert_eq!(job_row(&mut db, &direct)["started_at"], "2026-03-01T11:59:00+00:00");
}

/// As a layer that was older, or an owner without triggers, might leave one.
#[test]
fn a_job_that_never_left_the_queue_costs_nothing_whatever_stands_in_its_row() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    adopt(
        &mut db,
        &format!(
            "update public.training_jobs set claimed_by = 'w', started_at = '2000-01-01' where id = '{job}'"
        ),
    );
    set(&mut db, &alice, "training_jobs", &job, "status = 'cancelled'");
    assert_eq!(job_row(&mut db, &job)["final_cost"], Value::Null);
    assert_eq!(amounts(&mut db, &job), json!([]));
}

#[test]
fn a_job_that_cannot_be_claimed_keeps_no_other_from_its_worker() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let jobs: Vec<String> = (0..6)
        .map(|n| {
            set_clock(&mut db, &format!("2026-03-01 10:0{n}Z"));
            queue_job(&mut db, &alice, &dataset, 10)
        })
        .collect();
    // The first breaks a rule that is newer than it is; the third is refused by a trigger of the application's.
    adopt(&mut db, &format!("update public.training_jobs set total_epochs = 0 where id = '{}'", jobs[0]));
    db.batch_execute(&format!(
        "create function public.theirs() returns trigger language plpgsql as
           'begin raise exception ''not this one''; end';
         create trigger theirs before update on public.training_jobs for each row
           when (old.id = '{}' and new.status = 'initializing') execute function public.theirs()",
        jobs[2]
    ))
    .unwrap();
    let claim_some = |db: &mut Client, most: u32| {
        let sql = format!("select jsonb_agg(id) from public.claim_training_jobs('w', {most})");
        Caller::service().ask(db, &sql).unwrap()
    };
    assert_eq!(claim_some(&mut db, 1), json!([jobs[1]]));
    assert_eq!(claim_some(&mut db, 2), json!([jobs[3], jobs[4]]));
    assert_eq!(claim_some(&mut db, 5), json!([jobs[5]]));
    assert_eq!(claim_some(&mut db, 5), Value::Null);
    let events = "select count(*) from public.training_job_events where to_status = 'initializing'";
    assert_eq!(Caller::service().ask(&mut db, events).unwrap(), 4);
    // They are as they were, and can be ended.
    for job in [&jobs[0], &jobs[2]] {
        assert_eq!(job_row(&mut db, job)["claimed_by"], Value::Null);
        set(&mut db, &alice, "training_jobs", job, "status = 'cancelled'");
    }

    // What is no fault of a job is said.
    let waiting = queue_job(&mut db, &alice, &dataset, 10);
    db.batch_execute("create or replace function public.theirs() returns trigger language plpgsql as 'begin perform nowhere(); end'; \
                      drop trigger theirs on public.training_jobs; \
                      create trigger theirs before update on public.training_jobs for each row execute function public.theirs()").unwrap();
    let sql = "select jsonb_agg(id) from public.claim_training_jobs('w')";
    Refusal::of(Caller::service().ask(&mut db, sql)).has_code("42883");
    assert_eq!(job_row(&mut db, &waiting)["status"], "queued");
}
