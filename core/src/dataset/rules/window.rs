//! The model's window: what of an example it will see.

use super::super::profile::Profile;
use super::super::rule::{Rule, WARNING, rules};
use super::messages;

/// A conversation with texts of about so many tokens.
fn long(user: usize, assistant: usize) -> Vec<u8> {
    messages(&format!(
        r#"{{"role":"user","content":"{}?"}},{{"role":"assistant","content":"{}."}}"#,
        "word ".repeat(user),
        "word ".repeat(assistant)
    ))
}

rules! {
    /// An example that is longer than the window.
    WINDOW_OVERFLOW: "window_overflow", WARNING,
        "an example longer than the model's window",
        "Shorten the example or split the conversation: what is beyond the window is cut off.",
        || long(20, 9000);
    /// The window ends before the reply begins. A provider charges for such an example all the same.
    REPLY_TRUNCATED: "reply_truncated",
        WARNING.error_for(&[Profile::Openai, Profile::Mistral, Profile::Together]),
        "an example whose last reply lies beyond the model's window",
        "Shorten what stands before the reply: truncation leaves nothing of it to learn from.",
        || long(9000, 20);
}
