//! Rows that break a rule when their database is adopted: they are named, everything else ends as on a fresh database,
//! and when their owners have mended them the rules hold for all rows.

use pg_lora_tests::{Caller, Database};
use serde_json::{Value, json};

use crate::adopted::ROWS;
use crate::{assert_same, schema, seeded, value};

const ALICE: &str = "00000000-0000-4000-8000-00000000000a";
const BOB: &str = "00000000-0000-4000-8000-00000000000b";

/// A second model of Alice's first name and version, from a job of Bob's.
const SECOND_MODEL: &str = "
insert into public.model_artifacts (id, user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts)
select '00000000-0000-4000-8000-0000000000f2', user_id, '00000000-0000-4000-8000-000000000e02', dataset_id, name, '{}', '{}', '{}', '{}'
from public.model_artifacts";

/// The rules that are said to be broken, `type rule rows`.
fn named(answer: &Value) -> Vec<String> {
    let rules = answer["broken_rules"].as_array().unwrap().iter();
    rules
        .map(|r| format!("{} {} {}", r["type"].as_str().unwrap(), r["rule"].as_str().unwrap(), r["rows"]))
        .collect()
}

/// A catalogue as if no row broke a rule, and the constraints that are not validated.
pub fn as_if_validated(lines: Vec<String>) -> (Vec<String>, Vec<String>) {
    let is_waiting =
        |line: &String| line.contains(" | constraint | ") && line.contains(" NOT VALID valid false");
    let name = |line: &String| line.split(' ').nth(5).unwrap_or_default().to_owned();
    let names = lines.iter().filter(|line| is_waiting(line)).map(name).collect();
    let mut lines: Vec<String> =
        lines.iter().map(|line| line.replace(" NOT VALID valid false", " valid true")).collect();
    lines.sort();
    (lines, names)
}

