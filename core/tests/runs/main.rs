//! What is said of a run while it runs, held against what really happened: runs are played by the simulator of the
//! end-to-end tests, which knows the truth.
//!
//! Invariant: constants are tuned on the seeds [`TUNED_ON`]; whatever is reported, or demanded by a test, is of the seeds
//! [`REPORTED`], which nobody looked at while tuning.

mod accuracy;
mod heard;
mod laws;
#[path = "../page/mod.rs"]
mod page;
mod peers;
#[allow(dead_code, unused_imports, reason = "the simulator of another crate's tests, included as it is")]
#[path = "../../../tests/src/random.rs"]
mod random;
mod row;
#[allow(dead_code, unused_imports, reason = "as above")]
#[path = "../../../tests/src/runs/mod.rs"]
mod runs;
mod verdicts;

use std::ops::Range;

/// Seeds of the runs that constants may be tuned on.
const TUNED_ON: Range<u64> = 0..50;
/// Seeds of the runs whose figures are reported and demanded.
const REPORTED: Range<u64> = 1_000..1_200;
