//! `training_job_cost`, `cost_report`, and what runs in `cost_summary`.

use pg_lora_tests::story::{
    claim, complete, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::json;

/// A member of an answer, as the text that Postgres wrote.
fn ask(db: &mut Client, caller: &Caller, sql: &str) -> String {
    let answer = caller.ask(db, &format!("select to_jsonb(({sql})::text)")).unwrap();
    answer.as_str().unwrap_or("null").to_owned()
}

/// A job of two GPUs at $3.50 an hour: 10:00 to 10:30, lost, and again from 11:00 on.
fn second_attempt(db: &mut Client, user: &Caller) -> String {
    set_clock(db, "2026-03-01 09:00Z");
    let dataset = ready_dataset(db, user, 3);
    let job = queue_job(db, user, &dataset, 10);
    set_clock(db, "2026-03-01 10:00Z");
    assert_eq!(claim(db, "first"), job);
    set_clock(db, "2026-03-01 10:30Z");
    let fail = format!("select to_jsonb(public.fail_training_job('{job}', 1, 'infrastructure', 'gone'))");
    Caller::service().ask(db, &fail).unwrap();
    user.ask(db, &format!("select to_jsonb(public.retry_training_job('{job}'))")).unwrap();
    set_clock(db, "2026-03-01 11:00Z");
    assert_eq!(claim(db, "second"), job);
    job
}

#[test]
fn a_job_costs_at_any_instant_what_its_intervals_had_cost_by_then() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let job = second_attempt(&mut db, &alice);
    set_clock(&mut db, "2026-03-01 12:00Z");
    for (at, total, rounded, intervals) in [
        ("09:30", "0.0000000000", "0.00", 0),
        ("10:00", "0.0000000000", "0.00", 1),
        ("10:15:00.000001", "1.7500000019", "1.75", 1),
        ("10:30", "3.5000000000", "3.50", 1),
        ("10:45", "3.5000000000", "3.50", 1),
        ("11:00", "3.5000000000", "3.50", 2),
        ("12:00", "10.5000000000", "10.50", 2),
        // What it will have cost if it goes on.
        ("13:00", "17.5000000000", "17.50", 2),
    ] {
        let call = format!("public.training_job_cost('{job}', '2026-03-01 {at}Z')");
        assert_eq!(ask(&mut db, &alice, &format!("{call} -> 'total'")), total, "{at}");
        assert_eq!(ask(&mut db, &alice, &format!("{call} -> 'rounded'")), rounded, "{at}");
        let count = ask(&mut db, &alice, &format!("jsonb_array_length({call} -> 'intervals')"));
        assert_eq!(count, intervals.to_string(), "{at}");
        // Progress says the same.
        let shown =
            format!("public.training_job_progress('{job}', '2026-03-01 {at}Z') #> '{{cost,current}}'");
        let shown = ask(&mut db, &alice, &format!("coalesce(({shown})::numeric(20, 10), 0)"));
        assert_eq!(shown, total, "{at}");
    }
    let now = alice.ask(&mut db, &format!("select public.training_job_cost('{job}')")).unwrap();
    let of = |attempt: u32, from: &str, to: Option<&str>, amount: f64| {
        json!({"attempt": attempt, "from": format!("2026-03-01T{from}+00:00"), "to": to.map(|to| format!("2026-03-01T{to}+00:00")),
            "gpu_type": "A100-80GB", "gpus": 2, "hourly_rate": 3.5, "amount": amount})
    };
    assert_eq!(
        now["intervals"],
        json!([of(1, "10:00:00", Some("10:30:00"), 3.5), of(2, "11:00:00", None, 7.0)])
    );
    assert_eq!(
        (&now["status"], &now["currency"], &now["job_id"]),
        (&json!("initializing"), &json!("USD"), &json!(job))
    );

    // Closed, it costs the same, and afterwards no more.
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap_err();
    let complete = format!(
        "select to_jsonb(public.complete_training_job('{job}', 2, '{{\"reason_without_steps\": \"nothing to learn\"}}'))"
    );
    Caller::service().ask(&mut db, &complete).unwrap();
    for at in ["2026-03-01 12:00Z", "2026-03-09 12:00Z"] {
        let call = format!("public.training_job_cost('{job}', '{at}') -> 'total'");
        assert_eq!(ask(&mut db, &alice, &call), "10.5000000000");
    }
    assert_eq!(job_row(&mut db, &job)["final_cost"], 10.5);
}

