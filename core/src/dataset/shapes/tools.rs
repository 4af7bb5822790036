//! Tool calls of a conversation: what the assistant calls, what the tools answer, and whether the two fit.

use super::super::check::Check;
use super::super::json::{Json, is_object};
use super::super::path::Path;
use super::super::rules::tools as rules;
use super::super::text::cut;

/// A call that has no answer yet.
struct Open<'o> {
    id: &'o str,
    message: usize,
}

/// Checks the calls of all messages of the list `key`.
pub(super) fn check(object: Json<'_>, key: &str, check: &mut Check<'_, '_>) {
    let Some(messages) = object.get(key) else { return };
    let root = check.root();
    let list = root.key(key);
    let declared = declared(object);
    let mut open: Vec<Open<'_>> = Vec::new();
    for (index, message) in messages.elements().enumerate() {
        let path = list.index(index);
        let role = message.get("role").and_then(|role| role.text());
        if role == Some("tool") {
            answer(message, &path, &mut open, check);
        } else {
            unanswered(&mut open, &list, check);
        }
        if let Some(calls) = message.get("tool_calls").filter(|calls| !calls.is_null()) {
            let path = path.key("tool_calls");
            if !calls.is_array() {
                check.wrong_type(&path, "an array", calls);
            }
            for (number, one) in calls.elements().enumerate() {
                if let Some(id) = call(one, &path.index(number), &declared, check) {
                    open.push(Open { id, message: index });
                }
            }
        }
    }
    // A conversation may end with a call: that is what such an example teaches.
}

/// Names of the tools that the example declares.
fn declared(object: Json<'_>) -> Vec<&str> {
    let tools = object.get("tools").into_iter().flat_map(Json::elements);
    tools.filter_map(|tool| tool.get("function").unwrap_or(tool).get("name").and_then(Json::text)).collect()
}

/// Checks one call and answers its id.
fn call<'o>(one: Json<'o>, path: &Path<'_>, declared: &[&str], check: &mut Check<'_, '_>) -> Option<&'o str> {
    let id = one.get("id").and_then(Json::text).filter(|id| !id.is_empty());
    let function = one.get("function");
    let name = function
        .and_then(|function| function.get("name"))
        .and_then(Json::text)
        .filter(|name| !name.is_empty());
    let arguments = function.and_then(|function| function.get("arguments"));
    let lacking = [
        ("id", id.is_none()),
        ("function.name", name.is_none()),
        ("function.arguments", arguments.is_none()),
    ];
    if let Some((key, _)) = lacking.iter().find(|(_, is_lacking)| *is_lacking) {
        check.raise(&rules::INVALID_TOOL_CALL, path, format_args!("\"{path}\" has no \"{key}\""));
    }
    if let Some(arguments) = arguments
        && !arguments.text().is_some_and(is_object)
    {
        let error = format_args!("the arguments of \"{path}\" are no JSON object in a string");
        check.raise(&rules::INVALID_TOOL_ARGUMENTS, path, error);
    }
    if let Some(name) = name.filter(|name| !declared.contains(name)) {
        let error = format_args!("the tool \"{}\" is called and not declared", cut(name, 40));
        check.raise(&rules::UNDECLARED_TOOL, path, error);
    }
    id
}

/// Checks that a tool's message answers an open call.
fn answer<'o>(message: Json<'o>, path: &Path<'_>, open: &mut Vec<Open<'o>>, check: &mut Check<'_, '_>) {
    let id = message.get("tool_call_id").and_then(Json::text);
    match open.iter().position(|call| Some(call.id) == id) {
        Some(at) => {
            open.remove(at);
        }
        None => {
            let shown = id.map_or("nothing".to_owned(), |id| format!("\"{}\"", cut(id, 40)));
            let error = format_args!("\"{path}\" answers {shown}, which is no open call");
            check.raise(&rules::UNKNOWN_TOOL_RESULT, path, error);
        }
    }
}

/// Names the calls that stay without an answer when the conversation goes on.
fn unanswered(open: &mut Vec<Open<'_>>, list: &Path<'_>, check: &mut Check<'_, '_>) {
    for call in open.drain(..) {
        let error = format_args!("the call \"{}\" has no answer", cut(call.id, 40));
        check.raise(&rules::MISSING_TOOL_RESULT, &list.index(call.message), error);
    }
}
