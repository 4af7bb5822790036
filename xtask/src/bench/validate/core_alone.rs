//! The same validation without Postgres: core's example `measured_report`, built for release as the extension is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::checkout::Checkout;
use crate::process;

const EXAMPLE: &str = "measured_report";

/// The program.
pub struct CoreAlone(PathBuf);

/// What one run of it says.
pub struct Run {
    /// Milliseconds of the validation.
    pub report: f64,
    /// Milliseconds of a parser that keeps nothing.
    pub parser: f64,
    /// Pairs that were counted.
    pub pairs: u64,
}

/// As the program prints it, in seconds.
#[derive(Deserialize)]
struct Answer {
    report: f64,
    parser: f64,
    pairs: u64,
}

impl CoreAlone {
    /// Builds it.
    pub fn build(checkout: &Checkout) -> anyhow::Result<Self> {
        let mut cargo = process::cargo(checkout.root());
        cargo.args(["build", "--quiet", "--release", "--package", "pg-lora-core", "--example", EXAMPLE]);
        process::run_or_fail(&mut cargo)?;
        Ok(Self(checkout.built_example(EXAMPLE)))
    }

    /// Validates a file once.
    pub fn run(&self, file: &Path) -> anyhow::Result<Run> {
        let answer = process::output(Command::new(&self.0).arg(file))?;
        let Answer { report, parser, pairs } = serde_json::from_str(&answer)?;
        Ok(Run { report: report * 1000.0, parser: parser * 1000.0, pairs })
    }
}
