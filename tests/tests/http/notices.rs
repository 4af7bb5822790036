//! Notifications, as the application sends and reads them. Some of them the database writes by itself; whoever sends
//! one of those again succeeds, and there is one row.

use pg_lora_tests::story::claim;
use serde_json::{Value, json};

use crate::client::Client;
use crate::life::Life;

/// What the application sends.
fn notice(life: &Life, kind: &str, metadata: Value) -> Value {
    json!({
        "user_id": life.alice_id, "type": kind, "title": "As the application says it", "message": "in its words",
        "priority": "medium", "action_url": "/training/jobs", "metadata": metadata,
    })
}

/// Sends one in both forms, and checks that each succeeds and that there is one row afterwards, as there was before
/// if the database has written it.
fn send(life: &Life, sender: &Client, kind: &str, metadata: &Value) {
    let rows = |life: &Life| life.alice.get(&format!("/notifications?type=eq.{kind}")).rows();
    let before = rows(life);
    let notice = notice(life, kind, metadata.clone());
    let answered = sender.insert_single("/notifications?select=*", &notice).expect(201).object();
    let after = rows(life);
    assert_eq!(after.len(), 1, "{kind}: {after:?}");
    assert_eq!(answered["id"], after[0]["id"], "{kind}");
    if let Some(known) = before.first() {
        assert_eq!(known["id"], after[0]["id"], "{kind}");
        sender.insert("/notifications", &notice).expect(201);
        assert_eq!(rows(life).len(), 1, "{kind}");
    }
}

#[test]
fn what_the_database_has_said_already_is_said_once() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    send(&life, &life.service, "dataset_ready", &json!({"dataset_id": dataset}));

    let job = life.completed_job(&dataset);
    let about = json!({"job_id": job, "dataset_id": dataset});
    send(&life, &life.alice, "job_queued", &about);
    send(&life, &life.service, "job_started", &about);
    send(&life, &life.service, "job_completed", &about);
    send(&life, &life.service, "artifact_ready", &json!({"job_id": job, "artifact_id": job}));
}

#[test]
fn the_end_of_a_job_is_said_once() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let cancelled = life.queued_job(&dataset);
    let one = format!("/training_jobs?id=eq.{cancelled}");
    life.alice.update(&one, &json!({"status": "cancelled"})).expect(204);
    send(&life, &life.alice, "job_cancelled", &json!({"job_id": cancelled}));

    let failed = life.queued_job(&dataset);
    assert_eq!(claim(&mut life.db, "w"), failed);
    let one = format!("/training_jobs?id=eq.{failed}");
    life.service.update(&one, &json!({"status": "failed", "error_message": "out of memory"})).expect(204);
    send(&life, &life.service, "job_failed", &json!({"job_id": failed}));
}

/// The application sends its own before the database has one, too.
#[test]
fn two_jobs_have_a_notification_each() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    for job in [life.queued_job(&dataset), life.queued_job(&dataset)] {
        let notice = notice(&life, "job_queued", json!({"job_id": job}));
        life.alice.insert("/notifications", &notice).expect(201);
    }
    assert_eq!(life.alice.count("/notifications?type=eq.job_queued").total(), 2);
}

#[test]
fn the_newest_are_listed_counted_and_read() {
    let life = Life::begin();
    for number in 0..25 {
        let mut row = notice(&life, "news", json!({"number": number}));
        row["created_at"] = json!(format!("2026-03-01T10:00:{number:02}Z"));
        life.service.insert("/notifications", &row).expect(201);
    }
    let list = format!("/notifications?select=*&user_id=eq.{}&order=created_at.desc&limit=20", life.alice_id);
    let rows = life.alice.get(&list).expect(200).rows();
    assert_eq!((rows.len(), &rows[0]["metadata"]["number"]), (20, &json!(24)));

    let unread = format!("/notifications?select=*&user_id=eq.{}&read=eq.false", life.alice_id);
    let count = life.alice.count(&unread);
    assert_eq!((count.total(), count.text.as_str()), (25, ""));
    let one = format!("/notifications?id=eq.{}", rows[0]["id"].as_str().unwrap());
    life.alice.update(&format!("{one}&user_id=eq.{}", life.alice_id), &json!({"read": true})).expect(204);
    assert_eq!(life.alice.count(&unread).total(), 24);
    assert_eq!(life.bob.count("/notifications").total(), 0);
    assert_eq!(life.alice.delete(&one).expect(200).rows().len(), 1);
}
