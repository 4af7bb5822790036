//! What metrics of training take: points that come in, curves that are drawn of them, pages of jobs, and bytes.
//!
//! The peers are MLflow's store, which runs as it is (`metrics/mlflow.rs`), and the statements by which MLflow and Determined
//! sample a curve, re-stated on our table (`metrics/sampling.rs`).

mod curves;
mod ingest;
mod jobs;
mod mlflow;
mod sampling;

use super::bed::Bed;
use super::measurement::Measurement;
use crate::setup::Prepared;

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, full: bool) -> anyhow::Result<()> {
    let store = mlflow::Installed::provide(prepared.checkout)
        .and_then(|installed| installed.start(bed.cluster(), ingest::JOBS));
    match store {
        Ok(mut store) => {
            ingest::run(bed, &mut store, full)?;
            let (all, indexes) = store.bytes_per_value()?;
            let name = format!("bytes of MLflow for a value, {indexes:.0} of them indexes");
            bed.note(Measurement::new(name, all, "B", None), &[])?;
        }
        Err(error) => bed.leave_out("MLflow's store", &error),
    }
    curves::run(bed)
}
