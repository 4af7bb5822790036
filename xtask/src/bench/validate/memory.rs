//! How much memory a backend needs for a validation, and how much that is beyond one that only has read the value.
//!
//! Pages of shared buffers count as the backend's own in both, so their difference is free of them.

use super::super::bed::Bed;
use super::super::measurement::{Measurement, Target};
use super::super::memory;
use super::{ONLY_READ, OURS, OURS_FAULTY};

/// What a validation of lines may need beside its input, as docs/benchmarks.md says.
const BESIDE_THE_INPUT: f64 = 64.0;

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bed.leave_out("peak memory of the backend", &anyhow::anyhow!("only Linux says it in /proc"));
        return Ok(());
    }
    let read = peak(bed, ONLY_READ)?;
    bed.note(Measurement::new("peak memory of a backend that only reads the value", read, "MB", None), &[])?;
    for (what, sql) in [("sound", OURS), ("faulty", OURS_FAULTY)] {
        let ours = peak(bed, sql)?;
        let name = format!("peak memory of a backend that validates the {what} file");
        bed.note(Measurement::new(name, ours, "MB", None), &[])?;
        let name = format!("the same beyond reading the value, {what} file");
        bed.note(Measurement::new(name, ours - read, "MB", Target::AtMost(BESIDE_THE_INPUT)), &[])?;
    }
    Ok(())
}

/// The most megabytes that were resident of a new backend of the bed's database after a query.
pub(super) fn peak(bed: &Bed<'_>, sql: &str) -> anyhow::Result<f64> {
    memory::peak(bed.connect()?, sql)
}
