//! The attack matrix: every operation on every table, every column and every function, by everybody.
//!
//! Invariant: what is allowed is written down (`allowed`, `tables`, `calls`, `files`), what is observed is compared with
//! that, and `matrix.md` is the record.

mod allowed;
mod calls;
mod files;
mod page;
mod probe;
mod tables;
mod victim;

use std::collections::BTreeSet;

use pg_lora_tests::{Caller, Cluster, Database, Outcome, environment, golden, sqlstate};
use postgres::Client;
use serde_json::json;

use probe::Line;
use victim::{Victim, digests};

/// Lives, tries everything, and says what is not as it is written down.
pub fn tried(db: &mut Client) -> (Vec<Line>, Vec<String>) {
    let victim = Victim::live(db);
    let before = digests(db);
    let lines = probe::matrix(db, &victim);
    assert_eq!(digests(db), before, "something that was refused was done");
    let wrong = differences(&lines, &[0, 1, 2, 3]);
    (lines, wrong)
}

fn differences(lines: &[Line], callers: &[usize]) -> Vec<String> {
    let names = ["anon", "owner", "other", "service"];
    let cells = lines.iter().flat_map(|line| callers.iter().map(move |caller| (line, *caller)));
    cells
        .filter(|(line, n)| line.allowed[*n] != line.observed[*n])
        .map(|(line, n)| {
            format!(
                "{}, {}, {}: {:?} is allowed, {:?} observed: {}",
                line.section, line.operation, names[n], line.allowed[n], line.observed[n], line.words[n]
            )
        })
        .collect()
}

#[test]
fn everybody_may_do_what_is_listed_and_no_more() {
    let database = Database::migrated();
    let (lines, wrong) = tried(&mut database.connect());
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    golden::compare("tests/rights/matrix.md", &page::page(&lines));
}

/// Not every platform lets a role bypass row-level security; the policies for the service say the same. In storage,
/// whose tables are the platform's, it has none.
#[test]
fn the_service_works_without_bypassing_row_level_security() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    cluster
        .connect("postgres")
        .unwrap()
        .batch_execute("create role service_role nologin noinherit nobypassrls")
        .unwrap();
    cluster.create_database("db").unwrap();
    Outcome::of_pg_lora(&cluster.url("db"), &["migrate", "--platform", "standalone"]).expect(0);
    let mut db = cluster.connect("db").unwrap();
    let victim = Victim::live(&mut db);
    let mut lines = probe::matrix(&mut db, &victim);
    lines.retain(|line| line.section != "Files");
    let wrong = differences(&lines, &[3]);
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// A token that was signed for somebody, with the role of nobody; and a token that was signed for nobody.
#[test]
fn claims_alone_give_no_right() {
    let database = Database::migrated();
    let mut db = database.connect();
    let mut victim = Victim::live(&mut db);
    let before = digests(&mut db);
    victim.callers[0] = Caller::anon().claim("sub", json!(victim.callers[1].id()));
    let wrong = differences(&probe::matrix(&mut db, &victim), &[0]);
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));

    let nobody = Caller::user("");
    for section in &tables::SECTIONS {
        let rows =
            nobody.run(&mut db, |t| t.execute(&format!("select * from public.{}", section.table), &[]));
        // An empty subject is no uuid, and no row either way; prices are for everybody who has signed in.
        let seen = matches!(rows.as_ref().map_err(sqlstate), Ok(0) | Err("22P02"));
        assert!(seen || section.table == "gpu_prices", "{}: {rows:?}", section.title);
    }
    assert_eq!(digests(&mut db), before);
}

/// A column or a function that is added has to be thought of here.
#[test]
fn nothing_is_left_out() {
    let database = Database::migrated();
    let mut db = database.connect();
    let mut all = |sql: &str| -> BTreeSet<String> {
        db.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let columns = all(
        "select format('%s %s', relname, attname) from pg_class join pg_attribute on attrelid = pg_class.oid \
                       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and attnum > 0 and not attisdropped",
    );
    let tried = |operation: usize| -> BTreeSet<String> {
        let sections = tables::SECTIONS.iter();
        let columns =
            sections.flat_map(|section| section.columns.iter().map(move |column| (section, column)));
        columns
            .filter(|(_, column)| !column.2[operation].is_empty())
            .map(|(section, column)| format!("{} {}", section.table, column.0))
            .collect()
    };
    for operation in 0..4 {
        assert_eq!(tried(operation), columns);
    }
    let functions = all("select proname::text from pg_proc where pronamespace = 'public'::regnamespace");
    let called: BTreeSet<String> =
        calls::CALLS.iter().map(|(call, _)| calls::name(call).to_owned()).collect();
    assert_eq!(called, functions);
}
