//! What owners of budgets are told, and when: each share of the limit once in a month.

use std::thread;

use pg_lora_tests::story::{complete, point, queue_job, ready_dataset, report, set_clock, sign_up};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::json;

use crate::budgets::{charge, create, set, told};
use crate::call;

#[test]
fn each_share_is_told_of_once_in_a_month() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-04-16 00:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "20");
    charge(&mut db, &alice, "15.99", "storage-1");
    assert!(told(&mut db, &alice).is_empty());
    // The same charge ten times is one, and is told of once.
    for _ in 0..10 {
        charge(&mut db, &alice, "0.01", "storage-2");
    }
    assert_eq!(told(&mut db, &alice), [80]);
    let note = "select jsonb_build_array(title, message, metadata -> 'month', metadata -> 'currency') \
                from public.notifications where type = 'budget_threshold'";
    assert_eq!(
        alice.ask(&mut db, note).unwrap(),
        json!([
            "80 % of the budget",
            "Of this month's 20 USD, 16.00 are spent and 0.00 committed.",
            "2026-04",
            "USD"
        ])
    );
    // Read and deleted: it was told of all the same.
    alice.write(&mut db, "delete from public.notifications where type = 'budget_threshold'").unwrap();
    charge(&mut db, &alice, "0.5", "storage-3");
    assert!(told(&mut db, &alice).is_empty());
    // A job that takes it beyond the limit: not refused, but told of before the money is gone.
    for _ in 0..10 {
        let job = create(&mut db, &alice, &alice, &dataset, "function").unwrap();
        assert_eq!(told(&mut db, &alice), [95, 100]);
        call(&mut db, &alice, &format!("cancel_training_job('{}')", job["id"].as_str().unwrap())).unwrap();
    }
    assert_eq!(told(&mut db, &alice), [95, 100]);
    // Another limit is another matter, and so is another month.
    set(&mut db, &alice, "18");
    assert_eq!(
        told(&mut db, &alice),
        [80, 95, 100],
        "16.5 of 18 is more than 80 %, and the others are there"
    );
    set_clock(&mut db, "2026-05-02 00:00Z");
    charge(&mut db, &alice, "17.5", "storage-4");
    assert_eq!(told(&mut db, &alice), [80, 80, 95, 95, 100]);
    // A client may tell itself whatever it likes; nothing of ours is lost by it.
    let own = format!(
        "insert into public.notifications (user_id, type, title, message, metadata) \
         values ('{}', 'budget_threshold', 'mine', 'mine', '{{\"month\": \"2026-05\", \"threshold\": 100}}')",
        alice.id()
    );
    assert_eq!(alice.write(&mut db, &own).unwrap(), 1);
    charge(&mut db, &alice, "5", "storage-5");
    assert_eq!(told(&mut db, &alice), [80, 80, 95, 95, 100, 100, 100]);
}

/// What runs spends with time: the sweep tells of it, once.
#[test]
fn the_sweep_tells_of_what_runs() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-04-16 00:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "70, true");
    let job = queue_job(&mut db, &alice, &dataset, 2);
    let claimed = "select id from public.claim_training_jobs('w', lease_seconds => 86400)";
    Caller::service().ask(&mut db, claimed).unwrap();
    let sweep = |db: &mut Client, notify: bool| {
        let sql = format!("select count(*) from public.sweep_training_jobs({notify}) where kind = 'budgets'");
        Caller::service().ask(db, &sql).unwrap()
    };
    set_clock(&mut db, "2026-04-16 07:59Z");
    assert_eq!(sweep(&mut db, true), 0);
    set_clock(&mut db, "2026-04-16 08:00Z");
    assert_eq!((sweep(&mut db, false), told(&mut db, &alice).len()), (json!(0), 0));
    assert_eq!((sweep(&mut db, true), sweep(&mut db, true)), (json!(1), json!(0)));
    assert_eq!(told(&mut db, &alice), [80]);
    // A run is never ended by a budget; what it ends with is told of when it does.
    set_clock(&mut db, "2026-04-16 11:00Z");
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    complete(&mut db, &job).unwrap();
    assert_eq!(told(&mut db, &alice), [80, 95, 100]);
}

/// Two workers close two jobs at once, while a job is being made: nobody waits for the other for long, and each share is told of once.
#[test]
fn many_writers_at_once_tell_of_each_share_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "10");
    thread::scope(|scope| {
        for writer in 0..6 {
            let (database, alice, dataset) = (&database, &alice, &dataset);
            scope.spawn(move || {
                let mut db = database.connect();
                for number in 0..5 {
                    charge(&mut db, alice, "0.5", &format!("storage-{writer}-{number}"));
                    if number % 2 == 0 {
                        create(&mut db, alice, alice, dataset, "insert").unwrap();
                    }
                }
            });
        }
    });
    // What somebody has missed because the row was taken is told by the sweep.
    Caller::service().ask(&mut db, "select count(*) from public.sweep_training_jobs()").unwrap();
    assert_eq!(told(&mut db, &alice), [80, 95, 100]);
}
