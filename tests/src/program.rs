//! Running one of our programs as a shell or a pipeline does, and what came of it.
//!
//! Invariant: nothing of the caller's environment says which database is meant; a test says it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::environment;

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Words.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap_or_else(|error| panic!("could not run {command:?}: {error}")).into()
    }

    /// Runs `pg-lora` on the database of a URL, which it gets as CI would give it, in `DATABASE_URL`.
    pub fn of_pg_lora(url: &str, arguments: &[&str]) -> Self {
        Self::of(pg_lora(arguments).env("DATABASE_URL", url))
    }

    /// The same outcome, if the program ended with this exit code.
    ///
    /// # Panics
    /// With everything that it said, if it ended in another way.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The JSON that it printed.
    ///
    /// # Panics
    /// If stdout is anything but one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// `pg-lora` with arguments, on no database yet.
///
/// # Panics
/// If the tests were not told where it is.
pub fn pg_lora(arguments: &[&str]) -> Command {
    let mut command = command(environment::pg_lora(), arguments);
    // Its flags may be variables too, and a ~/.pgpass of the caller knows other servers.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG_LORA_")) {
        command.env_remove(name);
    }
    command.env_remove("HOME");
    // What it migrates where a test says nothing of an edition; a flag is stronger.
    if environment::is_portable() {
        command.env("PG_LORA_PROVIDER", environment::provider());
    }
    command
}

/// `xtask` with arguments.
///
/// # Panics
/// If the tests were not told where it is.
pub fn xtask(arguments: &[&str]) -> Command {
    command(environment::xtask(), arguments)
}

/// Without input, and without the variables that name a database: a PGHOST of the caller is meant for another
/// server.
fn command(program: anyhow::Result<PathBuf>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.unwrap_or_else(|error| panic!("{error}")));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let names_a_database = name.starts_with("PG") && !name.starts_with("PG_LORA_");
        if names_a_database
            || name == "PG_LORA_DATABASE_URL"
            || name == "DATABASE_URL"
            || name == "PG_LORA_ENV"
        {
            command.env_remove(name.as_ref());
        }
    }
    command
}
