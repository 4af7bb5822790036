//! What the specification's SQL makes, read from the catalogue of a database on which it was run: nothing is listed
//! here by hand, and so nothing can be missed by hand.

use std::collections::BTreeMap;

use pg_lora_tests::{Database, seed};
use postgres::Client;

/// Each decision and how it was taken, by name.
pub type Things = BTreeMap<String, String>;

/// What a database holds.
pub fn things(db: &mut Client) -> Things {
    // Names come with their schema, in whatever schema they are.
    db.batch_execute("set search_path = ''").unwrap();
    let rows = db.query(include_str!("things.sql"), &[]).unwrap();
    let things: Things = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(things.len(), rows.len(), "two things of one name");
    things
}

/// What the specification decides.
pub fn specified() -> Things {
    things(&mut seed::database().connect())
}

/// What `pg-lora migrate` makes of an empty database.
pub fn migrated() -> Things {
    things(&mut Database::migrated().connect())
}

/// The names of what the specification has of one kind, each once.
pub fn names(things: &Things, kind: &str) -> Vec<String> {
    let of_kind = things.keys().filter_map(|key| key.strip_prefix(kind)?.strip_prefix(' '));
    of_kind.map(str::to_owned).collect()
}

/// How often a statement begins with these words in the specification's text.
fn statements(words: &str) -> usize {
    seed::SQL.lines().filter(|line| line.starts_with(words)).count()
}

/// The catalogue is as long as the text: what the one or the other lacks would be compared with nothing.
#[test]
fn the_catalogue_of_the_specification_holds_all_of_its_text() {
    let specified = specified();
    let count = |kind: &str| names(&specified, kind).len();
    assert_eq!((count("table"), statements("CREATE TABLE")), (6, 6));
    assert_eq!((count("index"), statements("CREATE INDEX")), (14, 14));
    // Each policy has five aspects.
    assert_eq!((count("policy"), statements("CREATE POLICY")), (6 * 5, 6));
    // And each trigger two.
    assert_eq!((count("trigger"), statements("CREATE TRIGGER")), (3 * 2, 3));
    assert_eq!((count("function"), statements("CREATE OR REPLACE FUNCTION")), (1, 1));
    assert_eq!(statements("ALTER TABLE"), 4, "three for row-level security, one for a key");
    // A column stands on a line of its own, indented, and begins with its name in lower case.
    let columns = seed::SQL.lines().filter(|line| {
        line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    // Each has a position, a type, nullability and a default.
    assert_eq!(count("column"), 4 * columns.count());
    let keys = ["PRIMARY KEY", " UNIQUE", "REFERENCES"];
    let keys: usize = keys.iter().map(|words| seed::SQL.matches(words).count()).sum();
    assert_eq!(count("constraint"), keys);
}
