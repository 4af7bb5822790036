//! Schema `lora` as the portable edition: where nothing is, where the server has no extension, without a superuser, over
//! an older one, and what `verify` says of one that was changed.

use pg_lora_tests::story::{self, GPUS};
use pg_lora_tests::{Cluster, Database, Outcome, Scratch, environment, program};
use serde_json::{Value, json};

use crate::refused::copy_without_the_extension;
use crate::supabase::Project;
use crate::{assert_same, create_platform, schema, value};

const EDITION: &str = "select lora.build_info() ->> 'edition'";
const ARGUMENTS: [&str; 5] = ["migrate", "--platform", "standalone", "--provider", "portable"];
/// What a layer says of itself.
const MANIFEST: &str = "select jsonb_agg(jsonb_build_array(name, hash, manifest, version) order by name) from lora_migrate.layers";

#[test]
fn it_is_installed_once_and_status_plan_and_verify_know_it() {
    let database = Database::empty();
    let json = [&ARGUMENTS[..], &["--output", "json"]].concat();
    let plan = ["plan", "--provider", "portable", "--output", "json"];
    let planned = database.pg_lora(&plan).expect(0).json();
    let pending: Vec<&str> =
        planned["pending"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(pending.contains(&"layer lora") && planned["edition"] == "portable", "{planned}");
    let made = database.pg_lora(&json).expect(0).json();
    assert_eq!(
        made["lora"],
        json!({"edition": "portable", "action": "created", "version": env!("CARGO_PKG_VERSION"), "from": null, "restarted_validations": 0})
    );
    let mut db = database.connect();
    assert_eq!(value(&mut db, EDITION), "portable");
    assert_eq!(value(&mut db, "select count(*) from pg_extension where extname = 'pg_lora'"), json!(0));
    let before = (schema(&database), value(&mut db, MANIFEST));
    for arguments in [&ARGUMENTS[..], &["migrate"], &["migrate", "--provider", "auto"]] {
        let again = [arguments, &["--output", "json"]].concat();
        let again = database.pg_lora(&again).expect(0);
        assert_eq!(again.json()["changed"], json!(false), "{again:?}");
        // The server of the tests has the extension too.
        assert!(
            again.stderr.contains("pg-lora migrate --provider native switches to it"),
            "{}",
            again.stderr
        );
    }
    assert_eq!((schema(&database), value(&mut db, MANIFEST)), before);
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&status["lora"]["edition"], &status["lora"]["state"]),
        (&json!("portable"), &json!("current"))
    );
    let text = database.pg_lora(&["status"]).expect(0).stdout;
    assert!(text.contains("layer      lora: current, portable edition "), "{text}");
    let verified = database.pg_lora(&["verify"]).expect(0).stdout;
    assert!(verified.contains(", portable edition "), "{verified}");
    assert_eq!(database.pg_lora(&["plan", "--check"]).expect(0).stdout, "plan       nothing is pending\n");
    let switch = database.pg_lora(&["plan", "--provider", "native", "--output", "json"]).expect(0).json();
    assert_eq!(switch["pending"], json!(["edition native"]));
    // All else is as with the extension.
    let elsewhere = |mut lines: Vec<String>| {
        lines.retain(|line| !line.starts_with("lora | function") && !line.starts_with("lora | extension"));
        lines
    };
    assert_same(&elsewhere(before.0), &elsewhere(schema(&Database::migrated())));
}

#[test]
fn auto_is_the_extension_where_the_server_has_it() {
    let database = Database::empty();
    let answer =
        database.pg_lora(&["migrate", "--platform", "standalone", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&answer["lora"]["edition"], &answer["lora"]["action"]),
        (&json!("native"), &json!("created"))
    );
    assert_eq!(value(&mut database.connect(), EDITION), "native");
    Outcome::of(&mut program::pg_lora(&["migrate", "--provider", "other"])).expect(2);
}

