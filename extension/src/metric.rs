//! Curves of metrics: aggregates over any table, and smoothing of an array.

use crate::arg::{JsonText, LazyText};
use crate::error::with_sqlstate;
use crate::job::json;
use crate::state;
use crate::tick;
use pg_lora_core::metric::{Abscissa, Request, Series, point_findings, smoothed};
use pg_lora_core::{Error, Result as CoreResult};
use pgrx::Internal;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Smooths a series as TensorBoard does: a moving average with exponential weights, without the pull towards 0 at its beginning
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn smooth(values: Array<'_, f64>, weight: f64) -> Result<Vec<Option<f64>>, ErrorReport> {
    smoothed(values.iter(), values.len(), weight).map_err(with_sqlstate)
}

/// A series, and what is asked of it: the arguments of the first row count, as they are the same in each.
struct Collected<X> {
    series: Series<X>,
    request: Option<Request>,
}

impl<X> Default for Collected<X> {
    fn default() -> Self {
        Self { series: Series::default(), request: None }
    }
}

/// One row.
fn add<X: Abscissa + 'static>(
    state: Option<Internal>,
    point: (Option<X>, Option<f64>),
    max_points: Option<i32>,
    method: Option<LazyText>,
    smoothing: Option<f64>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, collected) = state::get_or_insert::<Collected<X>>(state, fcinfo)?;
    if collected.request.is_none() {
        collected.request = Some(request(max_points, method, smoothing).map_err(with_sqlstate)?);
    }
    // As other aggregates: what is unknown is not added.
    if let (Some(x), Some(y)) = point {
        collected.series.push(x, y).map_err(with_sqlstate)?;
    }
    Ok(state)
}

fn request(max_points: Option<i32>, method: Option<LazyText>, weight: Option<f64>) -> CoreResult<Request> {
    let missing = |name: &str| {
        Error::invalid_argument(
            format!("\"{name}\" is NULL"),
            "Pass how many points to draw and minmax, lttb, minmaxlttb or last.",
        )
    };
    let most = max_points.ok_or_else(|| missing("max_points"))?;
    let method = method.ok_or_else(|| missing("method"))?;
    Request::new(most, &String::from_utf8_lossy(method.bytes()), weight)
}

fn combine<X: Abscissa + 'static>(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, collected) = state::get_or_insert::<Collected<X>>(left, fcinfo)?;
    if let Some(other) = state::get::<Collected<X>>(right.as_ref()) {
        collected.request = collected.request.or(other.request);
        collected.series.append(&other.series).map_err(with_sqlstate)?;
    }
    Ok(state)
}

fn serial<X: Abscissa + 'static>(state: Option<Internal>) -> Result<Vec<u8>, ErrorReport> {
    let Some(collected) = state::get::<Collected<X>>(state.as_ref()) else { return Ok(Vec::new()) };
    let mut bytes = collected.series.encode().map_err(with_sqlstate)?;
    bytes.extend(collected.request.iter().flat_map(|request| request.encode()));
    Ok(bytes)
}

fn deserial<X: Abscissa + 'static>(
    bytes: Option<&[u8]>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, collected) = state::get_or_insert::<Collected<X>>(None, fcinfo)?;
    // A worker without a row has no request either.
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        let (request, series) = Request::split(bytes).map_err(with_sqlstate)?;
        collected.request = Some(request);
        collected.series = Series::decode(series).map_err(with_sqlstate)?;
    }
    Ok(state)
}

fn finish<X: Abscissa + 'static>(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<JsonText>, ErrorReport> {
    if state.is_none() {
        return Ok(None);
    }
    let (_, collected) = state::get_or_insert::<Collected<X>>(state, fcinfo)?;
    match &collected.request {
        Some(request) if !collected.series.is_empty() => {
            let curve = collected.series.curve(request, &mut tick);
            curve.and_then(|curve| json(&curve)).map(Some).map_err(with_sqlstate)
        }
        // As other aggregates: NULL of no points.
        _ => Ok(None),
    }
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_accum(
    state: Option<Internal>,
    x: Option<f64>,
    y: Option<f64>,
    max_points: Option<i32>,
    method: Option<LazyText>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, (x, y), max_points, method, None, fcinfo)
}

#[pg_extern(name = "curve_accum", immutable, parallel_safe, create_or_replace)]
fn curve_accum_smoothed(
    state: Option<Internal>,
    x: Option<f64>,
    y: Option<f64>,
    max_points: Option<i32>,
    method: Option<LazyText>,
    smoothing: Option<f64>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, (x, y), max_points, method, smoothing, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    combine::<f64>(left, right, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_serial(state: Option<Internal>) -> Result<Vec<u8>, ErrorReport> {
    serial::<f64>(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    deserial::<f64>(bytes, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_final(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<JsonText>, ErrorReport> {
    finish::<f64>(state, fcinfo)
}

#[pg_extern(name = "curve_accum", immutable, parallel_safe, create_or_replace)]
fn curve_accum_bigint(
    state: Option<Internal>,
    x: Option<i64>,
    y: Option<f64>,
    max_points: Option<i32>,
    method: Option<LazyText>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, (x, y), max_points, method, None, fcinfo)
}

#[pg_extern(name = "curve_accum", immutable, parallel_safe, create_or_replace)]
fn curve_accum_bigint_smoothed(
    state: Option<Internal>,
    x: Option<i64>,
    y: Option<f64>,
    max_points: Option<i32>,
    method: Option<LazyText>,
    smoothing: Option<f64>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add(state, (x, y), max_points, method, smoothing, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_bigint_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    combine::<i64>(left, right, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_bigint_serial(state: Option<Internal>) -> Result<Vec<u8>, ErrorReport> {
    serial::<i64>(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_bigint_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    deserial::<i64>(bytes, fcinfo)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn curve_bigint_final(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Option<JsonText>, ErrorReport> {
    finish::<i64>(state, fcinfo)
}

pgrx::extension_sql_file!(
    "../sql/curve.sql",
    name = "curve",
    requires = [
        curve_accum,
        curve_accum_smoothed,
        curve_combine,
        curve_serial,
        curve_deserial,
        curve_final,
        curve_accum_bigint,
        curve_accum_bigint_smoothed,
        curve_bigint_combine,
        curve_bigint_serial,
        curve_bigint_deserial,
        curve_bigint_final
    ]
);

/// What is wrong with a reported point: errors, for which it cannot be recorded, and warnings
#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off the signature and knows no alias")]
fn metric_point_findings(
    point: Option<JsonText>,
) -> TableIterator<
    'static,
    (
        name!(code, &'static str),
        name!(severity, &'static str),
        name!(field, Option<String>),
        name!(error, String),
        name!(suggestion, &'static str),
    ),
> {
    let findings = point.map(|point| point_findings(&point.0)).unwrap_or_default();
    TableIterator::new(
        findings.into_iter().map(|finding| {
            (finding.code, finding.severity, finding.field, finding.error, finding.suggestion)
        }),
    )
}
