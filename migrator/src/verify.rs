//! Is the database what this build describes? Asked after a run that wrote, and by `pg-lora verify`.
//!
//! Invariant: success is never reported from what was sent, only from what is there. Nothing is written.

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::report::{Report, say};
use crate::{cli, dataset_metrics, plan, provider, survey};

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Verify, report: &mut Report) -> Result<(), Error> {
    if options.datasets {
        return dataset_metrics::list(session, options.limit, report);
    }
    report.expect(&["pending"], &["up_to_date"]);
    let survey = survey::take(session)?;
    report.server(&survey.facts);
    let left = plan::make(&survey, false)?;
    report.set("pending", left.left());
    report.set("up_to_date", left.is_empty());
    report.state(&left);
    if let Some(ahead) = &left.ahead {
        say(&format!(
            "database \"{}\" is ahead, nothing was verified: {}",
            survey.facts.database,
            ahead.words()
        ));
        return Ok(());
    }
    if !left.is_empty() {
        return Err(Error::new(Exit::Drift, "the database is not what this version makes of it")
            .detail(format!("pending: {}", left.left().join(", ")))
            .hint("run pg-lora migrate"));
    }
    check_library(session)?;
    report
        .line("verified", &format!("database {}, extension pg_lora {BUILD_VERSION}", survey.facts.database));
    Ok(())
}

/// Looks again, and asks the installed library who it is.
pub fn check(session: &mut Session) -> Result<(), Error> {
    let survey = survey::take(session)?;
    let left = plan::make(&survey, false)?;
    if left.ahead.is_some() {
        // A newer build came in between; what it made is its own to verify.
        return Ok(());
    }
    if !left.is_empty() {
        return Err(Error::new(Exit::Drift, "the database is not what this run should have made of it")
            .detail(format!("pending: {}", left.left().join(", ")))
            .hint("look for another session that changes the same objects, and run the command again"));
    }
    check_library(session)
}

fn check_library(session: &mut Session) -> Result<(), Error> {
    let library = provider::library_version(session)?;
    if library != BUILD_VERSION {
        return Err(Error::new(
            Exit::Drift,
            format!(
                "the library of extension \"pg_lora\" is version \"{library}\", the catalogue says \"{BUILD_VERSION}\""
            ),
        )
        .hint("install library and SQL files of the same version on the server's machine"));
    }
    Ok(())
}
