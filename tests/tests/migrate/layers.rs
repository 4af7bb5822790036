//! The layer of functions is replaced whole: what an older one made goes, what others made stays.

use pg_lora_tests::Database;
use serde_json::json;

use crate::{assert_same, schema, value};

/// What an older build would have left: functions of its own in the manifest, under another hash.
const OLDER: &str = "
create function public.old_api(a int, b text default 'x') returns int language sql as 'select a';
create function lora_private.old_trigger() returns trigger language plpgsql as 'begin return new; end';
create trigger old_trigger before insert on public.notifications for each row execute function lora_private.old_trigger();
create policy \"Old policy\" on public.notifications for select to anon using (false);
update lora_migrate.layers set hash = 'an older one', version = '0.0.9', manifest = manifest || '[
  {\"type\": \"function\", \"schema\": \"public\", \"identity\": \"public.old_api(integer,text)\"},
  {\"type\": \"function\", \"schema\": \"lora_private\", \"identity\": \"lora_private.old_trigger()\"},
  {\"type\": \"trigger\", \"schema\": null, \"identity\": \"old_trigger on public.notifications\"},
  {\"type\": \"policy\", \"schema\": null, \"identity\": \"\\\"Old policy\\\" on public.notifications\"},
  {\"type\": \"function\", \"schema\": \"public\", \"identity\": \"public.long_gone(uuid)\"}
]' where name = 'functions'";

fn exists(database: &Database, function: &str) -> bool {
    value(&mut database.connect(), &format!("select to_regprocedure('{function}') is not null"))
        == json!(true)
}

#[test]
fn what_an_older_layer_made_is_dropped() {
    let database = Database::migrated();
    let fresh = schema(&database);
    database.connect().batch_execute(OLDER).unwrap();
    database.pg_lora(&["status", "--check"]).expect(5);
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    let dropped: Vec<&str> = answer["functions"]["dropped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["identity"].as_str().unwrap())
        .collect();
    for name in
        ["public.old_api(integer,text)", "lora_private.old_trigger()", "old_trigger on public.notifications"]
    {
        assert!(dropped.contains(&name), "{name}: {dropped:?}");
    }
    assert_same(&schema(&database), &fresh);
    let manifest = "select count(*) from lora_migrate.layers, jsonb_array_elements(manifest) as object \
                    where object ->> 'identity' ~ '(^|[.])old_' or object ->> 'identity' like '%long_gone%'";
    assert_eq!(value(&mut database.connect(), manifest), json!(0));
}

#[test]
fn somebody_elses_object_that_depends_on_it_refuses_the_drop() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(OLDER).unwrap();
    db.batch_execute("create view public.their_view as select public.old_api(1)").unwrap();
    let before = schema(&database);
    let layers = "select jsonb_agg(to_jsonb(l)) from lora_migrate.layers l";
    let recorded = value(&mut db, layers);
    let outcome = database.pg_lora(&["migrate"]).expect(11);
    assert!(outcome.stderr.contains("old_api(integer,text)"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("their_view"), "the dependant is not named: {}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_same(&schema(&database), &before);
    assert_eq!(value(&mut db, layers), recorded);

    db.batch_execute("drop view public.their_view").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert!(!exists(&database, "public.old_api(integer,text)"));
}

#[test]
fn what_others_made_stays() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "create function public.theirs() returns int language sql as 'select 1';
         create function lora_private.theirs() returns trigger language plpgsql as 'begin return new; end';
         create trigger theirs before insert on public.datasets for each row execute function lora_private.theirs();
         create policy \"Theirs\" on public.datasets for select to anon using (false);
         grant execute on function public.cost_summary to anon;
         update lora_migrate.layers set hash = 'another' where name = 'functions'",
    )
    .unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert!(exists(&database, "public.theirs()") && exists(&database, "lora_private.theirs()"));
    let kept = "select (select count(*) from pg_trigger where tgname = 'theirs') + (select count(*) from pg_policy where polname = 'Theirs')";
    assert_eq!(value(&mut db, kept), json!(2));
    // What was granted beyond the files is taken back with the layer.
    let granted =
        "select has_function_privilege('anon', 'public.cost_summary(date,date,text,uuid)', 'execute')";
    assert_eq!(value(&mut db, granted), json!(false));
}

/// `create or replace` cannot change a result or the name of an argument.
#[test]
fn a_function_whose_signature_changed_is_made_anew() {
    let database = Database::migrated();
    let fresh = schema(&database);
    database
        .connect()
        .batch_execute(
            "drop function public.check_dataset(text, jsonb);
             create function public.check_dataset(body text, options jsonb default null) returns text language sql as 'select body';
             update lora_migrate.layers set hash = 'another' where name = 'functions'",
        )
        .unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    let recreated = answer["functions"]["recreated"][0]["identity"].as_str().unwrap_or_default();
    assert!(recreated.starts_with("public.check_dataset("), "{answer}");
    assert_same(&schema(&database), &fresh);
}

#[test]
fn a_missing_function_comes_back_with_the_layer() {
    let database = Database::migrated();
    let fresh = schema(&database);
    database
        .connect()
        .batch_execute(
            "drop function lora_private.guard_datasets() cascade; revoke all on public.datasets from authenticated;
             update lora_migrate.layers set hash = 'another' where name = 'functions'",
        )
        .unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_same(&schema(&database), &fresh);
}

/// pg_graphql has its settings in comments.
#[test]
fn what_an_operator_says_of_a_table_stays() {
    let database = Database::migrated();
    let mut db = database.connect();
    let theirs = "comment on table public.datasets is '@graphql({\"totalCount\": {\"enabled\": true}})';
                  comment on column public.datasets.name is 'Theirs';
                  comment on column public.datasets.id is null;
                  update lora_migrate.layers set hash = 'an older one' where name = 'functions'";
    db.batch_execute(theirs).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let table =
        "select to_jsonb(starts_with(obj_description('public.datasets'::regclass, 'pg_class'), '@graphql'))";
    assert_eq!(value(&mut db, table), json!(true));
    let columns = "select jsonb_agg(jsonb_build_array(attname, col_description(attrelid, attnum)) order by attname)
                   from pg_attribute where attrelid = 'public.datasets'::regclass and attname in ('id', 'name')";
    assert_eq!(value(&mut db, columns), json!([["id", "The dataset"], ["name", "Theirs"]]));
}
