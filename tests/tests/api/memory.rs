//! A server that has no memory left answers with an error and goes on: the states and the answers of curves grow with the run.

use std::process::Command;

use pg_lora_tests::{Account, Database, environment, sqlstate};
use postgres::Client;

const MB: u64 = 1 << 20;

/// A backend of its own that may take so much more memory than it has by now.
fn limited(database: &Database, more: u64) -> (Client, i32) {
    let mut db = database.connect();
    // A compiler of plans that does not fit is another matter.
    db.batch_execute("set jit = off").unwrap();
    // What is loaded once, whatever is asked.
    db.query_one("select lora.curve(1, 1.0, 4, 'minmax'), lora.curve_health(1, 1, 1, 1, 1, 1, 1)", &[])
        .unwrap();
    let process: i32 = db.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    let pages: u64 = pages.split_whitespace().next().unwrap().parse().unwrap();
    let limit = format!("--as={}:", pages * 4096 + more);
    // As whoever the server runs as: root may not be allowed to limit others.
    let mut set = Command::new("prlimit");
    set.args(["--pid", &process.to_string(), &limit]).current_dir("/");
    Account::for_servers().unwrap().iter().for_each(|account| account.apply(&mut set));
    assert!(set.status().unwrap().success());
    (db, process)
}

/// Refused for want of memory for this thing, by a backend that answers afterwards.
fn is_refused(database: &Database, query: &str, more: u64, what: &str) {
    let (mut db, process) = limited(database, more);
    match db.query(query, &[]).map(|_| ()) {
        // Most of a long series it holds in files.
        Ok(()) => assert!(environment::is_portable(), "{query} with {} MB", more / MB),
        Err(error) => {
            assert_eq!(sqlstate(&error), "53200", "{query} with {} MB: {error:?}", more / MB);
            let sent = error.as_db_error().unwrap();
            if environment::is_portable() {
                // All memory is Postgres's own there, and so are the words.
                assert_eq!(sent.message(), "out of memory");
            } else {
                assert_eq!(
                    sent.message(),
                    format!("there is no memory for {what}"),
                    "{query} with {} MB",
                    more / MB
                );
                assert!(sent.hint().is_some_and(|hint| hint.starts_with("Ask for a part of it")), "{sent:?}");
            }
        }
    }
    let same: i32 = db.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    assert_eq!(same, process);
}

fn is_answered(database: &Database, query: &str, more: u64) {
    limited(database, more).0.query_one(query, &[]).unwrap();
}

/// So many rows, or a twentieth of them for the portable edition, which takes as many times longer and more memory for each.
fn rows(native: u32) -> u32 {
    if environment::is_portable() { native / 20 } else { native }
}

/// Four million points are 64 MB, a copy of them is as large.
#[test]
fn a_curve_without_memory_is_refused() {
    let database = Database::migrated();
    let of = |y: &str, rest: &str| {
        let rows = rows(4_000_000);
        format!("select lora.curve(step, {y}, 320, {rest}) from generate_series(1, {rows}) as step")
    };
    for method in ["minmax", "lttb", "minmaxlttb", "last"] {
        let plain = of("step % 97", &format!("'{method}'"));
        is_refused(&database, &plain, 40 * MB, "the series");
        // Nothing is copied where there is nothing to smooth and nothing to leave out.
        is_answered(&database, &plain, 96 * MB);
        is_refused(&database, &of("step % 97", &format!("'{method}', 0.6")), 96 * MB, "the curve");
    }
    let marked = of("case step when 7 then float8 'NaN' else step % 97 end", "'lttb'");
    is_refused(&database, &marked, 96 * MB, "the curve");
    is_answered(&database, &marked, 200 * MB);
}

/// A million readings are 104 MB, a list of one of their figures is 15.
#[test]
fn a_judgement_without_memory_is_refused() {
    let database = Database::migrated();
    let rows = rows(1_000_000);
    let query =
        &format!("select lora.curve_health(step, 2, 2, 1, 1, 1, 95) from generate_series(1, {rows}) as step");
    is_refused(&database, query, 60 * MB, "the run");
    is_refused(&database, query, 112 * MB, "what is wrong with the run");
    is_answered(&database, query, 200 * MB);
}

/// Eight million values are 61 MB as Postgres holds them, and twice as much with their gaps.
#[test]
fn smoothing_without_memory_is_refused() {
    let database = Database::migrated();
    let query = "select array_length(lora.smooth(array_fill(1.5::float8, array[8000000]), 0.6), 1)";
    is_refused(&database, query, 160 * MB, "the smoothed values");
    is_answered(&database, query, 400 * MB);
}
