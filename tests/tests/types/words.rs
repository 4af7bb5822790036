//! Words that a column holds: the union in TypeScript is the list of its check in the database.

use std::collections::BTreeSet;

use pg_lora_tests::Database;

use super::text;

/// A type, and the column whose check lists its words.
const CHECKED: [(&str, &str, &str); 5] = [
    ("DatasetFormat", "datasets", "format"),
    ("DatasetStatus", "datasets", "status"),
    ("JobStatus", "training_jobs", "status"),
    ("ArtifactStatus", "model_artifacts", "status"),
    ("NotificationPriority", "notifications", "priority"),
];

/// The words of a union.
fn union(name: &str) -> BTreeSet<String> {
    let text = text("lora-training.ts");
    let (_, rest) =
        text.split_once(&format!("export type {name} =")).unwrap_or_else(|| panic!("no type {name}"));
    let (union, _) = rest.split_once(';').unwrap();
    union.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn unions_are_what_checks_allow() {
    let database = Database::migrated();
    let mut db = database.connect();
    for (name, table, column) in CHECKED {
        let check = format!(
            "select array(select word[1] from regexp_matches(pg_get_constraintdef(oid), '''([a-z0-9_]+)''', 'g') as word)
             from pg_constraint where conname = '{table}_{column}_check'"
        );
        let words: Vec<String> = db.query_one(&check, &[]).unwrap().get(0);
        // What the check says beside the list has no other words, but for the ends of jobs, which are among them.
        assert_eq!(union(name), words.into_iter().collect::<BTreeSet<_>>(), "{name}");
    }
    for (name, words) in [
        ("FailureClass", "select lora_private.failure_classes()"),
        ("PresetId", "select array(select jsonb_object_keys(lora.hyperparameter_presets()))"),
    ] {
        let words: Vec<String> = db.query_one(words, &[]).unwrap().get(0);
        assert_eq!(union(name), words.into_iter().collect::<BTreeSet<_>>(), "{name}");
    }
}
