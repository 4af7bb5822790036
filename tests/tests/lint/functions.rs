//! The bodies of functions, which Postgres itself looks at only when they run.

use pg_lora_tests::{Database, environment};
use postgres::Client;

/// Advice that is not taken: a function may promise less than its body keeps.
const NOT_TAKEN: [(&str, &str); 7] = [
    // They call schema `lora`, which is replaced in place: a plan must not keep what an older one answered.
    (
        "lora_private.gpu_time_cost(jsonb,timestamp with time zone,timestamp with time zone)",
        "routine is marked as STABLE, should be IMMUTABLE",
    ),
    (
        "lora_private.charged_by(public.cost_records,timestamp with time zone)",
        "routine is marked as STABLE, should be IMMUTABLE",
    ),
    // What a time zone is, the server's own files say, which may be replaced.
    ("lora_private.is_time_zone(text)", "routine is marked as STABLE, should be IMMUTABLE"),
    ("public.check_dataset(text,jsonb)", "routine is marked as STABLE, should be IMMUTABLE"),
    ("lora_private.hyperparameters_of_run(jsonb,text)", "routine is marked as STABLE, should be IMMUTABLE"),
    // What it runs are the checks of a table, which only their owner writes.
    ("lora_private.check_new_row()", "text type variable is not sanitized"),
    // It does nothing but raise an error, which planning must not do.
    ("lora_private.refuse_column(text,text,text)", "routine is marked as VOLATILE, should be IMMUTABLE"),
];

/// The same of the portable edition: the beginning of a function's name, and what it is advised.
const PORTABLE_NOT_TAKEN: [(&str, &str); 12] = [
    // They do nothing but raise an error, which planning must not do.
    ("lora._refuse_", "routine is marked as STABLE, should be IMMUTABLE"),
    // The extension's names, which callers may use.
    ("lora.is_job_transition(", "is reserved keyword"),
    // Literals are numbers of another type than what is made of them, once for each call.
    ("lora.", "target type is different type than source type"),
    // What it cannot know are the columns of a record that is an argument; the conformance tests run every line.
    ("lora._measured_eta(", ""),
    ("lora._silence_budget(", ""),
    // It reads polymorphic functions as ones of integers, which they are never called with.
    ("lora._curve(anyarray", ""),
    ("lora._curve_marks(anyarray", ""),
    // What they read are cursors, and a fetch fills every column, also the one that is not asked for.
    ("lora._lines_apart(", "routine is marked as STABLE, should be IMMUTABLE"),
    ("lora._series_", "routine is marked as STABLE, should be IMMUTABLE"),
    ("lora._series_", "never read variable"),
    ("lora._cost_breakdown_", "routine is marked as STABLE, should be IMMUTABLE"),
    ("lora._cost_breakdown_", "never read variable"),
];

/// What it says, a line each; None where the server has no plpgsql_check.
fn findings(db: &mut Client) -> Option<Vec<String>> {
    let tree = environment::tree().unwrap();
    let available = "select exists (select from pg_available_extensions where name = 'plpgsql_check')";
    let available: bool = db.query_one(available, &[]).unwrap().get(0);
    if !available && !tree.is_of_a_distribution() {
        environment::skipped(&format!("plpgsql_check, as there is no package of it for {}", tree.version()));
        return None;
    }
    db.batch_execute(
        "create schema if not exists checking; create extension if not exists plpgsql_check schema checking;
         set search_path = pg_catalog, checking",
    )
    .unwrap();
    let rows = db.query(include_str!("functions.sql"), &[]).unwrap();
    let line = |row: &postgres::Row| {
        let text = |at| row.get::<_, String>(at);
        format!(
            "{} on {}, line {}: {} {}: {} [{}]",
            text(0),
            text(1),
            row.get::<_, i32>(2),
            text(3),
            text(4),
            text(5),
            text(6)
        )
    };
    Some(rows.iter().map(line).collect())
}

#[test]
fn plpgsql_check_finds_nothing() {
    let database = Database::migrated();
    let Some(mut findings) = findings(&mut database.connect()) else { return };
    for (function, advice) in NOT_TAKEN {
        let count = findings.len();
        // A trigger function is read once for each of its tables.
        findings.retain(|line| !(line.starts_with(function) && line.contains(advice)));
        assert!(findings.len() < count, "no such advice any more: {function}: {advice}");
    }
    // Those of schema `lora`, if it is the portable edition, have a test of their own.
    findings.retain(|line| !line.starts_with("lora."));
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn plpgsql_check_finds_nothing_in_the_portable_edition() {
    let database = Database::portable();
    let Some(mut findings) = findings(&mut database.connect()) else { return };
    findings.retain(|line| {
        !PORTABLE_NOT_TAKEN
            .iter()
            .any(|(function, advice)| line.starts_with(function) && line.contains(advice))
    });
    assert!(findings.is_empty(), "{findings:#?}");
}

/// One offence for each kind of warning.
#[test]
fn plpgsql_check_finds_what_is_planted() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "create function lora_private.wrong_column() returns trigger language plpgsql as 'begin new.no_such := 1; return new; end';
         create trigger planted before update on public.datasets for each row execute function lora_private.wrong_column();
         create function lora_private.idle() returns trigger language plpgsql as 'begin return new; end';
         create function public.unused() returns int language plpgsql as 'declare a int; begin return 1; end';
         create function public.injected(a text) returns void language plpgsql as 'begin execute ''select '' || a; end';
         create function public.converted() returns int language plpgsql as 'declare a int; begin select 1::bigint into a; return a; end';
         create function public.no_table() returns int language plpgsql as 'begin return (select 1 from public.nowhere); end'",
    )
    .unwrap();
    let Some(findings) = findings(&mut db) else { return };
    for (function, words) in [
        ("lora_private.wrong_column()", "no_such"),
        ("lora_private.idle()", "a trigger function without a trigger"),
        ("public.unused()", "unused variable"),
        ("public.injected(text)", "SQL injection"),
        ("public.converted()", "performance"),
        ("public.no_table()", "public.nowhere"),
    ] {
        let found = findings.iter().any(|line| line.starts_with(function) && line.contains(words));
        assert!(found, "{function}: {findings:#?}");
    }
}

/// plpgsql_check reads one language. Bodies in SQL are read by Postgres, as it does when they are made; there is no
/// third language but compiled code.
#[test]
fn every_other_body_is_read_by_postgres() {
    let database = Database::migrated();
    let mut db = database.connect();
    let languages = "select array_agg(distinct lanname::text order by lanname::text) from pg_proc join pg_language on pg_language.oid = prolang
                     where pronamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate'))
                       and prokind <> 'a'";
    let languages: Vec<String> = db.query_one(languages, &[]).unwrap().get(0);
    assert!(languages.iter().all(|name| ["c", "plpgsql", "sql"].contains(&name.as_str())), "{languages:?}");
    let read = "select fmgr_sql_validator(pg_proc.oid) from pg_proc join pg_language on pg_language.oid = prolang
                where lanname = 'sql' and pronamespace in (select oid from pg_namespace where nspname in ('public', 'lora', 'lora_private'))";
    let count = db.query(read, &[]).unwrap().len();
    assert!(count > 0);
    db.batch_execute(
        "set check_function_bodies = off;
         create function public.broken() returns int language sql as 'select no_such from public.datasets';
         set check_function_bodies = on",
    )
    .unwrap();
    assert!(db.query(read, &[]).is_err());
}
