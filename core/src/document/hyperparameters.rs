//! Hyperparameters, and the presets that a job can name in place of spelling them out.

use super::fields::{self, Fields};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// `training_jobs.hyperparameters`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(extend("additionalProperties" = true)))]
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
    /// Steps over which the learning rate rises; the trainer's own when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warmup_steps: Option<u32>,
    /// Decay of the weights; the trainer's own when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weight_decay: Option<f64>,
    /// Batches that make one optimizer step; 1 when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gradient_accumulation_steps: Option<u32>,
    /// Optimizer steps, in place of the epochs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_steps: Option<u32>,
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
            warmup_steps: None,
            weight_decay: None,
            gradient_accumulation_steps: None,
            max_steps: None,
        };
    [
        ("conservative", preset(0.0001, 4, 3, 8, 16, 0.05)),
        ("balanced", preset(0.0002, 8, 5, 16, 32, 0.1)),
        ("aggressive", preset(0.0003, 16, 10, 32, 64, 0.1)),
        ("custom", preset(0.0002, 8, 5, 16, 32, 0.1)),
    ]
}

/// Names that applications have written, and those that they read.
pub const HYPERPARAMETER_ALIASES: [(&str, &str); 4] =
    [("epochs", "num_epochs"), ("rank", "lora_rank"), ("alpha", "lora_alpha"), ("dropout", "lora_dropout")];

/// Presets of the application that have no twin in the specification: what it sends along counts.
const CUSTOM: [&str; 2] = ["fast", "quality"];

const NAME: &str = "hyperparameters";

/// The preset that a name stands for.
///
/// # Errors
/// `InvalidArgument` for a name that is not known.
fn preset(name: &str) -> Result<HyperparameterConfig> {
    let name = if CUSTOM.contains(&name) { "custom" } else { name };
    let presets = hyperparameter_presets().into_iter();
    presets.into_iter().find(|(known, _)| *known == name).map(|(_, preset)| preset).ok_or_else(|| {
        let shown: String = name.chars().take(50).collect();
        Error::invalid_argument(
            format!("unknown preset \"{shown}\""),
            "Use conservative, balanced, aggressive or custom.",
        )
    })
}

/// A document with its standard names, filled in from a preset and checked; what is not known stays as it came.
///
/// Ranges are those beyond which no adapter of this kind is trained: a rank of 1 to 1024, a learning rate above 0 and at
/// most 1, a dropout below 1.
///
/// # Errors
/// `InvalidArgument` that names the field, or the preset.
pub fn normalize_hyperparameters(text: &str, preset_name: &str) -> Result<String> {
    let preset = preset(preset_name)?;
    let mut fields = Fields::parse(NAME, text)?;
    fields.rename(&HYPERPARAMETER_ALIASES);
    fields.complete_from(fields::of(NAME, &preset));
    fields.text("base_model", 1..=200)?;
    fields.number("learning_rate", "Give a number above 0 and at most 1, such as 0.0002.", |rate| {
        rate > 0.0 && rate <= 1.0
    })?;
    fields.whole("batch_size", 1..=100_000)?;
    fields.whole("num_epochs", 1..=1_000)?;
    fields.whole("lora_rank", 1..=1_024)?;
    fields.whole("lora_alpha", 1..=65_536)?;
    fields.number("lora_dropout", "Give a number from 0 to below 1, such as 0.05.", |dropout| {
        (0.0..1.0).contains(&dropout)
    })?;
    fields.optional_whole("warmup_steps", 0..=100_000_000)?;
    fields.optional_number("weight_decay", "Give a number from 0 to 1, or leave it out.", |decay| {
        (0.0..=1.0).contains(&decay)
    })?;
    fields.optional_whole("gradient_accumulation_steps", 1..=100_000)?;
    fields.optional_whole("max_steps", 1..=100_000_000)?;
    // Whatever passed can be read as the type that TypeScript knows.
    fields::read::<HyperparameterConfig>(&fields)?;
    Ok(fields.to_json())
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

    #[test]
    fn what_is_left_out_comes_from_the_preset() {
        let normalized = |text: &str, preset: &str| -> serde_json::Value {
            serde_json::from_str(&normalize_hyperparameters(text, preset).unwrap()).unwrap()
        };
        let all = normalized(r#"{"rank": 64, "alpha": 128, "seed": 7}"#, "conservative");
        assert_eq!(
            (&all["lora_rank"], &all["lora_alpha"], &all["seed"]),
            (&64.into(), &128.into(), &7.into())
        );
        assert_eq!((&all["batch_size"], all.get("rank")), (&4.into(), None));
        assert_eq!(normalized(r#"{"batch_size": 8.0}"#, "custom")["batch_size"], 8);
        assert_eq!(normalized("{}", "fast"), normalized("{}", "custom"));
        let text =
            normalize_hyperparameters(r#"{"learning_rate": 0.00020000000000000001}"#, "custom").unwrap();
        assert!(text.contains("0.00020000000000000001"), "{text}");
    }

    #[test]
    fn a_wrong_field_is_named() {
        let refused = |text: &str| normalize_hyperparameters(text, "balanced").unwrap_err().message;
        for (text, what) in [
            ("[]", "\"hyperparameters\" is not an object"),
            (r#"{"rank": 0}"#, "\"hyperparameters.lora_rank\" is 0"),
            (r#"{"lora_rank": 2048}"#, "\"hyperparameters.lora_rank\" is 2048"),
            (r#"{"lora_alpha": 0.5}"#, "\"hyperparameters.lora_alpha\" is 0.5"),
            (r#"{"learning_rate": 0}"#, "\"hyperparameters.learning_rate\" is 0"),
            (r#"{"learning_rate": "2e-4"}"#, "\"hyperparameters.learning_rate\" is \"2e-4\""),
            (r#"{"learning_rate": 2}"#, "\"hyperparameters.learning_rate\" is 2"),
            (r#"{"dropout": 1}"#, "\"hyperparameters.lora_dropout\" is 1"),
            (r#"{"batch_size": null}"#, "\"hyperparameters.batch_size\" is null"),
            (r#"{"max_steps": 1.5}"#, "\"hyperparameters.max_steps\" is 1.5"),
            (r#"{"base_model": ""}"#, "\"hyperparameters.base_model\" is \"\""),
        ] {
            assert_eq!(refused(text), what);
        }
        let error = normalize_hyperparameters("{}", "huge").unwrap_err();
        assert_eq!(error.message, "unknown preset \"huge\"");
    }
}
