//! What is told of datasets.

use schemars::JsonSchema;

use crate::dataset::{Profile, Severity, Split};

/// An element of `datasets.validation_errors`. The database writes all members; the rows of an application may hold the first three
/// alone.
#[derive(JsonSchema)]
pub struct ValidationError {
    /// 1-based line; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, naming the thing.
    pub error: String,
    /// What to do about it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Stable code of the rule.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How bad it is.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Where in the line's object, such as `turns[2].content`; null for the line as a whole.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub path: Option<String>,
    /// 0-based byte offset in the file.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// At most 120 characters of the text there.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub excerpt: Option<String>,
    /// `validation` where it is about the file that is held back.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// What may be asked of a validation. Any other key is refused.
#[derive(JsonSchema)]
pub struct ValidationOptions {
    /// Who trains on the file; `brightrun` when left out.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Longest example in tokens, in place of the profile's.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// Fewest training pairs, in place of the profile's.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub min_examples: Option<u64>,
    /// Token counts of the real tokenizer, in place of the estimate.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub exact_tokens: Option<ExactTokens>,
    /// What the file is taken for: `brightrun_lora_v4`, `brightrun_lora_v3` or the name of a shape.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub declared_format: Option<String>,
}

/// Token counts that the caller has.
#[derive(JsonSchema)]
pub struct ExactTokens {
    /// Each user and assistant message once.
    pub content: u64,
    /// What an epoch costs; the estimate stands when left out.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Name of the tokenizer.
    pub method: String,
}

/// What `append_dataset_chunk` answers.
#[derive(JsonSchema)]
pub struct AppendedChunk {
    /// As it was sent.
    pub chunk_number: u32,
    /// Size of the chunk.
    pub bytes: u64,
    /// Whether it was there already.
    pub duplicate: bool,
}
