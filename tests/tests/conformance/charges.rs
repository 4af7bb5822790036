//! More charges than a state of the portable `cost_breakdown` has room for: they are put together in it, or set apart, and the answer
//! does not show it.

use pg_lora_tests::environment;
use postgres::Client;

use crate::editions::{Editions, Outcome};
use crate::series::{answer, refusal, same_beside_workers};

/// Charges of a long table.
fn rows() -> usize {
    if environment::full() { 200_000 } else { 20_000 }
}

/// Every seventh column has nothing now and then, and keys look like what a state is made of.
fn table(client: &mut Client) {
    let rows = rows();
    client
        .batch_execute(&format!(
            r#"create schema charges; grant usage on schema charges to public;
             create table charges.charges as
               select n, ((n * 7919) % 100003 - 20000)::numeric / 1000 + 0.0000000001 as amount,
                 case when n % 7 <> 0 then date '2026-01-01' + ((n * 31) % 400)::integer end as day,
                 (array['storage', 'training_compute', null, '', 'NULL', 'a,b', '{{', '}}', '"', '\', '#1', E'\n', 'é'])[1 + n % 13] as kind,
                 case when n % 5 <> 0 then 'A100-80GB' end as gpu,
                 case when n % 11 <> 0 then pg_catalog.md5((n % {rows})::text)::uuid end as job,
                 case when n % 3 <> 0 then 'completed' else 'running' end as status
               from generate_series(1::bigint, {rows}) as n;
             analyze charges.charges"#,
        ))
        .unwrap();
}

/// Calls of the aggregate on the table, with few keys, with many, and with one for each row.
fn calls() -> Vec<String> {
    let call = |currency: &str, day: &str, job: &str, beside: &str| {
        format!(
            "(select lora.cost_breakdown(amount, {currency}, {day}, kind, gpu, {job}, status) from charges.charges {beside})"
        )
    };
    let grouped = |job: &str| {
        let one = call("'USD'", "day", job, "group by n % 20");
        format!("(select array_agg(part::text order by part::text) from {one} as one (part))")
    };
    let few = "md5((n % 9)::text)::uuid";
    vec![
        call("'USD'", "date '2026-01-01'", "null", ""),
        call("'USD'", "day", few, ""),
        call("'USD'", "day", "md5((n % 1000)::text)::uuid", ""),
        call("'USD'", "day", "job", ""),
        call("'USD'", "day", "job", "where n % 50 = 0"),
        call("'}'", "day", "job", "where n < 3000"),
        call("''", "day", few, "where n < 3000"),
        call("'US}D'", "day", few, "where n < 1000"),
        call("'\"é,'", "day", "job", "where n < 3000"),
        grouped(few),
        grouped("job"),
    ]
}

#[test]
fn many_charges_are_the_same_in_both_editions() {
    let mut editions = Editions::new();
    table(&mut editions.native);
    table(&mut editions.portable);
    for call in calls() {
        let outcome = editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}"));
        assert!(matches!(outcome, Outcome::Answer(_)), "{call}: {outcome:?}");
    }
}

/// However many charges lie before the one that is refused.
#[test]
fn a_late_charge_is_refused_in_the_same_words() {
    let mut editions = Editions::new();
    table(&mut editions.native);
    table(&mut editions.portable);
    let late = [
        ("amount, case when n > 9000 then 'EUR' else 'USD' end, day, kind, gpu, job, status", "22023"),
        ("amount, case when n > 9000 then '' else 'USD' end, day, kind, gpu, job, status", "22023"),
        ("amount, case when n > 9000 then 'US' else 'USD' end, day, kind, gpu, null, status", "22023"),
        ("amount, case when n > 9000 then 'USD' else '}' end, day, kind, gpu, null, status", "22023"),
        ("amount, case when n > 9000 then '' else '}' end, day, kind, gpu, job, status", "22023"),
        ("amount, case when n <= 9000 then 'USD' end, day, kind, gpu, job, status", "22023"),
        ("case when n > 9000 then 'NaN' else amount end, 'USD', day, kind, gpu, job, status", "22023"),
        ("case when n > 9000 then -1e28 else amount end, 'USD', day, kind, gpu, job, status", "22003"),
        ("case when n > 9000 then 9e27 else amount end, 'USD', day, kind, gpu, job, status", "22003"),
        ("case when n > 9000 then -9e27 else amount end, 'USD', day, kind, gpu, null, status", "22003"),
        // Of all it is little: one status has too much, and a charge later it would not.
        (
            "case n when 9000 then -9e27 when 9003 then 9e27 when 9004 then 9e27 when 9005 then -9e27 when 9006 then 'NaN' else amount end,
             'USD', day, kind, gpu, job, case when n in (9003, 9004) then 'odd' else status end",
            "22003",
        ),
        ("amount, 'USD', case when n > 9000 then 'infinity' else day end, kind, gpu, job, status", "22023"),
        ("amount, 'USD', day, case when n > 9000 then repeat('é', 101) else kind end, gpu, job, status", "22023"),
        ("amount, 'USD', day, kind, case when n > 9000 then repeat('a', 201) else gpu end, job, status", "22023"),
        ("amount, 'USD', day, kind, gpu, null, case when n > 9000 then repeat('a', 201) else status end", "22023"),
    ];
    for (arguments, expected) in late {
        let call = format!(
            "(select lora.cost_breakdown({arguments}) from (select * from charges.charges order by n) as charge)"
        );
        match editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}")) {
            Outcome::Refusal { code, .. } => assert_eq!(code, expected, "{call}"),
            Outcome::Answer(_) => panic!("{call} had an answer"),
        }
    }
}

