//! One version for all of ours, and one for all of pgrx's.

use anyhow::Context;
use serde_json::Value;

use super::{Problem, Source, line_with};
use crate::pgrx;

const CONTROL: &str = "extension/pg_lora.control";
const EXTENSION: &str = "extension/Cargo.toml";
const NPM: &str = "types/package.json";

pub(super) fn check(metadata: &Value, sources: &[Source]) -> anyhow::Result<Vec<Problem>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let version = packages
        .iter()
        .find(|package| package["name"] == "pg_lora")
        .and_then(|package| package["version"].as_str())
        .context("there is no crate \"pg_lora\"")?;
    let mut problems = crates(packages, version);
    problems.extend(control(sources, version));
    problems.extend(npm(sources, version));
    problems.extend(pgrx_pins(packages, sources));
    Ok(problems)
}

fn crates(packages: &[Value], version: &str) -> Vec<Problem> {
    let others = packages.iter().filter(|package| package["version"] != version);
    others
        .map(|package| {
            let name = package["name"].as_str().unwrap_or_default();
            Problem::new("Cargo.toml", 1, format!("the crate \"{name}\" is not version {version}"))
        })
        .collect()
}

/// The extension's version is the crate's, by the word that pgrx replaces or literally.
fn control(sources: &[Source], version: &str) -> Option<Problem> {
    let file = sources.iter().find(|source| source.path == CONTROL);
    let Some(file) = file else { return Some(Problem::new(CONTROL, 1, "there is no control file")) };
    let found = file.lines().find_map(|(number, line)| {
        let value = line.strip_prefix("default_version")?.trim_start().strip_prefix('=')?;
        Some((number, value.trim().trim_matches('\'')))
    });
    match found {
        None => Some(Problem::new(CONTROL, 1, "there is no default_version")),
        Some((_, "@CARGO_VERSION@")) => None,
        Some((_, value)) if value == version => None,
        Some((number, value)) => {
            Some(Problem::new(CONTROL, number, format!("default_version is {value}, the crate is {version}")))
        }
    }
}

fn npm(sources: &[Source], version: &str) -> Option<Problem> {
    let file = sources.iter().find(|source| source.path == NPM)?;
    let found = serde_json::from_slice::<Value>(&file.bytes).ok().map(|package| package["version"].clone());
    let line = line_with(sources, NPM, "\"version\"");
    (found.as_ref().and_then(Value::as_str) != Some(version))
        .then(|| Problem::new(NPM, line, format!("the version is not {version}")))
}

/// pgrx refuses to build when its library and its tool differ.
fn pgrx_pins(packages: &[Value], sources: &[Source]) -> Vec<Problem> {
    let wanted = format!("={}", pgrx::VERSION);
    let extension = packages.iter().filter(|package| package["name"] == "pg_lora");
    let dependencies = extension.filter_map(|package| package["dependencies"].as_array()).flatten();
    dependencies
        .filter_map(|dependency| Some((dependency["name"].as_str()?, dependency["req"].as_str()?)))
        .filter(|(name, required)| matches!(*name, "pgrx" | "pgrx-tests") && *required != wanted)
        .map(|(name, required)| {
            let line = line_with(sources, EXTENSION, &format!("{name} "));
            Problem::new(EXTENSION, line, format!("{name} is \"{required}\" and cargo-pgrx \"{wanted}\""))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_crate_with_another_version_is_a_problem() {
        let packages =
            [json!({ "name": "pg_lora", "version": "1.0.0" }), json!({ "name": "x", "version": "1.0.1" })];
        assert_eq!(crates(&packages, "1.0.0")[0].what, "the crate \"x\" is not version 1.0.0");
    }

    #[test]
    fn the_control_file_has_the_crates_version() {
        let with =
            |text: &str| control(&[Source::new(CONTROL, text)], "1.0.0").map(|problem| problem.to_string());
        assert_eq!(with("comment = 'x'\ndefault_version = '@CARGO_VERSION@'\n"), None);
        assert_eq!(with("default_version='1.0.0'\n"), None);
        assert_eq!(
            with("comment = 'x'\ndefault_version = '0.9'\n").unwrap(),
            "extension/pg_lora.control:2: default_version is 0.9, the crate is 1.0.0"
        );
        assert!(with("").is_some());
        assert!(control(&[], "1.0.0").is_some());
    }

    #[test]
    fn the_npm_package_has_the_crates_version() {
        assert_eq!(npm(&[], "1.0.0"), None);
        assert_eq!(npm(&[Source::new(NPM, "{ \"version\": \"1.0.0\" }\n")], "1.0.0"), None);
        assert_eq!(npm(&[Source::new(NPM, "{\n\"version\": \"2\"\n}\n")], "1.0.0").unwrap().line, 2);
    }

    #[test]
    fn a_loose_pgrx_is_a_problem() {
        let packages = [json!({ "name": "pg_lora", "dependencies": [
            { "name": "pgrx", "req": "^0.18" },
            { "name": "pgrx-tests", "req": format!("={}", pgrx::VERSION) },
        ] })];
        let manifest = [Source::new(EXTENSION, "[dependencies]\npgrx = \"0.18\"\n")];
        let problems = pgrx_pins(&packages, &manifest);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].to_string().starts_with("extension/Cargo.toml:2: pgrx is \"^0.18\""),
            "{}",
            problems[0]
        );
    }
}
