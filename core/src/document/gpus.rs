//! Which GPUs a job runs on, and at what price.

use super::fields::Fields;
use crate::Result;
use crate::cost::Amount;
use serde::{Deserialize, Serialize};

/// `training_jobs.gpu_config`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "GPUConfig", extend("additionalProperties" = true)))]
pub struct GpuConfig {
    /// GPU, as the price book names it.
    pub gpu_type: String,
    /// How many of them.
    pub num_gpus: u32,
    /// Memory of one, in GB. A job that was asked for without it lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(extend("x-required" = true)))]
    pub gpu_memory_gb: Option<f64>,
    /// Whether they may be taken away at any time, at a lower price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<bool>,
    /// Price of one for an hour, frozen when the job is made: that of the price book where it was left out.
    #[cfg_attr(feature = "types", schemars(with = "f64"))]
    pub cost_per_gpu_hour: Option<f64>,
}

/// Names that applications have written, and those that they read.
pub const GPU_ALIASES: [(&str, &str); 2] = [("type", "gpu_type"), ("count", "num_gpus")];

const NAME: &str = "gpu_config";

/// Highest price of a GPU for an hour: with as many GPUs as there may be, an amount of the ledger is full after eleven
/// years.
const MOST_AN_HOUR: i128 = 100_000;

/// A document with its standard names, checked; what is not known stays as it came. The price may be left out.
///
/// # Errors
/// `InvalidArgument` that names the field.
pub fn normalize_gpu_config(text: &str) -> Result<String> {
    let mut fields = Fields::parse(NAME, text)?;
    fields.rename(&GPU_ALIASES);
    fields.text("gpu_type", 1..=50)?;
    fields.whole("num_gpus", 1..=4096)?;
    fields.optional_number("gpu_memory_gb", "Give the memory of one GPU in GB, or leave it out.", |gb| {
        gb > 0.0 && gb <= 100_000.0
    })?;
    fields.optional_truth("spot", "Give true for spot GPUs and false for others, or leave it out.")?;
    if fields.has("cost_per_gpu_hour") {
        let price = fields.decimal("cost_per_gpu_hour").and_then(|price| Amount::parse(price, NAME).ok());
        let most = Amount::from_units(MOST_AN_HOUR * 10_i128.pow(10));
        if !price.is_some_and(|price| (Amount::ZERO..=most).contains(&price)) {
            let hint =
                "Give the price of one GPU for one hour, a number from 0 to 100000 with at most ten places.";
            return Err(fields.refuse("cost_per_gpu_hour", hint));
        }
    }
    Ok(fields.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_standard_ones_and_numbers_stay() {
        let normalized = |text: &str| normalize_gpu_config(text).unwrap();
        assert_eq!(
            normalized(r#"{"type":"H100","count":2,"cost_per_gpu_hour":4.2000000001,"region":"eu"}"#),
            r#"{"gpu_type":"H100","num_gpus":2,"cost_per_gpu_hour":4.2000000001,"region":"eu"}"#
        );
        assert_eq!(normalized(r#"{"type":"T4","count":2.0}"#), r#"{"gpu_type":"T4","num_gpus":2}"#);
        for spot in ["true", "false", "null"] {
            let document = format!(r#"{{"gpu_type":"T4","num_gpus":1,"spot":{spot}}}"#);
            assert_eq!(normalized(&document), document);
        }
        assert_eq!(
            normalized(
                r#"{"type":"V100","gpu_type":"H100","num_gpus":1,"count":9,"cost_per_gpu_hour":null}"#
            ),
            r#"{"gpu_type":"H100","num_gpus":1,"cost_per_gpu_hour":null}"#
        );
    }

    #[test]
    fn a_wrong_field_is_named() {
        let refused = |text: &str| normalize_gpu_config(text).unwrap_err().message;
        assert_eq!(refused("[]"), "\"gpu_config\" is not an object");
        assert_eq!(refused("null"), "\"gpu_config\" is not an object");
        assert_eq!(refused("{}"), "\"gpu_config.gpu_type\" is missing");
        assert_eq!(refused(r#"{"gpu_type":7}"#), "\"gpu_config.gpu_type\" is 7");
        assert_eq!(refused(r#"{"gpu_type":"","num_gpus":1}"#), "\"gpu_config.gpu_type\" is \"\"");
        assert_eq!(refused(r#"{"gpu_type":"x","num_gpus":0}"#), "\"gpu_config.num_gpus\" is 0");
        assert_eq!(refused(r#"{"gpu_type":"x","num_gpus":"2"}"#), "\"gpu_config.num_gpus\" is \"2\"");
        for price in ["-1", "\"3.50\"", "100000.0000000001", "0.00000000001", "1e40", "true"] {
            let text = format!(r#"{{"gpu_type":"x","num_gpus":1,"cost_per_gpu_hour":{price}}}"#);
            assert_eq!(refused(&text), format!("\"gpu_config.cost_per_gpu_hour\" is {price}"));
        }
        for spot in ["1", "\"true\"", "[]"] {
            let text = format!(r#"{{"gpu_type":"x","num_gpus":1,"spot":{spot}}}"#);
            assert_eq!(refused(&text), format!("\"gpu_config.spot\" is {spot}"));
        }
        let memory = r#"{"gpu_type":"x","num_gpus":1,"gpu_memory_gb":0}"#;
        assert_eq!(refused(memory), "\"gpu_config.gpu_memory_gb\" is 0");
    }
}
