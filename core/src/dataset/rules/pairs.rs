//! The application's own format: pairs, with the history and the judgements that belong to them.

use super::super::rule::{Rule, WARNING, rules};
use super::{lines, pair};

/// Two pairs of one conversation with these turn numbers.
fn turns(first: u32, second: u32) -> Vec<u8> {
    let line = |turn: u32| {
        format!(
            r#"{{"id":"{turn}-{first}","conversation_id":"c","turn_number":{turn},"system_prompt":"Help.","current_user_input":"Question {turn}","target_response":"Answer {turn}"}}"#
        )
    };
    lines(&[&line(first), &line(second)])
}

rules! {
    /// Pairs whose reply is null.
    NULL_TARGET: "null_target", WARNING,
        "lines whose target_response is null",
        "Nothing to do if these turns are meant to be unanswered; they are no pairs." once,
        || lines(&[r#"{"conversation_id":"c","system_prompt":"Help.","current_user_input":"Hi","target_response":null}"#]);
    /// The last element of the history is the input.
    INPUT_REPEATED_IN_HISTORY: "input_repeated_in_history", WARNING,
        "a history that already ends with the current input",
        "Leave the current input out of \"conversation_history\"; a trainer that appends it shows two user messages in a row." once,
        || pair(r#","conversation_history":[{"role":"user","content":"Hi"}]"#);
    /// The history is not as long as the turn number says.
    HISTORY_LENGTH_MISMATCH: "history_length_mismatch", WARNING,
        "a history whose length does not fit turn_number",
        "A pair at message \"turn_number\" has \"turn_number\" − 1 messages before it: add the missing ones, or correct the number." once,
        || {
            let turn = r#"{"role":"user","content":"Before"},{"role":"assistant","content":"Reply"},"#;
            pair(&format!(r#","conversation_history":[{turn}{turn}{{"role":"user","content":"More"}}]"#))
        };
    /// Turn numbers that do not rise.
    TURN_NOT_INCREASING: "turn_not_increasing", WARNING,
        "a turn_number that is not above the one before it in its conversation",
        "Sort the pairs of each conversation by \"turn_number\", and number them once.",
        || turns(4, 2);
    /// Scaffolding of the format that is not there.
    MISSING_SCAFFOLDING: "missing_scaffolding", WARNING,
        "conversation_metadata without all of its scaffolding keys",
        "Add persona_archetype, emotional_arc, emotional_arc_key, training_topic and training_topic_key." once,
        || pair(r#","conversation_metadata":{"emotional_arc":"x"}"#);
    /// An emotional context without its first emotion.
    MISSING_EMOTION: "missing_emotion", WARNING,
        "an emotional_context without primary emotion or its confidence",
        "Add detected_emotions.primary and detected_emotions.primary_confidence." once,
        || pair(r#","emotional_context":{"detected_emotions":{"primary":"joy"}}"#);
    /// A mark outside of its scale.
    CRITERION_OUT_OF_RANGE: "criterion_out_of_range", WARNING,
        "a quality score or criterion outside of 1 to 5",
        "Use a number from 1 to 5.",
        || pair(r#","training_metadata":{"quality_score":7}"#);
    /// A pair below the mark that the format asks for in production.
    LOW_QUALITY_SCORE: "low_quality_score", WARNING,
        "a quality_score below 2.5",
        "Improve the pair or leave it out: the format asks for 2.5 and more in production.",
        || pair(r#","training_metadata":{"quality_score":2}"#);
    /// One conversation described in two ways.
    METADATA_CONFLICT: "metadata_conflict", WARNING,
        "one conversation_id with two different scaffoldings in conversation_metadata",
        "Give all pairs of a conversation the same metadata, or the conversations ids of their own.",
        || lines(&[
            r#"{"conversation_id":"c","conversation_metadata":{"emotional_arc":"a"},"system_prompt":"Help.","current_user_input":"One","target_response":"1"}"#,
            r#"{"conversation_id":"c","conversation_metadata":{"emotional_arc":"b"},"system_prompt":"Help.","current_user_input":"Two","target_response":"2"}"#,
        ]);
}
