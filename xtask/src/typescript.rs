//! The TypeScript compiler, for the tests of the specification's types.
//!
//! An npm package without dependencies, fetched once with npm; only `cargo xtask test` asks for it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::checkout::{Checkout, make_readable_dir};
use crate::setup::say;
use crate::{packages, process, tree};

const VERSION: &str = "5.9.3";

/// Fetches it unless it is there, and says which file node has to run.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = checkout.place(&format!("tools/typescript-{VERSION}"))?;
    let compiler = home.join("lib/tsc.js");
    if compiler.is_file() {
        return Ok(compiler);
    }
    if process::in_path("npm").is_none() {
        packages::install(checkout, &["nodejs".to_owned(), "npm".to_owned()])?;
    }
    say("fetching TypeScript for the tests");
    // Made beside its place and moved there whole, so that what is there is complete.
    let half = home.with_extension("half");
    tree::remove(&half)?;
    tree::remove(&home)?;
    make_readable_dir(&half)?;
    let mut fetch = Command::new("/bin/sh");
    let package = format!("typescript@{VERSION}");
    fetch.args(["-c", "npm pack --silent \"$1\" && tar -xzf ./*.tgz", "sh", &package]);
    process::run_silently(checkout, "typescript", fetch.current_dir(&half))
        .context("could not fetch TypeScript\nhint: npm has to reach its registry; run \"npm ping\"")?;
    fs::rename(half.join("package"), &home)
        .with_context(|| format!("could not make \"{}\"", home.display()))?;
    tree::remove(&half)?;
    Ok(compiler)
}
