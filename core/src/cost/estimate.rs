//! What a run will cost, before it starts.
//!
//! The application's own formula: hours = (steps · tokens per step / (tokens per second · GPUs) + 600 +
//! 300 · epochs + 300) / 3600; the constants are its measured start-up, evaluation per epoch, and upload, in
//! seconds. To GPU time it adds $0.50 of storage.

use super::amount::Amount;
use super::interval::{Rate, interval_cost};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::value::RawValue;

const START_SECONDS: f64 = 600.0;
const SECONDS_PER_EPOCH: f64 = 300.0;
const END_SECONDS: f64 = 300.0;
/// Half a unit of the currency, in 10⁻¹⁰.
const STORAGE: Amount = Amount::from_units(5_000_000_000);

/// The work and the machine of a run.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Optimizer steps of the whole run.
    pub steps: i64,
    /// Sequence tokens of one step: those of an epoch over its steps.
    pub tokens_per_step: f64,
    /// Passes over the data.
    pub epochs: i32,
    /// What one GPU works off.
    pub tokens_per_second: f64,
    /// Price of one GPU for one hour.
    pub hourly_rate: Amount,
    /// Number of GPUs.
    pub gpus: i32,
}

/// An estimate and how it was made.
#[derive(Debug, Clone, Serialize)]
pub struct Estimate {
    /// GPU time and storage, in the currency of the rate, ten places.
    pub expected: Box<RawValue>,
    /// Wall time, two decimals.
    pub hours: f64,
    /// Optimizer steps.
    pub steps: i64,
    /// Seconds until the first step begins.
    pub preparation_seconds: f64,
    /// Seconds of a step with its share of the evaluations, three decimals. With the line above it is the estimate that
    /// `job_progress` takes.
    pub seconds_per_step: f64,
    /// `formula`: from the workload alone, no finished runs were looked at.
    pub method: &'static str,
}

/// Estimates a run.
///
/// ```
/// use pg_lora_core::cost::{Amount, Workload, estimate};
/// let workload = Workload {
///     steps: 33,
///     tokens_per_step: 63_528.0 / 11.0,
///     epochs: 3,
///     tokens_per_second: 1800.0,
///     hourly_rate: Amount::parse("3.50", "hourly_rate")?,
///     gpus: 2,
/// };
/// assert!(estimate(&workload)?.expected.get().starts_with("4.10"));
/// # Ok::<(), pg_lora_core::Error>(())
/// ```
///
/// # Errors
/// `InvalidArgument` for a workload that cannot be: no step, no GPU, no throughput, negative or non-finite
/// figures; `OutOfRange` for one that would take longer than any clock counts.
pub fn estimate(workload: &Workload) -> Result<Estimate> {
    let refuse = |what: &str| {
        Err(Error::invalid_argument(
            format!("\"{what}\" is out of range"),
            "Pass at least one step, one epoch and one GPU, and a throughput above 0.",
        ))
    };
    let Workload { steps, tokens_per_step, epochs, tokens_per_second, hourly_rate, gpus } = *workload;
    if steps < 1 {
        return refuse("total_steps");
    }
    if epochs < 1 {
        return refuse("num_epochs");
    }
    if gpus < 1 {
        return refuse("gpus");
    }
    if !(tokens_per_step.is_finite() && tokens_per_step >= 0.0) {
        return refuse("tokens_per_step");
    }
    if !(tokens_per_second.is_finite() && tokens_per_second > 0.0) {
        return refuse("tokens_per_second");
    }
    let training = steps as f64 * tokens_per_step / (tokens_per_second * f64::from(gpus))
        + SECONDS_PER_EPOCH * f64::from(epochs);
    let seconds = START_SECONDS + training + END_SECONDS;
    // 2^53 microseconds are 285 years, and the last figure that a float holds exactly.
    let micros = seconds * 1e6;
    // Infinity over infinity is no number and above nothing.
    if micros.is_nan() || micros > 9e15 {
        return Err(Error::out_of_range(
            "the run would take more than 285 years",
            "Check the number of steps and the throughput.",
        ));
    }
    let rate = Rate { hourly_rate, gpus, granularity_micros: 0, minimum_micros: 0 };
    let expected = interval_cost(micros.round() as i64, &rate)?.checked_add(STORAGE)?;
    Ok(Estimate {
        expected: expected.to_json(),
        hours: (seconds / 36.0).round() / 100.0,
        steps,
        preparation_seconds: START_SECONDS,
        seconds_per_step: (training / steps as f64 * 1e3).round() / 1e3,
        method: "formula",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload {
            steps: 100,
            tokens_per_step: 1000.0,
            epochs: 1,
            tokens_per_second: 1000.0,
            hourly_rate: Amount::parse("3.6", "hourly_rate").unwrap(),
            gpus: 1,
        }
    }

    #[test]
    fn follows_the_formula() {
        let estimate = estimate(&workload()).unwrap();
        // 100 s of work, 600 + 300 + 300 s around it, a thousandth a second, and storage.
        assert_eq!(estimate.expected.get(), "1.8000000000");
        assert_eq!((estimate.hours, estimate.steps, estimate.method), (0.36, 100, "formula"));
        assert_eq!((estimate.preparation_seconds, estimate.seconds_per_step), (600.0, 4.0));
    }

    #[test]
    fn refuses_what_cannot_be() {
        let message = |workload: Workload| estimate(&workload).unwrap_err().message;
        assert_eq!(message(Workload { steps: 0, ..workload() }), "\"total_steps\" is out of range");
        assert_eq!(message(Workload { epochs: 0, ..workload() }), "\"num_epochs\" is out of range");
        assert_eq!(message(Workload { gpus: 0, ..workload() }), "\"gpus\" is out of range");
        assert_eq!(
            message(Workload { tokens_per_second: f64::NAN, ..workload() }),
            "\"tokens_per_second\" is out of range"
        );
        assert_eq!(
            message(Workload { tokens_per_step: f64::INFINITY, ..workload() }),
            "\"tokens_per_step\" is out of range"
        );
        assert_eq!(
            message(Workload { tokens_per_step: 1e300, ..workload() }),
            "the run would take more than 285 years"
        );
    }
}
