//! The roles of a conversation's messages and their order.

use super::super::profile::Profile;
use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::messages;

rules! {
    /// A conversation without messages.
    EMPTY_CONVERSATION: "empty_conversation", ERROR,
        "a conversation without messages",
        "Add at least one user message and the assistant's reply.",
        || messages("");
    /// A role that no trainer knows.
    UNKNOWN_ROLE: "unknown_role", ERROR,
        "an unknown role",
        "Use \"system\", \"user\", \"assistant\" or \"tool\".",
        || messages(r#"{"role":"narrator","content":"Hi"},{"role":"assistant","content":"Hello"}"#);
    /// Nothing to learn from.
    NO_ASSISTANT_MESSAGE: "no_assistant_message", ERROR,
        "a conversation without an assistant message",
        "Add the assistant's reply; without one there is nothing to learn from.",
        || messages(r#"{"role":"user","content":"Hi"}"#);
    /// An unanswered end.
    LAST_NOT_ASSISTANT: "last_not_assistant", ERROR,
        "a conversation that does not end with the assistant",
        "Remove the unanswered last message, or add the reply.",
        || messages(r#"{"role":"assistant","content":"Hello"},{"role":"user","content":"Hi"}"#);
    /// Two messages of one role in a row. Mistral's and Together's own checks refuse them.
    ROLES_NOT_ALTERNATING: "roles_not_alternating",
        WARNING.error_for(&[Profile::Mistral, Profile::Together]),
        "two messages of one role in a row",
        "Join the two messages, or add the one that is missing between them.",
        || messages(r#"{"role":"user","content":"Hi"},{"role":"user","content":"There"},{"role":"assistant","content":"Hello"}"#);
    /// A conversation that the assistant begins.
    FIRST_NOT_USER: "first_not_user",
        WARNING.error_for(&[Profile::Mistral, Profile::Together]),
        "a conversation that does not begin with the user",
        "Begin with a user message, after the system message if there is one.",
        || messages(r#"{"role":"assistant","content":"Hi"},{"role":"user","content":"There"},{"role":"assistant","content":"Hello"}"#);
    /// A system message that is not the first.
    SYSTEM_NOT_FIRST: "system_not_first",
        WARNING.error_for(&[Profile::Mistral, Profile::Together]),
        "a system message after the first message",
        "Put the system message first, and only once.",
        || messages(r#"{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},{"role":"system","content":"Help."},{"role":"user","content":"Bye"},{"role":"assistant","content":"Goodbye"}"#);
    /// A weight that is neither of the two.
    INVALID_WEIGHT: "invalid_weight", ERROR,
        "a weight other than 0 and 1",
        "Use 1 for a message to learn from and 0 for one to leave out of the loss.",
        || messages(r#"{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello","weight":0.5}"#);
    /// No message is left to learn from.
    ALL_WEIGHTS_ZERO: "all_weights_zero", ERROR,
        "a conversation whose assistant messages all have weight 0",
        "Give at least one assistant message the weight 1, or remove the example.",
        || messages(r#"{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello","weight":0}"#);
}
