//! After a run that wrote: is the database now what this build describes?
//!
//! Invariant: success is never reported from what was sent, only from what is there.

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::{plan, provider, survey};

/// Looks again, and asks the installed library who it is.
pub fn check(session: &mut Session) -> Result<(), Error> {
    let survey = survey::take(session)?;
    let left = plan::make(&survey, false)?;
    if !left.is_empty() {
        return Err(Error::new(Exit::Drift, "the database is not what this run should have made of it")
            .detail(still_pending(&left))
            .hint("look for another session that changes the same objects, and run the command again"));
    }
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

/// What is not done, in words.
pub fn still_pending(plan: &Plan) -> String {
    let mut left: Vec<String> = plan
        .platform
        .iter()
        .filter(|thing| thing.required)
        .map(|thing| format!("{} {}", thing.kind, thing.name))
        .collect();
    left.extend(plan.versions.iter().map(|version| version.label().to_owned()));
    if plan.provider != provider::Provider::Current {
        left.push("extension pg_lora".to_owned());
    }
    if plan.functions {
        left.push("layer functions".to_owned());
    }
    left.extend(plan.buckets.iter().map(|change| format!("bucket {}", change.id())));
    format!("pending: {}", left.join(", "))
}
