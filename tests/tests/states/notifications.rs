//! One notification for one event, whoever tells of it: the database, the application, or both.

use pg_lora_tests::story::{
    add_dataset, claim, complete, pairs, point, queue_job, ready_dataset, report, set_clock, sign_up,
    validate,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::set;

/// What an application inserts; answers the row that it gets back.
fn notify(db: &mut Client, who: &Caller, owner: &Caller, kind: &str, metadata: &Value) -> Value {
    let sql = format!(
        "insert into public.notifications as told (user_id, type, title, message, action_url, metadata) \
         values ('{}', '{kind}', 'From the application', 'It says so.', '/jobs', '{metadata}') returning to_jsonb(told)",
        owner.id()
    );
    who.run(db, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap()
}

fn told(db: &mut Client, owner: &Caller, kind: &str) -> Value {
    let sql = format!(
        "select coalesce(jsonb_agg(told order by created_at, id), '[]') from public.notifications as told where type = '{kind}'"
    );
    owner.ask(db, &sql).unwrap()
}

#[test]
fn what_the_application_tells_as_well_is_one_row() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    for (who, kind, metadata) in [
        (&alice, "job_queued", json!({"job_id": job, "position": 1})),
        (&Caller::service(), "job_started", json!({"job_id": job})),
        (&Caller::service(), "dataset_ready", json!({"dataset_id": dataset})),
    ] {
        let first = told(&mut db, &alice, kind);
        assert_eq!(first.as_array().unwrap().len(), 1, "{kind}");
        for _ in 0..2 {
            let answer = notify(&mut db, who, &alice, kind, &metadata);
            assert_eq!(answer["id"], first[0]["id"], "{kind}: the row is answered as from any insert");
        }
        let now = told(&mut db, &alice, kind);
        assert_eq!(now.as_array().unwrap().len(), 1, "{kind}");
        // The database says what happened; the application adds what only it knows.
        for kept in ["id", "title", "message", "priority", "created_at"] {
            assert_eq!(now[0][kept], first[0][kept], "{kind}: {kept}");
        }
        assert_eq!(now[0]["action_url"], "/jobs");
        for (key, value) in metadata.as_object().unwrap() {
            assert_eq!(&now[0]["metadata"][key], value, "{kind}: {key}");
        }
    }
}

#[test]
fn who_tells_first_makes_no_difference() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(2);
    let dataset = add_dataset(&mut db, &alice, content.len());
    let early =
        notify(&mut db, &Caller::service(), &alice, "dataset_ready", &json!({"dataset_id": dataset, "x": 1}));
    validate(&mut db, &dataset, &content).unwrap();
    let now = told(&mut db, &alice, "dataset_ready");
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!((&now[0]["id"], &now[0]["title"]), (&early["id"], &json!("Dataset ready")));
    assert_eq!((&now[0]["metadata"]["x"], &now[0]["action_url"]), (&json!(1), &json!("/jobs")));
}

#[test]
fn what_happens_again_is_told_again() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(2);
    let dataset = add_dataset(&mut db, &alice, content.len());
    for times in 1..=2 {
        validate(&mut db, &dataset, &content).unwrap();
        assert_eq!(told(&mut db, &alice, "dataset_ready").as_array().unwrap().len(), times);
    }
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for times in 1..=2 {
        claim(&mut db, "w");
        set(&mut db, &Caller::service(), "training_jobs", &job, "status = 'failed'");
        for kind in ["job_queued", "job_started", "job_failed"] {
            assert_eq!(told(&mut db, &alice, kind).as_array().unwrap().len(), times, "{kind}");
        }
        notify(&mut db, &Caller::service(), &alice, "job_failed", &json!({"job_id": job}));
        assert_eq!(told(&mut db, &alice, "job_failed").as_array().unwrap().len(), times);
        set(&mut db, &Caller::service(), "training_jobs", &job, "status = 'queued'");
    }
}

