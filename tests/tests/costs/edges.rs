//! Intervals at the edge of what there is, each in the whole life of a job: queued, claimed, ended, charged, summed up.

use pg_lora_tests::story::{claim, complete, job_row, point, ready_dataset, report, set_clock};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::{Value, json};

use crate::settled::is_settled;
use crate::{call, charged, queue_on, somebody, text};

const BEGIN: &str = "2025-12-01 10:00:00.000001Z";

fn gpus(count: u32, hourly_rate: &str) -> Value {
    let rate: Value = serde_json::from_str(hourly_rate).unwrap();
    json!({"gpu_type": "H100", "num_gpus": count, "cost_per_gpu_hour": rate})
}

/// A job that is claimed at `BEGIN` and completed at another instant; answers its id and its owner.
fn run(db: &mut Client, gpus: &Value, end: &str) -> (Caller, String) {
    set_clock(db, BEGIN);
    let alice = somebody(db);
    let dataset = ready_dataset(db, &alice, 3);
    let job = queue_on(db, &alice, &dataset, gpus);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.0))])).unwrap();
    set_clock(db, end);
    complete(db, &job).unwrap();
    is_settled(db);
    (alice, job)
}

/// Days on which something was spent, and the total, in a zone.
fn summary(db: &mut Client, who: &Caller, zone: &str) -> (usize, String) {
    let sql = format!("select public.cost_summary('2025-01-01', '2028-01-01', '{zone}')");
    let days = who.ask(db, &format!("{sql} -> 'by_day'")).unwrap().as_array().unwrap().len();
    let sums = format!(
        "select to_jsonb(array[answer ->> 'total', (select sum((day ->> 'amount')::numeric)::text \
         from jsonb_array_elements(answer -> 'by_day') as day)]) from ({sql}) as asked (answer)"
    );
    let sums = who.ask(db, &sums).unwrap();
    if days > 0 {
        assert_eq!(sums[0], sums[1], "the days and the total");
    }
    (days, sums[0].as_str().unwrap().to_owned())
}

#[test]
fn a_clock_that_goes_backwards_costs_nothing_and_stops_nothing() {
    let doors: [(&str, &str); 6] = [
        ("completed", "select public.complete_training_job('JOB', 1)"),
        ("failed", "select public.fail_training_job('JOB', 1, 'stalled', 'x')"),
        ("cancelled", "select public.cancel_training_job('JOB')"),
        ("failed", "update public.training_jobs set status = 'failed' where id = 'JOB'"),
        ("cancelled", "update public.training_jobs set status = 'cancelled' where id = 'JOB'"),
        ("queued", "update public.training_jobs set status = 'queued' where id = 'JOB'"),
    ];
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, BEGIN);
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    for earlier in ["2025-12-01 10:00Z", "2025-11-30 00:00Z", "2011-01-01 00:00Z"] {
        for (status, close) in doors {
            set_clock(&mut db, BEGIN);
            let job = queue_on(&mut db, &alice, &dataset, &gpus(2, "3.50"));
            assert_eq!(claim(&mut db, "w"), job);
            report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
            set_clock(&mut db, earlier);
            Caller::service().write(&mut db, &close.replace("JOB", &job)).unwrap();
            let row = job_row(&mut db, &job);
            assert_eq!(row["status"], status, "{close}");
            assert_eq!(charged(&mut db, &job), "nothing", "{close} at {earlier}");
            if status == "queued" {
                call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
            } else {
                assert_eq!((&row["final_cost"], &row["current_cost"]), (&json!(0.0), &json!(0.0)), "{close}");
            }
        }
        is_settled(&mut db);
    }
    assert_eq!(summary(&mut db, &alice, "UTC"), (0, "0.0000000000".to_owned()));
}

