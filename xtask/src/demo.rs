//! `cargo xtask demo`: the main job from end to end.

use std::path::{Path, PathBuf};

use crate::checkout::Checkout;

/// What the demo runs on.
#[derive(clap::Args)]
pub struct Args {
    /// The dataset to train on, in place of the project's own sample.
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// The metrics that the worker reports, one JSON object per line, in place of the project's own trace.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Leave the database running at the end and print its URL; `cargo xtask db down` ends it.
    #[arg(long)]
    pub keep: bool,
    /// How to print the figures.
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// How to print the figures.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Runs the demo.
pub fn run(_checkout: &Checkout, _pg_config: Option<&Path>, _args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("demo is being written")
}
