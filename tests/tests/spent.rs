//! `pg-lora costs` and `pg-lora verify --costs`.

use pg_lora_tests::story::{claim, complete, point, queue_job, ready_dataset, report, set_clock, sign_up};
use pg_lora_tests::{Caller, Database, Outcome};
use postgres::Client;
use serde_json::json;

/// One job that ran for 90 minutes across a midnight, and one that has run for an hour.
fn charged(db: &mut Client) -> (Caller, [String; 2]) {
    set_clock(db, "2026-01-15 23:00Z");
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 3);
    let first = queue_job(db, &alice, &dataset, 10);
    assert_eq!(claim(db, "w"), first);
    let jobs = [first, queue_job(db, &alice, &dataset, 10)];
    report(db, &jobs[0], json!([point(1, json!(2.0))])).unwrap();
    set_clock(db, "2026-01-16 00:30Z");
    complete(db, &jobs[0]).unwrap();
    assert_eq!(claim(db, "w"), jobs[1]);
    set_clock(db, "2026-01-16 01:30Z");
    (alice, jobs)
}

#[test]
fn costs_are_printed_with_bars() {
    let database = Database::migrated();
    let none = database.pg_lora(&["costs", "--from", "2026-01-01", "--to", "2026-02-01"]).expect(0);
    assert_eq!(
        none.stdout,
        "total      0.00 nothing (0.0000000000) from 2026-01-01 up to 2026-02-01, days of UTC, 0 charges\n"
    );
    let mut db = database.connect();
    let (_, jobs) = charged(&mut db);
    let bar = |columns| "█".repeat(columns);
    let printed = database.pg_lora(&["costs"]).expect(0);
    let expected = [
        "total      17.50 USD (17.5000000000) from 2026-01-01 up to 2026-01-17, days of UTC, 1 charges"
            .to_owned(),
        "open       7.0000000000 of it are 1 running jobs, up to 2026-01-16T01:30:00+00:00".to_owned(),
        format!("day        2026-01-15   7.0000000000  {}", bar(27)),
        format!("day        2026-01-16  10.5000000000  {}", bar(40)),
        format!("type       training_compute  17.5000000000  {}", bar(40)),
        format!("gpu        A100-80GB  17.5000000000  {}", bar(40)),
        format!("status     completed     10.5000000000  {}", bar(40)),
        format!("status     initializing   7.0000000000  {}", bar(27)),
        format!("job        {}  10.5000000000  {}", jobs[0], bar(40)),
        format!("job        {}   7.0000000000  {}", jobs[1], bar(27)),
    ];
    assert_eq!(printed.stdout.lines().collect::<Vec<_>>(), expected);
    let one = database.pg_lora(&["costs", "--jobs", "1"]).expect(0);
    assert_eq!(one.stdout.lines().filter(|line| line.starts_with("job ")).count(), 1);
    assert_eq!(one.stderr, "note: 1 more jobs; --jobs lists more\n");
    let berlin = database.pg_lora(&["costs", "--tz", "Europe/Berlin", "--job", &jobs[0], "--output", "json"]);
    let berlin = berlin.expect(0).json();
    assert_eq!(berlin["costs"]["total"], "10.5000000000");
    assert_eq!(
        berlin["costs"]["by_day"],
        json!([{"key": "2026-01-16", "amount": "10.5000000000", "share": 1.0}])
    );
}

