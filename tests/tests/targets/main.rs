//! How a database is named and reached: TLS, passwords, variables, files of settings, poolers, waiting.

mod announced;
mod certificates;
mod passwords;
mod pooled;
mod settings;
mod tls;
mod waiting;

use std::process::Command;

use pg_lora_tests::{Outcome, program};

/// A command that has passed what follows it: its options and its variables.
fn pg_lora(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = program::pg_lora(arguments);
    command.envs(variables.iter().copied());
    command
}

/// The end of `pg-lora wait` on a target that is there, or that waiting does not mend.
fn reach(target: &str, variables: &[(&str, &str)]) -> Outcome {
    let began = std::time::Instant::now();
    let outcome = Outcome::of(pg_lora(&["wait", "--output", "json"], variables).env("DATABASE_URL", target));
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "it waited: {}", outcome.stderr);
    outcome
}

/// What protects a connection that is expected to come about.
#[track_caller]
fn protection(target: &str, variables: &[(&str, &str)]) -> String {
    let outcome = reach(target, variables).expect(0);
    assert_eq!(outcome.stderr, "");
    outcome.json()["connection"]["protection"].as_str().unwrap().to_owned()
}

/// The words of a refusal, with PLACE for the server's.
#[track_caller]
fn refusal(target: &str, variables: &[(&str, &str)], code: i32, place: &str) -> String {
    let outcome = reach(target, variables).expect(code);
    assert_eq!(outcome.json()["error"]["exit_code"], code);
    assert!(!outcome.stderr.contains("sesame"), "{}", outcome.stderr);
    outcome.stderr.replace(place, "PLACE")
}
