//! Where a flag's value is from: the command line, else the environment, else the file of `--config`.
//!
//! Every long flag is also a variable (`--lock-wait`, `PG_LORA_LOCK_WAIT`) and a key of the file (`lock-wait`); the command
//! line's own definition is the only list of them. Whatever confirms a write is said on the command line alone.
//!
//! Invariant: no message shows a value of the file or of a variable: it could be a connection string.
//! Refused: keys that no command has, and values of another kind than the flag's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::error::{Error, Exit, listed};
use crate::secret::Secret;

/// Flags that are only ever meant for one run.
const COMMAND_LINE_ONLY: &[&str] = &["help", "version", "write", "resume", "relabel"];
/// The flag that names the file, which a variable may do too, but not the file.
const CONFIG: &str = "config";
/// The connection string of the file, which is weaker than DATABASE_URL and the PG* variables too.
const DATABASE_URL: &str = "database-url";

/// Flags that mean nothing without another, where somebody writes them by hand: a variable or a file speaks to all
/// commands, so the parser's own `requires` would refuse too much.
const NEEDS: &[(&str, &[&str])] = &[("limit", &["datasets", "costs"])];

/// Why there is no command to run.
pub enum Failure {
    /// The parser's words, or the help.
    Usage(clap::Error),
    /// Ours, about the file.
    File(Error),
}

/// A command line with everything that the environment and the file add to it.
pub struct Flags {
    pub cli: Cli,
    /// The connection string of the file.
    pub database_url: Option<Secret>,
}

/// The definition of the command line, with its variables.
pub fn command() -> Command {
    with_variables(Cli::command())
}

fn with_variables(command: Command) -> Command {
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

fn with_variable(arg: Arg) -> Arg {
    let Some(long) = arg.get_long().map(str::to_owned) else { return arg };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    if COMMAND_LINE_ONLY.contains(&long.as_str()) {
        return arg;
    }
    let name = format!("PG_LORA_{}", long.replace('-', "_").to_uppercase());
    // A variable that is set to nothing is not set.
    if std::env::var_os(&name).is_some_and(|value| value.is_empty()) {
        return arg;
    }
    // The definition is made once or twice in a run, and lives as long as that.
    let arg = arg.env(&*name.leak()).hide_env_values(true);
    if is_flag { arg.value_parser(BoolishValueParser::new()) } else { arg }
}

/// Reads the arguments, the program's name first.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, Failure> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = command().try_get_matches_from(&arguments).map_err(Failure::Usage)?;
    check_needs(&matches).map_err(Failure::Usage)?;
    let Some(file) = matches.get_one::<PathBuf>(CONFIG).cloned() else {
        return cli(&matches).map(|cli| Flags { cli, database_url: None });
    };
    let (added, database_url) = additions(&file, &matches).map_err(Failure::File)?;
    // What follows "--" is no flag any more.
    let at = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(at..at, added);
    let matches = command().try_get_matches_from(&arguments).map_err(Failure::Usage)?;
    cli(&matches).map(|cli| Flags { cli, database_url })
}

fn check_needs(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((_, inner)) = matches.subcommand() else { return Ok(()) };
    let by_hand = |id: &str| {
        inner.try_contains_id(id).is_ok() && inner.value_source(id) == Some(ValueSource::CommandLine)
    };
    match NEEDS.iter().find(|(flag, needed)| by_hand(flag) && !needed.iter().any(|one| inner.get_flag(one))) {
        None => Ok(()),
        Some((flag, needed)) => {
            let needed = needed.join(" and --");
            Err(command()
                .error(ErrorKind::MissingRequiredArgument, format!("--{flag} is only for --{needed}")))
        }
    }
}

fn cli(matches: &ArgMatches) -> Result<Cli, Failure> {
    Cli::from_arg_matches(matches).map_err(Failure::Usage)
}

/// The flags that the file says and neither the command line nor the environment does, and its connection string.
fn additions(file: &Path, matches: &ArgMatches) -> Result<(Vec<OsString>, Option<Secret>), Error> {
    let shown = file.display();
    let refused = |why: String| Error::new(Exit::Usage, format!("the configuration file \"{shown}\" {why}"));
    let text = std::fs::read_to_string(file).map_err(|error| {
        refused("cannot be read".to_owned())
            .detail(error.to_string().to_lowercase())
            .hint("name another one by --config, or leave that out")
    })?;
    // The parser's own words show the line that is wrong.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        refused(format!("is no TOML: line {}", before.matches('\n').count() + 1))
            .hint("write each setting as key = value, with quotes around texts")
    })?;
    let root = command();
    let mut known: Vec<String> = Vec::new();
    for command in std::iter::once(&root).chain(root.get_subcommands()) {
        known.extend(command.get_arguments().filter_map(Arg::get_long).map(str::to_owned));
    }
    known.retain(|long| long != CONFIG && !COMMAND_LINE_ONLY.contains(&long.as_str()));
    known.sort_unstable();
    known.dedup();

    let (mut added, mut database_url) = (Vec::new(), None);
    for (key, value) in &table {
        if !known.contains(key) {
            return Err(refused(format!("has a key that is not known: \"{key}\""))
                .hint(format!("take the names of long flags: {}", listed(&known))));
        }
        let values = texts(value).ok_or_else(|| {
            refused(format!("has no value for \"{key}\" that a flag can have"))
                .hint("write a text, a whole number, true or false")
        })?;
        if key == DATABASE_URL {
            database_url = values.first().and_then(|text| text.parse().ok());
            continue;
        }
        let Some((arg, matches)) = find(&root, matches, key) else { continue };
        let said = matches.value_source(arg.get_id().as_str());
        if matches!(said, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, toml::Value::Boolean(false)) => {}
            (ArgAction::SetTrue, toml::Value::Boolean(true)) => added.push(format!("--{key}").into()),
            (ArgAction::SetTrue, _) => {
                return Err(
                    refused(format!("has no true or false for \"{key}\"")).hint("write true or false")
                );
            }
            _ => added.extend(values.into_iter().map(|value| OsString::from(format!("--{key}={value}")))),
        }
    }
    Ok((added, database_url))
}

/// The flag of the command that runs, or of every command. None where another command has it.
fn find<'a>(root: &'a Command, matches: &'a ArgMatches, long: &str) -> Option<(&'a Arg, &'a ArgMatches)> {
    let of = |command: &'a Command| command.get_arguments().find(|arg| arg.get_long() == Some(long));
    let (name, inner) = matches.subcommand()?;
    let command = root.find_subcommand(name)?;
    of(command).or_else(|| of(root).filter(|arg| arg.is_global_set())).map(|arg| (arg, inner))
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    Some(match value {
        toml::Value::String(text) => vec![text.clone()],
        toml::Value::Integer(number) => vec![number.to_string()],
        toml::Value::Boolean(is) => vec![is.to_string()],
        toml::Value::Array(values) => values.iter().map(texts).collect::<Option<Vec<_>>>()?.concat(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn the_definition_with_its_variables_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_long_flag_is_a_variable_too_but_for_those_of_one_run() {
        let mut root = command();
        root.build();
        let migrate = root.find_subcommand("migrate").unwrap();
        let variable = |long: &str| {
            let arg = migrate.get_arguments().find(|arg| arg.get_long() == Some(long)).unwrap();
            arg.get_env().map(|name| name.to_string_lossy().into_owned())
        };
        assert_eq!(variable("lock-wait").as_deref(), Some("PG_LORA_LOCK_WAIT"));
        assert_eq!(variable("database-url").as_deref(), Some("PG_LORA_DATABASE_URL"));
        assert_eq!(variable("help"), None);
    }
}
