//! Arrows between the crates, one way: core ← extension, core ← migrator, tests ← xtask, and no other.

use anyhow::Context;
use serde_json::Value;

use super::{Problem, Source, line_with};

/// Each crate of the workspace, its folder, and the crates of the workspace that it may see.
const ARROWS: [(&str, &str, &[&str]); 5] = [
    ("pg-lora-core", "core", &[]),
    ("pg_lora", "extension", &["pg-lora-core"]),
    ("migrator", "migrator", &["pg-lora-core"]),
    ("pg-lora-tests", "tests", &[]),
    ("xtask", "xtask", &["pg-lora-tests"]),
];

/// What core must never learn of: Postgres, by any of these names.
const FORBIDDEN_IN_CORE: [&str; 4] = ["pgrx", "postgres", "tokio-postgres", "sqlx"];

pub(super) fn check(metadata: &Value, sources: &[Source]) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, folder, allowed)) = ARROWS.iter().find(|(crate_name, ..)| *crate_name == name) else {
            problems.push(Problem::new(
                "Cargo.toml",
                1,
                format!("the crate \"{name}\" has no place in the arrows"),
            ));
            continue;
        };
        let manifest = format!("{folder}/Cargo.toml");
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            if let Some(what) = wrong(name, allowed, other) {
                problems.push(Problem::new(&manifest, line_with(sources, &manifest, other), what));
            }
        }
    }
    Ok(problems)
}

fn wrong(name: &str, allowed: &[&str], other: &str) -> Option<String> {
    let ours = ARROWS.iter().any(|(crate_name, ..)| *crate_name == other);
    if ours && !allowed.contains(&other) {
        return Some(format!("\"{name}\" must not see \"{other}\""));
    }
    // pgrx-tests and postgres-types are Postgres as well.
    let postgres = FORBIDDEN_IN_CORE.iter().any(|forbidden| {
        other == *forbidden || other.strip_prefix(forbidden).is_some_and(|rest| rest.starts_with('-'))
    });
    (name == "pg-lora-core" && postgres)
        .then(|| format!("core must not learn that postgres exists: \"{other}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Value {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|name| serde_json::json!({ "name": name })).collect();
        serde_json::json!({ "name": name, "dependencies": dependencies })
    }

    fn problems(packages: &[Value]) -> Vec<String> {
        let manifest = Source::new("core/Cargo.toml", "[dependencies]\nserde = \"1\"\npostgres = \"1\"\n");
        let metadata = serde_json::json!({ "packages": packages });
        check(&metadata, &[manifest]).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_the_wrong_way_is_a_problem() {
        assert_eq!(
            problems(&[package("pg-lora-core", &["serde", "postgres", "pgrx-tests"])]),
            [
                "core/Cargo.toml:3: core must not learn that postgres exists: \"postgres\"",
                "core/Cargo.toml:1: core must not learn that postgres exists: \"pgrx-tests\"",
            ]
        );
        assert_eq!(
            problems(&[package("pg-lora-tests", &["pg-lora-core"]), package("migrator", &["xtask"])]),
            [
                "tests/Cargo.toml:1: \"pg-lora-tests\" must not see \"pg-lora-core\"",
                "migrator/Cargo.toml:1: \"migrator\" must not see \"xtask\"",
            ]
        );
        assert_eq!(
            problems(&[package("helpers", &[])]),
            ["Cargo.toml:1: the crate \"helpers\" has no place in the arrows"]
        );
    }

    #[test]
    fn the_arrows_of_the_house_are_fine() {
        assert!(
            problems(&[
                package("pg-lora-core", &["serde", "proptest"]),
                package("pg_lora", &["pg-lora-core", "pgrx", "pgrx-tests"]),
                package("migrator", &["pg-lora-core", "postgres"]),
                package("pg-lora-tests", &["postgres"]),
                package("xtask", &["pg-lora-tests", "postgres"]),
            ])
            .is_empty()
        );
    }
}