#[test]
fn what_runs_is_in_the_summary_and_marked() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let job = second_attempt(&mut db, &alice);
    set_clock(&mut db, "2026-03-02 01:30Z");
    let call = "public.cost_summary('2026-03-01', '2026-04-01', 'Europe/Berlin')";
    let summary = alice.ask(&mut db, &format!("select {call}")).unwrap();
    // 14.5 hours: 12 until midnight in Berlin, 2.5 behind it.
    assert_eq!(ask(&mut db, &alice, &format!("{call} -> 'total'")), "105.0000000000");
    assert_eq!(summary["rounded"], 105.0);
    assert_eq!(
        summary["open_intervals"],
        json!({"count": 1, "amount": 101.5, "until": "2026-03-02T01:30:00+00:00"})
    );
    assert_eq!(summary["records"], 1);
    assert_eq!(
        summary["by_day"],
        json!([{"day": "2026-03-01", "amount": 87.5}, {"day": "2026-03-02", "amount": 17.5}])
    );
    assert_eq!(summary["by_status"], json!([{"status": "initializing", "amount": 105.0}]));
    // Only what of it falls on the days that are asked for.
    let second = alice
        .ask(&mut db, "select public.cost_summary('2026-03-02', '2026-03-03', 'Europe/Berlin')")
        .unwrap();
    assert_eq!((&second["total"], &second["records"]), (&json!(17.5), &json!(0)));
    assert_eq!(second["open_intervals"]["amount"], 17.5);
    let before = alice.ask(&mut db, "select public.cost_summary('2026-02-01', '2026-03-01')").unwrap();
    assert_eq!((&before["total"], &before["open_intervals"]["count"]), (&json!(0.0), &json!(0)));
    let of_the_job =
        format!("select public.cost_summary('2026-03-01', '2026-04-01', 'UTC', '{job}') -> 'total'");
    assert_eq!(alice.ask(&mut db, &of_the_job).unwrap(), 105.0);
    for nothing in [call, "public.cost_summary('2026-03-01', '2026-03-02')"] {
        let hers = bob.ask(&mut db, &format!("select {nothing} -> 'open_intervals' -> 'count'")).unwrap();
        assert_eq!(hers, 0);
    }
}

/// A line for each charge and day; several currencies are no obstacle.
#[test]
fn the_report_lists_what_the_summary_adds_up() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let job = second_attempt(&mut db, &alice);
    set_clock(&mut db, "2026-03-02 01:30Z");
    let record = format!(
        "select to_jsonb(public.record_cost('{}', 'storage', 0.25, 'storage-1', billing_period => '2026-03-01', currency => 'EUR'))",
        alice.id()
    );
    Caller::service().ask(&mut db, &record).unwrap();
    let lines = alice
        .ask(
            &mut db,
            "select jsonb_agg(jsonb_build_array(day, cost_type, gpu_type, gpus, hourly_rate, job_id, job_status, currency, amount::text, is_open,
               record_id is null)) from public.cost_report('2026-03-01', '2026-04-01', 'Europe/Berlin')",
        )
        .unwrap();
    let compute = |day: &str, amount: &str, open: bool| {
        json!([day, "training_compute", "A100-80GB", 2, 3.5, job, "initializing", "USD", amount, open, open])
    };
    let mut expected = vec![
        compute("2026-03-01", "3.5000000000", false),
        compute("2026-03-01", "84.0000000000", true),
        json!(["2026-03-01", "storage", null, null, null, null, null, "EUR", "0.2500000000", false, false]),
        compute("2026-03-02", "17.5000000000", true),
    ];
    let mut lines = lines.as_array().unwrap().clone();
    for list in [&mut lines, &mut expected] {
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!(lines, expected);
    let hers = "select to_jsonb(count(*)) from public.cost_report('2026-03-01', '2026-04-01')";
    assert_eq!(bob.ask(&mut db, hers).unwrap(), 0);
    assert_eq!(Caller::service().ask(&mut db, hers).unwrap(), 4);
}

#[test]
fn an_interval_that_crosses_a_month_of_days_is_found_by_each_of_them() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2025-01-15 12:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    // 400 days.
    set_clock(&mut db, "2026-02-19 12:00Z");
    let whole = "select public.cost_summary('2025-01-01', '2027-01-01') -> 'total'";
    let day = "select public.cost_summary('2025-12-24', '2025-12-25') -> 'total'";
    for closed in [false, true] {
        if closed {
            complete(&mut db, &job).unwrap();
        }
        assert_eq!(alice.ask(&mut db, whole).unwrap(), 67_200.0, "{closed}");
        assert_eq!(alice.ask(&mut db, day).unwrap(), 168.0, "{closed}");
        assert_eq!(Caller::service().ask(&mut db, day).unwrap(), 168.0, "{closed}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let job = second_attempt(&mut db, &alice);
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (caller, call, code, what) in [
        (&bob, format!("training_job_cost('{job}')"), "PT404", job.as_str()),
        (&alice, format!("training_job_cost('{unknown}')"), "PT404", unknown),
        (&alice, "training_job_cost(null)".to_owned(), "PT404", "null"),
        (&alice, format!("training_job_cost('{job}', 'infinity')"), "22023", "\"at\" is infinite"),
        (&alice, "cost_report('2026-01-16', '2026-01-15')".to_owned(), "22023", "is after"),
        (&alice, "cost_report(null, '2026-01-15')".to_owned(), "22023", "from_date"),
        (&alice, "cost_report('2026-01-15', '2026-01-16', 'Mars/Phobos')".to_owned(), "22023", "Mars/Phobos"),
    ] {
        Refusal::of(caller.ask(&mut db, &format!("select to_jsonb(count(*)) from public.{call}")))
            .is(code, what);
    }
}
