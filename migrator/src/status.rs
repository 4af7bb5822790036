//! `pg-lora status`: what is there, what is pending. Writes nothing.

use serde_json::json;

use crate::ahead::Ahead;
use crate::buckets::Change;
use crate::cli;
use crate::connect::Session;
use crate::embedded::{self, BUILD_VERSION};
use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::provider::{self, Edition, Provider};
use crate::report::{Report, say};
use crate::survey::Survey;
use crate::{environment, layer, outside, plan, remarks, runs, survey};

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Status, report: &mut Report) -> Result<(), Error> {
    report.expect(&["partial", "runs"], &[]);
    let survey = survey::take(session)?;
    let facts = &survey.facts;
    report.server(facts);
    report.line(
        "server",
        &format!("PostgreSQL {}, database {}, role {}", facts.server_version, facts.database, facts.role),
    );
    // A history that is not ours says nothing about the rest.
    report.environment(&survey.settings);
    if let Some(label) = &survey.settings.environment {
        report.line("environment", label);
    }
    if let Some(label) = options.environment.label() {
        environment::check(&survey.settings, Some(label), None)?;
    }
    let plan = plan::make(&survey, false)?;
    report.state(&plan);
    if let Some(ahead) = &plan.ahead {
        self::ahead(&survey, ahead, report);
        report.storage_notes(&plan);
        remarks::make(session, report)?;
        report.set("pending", plan.left());
        report.set("up_to_date", plan.is_empty());
        return Ok(());
    }
    platform(&plan, report);
    versions(&survey, &plan, report);
    outside::show(session, facts, report)?;
    layers(&survey, &plan, report);
    for rule in &plan.mend {
        report.line(
            "pending",
            &format!("{} {} on {}, which no row breaks any more", rule.r#type, rule.rule, rule.table),
        );
    }
    buckets(&survey, &plan, report);
    runs::show(session, facts, report)?;
    remarks::make(session, report)?;
    report.set("pending", plan.left());
    report.set("up_to_date", plan.is_empty());
    if options.check && !plan.is_empty() {
        return Err(Error::new(Exit::Pending, "the database is not up to date")
            .detail(format!("pending: {}", plan.left().join(", ")))
            .hint("run pg-lora migrate"));
    }
    Ok(())
}

/// A newer build's database: what there is of it is not this one's to judge.
fn ahead(survey: &Survey, ahead: &Ahead, report: &mut Report) {
    let facts = &survey.facts;
    report.line("versions", &format!("{} applied, ahead of this build", survey.history.len()));
    let versions = json!({ "applied": survey.history.len(), "total": embedded::versions().len() });
    let extension = facts.extension.as_ref().map(|extension| extension.version.as_str());
    let edition = provider::installed(facts, &survey.layers);
    report.set("platform_missing", json!([]));
    report.set("versions", versions);
    report.set(
        "lora",
        json!({ "edition": edition, "state": "ahead", "version": extension, "build": BUILD_VERSION, "left": 0 }),
    );
    report.set("functions", json!({ "state": "ahead" }));
    report.set("buckets", json!({}));
    say(&format!("database \"{}\" is ahead: {}", facts.database, ahead.words()));
}

fn platform(plan: &Plan, report: &mut Report) {
    let missing: Vec<String> =
        plan.platform.iter().map(|thing| format!("{} {}", thing.kind, thing.name)).collect();
    match missing.is_empty() {
        true => report.line("platform", "complete"),
        false => report.line("platform", &format!("missing: {}", missing.join(", "))),
    }
    report.set("platform_missing", missing);
}

fn versions(survey: &Survey, plan: &Plan, report: &mut Report) {
    let total = embedded::versions().len();
    report.line("versions", &format!("{} of {total} applied", survey.history.len()));
    for version in plan.versions {
        report.line("pending", version.label());
    }
    report.set("versions", json!({ "applied": survey.history.len(), "total": total }));
}

fn layers(survey: &Survey, plan: &Plan, report: &mut Report) {
    let edition = provider::installed(&survey.facts, &survey.layers);
    let version = match &survey.facts.extension {
        Some(extension) => Some(extension.version.as_str()),
        None => provider::recorded(&survey.layers)
            .filter(|_| edition == Some(Edition::Portable))
            .map(|layer| layer.version.as_str()),
    };
    let build = plan.edition.words();
    let (state, words) = match (&plan.provider, plan.edition) {
        // Nothing switches that was not asked to.
        (Provider::Current | Provider::Switch { .. }, _) => ("current", format!("current, {build}")),
        (Provider::Missing, _) => ("missing", format!("missing, this build has {build}")),
        (Provider::Other { version }, Edition::Native) => {
            ("outdated", format!("extension pg_lora {version}, this build has {BUILD_VERSION}"))
        }
        (Provider::Other { version }, Edition::Portable) => {
            ("outdated", format!("portable edition of {version}, this build has another one"))
        }
        (Provider::Incomplete, _) => {
            ("incomplete", format!("{build}, without the grants of its schema or its record"))
        }
    };
    report.line("layer", &format!("{}: {words}", provider::LAYER));
    let left = provider::left(&survey.layers).len();
    if left > 0 {
        report.line("pending", &format!("{}: {left}", plan::LEFTOVERS));
    }
    report.set(
        "lora",
        json!({ "edition": edition, "state": state, "version": version, "build": BUILD_VERSION, "left": left }),
    );

    let recorded = survey.layers.iter().find(|layer| layer.name == layer::FUNCTIONS);
    let (state, words) = match (recorded, plan.functions) {
        (None, true) => ("missing", "missing".to_owned()),
        (Some(layer), true) => ("outdated", format!("outdated, of version {}", layer.version)),
        (Some(layer), false) => ("current", format!("current, {} objects", layer.manifest.len())),
        (None, false) => ("current", "current, this build has none".to_owned()),
    };
    report.line("layer", &format!("{}: {words}", layer::FUNCTIONS));
    report.set("functions", json!({ "state": state }));
}

fn buckets(survey: &Survey, plan: &Plan, report: &mut Report) {
    let mut states = serde_json::Map::new();
    for id in crate::buckets::ids() {
        let state = match plan.buckets.iter().find(|change| change.id() == id) {
            _ if survey.buckets.is_none() => "left out",
            Some(Change::Create(_)) => "missing",
            Some(Change::MakePrivate(_)) => "public",
            None => "private",
        };
        report.line("bucket", &format!("{id}: {state}"));
        states.insert(id.to_owned(), state.into());
    }
    report.set("buckets", states);
    report.storage_notes(plan);
}
