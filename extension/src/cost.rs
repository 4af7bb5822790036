//! Exact cost of intervals, estimates, and sums by every grouping.

use crate::arg::{Decimal, JsonText};
use crate::error::with_sqlstate;
use crate::state;
use pg_lora_core::cost::{Amount, Breakdown, CostRow, Day, Rate, Workload};
use pg_lora_core::{Error, Result as CoreResult, cost};
use pgrx::datum::{Date, Interval, Range, Uuid};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal};

/// Exact cost of an interval of GPU time: hourly_rate x gpus x billed time, rounded once to ten places
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn interval_cost(
    period: Range<TimestampWithTimeZone>,
    hourly_rate: Decimal<'_>,
    gpus: default!(i32, 1),
    granularity: default!(Interval, "'0'"),
    minimum: default!(Interval, "'0'"),
) -> Result<AnyNumeric, ErrorReport> {
    let cost = elapsed(&period)
        .and_then(|elapsed| {
            let rate = Rate {
                hourly_rate: hourly_rate.to_amount("hourly_rate")?,
                gpus,
                granularity_micros: micros(granularity, "granularity")?,
                minimum_micros: micros(minimum, "minimum")?,
            };
            cost::interval_cost(elapsed, &rate)
        })
        .map_err(with_sqlstate)?;
    Ok(numeric(cost))
}

/// What a run will cost: low, expected and high, from its work, its epochs, the price and what finished runs have taken
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn estimate_cost(
    total_steps: i32,
    tokens_per_step: f64,
    num_epochs: i32,
    tokens_per_second: f64,
    hourly_rate: Decimal<'_>,
    gpus: default!(i32, 1),
    observed: default!(Vec<Option<f64>>, "'{}'"),
) -> Result<JsonText, ErrorReport> {
    // A share that is NULL is none.
    let observed: Vec<f64> = observed.into_iter().map(|share| share.unwrap_or(f64::NAN)).collect();
    let estimate = hourly_rate
        .to_amount("hourly_rate")
        .and_then(|hourly_rate| {
            cost::estimate(&Workload {
                steps: i64::from(total_steps),
                tokens_per_step,
                epochs: num_epochs,
                tokens_per_second,
                hourly_rate,
                gpus,
                observed: &observed,
            })
        })
        .map_err(with_sqlstate)?;
    Ok(JsonText(serde_json::to_string(&estimate).expect("an answer has text keys only")))
}

/// Microseconds from the start to the end of a period; an empty one has none.
fn elapsed(period: &Range<TimestampWithTimeZone>) -> CoreResult<i64> {
    if period.is_empty() {
        return Ok(0);
    }
    let bound = |bound: Option<&pgrx::datum::RangeBound<TimestampWithTimeZone>>| {
        let at = bound.and_then(|bound| bound.get()).filter(|at| at.is_finite());
        at.map(|at| at.into_inner()).ok_or_else(|| {
            Error::invalid_argument(
                "\"period\" has no end or no beginning",
                "Pass a range with two finite bounds; an open interval ends at the instant of the question.",
            )
        })
    };
    bound(period.upper())?.checked_sub(bound(period.lower())?).ok_or_else(|| {
        Error::out_of_range("\"period\" is too long", "Pass a period of less than 292,000 years.")
    })
}

/// An interval as microseconds: a month has no length of its own.
fn micros(interval: Interval, name: &str) -> CoreResult<i64> {
    if interval.months() != 0 {
        return Err(Error::invalid_argument(
            format!("\"{name}\" is given in months, whose length varies"),
            "Give it in days, hours, minutes or seconds.",
        ));
    }
    i64::try_from(interval.as_micros()).map_err(|_| {
        Error::out_of_range(format!("\"{name}\" is too long"), "Pass an interval of less than 292,000 years.")
    })
}

/// A day of the calendar; an infinite one is none.
fn calendar_day(day: Date) -> CoreResult<Day> {
    if !day.is_finite() {
        return Err(Error::invalid_argument("\"day\" is infinite", "Pass a day of the calendar, or NULL."));
    }
    Ok(Day(day.to_pg_epoch_days()))
}

fn numeric(amount: Amount) -> AnyNumeric {
    AnyNumeric::try_from(amount.to_string().as_str()).expect("a decimal is a numeric")
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::too_many_arguments, reason = "an aggregate has the arguments that SQL gives it")]
fn cost_breakdown_accum(
    state: Option<Internal>,
    amount: Option<Decimal<'_>>,
    currency: Option<&str>,
    day: Option<Date>,
    cost_type: Option<&str>,
    gpu_type: Option<&str>,
    job_id: Option<Uuid>,
    status: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, breakdown) = state::get_or_insert::<Breakdown>(state, fcinfo)?;
    // As sum() does: what is unknown is not added.
    let Some(value) = amount else { return Ok(state) };
    let day = day.map(calendar_day).transpose().map_err(with_sqlstate)?;
    let job_id = job_id.map(|id| uuid::Uuid::from_bytes(*id.as_bytes()));
    value
        .to_amount("amount")
        .and_then(|amount| {
            let currency = currency.ok_or_else(|| {
                Error::invalid_argument("\"currency\" is NULL", "Pass the currency of each amount.")
            })?;
            breakdown.add(&CostRow { amount, currency, day, cost_type, gpu_type, job_id, status })
        })
        .map_err(with_sqlstate)?;
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn cost_breakdown_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, breakdown) = state::get_or_insert::<Breakdown>(left, fcinfo)?;
    if let Some(other) = state::get::<Breakdown>(right.as_ref()) {
        breakdown.merge(other).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn cost_breakdown_serial(state: Option<Internal>) -> Vec<u8> {
    state::get::<Breakdown>(state.as_ref()).map(Breakdown::encode).unwrap_or_default()
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn cost_breakdown_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, breakdown) = state::get_or_insert::<Breakdown>(None, fcinfo)?;
    // A worker that got no row has no state.
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        *breakdown = Breakdown::decode(bytes).map_err(with_sqlstate)?;
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn cost_breakdown_final(state: Option<Internal>) -> JsonText {
    let nothing = Breakdown::default();
    JsonText(state::get::<Breakdown>(state.as_ref()).unwrap_or(&nothing).to_json())
}

pgrx::extension_sql_file!(
    "../sql/cost_breakdown.sql",
    name = "cost_breakdown",
    requires = [
        cost_breakdown_accum,
        cost_breakdown_combine,
        cost_breakdown_serial,
        cost_breakdown_deserial,
        cost_breakdown_final
    ]
);
