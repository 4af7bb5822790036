//! `pg-lora` brings a Postgres or Supabase database to the state that this version of pg_lora describes.
//!
//! cli → target → connect → survey (one look) → plan and preflight (pure) → step (one transaction under the
//! lock) for the platform, each version, the provider, the functions and the buckets → verify → report.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::secret::Secret;

mod broken;
mod buckets;
mod cli;
mod connect;
mod dataset_metrics;
mod declared;
mod embedded;
mod error;
mod foreign;
#[cfg(debug_assertions)]
mod further;
mod history;
mod interrupt;
mod layer;
mod lock;
mod migrate;
mod obstacles;
mod outside;
mod patience;
mod place;
mod plan;
mod platform;
mod preflight;
mod provider;
mod query;
mod remarks;
mod repair;
mod report;
mod runs;
mod secret;
mod sql_error;
mod sql_header;
mod sql_text;
mod sql_tokens;
mod standing;
mod status;
mod step;
mod survey;
mod target;
mod validate;
mod verify;
mod watch;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let name = match &cli.command {
        Command::Migrate(_) => "migrate",
        Command::Status(_) => "status",
        Command::Verify(_) => "verify",
        Command::Repair(_) => "repair",
        Command::Validate(_) => "validate",
    };
    let mut report = Report::new(name, cli.global.output);
    let outcome = run(cli, &mut report);
    ExitCode::from(report.finish(outcome))
}

fn run(cli: Cli, report: &mut Report) -> Result<(), Error> {
    let interrupt = Interrupt::install()?;
    #[cfg(debug_assertions)]
    further::check()?;
    if let Command::Validate(options) = &cli.command {
        return validate::run(options, &interrupt, report);
    }
    let variable = |name: &str| std::env::var(name).ok();
    // A variable that is set to nothing is not set.
    let said = |url: &Secret| !url.expose().trim().is_empty();
    let fallback = || variable("DATABASE_URL").and_then(|url| url.parse().ok()).filter(said);
    let url = cli.global.database_url.filter(said).or_else(fallback);
    let mut session = connect::open(target::resolve(url.as_ref(), variable)?, &interrupt)?;
    let outcome = match &cli.command {
        Command::Migrate(options) => migrate::run(&mut session, options, report),
        Command::Status(options) => status::run(&mut session, options, report),
        Command::Verify(options) => verify::run(&mut session, options, report),
        Command::Repair(options) => repair::run(&mut session, options, report),
        Command::Validate(_) => unreachable!("it needs no connection"),
    };
    // Whatever failed after a signal failed because of it. But what stopped half-way was not rolled back.
    outcome.map_err(|error| match error.exit {
        Exit::Partial => error,
        _ => interrupt.error().unwrap_or(error),
    })
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
