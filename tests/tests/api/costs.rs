//! `cost_summary`, and the ledger that completing a job writes.

use std::collections::BTreeMap;

use pg_lora_tests::story::{
    claim, complete, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

/// A job of two GPUs at $3.50 that ran from one instant to another.
fn run(db: &mut Client, user: &Caller, from: &str, to: &str) -> String {
    set_clock(db, from);
    let dataset = ready_dataset(db, user, 3);
    let job = queue_job(db, user, &dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.0))])).unwrap();
    set_clock(db, to);
    complete(db, &job).unwrap();
    job
}

/// A summary with its figures as the text that Postgres wrote, as they have more places than a float holds.
fn summary(
    db: &mut Client,
    caller: &Caller,
    arguments: &str,
) -> Result<BTreeMap<String, String>, postgres::Error> {
    let sql = format!(
        "select jsonb_object_agg(key, value) from (
           select entry.key, entry.value::text from jsonb_each(public.cost_summary({arguments})) as entry
           where entry.key not like 'by\\_%'
           union all
           select coalesce(item ->> 'day', item ->> 'cost_type', item ->> 'gpu_type', item ->> 'job_id', item ->> 'status', 'none'),
             item ->> 'amount'
           from jsonb_each(public.cost_summary({arguments})) as entry, jsonb_array_elements(entry.value) as item
           where entry.key like 'by\\_%'
         ) as figure"
    );
    let figures = caller.ask(db, &sql)?;
    Ok(serde_json::from_value(figures).unwrap())
}

/// The ledger as the service sees it.
fn ledger(db: &mut Client) -> Value {
    Caller::service()
        .ask(db, "select coalesce(jsonb_agg(record order by recorded_at), '[]') from public.cost_records as record")
        .unwrap()
}

#[test]
fn completing_a_job_charges_its_time_exactly_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let job = run(&mut db, &alice, "2026-01-15 23:00:00Z", "2026-01-16 00:30:00.000007Z");

    let rows = ledger(&mut db);
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    let record = &rows[0];
    for (column, value) in [
        ("user_id", json!(alice.id())),
        ("job_id", json!(job)),
        ("cost_type", json!("training_compute")),
        ("billing_period", json!("2026-01-15")),
        ("currency", json!("USD")),
        ("gpu_type", json!("A100-80GB")),
        ("gpus", json!(2)),
        ("idempotency_key", json!(format!("training_compute:{job}:1"))),
    ] {
        assert_eq!(record[column], value, "{column}");
    }
    let exact = "select bool_and(amount = lora.interval_cost(period, hourly_rate, gpus)) and \
                 string_agg(amount::text, ',') = '10.5000000136' from public.cost_records";
    assert_eq!(Caller::service().ask(&mut db, exact).unwrap(), true);
    let row = job_row(&mut db, &job);
    assert_eq!((&row["final_cost"], &row["current_cost"]), (&json!(10.5), &json!(10.5)));

    // Whatever is sent again, nothing is charged again.
    Refusal::of(complete(&mut db, &job)).is("PT409", "completed");
    assert_eq!(ledger(&mut db).as_array().unwrap().len(), 1);
}

#[test]
fn a_job_that_failed_or_was_cancelled_costs_what_it_used() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (status, amount) in [("failed", "7.0000000000"), ("cancelled", "7.0000000000")] {
        set_clock(&mut db, "2026-02-01 10:00Z");
        let job = queue_job(&mut db, &alice, &dataset, 10);
        assert_eq!(claim(&mut db, "w"), job);
        set_clock(&mut db, "2026-02-01 11:00Z");
        let close = format!("update public.training_jobs set status = '{status}' where id = '{job}'");
        assert_eq!(Caller::service().write(&mut db, &close).unwrap(), 1);
        let charged = format!("select amount::text from public.cost_records where job_id = '{job}'");
        assert_eq!(Caller::service().ask(&mut db, &charged).unwrap(), amount, "{status}");
        assert_eq!(job_row(&mut db, &job)["completed_at"], "2026-02-01T11:00:00+00:00");
    }
    // Time in the queue is free.
    let waiting = queue_job(&mut db, &alice, &dataset, 10);
    set_clock(&mut db, "2026-02-02 11:00Z");
    let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{waiting}'");
    assert_eq!(Caller::service().write(&mut db, &cancel).unwrap(), 1);
    assert_eq!(ledger(&mut db).as_array().unwrap().len(), 2);
}

