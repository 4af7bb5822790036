//! `pg-lora` brings a Postgres or Supabase database to the state that this version of pg_lora describes.
//!
//! settings (cli, variables, file) → target → tls, connect → survey (one look) → plan and preflight (pure) → step (one transaction under the
//! lock) for the platform, each version, the provider, the functions and the buckets → verify → report.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;

use crate::cli::Command;
use crate::error::{Error, Exit};
use crate::flags::{Failure, Flags};
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::secret::Secret;
use crate::target::{Strings, Target};

mod access;
mod adopt;
mod ahead;
mod broken;
mod bucket_limits;
mod buckets;
mod catalogue;
mod cli;
mod completions;
mod connect;
mod costs;
mod dataset_metrics;
mod declared;
mod drift;
mod effects;
mod embedded;
mod environment;
mod error;
mod export;
mod flags;
mod forecast;
mod foreign;
#[cfg(debug_assertions)]
mod further;
mod history;
mod interrupt;
mod jobs;
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
mod schedule;
mod secret;
mod settings;
mod sql_error;
mod sql_header;
mod sql_text;
mod sql_tokens;
mod standing;
mod status;
mod step;
mod survey;
mod switch;
mod target;
mod tls;
mod types;
mod validate;
mod variant;
mod verify;
mod wait;
mod watch;

/// How long `wait` waits if nothing is said.
const WAIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let flags = match flags::read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(Failure::Usage(error)) => return usage(&error),
        Err(Failure::File(error)) => {
            report::say(&error.render());
            return ExitCode::from(error.exit as u8);
        }
    };
    let name = match &flags.cli.command {
        Command::Migrate(_) => "migrate",
        Command::Status(_) => "status",
        Command::Verify(_) => "verify",
        Command::Plan(_) => "plan",
        Command::Adopt(_) => "adopt",
        Command::Wait => "wait",
        Command::Repair(_) => "repair",
        Command::Validate(_) => "validate",
        Command::Export(_) => "export",
        Command::Buckets(_) => "buckets",
        Command::Jobs(_) => "jobs",
        Command::Watch(_) => "watch",
        Command::Costs(_) => "costs",
        Command::Types(_) => "types",
        Command::Completions(_) => "completions",
    };
    let mut report = Report::new(name, flags.cli.global.output);
    let outcome = run(flags, &mut report);
    ExitCode::from(report.finish(outcome))
}

fn run(flags: Flags, report: &mut Report) -> Result<(), Error> {
    let interrupt = Interrupt::install()?;
    #[cfg(debug_assertions)]
    further::check()?;
    let Flags { cli, .. } = &flags;
    let began = Instant::now();
    let connect = || {
        let target = target(&flags)?;
        let patience = cli.global.wait.or_else(|| matches!(cli.command, Command::Wait).then_some(WAIT));
        match patience {
            Some(patience) => connect::open_within(&target, patience, &interrupt),
            None => connect::open(&target, &interrupt),
        }
    };
    let outcome = match &cli.command {
        Command::Migrate(options) => migrate::run(&mut connect()?, options, report),
        Command::Status(options) => status::run(&mut connect()?, options, report),
        Command::Verify(options) => verify::run(&mut connect()?, options, report),
        Command::Plan(options) => forecast::run(&mut connect()?, options, report),
        Command::Adopt(options) => adopt::run(&mut connect()?, options, report),
        Command::Repair(options) => repair::run(&mut connect()?, options, report),
        Command::Buckets(options) => bucket_limits::run(&mut connect()?, options, report),
        Command::Wait => wait::run(&mut connect()?, began, report),
        Command::Types(options) => types::run(&mut connect()?, options, report),
        // Connects only if it is asked to record what it finds, and may find it after a signal.
        Command::Validate(options) => return validate::run(options, &connect, &interrupt, report),
        Command::Jobs(options) => jobs::list(&mut connect()?, options, report),
        // Connects again when the connection is lost.
        Command::Watch(options) => jobs::watch(options, &connect, &interrupt, report),
        Command::Costs(options) => costs::summarise(&mut connect()?, options, report),
        Command::Export(options) => return export::run(options, report),
        Command::Completions(options) => {
            completions::print(options.shell, report);
            return Ok(());
        }
    };
    // Whatever failed after a signal failed because of it. But what stopped half-way was not rolled back.
    outcome.map_err(|error| match error.exit {
        Exit::Partial => error,
        _ => interrupt.error().unwrap_or(error),
    })
}

/// The database that is meant.
fn target(Flags { cli, database_url }: &Flags) -> Result<Target, Error> {
    let variable = |name: &str| std::env::var(name).ok();
    // A variable that is set to nothing is not set.
    let said = |url: &&Secret| !url.expose().trim().is_empty();
    let fallback = variable("DATABASE_URL").and_then(|url| url.parse().ok());
    let first = cli.global.database_url.as_ref().filter(said).or(fallback.as_ref().filter(said));
    let last = database_url.as_ref().filter(said);
    target::resolve(&Strings { first, last }, variable)
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
