//! Conversations as lists of `role` and `content`: the shapes `turns`, `messages` and `conversations`.

use super::super::check::Check;
use super::super::example::{Example, Message, Role, check_order, check_weights};
use super::super::hash;
use super::super::json::Json;
use super::super::path::Path;
use super::super::rules::roles;
use super::{id, tools};

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

/// Reads a line.
pub(in super::super) fn read<'o>(
    object: Json<'o>,
    chat: &Chat,
    check: &mut Check<'_, '_>,
) -> Option<Example<'o>> {
    let root = check.root();
    check.known_keys(object, chat.keys, &root);
    let conversation = match chat.has_conversation_id {
        true => check.required_id(object, "conversation_id", &root),
        false => id(object, "conversation_id"),
    };
    let list = root.key(chat.list);
    let read = messages(object.get(chat.list), &list, check)?;
    if read.has_tools {
        tools::check(object, chat.list, check);
    }
    let messages = read.messages;
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

/// What was read of a list of messages.
#[derive(Default)]
struct Read<'o> {
    /// Those that could be read.
    messages: Vec<Message<'o>>,
    /// Whether any of them calls a tool or is of one.
    has_tools: bool,
}

/// Reads the list of messages with all rules on it. `None`: it is no list, or there is nothing in it.
fn messages<'o>(value: Option<Json<'o>>, list: &Path<'_>, check: &mut Check<'_, '_>) -> Option<Read<'o>> {
    let Some(value) = value else {
        check.missing(list);
        return None;
    };
    if !value.is_array() {
        check.wrong_type(list, "an array", value);
        return None;
    }
    let mut read = Read::default();
    let mut order = Vec::new();
    for (index, entry) in value.elements().enumerate() {
        let path = list.index(index);
        if !entry.is_object() {
            check.wrong_type(&path, "an object", entry);
            order.push(None);
            continue;
        }
        order.push(message(entry, &path, &mut read, check));
    }
    if order.is_empty() {
        check.raise(&roles::EMPTY_CONVERSATION, list, format_args!("\"{list}\" is empty"));
        return None;
    }
    check_order(&order, list, check);
    check_weights(&read.messages, list, check);
    Some(read)
}

/// Reads one message, which is kept when it can be trained on, and answers its role as far as it is known.
fn message<'o>(
    entry: Json<'o>,
    path: &Path<'_>,
    read: &mut Read<'o>,
    check: &mut Check<'_, '_>,
) -> Option<Role> {
    let (mut role, mut content, mut weight) = (None, None, None);
    let (mut tool_calls, mut function_call) = (None, None);
    // One pass over the keys, because there are more messages than anything else. Of a key that stands twice the first
    // one counts, as everywhere.
    for (key, value) in entry.members() {
        match key {
            "role" => role = role.or(Some(value)),
            "content" => content = content.or(Some(value)),
            "weight" => weight = weight.or(Some(value)),
            "tool_calls" => tool_calls = tool_calls.or(Some(value)),
            "function_call" => function_call = function_call.or(Some(value)),
            "tool_call_id" | "name" | "refusal" | "metadata" => {}
            other => check.unknown_key(other, path),
        }
    }
    let is_call = |calls: &Json<'_>| tools::is_call(*calls);
    let calls = tool_calls.filter(is_call).or(function_call.filter(is_call));
    let role = check.role(role, &path.key("role"));
    read.has_tools |= calls.is_some() || role == Some(Role::Tool);
    // A message that calls tools needs no words.
    let is_wordless = content.is_none_or(|content| content.is_null() || content.text() == Some(""));
    let is_silent = calls.is_some() && is_wordless;
    let text = if is_silent { None } else { check.required(content, &path.key("content")) };
    let is_weightless = check.is_weightless(weight, &path.key("weight"));
    if text.is_some() || is_silent {
        let calls = calls.map_or(0, hash::of_value);
        read.messages.extend(role.map(|role| Message { role, text, is_weightless, calls, continues: false }));
    }
    role
}
