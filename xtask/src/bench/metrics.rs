//! What metrics of training take: points that come in, curves that are drawn of them, pages of jobs, and bytes.
//!
//! The peers are MLflow's store, which runs as it is (`metrics/mlflow.rs`), and the statements by which MLflow and Determined
//! sample a curve, re-stated on our table (`metrics/sampling.rs`).

mod curves;
mod ingest;
mod jobs;
mod mlflow;
mod overview;
mod points;
mod sampling;
mod storage;

use super::bed::Bed;
use crate::setup::Prepared;

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, full: bool) -> anyhow::Result<()> {
    let store = mlflow::Installed::provide(prepared.checkout)
        .and_then(|installed| installed.start(bed.cluster(), ingest::JOBS));
    let mut store = match store {
        Ok(store) => Some(store),
        Err(error) => {
            bed.leave_out("MLflow's store", &error);
            None
        }
    };
    ingest::run(bed, store.as_mut(), full)?;
    let bytes_of_mlflow = store.as_mut().map(mlflow::Store::bytes).transpose()?;
    drop(store);
    curves::run(bed)?;
    overview::run(bed, full)?;
    storage::run(bed, bytes_of_mlflow, full)
}
