//! The command line. The doc comments here are the help that `--help` prints.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::EXIT_CODES;
use crate::patience::Patience;
use crate::secret::Secret;

/// Brings a Postgres or Supabase database to the state that this version of pg_lora describes.
///
/// The database is named by --database-url, else by PG_LORA_DATABASE_URL, DATABASE_URL or the variables
/// PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, which also fill what a URL leaves open.
#[derive(Debug, Parser)]
#[command(name = "pg-lora", version, after_long_help = exit_codes())]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The database: postgresql://user:password@host:5432/database, or host=/socket/folder dbname=database
    ///
    /// TLS is not spoken yet: sslmode=disable and sslmode=prefer work, sslmode=require and stronger are
    /// refused.
    #[arg(long, global = true, value_name = "URL", env = "PG_LORA_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,

    /// What stands on stdout: lines for people, or one JSON object
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What stands on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// One line for each thing
    Text,
    /// One JSON object
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply whatever is missing: versions, extension, functions, buckets
    ///
    /// Safe to run at any time and from several places at once: each version is applied exactly once, in one
    /// transaction with its record; a run that finds nothing to do writes nothing.
    Migrate(Migrate),

    /// Say what is applied, what is pending, and what is out of date; write nothing
    Status(Status),

    /// Say whether the database is what this version makes of it; write nothing
    ///
    /// With --datasets: whether the rows of datasets have figures that can be right.
    Verify(Verify),

    /// Go on with a file that stopped half-way
    Repair(Repair),

    /// Say everything that is wrong with a dataset file; needs no database
    ///
    /// The rules and the report are those of lora.dataset_report. Findings stand on stdout as "file:line: error[code]:
    /// message", each with what to do about it.
    Validate(Validate),
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// On a plain Postgres: create the roles, auth.users, auth.uid() and storage tables that Supabase brings
    ///
    /// Only what is absent is created; what is there is left as it is.
    #[arg(long, value_name = "KIND", value_enum)]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub waiting: Waiting,
}

/// How long to wait for others.
#[derive(Debug, Args)]
pub struct Waiting {
    /// How long to wait for another runner, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub lock_wait: u64,

    /// How long to try for the lock of a table that others use, in seconds
    ///
    /// Each try waits for 3 seconds at most, so that nobody queues up behind it for longer; then the whole step is
    /// rolled back and tried again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub table_lock_wait: u64,
}

impl Waiting {
    /// The same as the steps take it.
    pub fn patience(&self) -> Patience {
        Patience {
            runners: Duration::from_secs(self.lock_wait),
            tables: Duration::from_secs(self.table_lock_wait),
        }
    }
}

/// Which platform to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// Everything that a Postgres of one's own lacks beside Supabase
    Standalone,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Exit with 5 when anything is pending or out of date
    #[arg(long)]
    pub check: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// List the datasets whose counts, tokens, averages or size contradict each other or their report, in place of
    /// what the database is made of
    #[arg(long)]
    pub datasets: bool,

    /// How many findings are listed; all are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 100, requires = "datasets")]
    pub limit: u32,
}

/// Options of `repair`.
#[derive(Debug, Args)]
pub struct Repair {
    /// Go on with the version whose file runs outside of a transaction and stopped half-way; apply nothing after it
    ///
    /// Indexes that were left invalid are dropped and built again. pg-lora migrate does the same, and then the rest.
    #[arg(long, required = true)]
    pub resume: bool,

    #[command(flatten)]
    pub waiting: Waiting,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The file; "-" is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Who trains on it: brightrun, openai, mistral or together
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Longest example in tokens, in place of the profile's
    #[arg(long, value_name = "TOKENS")]
    pub window: Option<u64>,

    /// Fewest training examples, in place of the profile's
    #[arg(long, value_name = "NUMBER")]
    pub min_examples: Option<u64>,

    /// What the file is taken for: brightrun_lora_v4, brightrun_lora_v3 or the name of a shape
    #[arg(long, value_name = "FORMAT")]
    pub declared_format: Option<String>,

    /// How many threads read it; all that the machine has, if not said
    #[arg(long, value_name = "NUMBER")]
    pub threads: Option<NonZeroUsize>,
}

impl Validate {
    /// Threads to read with.
    pub fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(all, NonZeroUsize::get).min(64)
    }
}

fn exit_codes() -> String {
    let line = |(code, meaning, retry): &(u8, &str, bool)| {
        format!("\n  {code:>3}  {meaning}{}", if *retry { " (retry)" } else { "" })
    };
    format!("Exit codes:{}", EXIT_CODES.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_has_help() {
        let mut root = Cli::command();
        root.build();
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
