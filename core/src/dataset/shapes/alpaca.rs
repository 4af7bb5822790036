//! Alpaca: an instruction, perhaps with an input, and the output to learn.

use super::super::check::Check;
use super::super::example::{Example, Message, Role};
use super::super::json::Json;
use super::id;

const KEYS: [&str; 9] =
    ["instruction", "input", "output", "system", "history", "id", "split", "text", "metadata"];

/// Reads a line. The user's message is the instruction, followed by the input when there is one.
pub(super) fn read<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, &KEYS, &root);
    let system = check.optional_text(object, "system", &root);
    let instruction = check.required_text(object, "instruction", &root);
    // An empty input is what the format writes for none.
    let input = match object.get("input").and_then(Json::text) {
        Some("") => None,
        _ => check.optional_text(object, "input", &root),
    };
    let output = check.required_text(object, "output", &root);
    let is_validation = check.is_validation(object);
    let (instruction, output) = (instruction?, output?);
    let mut messages = Vec::with_capacity(4);
    messages.extend(system.map(|text| Message::new(Role::System, text)));
    messages.push(Message::new(Role::User, instruction));
    messages.extend(input.map(|text| Message { continues: true, ..Message::new(Role::User, text) }));
    messages.push(Message::new(Role::Assistant, output));
    check.sound.then(|| Example { id: id(object, "id"), is_validation, messages, ..Example::default() })
}
