//! What kind of line a line is, told by its keys alone, so that it does not depend on the lines before it.

use super::json::Json;
use serde::{Deserialize, Serialize};

/// The shape of a file: that of its first example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "DatasetShape"))]
pub enum Shape {
    /// One training pair a line: `current_user_input` → `target_response`.
    Pairs,
    /// One conversation a line: `conversation_id`, `turns`.
    Turns,
    /// OpenAI's chat: one conversation a line, `messages` of `role` and `content`.
    Messages,
    /// One conversation a line: `conversations` of `role` and `content`.
    Conversations,
    /// ShareGPT: one conversation a line, `conversations` of `from` and `value`.
    Sharegpt,
    /// Alpaca: `instruction` and `input` → `output`.
    Alpaca,
    /// `prompt` → `completion`.
    Completion,
    /// One JSON document: `conversations[].training_pairs[]`.
    Full,
    /// One JSON document: `training_pairs[]`.
    Individual,
}

impl Shape {
    /// All shapes, in the order in which they are documented.
    pub const ALL: [Shape; 9] = [
        Shape::Pairs,
        Shape::Turns,
        Shape::Messages,
        Shape::Conversations,
        Shape::Sharegpt,
        Shape::Alpaca,
        Shape::Completion,
        Shape::Full,
        Shape::Individual,
    ];

    /// The shape's name, as reports and options use it.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Pairs => "pairs",
            Shape::Turns => "turns",
            Shape::Messages => "messages",
            Shape::Conversations => "conversations",
            Shape::Sharegpt => "sharegpt",
            Shape::Alpaca => "alpaca",
            Shape::Completion => "completion",
            Shape::Full => "full",
            Shape::Individual => "individual",
        }
    }

    /// The keys that tell the shape, for the report's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Shape::Pairs => "the first example has \"current_user_input\" or \"target_response\"",
            Shape::Turns => "the first example has \"turns\"",
            Shape::Messages => "the first example has \"messages\"",
            Shape::Conversations => "the first example has \"conversations\"",
            Shape::Sharegpt => "the first example has \"conversations\" with \"from\" or \"value\"",
            Shape::Alpaca => "the first example has \"instruction\"",
            Shape::Completion => "the first example has \"prompt\" or \"completion\"",
            Shape::Full => {
                "the file is one JSON document with \"training_file_metadata\" or \"training_pairs\" in \"conversations\""
            }
            Shape::Individual => "the file is one JSON document with \"training_pairs\"",
        }
    }

    /// What a line, or the document, is: for the documentation.
    pub fn description(self) -> &'static str {
        match self {
            Shape::Pairs => {
                "one training pair with the history that led to it; an optional header `{\"_meta\": {…}}` on line 1"
            }
            Shape::Turns => {
                "one conversation: `{\"conversation_id\": …, \"turns\": [{\"role\", \"content\"}, …]}`"
            }
            Shape::Messages => {
                "one conversation, as OpenAI's chat: `{\"messages\": [{\"role\", \"content\"}, …]}`"
            }
            Shape::Conversations => "one conversation: `{\"conversations\": [{\"role\", \"content\"}, …]}`",
            Shape::Sharegpt => "one conversation: `{\"conversations\": [{\"from\", \"value\"}, …]}`",
            Shape::Alpaca => "one pair: `{\"instruction\": …, \"input\": …, \"output\": …}`",
            Shape::Completion => "one pair: `{\"prompt\": …, \"completion\": …}`",
            Shape::Full => {
                "the whole file is one JSON document: `training_file_metadata`, `conversations[].training_pairs[]`"
            }
            Shape::Individual => {
                "the whole file is one JSON document: `dataset_metadata`, `training_pairs[]`"
            }
        }
    }
}

/// What one object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Header,
    Example(Shape),
    /// Chosen and rejected replies.
    Preference,
    /// A document of the shape `full` or `individual`.
    Document,
    Unrecognised,
}

/// Tells what an object is by the keys that only one shape has.
pub(super) fn classify(object: Json<'_>) -> LineKind {
    let mut kind = LineKind::Unrecognised;
    let mut rank = usize::MAX;
    // One pass over the keys, of which the first in this list decides.
    for (key, value) in object.members() {
        let (found, its_rank) = match key {
            "_meta" => (LineKind::Header, 0),
            "chosen" | "rejected" | "preferred_output" | "non_preferred_output" => (LineKind::Preference, 1),
            "current_user_input" | "target_response" => (LineKind::Example(Shape::Pairs), 2),
            "training_file_metadata" | "dataset_metadata" | "training_pairs" => (LineKind::Document, 3),
            "messages" => (LineKind::Example(Shape::Messages), 4),
            "turns" => (LineKind::Example(Shape::Turns), 5),
            "conversations" => (conversations(value), 6),
            "instruction" => (LineKind::Example(Shape::Alpaca), 7),
            "prompt" | "completion" => (LineKind::Example(Shape::Completion), 8),
            _ => continue,
        };
        if its_rank < rank {
            (kind, rank) = (found, its_rank);
        }
    }
    kind
}

fn conversations(value: Json<'_>) -> LineKind {
    match value.elements().next() {
        Some(first) if first.has("training_pairs") => LineKind::Document,
        Some(first) if first.has("from") || first.has("value") => LineKind::Example(Shape::Sharegpt),
        _ => LineKind::Example(Shape::Conversations),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Tape;
    use super::*;

    #[test]
    fn keys_tell_the_kind() {
        let kind = |line: &str| {
            let mut tape = Tape::default();
            tape.parse(line).unwrap();
            classify(tape.root())
        };
        assert_eq!(kind(r#"{"a":1}"#), LineKind::Unrecognised);
        assert_eq!(kind(r#"{"prompt":1,"_meta":1}"#), LineKind::Header);
        assert_eq!(kind(r#"{"prompt":"a","chosen":"b","rejected":"c"}"#), LineKind::Preference);
        assert_eq!(kind(r#"{"conversations":[{"from":"human"}]}"#), LineKind::Example(Shape::Sharegpt));
        assert_eq!(kind(r#"{"conversations":[]}"#), LineKind::Example(Shape::Conversations));
        assert_eq!(kind(r#"{"conversations":[{"training_pairs":[]}]}"#), LineKind::Document);
    }
}
