//! The logic of pg_lora: dataset validation, job progress, curves of metrics, exact cost.
//!
//! Invariant: this crate never learns that Postgres exists. It does no I/O, reads no clock and draws no
//! random number, so the extension, the command line and the tests all get the same answer from the same
//! input. Callers hand in bytes, instants and numbers; long loops call back through a `tick` so that the
//! caller can stop them.
#![forbid(unsafe_code)]

pub mod cost;
pub mod dataset;
pub mod document;
pub mod error;
pub mod job;
pub mod limits;
pub mod metric;

pub use error::{Error, ErrorCode, Result};

/// Version of this crate, which is the version of every part of pg_lora.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
