//! `migrate --schedule-sweep`: the database itself calls `sweep_training_jobs` every minute, by pg_cron.
//!
//! Invariant: nothing is scheduled unless it is asked for, and a schedule that is there is left as it is: whoever runs the
//! database may want another one.
//! Refused: a database without pg_cron, and a role that may not schedule.

use serde::Deserialize;

use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::patience::Patience;
use crate::step::{self, Step, Task};
use crate::survey::Facts;
use crate::{history, query, sql_error};

/// The name of the schedule.
pub const NAME: &str = "pg_lora sweep_training_jobs";

const DOING: &str = "scheduling the sweep";
const SCHEDULED: &str =
    "select to_jsonb(exists (select from cron.job where jobname = 'pg_lora sweep_training_jobs'))";

/// What pg_cron is to this role.
#[derive(Deserialize)]
struct Cron {
    installed: bool,
    usable: bool,
}

/// Whether it is still to be scheduled; refuses what cannot be.
pub fn is_needed(session: &mut Session, facts: &Facts) -> Result<bool, Error> {
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, DOING);
    let mut transaction = session.client.build_transaction().read_only(true).start().map_err(failed)?;
    let cron: Cron = query::json(
        &mut transaction,
        "select jsonb_build_object(
           'installed', exists (select from pg_extension where extname = 'pg_cron'),
           'usable', coalesce(has_schema_privilege(to_regnamespace('cron'), 'usage')
             and has_table_privilege(to_regclass('cron.job'), 'select')
             and has_function_privilege(to_regprocedure('cron.schedule(text,text,text)'), 'execute'), false))",
        &[],
        DOING,
    )?;
    if !cron.installed {
        let message = format!("extension \"pg_cron\" is not installed in database \"{}\"", facts.database);
        return Err(Error::new(Exit::Refused, message).hint(
            "run create extension pg_cron in the database that the setting cron.database_name names, or leave out --schedule-sweep \
             and call public.sweep_training_jobs() every minute from elsewhere",
        ));
    }
    if !cron.usable {
        let message = format!("role \"{}\" may not schedule with \"pg_cron\"", facts.role);
        return Err(Error::new(Exit::Denied, message).hint(format!(
            "grant usage on schema cron to \"{}\", or leave out --schedule-sweep",
            facts.role
        )));
    }
    let scheduled: bool = query::json(&mut transaction, SCHEDULED, &[], DOING)?;
    transaction.rollback().map_err(failed)?;
    Ok(!scheduled)
}

/// Schedules it, unless another runner has done so meanwhile.
pub fn sweep(session: &mut Session, patience: Patience) -> Result<bool, Error> {
    let task = Task::new("schedule", NAME, DOING);
    let written = step::run(session, patience, task, |step: &mut Step| {
        if step.json::<bool>(SCHEDULED, &[], DOING)? {
            return Ok(None);
        }
        history::ensure(step)?;
        let schedule = "select to_jsonb(cron.schedule('pg_lora sweep_training_jobs', '* * * * *', \
                        'select count(*) from public.sweep_training_jobs()'))";
        step.json::<i64>(schedule, &[], DOING).map(Some)
    })?;
    Ok(written.is_some())
}