/// The names of the rules of a type.
pub fn rules(answer: &Value, r#type: &str) -> Vec<String> {
    let rules = answer["broken_rules"].as_array().unwrap().iter().filter(|rule| rule["type"] == r#type);
    let mut names: Vec<String> = rules.map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_used_database_ends_like_a_fresh_one_up_to_what_its_rows_break() {
    let database = seeded();
    database.connect().batch_execute(&format!("{ROWS}; {SECOND_MODEL}")).unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(
        named(&answer),
        [
            "constraint cost_records_amount_corrects_check 1",
            "constraint cost_records_cost_type_check 1",
            "constraint datasets_file_size_check 1",
            "constraint datasets_format_check 1",
            "constraint datasets_status_check 1",
            "constraint datasets_status_validated_at_check 1",
            "index model_artifacts_user_id_name_version_key 2",
            "constraint notifications_type_check 1",
            "constraint training_jobs_current_cost_check 1",
            "constraint training_jobs_estimated_total_cost_check 1",
            "constraint training_jobs_progress_check 1",
            "constraint training_jobs_status_check 1",
            "constraint training_jobs_total_epochs_check 1",
            "ownership model_artifacts_job_id_fkey 1",
            "ownership training_jobs_dataset_id_fkey 2",
        ]
    );
    let banana = json!({
        "type": "constraint", "rule": "training_jobs_status_check", "table": "public.training_jobs", "rows": 1,
        "ids": ["00000000-0000-4000-8000-000000000e03"],
        "mend": "alter table public.training_jobs validate constraint training_jobs_status_check",
    });
    assert!(answer["broken_rules"].as_array().unwrap().contains(&banana), "{answer}");
    let repeated = json!({
        "rows": 2, "jobs": 1, "first": [{"job_id": "00000000-0000-4000-8000-000000000e01", "rows": 2}]
    });
    assert_eq!(answer["repeated_points"], repeated);
    let theirs = json!([{"type": "function", "identity": "public.update_updated_at_column()"}]);
    assert_eq!(answer["foreign_objects"], theirs);

    // In words, each with what ends it; and nothing of it is pending, as nothing can be done.
    let status = database.pg_lora(&["status", "--check"]).expect(0);
    for words in [
        "warning: 1 row of public.training_jobs breaks \"training_jobs_status_check\": \
         00000000-0000-4000-8000-000000000e03\nhint: correct the row or end the job, as failed or cancelled, then run \
         pg-lora migrate again, or: alter table public.training_jobs validate constraint training_jobs_status_check\n",
        "warning: 2 rows of public.model_artifacts share what is to be unique by \
         \"model_artifacts_user_id_name_version_key\", which is not made: ",
        "warning: 2 rows of public.training_jobs belong to another user than what they refer to by \
         \"training_jobs_dataset_id_fkey\": 00000000-0000-4000-8000-000000000e02, 00000000-0000-4000-8000-000000000e03\n",
        "note: points that were sent more than once stand beside the curves of their jobs, as attempt 0, -1 and so on: \
         2 in 1 job\n",
    ] {
        assert!(status.stderr.contains(words), "{words}: {}", status.stderr);
    }
    assert!(
        status
            .stdout
            .contains("broken     ownership model_artifacts_job_id_fkey on public.model_artifacts\n")
    );

    database.connect().batch_execute("drop function public.update_updated_at_column()").unwrap();
    let (found, waiting) = as_if_validated(schema(&database));
    assert_eq!(waiting, rules(&answer, "constraint"));
    let mut fresh = schema(&Database::migrated());
    let index = |line: &String| {
        line.contains(" | index | ") && line.contains("model_artifacts_user_id_name_version_key")
    };
    fresh.retain(|line| !index(line));
    assert_same(&found, &fresh);
}

#[test]
fn rules_hold_for_all_rows_once_their_owners_have_mended_them() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(&format!("{ROWS}; {SECOND_MODEL}")).unwrap();
    let before = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(before["rules_mended"], json!([]));

    let (alice, bob) = (Caller::user(ALICE), Caller::user(BOB));
    for (who, change) in [
        (&alice, "update public.datasets set deleted_at = now()"),
        (&bob, "update public.datasets set deleted_at = now()"),
        (&alice, "update public.notifications set read = true"),
        (
            &alice,
            "update public.model_artifacts set name = 'other' where id = '00000000-0000-4000-8000-0000000000f2'",
        ),
        (&bob, "update public.training_jobs set status = 'cancelled' where status = 'banana'"),
    ] {
        assert!(who.write(&mut db, change).unwrap() > 0, "{change}");
    }
    let mended = [
        "constraint datasets_file_size_check",
        "constraint datasets_format_check",
        "constraint datasets_status_check",
        "constraint datasets_status_validated_at_check",
        "index model_artifacts_user_id_name_version_key",
        "constraint notifications_type_check",
        "constraint training_jobs_current_cost_check",
        "constraint training_jobs_estimated_total_cost_check",
        "constraint training_jobs_progress_check",
        "constraint training_jobs_status_check",
        "constraint training_jobs_total_epochs_check",
    ];
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(5).json();
    assert_eq!(status["pending"], json!(mended), "status says what waits");
    let status = database.pg_lora(&["status"]).expect(0);
    let words =
        "pending    constraint datasets_format_check on public.datasets, which no row breaks any more\n";
    assert!(status.stdout.contains(words), "{}", status.stdout);

    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    let said: Vec<String> = answer["rules_mended"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| format!("{} {}", rule["type"].as_str().unwrap(), rule["rule"].as_str().unwrap()))
        .collect();
    assert_eq!((said, &answer["changed"]), (mended.map(str::to_owned).to_vec(), &json!(true)));
    let left = [
        "constraint cost_records_amount_corrects_check 1",
        "constraint cost_records_cost_type_check 1",
        "ownership model_artifacts_job_id_fkey 1",
        "ownership training_jobs_dataset_id_fkey 2",
    ];
    assert_eq!(named(&answer), left);
    is_left_alone(&database, &left);

    // What is written once can be mended by the owner of the tables only.
    db.batch_execute(
        "set session_replication_role = replica;
         update public.cost_records set cost_type = 'odd_type', amount = 1 where amount < 0 and job_id is not null;
         update public.training_jobs set dataset_id = '00000000-0000-4000-8000-0000000000d2' where user_id <> (
           select user_id from public.datasets where id = dataset_id);
         update public.training_jobs set user_id = '00000000-0000-4000-8000-00000000000a',
           dataset_id = '00000000-0000-4000-8000-0000000000d1' where id = '00000000-0000-4000-8000-000000000e02';
         reset session_replication_role",
    )
    .unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(0);
    for name in ["cost_records_amount_corrects_check", "cost_records_cost_type_check"] {
        let line = format!("mended     constraint {name} on public.cost_records\n");
        assert!(outcome.stdout.contains(&line), "{}", outcome.stdout);
    }
    is_left_alone(&database, &[]);

    db.batch_execute("drop function public.update_updated_at_column()").unwrap();
    assert_same(&schema(&database), &schema(&Database::migrated()));
}

/// Nothing is pending, a run changes nothing, and this is what both say to be broken.
#[track_caller]
fn is_left_alone(database: &Database, broken: &[&str]) {
    let before = schema(database);
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(0).json();
    let again = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!((&again["changed"], &again["rules_mended"]), (&json!(false), &json!([])));
    assert_eq!(
        (named(&status), named(&again)),
        (named(&again), broken.iter().map(|&b| b.to_owned()).collect())
    );
    assert_same(&schema(database), &before);
}

/// The tables are in use: the rule waits for its lock as long as any other step, and the next run tries again.
#[test]
fn a_rule_that_cannot_be_mended_now_is_mended_by_the_next_run() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let waiting = "select jsonb_agg(conname) from pg_constraint where conname = 'notifications_type_check' and not convalidated";
    db.batch_execute("update public.notifications set read = true").unwrap();
    let mut other = database.connect();
    let mut lock = other.transaction().unwrap();
    lock.batch_execute("lock table public.notifications in share row exclusive mode").unwrap();
    database.pg_lora(&["migrate", "--lock-wait", "1"]).expect(12);
    assert_eq!(value(&mut db, waiting), json!(["notifications_type_check"]));
    lock.rollback().unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, waiting), json!(null));
}
