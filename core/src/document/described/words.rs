//! Columns that hold one of a few words.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::document::hyperparameter_presets;

/// Status of a dataset.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum DatasetStatus {
    /// Its file is on its way.
    Uploading,
    /// Its file is there and is to be looked at.
    Validating,
    /// Can be trained on.
    Ready,
    /// Cannot be used.
    Error,
}

/// What a client says that the file of a dataset is; what was found is `validation_report.shape`.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum DatasetFormat {
    /// Training pairs, as lines or as one document.
    BrightrunLoraV4,
    /// A document of training pairs.
    BrightrunLoraV3,
}

/// Status of a model.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum ArtifactStatus {
    /// Its files are stored.
    Stored,
    /// It is in use.
    Deployed,
    /// It is kept, and no longer in use.
    Archived,
}

/// How urgent a notification is.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum NotificationPriority {
    /// Worth knowing.
    Low,
    /// As most are.
    Medium,
    /// To be looked at.
    High,
}

/// Why an attempt failed.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum FailureClass {
    /// Of whoever asked for the job; another attempt fails as well.
    UserError,
    /// Of the machine, the network or the provider.
    Infrastructure,
    /// The GPU's memory is too small.
    OutOfMemory,
    /// The loss is no number any more.
    Diverged,
    /// The budget is used up.
    Budget,
    /// Nothing was heard of it.
    Stalled,
}

/// How a job is.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Steps take twice as long as before.
    Slow,
    /// Nothing happens for longer than the stage may take.
    Stalled,
    /// Nobody hears of its worker.
    Lost,
    /// In a queue.
    Waiting,
}

/// What to do with a point whose step is recorded with another value.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum PointConflict {
    /// What is recorded stands.
    Refuse,
    /// What is sent last does.
    Replace,
}

/// How a chunk is written in a text.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum ChunkEncoding {
    /// As it is.
    Utf8,
    /// Its bytes, which need not be valid UTF-8.
    Base64,
}

/// A preset of hyperparameters.
pub struct PresetId;

impl JsonSchema for PresetId {
    fn schema_name() -> Cow<'static, str> {
        "PresetId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = hyperparameter_presets().map(|(name, _)| name);
        json_schema!({"description": "A preset of hyperparameters.", "type": "string", "enum": names})
    }
}

/// A preset as it may be asked for: the application's own `fast` and `quality` are stored as `custom`.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum PresetRequest {
    /// One that has hyperparameters of its own.
    Known(PresetId),
    /// One whose hyperparameters are sent along.
    Sent(SentPreset),
}

/// A preset without hyperparameters of its own.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
pub enum SentPreset {
    /// Few steps.
    Fast,
    /// Many steps.
    Quality,
}
