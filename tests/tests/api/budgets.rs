//! `set_cost_budget`, `cost_budget`, and what a budget refuses and tells of.

use std::thread;

use pg_lora_tests::story::{
    GPUS, claim, complete, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal, environment};
use postgres::{Client, Error};
use serde_json::{Value, json};

use crate::call;

/// The function, and the plain insert of an application.
const DOORS: [&str; 2] = ["function", "insert"];

pub fn create(
    db: &mut Client,
    caller: &Caller,
    owner: &Caller,
    dataset: &str,
    door: &str,
) -> Result<Value, Error> {
    let sql = match door {
        "function" => format!(
            "select to_jsonb(public.create_training_job('{dataset}', 'balanced', '{{}}', '{GPUS}', gen_random_uuid()::text))"
        ),
        _ => format!(
            "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, \
             estimated_total_cost) values ('{}', '{dataset}', 'balanced', '{{}}', '{GPUS}', 1, 0) returning to_jsonb(training_jobs)",
            owner.id()
        ),
    };
    caller.run(db, |t| Ok(t.query_one(&sql, &[])?.get(0)))
}

fn budget(db: &mut Client, user: &Caller) -> Value {
    call(db, user, "cost_budget()").unwrap()
}

pub fn set(db: &mut Client, user: &Caller, arguments: &str) -> Value {
    call(db, user, &format!("set_cost_budget({arguments})")).unwrap()
}

/// The operator's own limit for a user.
fn limit_by_platform(db: &mut Client, user: &Caller, limit: &str) -> Result<u64, Error> {
    let sql = format!(
        "insert into public.cost_budgets (user_id, platform_limit) values ('{}', {limit}) \
         on conflict (user_id) do update set platform_limit = excluded.platform_limit",
        user.id()
    );
    Caller::service().write(db, &sql)
}

pub fn charge(db: &mut Client, user: &Caller, amount: &str, key: &str) -> Value {
    let sql = format!("record_cost('{}', 'storage', {amount}, '{key}')", user.id());
    call(db, &Caller::service(), &sql).unwrap()
}

/// The shares that a user was told of, in their order.
pub fn told(db: &mut Client, user: &Caller) -> Vec<i64> {
    let sql = "select coalesce(jsonb_agg(metadata -> 'threshold' order by (metadata ->> 'threshold')::int), '[]') \
               from public.notifications where type = 'budget_threshold'";
    serde_json::from_value(user.ask(db, sql).unwrap()).unwrap()
}

