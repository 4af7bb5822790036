//! The two storage buckets.
//!
//! Invariant: both are private, whoever made them; what is missing is created with our limits, and an
//! operator's other limits are reported and left. Columns that an older storage schema lacks are left out.

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::step::Step;
use crate::{history, settings};
use postgres::types::Type;

/// Where the platform keeps them.
pub const TABLE: &str = "storage.buckets";

const DOING: &str = "setting up the storage buckets";

/// What a bucket should be.
struct Bucket {
    id: &'static str,
    file_size_limit: i64,
    /// The specification's list.
    mime_types: &'static [&'static str],
    /// What real clients send beside it: types are compared as declared, never sniffed.
    sent_mime_types: &'static [&'static str],
}

impl Bucket {
    /// What may be uploaded; `strict`: by the specification's list alone.
    fn allowed_mime_types(&self, strict: bool) -> Vec<&'static str> {
        let sent = if strict { &[] } else { self.sent_mime_types };
        self.mime_types.iter().chain(sent).copied().collect()
    }
}

const BUCKETS: [Bucket; 2] = [
    Bucket {
        id: "lora-datasets",
        file_size_limit: 524_288_000,
        mime_types: &["application/json", "application/x-jsonlines"],
        sent_mime_types: &["application/x-ndjson", "application/jsonl", "application/octet-stream"],
    },
    Bucket {
        id: "lora-models",
        file_size_limit: 5_368_709_120,
        mime_types: &["application/octet-stream", "application/x-tar", "application/json"],
        sent_mime_types: &["application/gzip"],
    },
];

/// What is to be done to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", content = "id", rename_all = "snake_case")]
pub enum Change {
    Create(&'static str),
    MakePrivate(&'static str),
}

impl Change {
    /// The bucket.
    pub fn id(&self) -> &'static str {
        match self {
            Change::Create(id) | Change::MakePrivate(id) => id,
        }
    }
}

/// A limit that an operator set otherwise.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub bucket: &'static str,
    pub column: &'static str,
    pub expected: Value,
    pub found: Value,
}

/// The names of the buckets.
pub fn ids() -> impl Iterator<Item = &'static str> {
    BUCKETS.iter().map(|bucket| bucket.id)
}

/// A query for the rows of our buckets as one jsonb, whatever columns the table has.
pub fn rows_sql() -> String {
    let ids = BUCKETS.map(|bucket| format!("'{}'", bucket.id)).join(", ");
    format!("select coalesce(jsonb_agg(to_jsonb(b)), '[]') from storage.buckets b where b.id in ({ids})")
}

/// The same as a statement: missing ones are created, public ones made private.
pub fn sql() -> String {
    let row = |bucket: &Bucket| {
        let types = bucket.allowed_mime_types(false);
        let types = types.iter().map(|mime| format!("'{mime}'")).collect::<Vec<_>>();
        let Bucket { id, file_size_limit, .. } = bucket;
        format!("  ('{id}', '{id}', false, {file_size_limit}, array[{}])", types.join(", "))
    };
    format!(
        "insert into storage.buckets as b (id, name, public, file_size_limit, allowed_mime_types) values\n{}\n\
         on conflict (id) do update set public = false where b.public is distinct from false;\n",
        BUCKETS.each_ref().map(row).join(",\n")
    )
}

/// What there is against what there should be.
///
/// `strict` says that an operator decided for the specification's types alone.
pub fn compare(rows: &[Value], strict: bool) -> (Vec<Change>, Vec<Drift>) {
    let (mut changes, mut drift) = (Vec::new(), Vec::new());
    for bucket in &BUCKETS {
        let Some(row) = rows.iter().find(|row| row["id"] == bucket.id) else {
            changes.push(Change::Create(bucket.id));
            continue;
        };
        // NULL is not private: the storage service reads only true as public, but nothing says it always
        // will.
        if row.get("public").is_some_and(|public| *public != json!(false)) {
            changes.push(Change::MakePrivate(bucket.id));
        }
        let mut differs = |column: &'static str, expected: Value, equal: &dyn Fn(&Value) -> bool| {
            if let Some(found) = row.get(column).filter(|found| !equal(found)) {
                drift.push(Drift { bucket: bucket.id, column, expected, found: found.clone() });
            }
        };
        let limit = json!(bucket.file_size_limit);
        differs("file_size_limit", limit.clone(), &|found| *found == limit);
        let types = bucket.allowed_mime_types(strict);
        differs("allowed_mime_types", json!(types), &|found| {
            let Some(found) = found.as_array() else { return false };
            found.len() == types.len() && types.iter().all(|mime| found.iter().any(|found| found == mime))
        });
    }
    (changes, drift)
}

/// Does what `compare` finds now. Some says what was done.
pub fn apply(step: &mut Step) -> Result<Option<Vec<Change>>, Error> {
    let rows: Vec<Value> = step.json(&rows_sql(), &[], DOING)?;
    let strict = settings::recorded_if_any(step)?.strict_mime_types();
    let (changes, _) = compare(&rows, strict);
    make(step, &changes, strict)?;
    Ok(Some(changes).filter(|changes| !changes.is_empty()))
}

