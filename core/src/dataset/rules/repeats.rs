//! What one line has in common with another. Each finding names the earlier line.

use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::{GOOD, lines};

const HELD_BACK: &str = r#"{"split":"validation","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}"#;
const HELD_BACK_OTHER: &str = r#"{"split":"validation","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Good day"}]}"#;
const OTHER: &str =
    r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Good day"}]}"#;

rules! {
    /// One id on two lines.
    DUPLICATE_ID: "duplicate_id", ERROR,
        "an id that an earlier line has already",
        "Give each example an id of its own.",
        || lines(&[
            r#"{"id":"1","prompt":"One","completion":"1"}"#,
            r#"{"id":"1","prompt":"Two","completion":"2"}"#,
        ]);
    /// The same example again.
    DUPLICATE_EXAMPLE: "duplicate_example", WARNING,
        "an example that an earlier line holds already",
        "Remove one of the two, unless the example is meant to count twice.",
        || lines(&[GOOD, GOOD]);
    /// One prompt, two replies.
    CONFLICTING_REPLY: "conflicting_reply", WARNING,
        "a prompt that an earlier line answers differently",
        "Keep the better reply: the model cannot learn both.",
        || lines(&[GOOD, OTHER]);
    /// What is trained on is no test of the training.
    VALIDATION_EXAMPLE_IN_TRAINING: "validation_example_in_training", ERROR,
        "a validation example that is also trained on",
        "Remove it from one of the two splits: a model passes a test that it has learned by heart.",
        || lines(&[GOOD, HELD_BACK]);
    /// A softer form of the same.
    VALIDATION_PROMPT_IN_TRAINING: "validation_prompt_in_training", WARNING,
        "a validation prompt that is also trained on, with another reply",
        "Use prompts for validation that training does not see.",
        || lines(&[GOOD, HELD_BACK_OTHER]);
}