fn figure(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn a_budget_says_how_far_it_has_gone() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-04-16 00:00Z");
    let nothing = budget(&mut db, &alice);
    assert_eq!(
        (&nothing["limit"], &nothing["spent"], &nothing["hard_stop"]),
        (&Value::Null, &json!(0.0), &json!(false))
    );

    let dataset = ready_dataset(&mut db, &alice, 3);
    let first = queue_job(&mut db, &alice, &dataset, 2);
    let estimate =
        format!("select to_jsonb(estimated_total_cost) from public.training_jobs where id = '{first}'");
    let estimate = figure(&alice.ask(&mut db, &estimate).unwrap());
    charge(&mut db, &alice, "5.25", "storage-1");
    let answer = set(&mut db, &alice, "100");
    assert_eq!(answer, budget(&mut db, &alice));
    let expected = json!({
        "limit": 100, "monthly_limit": 100, "platform_limit": null, "hard_stop": false, "hard_limit": null,
        "currency": "USD", "time_zone": "UTC",
        "period": {"from": "2026-04-01T00:00:00+00:00", "to": "2026-05-01T00:00:00+00:00"},
    });
    for (key, value) in expected.as_object().unwrap() {
        let same = match value.as_f64() {
            Some(number) => answer[key].as_f64() == Some(number),
            None => &answer[key] == value,
        };
        assert!(same, "{key}: {answer}");
    }
    assert_eq!((figure(&answer["spent"]), figure(&answer["committed"])), (5.25, estimate));
    assert!((figure(&answer["remaining"]) - (100.0 - 5.25 - estimate)).abs() < 1e-9, "{answer}");
    // A first day of 5.25, and fifteen more like it.
    assert!((figure(&answer["forecast"]) - (5.25 + estimate + 5.25 * 15.0)).abs() < 1e-9, "{answer}");

    // It runs: what is used is spent, and only the rest is committed.
    assert_eq!(claim(&mut db, "w"), first);
    report(&mut db, &first, json!([point(1, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-04-16 00:06Z");
    let running = budget(&mut db, &alice);
    assert_eq!(figure(&running["spent"]), 5.25 + 0.7);
    assert!((figure(&running["committed"]) - (estimate - 0.7)).abs() < 1e-9, "{running}");
    // Longer than was expected: nothing is committed any more.
    set_clock(&mut db, "2026-04-17 00:00Z");
    let long = budget(&mut db, &alice);
    assert_eq!((figure(&long["spent"]), figure(&long["committed"])), (5.25 + 168.0, 0.0));
    complete(&mut db, &first).unwrap();
    let over = budget(&mut db, &alice);
    assert_eq!((figure(&over["spent"]), figure(&over["committed"])), (5.25 + 168.0, 0.0));
    assert_eq!(over["thresholds"].as_array().unwrap().len(), 3);
    assert!(over["thresholds"].as_array().unwrap().iter().all(|share| share["reached"] == true), "{over}");
    // The service asks for whom it means.
    let of_alice = format!("cost_budget('{}')", alice.id());
    assert_eq!(call(&mut db, &Caller::service(), &of_alice).unwrap(), over);
    // What was left out of another setting stays.
    let berlin = set(&mut db, &alice, "null, true, 'Europe/Berlin'");
    assert_eq!(
        (&berlin["limit"], &berlin["hard_stop"], &berlin["time_zone"]),
        (&Value::Null, &json!(true), &json!("Europe/Berlin"))
    );
    let again = set(&mut db, &alice, "7");
    assert_eq!((&again["hard_stop"], &again["time_zone"]), (&json!(true), &json!("Europe/Berlin")));
    assert_eq!(again["period"]["from"], "2026-03-31T22:00:00+00:00");
}

#[test]
fn what_runs_across_the_end_of_a_month_is_split_there() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set(&mut db, &alice, "1000, false, 'Europe/Berlin'");
    set_clock(&mut db, "2026-04-30 21:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 2);
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    // Midnight in Berlin was at 22:00.
    set_clock(&mut db, "2026-05-01 01:00Z");
    assert_eq!(figure(&budget(&mut db, &alice)["spent"]), 21.0, "an open interval");
    complete(&mut db, &job).unwrap();
    assert_eq!(figure(&budget(&mut db, &alice)["spent"]), 21.0, "the row of the ledger");
    set_clock(&mut db, "2026-04-30 21:59:59Z");
    assert_eq!(figure(&budget(&mut db, &alice)["spent"]), 7.0);
    set_clock(&mut db, "2026-06-15 00:00Z");
    assert_eq!(figure(&budget(&mut db, &alice)["spent"]), 0.0);
}

/// Two jobs at the same moment cannot pass together, through whichever door.
#[test]
fn as_many_jobs_as_fit_are_created_at_once() {
    let (tries, fit) = if environment::full() { (50, 10) } else { (16, 5) };
    for door in DOORS {
        let database = Database::migrated();
        let mut db = database.connect();
        let alice = sign_up(&mut db, "alice");
        let dataset = ready_dataset(&mut db, &alice, 3);
        let one = figure(&create(&mut db, &alice, &alice, &dataset, door).unwrap()["estimated_total_cost"]);
        db.batch_execute("update public.training_jobs set status = 'cancelled'").unwrap();
        // So many and a half.
        set(&mut db, &alice, &format!("{:.2}, true", one * (f64::from(fit) + 0.5)));
        let outcomes: Vec<Result<Value, Refusal>> = thread::scope(|scope| {
            let calls: Vec<_> = (0..tries)
                .map(|_| {
                    scope.spawn(|| {
                        let outcome = create(&mut database.connect(), &alice, &alice, &dataset, door);
                        outcome.map_err(|error| Refusal::of::<()>(Err(error)))
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            refusal.is("PT402", "does not fit into the budget");
        }
        let created = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(created, usize::try_from(fit).unwrap(), "by {door}");
        assert_eq!(
            alice.ask(&mut db, "select count(*) from public.training_jobs where status = 'queued'").unwrap(),
            fit
        );
        let answer = budget(&mut db, &alice);
        assert!(figure(&answer["remaining"]) >= 0.0 && figure(&answer["remaining"]) < one, "{answer}");
    }
}

/// A transaction that still sees what was before cannot weigh a job; Postgres refuses it, and it is tried again.
#[test]
fn an_older_snapshot_lets_no_job_pass() {
    let database = Database::migrated();
    let (mut db, mut other) = (database.connect(), database.connect());
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "6, true");
    let mut late =
        other.build_transaction().isolation_level(postgres::IsolationLevel::RepeatableRead).start().unwrap();
    late.execute("select count(*) from public.training_jobs", &[]).unwrap();
    create(&mut db, &alice, &alice, &dataset, "function").unwrap();
    let insert = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost) \
         values ('{}', '{dataset}', 'balanced', '{{}}', '{GPUS}', 1, 0)",
        alice.id()
    );
    Refusal::of(late.execute(&insert, &[])).has_code("40001");
}

#[test]
fn a_job_that_does_not_fit_is_refused_with_the_figures() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "10, true");
    charge(&mut db, &alice, "2.5", "storage-1");
    let job = create(&mut db, &alice, &alice, &dataset, "function").unwrap();
    let estimate = figure(&job["estimated_total_cost"]);
    charge(&mut db, &alice, &format!("{:.2}", 10.0 - 2.5 - estimate), "storage-2");
    let before = told(&mut db, &alice);
    for door in DOORS {
        for caller in [&alice, &Caller::service()] {
            let refusal = Refusal::of(create(&mut db, caller, &alice, &dataset, door));
            refusal.is("PT402", "the job does not fit into the budget of this month");
            let spent = 10.0 - estimate;
            assert_eq!(
                refusal.detail,
                format!(
                    "Of 10 USD, {spent:.2} are spent and {estimate:.2} committed; the job is estimated at {estimate:.2}."
                )
            );
            assert!(refusal.hint.contains("set_cost_budget"), "{refusal:?}");
        }
    }
    assert_eq!(told(&mut db, &alice), before, "nothing is told of a job that is not there");
    // The repeated request of the job that is there adds nothing.
    let key = job["idempotency_key"].as_str().unwrap();
    let again = format!("create_training_job('{dataset}', 'balanced', '{{}}', '{GPUS}', '{key}')");
    assert_eq!(call(&mut db, &alice, &again).unwrap()["id"], job["id"]);
    // What is not needed any more is free again.
    call(&mut db, &alice, &format!("cancel_training_job('{}')", job["id"].as_str().unwrap())).unwrap();
    create(&mut db, &alice, &alice, &dataset, "insert").unwrap();
    // Without a hard stop nothing is refused.
    set(&mut db, &alice, "10, false");
    create(&mut db, &alice, &alice, &dataset, "insert").unwrap();
    // In the next month the budget is whole again, but for what waits.
    set(&mut db, &alice, "16, true");
    Refusal::of(create(&mut db, &alice, &alice, &dataset, "function")).is("PT402", "budget");
    set_clock(&mut db, "2100-01-01 00:00Z");
    create(&mut db, &alice, &alice, &dataset, "function").unwrap();
}

/// A limit that the user can switch off is none.
#[test]
fn the_platforms_limit_stops_whatever_the_owner_wants() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    limit_by_platform(&mut db, &alice, "1").unwrap();
    for arguments in ["null, false", "1000, false", "1000, true"] {
        let answer = set(&mut db, &alice, arguments);
        assert_eq!((&answer["limit"], &answer["hard_limit"]), (&json!(1.0), &json!(1.0)), "{answer}");
        for door in DOORS {
            let refusal = Refusal::of(create(&mut db, &alice, &alice, &dataset, door));
            refusal.is("PT402", "budget");
            assert!(refusal.hint.contains("the operator"), "{refusal:?}");
        }
    }
    // Nor are its months moved, or its currency made one that no job is charged in.
    for arguments in ["1000, false, 'Pacific/Kiritimati'", "1000, currency => 'JPY'"] {
        Refusal::of(call(&mut db, &alice, &format!("set_cost_budget({arguments})")))
            .is("42501", "cannot be set by a client");
    }
    let update = "update public.cost_budgets set platform_limit = 1000";
    Refusal::of(alice.write(&mut db, update)).is("42501", "column \"platform_limit\"");
    let bob = sign_up(&mut db, "bob");
    let insert =
        format!("insert into public.cost_budgets (user_id, platform_limit) values ('{}', 5)", bob.id());
    Refusal::of(bob.write(&mut db, &insert)).is("42501", "column \"platform_limit\"");
    set(&mut db, &bob, "1000, currency => 'JPY'");
    Refusal::of(limit_by_platform(&mut db, &bob, "5")).is("22023", "platform_limit");
    // The smaller of the two counts, where both stop.
    limit_by_platform(&mut db, &alice, "1000").unwrap();
    set(&mut db, &alice, "2, true");
    assert!(
        Refusal::of(create(&mut db, &alice, &alice, &dataset, "function")).hint.contains("set_cost_budget")
    );
}

#[test]
fn another_attempt_of_a_failed_job_is_weighed_and_a_lost_one_is_not() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-04-16 00:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 2);
    assert_eq!(claim(&mut db, "w"), job);
    set_clock(&mut db, "2026-04-16 01:00Z");
    let fail = format!("fail_training_job('{job}', 1, 'infrastructure', 'it broke')");
    call(&mut db, &Caller::service(), &fail).unwrap();
    set(&mut db, &alice, "8, true");
    let retry = format!("retry_training_job('{job}')");
    Refusal::of(call(&mut db, &alice, &retry)).is("PT402", "budget");
    let requeue = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
    Refusal::of(Caller::service().write(&mut db, &requeue)).is("PT402", "budget");
    set(&mut db, &alice, "20, true");
    assert_eq!(call(&mut db, &alice, &retry).unwrap()["attempt"], 2);
    // The lease ends: the job goes on, whatever has become of the budget.
    assert_eq!(claim(&mut db, "w"), job);
    set(&mut db, &alice, "1, true");
    set_clock(&mut db, "2026-04-16 05:00Z");
    let swept = "select jsonb_agg(action) from public.sweep_training_jobs() where kind = 'job'";
    assert_eq!(Caller::service().ask(&mut db, swept).unwrap(), json!(["queued again"]));
    let answer = budget(&mut db, &alice);
    assert_eq!(figure(&answer["spent"]), 7.0 + 28.0);
    assert_eq!(
        (figure(&answer["waste"]["failed"]), figure(&answer["waste"]["lost"])),
        (7.0, 28.0),
        "{answer}"
    );
    // A cancelled one is repeated by a new job, which is weighed as any other.
    call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
    Refusal::of(call(&mut db, &alice, &retry)).is("PT402", "budget");
}

#[test]
fn waste_is_shown_apart() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-04-16 00:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for ending in ["failed", "cancelled", "completed"] {
        set_clock(&mut db, "2026-04-16 00:00Z");
        let job = queue_job(&mut db, &alice, &dataset, 2);
        assert_eq!(claim(&mut db, "w"), job);
        report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
        set_clock(&mut db, "2026-04-16 01:00Z");
        let end = format!("update public.training_jobs set status = '{ending}' where id = '{job}'");
        assert_eq!(Caller::service().write(&mut db, &end).unwrap(), 1, "{ending}");
    }
    // A half of the cancelled one is given back.
    let give_back = "correct_cost((select id from public.cost_records where details ->> 'status' = 'cancelled'), 3.5, 'goodwill', 'credit-1')";
    call(&mut db, &Caller::service(), give_back).unwrap();
    // One hangs: it was last heard of at 02:00.
    set_clock(&mut db, "2026-04-16 01:30Z");
    let job = queue_job(&mut db, &alice, &dataset, 2);
    let claimed = "select id from public.claim_training_jobs('w', lease_seconds => 86400)";
    Caller::service().ask(&mut db, claimed).unwrap();
    call(&mut db, &Caller::service(), &format!("heartbeat_training_job('{job}', 1, 'training')")).unwrap();
    set_clock(&mut db, "2026-04-16 02:00Z");
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-04-16 04:00Z");
    Caller::service().ask(&mut db, "select count(*) from public.sweep_training_jobs()").unwrap();
    set_clock(&mut db, "2026-04-16 05:00Z");
    let answer = budget(&mut db, &alice);
    let waste = ["failed", "cancelled", "lost", "stalled"].map(|kind| figure(&answer["waste"][kind]));
    assert_eq!(waste, [7.0, 3.5, 0.0, 21.0], "{answer}");
    // It moves again.
    report(&mut db, &job, json!([point(2, json!(2.0))])).unwrap();
    assert_eq!(figure(&budget(&mut db, &alice)["waste"]["stalled"]), 0.0);
}

