//! Eight runners at once, on the server itself and through poolers: each version exactly once.

use std::process::{Child, Stdio};

use pg_lora_tests::{Database, Pgbouncer, PoolMode, program};
use serde_json::json;

use crate::concurrent::end;
use crate::versions::{bring, versions};
use crate::{assert_same, create_platform, recorded, schema, value};

const RUNNERS: usize = 8;

fn together(database: &Database, url: &str, had: usize) {
    let runners: Vec<Child> = (0..RUNNERS)
        .map(|_| {
            // A machine that is busy with other things may take its time for one of them.
            let patient = ["migrate", "--platform", "standalone", "--output", "json", "--lock-wait", "600"];
            let mut command = program::pg_lora(&patient);
            command.env("DATABASE_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut applied = Vec::new();
    for runner in runners {
        let answer = end(runner).expect(0).json();
        let versions = answer["versions_applied"].as_array().cloned().unwrap_or_default();
        applied.extend(versions.into_iter().map(|version| version["version"].as_u64().unwrap() as usize));
    }
    applied.sort_unstable();
    let all = versions().len();
    assert_eq!(applied, (had + 1..=all).collect::<Vec<_>>());
    let mut db = database.connect();
    assert_eq!(recorded(&mut db), json!((1..=all).collect::<Vec<_>>()));
    let logged = "select jsonb_agg(substr(name, 2, 4)::int order by name) from lora_migrate.runs where kind = 'version'";
    assert_eq!(value(&mut db, logged), json!(applied));
    let twice = "select count(*) from (select from lora_migrate.runs group by kind, name having count(*) > 1) as twice";
    assert_eq!(value(&mut db, twice), json!(0));
    database.pg_lora(&["status", "--check"]).expect(0);
    assert_same(&schema(database), &schema(&Database::migrated()));
}

/// An empty database, and one at a version in the middle.
fn on_both(url: impl Fn(&Database) -> String) {
    let database = Database::empty();
    together(&database, &url(&database), 0);

    let database = Database::empty();
    create_platform(&mut database.connect());
    let half = versions().len() / 2;
    bring(&database, &versions(), half as i32);
    together(&database, &url(&database), half);
}

#[test]
fn eight_runners_on_the_server_itself() {
    on_both(Database::url);
}

#[test]
fn eight_runners_through_a_pooler_of_sessions() {
    let server = Database::empty();
    let pooler = Pgbouncer::start(server.server(), PoolMode::Session, 20).unwrap();
    on_both(|database| pooler.url(database.name()));
}

#[test]
fn eight_runners_through_a_pooler_of_transactions() {
    let server = Database::empty();
    let pooler = Pgbouncer::start(server.server(), PoolMode::Transaction, 4).unwrap();
    on_both(|database| pooler.url(database.name()));
}
