//! One notification for one event, whoever tells of it: the database, the application, or both.

use pg_lora_tests::story::{add_dataset, claim, pairs, queue_job, ready_dataset, sign_up, validate};
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
