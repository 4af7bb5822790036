//! A connection that is lost in a commit: nothing is applied twice, whether the server got the commit or not.

use pg_lora_tests::random::Random;
use pg_lora_tests::{Database, Outcome, Proxy, Verdict, environment};
use serde_json::json;

use crate::{assert_same, recorded, schema, value};

/// Loses the connection in the n-th commit; gives the outcome, and how many commits there were.
fn lose(database: &Database, commit: usize, verdict: Verdict) -> (Outcome, usize) {
    let counted = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&counted);
    let judge = move |_, text: &str| {
        let is_commit = text == "COMMIT";
        let number = is_commit.then(|| counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1);
        if number == Some(commit) { verdict } else { Verdict::Forward }
    };
    let proxy = Proxy::start(database.server(), judge).unwrap();
    let arguments = ["migrate", "--platform", "standalone", "--output", "json"];
    let outcome = Outcome::of_pg_lora(&proxy.url(database.name()), &arguments);
    (outcome, counted.load(std::sync::atomic::Ordering::SeqCst))
}

fn assert_once(database: &Database) {
    let mut db = database.connect();
    let twice = "select count(*) from (
        select from lora_migrate.runs group by kind, name having count(*) > 1) as twice";
    assert_eq!(value(&mut db, twice), json!(0));
    let versions = "select jsonb_agg(substr(name, 2, 4)::int order by name) from lora_migrate.runs where kind = 'version'";
    assert_eq!(value(&mut db, versions), recorded(&mut db));
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up() {
    let fresh = schema(&Database::migrated());
    let (outcome, commits) = lose(&Database::empty(), 0, Verdict::Forward);
    outcome.expect(0);
    let mut random = Random::stream(environment::seed(), 61);
    let chosen: Vec<usize> = match environment::full() {
        true => (1..=commits).collect(),
        false => (0..3).map(|_| random.between(1, commits)).collect(),
    };
    for commit in chosen {
        for (verdict, retries) in [(Verdict::ForwardAndCut, 0), (Verdict::Cut, 1)] {
            let database = Database::empty();
            let outcome = lose(&database, commit, verdict).0.expect(0);
            assert!(outcome.stderr.contains("lost in the commit; looking again"), "{}", outcome.stderr);
            let applied = outcome.json()["versions_applied"].as_array().unwrap().len();
            let mut db = database.connect();
            assert_eq!(applied, recorded(&mut db).as_array().unwrap().len(), "commit {commit}, {verdict:?}");
            // The row tells of the try that was committed.
            let tried = value(&mut db, "select sum(retries) from lora_migrate.runs");
            assert_eq!(tried, json!(retries), "commit {commit}, {verdict:?}");
            assert_once(&database);
            assert_same(&schema(&database), &fresh);
        }
    }
}

#[test]
fn where_the_server_stays_away_the_next_run_finds_out() {
    let database = Database::empty();
    let outcome = lose(&database, 3, Verdict::CutForGood).0.expect(3);
    let error = outcome.json()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("lost in the commit"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("run the command again"), "{error}");
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    assert_once(&database);
    assert_same(&schema(&database), &schema(&Database::migrated()));
}