fn make(step: &mut Step, changes: &[Change], strict: bool) -> Result<(), Error> {
    let columns: Vec<String> = step.json(
        "select coalesce(jsonb_agg(attname), '[]') from pg_attribute
         where attrelid = 'storage.buckets'::regclass and attnum > 0 and not attisdropped",
        &[],
        DOING,
    )?;
    for change in changes {
        match change {
            Change::MakePrivate(id) => {
                let sql = "update storage.buckets set public = false where id = $1";
                step.execute(sql, &[(id, Type::TEXT)], DOING)?;
            }
            Change::Create(id) => create(step, id, &columns, strict)?,
        }
    }
    Ok(())
}

/// What an operator's `buckets --write` did.
pub struct Written {
    pub changes: Vec<Change>,
    /// Limits that were others.
    pub overwritten: Vec<Drift>,
}

/// Makes both as this version has them, limits included. Some says what was done.
pub fn overwrite(step: &mut Step, strict: bool) -> Result<Option<Written>, Error> {
    let rows: Vec<Value> = step.json(&rows_sql(), &[], DOING)?;
    let (changes, overwritten) = compare(&rows, strict);
    make(step, &changes, strict)?;
    for Drift { bucket, column, expected, .. } in &overwritten {
        // The column is one of two constants.
        let sql = format!(
            "update storage.buckets set {column} =
               (select {column} from jsonb_populate_record(null::storage.buckets, jsonb_build_object('{column}', $1)))
             where id = $2"
        );
        step.execute(&sql, &[(expected, Type::JSONB), (bucket, Type::TEXT)], DOING)?;
    }
    let decided = strict != settings::recorded_if_any(step)?.strict_mime_types();
    if decided {
        history::ensure(step)?;
        settings::write_strict_mime_types(step, strict)?;
    }
    let written = decided || !changes.is_empty() || !overwritten.is_empty();
    Ok(written.then_some(Written { changes, overwritten }))
}

/// Inserts the columns that the table has, from one jsonb of the whole row.
fn create(step: &mut Step, id: &str, columns: &[String], strict: bool) -> Result<(), Error> {
    let Some(bucket) = BUCKETS.iter().find(|bucket| bucket.id == id) else { return Ok(()) };
    let row = json!({
        "id": bucket.id,
        "name": bucket.id,
        "public": false,
        "file_size_limit": bucket.file_size_limit,
        "allowed_mime_types": bucket.allowed_mime_types(strict),
    });
    let known = ["id", "name", "public", "file_size_limit", "allowed_mime_types"];
    let present = known.into_iter().filter(|name| columns.iter().any(|column| column == name));
    let list = present.collect::<Vec<_>>().join(", ");
    let sql = format!(
        "insert into storage.buckets ({list}) select {list} from jsonb_populate_record(null::storage.buckets, $1)
         on conflict (id) do nothing"
    );
    step.execute(&sql, &[(&row, Type::JSONB)], DOING)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BUCKETS, Change, compare};

    /// The rows as we make them.
    fn rows() -> Vec<Value> {
        BUCKETS
            .iter()
            .map(|bucket| {
                json!({
                    "id": bucket.id, "name": bucket.id, "public": false,
                    "file_size_limit": bucket.file_size_limit,
                    "allowed_mime_types": bucket.allowed_mime_types(false),
                })
            })
            .collect()
    }

    #[test]
    fn what_we_make_needs_nothing() {
        assert_eq!(compare(&rows(), false), (vec![], vec![]));
    }

    #[test]
    fn the_specifications_types_alone_are_drift_unless_that_was_decided() {
        let mut rows = rows();
        assert_eq!(compare(&rows, true).1.len(), 2);
        for (row, bucket) in rows.iter_mut().zip(&BUCKETS) {
            row["allowed_mime_types"] = json!(bucket.mime_types);
        }
        assert_eq!(compare(&rows, true), (vec![], vec![]));
        assert_eq!(compare(&rows, false).1.len(), 2);
    }

    #[test]
    fn missing_ones_are_created_and_public_ones_made_private() {
        assert_eq!(compare(&[], false).0, [Change::Create("lora-datasets"), Change::Create("lora-models")]);
        let mut rows = rows();
        rows[1]["public"] = json!(true);
        assert_eq!(compare(&rows, false).0, [Change::MakePrivate("lora-models")]);
        rows[1]["public"] = json!(null);
        assert_eq!(compare(&rows, false).0, [Change::MakePrivate("lora-models")]);
    }

    #[test]
    fn other_limits_are_drift_in_any_order_of_types_and_missing_columns_are_not() {
        let mut rows = rows();
        rows[0]["file_size_limit"] = json!(1);
        rows[1]["allowed_mime_types"] = json!(null);
        let drift = compare(&rows, false).1;
        assert_eq!(drift.len(), 2);
        assert_eq!((drift[0].bucket, drift[0].column), ("lora-datasets", "file_size_limit"));
        assert_eq!((drift[1].bucket, drift[1].column), ("lora-models", "allowed_mime_types"));

        let reversed: Vec<_> = BUCKETS[0].allowed_mime_types(false).into_iter().rev().collect();
        let older = [
            json!({ "id": "lora-datasets", "public": false, "allowed_mime_types": reversed }),
            json!({ "id": "lora-models", "name": "lora-models" }),
        ];
        assert_eq!(compare(&older, false), (vec![], vec![]));
    }
}
