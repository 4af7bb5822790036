//! After a run that wrote: is the database now what this build describes?
//!
//! Invariant: success is never reported from what was sent, only from what is there.

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::{plan, provider, survey};

/// Looks again, and asks the installed library who it is.
pub fn check(session: &mut Session) -> Result<(), Error> {
    let survey = survey::take(session)?;
    let left = plan::make(&survey, false)?;
    if !left.is_empty() {
        return Err(Error::new(Exit::Drift, "the database is not what this run should have made of it")
            .detail(format!("pending: {}", left.left().join(", ")))
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
