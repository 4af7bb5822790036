//! The pace of an attempt, kept on write, point by point.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use crate::job::json;
use pg_lora_core::job::{Description, Pace, Point};
use pg_lora_core::{Error, Result as CoreResult};
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
