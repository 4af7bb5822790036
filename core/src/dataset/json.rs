//! One line of a dataset as a borrowed JSON value.
//!
//! serde_json does the parsing; this type only keeps what its own `Value` throws away: a key that stands
//! twice, and text that need not be copied out of the line.

use crate::limits::{LINE_VALUES, NESTING_DEPTH};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// A JSON value that borrows its text from the line wherever no escape forced a copy.
#[derive(Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool,
    Number(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of an object in their order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }
}

impl Json<'_> {
    /// The name of the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "text",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// A line that could be read, with what is wrong with it all the same.
pub(super) struct Parsed<'a> {
    pub value: Json<'a>,
    /// The first key that stands twice in one object.
    pub duplicate_key: Option<String>,
    /// Whether some string holds U+0000.
    pub has_nul: bool,
}

/// Why a line could not be read.
pub(super) enum ParseError {
    TooDeep,
    TooManyValues,
    /// serde_json's own words, and the 0-based byte of the line where it stopped.
    Invalid {
        message: String,
        offset: usize,
    },
}

/// Parses one line.
pub(super) fn parse(line: &str) -> Result<Parsed<'_>, ParseError> {
    let notes = Notes::default();
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let result = Seed { depth: 0, notes: &notes }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match result {
        Ok(value) => {
            Ok(Parsed { value, duplicate_key: notes.duplicate_key.take(), has_nul: notes.has_nul.get() })
        }
        Err(_) if notes.too_deep.get() => Err(ParseError::TooDeep),
        Err(_) if notes.values.get() > LINE_VALUES => Err(ParseError::TooManyValues),
        Err(error) => {
            let full = error.to_string();
            // The position is given apart: a line has no line 1 of its own.
            let message = match full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text) {
                "expected ident" => "expected true, false or null".to_owned(),
                text => text.replace("EOF while parsing", "the line ends inside of"),
            };
            Err(ParseError::Invalid { message, offset: error.column().saturating_sub(1) })
        }
    }
}

#[derive(Default)]
struct Notes {
    duplicate_key: Cell<Option<String>>,
    has_nul: Cell<bool>,
    too_deep: Cell<bool>,
    values: Cell<u32>,
}

struct Seed<'n> {
    depth: usize,
    notes: &'n Notes,
}

impl Seed<'_> {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= NESTING_DEPTH {
            self.notes.too_deep.set(true);
            return Err(E::custom("nesting too deep"));
        }
        self.notes.values.set(self.notes.values.get() + 1);
        if self.notes.values.get() > LINE_VALUES {
            return Err(E::custom("too many values"));
        }
        Ok(Seed { depth: self.depth + 1, notes: self.notes })
    }

    fn note_text(&self, text: &str) {
        if text.as_bytes().contains(&0) {
            self.notes.has_nul.set(true);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        self.note_text(text);
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        self.note_text(text);
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.inner()?)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some(key) = access.next_key_seed(Key(self.notes))? {
            let value = access.next_value_seed(self.inner()?)?;
            members.push((key, value));
        }
        // Sorting positions, not members, keeps this n log n for an object of a million keys.
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_unstable_by(|&a, &b| members[a].0.cmp(&members[b].0));
        if let Some(pair) = order.windows(2).find(|pair| members[pair[0]].0 == members[pair[1]].0) {
            let known = self.notes.duplicate_key.take();
            self.notes.duplicate_key.set(known.or_else(|| Some(members[pair[0]].0.to_string())));
        }
        Ok(Json::Object(Object(members)))
    }
}

struct Key<'n>(&'n Notes);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        match (Seed { depth: 0, notes: self.0 }).deserialize(deserializer)? {
            Json::Text(text) => Ok(text),
            _ => Err(D::Error::custom("expected a key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_value_throws_away() {
        let parsed = parse(r#"{"a":1,"b":{"c":[1,2],"c":null},"d":"x\u0000"}"#).ok().unwrap();
        assert_eq!(parsed.duplicate_key.as_deref(), Some("c"));
        assert!(parsed.has_nul);
        let Json::Object(object) = parsed.value else { panic!("an object was expected") };
        assert_eq!(object.get("a"), Some(&Json::Number(1.0)));
        assert!(!object.has("c"));
    }

    #[test]
    fn says_where_a_line_breaks() {
        let Err(ParseError::Invalid { message, offset }) = parse(r#"{"a": nope}"#) else {
            panic!("accepted")
        };
        assert_eq!(message, "expected true, false or null");
        assert_eq!(offset, 7);
        assert!(matches!(parse(r#"{"a":1} x"#), Err(ParseError::Invalid { .. })));
        assert!(matches!(parse(r#"{"a":1e999}"#), Err(ParseError::Invalid { .. })));
        assert!(matches!(parse(r#"{"a":"\ud800"}"#), Err(ParseError::Invalid { .. })));
        assert!(matches!(parse(&"[".repeat(100_000)), Err(ParseError::TooDeep)));
        let values = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(parse(&values(LINE_VALUES as usize - 1)).is_ok());
        assert!(matches!(parse(&values(LINE_VALUES as usize + 1)), Err(ParseError::TooManyValues)));
    }
}
