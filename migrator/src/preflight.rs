//! What must hold before a run may write. Pure: decided from the survey and the plan.
//!
//! Invariant: whatever can be refused is refused before the first write, so that a refusal leaves nothing
//! half-done.

use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::provider::{self, Provider};
use crate::survey::{Facts, Survey};

/// Refuses a run that could not end well. `platform` says whether the user asked for the platform's things to
/// be made.
pub fn check(survey: &Survey, plan: &Plan, platform: bool) -> Result<(), Error> {
    let facts = &survey.facts;
    let creates_platform = platform && !plan.platform.is_empty();
    if plan.is_empty() && !creates_platform {
        return Ok(());
    }
    if facts.read_only {
        return Err(Error::new(Exit::Refused, "the server accepts no writes")
            .detail("it is a standby, or default_transaction_read_only is on")
            .hint("name the primary server"));
    }
    if facts.encoding != "UTF8" {
        return Err(Error::new(
            Exit::Refused,
            format!(
                "database \"{}\" has the encoding {}, and pg_lora needs UTF8",
                facts.database, facts.encoding
            ),
        )
        .hint("create a database with encoding UTF8"));
    }
    if !platform {
        check_platform(plan)?;
    }
    provider::check(facts, &survey.layers, plan.edition)?;
    check_rights(facts, plan, creates_platform)
}

fn check_platform(plan: &Plan) -> Result<(), Error> {
    let missing: Vec<String> = plan
        .platform
        .iter()
        .filter(|thing| thing.required)
        .map(|thing| format!("{} {}", thing.kind, thing.name))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Error::new(Exit::Refused, "this database lacks what pg_lora builds on")
            .detail(format!("missing: {}", missing.join(", ")))
            .hint("on a plain Postgres run it with --platform standalone, which creates what is missing")),
    }
}

fn check_rights(facts: &Facts, plan: &Plan, creates_platform: bool) -> Result<(), Error> {
    let makes = |kind: &str| creates_platform && plan.platform.iter().any(|thing| thing.kind == kind);
    if makes("role") && !facts.may_create_roles {
        return Err(Error::new(Exit::Denied, format!("role \"{}\" may not create roles", facts.role))
            .hint(format!("use a superuser, or alter role \"{}\" createrole", facts.role)));
    }
    // An extension needs the same right as a schema.
    let comes = matches!(plan.provider, Provider::Missing | Provider::Switch { .. });
    let schemas = plan.applied == 0 || comes || makes("schema");
    if schemas && !facts.may_create_schemas {
        let Facts { role, database, .. } = facts;
        return Err(Error::new(
            Exit::Denied,
            format!("role \"{role}\" may not create schemas in database \"{database}\""),
        )
        .hint(format!(
            "use the owner of the database, or grant create on database \"{database}\" to \"{role}\""
        )));
    }
    Ok(())
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
