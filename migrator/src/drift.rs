//! Where a database differs from what it should be. Pure.
//!
//! Invariant: what others made is no difference; ours is what the embedded SQL declares, and every right of the API's roles
//! on it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use crate::catalogue::{self, Catalogue, Expected, Properties};
use crate::declared::{self, What};
use crate::embedded::MIGRATION_PATHS;

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Missing,
    /// It is ours, and should not be there.
    Extra,
    Different,
}

/// One object that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub difference: Kind,
    pub r#type: String,
    pub identity: String,
    /// Of one that is different, the properties that are.
    pub expected: Option<Properties>,
    pub found: Option<Properties>,
}

/// What a name of the embedded SQL stands for.
struct Owner {
    by_version: bool,
    by_layer: bool,
}

static DECLARED: LazyLock<BTreeMap<String, Owner>> = LazyLock::new(|| {
    let mut names = BTreeMap::new();
    // The snapshot ends with the embedded versions; a build for tests may have more.
    let last = MIGRATION_PATHS.len() as i32;
    for item in declared::all().iter().filter(|item| item.version.is_none_or(|number| number <= last)) {
        let key = match &item.what {
            What::Table { name, .. } => format!("table {name}"),
            What::Column { table, name, .. } => format!("column {table}.{name}"),
            What::Constraint { table, name, .. } => format!("constraint {name} on {table}"),
            What::Index { table, name, .. } => format!("index {name} on {table}"),
            What::Policy { table, name } => format!("policy {name} on {table}"),
            What::Trigger { table, name } => format!("trigger {name} on {table}"),
            What::Function { name } => format!("function {name}"),
            _ => continue,
        };
        let owner = names.entry(key).or_insert(Owner { by_version: false, by_layer: false });
        owner.by_version |= item.version.is_some();
        owner.by_layer |= item.version.is_none();
    }
    names
});

/// Compares.
pub fn compare(expected: &Expected, found: &Catalogue) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (key, wanted) in &expected.objects {
        match found.get(*key) {
            // One line for what is gone, and none for what went with it.
            None if part_of(key).is_some_and(|whole| is_missing(&whole, expected, found)) => {}
            None => differences.push(difference(key, Some((*wanted).clone()), None)),
            Some(other) if other != *wanted => {
                let [wanted, other] = [only_differing(wanted, other), only_differing(other, wanted)];
                differences.push(difference(key, Some(wanted), Some(other)));
            }
            Some(_) => {}
        }
    }
    for (key, properties) in found {
        if !expected.objects.contains_key(key.as_str()) && is_ours(key, expected) {
            differences.push(difference(key, None, Some(properties.clone())));
        }
    }
    differences.sort_by(|one, other| (&one.r#type, &one.identity).cmp(&(&other.r#type, &other.identity)));
    differences
}

/// Whether something that is not expected is ours all the same.
fn is_ours(key: &str, expected: &Expected) -> bool {
    if !expected.layers && catalogue::is_of_layers(key) {
        return false;
    }
    if let Some(target) = key.strip_prefix("grant on ").and_then(|grant| Some(grant.rsplit_once(" to ")?.0)) {
        // Who may call what is pure an operator may say.
        if target.starts_with("function lora.") {
            return false;
        }
        // The layer of functions gives the rights on tables and functions anew, and takes all others.
        let whole = target
            .strip_prefix("column ")
            .and_then(|column| Some(format!("table {}", column.rsplit_once('.')?.0)));
        return (expected.layers || target.starts_with("schema "))
            && expected.objects.contains_key(target)
            && whole.is_none_or(|table| expected.objects.contains_key(table.as_str()));
    }
    // Any function of a name of ours: a second one makes every call of it ambiguous.
    let name = if key.starts_with("function ") { key.split('(').next().unwrap_or(key) } else { key };
    DECLARED.get(name).is_some_and(|owner| owner.by_version || owner.by_layer && expected.layers)
}

/// The key of what an object is a part of.
fn part_of(key: &str) -> Option<String> {
    let (r#type, identity) = key.split_once(' ')?;
    match r#type {
        "grant" => Some(identity.strip_prefix("on ")?.rsplit_once(" to ")?.0.to_owned()),
        "column" => Some(format!("table {}", identity.rsplit_once('.')?.0)),
        "constraint" | "index" | "policy" | "trigger" => {
            Some(format!("table {}", identity.rsplit_once(" on ")?.1))
        }
        _ => None,
    }
}

fn is_missing(key: &str, expected: &Expected, found: &Catalogue) -> bool {
    expected.objects.contains_key(key) && !found.contains_key(key)
}

/// An object's difference, by what is expected and what was found.
pub fn difference(key: &str, expected: Option<Properties>, found: Option<Properties>) -> Difference {
    let (r#type, identity) = key.split_once(' ').unwrap_or((key, ""));
    let kind = match (&expected, &found) {
        (_, None) => Kind::Missing,
        (None, _) => Kind::Extra,
        _ => Kind::Different,
    };
    Difference { difference: kind, r#type: r#type.to_owned(), identity: identity.to_owned(), expected, found }
}

/// The properties that the other one has not, or has in another way; null for what only the other one has.
fn only_differing(one: &Properties, other: &Properties) -> Properties {
    let differs = one.iter().filter(|(name, value)| other.get(*name) != Some(*value));
    let lacking =
        other.keys().filter(|name| !one.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    differs.map(|(name, value)| (name.clone(), value.clone())).chain(lacking).collect()
}

impl Difference {
    /// The label of its line.
    pub fn label(&self) -> &'static str {
        match self.difference {
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Different => "different",
        }
    }

    /// Its object.
    pub fn name(&self) -> String {
        match self.identity.rsplit_once(" on ") {
            Some((name, table)) if self.r#type == "policy" => format!("policy \"{name}\" on {table}"),
            _ => format!("{} {}", self.r#type, self.identity),
        }
    }

    /// One line: its object, what is expected, and what was found.
    pub fn words(&self) -> String {
        let name = self.name();
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => {
                let one = |(property, wanted): (&String, &Value)| {
                    let other = found.get(property).unwrap_or(&Value::Null);
                    format!("{} is {}, expected {}", spaced(property), shown(other), shown(wanted))
                };
                format!("{name}: {}", expected.iter().map(one).collect::<Vec<_>>().join("; "))
            }
            (Some(expected), None) => format!("{name}: expected {}", listed(expected)),
            (_, found) => format!("{name}: found {}", found.as_ref().map(listed).unwrap_or_default()),
        }
    }

    /// Type and identity.
    pub fn key(&self) -> String {
        format!("{} {}", self.r#type, self.identity)
    }

    /// Whether it can be that rows stand in the way of it: a constraint that is not validated, a unique index that is not
    /// made.
    pub fn may_wait(&self) -> bool {
        let Some(expected) = &self.expected else { return false };
        match (self.r#type.as_str(), self.difference) {
            ("constraint", Kind::Different) => {
                expected.len() == 1 && expected.get("valid") == Some(&true.into())
            }
            ("index", Kind::Missing) => expected
                .get("definition")
                .and_then(Value::as_str)
                .is_some_and(|text| text.starts_with("CREATE UNIQUE ")),
            _ => false,
        }
    }
}

fn spaced(property: &str) -> String {
    property.replace('_', " ")
}

fn listed(properties: &Properties) -> String {
    let one = |(property, value): (&String, &Value)| format!("{} {}", spaced(property), shown(value));
    match properties.is_empty() {
        true => "it".to_owned(),
        false => properties.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::report::printable(&text)
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
