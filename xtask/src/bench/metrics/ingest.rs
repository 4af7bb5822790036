//! How fast points come in: batches of 1,000 through the API beside a plain insert of the same rows and MLflow's store, and
//! one point in a call.

use super::super::bed::{Bed, in_turns, median};
use super::super::measurement::Measurement;
use super::mlflow::{self, Store};

/// Jobs, and runs of MLflow, that take batches in turns.
pub const JOBS: usize = 10;

/// Single points whose time counts.
const CALLS: usize = 501;

/// Runs it.
pub fn run(bed: &mut Bed<'_>, store: &mut Store, full: bool) -> anyhow::Result<()> {
    let batches = if full { 50 } else { 10 };
    let medians = in_turns(1, |_| {
        let times = store.log(batches, mlflow::BATCH)?;
        Ok(times.iter().sum::<f64>() / (batches * mlflow::BATCH) as f64)
    })?;
    let name = format!(
        "points a second through MLflow {}'s log_batch, {} values each",
        store.version(),
        mlflow::VALUES
    );
    bed.note(Measurement::new(name, 1000.0 / medians[0], "/s", None), &[])?;
    let single = median(store.log(CALLS, 1)?);
    let measurement = Measurement::new("one point through MLflow's log_batch, p50", single, "ms", None)
        .condition("MLflow has every value", store.is_complete()?);
    bed.note(measurement, &[])
}
