//! Conversations as lists of `role` and `content`: the shapes `turns`, `messages` and `conversations`.

use super::super::check::Check;
use super::super::example::{Example, Message, Role, check_order, check_weights};
use super::super::hash;
use super::super::json::Json;
use super::super::path::Path;
use super::super::rules::roles;
use super::{id, tools};
use std::borrow::Cow;

/// What tells one of these shapes from another.
pub(in super::super) struct Chat {
    /// The key of the list.
    list: &'static str,
    /// Whether each line has to say which conversation it is.
    has_conversation_id: bool,
    /// Keys of a line.
    keys: &'static [&'static str],
}

pub(in super::super) static TURNS: Chat = Chat {
    list: "turns",
    has_conversation_id: true,
    keys: &["turns", "conversation_id", "id", "split", "metadata", "conversation_metadata", "tools"],
};
pub(in super::super) static MESSAGES: Chat = Chat {
    list: "messages",
    has_conversation_id: false,
    keys: &[
        "messages",
        "metadata",
        "tools",
        "functions",
        "parallel_tool_calls",
        "id",
        "conversation_id",
        "split",
    ],
};
pub(in super::super) static CONVERSATIONS: Chat = Chat {
    list: "conversations",
    has_conversation_id: false,
    keys: &["conversations", "metadata", "tools", "id", "conversation_id", "split", "source"],
};

const MESSAGE_KEYS: [&str; 9] = [
    "role",
    "content",
    "name",
    "weight",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "refusal",
    "metadata",
];

/// Reads a line.
pub(in super::super) fn read<'o>(
    object: Json<'o>,
    chat: &Chat,
    check: &mut Check<'_, '_>,
) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, chat.keys, &root);
    let conversation = match chat.has_conversation_id {
        true => check.required_text(object, "conversation_id", &root).map(Cow::Borrowed),
        false => id(object, "conversation_id"),
    };
    let list = root.key(chat.list);
    let messages = messages(object.get(chat.list), &list, check)?;
    tools::check(object, chat.list, check);
    let is_validation = check.is_validation(object);
    check.sound.then(|| Example {
        id: id(object, "id"),
        conversation,
        metadata: object.get("conversation_metadata").map_or(0, |metadata| hash::of_value(metadata) as u32),
        is_validation,
        messages,
        ..Example::default()
    })
}

/// Reads the list of messages with all rules on it; those that could be read, when it is a list with anything in it.
fn messages<'o>(
    value: Option<Json<'o>>,
    list: &Path<'_>,
    check: &mut Check<'_, '_>,
) -> Option<Vec<Message<'o>>> {
    let Some(value) = value else {
        check.missing(list);
        return None;
    };
    if !value.is_array() {
        check.wrong_type(list, "an array", value);
        return None;
    }
    let mut messages = Vec::new();
    let mut order = Vec::new();
    for (index, entry) in value.elements().enumerate() {
        let path = list.index(index);
        if !entry.is_object() {
            check.wrong_type(&path, "an object", entry);
            order.push(None);
            continue;
        }
        let (role, message) = message(entry, &path, check);
        order.push(role);
        messages.extend(message);
    }
    if order.is_empty() {
        check.raise(&roles::EMPTY_CONVERSATION, list, format_args!("\"{list}\" is empty"));
        return None;
    }
    check_order(&order, list, check);
    check_weights(&messages, list, check);
    Some(messages)
}

/// Reads one message: its role as far as it is known, and the message when it can be trained on.
fn message<'o>(
    entry: Json<'o>,
    path: &Path<'_>,
    check: &mut Check<'_, '_>,
) -> (Option<Role>, Option<Message<'o>>) {
    check.known_keys(entry, &MESSAGE_KEYS, path);
    let role = check.role(entry, path);
    let calls =
        entry.get("tool_calls").or_else(|| entry.get("function_call")).filter(|calls| !calls.is_null());
    // A message that calls tools needs no words.
    let text = match calls {
        Some(_) => check.optional_text(entry, "content", path),
        None => check.required_text(entry, "content", path),
    };
    let is_weightless = check.is_weightless(entry, path);
    let message = role.filter(|_| text.is_some() || calls.is_some()).map(|role| Message {
        role,
        text,
        is_weightless,
        calls: calls.map_or(0, hash::of_value),
        continues: false,
    });
    (role, message)
}