#[test]
fn what_names_nothing_of_the_owner_is_an_ordinary_notification() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    // A key that two could have would tell bob that her job exists.
    for metadata in
        [json!({"job_id": job}), json!({"job_id": "x"}), json!({}), json!([]), json!(7), json!(null)]
    {
        for _ in 0..2 {
            let answer = notify(&mut db, &bob, &bob, "job_queued", &metadata);
            assert_eq!(answer["dedupe_key"], Value::Null, "{metadata}");
        }
    }
    assert_eq!(told(&mut db, &bob, "job_queued").as_array().unwrap().len(), 12);
    assert_eq!(told(&mut db, &alice, "job_queued").as_array().unwrap().len(), 1);
    // Of what the database does not write itself there may be as many as anybody likes.
    for _ in 0..2 {
        notify(&mut db, &Caller::service(), &alice, "artifact_ready", &json!({"job_id": job}));
    }
    assert_eq!(told(&mut db, &alice, "artifact_ready").as_array().unwrap().len(), 2);
}

#[test]
fn the_key_is_the_databases_own() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let sql = format!(
        "insert into public.notifications (user_id, type, title, message, dedupe_key) values ('{}', 'x_y', 't', 'm', 'mine')",
        alice.id()
    );
    Refusal::of(alice.write(&mut db, &sql)).is("42501", "column \"dedupe_key\" of \"notifications\"");
    // Of the service it is not taken.
    assert_eq!(Caller::service().write(&mut db, &sql).unwrap(), 1);
    assert_eq!(told(&mut db, &alice, "x_y")[0]["dedupe_key"], Value::Null);
    let update = "update public.notifications set dedupe_key = 'mine'";
    Refusal::of(alice.write(&mut db, update)).is("42501", "\"dedupe_key\"");
}

#[test]
fn two_of_one_event_at_once_are_one_row() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let metadata = json!({"job_id": job});
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| notify(&mut database.connect(), &alice, &alice, "job_cancelled", &metadata));
        }
    });
    assert_eq!(told(&mut db, &alice, "job_cancelled").as_array().unwrap().len(), 1);
}

#[test]
fn what_an_application_tells_cannot_stop_what_it_tells_of() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let insert = |columns: &str, values: &str| {
        format!(
            "insert into public.notifications (user_id, type, title, message, {columns}) \
             values ('{}', 'job_started', 't', 'm', {values})",
            alice.id()
        )
    };
    let filled = |size: usize| format!("jsonb_build_object('job_id', '{job}', 'x', repeat('x', {size}))");
    // Of a client with what is right, of everybody else by the check; the way out of old rows is none for a new one.
    for (columns, values, what) in [
        ("metadata", filled(20_000), "metadata"),
        ("metadata, read", format!("{}, true", filled(20_000)), "metadata"),
        ("action_url", "'/' || repeat('x', 2000)".to_owned(), "action_url"),
        ("action_url, read", "'/' || repeat('x', 2000), true".to_owned(), "action_url"),
    ] {
        let sql = insert(columns, &values);
        Refusal::of(alice.write(&mut db, &sql)).is("22023", &format!("\"{what}\" has "));
        let refusal = Refusal::of(Caller::service().write(&mut db, &sql));
        refusal.has_code("23514");
        assert!(refusal.message.contains(&format!("\"notifications_{what}_check\"")), "{refusal:?}");
    }
    let long = format!(
        "insert into public.notifications (user_id, type, title, message) values ('{}', 'x_y', 't', repeat('x', 10001))",
        alice.id()
    );
    Refusal::of(alice.write(&mut db, &long)).is("22023", "\"message\" has 10001 characters");
    Refusal::of(Caller::service().write(&mut db, &long)).has_code("23514");

    // As much as fits is told beforehand, as if it had been read long ago; the service makes it more than fits.
    let early = insert("metadata, read", &format!("{}, true", filled(16_300)));
    assert_eq!(alice.write(&mut db, &early).unwrap(), 1);
    claim(&mut db, "w");
    let now = &told(&mut db, &alice, "job_started")[0];
    assert_eq!((&now["read"], &now["title"]), (&json!(false), &json!("Training job started")));
    let own = json!({"attempt": 1, "dataset_id": dataset, "job_id": job});
    assert_eq!(now["metadata"], own, "what does not fit beside the database's own is left out");

    let spoil = "update public.notifications set read = true, action_url = repeat('x', 3000), \
                 metadata = jsonb_build_object('x', repeat(md5(id::text), 10000)) where type = 'job_completed'";
    notify(&mut db, &alice, &alice, "job_completed", &json!({"job_id": job}));
    assert_eq!(Caller::service().write(&mut db, spoil).unwrap(), 1);
    report(&mut db, &job, json!([point(10, json!(1.0))])).unwrap();
    complete(&mut db, &job).unwrap();
    let now = &told(&mut db, &alice, "job_completed")[0];
    assert_eq!((&now["metadata"], &now["action_url"]), (&own, &Value::Null));
}