#[test]
fn no_time_is_charged_twice_when_a_claim_began_before_the_attempt_that_went_before_ended() {
    let database = Database::migrated();
    let (mut db, mut worker) = (database.connect(), database.connect());
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "first"), job);

    // The clock of a transaction is that of its begin.
    let mut late = worker.transaction().unwrap();
    late.execute("select now()", &[]).unwrap();
    Caller::service()
        .ask(&mut db, &format!("select to_jsonb(public.fail_training_job('{job}', 1, 'stalled', 'lost'))"))
        .unwrap();
    alice.ask(&mut db, &format!("select to_jsonb(public.retry_training_job('{job}'))")).unwrap();
    let claimed: i64 =
        late.query_one("select count(*) from public.claim_training_jobs('second')", &[]).unwrap().get(0);
    assert_eq!(claimed, 1);
    late.commit().unwrap();
    Caller::service()
        .ask(&mut db, &format!("select to_jsonb(public.fail_training_job('{job}', 2, 'stalled', 'lost'))"))
        .unwrap();

    let rows = ledger(&mut db);
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    let twice: i64 = db
        .query_one(
            "select count(*) from public.cost_records as one join public.cost_records as other \
               on one.id < other.id and one.job_id = other.job_id and one.period && other.period",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(twice, 0, "{rows}");
}

#[test]
fn a_run_across_midnight_is_split_where_the_zone_has_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let job = run(&mut db, &alice, "2026-01-15 23:00Z", "2026-01-16 00:30Z");

    let utc = summary(&mut db, &alice, "'2026-01-15', '2026-01-17'").unwrap();
    for (key, figure) in [
        ("total", "10.5000000000"),
        ("2026-01-15", "7.0000000000"),
        ("2026-01-16", "3.5000000000"),
        ("training_compute", "10.5000000000"),
        ("A100-80GB", "10.5000000000"),
        ("completed", "10.5000000000"),
        (&job, "10.5000000000"),
        ("currency", "\"USD\""),
        ("time_zone", "\"UTC\""),
    ] {
        assert_eq!(utc[key], figure, "{key}: {utc:?}");
    }
    // 00:00–01:30 in Berlin: one day. 04:30–06:00 the next day in Kathmandu (+05:45): one day.
    let berlin = summary(&mut db, &alice, "'2026-01-15', '2026-01-17', 'Europe/Berlin'").unwrap();
    assert_eq!((berlin.get("2026-01-15"), berlin["2026-01-16"].as_str()), (None, "10.5000000000"));
    // 18:00–19:30 in New York the day before.
    let york = summary(&mut db, &alice, "'2026-01-15', '2026-01-17', 'America/New_York'").unwrap();
    assert_eq!((york.get("2026-01-16"), york["2026-01-15"].as_str()), (None, "10.5000000000"));
    // The last day is not part of the summary.
    let first_day = summary(&mut db, &alice, "'2026-01-15', '2026-01-16'").unwrap();
    assert_eq!(first_day["total"], "7.0000000000");
    let no_day = summary(&mut db, &alice, "'2026-01-15', '2026-01-15'").unwrap();
    assert_eq!(no_day["total"], "0.0000000000");
    let other_job = "'2026-01-15', '2026-01-17', 'UTC', '00000000-0000-4000-8000-000000000000'";
    Refusal::of(summary(&mut db, &alice, other_job)).is("PT404", "00000000-0000-4000-8000-000000000000");
}

/// 2026-03-29 has 23 hours in Berlin, and 2026-10-25 has 25.
#[test]
fn days_of_23_and_25_hours_cost_as_many() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    run(&mut db, &alice, "2026-03-28 12:00Z", "2026-03-31 12:00Z");
    run(&mut db, &alice, "2026-10-24 12:00Z", "2026-10-27 12:00Z");
    let zone = "'Europe/Berlin'";
    let spring = summary(&mut db, &alice, &format!("'2026-03-01', '2026-04-01', {zone}")).unwrap();
    let days =
        ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31", "total"].map(|day| spring[day].as_str());
    assert_eq!(
        days,
        ["77.0000000000", "161.0000000000", "168.0000000000", "98.0000000000", "504.0000000000"]
    );
    let autumn = summary(&mut db, &alice, &format!("'2026-10-01', '2026-11-01', {zone}")).unwrap();
    let days =
        ["2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27", "total"].map(|day| autumn[day].as_str());
    assert_eq!(
        days,
        ["70.0000000000", "175.0000000000", "168.0000000000", "91.0000000000", "504.0000000000"]
    );
}

