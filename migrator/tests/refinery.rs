//! Vanilla refinery reads the history that `pg-lora` writes, and finds nothing to do.
//!
//! Needs a server that offers the extension: `PG_LORA_TEST_DATABASE_URL` names a database of it in which this
//! test may make everything. Without the variable it says so and passes, because `cargo test` has no server.

use std::io::Write as _;
use std::process::Command;

use postgres::{Client, NoTls};

mod refinery_migrations {
    refinery::embed_migrations!("../sql/migrations");
}

const DATABASE: &str = "PG_LORA_TEST_DATABASE_URL";
const HISTORY: &str = "lora_migrate.refinery_schema_history";

#[test]
fn it_finds_nothing_to_do() {
    let Ok(url) = std::env::var(DATABASE) else {
        // Past the test harness, which drops what a passing test prints.
        let _ = writeln!(std::io::stderr(), "skipped: {DATABASE} is not set");
        return;
    };
    let migrate = Command::new(env!("CARGO_BIN_EXE_pg-lora"))
        .args(["migrate", "--platform", "standalone", "--database-url", &url])
        .output()
        .unwrap();
    assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));

    let mut client = Client::connect(&url, NoTls).unwrap();
    let mut runner = refinery_migrations::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    let applied = runner.run(&mut client).unwrap();
    assert!(applied.applied_migrations().is_empty());

    let mut ours = runner.get_migrations().clone();
    ours.sort();
    let recorded = runner.get_applied_migrations(&mut client).unwrap();
    assert_eq!(recorded, ours, "name, version and checksum");
    assert!(recorded.iter().all(|migration| migration.applied_on().is_some()), "a time that refinery parses");
}
