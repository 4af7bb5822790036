//! Alpaca: an instruction, perhaps with an input, and the output to learn.

use super::super::check::Check;
use super::super::example::{Example, Message, Role};
use super::super::json::Json;
use super::super::path::Path;
use super::super::rules::field;
use super::id;

const KEYS: [&str; 9] =
    ["instruction", "input", "output", "system", "history", "id", "split", "text", "metadata"];

/// Reads a line. The user's message is the instruction, followed by the input when there is one.
pub(super) fn read<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, &KEYS, &root);
    let system = check.optional_text(object, "system", &root);
    let instruction = check.required_text(object, "instruction", &root);
    let input = check.optional_text(object, "input", &root);
    let output = check.required_text(object, "output", &root);
    let context = history(object, &root, check);
    let is_validation = check.is_validation(object);
    let (instruction, output) = (instruction?, output?);
    let mut messages = Vec::with_capacity(4);
    messages.extend(system.map(|text| Message::new(Role::System, text)));
    messages.push(Message::new(Role::User, instruction));
    messages.extend(input.map(|text| Message { continues: true, ..Message::new(Role::User, text) }));
    messages.push(Message::new(Role::Assistant, output));
    check.sound.then(|| Example {
        id: id(object, "id"),
        is_validation,
        context,
        messages,
        ..Example::default()
    })
}

/// Earlier rounds, each a list of an instruction and its output.
fn history<'o>(object: Json<'o>, root: &Path<'_>, check: &mut Check<'_, '_>) -> Vec<Message<'o>> {
    let list = root.key("history");
    let Some(value) = object.get("history").filter(|value| !value.is_null()) else { return Vec::new() };
    let mut messages = Vec::new();
    if !value.is_array() {
        check.wrong_type(&list, "an array", value);
    }
    for (index, round) in value.elements().enumerate() {
        let path = list.index(index);
        if round.elements().count() != 2 {
            let error = format_args!("\"{path}\" is no list of an instruction and its output");
            check.raise(&field::WRONG_TYPE, &path, error);
        }
        for (number, (role, text)) in
            [Role::User, Role::Assistant].into_iter().zip(round.elements()).enumerate()
        {
            messages.extend(check.text(text, &path.index(number)).map(|text| Message::new(role, text)));
        }
    }
    messages
}
