//! `pg-lora validate FILE`: the rules of `lora.dataset_report` on a file, without a database.
//!
//! Invariant: it judges nothing by itself, core does; the report is the one that a database gives of the same bytes.
//! Refused: a file that cannot be read, or that changes while it is.

mod reading;

use std::path::Path;

use pg_lora_core::dataset::{Finding, Options, Report as DatasetReport};
use serde_json::{Map, Value};

use crate::cli::Validate;
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::report::{Report, printable, say};

/// Runs it.
pub fn run(asked: &Validate, interrupt: &Interrupt, report: &mut Report) -> Result<(), Error> {
    let options = options(asked)?;
    let found = reading::report(&asked.file, &options, asked.threads(), interrupt)?;
    tell(&asked.file, &found, report);
    if found.valid {
        return Ok(());
    }
    let count = match found.errors {
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    };
    Err(Error::new(Exit::Dataset, format!("the dataset \"{}\" has {count}", asked.file.display())))
}

/// The options as core reads them, so that they are refused in its words.
fn options(asked: &Validate) -> Result<Options, Error> {
    let mut members = Map::new();
    let mut set =
        |key: &str, value: Option<Value>| members.extend(value.map(|value| (key.to_owned(), value)));
    set("profile", asked.profile.clone().map(Value::from));
    set("window", asked.window.map(Value::from));
    set("min_examples", asked.min_examples.map(Value::from));
    set("declared_format", asked.declared_format.clone().map(Value::from));
    Options::from_json(&Value::Object(members).to_string())
        .map_err(|error| Error::new(Exit::Usage, error.message).hint(error.hint))
}

/// Findings as compilers print theirs, then what the file holds.
fn tell(file: &Path, found: &DatasetReport, report: &mut Report) {
    for finding in &found.findings {
        report.text(&printable(&place_and_error(file, finding)));
        report.text(&printable(&format!("  hint: {}", finding.suggestion)));
    }
    if found.truncated {
        say("note: more was found than is listed; the counts of --output json are complete");
    }
    let shape = found.shape.map_or("no shape", |shape| shape.name());
    report.line("dataset", &format!("{shape}, {} lines, {} bytes", found.lines, found.bytes));
    report.line(
        "pairs",
        &format!(
            "{} to train on, {} for validation",
            found.total_training_pairs, found.total_validation_pairs
        ),
    );
    report.line(
        "holds",
        &format!(
            "{} conversations, {} messages, {} tokens (±{} %, {})",
            found.conversations,
            found.messages,
            found.total_tokens,
            found.tokens.error_band_pct,
            found.tokens.method
        ),
    );
    report.line("found", &format!("{} errors, {} warnings", found.errors, found.warnings));
    report.line("ready", if found.training_ready { "yes" } else { "no" });
    report.set("file", file.display().to_string());
    report.set("report", found.answer());
}

fn place_and_error(file: &Path, finding: &Finding) -> String {
    let line = match finding.line {
        0 => String::new(),
        line => format!("{line}:"),
    };
    format!("{}:{line} {}[{}]: {}", file.display(), finding.severity.name(), finding.code, finding.error)
}
