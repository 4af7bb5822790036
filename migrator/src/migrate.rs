//! `pg-lora migrate`: look, plan, check, write step by step, look again.
//!
//! Invariant: nothing is written before every check has passed, and nothing at all where the plan is empty.

use std::time::Instant;

use crate::cli::{self, Platform};
use crate::connect::Session;
use crate::embedded::{self, Version};
use crate::error::Error;
use crate::patience::Patience;
use crate::provider::{Edition, Provider};
use crate::report::{Report, say};
use crate::step::{self, Done, Task};
use crate::{
    broken, buckets, environment, history, layer, obstacles, outside, plan, platform, preflight, remarks,
    schedule, standing, survey, switch, verify,
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
        &["lora", "leftovers_dropped", "functions", "sweep_scheduled"],
    );
    let patience = options.waiting.patience();
    let standalone = options.platform == Some(Platform::Standalone);
    let (survey, plan, found) = survey::look(session, |transaction, survey| {
        let plan = plan::make_for(&survey, standalone, options.provider);
        // Where nothing is to be done, what there is to remark is seen in the same look.
        let found = match &plan {
            Ok(plan) if plan.is_empty() && plan.ahead.is_none() => Some(remarks::look(transaction, &survey)?),
            _ => None,
        };
        Ok((survey, plan, found))
    })?;
    report.server(&survey.facts);
    report.environment(&survey.settings);
    let label = options.environment.label();
    let relabels = environment::check(&survey.settings, label, options.relabel.as_deref())?.is_some();
    let plan = plan?;
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
    outside::check(session, plan.versions)?;
    let schedules = options.schedule_sweep && schedule::is_needed(session, &survey.facts)?;
    if !plan.is_empty() {
        refuse_obstacles(session, patience, standalone, options.provider, report)?;
        session.announce("migrating", &survey.facts);
    }

    if standalone
        && !plan.platform.is_empty()
        && let Some(made) = platform::create(session, patience)?
    {
        report.platform_created(&made.made);
    }
    if relabels && environment::record(session, patience, options)? {
        report.labelled(label);
    }
    for version in plan.versions {
        if let Some(done) = apply(session, patience, version)? {
            report.version_applied(version, done.effort);
        }
    }
    let adopts = !plan.versions.is_empty();
    let mut leftovers = plan.leftovers;
    if plan.provider != Provider::Current {
        let doing = match (&plan.provider, plan.edition) {
            (Provider::Switch { .. }, edition) => format!("switching schema \"lora\" to {}", edition.words()),
            (_, Edition::Native) => "installing extension \"pg_lora\"".to_owned(),
            (_, Edition::Portable) => "installing the portable edition of schema \"lora\"".to_owned(),
        };
        if let Some(done) = switch::run(session, patience, options.provider, &doing)? {
            report.provider_applied(&done.made, done.effort);
            leftovers |= done.made.before != Provider::Missing;
        }
    }
    if plan.functions
        && let Some(done) = layer::replace_functions(session, patience)?
    {
        report.functions_replaced(&done.made, done.effort);
    }
    if leftovers && let Some(done) = switch::clear(session, patience)? {
        report.leftovers_dropped(done.made, done.effort);
    }
    if (adopts || !plan.mend.is_empty())
        && let Some(done) =
            step::run(session, patience, Task::new("rules", "rules", "making rules hold"), broken::mend)?
    {
        report.rules_mended(&done.made);
    }
    if !plan.buckets.is_empty()
        && let Some(done) = step::run(
            session,
            patience,
            Task::new("buckets", "buckets", "setting up the storage buckets"),
            buckets::apply,
        )?
    {
        report.buckets_changed(&done.made);
    }
    if schedules && schedule::sweep(session, patience)? {
        report.sweep_scheduled();
    }
    report.storage_notes(&plan);
    match found {
        Some(found) if !report.changed => {
            report.looked(found.took);
            found.say(report);
        }
        _ => {
            let began = Instant::now();
            if report.changed {
                verify::check(session, report)?;
            }
            remarks::make(session, report)?;
            report.looked(began.elapsed());
        }
    }
    report.set("state", "up_to_date");
    let state =
        if report.changed { "is up to date now" } else { "was up to date already, nothing was written" };
    say(&format!(
        "database \"{}\" {state}: {} versions, {}",
        survey.facts.database,
        embedded::versions().len(),
        plan.edition.words(),
    ));

    Ok(())
}

/// Refuses a run that something of others stands in the way of.
///
/// Under the lock, because another runner may be making right now what would look like somebody else's; and so the plan
/// is made again. Nothing is written: the step ends without a trace.
pub fn refuse_obstacles(
    session: &mut Session,
    patience: Patience,
    standalone: bool,
    wanted: cli::Provider,
    report: &mut Report,
) -> Result<(), Error> {
    let mut found = Vec::new();
    let mut forgotten = false;
    let task = Task::new("obstacles", "obstacles", "looking for what stands in the way");
    step::run(session, patience, task, |step| {
        let survey = survey::read(step.transaction())?;
        let plan = plan::make_for(&survey, standalone, wanted)?;
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
pub fn apply(
    session: &mut Session,
    patience: Patience,
    version: &Version,
) -> Result<Option<Done<()>>, Error> {
    if version.header.outside {
        return outside::apply(session, patience, version);
    }
    step::run(session, patience, Task::version(version), |step| {
        if !history::is_pending(step, version)? {
            return Ok(None);
        }
        if let Some(timeout) = &version.header.statement_timeout {
            step.run(&format!("set local statement_timeout = '{timeout}'"), version.label())?;
        }
        step.run_file(&version.sql_file())?;
        history::record(step, version)?;
        Ok(Some(()))
    })
}
