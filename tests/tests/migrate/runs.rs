//! The run log: one row for each step that wrote, closed to everybody else, and made where it is not there yet.

use pg_lora_tests::Database;
use serde_json::json;

use crate::{assert_same, schema, value};

#[test]
fn each_step_that_wrote_leaves_one_row() {
    let database = Database::empty();
    let mut db = database.connect();
    let answer =
        database.pg_lora(&["migrate", "--platform", "standalone", "--output", "json"]).expect(0).json();
    let versions = answer["versions_applied"].as_array().unwrap().len();
    let kinds = "select jsonb_object_agg(kind, count) from (
        select kind, count(*) from lora_migrate.runs group by kind) as kinds";
    let expected = json!({ "platform": 1, "version": versions, "layer": 2, "buckets": 1 });
    assert_eq!(value(&mut db, kinds), expected);
    let odd = "select coalesce(jsonb_agg(to_jsonb(r)), '[]') from lora_migrate.runs r
      where role <> 'postgres' or retries <> 0 or milliseconds not between 0 and 60000 or client_address is not null
        or coalesce(client_host, '') = '' or tool_version = '' or started_at > recorded_at
        or recorded_at - started_at > interval '60 s'";
    assert_eq!(value(&mut db, odd), json!([]));

    let status = database.pg_lora(&["status", "--output", "json"]).expect(0).json();
    let runs = status["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    assert_eq!((&runs[0]["kind"], &runs[0]["tool_version"]), (&json!("buckets"), &status["version"]));
    let text = database.pg_lora(&["status"]).expect(0).stdout;
    assert_eq!(text.lines().filter(|line| line.starts_with("run ")).count(), 10, "{text}");

    // Nothing to do leaves no row.
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, kinds), expected);
}

#[test]
fn it_is_made_on_a_database_without_it_and_nobody_else_gets_a_right() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute("drop table lora_migrate.runs, lora_migrate.progress").unwrap();
    // What is there is enough while there is nothing to do.
    database.pg_lora(&["status", "--check"]).expect(0);
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, "select to_regclass('lora_migrate.runs')::text"), json!(null));

    db.batch_execute("update lora_migrate.layers set hash = 'older' where name = 'functions'").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, "select jsonb_agg(name) from lora_migrate.runs"), json!(["functions"]));
    assert_same(&schema(&database), &schema(&Database::migrated()));

    let open = "select count(*) from pg_class c, unnest(array['anon', 'authenticated', 'service_role']) as role
      where c.relnamespace = 'lora_migrate'::regnamespace and c.relkind = 'r'
        and (has_table_privilege(role, c.oid, 'select, insert, update, delete, truncate') or not c.relrowsecurity)";
    assert_eq!(value(&mut db, open), json!(0));
}
