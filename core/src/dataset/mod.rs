//! Validation of fine-tuning datasets: one pass over the bytes, every fault, one report.
//!
//! The way of a byte: [`Segment`] cuts lines → `json` reads one line onto a tape → `shape` says what kind of
//! line it is → `shapes` reads its fields into an example → `example` measures it → `body` counts it,
//! `findings` keeps what was found under the limits, `repeats` what is compared at the end → `verdict` says
//! whether the file was lines at all, `document` reads it when it was not → `file` judges it as a whole, and joins
//! the one that is held back → [`Report`].
//!
//! Where things go: a new check is an entry of [`rules`] and the line that raises it; a new shape is a variant
//! of [`Shape`], the keys that tell it, and a file in `shapes`; a new profile is a variant of [`Profile`].

mod body;
mod check;
mod digest;
mod document;
mod example;
mod file;
mod findings;
mod hash;
mod histogram;
mod json;
mod metrics;
mod options;
mod path;
mod profile;
mod repeats;
mod report;
mod rule;
pub mod rules;
mod sample;
mod segment;
mod shape;
mod shapes;
mod text;
pub mod tokens;
mod verdict;

pub use file::{Split, ValidationFile};
pub use findings::Finding;
pub use histogram::Spread;
pub use metrics::{MetricFinding, metric_findings, rules as metric_rules};
pub use options::{DeclaredFormat, ExactTokens, Options};
pub use profile::Profile;
pub use report::{Answer, EDITION, Report, TokenReport};
pub use rule::{Levels, Rule, Severity};
pub use rules::{NOT_IN_SQL, RULESET_VERSION, all_rules};
pub use sample::{Conversation, Message};
pub use segment::{Runs, Segment, report};
pub use shape::Shape;
