//! `pg-lora repair`: what of a recorded history can be set right without a doubt, and with --resume a file that stopped
//! half-way.
//!
//! Invariant: only checksums of texts that differ from this build's in whitespace alone are rewritten, only with
//! --write, in one transaction under the lock. What a version made is not touched.
//! --resume applies only the next pending version, and only if that runs outside of a transaction; whatever else is pending
//! is left to `pg-lora migrate`.
//! Refused: after what can be repaired, whatever is left of a conflict.

use postgres::types::Type;
use serde::Serialize;

use crate::connect::Session;
use crate::embedded::{self, Version};
use crate::error::Error;
use crate::history::{self, Recorded};
use crate::report::{Report, say};
use crate::step::{self, Step, Task};
use crate::survey::Survey;
use crate::variant::{self, Difference};
use crate::{ahead, cli, environment, migrate, outside, plan, preflight, settings, survey};

/// A row whose checksum is that of the same text in other whitespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Harmless {
    version: i32,
    name: String,
    difference: Difference,
    recorded: String,
    expected: String,
}

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Repair, report: &mut Report) -> Result<(), Error> {
    report.expect(&["repairable", "repaired", "versions_applied"], &[]);
    let survey = survey::take(session)?;
    report.server(&survey.facts);
    report.environment(&survey.settings);
    let label = options.environment.label();
    if options.write || options.resume || label.is_some() {
        environment::check(&survey.settings, label, None)?;
    }
    if options.resume {
        return resume(session, &survey, options, report);
    }
    ahead::check_oldest(&survey.settings)?;
    let harmless = find(&survey.history);
    report.set("repairable", &harmless);
    if options.write && !harmless.is_empty() {
        let task = Task::new("repair", "history", "repairing the history");
        if let Some(done) = step::run(session, options.waiting.patience(), task, rewrite)? {
            let repaired = done.made;
            report.changed = true;
            repaired.iter().for_each(|row| report.line("repaired", &row.words()));
            report.set("repaired", &repaired);
        }
        return refuse_rest(&survey::take(session)?);
    }
    harmless.iter().for_each(|row| report.line("repairable", &row.words()));
    let mut repaired = survey;
    for row in &mut repaired.history {
        if let Some(harmless) = harmless.iter().find(|harmless| harmless.version == row.version) {
            row.checksum = Some(harmless.expected.clone());
        }
    }
    refuse_rest(&repaired)?;
    say(match harmless.is_empty() {
        true => "nothing to repair",
        false => "hint: run pg-lora repair --write, which records the checksums of this build",
    });
    Ok(())
}

/// Goes on with the file that stopped half-way, and with nothing after it.
fn resume(
    session: &mut Session,
    survey: &Survey,
    options: &cli::Repair,
    report: &mut Report,
) -> Result<(), Error> {
    let plan = plan::make(survey, false)?;
    let Some(version) = plan.versions.first().filter(|version| version.header.outside) else {
        say("nothing stopped half-way");
        return Ok(());
    };
    preflight::check(survey, &plan, false)?;
    outside::check(session, std::slice::from_ref(version))?;
    let patience = options.waiting.patience();
    migrate::refuse_obstacles(session, patience, false, cli::Provider::Auto, report)?;
    session.announce("migrating", &survey.facts);
    if let Some(done) = migrate::apply(session, patience, version)? {
        report.version_applied(version, done.effort);
    }
    Ok(())
}

impl Harmless {
    fn words(&self) -> String {
        let Self { version, name, difference, .. } = self;
        format!("V{version:04}__{name} was applied with {}", difference.words())
    }
}

/// The rows that can be repaired.
fn find(history: &[Recorded]) -> Vec<Harmless> {
    let harmless = |row: &Recorded| {
        let version: &Version = embedded::versions().iter().find(|version| version.number == row.version)?;
        let recorded = row.checksum.clone()?;
        let difference = variant::find(version, &recorded)?;
        // Under another name it is another file.
        (row.name.as_ref() == Some(&version.name)).then(|| Harmless {
            version: version.number,
            name: version.name.clone(),
            difference,
            recorded,
            expected: version.checksum.to_string(),
        })
    };
    history.iter().filter_map(harmless).collect()
}

/// Rewrites what is found now.
fn rewrite(step: &mut Step) -> Result<Option<Vec<Harmless>>, Error> {
    history::ensure(step)?;
    ahead::check_oldest(&settings::recorded(step)?)?;
    let harmless = find(&history::recorded(step)?);
    for row in &harmless {
        step.execute(
            "update lora_migrate.refinery_schema_history set checksum = $1 where version = $2 and checksum = $3",
            &[(&row.expected, Type::TEXT), (&row.version, Type::INT4), (&row.recorded, Type::TEXT)],
            "repairing the history",
        )?;
    }
    Ok(Some(harmless).filter(|harmless| !harmless.is_empty()))
}

/// An error where the history is still none of this build's.
fn refuse_rest(survey: &Survey) -> Result<(), Error> {
    plan::make(survey, false).map(|_| ())
}
