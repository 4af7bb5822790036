//! What is expected of an attempt before it has shown anything: from the price book, or from the attempt before it.

use super::pace::Pace;
use super::tempo::Tempo;
use crate::{Error, Result};
use serde::Deserialize;

/// An estimate of an attempt. A document may have more keys, which are not looked at, so that what `describe_job_pace` says of one
/// attempt is the prior of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Prior {
    /// Seconds until the first step begins.
    #[serde(default)]
    pub preparation_seconds: f64,
    /// Seconds of a step.
    pub seconds_per_step: f64,
    /// Seconds of evaluations and checkpoints for each step.
    #[serde(default)]
    pub pause_seconds_per_step: f64,
    /// Step of the checkpoint that the attempt goes on from.
    #[serde(default)]
    pub from_step: i64,
}

impl Prior {
    /// What an attempt leads one to expect of the next one, which goes on from this step; `None` when it has shown nothing.
    pub fn from_attempt(pace: &Pace, from_step: i64) -> Option<Self> {
        let tempo = Tempo::of(pace)?;
        Some(Self {
            preparation_seconds: 0.0,
            seconds_per_step: tempo.seconds_per_step,
            pause_seconds_per_step: tempo.pause_seconds_per_step(),
            from_step,
        })
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else, for a pace that is missing, and for what is negative.
    pub fn from_json(text: &str) -> Result<Self> {
        // serde takes a list of values for a structure as well.
        let object = text.trim_start().starts_with('{').then_some(text);
        let prior = object.and_then(|text| serde_json::from_str::<Self>(text).ok());
        let sound = prior.filter(|prior| {
            prior.seconds_per_step > 0.0
                && [prior.preparation_seconds, prior.seconds_per_step, prior.pause_seconds_per_step]
                    .iter()
                    .all(|seconds| seconds.is_finite() && *seconds >= 0.0)
                && prior.from_step >= 0
        });
        sound.ok_or_else(|| {
            Error::invalid_argument(
                "\"estimate\" is none",
                "Pass an object with seconds_per_step above 0 and, where known, preparation_seconds, pause_seconds_per_step and from_step.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_nothing() {
        let prior = Prior::from_json(r#"{"seconds_per_step": 2.5, "points": 7}"#).unwrap();
        let expected = Prior {
            preparation_seconds: 0.0,
            seconds_per_step: 2.5,
            pause_seconds_per_step: 0.0,
            from_step: 0,
        };
        assert_eq!(prior, expected);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "{}",
            "[]",
            "[0, 2.5, 0, 0]",
            "null",
            r#"{"seconds_per_step": 0}"#,
            r#"{"seconds_per_step": "2"}"#,
            r#"{"seconds_per_step": 1e999}"#,
            r#"{"seconds_per_step": 1, "preparation_seconds": -1}"#,
            r#"{"seconds_per_step": 1, "from_step": -1}"#,
        ] {
            assert_eq!(Prior::from_json(text).unwrap_err().message, "\"estimate\" is none", "{text}");
        }
    }
}
