//! `pg-lora verify` on databases that somebody changed by hand: each change is one line that names it, and what is an
//! operator's own is none.

use pg_lora_tests::{Database, Outcome};
use serde_json::{Value, json};

use crate::drift_changes::{CODE, Change, POLICIES, RIGHTS, TABLES};
use crate::{assert_same, schema, seeded, value};

/// The lines that differences are.
fn lines(outcome: &Outcome) -> Vec<String> {
    let labels = ["missing    ", "extra      ", "different  "];
    let is_one = |line: &&str| labels.iter().any(|label| line.starts_with(label));
    outcome.stdout.lines().filter(is_one).map(str::to_owned).collect()
}

/// The changes follow one another on one database: each adds its line, and nothing else.
#[track_caller]
fn assert_each_is_a_line(changes: &[Change]) {
    let database = Database::migrated();
    let mut db = database.connect();
    let mut before = Vec::new();
    for (index, (change, line)) in changes.iter().enumerate() {
        db.batch_execute(change).unwrap_or_else(|error| panic!("{change}: {error:?}"));
        let outcome = database.pg_lora(&["verify"]).expect(10);
        let now = lines(&outcome);
        let new: Vec<&String> = now.iter().filter(|line| !before.contains(*line)).collect();
        assert_eq!(new.len(), 1, "{change}: {new:#?}");
        assert!(new[0].starts_with(line), "{change}: {}", new[0]);
        assert_eq!(now.len(), index + 1, "{change}: {now:#?}");
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
        before = now;
    }
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(10).json();
    assert_eq!(answer["differences"].as_array().unwrap().len(), changes.len());
    assert_eq!((&answer["changed"], &answer["error"]["exit_code"]), (&json!(false), &json!(10)));
}

#[test]
fn each_change_of_a_policy_is_one_line() {
    assert_each_is_a_line(&POLICIES);
}

#[test]
fn each_change_of_a_table_is_one_line() {
    assert_each_is_a_line(&TABLES);
}

#[test]
fn each_change_of_a_trigger_or_function_is_one_line() {
    assert_each_is_a_line(&CODE);
}

#[test]
fn each_change_of_a_right_or_a_bucket_is_one_line() {
    assert_each_is_a_line(&RIGHTS);
}

#[test]
fn a_difference_has_its_object_and_what_differs_in_json() {
    let database = Database::migrated();
    database
        .connect()
        .batch_execute("alter table public.datasets alter name type text; grant select on public.datasets to anon; drop table lora_private.dataset_chunks cascade")
        .unwrap();
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(10).json();
    assert_eq!(
        answer["differences"],
        json!([
            {"difference": "different", "type": "column", "identity": "public.datasets.name",
             "expected": {"type": "character varying(200)"}, "found": {"type": "text"}},
            {"difference": "extra", "type": "grant", "identity": "on table public.datasets to anon",
             "expected": null, "found": {"rights": "select"}},
            // And none for its columns and rights.
            {"difference": "missing", "type": "table", "identity": "lora_private.dataset_chunks",
             "expected": {"kind": "table", "row_level_security": true}, "found": null},
        ])
    );
    assert_eq!((&answer["up_to_date"], &answer["pending"]), (&json!(true), &json!([])));
}

