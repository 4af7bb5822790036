//! A line of the shape `turns`: one conversation with its messages.

use super::field::{missing, required_text, role, wrong_type};
use super::findings::Place;
use super::json::{Json, Object};
use super::message::Role;
use super::rules;
use super::tally::Tally;
use super::tokens::Tokens;

/// One message as far as it could be read.
struct Turn<'o> {
    role: Option<Role>,
    content: Option<&'o str>,
}

/// Checks the line and, when it is sound, counts its messages and pairs. A pair is an assistant message that directly follows a
/// user message.
pub(super) fn check(object: &Object<'_>, place: Place<'_>, tally: &mut Tally) {
    let id = required_text(object, "conversation_id", "conversation_id", place, tally);
    let entries = match object.get("turns") {
        Some(Json::Array(entries)) => entries,
        Some(other) => return wrong_type("turns", "an array", other, place, tally),
        None => return missing("turns", place, tally),
    };
    if entries.is_empty() {
        return tally.findings.raise(&rules::EMPTY_TURNS, place, Some("turns"), "\"turns\" is empty");
    }
    let turns: Vec<Turn<'_>> =
        entries.iter().enumerate().map(|(index, entry)| turn(entry, index, place, tally)).collect();
    check_roles(&turns, place, tally);

    let Some(id) = id.filter(|_| tally.line_is_sound()) else { return };
    let validation = tally.is_validation(object, place);
    let mut sequence = Tokens::default();
    let mut before = None;
    // A sound line has a role and a content in every turn.
    for (role, text) in turns.iter().filter_map(|turn| Some((turn.role?, turn.content?))) {
        sequence.add(Tokens::of(text));
        if role != Role::System {
            tally.count_message(id, role, text);
        }
        if role == Role::Assistant && before == Some(Role::User) {
            tally.count_pair(validation);
        }
        before = Some(role);
    }
    tally.count_sequence(sequence);
    tally.count_conversation(id);
}

fn turn<'o>(entry: &'o Json<'_>, index: usize, place: Place<'_>, tally: &mut Tally) -> Turn<'o> {
    let Json::Object(message) = entry else {
        wrong_type(&format!("turns[{index}]"), "an object", entry, place, tally);
        return Turn { role: None, content: None };
    };
    let path = format!("turns[{index}]");
    Turn {
        role: role(message, &format!("{path}.role"), place, tally),
        content: required_text(message, "content", &format!("{path}.content"), place, tally),
    }
}

/// The rules on the order of roles. A conversation with a role that is not known is not judged further.
fn check_roles(turns: &[Turn<'_>], place: Place<'_>, tally: &mut Tally) {
    let Some(roles) = turns.iter().map(|turn| turn.role).collect::<Option<Vec<Role>>>() else { return };
    if !roles.contains(&Role::Assistant) {
        tally.findings.raise(
            &rules::NO_ASSISTANT_MESSAGE,
            place,
            Some("turns"),
            "the conversation has no assistant message",
        );
    } else if roles.last() != Some(&Role::Assistant) {
        tally.findings.raise(
            &rules::LAST_NOT_ASSISTANT,
            place,
            Some(&format!("turns[{}]", roles.len() - 1)),
            "the last message is not the assistant's",
        );
    }
    if let Some(index) = roles.iter().skip(1).position(|role| *role == Role::System) {
        tally.findings.raise(
            &rules::SYSTEM_NOT_FIRST,
            place,
            Some(&format!("turns[{}]", index + 1)),
            "a system message stands after the first message",
        );
    }
    if let Some(index) = roles.windows(2).position(|two| two[0] == two[1]) {
        tally.findings.raise(
            &rules::ROLES_NOT_ALTERNATING,
            place,
            Some(&format!("turns[{}]", index + 1)),
            format!("two messages of \"{}\" in a row", roles[index].name()),
        );
    }
}
