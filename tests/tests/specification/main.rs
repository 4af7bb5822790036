//! The specification's own acceptance criteria and verification steps, a test each, named after it.
//!
//! What it decides is read from its own text: `catalogue` loads its SQL into an empty database and reads what that
//! made, `typescript` reads its interfaces, `buckets` its list of buckets. Where the migrated database differs on
//! purpose, `departures` says from what, to what, and why; any other difference fails.

mod buckets;
mod catalogue;
mod departures;
mod rows;
mod schema;
mod typescript;
