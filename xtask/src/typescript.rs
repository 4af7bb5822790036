//! The TypeScript compiler, for the tests of the specification's types: an npm package without dependencies.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::checkout::Checkout;
use crate::{npm, tree};

const VERSION: &str = "5.9.3";

/// Fetches it unless it is there, and says which file node has to run.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = tree::home(checkout)?.join(format!("typescript-{VERSION}"));
    let compiler = home.join("lib/tsc.js");
    if compiler.is_file() {
        return Ok(compiler);
    }
    let spec = format!("typescript@{VERSION}");
    let package = npm::Package { spec: &spec, what: "TypeScript", log: "typescript" };
    package.unpack(checkout, &home, |unpacked| {
        fs::rename(unpacked, &home).with_context(|| format!("could not make \"{}\"", home.display()))
    })?;
    Ok(compiler)
}
