//! Job progress and verdicts.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use crate::pace;
use pg_lora_core::job::{Pace, Prior, Signs, Snapshot, Status, progress, verdict};
use pg_lora_core::{Error, Result as CoreResult};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Whether a job may go from one status to another one; the same one again is no change
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn is_job_transition(from: &str, to: &str) -> Result<bool, ErrorReport> {
    let status = |name| Status::from_name(name).map_err(with_sqlstate);
    Ok(status(from)?.may_become(status(to)?))
}

/// Percent and seconds left of one attempt, from its points
#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::too_many_arguments, reason = "the arguments that SQL gives it")]
fn job_progress(
    status: Option<&str>,
    stage: Option<&str>,
    total_steps: Option<i32>,
    steps: Option<Array<'_, i32>>,
    reported_at: Option<Array<'_, TimestampWithTimeZone>>,
    at: Option<TimestampWithTimeZone>,
    is_evaluation: default!(Option<Array<'_, bool>>, "NULL"),
    estimate: default!(Option<JsonText>, "NULL"),
    attempt_started_at: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> Result<Option<JsonText>, ErrorReport> {
    let (Some(status), Some(at)) = (status, at) else { return Ok(None) };
    let pace = pace::points(steps, reported_at, is_evaluation).and_then(|points| Pace::of(&points));
    pace.and_then(|pace| answer(status, stage, total_steps, &pace, at, estimate, attempt_started_at))
        .map(Some)
        .map_err(with_sqlstate)
}

/// Percent and seconds left of one attempt, from the pace that is kept of it
#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_progress_of_pace(
    status: Option<&str>,
    stage: Option<&str>,
    total_steps: Option<i32>,
    pace: Option<JsonText>,
    at: Option<TimestampWithTimeZone>,
    estimate: default!(Option<JsonText>, "NULL"),
    attempt_started_at: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> Result<Option<JsonText>, ErrorReport> {
    let (Some(status), Some(at)) = (status, at) else { return Ok(None) };
    pace::pace_of(pace.as_ref())
        .and_then(|pace| answer(status, stage, total_steps, &pace, at, estimate, attempt_started_at))
        .map(Some)
        .map_err(with_sqlstate)
}

/// Whether a job is well: ok, slow, stalled, lost or waiting, by its two clocks and its stage
#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::too_many_arguments, reason = "the arguments that SQL gives it")]
fn job_verdict(
    status: Option<&str>,
    stage: Option<&str>,
    at: Option<TimestampWithTimeZone>,
    last_heartbeat_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    last_progress_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    lease_expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    stage_since: default!(Option<TimestampWithTimeZone>, "NULL"),
    pace: default!(Option<JsonText>, "NULL"),
) -> Result<Option<JsonText>, ErrorReport> {
    let (Some(status), Some(at)) = (status, at) else { return Ok(None) };
    let instant = |at: Option<TimestampWithTimeZone>| at.map(|at| at.into_inner());
    let answer = Status::from_name(status).and_then(|status| {
        json(&verdict(&Signs {
            status,
            stage: stage.unwrap_or_default(),
            at: at.into_inner(),
            last_heartbeat_at: instant(last_heartbeat_at),
            last_progress_at: instant(last_progress_at),
            lease_expires_at: instant(lease_expires_at),
            stage_since: instant(stage_since),
            pace: &pace::pace_of(pace.as_ref())?,
        }))
    });
    answer.map(Some).map_err(with_sqlstate)
}

fn answer(
    status: &str,
    stage: Option<&str>,
    total_steps: Option<i32>,
    pace: &Pace,
    at: TimestampWithTimeZone,
    estimate: Option<JsonText>,
    started_at: Option<TimestampWithTimeZone>,
) -> CoreResult<JsonText> {
    let answer = progress(&Snapshot {
        status: Status::from_name(status)?,
        stage: stage.unwrap_or_default(),
        total_steps: total_steps.map(i64::from),
        pace,
        at: at.into_inner(),
        prior: estimate.map(|estimate| Prior::from_json(&estimate.0)).transpose()?,
        started_at: started_at.map(|started_at| started_at.into_inner()),
    })?;
    json(&answer)
}

/// An answer as JSON.
pub(crate) fn json(answer: &impl serde::Serialize) -> CoreResult<JsonText> {
    serde_json::to_string(answer).map(JsonText).map_err(|_| {
        Error::out_of_range(
            "the answer is no JSON",
            "Pass instants and figures that a calendar and a number hold.",
        )
    })
}
