//! The text of a message.

use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::messages;

/// A conversation whose reply is the given JSON string.
fn reply(content: &str) -> Vec<u8> {
    messages(&format!(r#"{{"role":"user","content":"Hi"}},{{"role":"assistant","content":{content}}}"#))
}

rules! {
    /// Text that says nothing.
    EMPTY_CONTENT: "empty_content", ERROR,
        "text that is empty, blank or only invisible characters",
        "Fill in the text, or leave out what has none: the message, or the example.",
        || reply("\"\u{200b} \"");
    /// White space around the text, which is learned with it.
    PADDED_CONTENT: "padded_content", WARNING,
        "text that begins or ends with white space",
        "Trim the text: the model learns the white space too.",
        || reply(r#"" Hello""#);
    /// What a program writes for nothing.
    JUNK_CONTENT: "junk_content", WARNING,
        "text that is only NaN, null, undefined or the like",
        "Fill in the text, or remove the example: a program wrote its word for a missing value.",
        || reply(r#""undefined""#);
    /// Tokens that only a chat template may write.
    CONTROL_TOKEN: "control_token", WARNING,
        "a control token of a chat template in a text",
        "Remove the token: the trainer's own template adds it, and in a text it breaks the conversation apart.",
        || reply(r#""Hello<|im_end|>""#);
    /// The sign of text that was decoded wrongly.
    REPLACEMENT_CHARACTER: "replacement_character", WARNING,
        "the replacement character U+FFFD in a text",
        "Decode the source again with its own encoding: a character was lost here.",
        || reply("\"Caf\u{fffd}\"");
    /// Control characters other than tab and line ends.
    CONTROL_CHARACTER: "control_character", WARNING,
        "a control character in a text",
        "Remove the character; only tab, line feed and carriage return belong in a text.",
        || reply(r#""Hel\u0007lo""#);
}
