//! `record_cost` and `correct_cost`: each charge once for its key, and never more taken back than was charged.

use pg_lora_tests::story::{claim, complete, queue_job, ready_dataset, set_clock, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::{Client, Error};
use serde_json::{Value, json};

use crate::call;

fn record(db: &mut Client, arguments: &str) -> Result<Value, Error> {
    call(db, &Caller::service(), &format!("record_cost({arguments})"))
}

fn correct(db: &mut Client, arguments: &str) -> Result<Value, Error> {
    call(db, &Caller::service(), &format!("correct_cost({arguments})"))
}

/// Rows of the ledger, and what they add up to.
fn ledger(db: &mut Client) -> (i64, String) {
    let row = db
        .query_one("select count(*), coalesce(sum(amount), 0)::text from public.cost_records", &[])
        .unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn a_charge_is_recorded_once_for_its_key() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-02-03 23:30-05");
    let alice = sign_up(&mut db, "alice").id().to_owned();
    let january = format!(
        "'{alice}', 'storage', 0.1234567891, 'storage-1', period => '[2026-01-31 23:00Z, 2026-02-01 00:00Z)', details => '{{\"gb\": 12}}'"
    );
    let row = record(&mut db, &january).unwrap();
    assert_eq!(
        (&row["billing_period"], &row["currency"]),
        (&json!("2026-01-31"), &json!("USD")),
        "late, and where it belongs"
    );
    for _ in 0..10 {
        assert_eq!(record(&mut db, &january).unwrap(), row);
    }
    let today =
        record(&mut db, &format!("'{alice}', 'inference_tokens', 7, 'tokens-1', currency => 'EUR'")).unwrap();
    assert_eq!(
        (&today["billing_period"], &today["period"]),
        (&json!("2026-02-04"), &Value::Null),
        "the day in UTC"
    );
    assert_eq!(ledger(&mut db), (2, "7.1234567891".to_owned()));

    let bob = sign_up(&mut db, "bob").id().to_owned();
    for (changed, column) in [
        (january.replace(&alice, &bob), "user_id"),
        (january.replace("'storage'", "'transfer'"), "cost_type"),
        (january.replace("0.1234567891", "0.123456789"), "amount"),
        (january.replace("23:00Z", "22:00Z"), "period"),
        (january.replace("12}", "13}"), "details"),
        (format!("{january}, currency => 'EUR'"), "currency"),
    ] {
        let refusal = Refusal::of(record(&mut db, &changed));
        refusal.is("PT409", "was used for another charge");
        assert!(refusal.detail.contains(&format!("\"{column}\"")), "{refusal:?}");
    }
}

#[test]
fn what_is_no_charge_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let dataset = ready_dataset(&mut db, &bob, 3);
    let job = queue_job(&mut db, &bob, &dataset, 10);
    let user = alice.id();
    for (arguments, code, what) in [
        (format!("'{user}', 'Storage', 1, 'k'"), "22023", "\"cost_type\" is \"Storage\""),
        (format!("'{user}', null, 1, 'k'"), "22023", "\"cost_type\" is null"),
        (format!("'{user}', 'storage', -1, 'k'"), "22023", "\"amount\" is -1"),
        (format!("'{user}', 'storage', 'NaN', 'k'"), "22023", "\"amount\" is NaN"),
        (format!("'{user}', 'storage', null, 'k'"), "22023", "\"amount\" is null"),
        (format!("'{user}', 'storage', 0.00000000001, 'k'"), "22023", "\"amount\" is 0.00000000001"),
        (format!("'{user}', 'storage', 10000000000, 'k'"), "22023", "\"amount\" is 10000000000"),
        (format!("'{user}', 'storage', 1, null"), "22023", "\"idempotency_key\" is missing"),
        (format!("'{user}', 'storage', 1, ''"), "22023", "\"idempotency_key\" is missing"),
        (
            format!("'{user}', 'storage', 1, repeat('k', 201)"),
            "22023",
            "\"idempotency_key\" has 201 characters",
        ),
        (format!("'{user}', 'storage', 1, 'training_compute:1'"), "42501", "is one of the database's own"),
        (format!("'{user}', 'storage', 1, 'k', currency => 'usd'"), "22023", "\"currency\" is \"usd\""),
        (format!("'{user}', 'storage', 1, 'k', period => 'empty'"), "22023", "\"period\" is \"empty\""),
        (format!("'{user}', 'storage', 1, 'k', period => '[2026-01-01,)'"), "22023", "\"period\" is"),
        (format!("'{user}', 'storage', 1, 'k', period => '[2026-01-01,infinity)'"), "22023", "\"period\" is"),
        (
            format!(
                "'{user}', 'storage', 1, 'k', period => '[2026-01-31 00:00Z,2026-02-01 00:00Z)', billing_period => '2026-02-01'"
            ),
            "22023",
            "\"billing_period\" is \"2026-02-01\"",
        ),
        (
            format!("'{user}', 'storage', 1, 'k', billing_period => 'infinity'"),
            "22023",
            "\"billing_period\" is \"infinity\"",
        ),
        ("gen_random_uuid(), 'storage', 1, 'k'".to_owned(), "PT404", "does not exist"),
        ("null, 'storage', 1, 'k'".to_owned(), "PT404", "user \"null\" does not exist"),
        (format!("'{user}', 'storage', 1, 'k', job_id => '{job}'"), "PT404", "\"job_id\""),
        (
            format!("'{}', 'training_compute', 1, 'k', job_id => '{job}'", bob.id()),
            "PT409",
            "is charged by the database",
        ),
    ] {
        Refusal::of(record(&mut db, &arguments)).is(code, what);
    }
    assert_eq!(ledger(&mut db).0, 0);
}

