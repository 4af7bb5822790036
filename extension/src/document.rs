//! The documents that the tables hold.

use crate::arg::JsonText;
use crate::error::with_sqlstate;
use pg_lora_core::document;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Hyperparameters of each preset, by name
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn hyperparameter_presets() -> JsonText {
    let presets = document::hyperparameter_presets();
    let by_name: std::collections::BTreeMap<_, _> = presets.into_iter().collect();
    JsonText(serde_json::to_string(&by_name).expect("an answer has text keys only"))
}

/// The document of a job's GPUs under its standard names, every field checked
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn normalize_gpu_config(gpu_config: JsonText) -> Result<JsonText, ErrorReport> {
    document::normalize_gpu_config(&gpu_config.0).map(JsonText).map_err(with_sqlstate)
}

/// Hyperparameters under their standard names, filled in from a preset, every field checked
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn normalize_hyperparameters(hyperparameters: JsonText, preset: &str) -> Result<JsonText, ErrorReport> {
    document::normalize_hyperparameters(&hyperparameters.0, preset).map(JsonText).map_err(with_sqlstate)
}
