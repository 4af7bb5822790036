//! The command line. The doc comments here are the help that `--help` prints.

mod looking;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use crate::environment;
use crate::error::EXIT_CODES;
use crate::patience::Patience;
use crate::secret::Secret;

pub use looking::{Costs, JobStatus, Jobs, Watch};

/// Brings a Postgres or Supabase database to the state that this version of pg_lora describes.
///
/// The database is named by --database-url, else by PG_LORA_DATABASE_URL, DATABASE_URL or libpq's variables (PGHOST,
/// PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, …), which also fill what a URL leaves open, as ~/.pgpass does.
/// Flags may also be set by variables (--lock-wait by PG_LORA_LOCK_WAIT) and by the file of --config.
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
    /// TLS is libpq's: sslmode=disable, allow, prefer (if not said), require, verify-ca or verify-full, sslrootcert=FILE
    /// or sslrootcert=system, sslcert and sslkey. A password may be pasted as it is wherever that can be read in one way.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// A TOML file with values for flags, by their long names: lock-wait = 120
    ///
    /// The command line and the environment are stronger.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Wait that long for a database that is starting: 60s, 2m, or a number of seconds
    ///
    /// Refused connections, host names that are not known and databases that do not exist are tried again; a wrong
    /// password, a missing right or a failure of TLS ends it at once.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<Duration>,

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
    /// With --datasets: whether the rows of datasets have figures that can be right. With --costs: whether ledger, jobs and what is
    /// displayed agree.
    Verify(Verify),

    /// Say what migrate would do, how long which table is locked for it, and who is in its way now; write nothing
    ///
    /// Rows, sizes and times are estimates.
    Plan(Plan),

    /// Recognise what a database without a history corresponds to; write nothing, unless told to
    ///
    /// For a database that was restored without the schema lora_migrate. One on which the specification's SQL was run by
    /// hand needs it not: migrate adopts it.
    Adopt(Adopt),

    /// Wait until the database accepts connections; write nothing
    ///
    /// Up to 60 s, or what --wait says; exit 3 when that is over. Also says what protects the connection and whether a
    /// transaction pooler is between.
    Wait,

    /// Say what of the recorded history can be set right; do it with --write
    ///
    /// That is the checksum of a version that was applied from the same text with CRLF line ends or other whitespace.
    /// Of anything else nothing is rewritten.
    /// With --resume: go on with a file that stopped half-way.
    Repair(Repair),

    /// Say what the storage buckets are and what they should be; make them so with --write
    ///
    /// migrate makes them where they are missing, keeps them private, and leaves limits that an operator set.
    Buckets(Buckets),

    /// Write everything as files for another tool's folder of migrations; needs no database
    ///
    /// What was applied from them, status reads as applied. A file that is there is never changed: a later export adds
    /// what is new.
    Export(Export),

    /// Say everything that is wrong with a dataset file; needs no database, unless the result is recorded there
    ///
    /// The rules and the report are those of lora.dataset_report. Findings stand on stdout as "file:line: error[code]:
    /// message", each with what to do about it. Only --dataset connects to a database.
    Validate(Validate),

    /// List training jobs, the newest first: progress, time left, cost, and whether they are well; write nothing
    Jobs(Jobs),

    /// Watch a training job until it is over; write nothing
    ///
    /// In front of a terminal the curves of its losses and a bar with time left, cost and the newest loss, else a line whenever
    /// something has changed. Exit 14 when the job failed or was cancelled.
    Watch(Watch),

    /// Say what was spent: in all, by day, type, GPU, status and job, what runs included; write nothing
    Costs(Costs),

    /// Write TypeScript and JSON Schemas of the tables, functions and documents of the database; with --check only compare
    ///
    /// lora-training.ts has rows, documents, answers and presets and needs no other file; database.ts is the type of
    /// createClient<Database>(). What the database has beside the tables of this version is in database.ts too.
    Types(Types),

    /// Print a script that completes commands and options in a shell
    Completions(Completions),
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// On a plain Postgres: create the roles, auth.users, auth.uid() and storage tables that Supabase brings
    ///
    /// Only what is absent is created; what is there is left as it is.
    #[arg(long, value_name = "KIND", value_enum)]
    pub platform: Option<Platform>,

    /// Which edition of schema lora to have
    ///
    /// With auto what is installed stays. Naming the other one switches to it, in place, while applications go on.
    #[arg(long, value_name = "EDITION", value_enum, default_value_t = Provider::Auto)]
    pub provider: Provider,

    /// Have the database call sweep_training_jobs every minute, by pg_cron, which has to be installed there
    ///
    /// Never done unless it is asked for; a schedule of that name that is there is left as it is.
    #[arg(long)]
    pub schedule_sweep: bool,

    #[command(flatten)]
    pub waiting: Waiting,

    #[command(flatten)]
    pub environment: Environment,

    /// Give the database another label: the one that it has now, which --env then replaces
    #[arg(long, value_name = "LABEL", requires = "env", value_parser = environment::label)]
    pub relabel: Option<String>,
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

/// Which environment is meant.
#[derive(Debug, Args)]
pub struct Environment {
    /// The environment that is meant, as "production": refused where the database has another label
    ///
    /// The first migrate that names one writes it into the database. From then on every command that writes has to
    /// name the same.
    #[arg(id = "env", long = "env", value_name = "LABEL", env = "PG_LORA_ENV", hide_env_values = true,
          value_parser = environment::label)]
    label: Option<String>,
}

impl Environment {
    /// The label, unless it is nothing.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref().filter(|label| !label.is_empty())
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