/// The clock is right again when the job ends, and the next attempt is charged for its own time.
#[test]
fn a_clock_that_goes_backwards_and_comes_back_charges_each_attempt_its_own_time() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, BEGIN);
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_on(&mut db, &alice, &dataset, &gpus(2, "3.50"));
    assert_eq!(claim(&mut db, "w"), job);
    // While it runs, the clock goes back and comes back.
    set_clock(&mut db, "2025-12-01 09:00Z");
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    call(&mut db, &Caller::service(), &format!("heartbeat_training_job('{job}', 1)")).unwrap();
    set_clock(&mut db, "2025-12-01 11:00:00.000001Z");
    let fail = |attempt: u32| format!("fail_training_job('{job}', {attempt}, 'stalled', 'x')");
    call(&mut db, &Caller::service(), &fail(1)).unwrap();
    assert_eq!(charged(&mut db, &job), "7.0000000000");
    // The second attempt begins before the first one has ended, by a clock that is an hour late.
    set_clock(&mut db, "2025-12-01 10:00Z");
    call(&mut db, &alice, &format!("retry_training_job('{job}')")).unwrap();
    assert_eq!(claim(&mut db, "w"), job);
    set_clock(&mut db, "2025-12-01 11:30:00.000001Z");
    call(&mut db, &Caller::service(), &fail(2)).unwrap();
    assert_eq!(charged(&mut db, &job), "7.0000000000 3.5000000000", "the hour of the first attempt is paid");
    assert_eq!(job_row(&mut db, &job)["final_cost"], 10.5);
    is_settled(&mut db);
    // One that begins and ends while the clock is late has no time of its own, and the one after it still begins after all
    // that is paid.
    for (attempt, end, amounts, sum) in [
        (3, "2025-12-01 10:15Z", "7.0000000000 3.5000000000", 10.5),
        (4, "2025-12-01 12:00:00.000001Z", "7.0000000000 3.5000000000 3.5000000000", 14.0),
    ] {
        set_clock(&mut db, "2025-12-01 10:10Z");
        let again =
            format!("update public.training_jobs set status = 'queued', max_attempts = 9 where id = '{job}'");
        Caller::service().write(&mut db, &again).unwrap();
        assert_eq!(claim(&mut db, "w"), job);
        set_clock(&mut db, end);
        call(&mut db, &Caller::service(), &fail(attempt)).unwrap();
        assert_eq!(
            (charged(&mut db, &job).as_str(), &job_row(&mut db, &job)["final_cost"]),
            (amounts, &json!(sum))
        );
    }
}

#[test]
fn an_interval_without_any_time_costs_nothing_and_one_of_a_microsecond_what_it_is() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, none) = run(&mut db, &gpus(100, "3.50"), BEGIN);
    assert_eq!(charged(&mut db, &none), "nothing");
    assert_eq!(job_row(&mut db, &none)["final_cost"], 0.0);
    assert_eq!(summary(&mut db, &alice, "UTC"), (0, "0.0000000000".to_owned()));
    let (bob, one) = run(&mut db, &gpus(100, "3.50"), "2025-12-01 10:00:00.000002Z");
    // 350 an hour for a 3,600,000,000th of it: 0.00000009722…
    assert_eq!(charged(&mut db, &one), "0.0000000972");
    assert_eq!(summary(&mut db, &bob, "Pacific/Apia"), (1, "0.0000000972".to_owned()));
    // The server's own word on an empty period, and on one of no length.
    for period in ["'empty'", "'[2026-01-01,2026-01-01]'", "'[2026-01-01,2026-01-01)'"] {
        let cost = format!("select lora.interval_cost({period}, 100000, 4096, '1 day', '1 day')");
        assert_eq!(text(&mut db, &alice, &cost), "0.0000000000", "{period}");
    }
}

#[test]
fn an_interval_of_400_days_is_charged_to_the_microsecond_and_split_into_its_days() {
    let database = Database::migrated();
    let mut db = database.connect();
    // 400 days and a microsecond; the last one is 9,600 hours later.
    let (alice, job) = run(&mut db, &gpus(8, "2.4999999999"), "2027-01-05 10:00:00.000002Z");
    // 9,600 × 19.9999999992 and 0.0000000056 for the microsecond.
    assert_eq!(charged(&mut db, &job), "191999.9999923256");
    assert_eq!(job_row(&mut db, &job)["final_cost"], 192_000.0);
    for zone in ["UTC", "Europe/Berlin", "America/Havana", "Pacific/Kiritimati", "Australia/Lord_Howe"] {
        assert_eq!(summary(&mut db, &alice, zone), (401, "191999.9999923256".to_owned()), "{zone}");
        assert_eq!(summary(&mut db, &Caller::service(), zone).0, 401, "{zone}");
    }
    let whole = "select amount::text from (values ('2026-03-29'), ('2026-07-01'), ('2026-10-25')) as day (date) \
                 cross join lateral (select entry ->> 'amount' as amount \
                   from jsonb_array_elements(public.cost_summary('2026-01-01', '2027-01-01', 'Europe/Berlin') -> 'by_day') as entry \
                   where entry ->> 'day' = date) as part";
    let days = alice.ask(&mut db, &format!("select jsonb_agg(amount) from ({whole}) as days")).unwrap();
    assert_eq!(days, json!(["459.9999999816", "479.9999999808", "499.9999999800"]), "23, 24 and 25 hours");
}

