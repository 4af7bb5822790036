//! Metrics: reported points looked at, and curves of them: collected in any order, smoothed as a whole, sampled without losing an extreme.
//!
//! Invariant: a curve follows from the set of its points alone, whatever order they came in and however they were split; first, last, lowest
//! and highest point are always in it, and nothing that is not a point of the series ever is.
//! Invariant: whatever grows with the series asks for its memory first ([`Error::out_of_memory`](crate::Error::out_of_memory)).

mod health;
mod memory;
mod point;
mod sampling;
mod series;
mod smoothing;

pub use health::{Finding, RULES, Reading, Readings, Rule, THRESHOLDS};
pub use point::{PointFinding, point_findings};
pub use sampling::{Method, PRESELECTED};
pub use series::{Abscissa, Curve, Mark, Request, Series};
pub use smoothing::{smooth, smoothed};
