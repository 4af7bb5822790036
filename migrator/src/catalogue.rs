//! What the catalogue should hold, version by version, and what a database's does hold.
//!
//! Invariant: what should be there is written down by no person. `catalogue.json` is made by a test, which runs
//! `catalogue.sql` on a database after each version and after the layers; the same question is asked of the database
//! that is compared. What to ask for is read off the file, so that a name cannot be in one and not in the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use postgres::Transaction;
use postgres::types::Type;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::{query, sql_error};

const DOING: &str = "looking at what the database is made of";

/// What an object is: its definition, property by property.
pub type Properties = Map<String, Value>;

/// Objects by `type identity`.
pub type Catalogue = BTreeMap<String, Properties>;

/// What becomes of one object; None where it is not there.
#[derive(Debug, Default)]
struct States {
    /// From which version on.
    versions: BTreeMap<i32, Option<Properties>>,
    /// With the layers of this build.
    layer: Option<Option<Properties>>,
    /// With the portable edition of schema `lora`, and not with the extension.
    portable: Option<Properties>,
}

impl States {
    fn at(&self, version: i32) -> Option<&Properties> {
        self.versions.range(..=version).next_back().and_then(|(_, properties)| properties.as_ref())
    }
}

static STATES: LazyLock<BTreeMap<String, States>> = LazyLock::new(|| {
    let file: BTreeMap<String, BTreeMap<String, Option<Properties>>> =
        serde_json::from_str(include_str!("catalogue.json")).expect("a test reads it");
    let states = |steps: BTreeMap<String, Option<Properties>>| {
        let mut states = States::default();
        for (step, properties) in steps {
            match step.parse() {
                Ok(version) => drop(states.versions.insert(version, properties)),
                Err(_) if step == "portable" => states.portable = properties,
                Err(_) => states.layer = Some(properties),
            }
        }
        states
    };
    file.into_iter().map(|(key, steps)| (key, states(steps))).collect()
});

/// What a database should hold.
#[derive(Debug)]
pub struct Expected {
    pub objects: BTreeMap<&'static str, &'static Properties>,
    /// Whether the layers of this build are there. Without them, what they make or replace is not looked at.
    pub layers: bool,
}

/// What a version makes of an empty database, with or without the layers, schema `lora` from the extension.
pub fn expected(version: i32, layers: bool) -> Expected {
    let mut objects = BTreeMap::new();
    for (key, states) in STATES.iter() {
        let state = match (&states.layer, layers) {
            (Some(state), true) => state.as_ref(),
            (Some(_), false) => None,
            (None, _) => states.at(version),
        };
        objects.extend(state.map(|state| (key.as_str(), state)));
    }
    Expected { objects, layers }
}

impl Expected {
    /// The same with schema `lora` from no extension.
    pub fn without_extension(mut self) -> Self {
        self.objects.retain(|key, _| *key != "extension pg_lora");
        self
    }

    /// The same with schema `lora` from the files of the portable edition.
    pub fn portable(mut self) -> Self {
        let portable = |(key, states): (&'static String, &'static States)| {
            states.portable.as_ref().map(|state| (key.as_str(), state))
        };
        self.objects.extend(STATES.iter().filter_map(portable));
        self
    }
}

/// Whether it is a layer that makes an object, or gives it its last form. It also takes every right on what it gives
/// rights on, that of a column with that of its table.
pub fn is_of_layers(key: &str) -> bool {
    let made =
        |key: &str| STATES.get(key).is_some_and(|states| states.layer.is_some() || states.portable.is_some());
    let Some((target, _)) = key.strip_prefix("grant on ").and_then(|grant| grant.rsplit_once(" to ")) else {
        return made(key);
    };
    let table = target
        .strip_prefix("column ")
        .and_then(|column| Some(format!("table {}", column.rsplit_once('.')?.0)));
    let target = table.as_deref().unwrap_or(target);
    made(key) || made(target) || made(&format!("grant on {target} to service_role"))
}

/// Looks. Names in definitions have their schema; the setting lasts as long as the transaction.
pub fn look(transaction: &mut Transaction) -> Result<Catalogue, Error> {
    // The planner takes the question for a big one, and compiling it would take longer than answering it.
    transaction
        .batch_execute("set local search_path = ''; set local lock_timeout = '3s'; set local jit = off")
        .map_err(|error| sql_error::while_doing(&error, DOING))?;
    let names = names();
    let found: Vec<Found> =
        query::json(transaction, include_str!("catalogue.sql"), &[(&names, Type::JSONB)], DOING)?;
    Ok(found
        .into_iter()
        .map(|Found { r#type, identity, properties }| {
            (format!("{type} {identity}", r#type = r#type), properties)
        })
        .collect())
}

/// An answer of `catalogue.sql`.
#[derive(Deserialize)]
struct Found {
    r#type: String,
    identity: String,
    properties: Properties,
}

/// What to ask for.
fn names() -> Value {
    let of = |r#type: &'static str| {
        STATES.keys().filter_map(move |key| key.strip_prefix(r#type)?.strip_prefix(' '))
    };
    let tables: BTreeSet<&str> = of("table").collect();
    let functions: BTreeSet<&str> = of("function").filter_map(|name| name.split('(').next()).collect();
    let stands_on = |identity: &'static str| identity.rsplit_once(" on ").map(|(_, table)| table);
    let guests: BTreeSet<&str> = of("policy")
        .chain(of("trigger"))
        .filter_map(stands_on)
        .filter(|table| !tables.contains(table))
        .collect();
    json!({ "schemas": of("schema").collect::<Vec<_>>(), "tables": tables, "functions": functions, "guests": guests })
}

#[cfg(test)]
mod tests {
    use super::{expected, is_of_layers, names};
    use crate::embedded;

    fn last() -> i32 {
        embedded::versions().len() as i32
    }

    #[test]
    fn what_a_version_changes_is_seen_from_that_version_on() {
        let r#type =
            |version| expected(version, false).objects["column public.cost_records.amount"]["type"].clone();
        assert_eq!(
            (r#type(1), r#type(2), r#type(last())),
            ("numeric(10,2)".into(), "numeric(20,10)".into(), "numeric(20,10)".into())
        );
        let key = "constraint datasets_storage_path_key on public.datasets";
        assert!(
            expected(3, false).objects.contains_key(key) && !expected(4, false).objects.contains_key(key)
        );
        assert!(expected(0, false).objects.is_empty());
    }

    #[test]
    fn what_the_layers_make_is_there_with_them_only() {
        let key = "grant on table public.datasets to authenticated";
        assert!(is_of_layers(key) && !is_of_layers("table public.datasets"));
        assert!(!expected(last(), false).objects.contains_key(key));
        assert!(expected(last(), true).objects.contains_key(key));
    }

    #[test]
    fn the_portable_edition_is_expected_where_it_is_installed() {
        let key = "function lora.build_info()";
        assert!(!expected(last(), true).objects.contains_key(key));
        assert!(expected(last(), true).portable().objects.contains_key(key));
    }

    #[test]
    fn the_platforms_tables_are_asked_for_what_stands_on_them() {
        assert_eq!(names()["guests"], serde_json::json!(["auth.users", "storage.objects"]));
    }
}
