//! What kind of line a line is, told by its keys alone, so that it does not depend on the lines before it.

use super::json::Object;
use serde::Serialize;

/// The shape of a file: that of its first example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One training pair a line: `current_user_input` → `target_response`.
    Pairs,
    /// One conversation a line: `conversation_id`, `turns`.
    Turns,
}

impl Shape {
    /// The shape's name, as reports and options use it.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Pairs => "pairs",
            Shape::Turns => "turns",
        }
    }

    /// The keys that make a line one of this shape, for the report's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Shape::Pairs => "the first example has \"current_user_input\" or \"target_response\"",
            Shape::Turns => "the first example has \"turns\"",
        }
    }
}

/// What one object is.
pub(super) enum LineKind {
    Header,
    Example(Shape),
    Unrecognised,
}

/// Tells what an object is by the keys that only one shape has.
pub(super) fn classify(object: &Object<'_>) -> LineKind {
    if object.has("_meta") {
        LineKind::Header
    } else if object.has("current_user_input") || object.has("target_response") {
        LineKind::Example(Shape::Pairs)
    } else if object.has("turns") {
        LineKind::Example(Shape::Turns)
    } else {
        LineKind::Unrecognised
    }
}
