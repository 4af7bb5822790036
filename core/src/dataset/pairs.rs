//! A line of the shape `pairs`: one training pair, with the history that led to it.
//!
//! Invariant: a line is checked whole before anything of it is counted.

use super::field::{required_text, role, wrong_type};
use super::findings::Place;
use super::json::{Json, Object};
use super::message::Role;
use super::rules;
use super::tally::Tally;
use super::tokens::Tokens;

/// Checks the line and, when it is sound and its target not null, counts the pair.
pub(super) fn check(object: &Object<'_>, place: Place<'_>, tally: &mut Tally) {
    let conversation_id = required_text(object, "conversation_id", "conversation_id", place, tally);
    let system = required_text(object, "system_prompt", "system_prompt", place, tally);
    let input = required_text(object, "current_user_input", "current_user_input", place, tally);
    let target = match object.get("target_response") {
        Some(Json::Null) => {
            tally.findings.raise(
                &rules::NULL_TARGET,
                place,
                Some("target_response"),
                "\"target_response\" is null: the line is no pair",
            );
            None
        }
        _ => required_text(object, "target_response", "target_response", place, tally),
    };
    let history = history(object, place, tally);
    let (Some(id), Some(system), Some(input), Some(target)) = (conversation_id, system, input, target) else {
        return;
    };
    if !tally.line_is_sound() {
        return;
    }

    let repeated = matches!(history.last(), Some(last) if *last == input);
    if repeated {
        tally.findings.raise(
            &rules::INPUT_REPEATED_IN_HISTORY,
            place,
            Some("conversation_history"),
            "\"conversation_history\" already ends with \"current_user_input\"",
        );
    }
    let validation = tally.is_validation(object, place);
    tally.count_pair(validation);
    tally.count_conversation(id);
    tally.count_message(id, Role::User, input);
    tally.count_message(id, Role::Assistant, target);

    let mut sequence = Tokens::of(system);
    // A repeated input is counted once: the trainer's second copy is the fault reported above.
    for text in &history[..history.len() - usize::from(repeated)] {
        sequence.add(Tokens::of(text));
    }
    sequence.add(Tokens::of(input));
    sequence.add(Tokens::of(target));
    tally.count_sequence(sequence);
}

/// The texts of the history, oldest first.
fn history<'o>(object: &'o Object<'_>, place: Place<'_>, tally: &mut Tally) -> Vec<&'o str> {
    let entries = match object.get("conversation_history") {
        None | Some(Json::Null) => return Vec::new(),
        Some(Json::Array(entries)) => entries,
        Some(other) => {
            wrong_type("conversation_history", "an array", other, place, tally);
            return Vec::new();
        }
    };
    let mut texts = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("conversation_history[{index}]");
        match entry {
            Json::Object(message) => {
                role(message, &format!("{path}.role"), place, tally);
                texts.extend(required_text(message, "content", &format!("{path}.content"), place, tally));
            }
            other => wrong_type(&path, "an object", other, place, tally),
        }
    }
    texts
}