    #[command(flatten)]
    pub environment: Environment,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// List the datasets whose counts, tokens, averages or size contradict each other or their report, in place of
    /// what the database is made of
    #[arg(long)]
    pub datasets: bool,

    /// List what does not agree between the ledger, the events of the jobs and the costs that are displayed, in place of what the
    /// database is made of
    #[arg(long, conflicts_with = "datasets")]
    pub costs: bool,

    /// How many findings are listed; all are counted
    ///
    /// Only with --datasets and --costs.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: u32,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which edition of schema lora is meant, as in migrate
    #[arg(long, value_name = "EDITION", value_enum, default_value_t = Provider::Auto)]
    pub provider: Provider,

    /// Exit with 5 when anything is pending or out of date
    #[arg(long)]
    pub check: bool,
}

/// Options of `adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// Record the versions that were recognised, so that migrate goes on from there
    #[arg(long)]
    pub write: bool,

    #[command(flatten)]
    pub waiting: Waiting,
}

/// Options of `repair`.
#[derive(Debug, Args)]
pub struct Repair {
    /// Record the checksums of this build for versions that differ in whitespace alone
    #[arg(long)]
    pub write: bool,

    /// Go on with the version whose file runs outside of a transaction and stopped half-way; apply nothing after it
    ///
    /// Indexes that were left invalid are dropped and built again. pg-lora migrate does the same, and then the rest.
    #[arg(long, conflicts_with = "write")]
    pub resume: bool,

    #[command(flatten)]
    pub waiting: Waiting,

    #[command(flatten)]
    pub environment: Environment,
}

/// Options of `buckets`.
#[derive(Debug, Args)]
pub struct Buckets {
    /// Create, make private and overwrite: both become what this version has
    #[arg(long)]
    pub write: bool,

    /// Take the specification's types of files alone, without what real clients send beside them
    ///
    /// With --write it is kept in the database, so that migrate and status go by it; --write without it takes it back.
    #[arg(long)]
    pub strict_mime: bool,

    #[command(flatten)]
    pub waiting: Waiting,

    #[command(flatten)]
    pub environment: Environment,
}

/// Options of `types`.
#[derive(Debug, Args)]
pub struct Types {
    /// The folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Write nothing; exit with 10 when what stands there is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Whose folder it is
    #[arg(long, value_name = "TOOL", value_enum)]
    pub to: ExportTo,

    /// The folder, if not supabase/migrations of the project that this is
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Which edition of schema lora the files make
    ///
    /// portable, which auto is here, works everywhere; native is the extension, which a self-hosted Supabase may have and
    /// hosted Supabase cannot load.
    #[arg(long, value_name = "EDITION", value_enum, default_value_t = Provider::Auto)]
    pub provider: Provider,
}

/// Whose files to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTo {
    /// The Supabase CLI: supabase db push
    Supabase,
}

/// Which edition of schema lora.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// What is installed; where nothing is, the extension if the server offers it, else the portable edition
    Auto,
    /// The extension
    Native,
    /// SQL and PL/pgSQL, for servers that cannot load a library
    Portable,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The file; "-" is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A second file, which is held back for validation; "-" is standard input, where FILE is not
    #[arg(long, value_name = "FILE")]
    pub split_file: Option<PathBuf>,

    /// Record the result on the dataset of this id, in the database: its status, counts, findings and report
    ///
    /// Recorded in one transaction when all is read; refused when FILE is not as long as the stored object of the
    /// dataset. It takes the role that migrated, or a member of service_role.
    #[arg(long, value_name = "ID")]
    pub dataset: Option<Uuid>,

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

/// `60s`, `2m`, `1h`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => 0,
    };
    match number.parse::<u32>() {
        Ok(number) if seconds != 0 => Ok(Duration::from_secs(u64::from(number) * seconds)),
        _ => Err("write a number and s, m or h, as in 60s".to_owned()),
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
    use clap::{CommandFactory, Parser};

    use std::time::Duration;

    use super::{Cli, duration};

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, seconds) in [("60s", 60), ("2m", 120), ("1h", 3600), ("0", 0), ("90", 90)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "-1", "1.5s", "60 s", "1d", "99999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// Words as a shell divides them, where single quotes keep spaces.
    fn shell_words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => words.push(String::new()),
                c => words.last_mut().expect("there is a first word").push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// What the page tells people to run.
    #[test]
    fn the_commands_of_the_documentation_are_understood() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migrate.md")).unwrap();
        let mut inside = false;
        let mut commands = Vec::new();
        for line in page.lines() {
            inside ^= line.starts_with("```");
            let words = line.split(" #").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
            let words = shell_words(words);
            let words: Vec<&str> =
                words.iter().map(String::as_str).skip_while(|word| word.contains("://")).collect();
            // As a shell has them, or as YAML's list of arguments.
            let list = ["args: [", "command: ["].into_iter().find_map(|key| line.trim().strip_prefix(key));
            let list = list.and_then(|list| list.strip_suffix(']'));
            match (words.as_slice(), list) {
                (["pg-lora", arguments @ ..], _) if inside => {
                    commands.push(arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
                }
                (_, Some(list)) => commands.push(list.split(", ").map(str::to_owned).collect()),
                _ => {}
            }
        }
        assert!(commands.len() >= 12, "{commands:?}");
        for arguments in commands {
            let parsed = Cli::try_parse_from(std::iter::once("pg-lora".to_owned()).chain(arguments.clone()));
            assert!(parsed.is_ok(), "{arguments:?}: {}", parsed.unwrap_err());
        }
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
