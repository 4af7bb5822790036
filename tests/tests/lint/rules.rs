//! One file for each rule, and one beside it with an offence against it.

use std::fs;
use std::path::{Path, PathBuf};

use pg_lora_tests::Database;
use postgres::Client;

/// Findings that stay, as the specification names these indexes. What they cost is in docs/security.md.
const EXCEPTIONS: [(&str, &str); 5] = [
    ("0009_duplicate_index", "public.idx_cost_records_user_id"),
    ("0009_duplicate_index", "public.idx_metrics_points_job_id"),
    ("0009_duplicate_index", "public.idx_model_artifacts_job_id"),
    ("0009_duplicate_index", "public.idx_notifications_user_id"),
    // Needless since there is an index of ours for lists by owner.
    ("0009_duplicate_index", "public.idx_training_jobs_user_id"),
];

/// A rule: a query whose rows are what it objects to.
struct Rule {
    name: String,
    sql: String,
    offence: String,
}

impl Rule {
    fn findings(&self, db: &mut Client) -> Vec<String> {
        // Every name comes with its schema.
        db.batch_execute("set search_path = pg_catalog").unwrap();
        let rows = db.query(&self.sql, &[]).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        let mut findings: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        findings.sort();
        findings
    }

    /// What it finds in every migrated database.
    fn exceptions(&self) -> Vec<String> {
        let of_this = EXCEPTIONS.iter().filter(|(rule, _)| *rule == self.name);
        of_this.map(|(_, finding)| (*finding).to_owned()).collect()
    }

    /// What it has to find when its offence is committed.
    fn expected(&self) -> Vec<String> {
        let expected = self.offence.lines().filter_map(|line| line.strip_prefix("-- expected: "));
        expected.map(str::to_owned).collect()
    }
}

/// All of them, in their order.
fn rules() -> Vec<Rule> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/rules");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read =
        |file: &Path| fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let rule = |file: &PathBuf| {
        let name = file.file_name()?.to_str()?.strip_suffix(".sql")?;
        let offence = file.with_extension("offence.sql");
        (!name.ends_with(".offence")).then(|| Rule {
            name: name.to_owned(),
            sql: read(file),
            offence: read(&offence),
        })
    };
    files.iter().filter_map(rule).collect()
}

#[test]
fn a_migrated_database_breaks_no_rule() {
    let database = Database::migrated();
    let mut db = database.connect();
    let rules = rules();
    assert_eq!(rules.len(), 9);
    for rule in rules {
        assert_eq!(rule.findings(&mut db), rule.exceptions(), "{}", rule.name);
    }
}

#[test]
fn each_rule_finds_its_offence_and_nothing_beside_it() {
    for rule in rules() {
        let database = Database::migrated();
        let mut db = database.connect();
        db.batch_execute(&rule.offence).unwrap_or_else(|error| panic!("{}: {error:?}", rule.name));
        let mut expected = rule.expected();
        assert!(!expected.is_empty(), "{}", rule.name);
        expected.extend(rule.exceptions());
        expected.sort();
        assert_eq!(rule.findings(&mut db), expected, "{}", rule.name);
    }
}
