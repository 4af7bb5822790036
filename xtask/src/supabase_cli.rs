//! The Supabase CLI, for the tests that push what `pg-lora export` writes.
//!
//! `supabase db push --db-url` needs neither docker nor an account.

use std::path::PathBuf;

use anyhow::Context;
use pg_lora_tests::environment;

use crate::checkout::Checkout;
use crate::npm::{self, Package};
use crate::tree;

const VERSION: &str = "3.1.0";

/// Fetches it unless it is there, or the caller has one, and says where the program is.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os(environment::SUPABASE) {
        return std::path::absolute(given).context("the path of the Supabase CLI is empty");
    }
    let home = tree::home(checkout)?.join(format!("supabase-{VERSION}"));
    let architecture = npm::architecture("the Supabase CLI", &["x64", "arm64"])?;
    let spec = format!("@supabase/cli-linux-{architecture}@{VERSION}");
    Package { spec: &spec, what: "the Supabase CLI", log: "supabase" }.program(
        checkout,
        &home,
        "bin/supabase",
    )
}
