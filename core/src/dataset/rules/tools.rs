//! Tool calls: what the assistant calls, and what the tools answer.

use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::messages;

/// A conversation with one tool call, its arguments a JSON string, and the answer to the call of an id.
fn call(arguments: &str, answered: &str, tools: &str) -> Vec<u8> {
    format!(
        r#"{{{tools}"messages":[{{"role":"user","content":"Sum?"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"a","type":"function","function":{{"name":"add","arguments":{arguments}}}}}]}},{{"role":"tool","tool_call_id":"{answered}","content":"3"}},{{"role":"assistant","content":"Three."}}]}}"#
    )
    .into_bytes()
}

const DECLARED: &str = r#""tools":[{"type":"function","function":{"name":"add"}}],"#;

rules! {
    /// A call that no tool could execute.
    INVALID_TOOL_CALL: "invalid_tool_call", ERROR,
        "a tool call without id, name or arguments",
        "Give each call an \"id\" and a \"function\" with \"name\" and \"arguments\".",
        || messages(r#"{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"a"}]}"#);
    /// Arguments that are no JSON object in a string.
    INVALID_TOOL_ARGUMENTS: "invalid_tool_arguments", ERROR,
        "arguments of a tool call that are not a JSON object in a string",
        "Write the arguments as a string that is itself a JSON object, such as \"{\\\"city\\\": \\\"Paris\\\"}\".",
        || call(r#""{a: 1}""#, "a", DECLARED);
    /// An answer to a call that was not made, or that was answered already.
    UNKNOWN_TOOL_RESULT: "unknown_tool_result", ERROR,
        "a tool message that answers no call",
        "Set \"tool_call_id\" to the id of a call before it that has no answer yet.",
        || call(r#""{}""#, "b", DECLARED);
    /// A call without an answer.
    MISSING_TOOL_RESULT: "missing_tool_result", WARNING,
        "a tool call that is not answered before the conversation goes on",
        "Add a message of the role \"tool\" with the call's id; a call as the last message needs none.",
        || call(r#""{}""#, "b", DECLARED);
    /// A called tool that the example does not declare.
    UNDECLARED_TOOL: "undeclared_tool", WARNING,
        "a called tool that \"tools\" does not declare",
        "Add the tool to \"tools\", so that the model sees what it may call.",
        || call(r#""{}""#, "a", "");
}
