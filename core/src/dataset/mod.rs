//! Validation of fine-tuning datasets: one pass over the bytes, every fault, one report.
//!
//! The way of a byte: `scan` cuts lines → `json` reads one line into borrowed values → `shape` says what kind
//! of line it is → `pairs` or `turns` checks its fields → `tally` counts it, `findings` keeps what was found
//! under the limits → [`Report`].
//!
//! Where things go: a new check is an entry of [`rules`] and the line that raises it in its shape's file; a
//! new shape is a variant of [`Shape`] and a file beside `pairs.rs`.

mod field;
mod findings;
mod json;
mod message;
mod options;
mod pairs;
mod report;
pub mod rules;
mod scan;
mod shape;
mod tally;
pub mod tokens;
mod turns;

pub use findings::Finding;
pub use options::Options;
pub use report::{Conversation, Message, Report, TokenReport};
pub use rules::{RULESET_VERSION, Rule, Severity};
pub use scan::report;
pub use shape::Shape;
