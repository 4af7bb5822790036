//! `migrator/src/catalogue.json`: what each version makes, and what the layers make of it, as a server says it. What
//! `verify` and `adopt` compare with is made here, by the question that they ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use pg_lora_tests::{Database, golden};
use postgres::Client;
use serde_json::{Value, json};

use crate::versions::{bring, versions};
use crate::{create_platform, value};

const QUESTION: &str = include_str!("../../../migrator/src/catalogue.sql");

/// Everything that is in the schemas of a database with nothing in it but ours.
const NAMES: &str = "
with ours as (select oid, nspname from pg_namespace where nspname in ('public', 'lora', 'lora_private', 'lora_migrate')),
acting as (
  select tgrelid as id from pg_trigger where not tgisinternal union select polrelid from pg_policy
)
select jsonb_build_object(
  'schemas', (select jsonb_agg(nspname) from ours),
  'tables', (select jsonb_agg(nspname || '.' || relname) from pg_class join ours on ours.oid = relnamespace where relkind in ('r', 'p', 'v', 'm', 'f')),
  'functions', (select jsonb_agg(distinct nspname || '.' || proname) from pg_proc join ours on ours.oid = pronamespace),
  'guests', (select jsonb_agg(n.nspname || '.' || relname) from acting join pg_class c on c.oid = id
    join pg_namespace n on n.oid = relnamespace where n.oid not in (select oid from ours)))
";

/// Objects by type and identity.
type Catalogue = BTreeMap<String, Value>;

fn look(db: &mut Client, names: &Value) -> Catalogue {
    db.batch_execute("set search_path = ''").unwrap();
    let found: Value = db.query_one(QUESTION, &[names]).unwrap().get(0);
    let of = |thing: &Value| {
        let text = |key: &str| thing[key].as_str().unwrap();
        (format!("{} {}", text("type"), text("identity")), thing["properties"].clone())
    };
    let all: Vec<(String, Value)> = found.as_array().unwrap().iter().map(of).collect();
    let count = all.len();
    let catalogue: Catalogue = all.into_iter().collect();
    assert_eq!(catalogue.len(), count, "two things have one name");
    catalogue
}

/// What the files of the portable edition make.
fn look_at_lora(db: &mut Client) -> Catalogue {
    let functions = "select jsonb_agg(distinct 'lora.' || proname) from pg_proc where pronamespace = 'lora'::regnamespace";
    let functions = value(db, functions);
    let mut found = look(db, &json!({ "schemas": [], "tables": [], "functions": functions, "guests": [] }));
    // Who may call them an operator may say otherwise, as of those of the extension.
    found.retain(|key, _| key.starts_with("function "));
    found
}

#[test]
fn the_embedded_snapshot_is_what_the_versions_and_the_layers_make() {
    let migrated = Database::migrated();
    let mut complete = migrated.connect();
    let names = value(&mut complete, NAMES);
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    let versions = versions();
    let mut steps: Vec<(String, Catalogue)> = Vec::new();
    for version in &versions {
        bring(&database, &versions, version.version());
        let mut catalogue = look(&mut db, &names);
        // What the history stands in belongs to no version.
        catalogue.retain(|key, _| !key.contains("lora_migrate"));
        steps.push((version.version().to_string(), catalogue));
    }
    steps.push(("layer".to_owned(), look(&mut complete, &names)));
    let of_files = look_at_lora(&mut Database::migrated_to("portable").connect());

    let keys = steps.iter().flat_map(|(_, catalogue)| catalogue.keys()).chain(of_files.keys());
    let keys: BTreeSet<&String> = keys.collect();
    let mut text = String::from("{");
    for (index, key) in keys.iter().enumerate() {
        let mut changes = Vec::new();
        let mut before = None;
        for (step, catalogue) in &steps {
            let now = catalogue.get(*key);
            if now != before {
                changes.push(format!("\"{step}\": {}", now.unwrap_or(&Value::Null)));
            }
            before = now;
        }
        changes.extend(of_files.get(*key).map(|now| format!("\"portable\": {now}")));
        let comma = if index == 0 { "" } else { "," };
        write!(text, "{comma}\n{}: {{{}}}", json!(key), changes.join(", ")).unwrap();
    }
    text.push_str("\n}\n");
    golden::compare("../migrator/src/catalogue.json", &text);
}
