//! The pace of an attempt: as an aggregate over a table of points, and kept on write, point by point.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use crate::job::json;
use crate::state;
use pg_lora_core::job::{Description, Pace, Point};
use pg_lora_core::{Error, Result as CoreResult};
use pgrx::Internal;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Adds points to the pace that is kept of an attempt, in any order; without a pace it begins one
#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn add_points_to_job_pace(
    pace: Option<JsonText>,
    steps: Option<Array<'_, i32>>,
    reported_at: Option<Array<'_, TimestampWithTimeZone>>,
    is_evaluation: default!(Option<Array<'_, bool>>, "NULL"),
) -> Result<JsonText, ErrorReport> {
    let whole = pace_of(pace.as_ref()).and_then(|mut pace| {
        points(steps, reported_at, is_evaluation)?.into_iter().try_for_each(|point| pace.add(point))?;
        Ok(JsonText(pace.to_json()))
    });
    whole.map_err(with_sqlstate)
}

/// Adds the stage that a worker announces to the pace that is kept of its attempt, in the order in which stages are announced
#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn add_stage_to_job_pace(
    pace: Option<JsonText>,
    stage: Option<&str>,
    at: Option<TimestampWithTimeZone>,
) -> Result<JsonText, ErrorReport> {
    let mut pace = pace_of(pace.as_ref()).map_err(with_sqlstate)?;
    if let (Some(stage), Some(at)) = (stage, at) {
        pace.enter(stage, at.into_inner());
    }
    Ok(JsonText(pace.to_json()))
}

/// What a pace says: seconds per step, pauses and how often they come; NULL while that is not known
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn describe_job_pace(pace: JsonText) -> Result<Option<JsonText>, ErrorReport> {
    let description = pace_of(Some(&pace)).map(|pace| Description::of(&pace));
    description.and_then(|answer| answer.as_ref().map(json).transpose()).map_err(with_sqlstate)
}

/// A pace that is kept; an empty one where there is none.
pub(crate) fn pace_of(pace: Option<&JsonText>) -> CoreResult<Pace> {
    pace.map_or_else(|| Ok(Pace::default()), |pace| Pace::from_json(&pace.0))
}

/// Points of parallel arrays.
pub(crate) fn points(
    steps: Option<Array<'_, i32>>,
    reported_at: Option<Array<'_, TimestampWithTimeZone>>,
    is_evaluation: Option<Array<'_, bool>>,
) -> CoreResult<Vec<Point>> {
    let steps: Vec<Option<i32>> = steps.map(|steps| steps.iter().collect()).unwrap_or_default();
    let times: Vec<Option<TimestampWithTimeZone>> =
        reported_at.map(|times| times.iter().collect()).unwrap_or_default();
    let evaluations: Vec<Option<bool>> = match is_evaluation {
        Some(evaluations) => evaluations.iter().collect(),
        None => vec![None; steps.len()],
    };
    for (name, length) in [("reported_at", times.len()), ("is_evaluation", evaluations.len())] {
        if length != steps.len() {
            return Err(Error::invalid_argument(
                format!("\"steps\" has {} elements, \"{name}\" has {length}", steps.len()),
                "Pass one element for each step.",
            ));
        }
    }
    let points = steps.into_iter().zip(times).zip(evaluations);
    points
        .map(|((step, at), is_evaluation)| match (step, at) {
            (Some(step), Some(at)) => Ok(point(step, at, is_evaluation)),
            _ => Err(Error::invalid_argument(
                "\"steps\" and \"reported_at\" must not contain NULL",
                "Leave out points without a step or a time.",
            )),
        })
        .collect()
}

fn point(step: i32, at: TimestampWithTimeZone, is_evaluation: Option<bool>) -> Point {
    Point { step: i64::from(step), at: at.into_inner(), is_evaluation: is_evaluation.unwrap_or_default() }
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_pace_accum(
    state: Option<Internal>,
    step: Option<i32>,
    reported_at: Option<TimestampWithTimeZone>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, step, reported_at, None, fcinfo)
}

#[pg_extern(name = "job_pace_accum", immutable, parallel_safe, create_or_replace)]
fn job_pace_accum_evaluation(
    state: Option<Internal>,
    step: Option<i32>,
    reported_at: Option<TimestampWithTimeZone>,
    is_evaluation: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, step, reported_at, is_evaluation, fcinfo)
}

fn add(
    state: Option<Internal>,
    step: Option<i32>,
    reported_at: Option<TimestampWithTimeZone>,
    is_evaluation: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, pace) = state::get_or_insert::<Pace>(state, fcinfo)?;
    // As other aggregates: what is unknown is not added.
    if let (Some(step), Some(at)) = (step, reported_at) {
        pace.add(point(step, at, is_evaluation)).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_pace_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, pace) = state::get_or_insert::<Pace>(left, fcinfo)?;
    if let Some(other) = state::get::<Pace>(right.as_ref()) {
        pace.merge(other);
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_pace_serial(state: Option<Internal>) -> Vec<u8> {
    state::get::<Pace>(state.as_ref()).map(|pace| pace.to_json().into_bytes()).unwrap_or_default()
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_pace_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, pace) = state::get_or_insert::<Pace>(None, fcinfo)?;
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::damaged_state("job_pace"));
        *pace = text.and_then(Pace::from_json).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn job_pace_final(state: Option<Internal>) -> Option<JsonText> {
    // As other aggregates: NULL of no points.
    let pace = state::get::<Pace>(state.as_ref()).filter(|pace| pace.newest().is_some());
    pace.map(|pace| JsonText(pace.to_json()))
}

pgrx::extension_sql_file!(
    "../sql/job_pace.sql",
    name = "job_pace",
    requires = [
        job_pace_accum,
        job_pace_accum_evaluation,
        job_pace_combine,
        job_pace_serial,
        job_pace_deserial,
        job_pace_final
    ]
);