#[test]
fn a_failure_with_a_long_message_is_told_as_far_as_it_fits() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    let failed = "status = 'failed', error_message = repeat('x', 100000)";
    set(&mut db, &Caller::service(), "training_jobs", &job, failed);
    let now = &told(&mut db, &alice, "job_failed")[0];
    assert_eq!(now["message"].as_str().unwrap().len(), 10_000);
}

#[test]
fn what_was_told_before_it_happened_is_told_anew() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let early = format!(
        "insert into public.notifications (user_id, type, title, message, read, metadata) \
         values ('{}', 'job_cancelled', 't', 'm', true, '{{\"job_id\": \"{job}\"}}')",
        alice.id()
    );
    set_clock(&mut db, "2026-01-01 00:00Z");
    assert_eq!(alice.write(&mut db, &early).unwrap(), 1);
    set_clock(&mut db, "2026-01-02 00:00Z");
    set(&mut db, &Caller::service(), "training_jobs", &job, "status = 'cancelled'");
    let now = told(&mut db, &alice, "job_cancelled");
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!(
        (&now[0]["read"], &now[0]["created_at"]),
        (&json!(false), &json!("2026-01-02T00:00:00+00:00"))
    );
}

#[test]
fn an_address_of_a_client_is_safe_to_follow() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let insert = |address: &str| {
        format!(
            "insert into public.notifications (user_id, type, title, message, action_url) \
             values ('{}', 'x_y', 't', 'm', E'{address}')",
            alice.id()
        )
    };
    for address in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " /x",
        "//elsewhere.example",
        "/\\\\elsewhere.example",
        "/\\t/elsewhere.example",
        "http://elsewhere.example",
        "https:elsewhere.example",
        "data:text/html,x",
        "jobs",
        "",
    ] {
        let refusal = Refusal::of(alice.write(&mut db, &insert(address)));
        refusal.is("22023", "\"action_url\" is not an address");
    }
    for address in ["/", "/jobs/1?tab=costs#now", "/jobs//x", "https://example.org/x"] {
        assert_eq!(alice.write(&mut db, &insert(address)).unwrap(), 1, "{address}");
    }
}

/// One lock for each would fill the table that all of the server's locks are in.
#[test]
fn telling_of_many_events_takes_no_lock_for_each() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for _ in 0..50 {
        queue_job(&mut db, &alice, &dataset, 10);
    }
    let tell = "insert into public.notifications (user_id, type, title, message, metadata) \
                select user_id, type, 't', 'm', jsonb_build_object('job_id', id) from public.training_jobs, \
                unnest(array['job_started', 'job_completed', 'job_failed', 'job_cancelled']) as type";
    let held = "select count(*) from pg_catalog.pg_locks where pid = pg_backend_pid()";
    let mut telling = alice.begin(&mut db).unwrap();
    assert_eq!(telling.execute(tell, &[]).unwrap(), 200);
    let held: i64 = telling.query_one(held, &[]).unwrap().get(0);
    assert!(held < 60, "{held} locks");
    telling.commit().unwrap();
}

/// Two workers take jobs of two users, in an order that a lock for each user would not survive.
#[test]
fn claims_of_two_users_jobs_do_not_wait_for_each_other() {
    let database = Database::migrated();
    let mut db = database.connect();
    let users = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let jobs = users.each_ref().map(|user| {
        let dataset = ready_dataset(&mut db, user, 3);
        [0, 1].map(|_| queue_job(&mut db, user, &dataset, 10))
    });
    let start = |job: &str| {
        format!(
            "set local statement_timeout = '20s'; update public.training_jobs set status = 'initializing' where id = '{job}'"
        )
    };
    let (mut one, mut two) = (database.connect(), database.connect());
    let mut one = Caller::service().begin(&mut one).unwrap();
    let mut two = Caller::service().begin(&mut two).unwrap();
    one.batch_execute(&start(&jobs[0][0])).unwrap();
    two.batch_execute(&start(&jobs[1][0])).unwrap();
    one.batch_execute(&start(&jobs[1][1])).unwrap();
    two.batch_execute(&start(&jobs[0][1])).unwrap();
    one.commit().unwrap();
    two.commit().unwrap();
}
