//! One training pair, with the history that led to it and the format's own judgements. The same object is a line
//! of `pairs` and an element of `training_pairs` in a document.

use super::super::check::Check;
use super::super::example::{Example, Message, Role};
use super::super::hash;
use super::super::json::Json;
use super::super::path::Path;
use super::super::rules::{pairs as rules, roles};
use super::id;

const KEYS: [&str; 16] = [
    "id",
    "conversation_id",
    "turn_number",
    "conversation_metadata",
    "system_prompt",
    "conversation_history",
    "current_user_input",
    "emotional_context",
    "response_strategy",
    "target_response",
    "response_breakdown",
    "expected_user_response_patterns",
    "behavioral_notes",
    "training_metadata",
    "metadata",
    "split",
];

const HISTORY_KEYS: [&str; 5] = ["turn", "role", "content", "emotional_state", "metadata"];

const SCAFFOLDING: [&str; 5] =
    ["persona_archetype", "emotional_arc", "emotional_arc_key", "training_topic", "training_topic_key"];

/// Reads a line.
pub(super) fn read<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    let conversation = check.required_id(object, "conversation_id", &root);
    let is_null = object.get("target_response").is_some_and(Json::is_null);
    if is_null {
        let error = format_args!("\"target_response\" is null: the line is no pair");
        check.raise(&rules::NULL_TARGET, &root.key("target_response"), error);
    }
    let example = read_pair(object, check)?;
    let (true, false, Some(conversation)) = (check.sound, is_null, conversation) else { return None };
    Some(Example { id: id(object, "id"), conversation: Some(conversation), ..example })
}

/// Reads a pair wherever it stands, without what identifies it. `None` when its target is null or it is unsound.
pub(in super::super) fn read_pair<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, &KEYS, &root);
    let system = check.required_text(object, "system_prompt", &root);
    let input = check.required_text(object, "current_user_input", &root);
    let target = match object.get("target_response") {
        Some(target) if target.is_null() => None,
        _ => check.required_text(object, "target_response", &root),
    };
    let turn = turn_number(object, check);
    let mut context = history(object, &root, check);
    let is_validation = check.is_validation(object);
    check_judgements(object, &root, check);
    let (system, input, target) = (system?, input?, target?);

    // A repeated input is counted once: the trainer's second copy is the fault that is reported.
    if context.last().is_some_and(|last| last.role == Role::User && last.text == Some(input)) {
        let error = format_args!("\"conversation_history\" already ends with \"current_user_input\"");
        check.raise(&rules::INPUT_REPEATED_IN_HISTORY, &root.key("conversation_history"), error);
        context.pop();
    }
    if let Some(at) = context.windows(2).position(|two| two[0].role == two[1].role) {
        let list = root.key("conversation_history");
        let error = format_args!("two messages of \"{}\" in a row", context[at].role.name());
        check.raise(&roles::ROLES_NOT_ALTERNATING, &list.index(at + 1), error);
    }
    context.insert(0, Message::new(Role::System, system));
    let metadata = object.get("conversation_metadata");
    check.sound.then(|| Example {
        metadata: metadata.map_or(0, scaffolding),
        turn: turn.unwrap_or(0),
        is_validation,
        context,
        messages: vec![Message::new(Role::User, input), Message::new(Role::Assistant, target)],
        ..Example::default()
    })
}

/// Hash of what all pairs of a conversation have to agree in: the phase, for one, may change from turn to turn.
fn scaffolding(metadata: Json<'_>) -> u32 {
    let known = SCAFFOLDING
        .iter()
        .filter_map(|key| metadata.get(key).map(|value| hash::chain(hash::of_value(value), key)));
    known.fold(0, u64::wrapping_add) as u32
}

fn turn_number(object: Json<'_>, check: &mut Check<'_, '_>) -> Option<u32> {
    let value = object.get("turn_number").filter(|value| !value.is_null())?;
    let turn = value.number().filter(|turn| turn.fract() == 0.0 && (1.0..=1e9).contains(turn));
    if turn.is_none() {
        check.wrong_type(&check.root().key("turn_number"), "a whole number of 1 or more", value);
    }
    turn.map(|turn| turn as u32)
}