/// A server whose files have no extension: a copy of the tree under test without it.
#[test]
fn auto_is_the_files_where_it_has_not() {
    let scratch = Scratch::new().unwrap();
    let tree = copy_without_the_extension(&environment::tree().unwrap(), scratch.path());
    let cluster = Cluster::start(&tree).unwrap();
    cluster.create_database("db").unwrap();
    let run = |arguments: &[&str]| Outcome::of_pg_lora(&cluster.url("db"), arguments);
    run(&["migrate", "--platform", "standalone"]).expect(0);
    run(&["verify"]).expect(0);
    let again = run(&["migrate", "--output", "json"]).expect(0);
    assert_eq!(again.json()["changed"], json!(false));
    assert!(!again.stderr.contains("--provider native"), "{}", again.stderr);
    let mut db = cluster.connect("db").unwrap();
    assert_eq!(value(&mut db, EDITION), "portable");
    let refused = run(&["migrate", "--provider", "native"]).expect(11);
    assert!(refused.stderr.contains("it offers no version of it"), "{}", refused.stderr);
    assert_eq!(value(&mut db, EDITION), "portable");
}

/// As hosted Supabase's `postgres`, which may neither load a library nor do what a superuser may.
#[test]
fn it_needs_no_superuser() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    project.pg_lora("project", &["migrate", "--provider", "portable"]).expect(0);
    project.pg_lora("project", &["verify"]).expect(0);
    let again = project.pg_lora("project", &["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!(false), "{again}");
    let mut db = project.connect("postgres", "project");
    let owners =
        "select jsonb_agg(distinct proowner::regrole) from pg_proc where pronamespace = 'lora'::regnamespace";
    assert_eq!(value(&mut db, owners), json!(["postgres"]));
    let alice = story::sign_up(&mut db, "alice");
    let document = format!("select lora.normalize_gpu_config('{GPUS}') ->> 'gpu_type'");
    assert_eq!(alice.ask(&mut db, &document).unwrap(), "A100-80GB");
}

/// An older build's: with parts that are gone, an aggregate with another state, and a function with another body.
#[test]
fn an_older_one_is_replaced_in_place() {
    let database = Database::migrated_to("portable");
    let fresh = schema(&database);
    let mut db = database.connect();
    // The function that adds a row, with an argument of another name and another result.
    db.batch_execute(
        "create view public.theirs as select lora.job_pace(step, at), lora.estimate_tokens('a') from (values (1, now())) as points (step, at);
         create function lora._old_part(a int) returns int language sql immutable set search_path = '' as 'select a';
         create function lora.old_function(a int) returns int language sql immutable set search_path = '' as 'select lora._old_part(a)';
         create function lora._older_add(text, integer, timestamptz) returns text language sql immutable set search_path = '' as 'select $1';
         create or replace aggregate lora.job_pace(step integer, reported_at timestamptz) (
           sfunc = lora._older_add, stype = text, finalfunc = pg_catalog.to_jsonb);
         create or replace function lora.estimate_tokens(content text) returns bigint language sql immutable strict parallel safe
           set search_path = '' as 'select 7::bigint'",
    )
    .unwrap_or_else(|error| panic!("{error:?}"));
    age(&mut db);
    let oids = "select jsonb_object_agg(oid::regprocedure, oid::bigint) from pg_proc
        where pronamespace = 'lora'::regnamespace and proname !~ '^_' and proname <> 'old_function'";
    let before = value(&mut db, oids);
    let status = database.pg_lora(&["status", "--check"]).expect(5);
    assert!(
        status.stdout.contains("pending: layer lora") || status.stderr.contains("layer lora"),
        "{status:?}"
    );
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!((&answer["lora"]["action"], &answer["leftovers_dropped"]), (&json!("updated"), &json!(3)));
    assert_eq!(value(&mut db, oids), before);
    db.batch_execute("drop view public.theirs").unwrap();
    assert_same(&schema(&database), &fresh);
    database.pg_lora(&["verify"]).expect(0);
}

/// Makes the layer an older build's, with everything that is there in its manifest.
fn age(db: &mut postgres::Client) {
    db.batch_execute(
        "update lora_migrate.layers set hash = 'portable older', manifest = (
           select jsonb_agg(jsonb_build_object('type', i.type, 'schema', i.schema, 'identity', i.identity))
           from pg_proc p, pg_identify_object('pg_proc'::regclass, p.oid, 0) i where pronamespace = 'lora'::regnamespace)
         where name = 'lora'",
    )
    .unwrap();
}