/// A record for each hour of a year, of odd lengths and at an odd price: whatever the zone does at its midnights
/// (Havana has one of them twice, Beirut lacks one, Lord Howe moves by half an hour), no part may get lost.
#[test]
fn the_days_of_any_zone_sum_exactly_to_the_total() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let insert = format!(
        "insert into public.cost_records (user_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus) \
         select '{}', 'training_compute', lora.interval_cost(period, 3.3333333333, 3), lower(period)::date, period, \
           3.3333333333, 'H100', 3 \
         from generate_series(timestamptz '2024-01-01Z', timestamptz '2024-12-31 23:00Z', '1 hour') with ordinality as hour (at, number), \
           tstzrange(at + interval '7 minutes', at + interval '40 minutes' + number % 50 * interval '0.700001 second') as period",
        alice.id()
    );
    assert_eq!(Caller::service().write(&mut db, &insert).unwrap(), 8784);
    let truth = Caller::service().ask(&mut db, "select sum(amount)::text from public.cost_records").unwrap();
    for zone in [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Havana",
        "America/Asuncion",
        "America/Santiago",
        "Asia/Beirut",
        "Africa/Cairo",
        "Atlantic/Azores",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Kiritimati",
    ] {
        let sql = format!(
            "select jsonb_build_array(answer ->> 'total', \
               (select sum((day ->> 'amount')::numeric)::text from jsonb_array_elements(answer -> 'by_day') as day)) \
             from public.cost_summary('2023-12-01', '2025-02-01', '{zone}') as answer"
        );
        assert_eq!(alice.ask(&mut db, &sql).unwrap(), json!([truth, truth]), "{zone}");
    }
}

#[test]
fn a_record_without_a_period_belongs_to_its_billing_day() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    // As the application charges by itself: no period, no rate.
    let insert = format!(
        "insert into public.cost_records (user_id, cost_type, amount, billing_period) \
         values ('{0}', 'storage', 0.004, '2026-01-15'), ('{0}', 'storage', 0.004, '2026-01-15')",
        alice.id()
    );
    assert_eq!(Caller::service().write(&mut db, &insert).unwrap(), 2);
    let answer = summary(&mut db, &alice, "'2026-01-15', '2026-01-16', 'Asia/Tokyo'").unwrap();
    assert_eq!((answer["total"].as_str(), answer["2026-01-15"].as_str()), ("0.0080000000", "0.0080000000"));
}

#[test]
fn an_impossible_summary_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for (arguments, what) in [
        ("'2026-01-16', '2026-01-15'", "\"from_date\" 2026-01-16 is after \"to_date\" 2026-01-15"),
        ("null, '2026-01-15'", "from_date"),
        ("'2026-01-15', null", "to_date"),
        ("'2026-01-15', '2026-01-16', 'Mars/Phobos'", "unknown time zone \"Mars/Phobos\""),
        ("'2026-01-15', '2026-01-16', ''", "unknown time zone"),
        ("'2026-01-15', '2026-01-16', null", "unknown time zone"),
        // Whole weeks off: days would be looked for in the wrong months.
        ("'2026-01-15', '2026-01-16', 'AAA+167'", "unknown time zone \"AAA+167\""),
        ("'2026-01-15', '2026-01-16', 'AAA0BBB-167,M3.1.0,M3.2.0'", "unknown time zone"),
    ] {
        let call = format!("select public.cost_summary({arguments})");
        Refusal::of(alice.ask(&mut db, &call)).is("22023", what);
    }
}

#[test]
fn nobody_sees_what_others_spent() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let job = run(&mut db, &alice, "2026-01-15 23:00Z", "2026-01-16 00:30Z");
    let all = "'2026-01-01', '2026-02-01'".to_owned();
    let of_the_job = format!("{all}, 'UTC', '{job}'");
    assert_eq!(summary(&mut db, &bob, &all).unwrap()["total"], "0.0000000000");
    Refusal::of(summary(&mut db, &bob, &of_the_job)).is("PT404", &job);
    for arguments in [all, of_the_job] {
        assert_eq!(summary(&mut db, &alice, &arguments).unwrap()["total"], "10.5000000000");
        assert_eq!(summary(&mut db, &Caller::service(), &arguments).unwrap()["total"], "10.5000000000");
    }
}