#[test]
fn currencies_are_never_added() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    charge(&mut db, &alice, "3", "storage-1");
    let euros = format!("record_cost('{}', 'storage', 2, 'storage-2', currency => 'EUR')", alice.id());
    call(&mut db, &Caller::service(), &euros).unwrap();
    let answer = set(&mut db, &alice, "1, true, currency => 'EUR'");
    assert_eq!(
        (figure(&answer["spent"]), figure(&answer["committed"]), &answer["currency"]),
        (2.0, 0.0, &json!("EUR"))
    );
    // Jobs are charged in another currency: nothing of theirs counts here, and none is refused.
    queue_job(&mut db, &alice, &dataset, 2);
    assert_eq!(figure(&budget(&mut db, &alice)["committed"]), 0.0);
    assert_eq!(figure(&set(&mut db, &alice, "100, currency => 'USD'")["spent"]), 3.0);
}

#[test]
fn an_impossible_budget_is_refused_and_so_is_somebody_elses() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    for (arguments, what) in [
        ("-0.01", "monthly_limit"),
        ("'NaN'", "monthly_limit"),
        ("'Infinity'", "monthly_limit"),
        ("'-Infinity'", "monthly_limit"),
        ("1e10", "monthly_limit"),
        ("0.00000000001", "monthly_limit"),
        ("1, true, 'Mars/Phobos'", "Mars/Phobos"),
        ("1, true, ''", "time_zone"),
        ("1, true, repeat('x', 101)", "time_zone"),
        ("1, true, 'UTC', 'usd'", "usd"),
        ("1, true, 'UTC', 'US'", "currency"),
        ("1, true, 'UTC', 'USDX'", "currency"),
        ("1, true, 'UTC', ''", "currency"),
    ] {
        Refusal::of(call(&mut db, &alice, &format!("set_cost_budget({arguments})"))).is("22023", what);
    }
    assert_eq!(alice.ask(&mut db, "select count(*) from public.cost_budgets").unwrap(), 0);
    set(&mut db, &alice, "9999999999.9999999999");
    set(&mut db, &alice, "0, true");
    for function in
        [format!("set_cost_budget(1, user_id => '{}')", alice.id()), format!("cost_budget('{}')", alice.id())]
    {
        Refusal::of(call(&mut db, &bob, &function)).is("42501", "budget");
        call(&mut db, &alice, &function).unwrap();
        call(&mut db, &Caller::service(), &function).unwrap();
        Refusal::of(call(&mut db, &Caller::anon(), &function)).has_code("42501");
    }
    let steal =
        format!("insert into public.cost_budgets (user_id, monthly_limit) values ('{}', 1)", alice.id());
    Refusal::of(bob.write(&mut db, &steal)).has_code("42501");
    assert_eq!(bob.write(&mut db, "update public.cost_budgets set monthly_limit = 5").unwrap(), 0);
    for nobody in ["cost_budget()", "set_cost_budget(1)"] {
        Refusal::of(call(&mut db, &Caller::service(), nobody)).is("22023", "user_id");
    }
    let unknown = "set_cost_budget(1, user_id => '00000000-0000-4000-8000-000000000000')";
    Refusal::of(call(&mut db, &Caller::service(), unknown))
        .is("PT404", "00000000-0000-4000-8000-000000000000");
    // The private halves are nobody's.
    for private in ["look_at_budget(gen_random_uuid())", "sweep_budgets()"] {
        Refusal::of(alice.ask(&mut db, &format!("select to_jsonb(lora_private.{private})")))
            .has_code("42501");
    }
    Refusal::of(Caller::service().write(&mut db, "update lora_private.budget_months set notified = 0"))
        .has_code("42501");
}