/// `create or replace` changes neither names of arguments nor a result.
#[test]
fn a_part_that_answers_something_else_now_is_replaced_under_its_aggregate() {
    let database = Database::migrated_to("portable");
    let fresh = schema(&database);
    let mut db = database.connect();
    // The function that adds a row, from before its first argument was called "state".
    let mut dance = db.transaction().unwrap();
    dance
        .batch_execute(
            "create view public.theirs as select lora.job_pace(step, at) from (values (1, now())) as points (step, at);
             alter function lora._job_pace_add(bigint[], integer, timestamptz) rename to _gone;
             create function lora._job_pace_add(one bigint[], two integer, three timestamptz) returns bigint[] language sql
               immutable set search_path = '' as 'select one';
             create or replace aggregate lora.job_pace(step integer, reported_at timestamptz) (
               sfunc = lora._job_pace_add, stype = bigint[], combinefunc = lora._job_pace_combine,
               finalfunc = lora._job_pace_final, parallel = safe);
             drop function lora._gone",
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
    dance.commit().unwrap();
    age(&mut db);
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["leftovers_dropped"], json!(1), "{answer}");
    assert_eq!(value(&mut db, "select job_pace is not null from public.theirs"), json!(true));
    db.batch_execute("drop view public.theirs").unwrap();
    assert_same(&schema(&database), &fresh);
}

#[test]
fn verify_names_what_was_changed_by_hand_and_the_layer_comes_anew() {
    let database = Database::migrated_to("portable");
    let fresh = schema(&database);
    let mut db = database.connect();
    db.batch_execute(
        "drop function lora.smooth(double precision[], double precision);
         create or replace function lora.estimate_tokens(content text) returns bigint language sql immutable strict parallel safe
           set search_path = '' as 'select 7::bigint'",
    )
    .unwrap();
    let drifted = database.pg_lora(&["verify"]).expect(10);
    for named in [
        "missing    function lora.smooth(double precision[], double precision)",
        "different  function lora.estimate_tokens(text): language is sql, expected plpgsql",
    ] {
        assert!(drifted.stdout.contains(named), "{named}: {}", drifted.stdout);
    }
    let anew = "update lora_migrate.layers set hash = '' where name = 'lora'";
    assert!(drifted.stderr.contains(anew), "{}", drifted.stderr);
    db.batch_execute(anew).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    assert_same(&schema(&database), &fresh);

    // One that says that it is another.
    db.batch_execute(
        "create or replace function lora.build_info() returns jsonb language sql stable strict parallel safe
         set search_path = '' as $$select '{\"edition\": \"native\", \"version\": \"0.0.1\"}'::jsonb$$",
    )
    .unwrap();
    database.pg_lora(&["verify"]).expect(10);
}

/// As docs/portable.md says.
#[test]
fn files_that_were_run_by_hand_are_taken_over() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("create schema lora; grant usage on schema lora to public; set search_path = ''")
        .unwrap();
    db.batch_execute(&Database::portable_files()).unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&answer["lora"]["edition"], &answer["lora"]["action"]),
        (&json!("portable"), &json!("completed"))
    );
    database.pg_lora(&["verify"]).expect(0);
    assert_same(&schema(&database), &schema(&Database::migrated_to("portable")));
    let manifest = |database: &Database| -> Value { value(&mut database.connect(), MANIFEST) };
    assert_eq!(manifest(&database), manifest(&Database::migrated_to("portable")));
}