#[test]
fn what_cannot_be_summed_is_refused() {
    let database = Database::migrated();
    for (arguments, code, words) in [
        (&["costs", "--from", "yesterday"][..], 2, "as in 2026-01-31"),
        (&["costs", "--job", "banana"], 2, "banana"),
        (&["costs", "--from", "2026-02-31"], 8, "2026-02-31"),
        (&["costs", "--from", "2026-02-02", "--to", "2026-02-01"], 8, "is after"),
        (&["costs", "--tz", "Mars/Olympus"], 8, "Mars/Olympus"),
        (&["costs", "--job", "00000000-0000-4000-8000-000000000000"], 8, "does not exist"),
        (&["verify", "--costs", "--datasets"], 2, "cannot be used with"),
    ] {
        let refused = database.pg_lora(arguments).expect(code);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert!(refused.stderr.contains(words), "{arguments:?}: {}", refused.stderr);
    }
    for arguments in [&["costs"][..], &["verify", "--costs"]] {
        let refused = Database::empty().pg_lora(arguments).expect(11);
        assert!(
            refused.stderr.contains("hint: run pg-lora migrate, then this command again"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_ledger_that_agrees_is_reconciled_and_one_that_does_not_is_told() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, jobs) = charged(&mut db);
    // A second attempt, and one that ended at once.
    let fail = |db: &mut Client, attempt: u32| {
        let fail = format!(
            "select to_jsonb(public.fail_training_job('{}', {attempt}, 'infrastructure', 'gone'))",
            jobs[1]
        );
        Caller::service().ask(db, &fail).unwrap();
    };
    fail(&mut db, 1);
    alice.ask(&mut db, &format!("select to_jsonb(public.retry_training_job('{}'))", jobs[1])).unwrap();
    assert_eq!(claim(&mut db, "w"), jobs[1]);
    fail(&mut db, 2);
    let agrees = database.pg_lora(&["verify", "--costs"]).expect(0);
    assert_eq!(agrees.stdout, "costs      2 jobs and 2 rows of the ledger looked at, 0 disagreements\n");

    let of = |job: &str| {
        format!("(select id from public.cost_records where job_id = '{job}' order by period limit 1)")
    };
    for (spoil, code) in [
        (format!("delete from public.cost_records where job_id = '{}'", jobs[0]), "not_charged"),
        (format!("update public.cost_records set amount = amount + 1 where id = {}", of(&jobs[0])), "another_amount"),
        (
            format!(
                "update public.cost_records set period = tstzrange(lower(period), upper(period) + interval '1 s') where id = {}",
                of(&jobs[0])
            ),
            "another_period",
        ),
        (
            format!("update public.cost_records set details = '{{\"attempt\": 7}}' where id = {}", of(&jobs[0])),
            "charged_without_interval",
        ),
        (
            format!(
                "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpus, idempotency_key, details)
                   select user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpus, 'training_compute:x', '{{\"attempt\": 2}}'
                   from public.cost_records where id = {}",
                of(&jobs[0])
            ),
            "overlap",
        ),
        (
            format!(
                "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, corrects)
                   select user_id, job_id, cost_type, -amount - 1, billing_period, id from public.cost_records where id = {}",
                of(&jobs[0])
            ),
            "corrected_too_much",
        ),
        (format!("update public.training_jobs set final_cost = 1 where id = '{}'", jobs[0]), "displayed"),
    ] {
        db.batch_execute(&format!("begin; set local session_replication_role = replica; {spoil}; commit")).unwrap();
        let found = database.pg_lora(&["verify", "--costs", "--output", "json"]).expect(10).json();
        let codes: Vec<&str> =
            found["disagreement_counts"].as_array().unwrap().iter().map(|count| count["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&code), "{code}: {found}");
        let told = database.pg_lora(&["verify", "--costs"]).expect(10);
        assert!(told.stdout.contains(&format!(" {code}: ")) && told.stderr.contains("hint: "), "{}", told.stdout);
        let first = database.pg_lora(&["verify", "--costs", "--limit", "0"]).expect(10);
        assert!(first.stderr.contains("more disagreements are counted"), "{}", first.stderr);
        // As it was.
        db.batch_execute(&format!(
            "begin; set local session_replication_role = replica;
             delete from public.cost_records where job_id = '{0}';
             insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus, idempotency_key, details)
               select '{1}', '{0}', 'training_compute', 10.5, '2026-01-15', '[2026-01-15 23:00Z, 2026-01-16 00:30Z)', 3.5, 'A100-80GB', 2,
                 'training_compute:{0}:1', '{{\"attempt\": 1}}';
             update public.training_jobs set final_cost = 10.5 where id = '{0}';
             commit",
            jobs[0],
            alice.id()
        ))
        .unwrap();
        database.pg_lora(&["verify", "--costs"]).expect(0);
    }
    // Somebody who sees a part only says nothing about the whole.
    db.batch_execute(
        "create role auditor login; grant usage on schema public, lora, lora_private to auditor;
         grant select on public.cost_records, public.training_jobs, public.training_job_events to auditor",
    )
    .unwrap();
    let partly =
        Outcome::of_pg_lora(&database.url().replace("postgres@", "auditor@"), &["verify", "--costs"])
            .expect(4);
    assert!(partly.stderr.contains("does not see every row"), "{}", partly.stderr);
    db.batch_execute("drop owned by auditor; drop role auditor").unwrap();
}
