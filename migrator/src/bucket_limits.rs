//! `pg-lora buckets`: what the buckets are and what they should be, for operators.
//!
//! Invariant: limits are overwritten only here, and only with --write; a newer build's database is left alone.
//! Refused: a database without `storage.buckets`, and a role that does not see its rows.

use serde_json::{Map, Value};

use crate::buckets::{self, Change, Drift};
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::report::{Report, say};
use crate::step::{self, Task};
use crate::survey::Survey;
use crate::{cli, environment, plan, survey};

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Buckets, report: &mut Report) -> Result<(), Error> {
    report.expect(&["buckets_changed", "buckets_overwritten", "buckets_drift"], &["buckets"]);
    let survey = survey::take(session)?;
    report.server(&survey.facts);
    report.environment(&survey.settings);
    let label = options.environment.label();
    if options.write || label.is_some() {
        environment::check(&survey.settings, label, None)?;
    }
    let plan = plan::make(&survey, false)?;
    report.state(&plan);
    let rows = rows(&survey)?;
    if let Some(ahead) = &plan.ahead {
        say(&format!("database \"{}\" is ahead, buckets are left: {}", survey.facts.database, ahead.words()));
        return Ok(());
    }
    if options.write {
        let patience = options.waiting.patience();
        let task = Task::new("buckets", "buckets", "setting up the storage buckets");
        let strict = options.strict_mime;
        if let Some(done) = step::run(session, patience, task, |step| buckets::overwrite(step, strict))? {
            let written = done.made;
            report.buckets_changed(&written.changes);
            for drift in &written.overwritten {
                report.line("set", &words(drift, "it was"));
            }
            report.set("buckets_overwritten", &written.overwritten);
        }
        let now = survey::take(session)?;
        return show(self::rows(&now)?, now.settings.strict_mime_types(), report);
    }
    show(rows, options.strict_mime || survey.settings.strict_mime_types(), report)
}

fn rows(survey: &Survey) -> Result<&[Value], Error> {
    match &survey.buckets {
        Some(rows) => Ok(rows),
        None if survey.facts.has_table(buckets::TABLE) => Err(Error::new(
            Exit::Denied,
            format!("role \"{}\" does not see the rows of \"storage.buckets\"", survey.facts.role),
        )
        .hint("use the role that migrated")),
        None => Err(Error::new(Exit::Refused, "there is no table \"storage.buckets\"")
            .hint("on a plain Postgres run pg-lora migrate --platform standalone")),
    }
}

fn show(rows: &[Value], strict: bool, report: &mut Report) -> Result<(), Error> {
    let (changes, drift) = buckets::compare(rows, strict);
    let mut states = Map::new();
    for id in buckets::ids() {
        let state = match changes.iter().find(|change| change.id() == id) {
            Some(Change::Create(_)) => "missing",
            Some(Change::MakePrivate(_)) => "public",
            None => "private",
        };
        report.line("bucket", &format!("{id}: {state}"));
        states.insert(id.to_owned(), state.into());
    }
    for drift in &drift {
        report.line("drift", &words(drift, "found"));
    }
    report.set("buckets", states);
    report.set("buckets_drift", &drift);
    report.set("strict_mime", strict);
    if !changes.is_empty() || !drift.is_empty() {
        let strict = if strict { " --strict-mime" } else { "" };
        say(&format!("hint: run pg-lora buckets --write{strict}, which makes them so"));
    }
    Ok(())
}

fn words(Drift { bucket, column, expected, found }: &Drift, was: &str) -> String {
    format!("{bucket}: {column} {expected}, {was} {found}")
}
