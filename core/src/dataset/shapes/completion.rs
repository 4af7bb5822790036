//! Completion: a prompt and what follows it.

use super::super::check::Check;
use super::super::example::{Example, Message, Role};
use super::super::json::Json;
use super::id;

const KEYS: [&str; 6] = ["prompt", "completion", "id", "split", "system", "metadata"];

/// Reads a line.
pub(super) fn read<'o>(object: Json<'o>, check: &mut Check<'_, '_>) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, &KEYS, &root);
    let system = check.optional_text(object, "system", &root);
    let prompt = check.required_text(object, "prompt", &root);
    let completion = check.required_text(object, "completion", &root);
    let is_validation = check.is_validation(object);
    let (prompt, completion) = (prompt?, completion?);
    let mut messages = Vec::with_capacity(3);
    messages.extend(system.map(|text| Message::new(Role::System, text)));
    messages.push(Message::new(Role::User, prompt));
    messages.push(Message::new(Role::Assistant, completion));
    check.sound.then(|| Example { id: id(object, "id"), is_validation, messages, ..Example::default() })
}