#[test]
fn a_rate_of_nothing_and_the_smallest_rate_are_charged_as_they_are() {
    let database = Database::migrated();
    let mut db = database.connect();
    // A run that is free is on the ledger all the same.
    let (alice, free) = run(&mut db, &gpus(100, "0"), "2025-12-02 10:00:00.000001Z");
    assert_eq!(charged(&mut db, &free), "0.0000000000");
    assert_eq!(job_row(&mut db, &free)["final_cost"], 0.0);
    assert_eq!(summary(&mut db, &alice, "UTC").1, "0.0000000000");
    for (count, end, cost) in [
        // Half of 10⁻¹⁰ goes to the even neighbour, which is 0, and so does three halves, which is 2.
        (1, "2025-12-01 10:30:00.000001Z", "0.0000000000"),
        (1, "2025-12-01 10:30:00.000002Z", "0.0000000001"),
        (1, "2025-12-01 11:30:00.000001Z", "0.0000000002"),
        (3, "2025-12-01 10:30:00.000001Z", "0.0000000002"),
        (5, "2025-12-01 10:30:00.000001Z", "0.0000000002"),
        (100, "2025-12-01 11:00:00.000001Z", "0.0000000100"),
        (1, "2027-01-05 10:00:00.000001Z", "0.0000009600"),
        (100, "2027-01-05 10:00:00.000001Z", "0.0000960000"),
    ] {
        for written in ["0.0000000001", "1e-10"] {
            let (user, job) = run(&mut db, &gpus(count, written), end);
            assert_eq!(charged(&mut db, &job), cost, "{count} until {end}");
            for zone in ["UTC", "Asia/Kathmandu"] {
                assert_eq!(summary(&mut db, &user, zone).1, cost, "{count} until {end} in {zone}");
            }
            assert_eq!(job_row(&mut db, &job)["final_cost"], 0.0, "{count} until {end}");
        }
    }
}

#[test]
fn a_hundred_gpus_cost_a_hundred_times_one() {
    let database = Database::migrated();
    let mut db = database.connect();
    for (count, rate, end, cost, displayed) in [
        (1, "3.3333333333", "2025-12-01 11:00:00.000001Z", "3.3333333333", 3.33),
        (100, "3.3333333333", "2025-12-01 11:00:00.000001Z", "333.3333333300", 333.33),
        (100, "99.99", "2027-01-05 10:00:00.000001Z", "95990400.0000000000", 95_990_400.0),
        // The job's own columns end at 99999999.99; the ledger does not.
        (100, "1000", "2027-01-05 10:00:00.000001Z", "960000000.0000000000", 99_999_999.99),
        (4096, "0.0000000001", "2025-12-01 10:00:00.000002Z", "0.0000000000", 0.0),
        (4096, "24.4140625", "2025-12-02 10:00:00.000001Z", "2400000.0000000000", 2_400_000.0),
    ] {
        set_clock(&mut db, BEGIN);
        let alice = somebody(&mut db);
        let dataset = ready_dataset(&mut db, &alice, 3);
        let job = queue_on(&mut db, &alice, &dataset, &gpus(count, rate));
        assert_eq!(claim(&mut db, "w"), job);
        set_clock(&mut db, end);
        call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
        assert_eq!(charged(&mut db, &job), cost);
        assert_eq!(job_row(&mut db, &job)["final_cost"], displayed);
        assert_eq!(summary(&mut db, &alice, "America/Santiago").1, cost);
    }
}

/// Clocks in Havana went back on 2025-11-02 at 05:00 UTC, from 01:00 to 00:00: that day begins with its second midnight, for
/// whatever runs, whatever is over, and however short it is.
#[test]
fn a_midnight_that_comes_twice_begins_its_day_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2025-11-01 12:00Z");
    let alice = somebody(&mut db);
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (begin, end, days) in [
        // Between the two midnights, before both, across the first, across the second, across both, and after both.
        ("04:10", "04:40", json!({"2025-11-01": "3.5000000000"})),
        ("03:10", "03:40", json!({"2025-11-01": "3.5000000000"})),
        ("03:30", "04:30", json!({"2025-11-01": "7.0000000000"})),
        ("04:30", "05:30", json!({"2025-11-01": "3.5000000000", "2025-11-02": "3.5000000000"})),
        ("03:30", "06:00", json!({"2025-11-01": "10.5000000000", "2025-11-02": "7.0000000000"})),
        ("04:00", "05:00", json!({"2025-11-01": "7.0000000000"})),
        ("05:00", "05:30", json!({"2025-11-02": "3.5000000000"})),
    ] {
        set_clock(&mut db, &format!("2025-11-02 {begin}Z"));
        let job = queue_on(&mut db, &alice, &dataset, &gpus(2, "3.50"));
        assert_eq!(claim(&mut db, "w"), job);
        set_clock(&mut db, &format!("2025-11-02 {end}Z"));
        let by_day = format!(
            "select jsonb_object_agg(entry ->> 'day', entry ->> 'amount') from jsonb_array_elements( \
               public.cost_summary('2025-10-01', '2025-12-01', 'America/Havana', '{job}') -> 'by_day') as entry"
        );
        assert_eq!(alice.ask(&mut db, &by_day).unwrap(), days, "{begin} to {end}, while it runs");
        call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
        assert_eq!(alice.ask(&mut db, &by_day).unwrap(), days, "{begin} to {end}, when it is over");
    }
}
