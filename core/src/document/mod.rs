//! The JSON documents that the tables hold: one serde type each, and how what is sent becomes one.

#[cfg(feature = "types")]
pub mod described;
mod fields;
mod gpus;
mod hyperparameters;

pub use gpus::{GPU_ALIASES, GpuConfig, normalize_gpu_config};
pub use hyperparameters::{
    HYPERPARAMETER_ALIASES, HyperparameterConfig, hyperparameter_presets, normalize_hyperparameters,
};
