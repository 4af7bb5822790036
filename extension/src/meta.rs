//! What is installed.

use crate::arg::JsonText;
use pgrx::prelude::*;

/// Which edition of schema lora answers, its version and how it was built
#[pg_extern(stable, parallel_safe, strict, create_or_replace)]
fn build_info() -> JsonText {
    let info = serde_json::json!({
        "edition": pg_lora_core::dataset::EDITION,
        "version": pg_lora_core::VERSION,
        "ruleset_version": pg_lora_core::dataset::RULESET_VERSION,
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
        "postgres_version": pg_sys::PG_VERSION.to_str().unwrap_or_default(),
    });
    JsonText(info.to_string())
}
