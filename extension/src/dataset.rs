//! Dataset validation.

use crate::arg::{JsonText, TextBytes};
use crate::error::with_sqlstate;
use pg_lora_core::dataset;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Validates a dataset file and reports everything that is wrong with it
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn dataset_report(content: &[u8], options: default!(JsonText, "'{}'")) -> Result<JsonText, ErrorReport> {
    answer(content, &options)
}

/// Validates a dataset file and reports everything that is wrong with it
#[pg_extern(name = "dataset_report", immutable, parallel_safe, strict, create_or_replace)]
fn dataset_report_text(
    content: TextBytes<'_>,
    options: default!(JsonText, "'{}'"),
) -> Result<JsonText, ErrorReport> {
    answer(content.0, &options)
}

fn answer(content: &[u8], options: &JsonText) -> Result<JsonText, ErrorReport> {
    let options = dataset::Options::from_json(&options.0).map_err(with_sqlstate)?;
    let answer = dataset::report(content, &options, &mut || {
        pgrx::check_for_interrupts!();
    });
    Ok(JsonText(serde_json::to_string(&answer).expect("a report has text keys only")))
}