/// What others made is named, and is no drift.
#[test]
fn what_an_operator_adds_is_no_drift() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "do $$ begin create role drift_reporting; exception when duplicate_object then null; end $$;
         grant usage on schema lora_private to drift_reporting;
         grant select, update on all tables in schema public to drift_reporting;
         grant execute on all functions in schema public to drift_reporting;
         grant select (name) on public.datasets to drift_reporting;
         create index theirs on public.training_jobs (completed_at);
         create unique index theirs_too on public.notifications (id, user_id);
         create statistics public.theirs_also on status, user_id from public.training_jobs;
         alter table public.datasets add column theirs text default 'x', add constraint theirs check (theirs <> 'y');
         grant select (theirs) on public.datasets to anon;
         create policy theirs on public.datasets as restrictive for select to drift_reporting using (true);
         create policy theirs on storage.objects to authenticated using (bucket_id = 'avatars');
         create function public.theirs() returns trigger language plpgsql as 'begin return new; end';
         create trigger theirs before update on public.datasets for each row execute function public.theirs();
         create trigger theirs before update on auth.users for each row execute function public.theirs();
         create table public.their_table (id int);
         create view public.theirs_as_well as select name from public.datasets;
         alter table public.metrics_points set (fillfactor = 90), replica identity full;
         alter table public.datasets alter name set statistics 500;
         comment on table public.datasets is 'theirs';
         update storage.buckets set file_size_limit = 1, allowed_mime_types = null where id = 'lora-models'",
    )
    .unwrap();
    let before = schema(&database);
    let outcome = database.pg_lora(&["verify", "--output", "json"]).expect(0);
    let answer = outcome.json();
    assert_eq!(answer["differences"], json!([]));
    let named: Vec<String> = answer["foreign_objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| {
            format!("{} {}", object["type"].as_str().unwrap(), object["identity"].as_str().unwrap())
        })
        .collect();
    for object in [
        "column public.datasets.theirs",
        "constraint theirs on public.datasets",
        "index theirs on public.training_jobs",
        "index theirs_too on public.notifications",
        "trigger theirs on public.datasets",
        "view public.theirs_as_well",
    ] {
        assert!(named.contains(&object.to_owned()), "{object}: {named:?}");
    }
    assert_eq!(answer["foreign_policies"][0]["name"], "theirs");
    assert_eq!(answer["buckets_drift"].as_array().unwrap().len(), 2);
    let outcome = database.pg_lora(&["verify"]).expect(0);
    assert!(outcome.stdout.contains("\nverified   database "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("foreign    view public.theirs_as_well\n"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("note: bucket \"lora-models\": file_size_limit is 1"),
        "{}",
        outcome.stderr
    );
    assert_same(&schema(&database), &before);
    drop(db);
}

/// The way back that the hint gives.
#[test]
fn a_layer_that_was_changed_by_hand_can_be_made_anew() {
    let database = Database::migrated();
    let expected = schema(&database);
    let mut db = database.connect();
    // All but what is gone for good, or of another owner: a second function of a name stays.
    let undone = |change: &&Change| !change.0.contains("clock()") && !change.0.contains("content text");
    for (change, _) in CODE.iter().filter(undone) {
        db.batch_execute(change).unwrap();
    }
    for (change, _) in
        RIGHTS.iter().filter(|change| change.0.contains("on public.") && !change.0.contains("(name)"))
    {
        db.batch_execute(change).unwrap();
    }
    let outcome = database.pg_lora(&["verify"]).expect(10);
    let repair = "update lora_migrate.layers set hash = '' where name = 'functions'";
    assert!(outcome.stderr.contains(repair), "{}", outcome.stderr);
    db.batch_execute(repair).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    assert_same(&schema(&database), &expected);
}

/// A run that wrote does not say that all is well where it is not.
#[test]
fn a_run_that_wrote_names_what_is_not_as_it_should_be() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "drop policy \"Users can view own datasets\" on public.datasets;
         update lora_migrate.layers set hash = '' where name = 'functions'",
    )
    .unwrap();
    let outcome = database.pg_lora(&["migrate", "--output", "json"]).expect(10);
    let answer = outcome.json();
    assert_eq!(
        (&answer["changed"], &answer["differences"][0]["difference"]),
        (&json!(true), &json!("missing"))
    );
    assert!(
        outcome.stderr.contains("missing: policy \"Users can view own datasets\" on public.datasets"),
        "{}",
        outcome.stderr
    );
    // Nothing is written any more, so nothing is compared: that is what `verify` is for.
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["changed"], false);
    database.pg_lora(&["verify"]).expect(10);
}

/// Whoever may read, may verify.
#[test]
fn a_role_that_may_only_read_sees_the_same() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute("create role drift_reader login; grant pg_read_all_data to drift_reader").unwrap();
    let url = database.url().replace("postgres@", "drift_reader@");
    Outcome::of_pg_lora(&url, &["verify"]).expect(0);
    db.batch_execute(
        "alter table public.datasets disable row level security; grant select on public.datasets to anon",
    )
    .unwrap();
    let answer = Outcome::of_pg_lora(&url, &["verify", "--output", "json"]).expect(10).json();
    let all = database.pg_lora(&["verify", "--output", "json"]).expect(10).json();
    assert_eq!(answer["differences"], all["differences"]);
    assert_eq!(answer["differences"].as_array().unwrap().len(), 2);
    db.batch_execute("drop owned by drift_reader; drop role drift_reader").unwrap();
}

/// What rows break waits, and is no drift; once none does, it is.
#[test]
fn a_rule_that_rows_break_waits() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(crate::adopted::ROWS).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(0).json();
    assert_eq!(answer["differences"], json!([]));
    let waiting = value(&mut db, "select count(*) from pg_constraint where not convalidated");
    assert_eq!(json!(answer["broken_rules"].as_array().unwrap().len()), waiting);
    assert_ne!(waiting, json!(0));
    let text = database.pg_lora(&["verify"]).expect(0).stdout;
    assert!(text.contains("broken     constraint datasets_status_check on public.datasets\n"), "{text}");

    db.batch_execute("set session_replication_role = replica; update public.notifications set type = 'odd'")
        .unwrap();
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(10).json();
    let names: Vec<&Value> =
        answer["differences"].as_array().unwrap().iter().map(|one| &one["identity"]).collect();
    assert_eq!(names, [&json!("notifications_type_check on public.notifications")]);
    assert_eq!(answer["pending"], json!(["constraint notifications_type_check"]));
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
}
