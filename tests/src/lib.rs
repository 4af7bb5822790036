//! Throw-away Postgres clusters, for the end-to-end tests and for `cargo xtask`.
//!
//! A [`Cluster`] is one server on one fresh folder. It belongs to the process that started it and ends with it,
//! in whatever way that process ends; [`Cluster::detach`] is the one exception. [`Tree`] says which Postgres
//! runs, [`Account`] as whom, [`Caller`] speaks to it as the HTTP layer would, and [`environment`] is what
//! `cargo xtask test` hands to the tests. A test that needs a database and not a server of its own takes a
//! [`Database`] and tells a [`story`] on it. [`Postgrest`] serves one over HTTP, and [`streaming`] is a worker that uses
//! it; [`Pgbouncer`] pools connections to one. [`runs`] are training runs to play
//! to it.
//!
//! Invariant: nothing here touches a server that it did not start, nor a folder that it did not make.

mod account;
mod address;
pub mod chat;
mod cluster;
mod database;
mod detached;
pub mod environment;
pub mod golden;
pub mod javascript;
mod pgbouncer;
mod postgrest;
pub mod program;
mod proxy;
pub mod random;
mod refusal;
pub mod runs;
mod scratch;
pub mod seed;
mod session;
pub mod story;
pub mod streaming;
mod tree;

pub use account::Account;
pub use address::Address;
pub use cluster::{Cluster, Options, free_port};
pub use database::Database;
pub use detached::Detached;
pub use pgbouncer::{Pgbouncer, PoolMode};
pub use postgrest::Postgrest;
pub use program::Outcome;
pub use proxy::{Proxy, Verdict};
pub use refusal::Refusal;
pub use scratch::Scratch;
pub use session::Caller;
pub use tree::Tree;

/// The report of schema `lora` on the bytes of a file: of one value, or, in the portable edition, which reads 32 MB in one, of
/// parts of 16 MB.
///
/// # Panics
/// If the server refuses.
pub fn dataset_report(db: &mut postgres::Client, content: &[u8]) -> serde_json::Value {
    if !environment::is_portable() {
        return db.query_one("select lora.dataset_report($1::bytea)", &[&content]).unwrap().get(0);
    }
    let parts: Vec<&[u8]> = content.chunks(16 << 20).collect();
    let of_parts = "select lora.segment_report(lora.merge_segments(lora.scan_segment(part) order by number))
                    from unnest($1::bytea[]) with ordinality as each (part, number)";
    db.query_one(of_parts, &[&parts]).unwrap().get(0)
}

/// The SQLSTATE of an error, or an empty text when it did not come from the server.
pub fn sqlstate(error: &postgres::Error) -> &str {
    error.code().map_or("", |state| state.code())
}
