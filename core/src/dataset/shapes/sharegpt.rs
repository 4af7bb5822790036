//! ShareGPT: conversations as lists of `from` and `value`.

use super::super::check::Check;
use super::super::example::{Example, Message, Role, check_order, check_weights};
use super::super::json::Json;
use super::super::path::Path;
use super::super::rules::roles;
use super::super::text::quote;
use super::id;

const KEYS: [&str; 8] =
    ["conversations", "id", "system", "tools", "split", "source", "metadata", "conversation_id"];
const MESSAGE_KEYS: [&str; 5] = ["from", "value", "weight", "name", "metadata"];

/// Reads a line.
pub(super) fn read<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, &KEYS, &root);
    let list = root.key("conversations");
    let mut messages = Vec::new();
    let system = check.optional_text(object, "system", &root);
    messages.extend(system.map(|text| Message::new(Role::System, text)));
    let mut order = Vec::new();
    // `classify` saw a first element with "from" or "value".
    for (index, entry) in object.get("conversations")?.elements().enumerate() {
        let path = list.index(index);
        if !entry.is_object() {
            check.wrong_type(&path, "an object", entry);
            order.push(None);
            continue;
        }
        check.known_keys(entry, &MESSAGE_KEYS, &path);
        let role = role(entry, &path, check);
        order.push(role);
        if let (Some(role), Some(text)) = (role, check.required_text(entry, "value", &path)) {
            let is_weightless = check.is_weightless(entry.get("weight"), &path.key("weight"));
            messages.push(Message { is_weightless, ..Message::new(role, text) });
        }
    }
    check_order(&order, &list, check);
    check_weights(&messages, &list, check);
    let is_validation = check.is_validation(object);
    check.sound.then(|| Example {
        id: id(object, "id"),
        conversation: id(object, "conversation_id"),
        is_validation,
        messages,
        ..Example::default()
    })
}

/// ShareGPT's names of the roles; the files of other tools under its keys use ours.
fn role(entry: Json<'_>, parent: &Path<'_>, check: &mut Check<'_, '_>) -> Option<Role> {
    let path = parent.key("from");
    let Some(value) = entry.get("from") else {
        check.missing(&path);
        return None;
    };
    let Some(name) = value.text() else {
        check.wrong_type(&path, "text", value);
        return None;
    };
    // What LLaMA-Factory calls the assistant's call of a tool.
    let role = if name == "function_call" { Some(Role::Assistant) } else { Role::meant_by(name) };
    if role.is_none() {
        let error = format_args!("\"{path}\" is {}, which is no known role", quote(name));
        let suggestion = format_args!("Use \"system\", \"human\" or \"gpt\".");
        check.raise_with(&roles::UNKNOWN_ROLE, &path, error, Some(suggestion));
    }
    role
}
