//! One chat example, from its messages to its line: as values that a fault can be put into.

use std::fmt::Write;

use super::text;
use crate::random::Random;

/// A message: its keys, each with its value as JSON.
pub(super) type Message = Vec<(&'static str, String)>;

/// What stands on one line.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub messages: Vec<Message>,
    /// Beside the messages, as JSON; nothing in a sound example, because some validators refuse other keys.
    pub metadata: Option<String>,
    pub style: Style,
    /// User messages, each with the assistant's reply directly after it.
    pub exchanges: usize,
}

/// How JSON is written: as a compact writer does, or as Python's `json.dumps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Compact,
    Python,
}

impl Example {
    /// The sound example with this number: no other number gives the same first message.
    pub fn new(random: &mut Random, number: u64) -> Self {
        let style = if random.once_in(4) { Style::Python } else { Style::Compact };
        let mut messages = Vec::new();
        if random.once_in(2) {
            messages.push(message(style, "system", &text::instruction(random)));
        }
        let exchanges = random.between(1, 5);
        for at in 0..exchanges {
            let question = text::question(random, (at == 0).then_some(number));
            messages.push(message(style, "user", &question));
            messages.push(message(style, "assistant", &text::reply(random)));
        }
        Self { messages, metadata: None, style, exchanges }
    }

    /// Its line, without the line end.
    pub fn line(&self) -> String {
        let (colon, comma) = match self.style {
            Style::Compact => (":", ","),
            Style::Python => (": ", ", "),
        };
        let mut line = format!("{{\"messages\"{colon}[");
        for (at, message) in self.messages.iter().enumerate() {
            line.push_str(if at > 0 { comma } else { "" });
            line.push('{');
            for (at, (key, value)) in message.iter().enumerate() {
                line.extend([if at > 0 { comma } else { "" }, "\"", key, "\"", colon, value]);
            }
            line.push('}');
        }
        line.push(']');
        if let Some(metadata) = &self.metadata {
            line.extend([comma, "\"metadata\"", colon, metadata]);
        }
        line.push('}');
        line
    }
}

/// A message of two keys.
pub(super) fn message(style: Style, role: &str, content: &str) -> Message {
    vec![("role", format!("\"{role}\"")), ("content", quoted(style, content))]
}

/// A text as JSON.
fn quoted(style: Style, text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 16);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            other if style == Style::Python && !other.is_ascii() => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(json, "\\u{unit:04x}").expect("a String takes everything");
                }
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn both_styles_mean_the_same() {
        let text = "a \"b\" \\ \n\t é 東 😀";
        for style in [Style::Compact, Style::Python] {
            assert_eq!(serde_json::from_str::<String>(&quoted(style, text)).unwrap(), text);
        }
        assert_eq!(quoted(Style::Python, "é😀"), r#""\u00e9\ud83d\ude00""#);
    }

    #[test]
    fn a_line_holds_the_messages() {
        for style in [Style::Compact, Style::Python] {
            let messages = vec![message(style, "user", "Hi"), message(style, "assistant", "Hello")];
            let mut example = Example { messages, metadata: None, style, exchanges: 1 };
            let expected =
                json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]);
            let read: Value = serde_json::from_str(&example.line()).unwrap();
            assert_eq!(read, json!({ "messages": expected }));
            example.metadata = Some("{}".to_owned());
            let read: Value = serde_json::from_str(&example.line()).unwrap();
            assert_eq!(read, json!({ "messages": expected, "metadata": {} }));
        }
    }
}
