//! The extension pg_lora: functions of schema `lora`.
//!
//! Invariant: glue only. A function borrows its arguments, calls core, maps the error and returns. It decides
//! no more than whether an argument can be converted at all; no rule, no table and no SPI is here, and all
//! unsafe code lives in `arg` and `state`.

#![allow(clippy::result_large_err, reason = "pgrx wants its own ErrorReport, by value")]

pgrx::pg_module_magic!(name, version);

#[cfg(not(panic = "unwind"))]
compile_error!("pgrx turns panics into Postgres errors by unwinding: build with panic = \"unwind\"");

mod arg;
mod cost;
mod dataset;
mod document;
mod error;
mod health;
mod job;
mod meta;
mod metric;
mod pace;
mod segment;
mod state;

/// What the server may want while core is at work.
fn tick() {
    pgrx::check_for_interrupts!();
}

pgrx::extension_sql_file!("../sql/adopted.sql", name = "adopted", bootstrap);
pgrx::extension_sql_file!("../sql/rights_and_comments.sql", name = "rights_and_comments", finalize);

#[cfg(any(test, feature = "pg_test"))]
#[path = "tests.rs"]
mod server_tests;

/// What `cargo pgrx test` needs of a crate.
#[cfg(test)]
pub mod pg_test {
    /// Called once before the tests.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings of the server that runs the tests.
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["fsync = off"]
    }
}
