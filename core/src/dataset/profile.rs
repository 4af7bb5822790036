//! Profiles: who will train on the file, and what they demand of it.
//!
//! A profile is the constants of one consumer and a column of the severities in [`Rule`](super::Rule).

use super::shape::Shape;
use serde::{Deserialize, Serialize};

/// Who trains on the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "ValidationProfile"))]
pub enum Profile {
    /// The LoRA worker of the application, window 2,048; it takes every shape.
    Brightrun,
    /// OpenAI's fine-tuning API.
    Openai,
    /// Mistral's fine-tuning API.
    Mistral,
    /// Together's fine-tuning API.
    Together,
}

/// The shapes that the fine-tuning APIs accept.
const CHAT: &[Shape] = &[Shape::Messages];
const CHAT_OR_COMPLETION: &[Shape] = &[Shape::Messages, Shape::Completion];

impl Profile {
    /// All profiles, the default one first.
    pub const ALL: [Profile; 4] = [Profile::Brightrun, Profile::Openai, Profile::Mistral, Profile::Together];

    /// The name, as options and reports use it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Brightrun => "brightrun",
            Profile::Openai => "openai",
            Profile::Mistral => "mistral",
            Profile::Together => "together",
        }
    }

    /// The profile of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Fewest training pairs that the consumer takes. OpenAI: "must have at least 10"; Mistral: 10; Together: 1.
    pub fn min_examples(self) -> u64 {
        match self {
            Profile::Brightrun | Profile::Together => 1,
            Profile::Openai | Profile::Mistral => 10,
        }
    }

    /// Longest example in tokens. OpenAI documents 65,536 for its current models; Mistral-7B and most of
    /// Together's models are trained at up to 32,768; the application's worker sets `max_seq_length` 2,048.
    pub fn window(self) -> u64 {
        match self {
            Profile::Brightrun => 2_048,
            Profile::Openai => 65_536,
            Profile::Mistral | Profile::Together => 32_768,
        }
    }

    /// Largest file in bytes: the bucket's 500 MiB for the application, 512 MB for OpenAI and Mistral, and the
    /// 4.9 GB of Together's own client.
    pub fn max_bytes(self) -> u64 {
        match self {
            Profile::Brightrun => 524_288_000,
            Profile::Openai | Profile::Mistral => 512_000_000,
            Profile::Together => 4_900_000_000,
        }
    }

    /// Most training pairs: the column `datasets.total_training_pairs` is an integer; OpenAI's limit is
    /// 50 million.
    pub fn max_examples(self) -> u64 {
        match self {
            Profile::Openai => 50_000_000,
            _ => 2_147_483_647,
        }
    }

    /// Shapes that the consumer reads; `None` when it reads all of ours.
    pub fn shapes(self) -> Option<&'static [Shape]> {
        match self {
            Profile::Brightrun => None,
            Profile::Openai | Profile::Mistral => Some(CHAT),
            Profile::Together => Some(CHAT_OR_COMPLETION),
        }
    }
}
