//! What a run will cost, before it starts.
//!
//! The application's own formula: hours = (steps · tokens per step / (tokens per second · GPUs) + 600 +
//! 300 · epochs + 300) / 3600; the constants are its measured start-up, evaluation per epoch, and upload, in
//! seconds. To GPU time it adds $0.50 of storage.
//!
//! Around it lie half of the time and twice the time, as around what `job_progress` foretells before the first points: list
//! throughputs are off by up to that with the length of the sequences, the rank and the kernels, and start and end with what is
//! in the cache. Where it is known what finished runs have taken, measured by this formula, the middle half of them is the interval.

use super::amount::Amount;
use super::interval::{Rate, interval_cost};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::value::RawValue;

const START_SECONDS: f64 = 600.0;
const SECONDS_PER_EPOCH: f64 = 300.0;
const END_SECONDS: f64 = 300.0;
/// Of the formula's time, where nothing else is known: least, expected, most.
const SPREAD: [f64; 3] = [0.5, 1.0, 2.0];
/// Half a unit of the currency, in 10⁻¹⁰.
const STORAGE: Amount = Amount::from_units(5_000_000_000);

/// The work and the machine of a run.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
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
    /// What finished runs have taken, as shares of what the formula says of each: lower quartile, median, upper quartile; nothing
    /// where none are known.
    pub observed: &'a [f64],
}

/// An estimate and how it was made.
#[derive(Debug, Clone, Serialize)]
pub struct Estimate {
    /// GPU time and storage, in the currency of the rate, ten places: at least.
    pub low: Box<RawValue>,
    /// The same, as expected.
    pub expected: Box<RawValue>,
    /// The same, at most.
    pub high: Box<RawValue>,
    /// Wall time, two decimals.
    pub hours: f64,
    /// The same in seconds, three decimals.
    pub seconds: f64,
    /// Optimizer steps.
    pub steps: i64,
    /// Seconds until the first step begins.
    pub preparation_seconds: f64,
    /// Seconds of a step with its share of the evaluations, three decimals. With the line above it is the estimate that
    /// `job_progress` takes.
    pub seconds_per_step: f64,
    /// `formula`: from the workload alone; `similar_jobs`: by what finished runs have taken.
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
///     observed: &[],
/// };
/// assert!(estimate(&workload)?.expected.get().starts_with("4.10"));
/// # Ok::<(), pg_lora_core::Error>(())
/// ```
///
/// # Errors
/// `InvalidArgument` for a workload that cannot be: no step, no GPU, no throughput, negative or non-finite
/// figures, shares that are not three in their order; `OutOfRange` for one that would take longer than any clock counts.
pub fn estimate(workload: &Workload<'_>) -> Result<Estimate> {
    let refuse = |what: &str| {
        Err(Error::invalid_argument(
            format!("\"{what}\" is out of range"),
            "Pass at least one step, one epoch and one GPU, and a throughput above 0.",
        ))
    };
    let Workload { steps, tokens_per_step, epochs, tokens_per_second, hourly_rate, gpus, observed } =
        *workload;
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
    let (shares, method) = match *observed {
        [] => (SPREAD, "formula"),
        [least, median, most] if least > 0.0 && least <= median && median <= most && most.is_finite() => {
            ([least, median, most], "similar_jobs")
        }
        _ => {
            return Err(Error::invalid_argument(
                "\"observed\" is out of range",
                "Pass three shares above 0 in their order, lower quartile, median and upper quartile, or an empty array.",
            ));
        }
    };
    let training = steps as f64 * tokens_per_step / (tokens_per_second * f64::from(gpus))
        + SECONDS_PER_EPOCH * f64::from(epochs);
    let seconds = START_SECONDS + training + END_SECONDS;
    let rate = Rate { hourly_rate, gpus, granularity_micros: 0, minimum_micros: 0 };
    let mut amounts = [Amount::ZERO; 3];
    for (amount, share) in amounts.iter_mut().zip(shares) {
        // 2^53 microseconds are 285 years, and the last figure that a float holds exactly.
        let micros = seconds * share * 1e6;
        // Infinity over infinity is no number and above nothing.
        if micros.is_nan() || micros > 9e15 {
            return Err(Error::out_of_range(
                "the run would take more than 285 years",
                "Check the number of steps and the throughput.",
            ));
        }
        *amount = interval_cost(micros.round() as i64, &rate)?.checked_add(STORAGE)?;
    }
    let [low, expected, high] = amounts.map(Amount::to_json);
    let share = shares[1];
    Ok(Estimate {
        low,
        expected,
        high,
        hours: (seconds * share / 36.0).round() / 100.0,
        seconds: rounded(seconds * share),
        steps,
        preparation_seconds: rounded(START_SECONDS * share),
        seconds_per_step: rounded(training * share / steps as f64),
        method,
    })
}

/// Three decimals.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload<'static> {
        Workload {
            steps: 100,
            tokens_per_step: 1000.0,
            epochs: 1,
            tokens_per_second: 1000.0,
            hourly_rate: Amount::parse("3.6", "hourly_rate").unwrap(),
            gpus: 1,
            observed: &[],
        }
    }

    #[test]
    fn follows_the_formula() {
        let estimate = estimate(&workload()).unwrap();
        // 100 s of work, 600 + 300 + 300 s around it, a thousandth a second, and storage.
        assert_eq!(estimate.expected.get(), "1.8000000000");
        assert_eq!((estimate.hours, estimate.steps, estimate.method), (0.36, 100, "formula"));
        assert_eq!((estimate.preparation_seconds, estimate.seconds_per_step), (600.0, 4.0));
        // Half of 1300 s, and twice; the storage stays.
        assert_eq!((estimate.low.get(), estimate.high.get()), ("1.1500000000", "3.1000000000"));
        assert_eq!(estimate.seconds, 1300.0);
    }

    #[test]
    fn finished_runs_count_more_than_the_formula() {
        let estimate = estimate(&Workload { observed: &[0.1, 0.25, 0.5], ..workload() }).unwrap();
        assert_eq!(
            [&estimate.low, &estimate.expected, &estimate.high].map(|amount| amount.get()),
            ["0.6300000000", "0.8250000000", "1.1500000000"]
        );
        assert_eq!((estimate.hours, estimate.seconds, estimate.method), (0.09, 325.0, "similar_jobs"));
        assert_eq!((estimate.preparation_seconds, estimate.seconds_per_step), (150.0, 1.0));
    }

    #[test]
    fn refuses_what_cannot_be() {
        let message = |workload: Workload<'_>| estimate(&workload).unwrap_err().message;
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
        for observed in
            [&[1.0][..], &[0.0, 1.0, 1.0], &[1.0, 0.9, 1.0], &[1.0, 1.0, f64::INFINITY], &[f64::NAN; 3]]
        {
            assert_eq!(message(Workload { observed, ..workload() }), "\"observed\" is out of range");
        }
        assert_eq!(
            message(Workload { tokens_per_step: 1e300, ..workload() }),
            "the run would take more than 285 years"
        );
    }
}
