//! rustfmt and clippy, warnings denied. They print what they found themselves; the list names only where.

use std::path::Path;

use anyhow::Context;

use super::Problem;
use crate::setup::Prepared;
use crate::{pgrx, process};

/// What clippy checks with nothing but a Rust toolchain.
const PLAIN: [&str; 4] = ["pg-lora-core", "migrator", "pg-lora-tests", "xtask"];

pub(super) fn check(prepared: &Prepared<'_>) -> anyhow::Result<Vec<Problem>> {
    let root = prepared.checkout.root();
    let output = process::cargo(root)
        .args(["fmt", "--all", "--check", "--", "--files-with-diff"])
        .output()
        .context("could not run \"cargo fmt\"")?;
    let mut problems = unformatted(root, &String::from_utf8_lossy(&output.stdout));
    if !output.status.success() && problems.is_empty() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        problems.push(Problem::new("Cargo.toml", 1, "rustfmt failed"));
    }
    problems.extend(plain_clippy(prepared)?);
    problems.extend(extension_clippy(prepared)?);
    Ok(problems)
}

/// rustfmt lists the files it would change, with absolute paths.
fn unformatted(root: &Path, listed: &str) -> Vec<Problem> {
    let mut paths: Vec<&Path> = listed.lines().map(Path::new).collect();
    paths.sort_unstable();
    // A file of two crates, or of a library and its tests, is listed twice.
    paths.dedup();
    let relative = paths.into_iter().map(|path| path.strip_prefix(root).unwrap_or(path));
    relative
        .map(|path| Problem::new(&path.to_string_lossy(), 1, "not formatted; run \"cargo fmt\""))
        .collect()
}

fn plain_clippy(prepared: &Prepared<'_>) -> anyhow::Result<Option<Problem>> {
    let mut cargo = process::cargo(prepared.checkout.root());
    cargo.args(["clippy", "--quiet", "--all-targets"]);
    for package in PLAIN {
        cargo.args(["--package", package]);
    }
    let passed = process::run(cargo.args(["--", "--deny", "warnings"]))?.success();
    Ok((!passed).then(|| Problem::new("Cargo.toml", 1, "clippy failed, see above")))
}

/// The extension as it is released, and with the tests that are compiled into it.
fn extension_clippy(prepared: &Prepared<'_>) -> anyhow::Result<Option<Problem>> {
    let major = prepared.tree.major();
    for (features, targets) in
        [(format!("pg{major}"), "--lib"), (format!("pg{major},pg_test"), "--all-targets")]
    {
        let mut cargo = process::cargo(prepared.checkout.root());
        cargo.env("PGRX_HOME", pgrx::Home::Builds.dir(prepared.checkout, major)?);
        cargo.args([
            "clippy",
            "--quiet",
            "--package",
            "pg_lora",
            "--no-deps",
            "--no-default-features",
            targets,
        ]);
        cargo.args(["--features", &features, "--", "--deny", "warnings"]);
        if !process::run(&mut cargo)?.success() {
            return Ok(Some(Problem::new("extension/Cargo.toml", 1, "clippy failed, see above")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unformatted_file_is_a_problem() {
        let problems = unformatted(Path::new("/c"), "/c/core/src/lib.rs\n/c/core/src/lib.rs\n");
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["core/src/lib.rs:1: not formatted; run \"cargo fmt\""]);
        assert!(unformatted(Path::new("/c"), "").is_empty());
    }
}
