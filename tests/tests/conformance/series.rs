//! Series that are longer than a state of the portable aggregates: parts of them are set apart, and the answer does not show it.

use pg_lora_tests::environment;
use postgres::Client;

use crate::editions::{Editions, Outcome};

/// Rows of a long series.
fn rows() -> usize {
    if environment::full() { 100_000 } else { 20_000 }
}

/// As long as a run, in a mixed order.
fn table(client: &mut Client) {
    let rows = rows();
    client
        .batch_execute(&format!(
            "create schema series; grant usage on schema series to public;
             create table series.points as
               select (n * 7919) % {rows} as step,
                 case when n % 997 = 0 then 'NaN' when n % 1501 = 0 then 9.9 else 2 + sin(n / 500.0) end :: float8 as loss,
                 case when n % 100 = 0 then 2 + cos(n / 700.0) end as evaluation,
                 case when n % 4001 = 0 then 30 else 0.8 end :: float8 as norm
               from generate_series(1::bigint, {rows}) as n;
             analyze series.points",
        ))
        .unwrap();
}

#[test]
fn long_series_are_the_same_in_both_editions() {
    let mut editions = Editions::new();
    table(&mut editions.native);
    table(&mut editions.portable);
    let mut calls = vec![
        "(select lora.curve_health(step, loss, evaluation, 0, norm, 1800 - step, 5) from series.points)"
            .to_owned(),
        "(select lora.curve_health(step / 3, loss, null, null, loss, null, null) from series.points)"
            .to_owned(),
    ];
    for x in ["step", "step / 5", "step::float8", "(step % 100)::float8"] {
        for method in ["minmax", "lttb", "minmaxlttb", "last"] {
            calls.push(format!("(select lora.curve({x}, loss, 320, '{method}', 0.6) from series.points)"));
        }
    }
    for call in calls {
        let outcome = editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}"));
        assert!(matches!(outcome, Outcome::Answer(_)), "{call}: {outcome:?}");
    }
}

