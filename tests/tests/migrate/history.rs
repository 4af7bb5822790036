//! A history that this build could not have written is refused, and nothing is touched.

use pg_lora_tests::Database;

use crate::{assert_same, schema};

fn refused(change: &str, what: &[&str]) {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(change).unwrap();
    let before = schema(&database);
    let rows = "select jsonb_agg(to_jsonb(h) order by version) from lora_migrate.refinery_schema_history h";
    let history = crate::value(&mut db, rows);
    for command in
        [&["migrate"][..], &["migrate", "--platform", "standalone"], &["status"], &["status", "--check"]]
    {
        let outcome = database.pg_lora(command).expect(7);
        for words in what {
            assert!(outcome.stderr.contains(words), "{change}: {command:?}: {}", outcome.stderr);
        }
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
    }
    assert_same(&schema(&database), &before);
    assert_eq!(crate::value(&mut db, rows), history, "{change}");
}

#[test]
fn a_changed_text_is_refused() {
    refused(
        "update lora_migrate.refinery_schema_history set checksum = '1' where version = 2",
        &["version 2 was applied from another text than \"sql/migrations/V0002__", "recorded checksum 1"],
    );
}

#[test]
fn a_row_without_a_checksum_or_a_name_is_refused() {
    refused(
        "update lora_migrate.refinery_schema_history set checksum = null where version = 1",
        &["version 1"],
    );
    refused("update lora_migrate.refinery_schema_history set name = null where version = 1", &["version 1"]);
}

#[test]
fn a_renamed_version_is_refused() {
    refused(
        "update lora_migrate.refinery_schema_history set name = 'other' where version = 1",
        &["version 1 is recorded under another name: \"other\""],
    );
}

#[test]
fn a_version_from_the_future_is_refused() {
    // By a build that did not say who can work with it; see ahead.rs for one that did.
    refused(
        "insert into lora_migrate.refinery_schema_history values (9999, 'of_tomorrow', '2036-01-01T00:00:00Z', '7');
         delete from lora_migrate.settings where name = 'oldest_build'",
        &["version 9999 \"of_tomorrow\" is recorded in the database and unknown to this build"],
    );
}

#[test]
fn a_gap_is_refused() {
    refused(
        "delete from lora_migrate.refinery_schema_history where version = 1",
        &["\"V0001__training_tables\" is not recorded"],
    );
}
