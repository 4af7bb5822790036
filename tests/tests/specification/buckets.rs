//! The two buckets, as the list of the specification has them.

use std::collections::BTreeSet;

use pg_lora_tests::{Database, seed};
use postgres::Client;

/// A bucket of the list.
#[derive(Debug, PartialEq, Eq)]
struct Bucket {
    id: String,
    public: bool,
    file_size_limit: i64,
    mime_types: BTreeSet<String>,
}

/// Types that real clients send and the list lacks: they are compared as declared, never sniffed, so that every
/// upload with one of them would be refused.
const MORE_MIME_TYPES: [(&str, &[&str]); 2] = [
    ("lora-datasets", &["application/x-ndjson", "application/jsonl", "application/octet-stream"]),
    ("lora-models", &["application/gzip"]),
];

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The list of the specification.
fn specified() -> Vec<Bucket> {
    let value = |block: &str, label: &str| -> String {
        let line = block.lines().find_map(|line| line.split_once(label));
        line.unwrap_or_else(|| panic!("no \"{label}\" in {block}")).1.trim().to_owned()
    };
    let bytes = |size: &str| match size.split_once(' ') {
        Some((number, "MB")) => number.parse::<i64>().unwrap() << 20,
        Some((number, "GB")) => number.parse::<i64>().unwrap() << 30,
        _ => panic!("not a size: {size}"),
    };
    let blocks = seed::BUCKETS.split("\n\n").map(|block| Bucket {
        id: quoted(&value(block, "**Bucket**:")).next().unwrap(),
        public: value(block, "Public:") != "No (private)",
        file_size_limit: bytes(&value(block, "File size limit:")),
        mime_types: quoted(&value(block, "Allowed MIME types:")).collect(),
    });
    blocks.collect()
}

fn stored(db: &mut Client) -> Vec<Bucket> {
    let sql = "select id, public, file_size_limit, allowed_mime_types from storage.buckets order by id";
    let bucket = |row: &postgres::Row| Bucket {
        id: row.get(0),
        public: row.get(1),
        file_size_limit: row.get(2),
        mime_types: row.get::<_, Vec<String>>(3).into_iter().collect(),
    };
    db.query(sql, &[]).unwrap().iter().map(bucket).collect()
}

#[test]
fn acceptance_3_storage_buckets_created_with_private_access() {
    let mut expected = specified();
    assert_eq!(expected.len(), 2);
    assert!(expected.iter().all(|bucket| !bucket.public));
    for (bucket, (id, more)) in expected.iter_mut().zip(MORE_MIME_TYPES) {
        assert_eq!(bucket.id, id);
        for mime_type in more {
            assert!(bucket.mime_types.insert((*mime_type).to_owned()), "{mime_type} is in the list");
        }
    }
    assert_eq!(stored(&mut Database::migrated().connect()), expected);
}

/// By hand in the dashboard, says the specification: where somebody did that, their buckets are kept as they are,
/// except that both are private; and nobody has to.
#[test]
fn verification_2_storage_create_buckets() {
    let database = Database::empty();
    let mut db = database.connect();
    seed::create_platform(&mut db);
    for bucket in specified() {
        let mime_types: Vec<&String> = bucket.mime_types.iter().collect();
        db.execute(
            "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values ($1, $1, true, $2, $3)",
            &[&bucket.id, &bucket.file_size_limit, &mime_types],
        )
        .unwrap();
    }
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(stored(&mut db), specified());

    db.batch_execute("delete from storage.buckets where id = 'lora-models'").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let names: Vec<String> = stored(&mut db).into_iter().map(|bucket| bucket.id).collect();
    assert_eq!(names, ["lora-datasets", "lora-models"]);
}
