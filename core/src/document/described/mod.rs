//! Documents that are put together outside of this crate, each described once: what JSON Schemas and TypeScript are made of.
//!
//! Invariant: nothing is computed from these types. Where this crate makes the document itself, its own type is the description. Tests
//! compare what a server answers with the schemas, so that none of them says what is not so.

mod costs;
mod datasets;
mod jobs;
mod metrics;
mod models;
mod words;

pub use costs::*;
pub use datasets::*;
pub use jobs::*;
pub use metrics::*;
pub use models::*;
pub use words::*;