/// The messages of the history, oldest first.
fn history<'o>(object: Json<'o>, root: &Path<'_>, check: &mut Check<'_, '_>) -> Vec<Message<'o>> {
    let list = root.key("conversation_history");
    let Some(value) = object.get("conversation_history").filter(|value| !value.is_null()) else {
        return Vec::new();
    };
    if !value.is_array() {
        check.wrong_type(&list, "an array", value);
        return Vec::new();
    }
    let mut messages = Vec::new();
    let mut length = 0;
    for (index, entry) in value.elements().enumerate() {
        let path = list.index(index);
        length += 1;
        if !entry.is_object() {
            check.wrong_type(&path, "an object", entry);
            continue;
        }
        check.known_keys(entry, &HISTORY_KEYS, &path);
        let role = check.role(entry.get("role"), &path.key("role"));
        if let (Some(role), Some(text)) = (role, check.required_text(entry, "content", &path)) {
            messages.push(Message::new(role, text));
        }
    }
    // Version 4 numbers messages: the pair is at the next place, or at the one behind the input that the history does not
    // hold yet. Version 3.4 numbers exchanges.
    let turn = object.get("turn_number").and_then(Json::number).unwrap_or(0.0);
    let fits = |history: i32| {
        turn == f64::from(history) + 1.0
            || turn == f64::from(history) + 2.0
            || turn == f64::from(history / 2) + 1.0
    };
    if turn > 0.0 && !fits(length) {
        let error = format_args!("\"turn_number\" is {turn}, the history has {length} messages");
        check.raise(&rules::HISTORY_LENGTH_MISMATCH, &list, error);
    }
    messages
}

/// What the format says about itself: scaffolding, emotions and marks. None of it is trained on.
fn check_judgements(object: Json<'_>, root: &Path<'_>, check: &mut Check<'_, '_>) {
    if let Some(metadata) = object.get("conversation_metadata").filter(|value| !value.is_null()) {
        let path = root.key("conversation_metadata");
        if let Some(key) = SCAFFOLDING.iter().find(|key| !metadata.has(key)) {
            check.raise(&rules::MISSING_SCAFFOLDING, &path, format_args!("\"{path}\" has no \"{key}\""));
        }
    }
    if let Some(context) = object.get("emotional_context").filter(|value| !value.is_null()) {
        let path = root.key("emotional_context");
        let path = path.key("detected_emotions");
        let emotions = context.get("detected_emotions");
        for key in ["primary", "primary_confidence"] {
            if emotions.is_none_or(|emotions| emotions.get(key).is_none_or(|value| value.is_null())) {
                check.raise(&rules::MISSING_EMOTION, &path, format_args!("\"{path}\" has no \"{key}\""));
                break;
            }
        }
    }
    let Some(metadata) = object.get("training_metadata") else { return };
    let path = root.key("training_metadata");
    let score = metadata.get("quality_score").and_then(Json::number);
    if let Some(score) = score {
        check_mark(score, &path.key("quality_score"), check);
        if (1.0..2.5).contains(&score) {
            let path = path.key("quality_score");
            check.raise(&rules::LOW_QUALITY_SCORE, &path, format_args!("\"{path}\" is {score}"));
        }
    }
    let path = path.key("quality_criteria");
    for (key, value) in metadata.get("quality_criteria").into_iter().flat_map(Json::members) {
        if let Some(mark) = value.number() {
            check_mark(mark, &path.key(key), check);
        }
    }
}

fn check_mark(mark: f64, path: &Path<'_>, check: &mut Check<'_, '_>) {
    if !(1.0..=5.0).contains(&mark) {
        check.raise(&rules::CRITERION_OUT_OF_RANGE, path, format_args!("\"{path}\" is {mark}"));
    }
}
