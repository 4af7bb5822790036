//! What is told of models.

use schemars::JsonSchema;

use super::{BestMetrics, CurrentMetrics, PresetId};
use crate::document::{GpuConfig, HyperparameterConfig};

/// A file of a model, as it is registered.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct ModelFile {
    /// Path in the bucket, which begins with the owner's id.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// A file of `model_artifacts.artifacts`. Those of models that an application inserted by itself may lack all but the path.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct StoredModelFile {
    /// Path in the bucket.
    pub path: String,
    /// Size in bytes.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// 64 hexadecimal digits.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// `model_artifacts.configuration`: what its job was asked for. An application that inserts models by itself may have written anything.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct ModelConfiguration {
    /// Preset.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub preset_id: Option<PresetId>,
    /// Hyperparameters.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub hyperparameters: Option<HyperparameterConfig>,
    /// GPUs.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub gpu_config: Option<GpuConfig>,
}

/// `model_artifacts.training_summary`: how it came about, as far as that is known. An application that inserts models by itself may have
/// written anything.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct TrainingSummary {
    /// Steps that were done.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Steps that were to do.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub total_steps: Option<u32>,
    /// Epochs that were done.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Attempts that it took.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long the last one took.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub training_seconds: Option<f64>,
    /// Metrics at the end.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub final_metrics: Option<CurrentMetrics>,
    /// Lowest losses.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub best_metrics: Option<BestMetrics>,
    /// What it cost, two places.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// What it was trained on.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<TrainedDataset>,
}

/// A dataset as it was when a model was made of it.
#[derive(JsonSchema)]
pub struct TrainedDataset {
    /// Dataset.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its training pairs.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub total_training_pairs: Option<u64>,
    /// Its content tokens.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Identity of its content.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
    /// SHA-256 of its content.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
}
