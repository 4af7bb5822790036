//! `pg-lora` brings a Postgres or Supabase database to the state that this version of pg_lora describes.
//!
//! cli → target → connect → survey (one look) → plan and preflight (pure) → step (one transaction under the
//! lock) for the platform, each version, the provider, the functions and the buckets → verify → report.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command, Global};
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::secret::Secret;
use crate::target::Target;

mod broken;
mod buckets;
mod cli;
mod connect;
mod dataset_metrics;
mod declared;
mod embedded;
mod error;
mod foreign;
mod history;
mod interrupt;
mod layer;
mod lock;
mod migrate;
mod obstacles;
mod place;
mod plan;
mod platform;
mod preflight;
mod provider;
mod query;
mod remarks;
mod report;
mod secret;
mod sql_error;
mod sql_text;
mod sql_tokens;
mod standing;
mod status;
mod step;
mod survey;
mod target;
mod validate;
mod verify;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let name = match &cli.command {
        Command::Migrate(_) => "migrate",
        Command::Status(_) => "status",
        Command::Verify(_) => "verify",
        Command::Validate(_) => "validate",
    };
    let mut report = Report::new(name, cli.global.output);
    let outcome = run(cli, &mut report);
    ExitCode::from(report.finish(outcome))
}

fn run(cli: Cli, report: &mut Report) -> Result<(), Error> {
    let interrupt = Interrupt::install()?;
    let Cli { global, command } = cli;
    let connect = || connect::open(target(&global)?, &interrupt);
    let outcome = match &command {
        Command::Migrate(options) => migrate::run(&mut connect()?, options, report),
        Command::Status(options) => status::run(&mut connect()?, options, report),
        Command::Verify(options) => verify::run(&mut connect()?, options, report),
        // Connects only if it is asked to record what it finds, and may find it after a signal.
        Command::Validate(options) => return validate::run(options, &connect, &interrupt, report),
    };
    // Whatever failed after a signal failed because of it.
    outcome.map_err(|error| interrupt.error().unwrap_or(error))
}

/// The database that is meant.
fn target(global: &Global) -> Result<Target, Error> {
    let variable = |name: &str| std::env::var(name).ok();
    // A variable that is set to nothing is not set.
    let said = |url: &Secret| !url.expose().trim().is_empty();
    let fallback = || variable("DATABASE_URL").and_then(|url| url.parse().ok()).filter(said);
    let url = global.database_url.clone().filter(said).or_else(fallback);
    target::resolve(url.as_ref(), variable)
}

/// Help and version as they are; a mistake without what could be a password in it.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        report::say(&secret::redacted(&error.to_string()));
        return ExitCode::from(Exit::Usage as u8);
    }
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}
