//! Job progress.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use pg_lora_core::Error;
use pg_lora_core::job::{Point, Snapshot, Status, progress};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Whether a job may go from one status to another one; the same one again is no change
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn is_job_transition(from: &str, to: &str) -> Result<bool, ErrorReport> {
    let status = |name| Status::from_name(name).map_err(with_sqlstate);
    Ok(status(from)?.may_become(status(to)?))
}

/// Percent and seconds left of one attempt, from its newest points
#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_progress(
    status: Option<&str>,
    stage: Option<&str>,
    total_steps: Option<i32>,
    steps: Option<Array<'_, i32>>,
    reported_at: Option<Array<'_, TimestampWithTimeZone>>,
    at: Option<TimestampWithTimeZone>,
) -> Result<Option<JsonText>, ErrorReport> {
    let (Some(status), Some(at)) = (status, at) else { return Ok(None) };
    let steps = steps.map(|steps| steps.iter().collect()).unwrap_or_default();
    let times = reported_at.map(|times| times.iter().collect()).unwrap_or_default();
    let points = points(steps, times).map_err(with_sqlstate)?;
    let snapshot = Snapshot {
        status: Status::from_name(status).map_err(with_sqlstate)?,
        stage: stage.unwrap_or_default(),
        total_steps: total_steps.map(i64::from),
        points: &points,
        at: at.into_inner(),
    };
    let answer = progress(&snapshot).map_err(with_sqlstate)?;
    Ok(Some(JsonText(serde_json::to_string(&answer).expect("an answer has text keys only"))))
}

fn points(steps: Vec<Option<i32>>, times: Vec<Option<TimestampWithTimeZone>>) -> Result<Vec<Point>, Error> {
    if steps.len() != times.len() {
        return Err(Error::invalid_argument(
            format!("\"steps\" has {} elements, \"reported_at\" has {}", steps.len(), times.len()),
            "Pass one time for each step.",
        ));
    }
    let pairs = steps.into_iter().zip(times);
    pairs
        .map(|(step, at)| match (step, at) {
            (Some(step), Some(at)) => Ok(Point { step: i64::from(step), at: at.into_inner() }),
            _ => Err(Error::invalid_argument(
                "\"steps\" and \"reported_at\" must not contain NULL",
                "Leave out points without a step or a time.",
            )),
        })
        .collect()
}
