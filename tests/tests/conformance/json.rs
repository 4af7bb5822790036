//! JSON as other programs write it: members in any order and twice, numbers in any spelling, spaces, escapes and line ends.

use std::fmt::Write;

use pg_lora_tests::random::Random;

/// A value before it is written.
#[derive(Debug, Clone)]
pub enum Json {
    /// As it stands here.
    Raw(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How a program writes.
#[derive(Clone, Copy)]
pub struct Style {
    /// What is not ASCII as \u escapes.
    pub is_ascii: bool,
    /// Between elements, and behind a key.
    pub separators: [&'static str; 2],
    /// Each element on a line of its own, so much further in.
    pub indent: Option<usize>,
}

impl Style {
    /// Any that fits on one line.
    pub fn line(random: &mut Random) -> Self {
        let separators = random.pick(&[[", ", ": "], [",", ":"], [" , ", " : "]]);
        Self { is_ascii: random.once_in(2), separators, indent: None }
    }
}

impl Json {
    pub fn written(&self, style: Style) -> Vec<u8> {
        let mut text = String::new();
        self.write(&mut text, style, 0);
        text.into_bytes()
    }

    fn write(&self, text: &mut String, style: Style, depth: usize) {
        let line = |text: &mut String, depth: usize| {
            if let Some(indent) = style.indent {
                write!(text, "\n{}", " ".repeat(indent * depth)).unwrap();
            }
        };
        match self {
            Json::Raw(raw) => text.push_str(raw),
            Json::Text(string) => write_string(text, string, style.is_ascii),
            Json::List(elements) => {
                text.push('[');
                for (at, element) in elements.iter().enumerate() {
                    text.push_str(if at > 0 { style.separators[0] } else { "" });
                    line(text, depth + 1);
                    element.write(text, style, depth + 1);
                }
                line(text, depth);
                text.push(']');
            }
            Json::Object(members) => {
                text.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    text.push_str(if at > 0 { style.separators[0] } else { "" });
                    line(text, depth + 1);
                    write_string(text, key, style.is_ascii);
                    text.push_str(style.separators[1]);
                    value.write(text, style, depth + 1);
                }
                line(text, depth);
                text.push('}');
            }
        }
    }
}

fn write_string(text: &mut String, string: &str, is_ascii: bool) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            _ if character < ' ' || is_ascii && !character.is_ascii() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").unwrap();
                }
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}
