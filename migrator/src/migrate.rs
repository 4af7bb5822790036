//! `pg-lora migrate`: look, plan, check, write step by step, look again.
//!
//! Invariant: nothing is written before every check has passed, and nothing at all where the plan is empty.

use std::time::{Duration, Instant};

use crate::cli::{self, Platform};
use crate::connect::Session;
use crate::embedded::{self, BUILD_VERSION, Version};
use crate::error::Error;
use crate::report::{Report, say};
use crate::step::{self, Step};
use crate::{
    ahead, broken, buckets, environment, history, layer, obstacles, plan, platform, preflight, provider,
    remarks, standing, survey, verify,
};

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Migrate, report: &mut Report) -> Result<(), Error> {
    report.expect(
        &[
            "platform_created",
            "versions_applied",
            "rules_mended",
            "buckets_changed",
            "obstacles",
            "differences",
        ],
        &["extension", "functions"],
    );
    if options.provider == cli::Provider::Portable {
        return Err(provider::no_portable_edition());
    }
    let patience = Duration::from_secs(options.lock_wait);
    let standalone = options.platform == Some(Platform::Standalone);
    let survey = survey::take(session)?;
    report.server(&survey.facts);
    report.environment(&survey.settings);
    let label = options.environment.label();
    let relabels = environment::check(&survey.settings, label, options.relabel.as_deref())?.is_some();
    let plan = plan::make(&survey, standalone)?;
    if let Some(ahead) = &plan.ahead {
        report.state(&plan);
        report.storage_notes(&plan);
        remarks::make(session, report)?;
        say(&format!(
            "database \"{}\" is ahead, nothing was written: {}",
            survey.facts.database,
            ahead.words()
        ));
        return Ok(());
    }
    preflight::check(&survey, &plan, standalone)?;
    if !plan.is_empty() {
        look_for_obstacles(session, patience, standalone, report)?;
        session.announce("migrating", &survey.facts);
    }

    if standalone
        && !plan.platform.is_empty()
        && let Some(made) = platform::create(session, patience)?
    {
        report.platform_created(&made);
    }
    if relabels && environment::record(session, patience, options)? {
        report.labelled(label);
    }
    for version in plan.versions {
        let began = Instant::now();
        let applied = step::run(session, patience, version.label(), |step| apply(step, version))?;
        if applied.is_some() {
            report.version_applied(version, began.elapsed());
        }
    }
    let adopts = !plan.versions.is_empty();
    if plan.provider != provider::Provider::Current {
        let began = Instant::now();
        let doing = "installing extension \"pg_lora\"";
        if let Some(before) = step::run(session, patience, doing, provider::apply)? {
            report.provider_applied(&before, began.elapsed());
        }
    }
    if plan.functions {
        let began = Instant::now();
        if let Some(replaced) = layer::replace_functions(session, patience)? {
            report.functions_replaced(&replaced, began.elapsed());
        }
    }
    if (adopts || !plan.mend.is_empty())
        && let Some(mended) = step::run(session, patience, "making rules hold", broken::mend)?
    {
        report.rules_mended(&mended);
    }
    if !plan.buckets.is_empty()
        && let Some(changes) = step::run(session, patience, "setting up the storage buckets", buckets::apply)?
    {
        report.buckets_changed(&changes);
    }
    report.storage_notes(&plan);
    if report.changed {
        verify::check(session, report)?;
    }
    remarks::make(session, report)?;
    report.set("state", "up_to_date");
    let state =
        if report.changed { "is up to date now" } else { "was up to date already, nothing was written" };
    say(&format!(
        "database \"{}\" {state}: {} versions, extension pg_lora {BUILD_VERSION}",
        survey.facts.database,
        embedded::versions().len(),
    ));
    Ok(())
}

/// Refuses a run that something of others stands in the way of.
///
/// Under the lock, because another runner may be making right now what would look like somebody else's; and so the plan
/// is made again. Nothing is written: the step ends without a trace.
fn look_for_obstacles(
    session: &mut Session,
    patience: Duration,
    standalone: bool,
    report: &mut Report,
) -> Result<(), Error> {
    let mut found = Vec::new();
    let mut forgotten = false;
    step::run(session, patience, "looking for what stands in the way", |step| {
        let survey = survey::read(step.transaction())?;
        let plan = plan::make(&survey, standalone)?;
        if plan.ahead.is_some() {
            // A newer build came first; what it made is nobody's obstacle.
            return Ok(None::<()>);
        }
        let standing = standing::look(step.transaction(), plan.applied)?;
        found = obstacles::find(&survey, &plan, &standing);
        forgotten = plan.applied == 0
            && standing.functions.iter().any(|function| function.name.starts_with("lora_private."));
        Ok(None::<()>)
    })?;
    report.set("obstacles", &found);
    let refused = obstacles::refuse(&found);
    refused.map_err(|mut error| {
        if forgotten && let Some(hint) = error.hint.take() {
            let first = "if versions of pg_lora were applied here and their history is gone, run pg-lora adopt; if not, ";
            error.hint = Some(format!("{first}{hint}"));
        }
        error
    })
}

/// Applies one version, unless another runner has done so since the plan was made.
fn apply(step: &mut Step, version: &Version) -> Result<Option<()>, Error> {
    history::ensure(step)?;
    if ahead::is_now(step)? {
        return Ok(None);
    }
    let recorded = history::recorded(step)?;
    let pending = plan::pending(embedded::versions(), &recorded).map_err(plan::conflict)?;
    if !pending.iter().any(|left| left.number == version.number) {
        return Ok(None);
    }
    step.run_file(&version.sql_file())?;
    history::record(step, version)?;
    Ok(Some(()))
}
