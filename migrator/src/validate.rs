//! `pg-lora validate FILE`: the rules of `lora.dataset_report` on a file, and on one that is held back beside it, without
//! a database; with `--dataset` the result is recorded there.
//!
//! Invariant: it judges nothing by itself, core does; the report is the one that a database gives of the same bytes.
//! Refused: a file that cannot be read, or that changes while it is.

mod reading;
mod recording;

use std::path::Path;

use pg_lora_core::dataset::{Finding, Options, Report as DatasetReport, Shape};
use serde_json::{Map, Value};

use crate::cli::Validate;
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::report::{Report, printable, say};
use crate::validate::reading::Source;

/// Runs it. `connect` opens the database that the result is recorded in.
pub fn run(
    asked: &Validate,
    connect: &dyn Fn() -> Result<Session, Error>,
    interrupt: &Interrupt,
    report: &mut Report,
) -> Result<(), Error> {
    report.expect(&[], &["file", "split_file", "report", "recorded"]);
    let options = options(asked)?;
    let mut files = Files::open(asked)?;
    if let Some(dataset) = asked.dataset {
        // Nobody reads a large file to be told that there is nowhere to record it.
        recording::check(&mut connect()?, dataset)?;
    }
    let found = files.read(&options, asked.threads(), interrupt)?;
    tell(asked, &found, report);
    let mut is_usable = found.valid;
    if let Some((dataset, sha256)) = asked.dataset.zip(files.training.sha256()) {
        let recorded = recording::record(&mut connect()?, dataset, &found, &sha256)?;
        is_usable = recorded.status == "ready";
        report.changed = true;
        report.line("recorded", &format!("dataset {dataset} is {}", recorded.status));
        report.set("recorded", recorded);
    }
    if is_usable {
        return Ok(());
    }
    let count = match found.errors {
        // Where none is asked for it is no error, and is recorded as one: nothing can be trained.
        0 => "no training pair".to_owned(),
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    };
    Err(Error::new(Exit::Dataset, format!("the dataset \"{}\" has {count}", asked.file.display())))
}

/// What is read: the file to train on, and the one that is held back.
struct Files<'f> {
    training: Source<'f>,
    validation: Option<Source<'f>>,
}

impl<'f> Files<'f> {
    /// Opens what there is, before any of it is read.
    fn open(asked: &'f Validate) -> Result<Self, Error> {
        let validation = asked.split_file.as_deref();
        if reading::is_standard_input(&asked.file) && validation.is_some_and(reading::is_standard_input) {
            return Err(Error::new(Exit::Usage, "both files are standard input")
                .hint("name a file for one of them; \"-\" is standard input"));
        }
        let training = Source::open(&asked.file)?;
        Ok(Self {
            training: if asked.dataset.is_some() { training.hashed() } else { training },
            validation: validation.map(Source::open).transpose()?,
        })
    }

    /// The report on all of it.
    fn read(
        &mut self,
        options: &Options,
        threads: usize,
        interrupt: &Interrupt,
    ) -> Result<DatasetReport, Error> {
        let training = self.training.read(options, threads, interrupt)?;
        let found = match &mut self.validation {
            None => training.report(options, &mut || ()),
            Some(validation) => {
                let validation = validation.read(options, threads, interrupt)?;
                training.report_with_validation(validation, options, &mut || ())
            }
        };
        for source in [&self.training].into_iter().chain(&self.validation) {
            source.check_unchanged()?;
        }
        found.map_err(reading::refused)
    }
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

/// Findings as compilers print theirs, then what the files hold.
fn tell(asked: &Validate, found: &DatasetReport, report: &mut Report) {
    for finding in &found.findings {
        let file = match (finding.split, &asked.split_file) {
            (Some(_), Some(split_file)) => split_file,
            _ => &asked.file,
        };
        report.text(&printable(&place_and_error(file, finding)));
        report.text(&printable(&format!("  hint: {}", finding.suggestion)));
    }
    if found.truncated {
        say("note: more was found than is listed; the counts of --output json are complete");
    }
    report.line("dataset", &size(found.shape, found.lines, found.bytes));
    if let Some(file) = &found.validation_file {
        report.line("held back", &size(file.shape, file.lines, file.bytes));
    }
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
    report.set("file", asked.file.display().to_string());
    report.set("split_file", asked.split_file.as_ref().map(|file| file.display().to_string()));
    report.set("report", found.answer());
}

fn size(shape: Option<Shape>, lines: u64, bytes: u64) -> String {
    format!("{}, {lines} lines, {bytes} bytes", shape.map_or("no shape", Shape::name))
}

fn place_and_error(file: &Path, finding: &Finding) -> String {
    let line = match finding.line {
        0 => String::new(),
        line => format!("{line}:"),
    };
    format!("{}:{line} {}[{}]: {}", file.display(), finding.severity.name(), finding.code, finding.error)
}
