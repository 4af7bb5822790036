//! `pg-lora repair --resume`: goes on with the file that stopped half-way, and with nothing after it.
//!
//! Invariant: it applies only the next pending version, and only if that runs outside of a transaction; whatever else is
//! pending is left to `pg-lora migrate`.

use crate::connect::Session;
use crate::error::Error;
use crate::report::{Report, say};
use crate::{cli, migrate, outside, plan, preflight, survey};

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Repair, report: &mut Report) -> Result<(), Error> {
    report.expect(&["versions_applied"], &[]);
    let survey = survey::take(session)?;
    report.server(&survey.facts);
    let plan = plan::make(&survey, false)?;
    let Some(version) = plan.versions.first().filter(|version| version.header.outside) else {
        say("nothing stopped half-way");
        return Ok(());
    };
    preflight::check(&survey, &plan, false)?;
    outside::check(session, std::slice::from_ref(version))?;
    let patience = options.waiting.patience();
    migrate::refuse_obstacles(session, patience, false, report)?;
    if let Some(done) = migrate::apply(session, patience, version)? {
        report.version_applied(version, done.effort);
    }
    Ok(())
}
