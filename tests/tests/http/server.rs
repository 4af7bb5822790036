//! The HTTP layer itself: it ends with its owner, and knows a database as soon as it is migrated.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::story::{TABLES, add_dataset, digests, pairs, sign_up};
use pg_lora_tests::{Caller, Database, Postgrest};
use serde_json::json;

use crate::client::{Client, Platform};

/// Asks until it is so, or time is up.
fn soon(is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

fn process(dir: &Path) -> PathBuf {
    let pid = std::fs::read_to_string(dir.join("run/server.pid")).unwrap();
    Path::new("/proc").join(pid.trim_end())
}

#[test]
fn a_server_answers_and_is_gone_after_drop() {
    let platform = Platform::migrated();
    let dir = platform.postgrest().dir().to_owned();
    let process = process(&dir);
    assert!(process.exists());
    let alice = sign_up(&mut platform.database.connect(), "alice");
    assert_eq!(platform.client(&alice).get("/datasets").expect(200).text, "[]");
    drop(platform);
    assert!(!process.exists());
    assert!(!dir.exists());
}

#[test]
fn sigkill_of_the_owner_stops_the_server() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_hold-cluster"))
        .arg("--postgrest")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let dirs: Vec<PathBuf> = lines.take(2).map(|line| PathBuf::from(line.unwrap())).collect();
    let process = process(&dirs[1]);
    assert!(process.exists());

    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(soon(|| !process.exists()), "the server outlived its owner");
    assert!(soon(|| !dirs.iter().any(|dir| dir.exists())), "a folder outlived its owner");
}

#[test]
fn a_token_that_another_secret_signed_is_refused() {
    let platform = Platform::migrated();
    let mut client = platform.client(&Caller::service());
    client.get("/datasets").expect(200);
    client.forge();
    client.get("/datasets").expect(401);
}

/// The schema cache is told by the migration itself, so that nobody has to restart anything.
#[test]
fn tables_are_served_as_soon_as_they_are_there() {
    let platform = Platform::on(Database::empty());
    let service = platform.client(&Caller::service());
    for table in TABLES {
        service.get(&format!("/{table}")).expect(404);
    }
    platform.database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    // The functions come last.
    let claim = || service.rpc("claim_training_jobs", &json!({"worker": "w"}));
    assert!(soon(|| claim().status != 404));
    claim().expect(200);
    for table in TABLES {
        service.get(&format!("/{table}")).expect(200);
    }
}

/// The platform ends a call after 8 seconds; here after a tenth of one.
#[test]
fn a_call_that_takes_too_long_leaves_nothing_behind() {
    let platform = Platform::migrated();
    let mut db = platform.database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(200_000);
    let dataset = add_dataset(&mut db, &alice, content.len());
    let limit = format!(
        "alter role authenticator in database {} set statement_timeout = '100ms'",
        platform.database.name()
    );
    db.batch_execute(&limit).unwrap();
    let hurried = Postgrest::start(platform.database.server(), platform.database.name()).unwrap();
    let service = Client::of(&hurried, &Caller::service());
    let before = digests(&mut db);
    let body = json!({"dataset_id": dataset, "content": content});
    service.rpc("validate_dataset", &body).has_code(500, "57014");
    assert_eq!(digests(&mut db), before);
    platform.client(&Caller::service()).rpc("validate_dataset", &body).expect(200);
}
