//! The documents that the tables hold.

use crate::arg::JsonText;
use pgrx::prelude::*;

/// Hyperparameters of each preset, by name
#[pg_extern(immutable, parallel_safe, strict, create_or_replace)]
fn hyperparameter_presets() -> JsonText {
    let presets = pg_lora_core::document::hyperparameter_presets();
    let by_name: std::collections::BTreeMap<_, _> = presets.into_iter().collect();
    JsonText(serde_json::to_string(&by_name).expect("an answer has text keys only"))
}
