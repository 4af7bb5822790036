//! The report of a validation: what a caller gets, in the names that the tables use.

use super::findings::Finding;
use super::shape::Shape;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that is known of a dataset after one pass. A figure that the `datasets` table has a column
/// for bears that column's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// No error was found.
    pub valid: bool,
    /// `valid`, and there is at least one training pair.
    pub training_ready: bool,
    /// Shape of the first example; NULL when there is none.
    pub shape: Option<Shape>,
    /// What in the first example tells the shape.
    pub shape_reason: Option<&'static str>,
    /// Profile of the validation.
    pub profile: String,
    /// Version of the rules.
    pub ruleset_version: &'static str,
    /// Size of the content.
    pub bytes: u64,
    /// Physical lines, blank ones included.
    pub lines: u64,
    /// Trainable examples that are not held back for validation.
    pub total_training_pairs: u64,
    /// Trainable examples whose line says `"split": "validation"`.
    pub total_validation_pairs: u64,
    /// Distinct conversations among the examples.
    pub conversations: u64,
    /// User and assistant messages; two for each pair.
    pub messages: u64,
    /// `total_pairs` of the header; NULL without one. Exporters often count messages there.
    pub declared_pairs: Option<u64>,
    /// Content tokens: each user and assistant message once.
    pub total_tokens: u64,
    /// `messages / conversations`, two decimals; NULL without a conversation.
    pub avg_turns_per_conversation: Option<f64>,
    /// `total_tokens / messages`, two decimals; NULL without a message.
    pub avg_tokens_per_turn: Option<f64>,
    /// Tokens, with how they were counted.
    pub tokens: TokenReport,
    /// Exact number of findings of severity error, kept or not.
    pub errors: u64,
    /// Exact number of findings of severity warning, kept or not; what is found once for a file counts once.
    pub warnings: u64,
    /// Exact number of findings of every code, kept or not.
    pub counts: BTreeMap<&'static str, u64>,
    /// The first findings, worst first.
    pub findings: Vec<Finding>,
    /// Whether there were more findings than are kept.
    pub truncated: bool,
    /// The first conversations.
    pub sample: Vec<Conversation>,
}

/// Token counts and their error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenReport {
    /// How tokens were counted.
    pub method: &'static str,
    /// How far the counts may be off, in percent.
    pub error_band_pct: u32,
    /// Each user and assistant message once.
    pub content: u64,
    /// What an epoch costs: for each example its system prompt, history, input and reply.
    pub sequence: u64,
}

/// A conversation of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Its id, as the file gives it.
    pub conversation_id: String,
    /// Its first messages.
    pub turns: Vec<Message>,
}

/// A message of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// Its text, cut when long.
    pub content: String,
}

/// `a / b` rounded half up to two decimals; `None` when `b` is 0.
pub(super) fn ratio(a: u64, b: u64) -> Option<f64> {
    let hundredths = (u128::from(a) * 200 + u128::from(b)).checked_div(u128::from(b) * 2)?;
    Some(hundredths as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn ratios_are_rounded_to_two_decimals() {
        assert_eq!(ratio(88, 12), Some(7.33));
        assert_eq!(ratio(40, 6), Some(6.67));
        assert_eq!(ratio(1, 8), Some(0.13));
        assert_eq!(ratio(0, 5), Some(0.0));
        assert_eq!(ratio(5, 0), None);
    }
}