/// Each in a transaction of its own.
pub fn answer(client: &mut Client, query: &str) -> Vec<String> {
    client.query(query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// No worker changes the answer to a question about a table: not those that read it beside the leader, nor one that answers alone.
pub fn same_beside_workers(db: &mut Client, table: &str, question: &str) {
    db.batch_execute("set max_parallel_workers_per_gather = 0").unwrap();
    let alone = answer(db, question);
    db.batch_execute(&format!(
        "alter table {table} set (parallel_workers = 4); set max_parallel_workers_per_gather = 4; set parallel_setup_cost = 0;
         set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0"
    ))
    .unwrap();
    let plan = answer(db, &format!("explain (costs off) {question}"));
    assert!(plan.iter().any(|line| line.contains("Parallel Seq Scan")), "{plan:#?}");
    assert_eq!(answer(db, question), alone);
    // In the worker itself.
    db.batch_execute("set force_parallel_mode = on")
        .or_else(|_| db.batch_execute("set debug_parallel_query = on"))
        .unwrap();
    db.batch_execute(&format!("alter table {table} set (parallel_workers = 0)")).unwrap();
    let plan = answer(db, &format!("explain (costs off) {question}"));
    assert!(plan.iter().any(|line| line.contains("Single Copy: true")), "{plan:#?}");
    assert_eq!(answer(db, question), alone);
}

#[test]
fn what_is_set_apart_is_the_transactions_own() {
    let mut editions = Editions::new();
    let db = &mut editions.portable;
    table(db);
    let rows = rows();
    let one = "select lora.curve(step, loss, 8, 'minmaxlttb')::text from series.points";
    let expected = answer(db, one);
    assert_eq!(
        answer(db, "select name from pg_cursors where name <> ''"),
        [""; 0],
        "the transaction is over"
    );

    // A transaction keeps one cursor, which has the answer, of a long series, and none of a short one.
    let mut transaction = db.transaction().unwrap();
    for _ in 0..2 {
        let again: String = transaction.query_one(one, &[]).unwrap().get(0);
        assert_eq!(again, expected[0]);
    }
    let short = "select lora.curve(step, loss, 8, 'lttb')::text from series.points where step < 100";
    transaction.query_one(short, &[]).unwrap();
    let cursors: i64 =
        transaction.query_one("select count(*) from pg_cursors where name <> ''", &[]).unwrap().get(0);
    assert_eq!(cursors, 2);
    // What a savepoint takes back it takes back.
    let mut nested = transaction.transaction().unwrap();
    nested.query_one(one, &[]).unwrap();
    nested.rollback().unwrap();
    let cursors: i64 =
        transaction.query_one("select count(*) from pg_cursors where name <> ''", &[]).unwrap().get(0);
    assert_eq!(cursors, 2);
    transaction.commit().unwrap();

    // A table of groups that is read twice asks for the answers twice.
    db.batch_execute(
        "set enable_material = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_sort = off",
    )
    .unwrap();
    let twice = format!(
        "select curve::text from (values (0), (1), (1)) as asked (part) join lateral (
           select step * 2 / {rows} as part, lora.curve(step, loss, 8, 'lttb') as curve from series.points group by 1
         ) as drawn on drawn.part >= asked.part order by 1"
    );
    let plan = answer(db, &format!("explain (costs off) {twice}"));
    assert!(plan.iter().any(|line| line.contains("HashAggregate")), "{plan:#?}");
    assert!(!plan.iter().any(|line| line.contains("Materialize")), "{plan:#?}");
    let answers = answer(db, &twice);
    assert_eq!(answers.len(), 4, "{plan:#?}");
    assert_eq!(answers.iter().collect::<std::collections::BTreeSet<_>>().len(), 2);

    // A cursor that outlives the transaction has its answers before.
    db.batch_execute(&format!(
        "begin; declare kept cursor with hold for {twice}; fetch 1 from kept; commit; fetch all from kept; close kept"
    ))
    .unwrap();
}

/// The refusal of a query.
pub fn refusal(client: &mut Client, query: &str) -> (String, String, Option<String>) {
    let error = client.query(query, &[]).unwrap_err();
    let error = error.as_db_error().unwrap_or_else(|| panic!("{query}: {error}"));
    (error.code().code().to_owned(), error.message().to_owned(), error.hint().map(str::to_owned))
}

/// Native counts as it adds, portable when it sets rows apart and when it answers.
#[test]
fn a_series_has_an_end() {
    let mut editions = Editions::new();
    let health = "select lora.curve_health(n, 1, null, null, null, null, null) from generate_series(1::bigint, 2000001) as n";
    let expected = refusal(&mut editions.native, health);
    assert_eq!(expected.1, "the run has more than 2000000 points");
    assert_eq!(refusal(&mut editions.portable, "select lora._check_health_points(2000001)"), expected);
    let series = "select lora.curve(n, 1.0, 4, 'lttb') from generate_series(1::bigint, 20000001) as n";
    if environment::full() {
        assert_eq!(refusal(&mut editions.portable, health), expected);
        let expected = refusal(&mut editions.native, series);
        assert_eq!(refusal(&mut editions.portable, "select lora._check_series(20000001)"), expected);
    }
    for (check, most) in [("_check_health_points", 2_000_000), ("_check_series", 20_000_000)] {
        assert!(editions.portable.query(&format!("select lora.{check}({most})"), &[]).is_ok());
        let (code, message, hint) =
            refusal(&mut editions.portable, &format!("select lora.{check}({most} + 1)"));
        assert!(message.ends_with(&format!("has more than {most} points")), "{message}");
        assert_eq!(
            (code.as_str(), hint.as_deref()),
            ("22003", Some("Ask for a part of it, such as a range of steps."))
        );
    }
}

/// No worker combines states, and any worker may answer.
#[test]
fn curves_are_the_same_beside_parallel_workers() {
    let mut editions = Editions::new();
    let db = &mut editions.portable;
    table(db);
    let question = "select (lora.curve(step, loss, 320, 'minmaxlttb', 0.6) || jsonb_build_object('health', lora.curve_health(step, loss, evaluation, 0, norm, 1, 1)))::text
        from series.points where norm < 40";
    same_beside_workers(db, "series.points", question);
}
