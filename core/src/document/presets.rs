//! Hyperparameters, and the presets that a job can name in place of spelling them out.

use serde::{Deserialize, Serialize};

/// `training_jobs.hyperparameters`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HyperparameterConfig {
    /// Name of the model that is tuned, as its hub knows it.
    pub base_model: String,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Examples in one optimizer step.
    pub batch_size: u32,
    /// Passes over the dataset.
    pub num_epochs: u32,
    /// Rank of the adapter's matrices.
    pub lora_rank: u32,
    /// Scale of the adapter.
    pub lora_alpha: u32,
    /// Dropout of the adapter's inputs, 0 to 1.
    pub lora_dropout: f64,
}

const BASE_MODEL: &str = "mistralai/Mistral-7B-v0.1";

/// The presets by name, in the order in which they get bolder. `custom` is where a caller's own
/// hyperparameters start from; it equals `balanced`.
pub fn hyperparameter_presets() -> [(&'static str, HyperparameterConfig); 4] {
    let preset =
        |learning_rate, batch_size, num_epochs, lora_rank, lora_alpha, lora_dropout| HyperparameterConfig {
            base_model: BASE_MODEL.to_owned(),
            learning_rate,
            batch_size,
            num_epochs,
            lora_rank,
            lora_alpha,
            lora_dropout,
        };
    [
        ("conservative", preset(0.0001, 4, 3, 8, 16, 0.05)),
        ("balanced", preset(0.0002, 8, 5, 16, 32, 0.1)),
        ("aggressive", preset(0.0003, 16, 10, 32, 64, 0.1)),
        ("custom", preset(0.0002, 8, 5, 16, 32, 0.1)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_those_of_the_specification() {
        let presets = hyperparameter_presets();
        assert_eq!(
            presets.each_ref().map(|(name, _)| *name),
            ["conservative", "balanced", "aggressive", "custom"]
        );
        assert_eq!(presets[3].1, presets[1].1);
        assert_eq!(
            serde_json::to_value(&presets[0].1).unwrap(),
            serde_json::json!({
                "base_model": "mistralai/Mistral-7B-v0.1", "learning_rate": 0.0001, "batch_size": 4,
                "num_epochs": 3, "lora_rank": 8, "lora_alpha": 16, "lora_dropout": 0.05,
            })
        );
    }
}