#[test]
fn a_breakdown_has_an_end() {
    let mut editions = Editions::new();
    let groups = "select lora.cost_breakdown(1, 'USD', null, n::text, null, null, null) from generate_series(1, 100001) as n";
    let expected = refusal(&mut editions.native, groups);
    assert_eq!(expected.1, "a cost breakdown holds at most 100000 groups of a kind");
    assert_eq!(refusal(&mut editions.portable, groups), expected);
    if environment::full() {
        let jobs = "select lora.cost_breakdown(1, 'USD', null, null, null, md5(n::text)::uuid, null) from generate_series(1, 1000001) as n";
        let expected = refusal(&mut editions.native, jobs);
        assert_eq!(refusal(&mut editions.portable, jobs), expected);
    }
}

/// Few keys leave nothing behind, and what many leave is gone with the transaction.
#[test]
fn charges_that_are_set_apart_are_the_transactions_own() {
    let mut editions = Editions::new();
    let db = &mut editions.portable;
    table(db);
    let of = |job: &str| {
        format!(
            "select lora.cost_breakdown(amount, 'USD', date '2026-01-01', 'storage', gpu, {job}, status)::text from charges.charges"
        )
    };
    let cursors = "select count(*)::text from pg_cursors where name <> ''";
    db.batch_execute("begin").unwrap();
    let few = answer(db, &of("md5((n % 9)::text)::uuid"));
    assert_eq!(answer(db, cursors), ["0"]);
    let many = answer(db, &of("job"));
    assert_ne!(answer(db, cursors), ["0"]);
    assert_eq!(answer(db, &of("job")), many);
    assert_eq!(answer(db, &of("md5((n % 9)::text)::uuid")), few);
    db.batch_execute("commit").unwrap();
    assert_eq!(answer(db, cursors), ["0"]);

    // The same state is asked again and again, and goes on between.
    let running =
        "select (lora.cost_breakdown(amount, 'USD', day, kind, gpu, job, status) over (order by n))::text
        from charges.charges where n % 7 = 0 order by n limit 700";
    let growing = answer(db, running);
    for place in [0, 99, 100, 101, 350, 699] {
        let alone = format!(
            "select lora.cost_breakdown(amount, 'USD', day, kind, gpu, job, status)::text from charges.charges
             where n % 7 = 0 and n <= 7 * ({place} + 1)"
        );
        assert_eq!(answer(db, &alone), growing[place..=place], "{place}");
    }
}

/// No worker combines states, and any worker may answer.
#[test]
fn charges_are_the_same_beside_parallel_workers() {
    let mut editions = Editions::new();
    let db = &mut editions.portable;
    table(db);
    let question = "select lora.cost_breakdown(amount, 'USD', day, kind, gpu, job, status)::text from charges.charges where amount < 70";
    same_beside_workers(db, "charges.charges", question);
}
