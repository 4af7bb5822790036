//! SQL files that would break a runner: refused where they are read, and where that is passed by, noticed when they run.

use pg_lora_tests::Database;
use serde_json::json;

use crate::further::Further;
use crate::versions::versions;
use crate::{assert_same, recorded, schema, value};

/// The versions that are recorded when none of the further ones is.
fn own() -> serde_json::Value {
    json!((1..=versions().len()).collect::<Vec<_>>())
}

#[test]
fn what_the_build_refuses_is_refused_here_with_its_line() {
    let database = Database::migrated();
    for (text, line, reason) in [
        ("select 1;\ncommit;\n", 2, "\"commit\": the migrator opens and closes the transaction"),
        ("select 1;\n\nreset all;\n", 3, "\"reset all\": it would drop the limits that the migrator sets"),
        ("-- no transaction\ncreate table public.a ();\n", 2, "cannot be run again after it was interrupted"),
        ("-- statement timeout: soon\nselect 1;\n", 1, "the limit is said once"),
    ] {
        let further = Further::new(&[text]);
        let outcome = further.run(&database, &["migrate"]).expect(2);
        assert!(outcome.stderr.contains(&format!("further.sql:{line}: ")), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(reason), "{}", outcome.stderr);
    }
    assert_eq!(recorded(&mut database.connect()), own());
}

#[test]
fn a_file_that_ends_its_transaction_is_noticed_and_not_recorded() {
    for ends in ["commit;", "rollback; begin;", "commit; begin;", "end; select 1;", "reset all;"] {
        let database = Database::migrated();
        let further = Further::new(&[&format!("create table public.before ();\n{ends}\n")]);
        let outcome = further.run_unchecked(&database, &["migrate"]).expect(8);
        assert!(outcome.stderr.contains("ended the transaction"), "{ends}: {}", outcome.stderr);
        let mut db = database.connect();
        assert_eq!(recorded(&mut db), own(), "{ends}");
        let logged = format!("select count(*) from lora_migrate.runs where name = '{}'", further.label());
        assert_eq!(value(&mut db, &logged), json!(0), "{ends}");
    }
}

#[test]
fn a_role_or_a_path_that_a_file_sets_does_not_outlive_it() {
    let database = Database::migrated();
    let further = Further::new(&[
        "set role anon;\n",
        "set session authorization anon;\n",
        "set search_path = '';\nset lock_timeout = 0;\nset statement_timeout = 1;\n",
        "create table public.of_whom (who text default current_user);\ninsert into public.of_whom default values;\n",
    ]);
    further.run(&database, &["migrate"]).expect(0);
    let mut db = database.connect();
    assert_eq!(recorded(&mut db).as_array().unwrap().len(), versions().len() + 4);
    assert_eq!(value(&mut db, "select who from public.of_whom"), json!("postgres"));
    let roles = "select jsonb_agg(distinct role) from lora_migrate.runs";
    assert_eq!(value(&mut db, roles), json!(["postgres"]));
    further.run(&database, &["status", "--check"]).expect(0);
}

#[test]
fn a_syntax_error_is_shown_in_its_line_and_column() {
    let database = Database::migrated();
    let before = schema(&database);
    let text = "-- One.\n\ncreate table public.one (a int);\n\n-- Größe.\ncreate table public.two (\n  größe int, b intt );\n";
    let further = Further::new(&[text]);
    let outcome = further.run(&database, &["migrate"]).expect(8);
    assert!(
        outcome.stderr.contains("further.sql:7:16: type \"intt\" does not exist (42704)"),
        "{}",
        outcome.stderr
    );
    let excerpt = "\n  |   größe int, b intt );\n  |                ^\n";
    assert!(outcome.stderr.contains(excerpt), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("rolled back: nothing of "), "{}", outcome.stderr);
    assert_same(&schema(&database), &before);

    further.rewrite("select 1;\n\n\n\n\n\nselectt 2;\n");
    let error = further.run(&database, &["migrate", "--output", "json"]).expect(8).json()["error"].clone();
    assert_eq!(
        (&error["line"], &error["column"], &error["sqlstate"]),
        (&json!(7), &json!(1), &json!("42601"))
    );
}

#[test]
fn a_statement_that_takes_longer_than_its_file_says_is_ended() {
    let database = Database::migrated();
    let further = Further::new(&["-- statement timeout: 1s\nselect 1;\nselect pg_sleep(60);\n"]);
    let outcome = further.run(&database, &["migrate"]).expect(8);
    assert!(outcome.stderr.contains("further.sql:3:1: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("statement timeout (57014)"), "{}", outcome.stderr);
    assert_eq!(recorded(&mut database.connect()), own());

    // What it says holds for it alone, and a longer time is a longer time.
    let limits = "create table public.limits (version int, value text);\n";
    let note = "insert into public.limits values (1, current_setting('statement_timeout'));\n";
    further.rewrite(&format!("-- Limits.\n-- statement timeout: 30min\n{limits}{note}"));
    let next = Further::new(&[&format!("-- statement timeout: 30min\n{limits}{note}"), note]);
    next.run(&database, &["migrate"]).expect(0);
    let values = "select jsonb_agg(value order by value) from public.limits";
    assert_eq!(value(&mut database.connect(), values), json!(["10min", "30min"]));
}