#[test]
fn a_correction_takes_back_no_more_than_is_left() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-01-15 22:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), job);
    pg_lora_tests::story::report(&mut db, &job, json!([pg_lora_tests::story::point(1, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-01-15 23:00Z");
    complete(&mut db, &job).unwrap();
    set_clock(&mut db, "2026-03-01 00:00Z");
    let charge: String = db.query_one("select id::text from public.cost_records", &[]).unwrap().get(0);
    assert_eq!(ledger(&mut db), (1, "7.0000000000".to_owned()));

    let row = correct(&mut db, &format!("'{charge}', 4.5, 'the node was faulty', 'credit-1'")).unwrap();
    assert_eq!(
        json!([
            row["amount"],
            row["corrects"],
            row["job_id"],
            row["cost_type"],
            row["billing_period"],
            row["details"]
        ]),
        json!([-4.5, charge, job, "training_compute", "2026-01-15", {"reason": "the node was faulty"}])
    );
    for _ in 0..10 {
        assert_eq!(
            correct(&mut db, &format!("'{charge}', 4.5, 'the node was faulty', 'credit-1'")).unwrap(),
            row
        );
    }
    let beyond = Refusal::of(correct(&mut db, &format!("'{charge}', 2.5000000001, 'more', 'credit-2'")));
    beyond.is("PT409", "takes back more than is left");
    assert!(beyond.detail.contains("2.5000000000 are left"), "{beyond:?}");
    for (arguments, code, what) in [
        (format!("'{charge}', 1, 'the node was faulty', 'credit-1'"), "PT409", "was used for another charge"),
        (format!("'{charge}', 4.5, 'another reason', 'credit-1'"), "PT409", "was used for another charge"),
        (format!("'{charge}', -1, 'x', 'k'"), "22023", "\"amount\" is -1"),
        (format!("'{charge}', 0, 'x', 'k'"), "22023", "\"amount\" is 0"),
        (format!("'{charge}', 'NaN', 'x', 'k'"), "22023", "\"amount\" is NaN"),
        (format!("'{charge}', 1, '', 'k'"), "22023", "\"reason\" is missing"),
        (format!("'{charge}', 1, repeat('x', 1001), 'k'"), "22023", "\"reason\" has 1001 characters"),
        (format!("'{charge}', 1, 'x', null"), "22023", "\"idempotency_key\" is missing"),
        ("gen_random_uuid(), 1, 'x', 'k'".to_owned(), "PT404", "does not exist"),
        (
            format!("'{}', 1, 'x', 'k'", row["id"].as_str().unwrap()),
            "22023",
            "\"corrects\" is none of a correction",
        ),
    ] {
        Refusal::of(correct(&mut db, &arguments)).is(code, what);
    }
    // Not by another door either.
    let insert = |columns: &str, values: &str| {
        format!(
            "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, corrects{columns}) \
             select user_id, job_id, cost_type, {values} from public.cost_records where id = '{charge}'"
        )
    };
    let service = Caller::service();
    for (statement, code, what) in [
        (insert("", "-3, billing_period, id"), "PT409", "takes back more than is left"),
        (insert("", "3, billing_period, id"), "22023", "\"amount\" is none of a correction"),
        (insert("", "'NaN', billing_period, id"), "22023", "an amount of NaN is none"),
        (insert("", "-1, '2026-03-01', id"), "22023", "\"billing_period\" is none of a correction"),
        (
            insert(", currency", "-1, billing_period, id, 'EUR'"),
            "22023",
            "\"currency\" is none of a correction",
        ),
        (insert(", period", "-1, billing_period, id, period"), "22023", "\"period\" is none of a correction"),
    ] {
        Refusal::of(service.write(&mut db, &statement)).is(code, what);
    }
    assert_eq!(service.write(&mut db, &insert("", "-2.5, billing_period, id")).unwrap(), 1);
    assert_eq!(ledger(&mut db), (3, "0.0000000000".to_owned()));
    let summary = alice.ask(&mut db, "select public.cost_summary('2026-01-15', '2026-01-16')").unwrap();
    assert_eq!((&summary["total"], &summary["records"]), (&json!(0.0), &json!(3)), "{summary}");
}

#[test]
fn corrections_at_once_take_back_no_more_than_is_left() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice").id().to_owned();
    let row = record(&mut db, &format!("'{alice}', 'storage', 10, 'storage-1'")).unwrap();
    let charge = row["id"].as_str().unwrap();
    // Eight take back 2 each, of 10, and each of them twice, as one does that has lost the answer.
    let outcomes: Vec<bool> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|number| {
                let mut db = database.connect();
                scope.spawn(move || {
                    let outcome =
                        correct(&mut db, &format!("'{charge}', 2, 'credit', 'credit-{}'", number / 2));
                    if outcome.is_err() {
                        Refusal::of(outcome).is("PT409", "takes back more than is left");
                        return false;
                    }
                    true
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome).count(), 10, "both calls of five: {outcomes:?}");
    assert_eq!(ledger(&mut db), (6, "0.0000000000".to_owned()));
}
