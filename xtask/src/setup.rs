//! `cargo xtask setup`: from whatever the machine is to one that can build, run and test everything.
//!
//! Idempotent, and silent when nothing is to do; otherwise one line per thing it does. What it prepares is a
//! [`Prepared`], and only through that do the other subcommands get at a server or at the extension.

use std::path::Path;

use pg_lora_tests::Tree;

use crate::checkout::Checkout;
use crate::{extension, packages, pgrx, process, tree};

/// A machine that is ready, for one version of Postgres.
pub struct Prepared<'c> {
    /// Where we work.
    pub checkout: &'c Checkout,
    /// The private Postgres. The extension is in it after [`with_extension`](Self::with_extension).
    pub tree: Tree,
    /// cargo-pgrx of the right version.
    pub cargo_pgrx: std::path::PathBuf,
}

/// Prepares everything but the extension.
pub fn prepare<'c>(checkout: &'c Checkout, pg_config: Option<&Path>) -> anyhow::Result<Prepared<'c>> {
    let _lock = checkout.lock()?;
    let source = packages::provide(checkout, pg_config)?;
    let cargo_pgrx = pgrx::provide(checkout)?;
    let trees = tree::provide(checkout, &source)?;
    pgrx::configure(checkout, &trees.private, &trees.pgrx)?;
    Ok(Prepared { checkout, tree: trees.private, cargo_pgrx })
}

impl Prepared<'_> {
    /// Builds the extension, if its sources changed, and installs it into the private Postgres.
    pub fn with_extension(&self) -> anyhow::Result<()> {
        let _lock = self.checkout.lock()?;
        extension::install(self)
    }

    /// Builds `pg-lora` and says where it is. Cargo's own words are shown only while there is work.
    pub fn pg_lora(&self) -> anyhow::Result<std::path::PathBuf> {
        let mut cargo = process::cargo(self.checkout.root());
        process::run_or_fail(cargo.args(["build", "--quiet", "--package", "migrator", "--bin", "pg-lora"]))?;
        Ok(self.checkout.built("pg-lora"))
    }

    /// The same as it is shipped.
    pub fn released_pg_lora(&self) -> anyhow::Result<std::path::PathBuf> {
        let mut cargo = process::cargo(self.checkout.root());
        cargo.args(["build", "--quiet", "--release", "--package", "migrator", "--bin", "pg-lora"]);
        process::run_or_fail(&mut cargo)?;
        Ok(self.checkout.built_for_release("pg-lora"))
    }
}

/// One line about something that setup does.
pub fn say(what: &str) {
    eprintln!("setup: {what}");
}
