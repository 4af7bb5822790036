//! Every check, each in one place: its stable code, severity, title and suggestion.
//!
//! A finding is raised only through a [`Rule`], so that no code exists without a suggestion. A new rule is an
//! entry here and the line that raises it in the file of its shape.

use serde::Serialize;

/// Version of the set of rules. It rises when a rule is added, removed, or judges differently.
pub const RULESET_VERSION: &str = "1";

/// How bad a finding is. The order matters: kept findings are sorted by it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The dataset cannot be used for training.
    Error,
    /// The dataset can be used, but perhaps not as its author thinks.
    Warning,
    /// Worth knowing.
    Info,
}

/// One check.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable code: part of the API.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is found, as a noun phrase for lists of rules.
    pub title: &'static str,
    /// What a person can do about it.
    pub suggestion: &'static str,
    /// One finding for the whole file, on the first line concerned, in place of one for each line: for what
    /// a program does on every line, where ten findings say no more than one.
    pub once: bool,
}

/// Declares the rules and the list of them, so that none can be left out of the list.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $severity:ident, $code:literal, $title:literal, $suggestion:literal $(, $once:ident)?;)+) => {
        $(
            $(#[$doc])*
            pub static $name: Rule = Rule {
                severity: Severity::$severity,
                code: $code,
                title: $title,
                suggestion: $suggestion,
                once: rules!(@once $($once)?),
            };
        )+
        /// All rules, in the order in which they are documented.
        pub static ALL: &[&Rule] = &[$(&$name),+];
    };
    (@once) => { false };
    (@once once) => { true };
}

