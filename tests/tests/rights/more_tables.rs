//! The tables that the specification did not have: events, prices, budgets.

use pg_lora_tests::story::{queue_job, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use serde_json::json;

const TABLES: [&str; 3] = ["training_job_events", "gpu_prices", "cost_budgets"];

#[test]
fn nobody_sees_or_changes_any_of_them() {
    let database = Database::migrated();
    let mut db = database.connect();
    for table in TABLES {
        for sql in [
            format!("select * from public.{table}"),
            format!("delete from public.{table}"),
            format!("truncate public.{table} cascade"),
        ] {
            Refusal::of(Caller::anon().write(&mut db, &sql)).has_code("42501");
        }
    }
}

#[test]
fn prices_are_for_everybody_to_read_and_for_the_service_to_set() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let known = "select jsonb_agg(gpu_type order by gpu_type) from public.gpu_prices";
    assert_eq!(alice.ask(&mut db, known).unwrap(), json!(["A100-40GB", "A100-80GB", "H100", "V100-32GB"]));
    let insert = "insert into public.gpu_prices (gpu_type, hourly_rate, tokens_per_second, valid) \
                  values ('B200', 6, 4000, '[2026-01-01,)')";
    for sql in [insert, "update public.gpu_prices set hourly_rate = 0", "delete from public.gpu_prices"] {
        Refusal::of(alice.write(&mut db, sql)).has_code("42501");
    }
    assert_eq!(Caller::service().write(&mut db, insert).unwrap(), 1);
    // Two prices of one GPU for one day are none.
    let overlapping = insert.replace("[2026-01-01,)", "[2027-01-01,2028-01-01)");
    Refusal::of(Caller::service().write(&mut db, &overlapping)).has_code("23P01");
}

#[test]
fn events_are_read_through_the_job_and_written_by_the_database_and_the_service() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let events = "select count(*) from public.training_job_events";
    assert_eq!(alice.ask(&mut db, events).unwrap(), 1);
    assert_eq!(bob.ask(&mut db, events).unwrap(), 0);
    let insert = format!(
        "insert into public.training_job_events (job_id, sequence, actor, kind, attempt) values ('{job}', 2, 'w', 'checkpoint', 1)"
    );
    for sql in [
        insert.as_str(),
        "update public.training_job_events set actor = 'x'",
        "delete from public.training_job_events",
    ] {
        Refusal::of(alice.write(&mut db, sql)).has_code("42501");
    }
    assert_eq!(Caller::service().write(&mut db, &insert).unwrap(), 1);
    Refusal::of(Caller::service().write(&mut db, "delete from public.training_job_events")).has_code("42501");
}

#[test]
fn a_budget_is_its_owners_except_for_the_limit_of_the_platform() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let insert = |owner: &Caller, columns: &str, values: &str| {
        format!("insert into public.cost_budgets (user_id{columns}) values ('{}'{values})", owner.id())
    };
    Refusal::of(alice.write(&mut db, &insert(&alice, ", platform_limit", ", 1e6")))
        .is("42501", "\"platform_limit\"");
    Refusal::of(alice.write(&mut db, &insert(&bob, ", monthly_limit", ", 1"))).has_code("42501");
    assert_eq!(alice.write(&mut db, &insert(&alice, ", monthly_limit", ", 100")).unwrap(), 1);
    assert_eq!(
        alice.write(&mut db, "update public.cost_budgets set monthly_limit = 50, hard_stop = true").unwrap(),
        1
    );
    Refusal::of(alice.write(&mut db, "update public.cost_budgets set platform_limit = 1e6"))
        .is("42501", "\"platform_limit\"");
    let moved = format!("update public.cost_budgets set user_id = '{}'", bob.id());
    Refusal::of(alice.write(&mut db, &moved)).is("42501", "\"user_id\"");
    Refusal::of(alice.write(&mut db, "delete from public.cost_budgets")).has_code("42501");
    assert_eq!(bob.ask(&mut db, "select count(*) from public.cost_budgets").unwrap(), 0);
    assert_eq!(bob.write(&mut db, "update public.cost_budgets set monthly_limit = 0").unwrap(), 0);
    assert_eq!(
        Caller::service().write(&mut db, "update public.cost_budgets set platform_limit = 10").unwrap(),
        1
    );
}
