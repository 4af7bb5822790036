//! Everything about types/, under one name, so that `cargo xtask test --only end-to-end types` runs all of it.

#[path = "types/mod.rs"]
mod types;