rules! {
    // The file as a whole.

    /// The file holds no line with anything on it.
    EMPTY_FILE: Error, "empty_file",
        "a file without content",
        "Upload a JSONL file with one training example on each line.";
    /// Fewer pairs than the options ask for.
    TOO_FEW_PAIRS: Error, "too_few_pairs",
        "fewer training pairs than required",
        "Add examples: a pair is a user message with the assistant's reply to it.";
    /// The header's count is not what the file holds.
    DECLARED_COUNT_MISMATCH: Warning, "declared_count_mismatch",
        "a declared count that differs from the counted pairs",
        "Correct \"total_pairs\" in the header, or leave it out; exporters often count messages there.";

    // The bytes of a line.

    /// Bytes that are not UTF-8.
    INVALID_UTF8: Error, "invalid_utf8",
        "a line that is not UTF-8",
        "Save the file as UTF-8.";
    /// A line beyond the parser's limit.
    LINE_TOO_LONG: Error, "line_too_long",
        "a line longer than 16 MB",
        "Check that the file has one example on each line and that no line end was lost.";
    /// A byte order mark.
    BYTE_ORDER_MARK: Warning, "byte_order_mark",
        "a byte order mark before line 1",
        "Save the file as UTF-8 without a byte order mark; some trainers refuse it.";
    /// Lines with nothing on them.
    BLANK_LINE: Warning, "blank_line",
        "blank lines",
        "Remove blank lines; some trainers stop at the first one.", once;
    /// Lines that end in CR LF.
    CRLF: Info, "crlf",
        "lines that end in CR LF",
        "Save the file with LF line ends to keep its digest stable.", once;

    // The JSON of a line.

    /// A line that no JSON parser accepts.
    INVALID_JSON: Error, "invalid_json",
        "a line that is not valid JSON",
        "Write each example as one complete JSON object on one line.";
    /// More nesting than any format needs.
    NESTING_TOO_DEEP: Error, "nesting_too_deep",
        "JSON nested deeper than 64 levels",
        "Flatten the object; no format that is accepted here nests that deep.";
    /// More values than any example has.
    TOO_MANY_VALUES: Error, "too_many_values",
        "a line with more than 100000 values",
        "Split the example into several lines.";
    /// One key twice in one object.
    DUPLICATE_KEY: Error, "duplicate_key",
        "a key that stands twice in one object",
        "Keep one of the two; parsers disagree on which one counts.";
    /// A string that Postgres cannot store as jsonb.
    NUL_CHARACTER: Error, "nul_character",
        "a NUL character (\\u0000) in a string",
        "Remove the NUL character; databases and tokenizers refuse it.";
    /// JSON, but not an object.
    NOT_AN_OBJECT: Error, "not_an_object",
        "a line that is not a JSON object",
        "Write one JSON object on each line, not an array or a bare value.";

    // The shape of a line.

    /// No key that tells what the line is.
    UNRECOGNISED_LINE: Error, "unrecognised_line",
        "an object of no known shape",
        "Use \"current_user_input\" with \"target_response\" for a pair, or \"conversation_id\" with \"turns\" for a conversation.";
    /// A line of another shape than the first example.
    MIXED_SHAPES: Error, "mixed_shapes",
        "a line of another shape than the first example",
        "Keep one shape in each file; split the file in two.";
    /// A header below line 1.
    HEADER_NOT_FIRST: Warning, "header_not_first",
        "a header that is not on line 1",
        "Move the line with \"_meta\" to the top; elsewhere it is ignored.";

    // The fields of a line.

    /// A field that has to be there is not.
    MISSING_FIELD: Error, "missing_field",
        "a required field that is missing",
        "Add the field.";
    /// A field of another type than the format says.
    WRONG_TYPE: Error, "wrong_type",
        "a field of the wrong type",
        "Give the field the type that the format asks for.";
    /// A split that is neither of the two.
    UNKNOWN_SPLIT: Warning, "unknown_split",
        "a split that is neither train nor validation",
        "Use \"train\" or \"validation\"; an example of any other split is trained on.";
    /// Text that says nothing.
    EMPTY_CONTENT: Error, "empty_content",
        "text that is empty, blank or only invisible characters",
        "Fill in the text, or remove the example.";
    /// Pairs whose reply is null.
    NULL_TARGET: Warning, "null_target",
        "lines whose target_response is null",
        "Nothing to do if these turns are meant to be unanswered; they are no pairs.", once;
    /// The last element of the history is the input.
    INPUT_REPEATED_IN_HISTORY: Warning, "input_repeated_in_history",
        "a history that already ends with the current input",
        "Leave the current input out of \"conversation_history\"; a trainer that appends it shows two user messages in a row.", once;

    // The messages of a conversation.

    /// A conversation without messages.
    EMPTY_TURNS: Error, "empty_turns",
        "a conversation without turns",
        "Add at least one user message and the assistant's reply.";
    /// A role that no trainer knows.
    UNKNOWN_ROLE: Error, "unknown_role",
        "an unknown role",
        "Use \"system\", \"user\" or \"assistant\".";
    /// Nothing to learn from.
    NO_ASSISTANT_MESSAGE: Error, "no_assistant_message",
        "a conversation without an assistant message",
        "Add the assistant's reply; without one there is nothing to learn from.";
    /// An unanswered end.
    LAST_NOT_ASSISTANT: Error, "last_not_assistant",
        "a conversation that does not end with the assistant",
        "Remove the unanswered last message, or add the reply.";
    /// Two messages of one role in a row.
    ROLES_NOT_ALTERNATING: Warning, "roles_not_alternating",
        "two messages of one role in a row",
        "Join the two messages, or add the one that is missing between them.";
    /// A system message that is not the first.
    SYSTEM_NOT_FIRST: Warning, "system_not_first",
        "a system message after the first message",
        "Put the system message first, and only once.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_snake_case_and_explained() {
        let mut seen = HashSet::new();
        for rule in ALL {
            assert!(seen.insert(rule.code), "code \"{}\" stands twice", rule.code);
            assert!(rule.code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(rule.suggestion.ends_with('.'), "{}: a suggestion is a sentence", rule.code);
            assert!(!rule.title.is_empty());
        }
    }
}
