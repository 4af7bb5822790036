//! Pieces of TypeScript: schemas as types, comments, members.
//!
//! Invariant: whatever a catalogue or a description holds, what comes out is one comment or one name, and never code.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Longest line of a comment.
const WIDTH: usize = 110;

/// A comment for tools, with its line end; nothing without words.
pub fn comment(text: Option<&str>, indent: &str) -> String {
    let words: Vec<String> =
        text.unwrap_or_default().split_whitespace().map(|word| word.replace("*/", "*\\/")).collect();
    if words.is_empty() {
        return String::new();
    }
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            *line = word;
        } else if indent.len() + line.chars().count() + word.chars().count() < WIDTH {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    match lines.as_slice() {
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let mut text = format!("{indent}/**\n");
            for line in lines {
                writeln!(text, "{indent} * {line}").expect("a String");
            }
            text + &format!("{indent} */\n")
        }
    }
}

/// A text as TypeScript writes it.
pub fn literal(text: &str) -> String {
    let json = Value::from(text).to_string();
    let inside = &json[1..json.len() - 1];
    format!("'{}'", inside.replace("\\\"", "\"").replace('\'', "\\'"))
}

/// A name of a member.
pub fn key(name: &str) -> String {
    let is_plain = |at: usize, char: char| {
        char == '_' || char == '$' || char.is_ascii_alphabetic() || (at > 0 && char.is_ascii_digit())
    };
    match !name.is_empty() && name.chars().enumerate().all(|(at, char)| is_plain(at, char)) {
        true => name.to_owned(),
        false => literal(name),
    }
}

/// A declaration of a type, with its comment.
pub fn declaration(name: &str, schema: &Value) -> String {
    let text = comment(schema["description"].as_str(), "");
    let of = of(schema, "");
    let is_long = name.len() + of.len() > WIDTH - 15 && !of.contains('\n');
    let of = if is_long { format!("\n  | {}", of.replace(" | ", "\n  | ")) } else { format!(" {of}") };
    format!("{text}export type {name} ={of};\n")
}

/// A schema as a type. Members stand in lines of their own, behind this indentation.
pub fn of(schema: &Value, indent: &str) -> String {
    let Value::Object(members) = schema else { return "Json".to_owned() };
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(value) = members.get("const") {
        return constant(value);
    }
    for choices in ["enum", "oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = members.get(choices) {
            let all = choices.iter().map(|choice| match choice {
                Value::Object(_) => of(choice, indent),
                value => constant(value),
            });
            return union(all);
        }
    }
    match members.get("type") {
        Some(Value::Array(types)) => {
            let one = |name: &Value| {
                let mut members = members.clone();
                members.insert("type".into(), name.clone());
                of(&Value::Object(members), indent)
            };
            union(types.iter().map(one))
        }
        Some(Value::String(name)) => match name.as_str() {
            "object" => object(members, indent),
            "array" => array(&of(members.get("items").unwrap_or(&Value::Bool(true)), indent)),
            "integer" | "number" => "number".to_owned(),
            "string" => "string".to_owned(),
            "boolean" => "boolean".to_owned(),
            "null" => "null".to_owned(),
            _ => "Json".to_owned(),
        },
        _ => "Json".to_owned(),
    }
}

/// An array of a type.
pub fn array(of: &str) -> String {
    // Unions are the only types here that are not one word or in brackets.
    if of.contains(" | ") && !of.starts_with('{') { format!("({of})[]") } else { format!("{of}[]") }
}

/// What a column holds, which may be NULL or not. JSON's own null is in its type already.
pub fn nullable(of: String, is_nullable: bool) -> String {
    match (is_nullable, of.as_str()) {
        (true, _) => format!("{of} | null"),
        (false, "Json") => "NonNullable<Json>".to_owned(),
        (false, _) => of,
    }
}

/// One of several types, each once.
pub fn union(types: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for one in types {
        // A union of unions is one.
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all.join(" | ")
}

fn constant(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), literal)
}

/// In the order in which they were declared, those that may be left out last, by their names.
fn object(members: &Map<String, Value>, indent: &str) -> String {
    let empty = Map::new();
    let properties = members.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let others = members.get("additionalProperties").filter(|others| others.is_object());
    if properties.is_empty() {
        return format!(
            "Record<string, {}>",
            others.map_or_else(|| "Json".to_owned(), |others| of(others, indent))
        );
    }
    let required: Vec<&str> = members
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let is_there = |name: &str| required.contains(&name) || properties[name]["x-required"] == true;
    let mut rest: Vec<&str> =
        properties.keys().map(String::as_str).filter(|name| !required.contains(name)).collect();
    rest.sort_by_key(|name| !is_there(name));
    let mut text = String::from("{\n");
    let inner = format!("{indent}  ");
    for name in required.iter().copied().chain(rest) {
        let property = &properties[name];
        text.push_str(&comment(property["description"].as_str(), &inner));
        let mark = if is_there(name) { "" } else { "?" };
        writeln!(text, "{inner}{}{mark}: {};", key(name), of(property, &inner)).expect("a String");
    }
    text.push_str(indent);
    text.push('}');
    if others.is_some() {
        // The type of the others need not be that of the members.
        text.push_str(" & { [name: string]: Json | undefined }");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_become_types() {
        for (schema, expected) in [
            (json!(true), "Json"),
            (json!({"type": ["string", "null"]}), "string | null"),
            (json!({"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}), "A | null"),
            (json!({"type": "array", "items": {"enum": ["a", "it's", 1]}}), "('a' | 'it\\'s' | 1)[]"),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                "Record<string, number>",
            ),
            (json!({"oneOf": [{"const": "x"}, {"const": "y"}]}), "'x' | 'y'"),
            (
                json!({"type": "object", "required": ["b"], "properties": {
                    "a": {"type": "boolean"}, "b": {"description": "Why */ not.", "type": "null"}, "c d": {"type": "number", "x-required": true},
                }}),
                "{\n  /** Why *\\/ not. */\n  b: null;\n  'c d': number;\n  a?: boolean;\n}",
            ),
        ] {
            assert_eq!(of(&schema, ""), expected);
        }
    }

    #[test]
    fn names_and_texts_stay_what_they_are() {
        assert_eq!(["a_1", "1a", "", "a-b", "ü"].map(key), ["a_1", "'1a'", "''", "'a-b'", "'ü'"]);
        assert_eq!(literal("\"\\'\n"), "'\"\\\\\\'\\n'");
    }

    #[test]
    fn long_comments_have_several_lines() {
        assert_eq!(comment(None, ""), "");
        assert_eq!(comment(Some(" a\n b "), "  "), "  /** a b */\n");
        let long = comment(Some(&"word ".repeat(50)), "");
        assert!(long.starts_with("/**\n * word") && long.ends_with(" */\n"));
        assert!(long.lines().all(|line| line.len() <= WIDTH + 3));
    }
}
