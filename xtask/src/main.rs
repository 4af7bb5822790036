//! `cargo xtask`: the one entry point for people and CI.
//!
//! Every subcommand does the set-up it needs. Data goes to stdout, words to stderr. Exit codes: 0 done, 1 failed,
//! 2 wrong usage, 13 a dataset with errors, 128 + n ended by signal n (130 is Ctrl-C).

mod bench;
mod calibrate;
mod checkout;
mod db;
mod demo;
mod deno;
mod extension;
mod interrupt;
mod isolation;
mod node;
mod npm;
mod old_server;
mod packages;
mod pgrx;
mod postgrest;
mod process;
mod regress;
mod server_extensions;
mod setup;
mod supabase_cli;
mod supabase_js;
mod test;
mod tidy;
mod tree;
mod typescript;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::checkout::Checkout;

/// Everything that is done to this checkout: preparing the machine, the demo, a database to play with, tests.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    /// The pg_config of another Postgres 15, 16 or 17, server headers included. Without it the newest one that
    /// the distribution's packages have installed; on a bare machine they are installed first.
    #[arg(long, global = true, value_name = "PATH", env = pg_lora_tests::environment::PG_CONFIG)]
    pg_config: Option<PathBuf>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prepare the machine: system packages, cargo-pgrx, a private copy of Postgres with the extension in it.
    ///
    /// Silent when nothing is to do. All other subcommands call it. Nothing is installed into the system's own
    /// Postgres, and no server of the system is used.
    Setup,
    /// Run the main job from end to end, on a throw-away database, and print what came of it.
    Demo(demo::Args),
    /// A database with everything migrated, to play with.
    #[command(subcommand)]
    Db(db::Action),
    /// Run every test: tidy, unit and property tests, the extension in a server, golden SQL, end to end.
    Test(test::Args),
    /// Measure on a fresh server, and print each figure beside its target.
    Bench(bench::Args),
    /// Fit what characters cost in tokens, on texts that are fetched for it, and print how far off it is.
    ///
    /// Needs Debian's packages, npm and Python. Writes the tables in core/src/dataset/tokens; the one of the errors
    /// in docs/datasets.md follows with PG_LORA_BLESS=1 cargo test -p pg-lora-core --test docs.
    CalibrateTokens(calibrate::Args),
    /// Check what the compiler does not: format, lints, arrows between crates, SQL files, versions, texts.
    Tidy,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = interrupt::listen().and_then(|()| run(cli));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", process::report(&error));
            ExitCode::from(demo::Refusal::exit_code(&error))
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let checkout = Checkout::find()?;
    let pg_config = cli.pg_config.as_deref();
    match cli.task {
        Task::Setup => setup::prepare(&checkout, pg_config)?.with_extension(),
        Task::Demo(args) => demo::run(&checkout, pg_config, &args),
        Task::Db(action) => db::run(&checkout, pg_config, action),
        Task::Test(args) => test::run(&checkout, pg_config, &args),
        Task::Bench(args) => bench::run(&checkout, pg_config, &args),
        Task::CalibrateTokens(args) => calibrate::run(&checkout, &args),
        Task::Tidy => tidy::run(&setup::prepare(&checkout, pg_config)?),
    }
}
