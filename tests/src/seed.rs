//! The specification that this project started from, in its own words, and a database on which somebody ran its SQL
//! by hand.

use std::fs;
use std::path::Path;

use postgres::Client;

use crate::Database;

/// The SQL.
pub const SQL: &str = include_str!("../fixtures/seed.sql");
/// The TypeScript.
pub const TYPESCRIPT: &str = include_str!("../fixtures/seed.ts");
/// The list of buckets to create by hand.
pub const BUCKETS: &str = include_str!("../fixtures/seed-buckets.txt");

/// A database on which the SQL was run, beside what a platform has.
///
/// # Panics
/// If it cannot be made.
pub fn database() -> Database {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute(SQL).unwrap();
    database
}

/// The platform's things, from this project's own files. Roles belong to the server, and are there already.
///
/// # Panics
/// If one of them cannot be made.
pub fn create_platform(db: &mut Client) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/platform");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("-- required: role") {
            db.batch_execute(&text).unwrap();
        }
    }
}
