//! The JSON documents that the tables hold: one serde type each.

mod presets;

pub use presets::{HyperparameterConfig, hyperparameter_presets};
