//! Ways around a budget or a sum of costs that somebody has found once.

use pg_lora_tests::story::{claim, queue_job, ready_dataset, set_clock, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::budgets::set;
use crate::call;

/// As an adopted database may have it: no trigger looks.
fn as_it_was(db: &mut Client, sql: &str) {
    db.batch_execute(&format!("begin; set local session_replication_role = replica; {sql}; commit")).unwrap();
}

/// Whom the operator limits says nothing about what it costs; the service may.
#[test]
fn nobody_names_a_price_below_the_book_for_oneself() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let gpus =
        |price: &str| format!("{{\"gpu_type\": \"H100\", \"num_gpus\": 1, \"cost_per_gpu_hour\": {price}}}");
    let through_function = |price: &str| {
        format!(
            "select to_jsonb(public.create_training_job('{dataset}', 'balanced', '{{}}', '{}', gen_random_uuid()::text, '{}'))",
            gpus(price),
            alice.id()
        )
    };
    let through_table = |price: &str| {
        format!(
            "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost) \
             values ('{}', '{dataset}', 'balanced', '{{}}', '{}', 1, 0) returning to_jsonb(training_jobs)",
            alice.id(),
            gpus(price)
        )
    };
    let estimate =
        |price: &str| format!("select public.estimate_training_cost('{dataset}', '{{}}', '{}')", gpus(price));
    let limit =
        format!("insert into public.cost_budgets (user_id, platform_limit) values ('{}', 1000)", alice.id());
    Caller::service().write(&mut db, &limit).unwrap();
    let ask = |db: &mut Client, caller: &Caller, sql: &str| {
        caller.run(db, |t| Ok(t.query_one(sql, &[])?.get::<_, Value>(0)))
    };
    for price in ["0", "4.1999999999"] {
        for sql in [through_function(price), through_table(price), estimate(price)] {
            Refusal::of(ask(&mut db, &alice, &sql)).is("42501", "the price book says 4.2");
        }
        ask(&mut db, &Caller::service(), &through_table(price)).unwrap();
    }
    for price in ["4.20", "5"] {
        for sql in [through_function(price), through_table(price), estimate(price)] {
            ask(&mut db, &alice, &sql).unwrap();
        }
    }
}

#[test]
fn a_budget_has_the_months_of_a_calendar() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for zone in ["AAA+167", "AAA-167", "AAA0BBB-167,M3.1.0,M3.2.0", "<A>100", "Mars/Phobos"] {
        Refusal::of(call(&mut db, &alice, &format!("set_cost_budget(50, true, '{zone}')")))
            .is("22023", "time_zone");
    }
    for zone in ["Pacific/Kiritimati", "Etc/GMT+12", "EST5EDT", "UTC", "Asia/Kathmandu"] {
        set(&mut db, &alice, &format!("50, true, '{zone}'"));
    }
    // Havana's first of November begins with its second midnight; until then it is October.
    set(&mut db, &alice, "50, true, 'America/Havana'");
    set_clock(&mut db, "2026-11-01 03:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    set_clock(&mut db, "2026-11-01 04:30Z");
    let budget = call(&mut db, &alice, "cost_budget()").unwrap();
    assert_eq!(budget["spent"], 10.5);
    assert_eq!(budget["period"]["to"], "2026-11-01T05:00:00+00:00");
}

/// A warning undoes no charge, and keeps no job from its end.
#[test]
fn what_is_charged_is_charged_whether_or_not_its_owner_can_be_told() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set(&mut db, &alice, "50");
    set_clock(&mut db, "2026-03-01 10:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    as_it_was(&mut db, "update public.cost_budgets set time_zone = 'US/Pacific-gone'");
    set_clock(&mut db, "2026-03-01 11:00Z");
    call(&mut db, &alice, &format!("cancel_training_job('{job}')")).unwrap();
    let record = format!("record_cost('{}', 'storage', 1, 'storage-1')", alice.id());
    call(&mut db, &Caller::service(), &record).unwrap();
    let charged =
        Caller::service().ask(&mut db, "select to_jsonb(sum(amount)) from public.cost_records").unwrap();
    assert_eq!(charged, 8.0);
}

#[test]
fn no_row_stops_the_sums_of_all_others() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    // Six hundred years of the dearest GPUs cost more than any amount.
    as_it_was(
        &mut db,
        &format!(
            "insert into public.cost_records (user_id, cost_type, amount, billing_period, period, hourly_rate, gpus) \
             values ('{}', 'gpu_reserved', 1, '1900-01-01', '[1900-01-01 00:00Z,2499-01-01 00:00Z)', 1000000000, 4096)",
            alice.id()
        ),
    );
    let sum =
        alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2026-02-01') -> 'total'").unwrap();
    assert_eq!(sum, 0.0);
    set(&mut db, &alice, "50, true");
    for (gpus, status) in [
        (json!({"gpu_type": "X", "num_gpus": 1, "cost_per_gpu_hour": "$3.50"}), "completed"),
        (json!({"gpu_type": "X", "num_gpus": "two", "cost_per_gpu_hour": 3.5}), "completed"),
        (json!({"gpu_type": "X", "num_gpus": 1e300, "cost_per_gpu_hour": 3.5}), "running"),
    ] {
        as_it_was(
            &mut db,
            &format!(
                "update public.training_jobs set gpu_config = '{gpus}', status = '{status}', started_at = now() where id = '{job}'"
            ),
        );
        let answer = call(&mut db, &alice, &format!("training_job_cost('{job}')")).unwrap();
        assert_eq!(answer["intervals"], json!([]), "{gpus}");
    }
}

/// A charge that rounds its time up is no sum of its days, in the summary as in the budget.
#[test]
fn summary_and_budget_have_a_charge_in_the_same_month() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let insert = format!(
        "insert into public.cost_records (user_id, cost_type, amount, billing_period, period, hourly_rate, gpus) \
         values ('{}', 'gpu_reserved', 4, '2026-10-31', '[2026-10-31 23:15Z,2026-10-31 23:30Z)', 4, 1)",
        alice.id()
    );
    Caller::service().write(&mut db, &insert).unwrap();
    set(&mut db, &alice, "50, true, 'Europe/Berlin'");
    for (at, from, to, spent) in [
        ("2026-10-31 23:00Z", "2026-11-01", "2026-12-01", 0.0),
        ("2026-10-31 22:00Z", "2026-10-01", "2026-11-01", 4.0),
    ] {
        set_clock(&mut db, at);
        assert_eq!(call(&mut db, &alice, "cost_budget()").unwrap()["spent"], spent, "{at}");
        let sum = format!("select public.cost_summary('{from}', '{to}', 'Europe/Berlin') -> 'total'");
        assert_eq!(alice.ask(&mut db, &sum).unwrap(), spent, "{at}");
    }
}
