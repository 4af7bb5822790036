//! What a plain Postgres lacks beside Supabase: roles, auth.users, auth.uid(), storage.buckets,
//! storage.objects.
//!
//! Invariant: only what is absent is made; what is there is left exactly as it is, its grants included. All
//! of it in one transaction.

use crate::connect::Session;
use crate::embedded::PlatformThing;
use crate::error::{Error, Exit};
use crate::patience::Patience;
use crate::step::{self, Done, Step, Task};
use crate::{sql_error, survey};

/// duplicate_object, and unique_violation where the other one was not committed yet.
const MADE_MEANWHILE: [&str; 2] = ["42710", "23505"];

/// Makes what is absent. Some says what was made.
pub fn create(session: &mut Session, patience: Patience) -> Result<Option<Done<Vec<PlatformThing>>>, Error> {
    let doing = "creating the platform";
    step::run(session, patience, Task::new("platform", "standalone", doing), |step| {
        let mut made = Vec::new();
        for thing in survey::facts(step.transaction())?.missing_platform() {
            if thing.kind != "role" {
                step.run_file(&thing.file)?;
                made.push(thing);
            } else if create_role(step, &thing)? {
                made.push(thing);
            }
        }
        if !step.is_intact(doing)? {
            return Err(Error::new(
                Exit::SqlFailed,
                "a file of \"sql/platform\" ended the transaction that it runs in, or reset its settings",
            ));
        }
        Ok(Some(made).filter(|made| !made.is_empty()))
    })
}

/// Roles belong to the cluster and the lock to a database: a runner on another database may make the same
/// role now.
fn create_role(step: &mut Step, role: &PlatformThing) -> Result<bool, Error> {
    let doing = "creating the platform";
    step.run("savepoint lora_role", doing)?;
    match step.try_file(&role.file) {
        Ok(()) => {
            step.run("release savepoint lora_role", doing)?;
            Ok(true)
        }
        Err(failed) if failed.error.code().is_some_and(|code| MADE_MEANWHILE.contains(&code.code())) => {
            step.run("rollback to savepoint lora_role; release savepoint lora_role", doing)?;
            Ok(false)
        }
        Err(failed) => Err(sql_error::in_file(&failed, &role.file)),
    }
}
