//! Deno, which Supabase's functions run on, for the tests of the one in docs/supabase.md.

use std::path::PathBuf;

use anyhow::Context;
use pg_lora_tests::environment;

use crate::checkout::Checkout;
use crate::npm::{self, Package};
use crate::tree;

const VERSION: &str = "2.9.6";

/// Fetches it unless it is there, or the caller has one, and says where the program is.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os(environment::DENO) {
        return std::path::absolute(given).context("the path of Deno is empty");
    }
    let home = tree::home(checkout)?.join(format!("deno-{VERSION}"));
    let architecture = npm::architecture("Deno", &["x64", "arm64"])?;
    let spec = format!("@deno/linux-{architecture}-glibc@{VERSION}");
    Package { spec: &spec, what: "Deno", log: "deno" }.program(checkout, &home, "deno")
}
