//! Exact money: what an interval of GPU time costs, and what a set of amounts adds up to.
//!
//! Invariant: no float comes near money. Amounts are whole 10⁻¹⁰ of a currency unit, so that every sum is
//! exact and a whole always equals the sum of its parts.

mod amount;
mod breakdown;
mod currency;
mod day;
mod estimate;
mod interval;

pub use amount::Amount;
pub use breakdown::{Breakdown, CostRow};
pub use day::Day;
pub use estimate::{Estimate, Workload, estimate};
pub use interval::{Rate, interval_cost};
