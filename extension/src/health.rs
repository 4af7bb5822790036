//! The health of a run, as an aggregate over its points.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use crate::job::json;
use crate::state;
use crate::tick;
use pg_lora_core::metric::{Reading, Readings};
use pgrx::Internal;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::too_many_arguments, reason = "the arguments that SQL gives it")]
fn curve_health_accum(
    state: Option<Internal>,
    step: Option<i64>,
    training_loss: Option<f64>,
    validation_loss: Option<f64>,
    learning_rate: Option<f64>,
    gradient_norm: Option<f64>,
    throughput: Option<f64>,
    gpu_utilization: Option<f64>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, readings) = state::get_or_insert::<Readings>(state, fcinfo)?;
    // As other aggregates: what is unknown is not added.
    if let Some(step) = step {
        let reading = Reading {
            step,
            training_loss,
            validation_loss,
            learning_rate,
            gradient_norm,
            throughput,
            gpu_utilization,
        };
        readings.push(reading).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_health_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, readings) = state::get_or_insert::<Readings>(left, fcinfo)?;
    if let Some(other) = state::get::<Readings>(right.as_ref()) {
        readings.append(other).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_health_serial(state: Option<Internal>) -> Result<Vec<u8>, ErrorReport> {
    let state = state::get::<Readings>(state.as_ref());
    state.map_or(Ok(Vec::new()), Readings::encode).map_err(with_sqlstate)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_health_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, readings) = state::get_or_insert::<Readings>(None, fcinfo)?;
    if let Some(bytes) = bytes {
        *readings = Readings::decode(bytes).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_health_final(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<JsonText>, ErrorReport> {
    if state.is_none() {
        return Ok(None);
    }
    let (_, readings) = state::get_or_insert::<Readings>(state, fcinfo)?;
    // As other aggregates: NULL of no points.
    if readings.is_empty() {
        return Ok(None);
    }
    let findings = readings.findings(&mut tick);
    findings.and_then(|findings| json(&findings)).map(Some).map_err(with_sqlstate)
}

pgrx::extension_sql_file!(
    "../sql/curve_health.sql",
    name = "curve_health",
    requires = [
        curve_health_accum,
        curve_health_combine,
        curve_health_serial,
        curve_health_deserial,
        curve_health_final
    ]
);
