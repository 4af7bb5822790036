//! One line of a dataset as a flat list of JSON values.
//!
//! serde_json does the parsing; the [`Tape`] only keeps what its own `Value` throws away: a key that stands
//! twice, and text that need not be copied out of the line. Values lie one after the other, an object or an
//! array before what is in it, so that a line costs no allocation once the tape has grown.

use super::text::without_nul;
use crate::limits::{LINE_VALUES, NESTING_DEPTH};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value on the tape. For a container, `end` is the index behind its last member.
struct Node<'a> {
    value: Scalar<'a>,
    end: u32,
}

#[derive(Clone, Copy)]
enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(f64),
    /// Text that stands in the line as it is.
    Plain(&'a str),
    /// Text with escapes: where its decoded form, [`without_nul`], begins and ends in [`Tape::decoded`].
    Escaped(u32, u32),
    Array,
    Object,
}

/// The values of one line, with what is wrong with it all the same. Reused from line to line.
#[derive(Default)]
pub(super) struct Tape<'a> {
    nodes: Vec<Node<'a>>,
    decoded: String,
    /// Index of the first key that stands twice in one object.
    duplicate_key: Option<u32>,
    /// Whether some string holds U+0000.
    pub has_nul: bool,
    too_deep: bool,
    scratch: Vec<u32>,
}

/// Why a line could not be read, and the 0-based byte of the line where that shows.
#[derive(Debug, PartialEq)]
pub(super) enum ParseError {
    TooDeep,
    TooManyValues,
    NonFinite(usize),
    OutOfRange(usize),
    UnpairedSurrogate(usize),
    /// serde_json's own words.
    Invalid(String, usize),
}

/// A value: a place on a tape.
#[derive(Clone, Copy)]
pub(super) struct Json<'t> {
    tape: &'t Tape<'t>,
    at: u32,
}

impl<'a> Tape<'a> {
    /// Parses one line, forgetting the one before.
    pub fn parse(&mut self, line: &'a str) -> Result<(), ParseError> {
        self.nodes.clear();
        self.decoded.clear();
        self.duplicate_key = None;
        self.has_nul = false;
        self.too_deep = false;
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let result =
            Seed { tape: self, depth: 0 }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match result {
            Ok(()) => Ok(()),
            Err(_) if self.too_deep => Err(ParseError::TooDeep),
            Err(_) if self.nodes.len() > LINE_VALUES as usize => Err(ParseError::TooManyValues),
            Err(error) => Err(explain(&error, line, byte_of(&error, line).min(line.len()))),
        }
    }

    /// The value of the line.
    pub fn root(&self) -> Json<'_> {
        Json { tape: self, at: 0 }
    }

    /// The first key that stands twice in one object; a part of the line unless it has escapes.
    pub fn duplicate_key(&self) -> Option<&str> {
        self.duplicate_key.map(|at| self.text(at))
    }

    fn push(&mut self, value: Scalar<'a>) -> u32 {
        let at = self.nodes.len() as u32;
        self.nodes.push(Node { value, end: at + 1 });
        at
    }

    fn push_decoded(&mut self, text: &str) {
        let start = self.decoded.len() as u32;
        let readable = without_nul(text.into());
        self.has_nul |= matches!(readable, Cow::Owned(_));
        self.decoded.push_str(&readable);
        self.push(Scalar::Escaped(start, self.decoded.len() as u32));
    }

    #[inline]
    fn text(&self, at: u32) -> &str {
        match self.nodes[at as usize].value {
            Scalar::Plain(text) => text,
            Scalar::Escaped(start, end) => &self.decoded[start as usize..end as usize],
            _ => "",
        }
    }

    /// Looks for a key that stands twice among those of the object at `at`.
    fn find_duplicate(&mut self, at: u32) {
        let mut keys = std::mem::take(&mut self.scratch);
        keys.clear();
        let end = self.nodes[at as usize].end;
        let mut next = at + 1;
        while next < end {
            keys.push(next);
            next = self.nodes[next as usize + 1].end;
        }
        // Sorting keeps this n log n for an object of 50,000 keys; by position too, so that the second is named.
        keys.sort_unstable_by(|&a, &b| self.text(a).cmp(self.text(b)).then(a.cmp(&b)));
        let second =
            keys.windows(2).filter(|two| self.text(two[0]) == self.text(two[1])).map(|two| two[1]).min();
        self.duplicate_key = self.duplicate_key.or(second);
        self.scratch = keys;
    }
}

impl<'t> Json<'t> {
    fn node(self) -> &'t Node<'t> {
        &self.tape.nodes[self.at as usize]
    }

    /// The text of a string.
    pub fn text(self) -> Option<&'t str> {
        match self.node().value {
            Scalar::Plain(_) | Scalar::Escaped(..) => Some(self.tape.text(self.at)),
            _ => None,
        }
    }

    /// Whether the string had escapes: the only way that line ends and the like come into one.
    pub fn is_escaped(self) -> bool {
        matches!(self.node().value, Scalar::Escaped(..))
    }

    pub fn number(self) -> Option<f64> {
        match self.node().value {
            Scalar::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn boolean(self) -> Option<bool> {
        match self.node().value {
            Scalar::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    pub fn is_null(self) -> bool {
        matches!(self.node().value, Scalar::Null)
    }

    pub fn is_array(self) -> bool {
        matches!(self.node().value, Scalar::Array)
    }

    pub fn is_object(self) -> bool {
        matches!(self.node().value, Scalar::Object)
    }

    /// The elements of an array; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Json<'t>> {
        let end = if self.is_array() { self.node().end } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let element = Json { tape: self.tape, at: next };
                next = element.node().end;
                element
            })
        })
    }

    /// Keys and values of an object in their order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (&'t str, Json<'t>)> {
        let end = if self.is_object() { self.node().end } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let value = Json { tape: self.tape, at: next + 1 };
                let key = self.tape.text(next);
                next = value.node().end;
                (key, value)
            })
        })
    }

    /// The value of a key.
    pub fn get(self, key: &str) -> Option<Json<'t>> {
        self.members().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// What the value is, for messages.
    pub fn described(self) -> Cow<'static, str> {
        match self.node().value {
            Scalar::Null => "null".into(),
            Scalar::Bool(_) => "a boolean".into(),
            Scalar::Number(number) => format!("the number {number}").into(),
            Scalar::Plain(_) | Scalar::Escaped(..) => "text".into(),
            Scalar::Array => "an array".into(),
            Scalar::Object => "an object".into(),
        }
    }
}

/// The byte of a text at which serde_json stopped. A value of a document may be spread over several lines.
pub(super) fn byte_of(error: &serde_json::Error, text: &str) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
}

/// What serde_json says of a text, as one of the ways in which JSON of real files is broken. `at` is where it
/// stopped: a line has no line of its own, so the position is given apart.
pub(super) fn explain(error: &serde_json::Error, text: &str, at: usize) -> ParseError {
    let full = error.to_string();
    let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text);
    if message == "number out of range" {
        return ParseError::OutOfRange(at);
    }
    if message.ends_with("hex escape") {
        return ParseError::UnpairedSurrogate(at);
    }
    // serde_json stops at the word's first letter, or at the second one where "null" could have begun.
    let begins = |at: usize| text.as_bytes().get(at..).unwrap_or_default();
    if ["NaN", "Infinity", "nan", "inf"].iter().any(|word| {
        begins(at).starts_with(word.as_bytes()) || begins(at.saturating_sub(1)).starts_with(word.as_bytes())
    }) {
        return ParseError::NonFinite(at);
    }
    ParseError::Invalid(
        match message {
            "expected ident" => "expected true, false or null".to_owned(),
            text => text.replace("EOF while parsing", "the text ends inside of"),
        },
        at,
    )
}

struct Seed<'s, 'a> {
    tape: &'s mut Tape<'a>,
    depth: usize,
}

impl<'a> Seed<'_, 'a> {
    fn inner<E: serde::de::Error>(&mut self) -> Result<Seed<'_, 'a>, E> {
        if self.depth >= NESTING_DEPTH {
            self.tape.too_deep = true;
            return Err(E::custom("nesting too deep"));
        }
        if self.tape.nodes.len() > LINE_VALUES as usize {
            return Err(E::custom("too many values"));
        }
        Ok(Seed { tape: self.tape, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.tape.push(Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.tape.push(Scalar::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.tape.push(Scalar::Number(value as f64));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.tape.push(Scalar::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        // jsonb has no -0, so it is 0 here too.
        self.tape.push(Scalar::Number(value + 0.0));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.tape.push(Scalar::Plain(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.tape.push_decoded(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let at = self.tape.push(Scalar::Array);
        while access.next_element_seed(self.inner()?)?.is_some() {}
        self.tape.nodes[at as usize].end = self.tape.nodes.len() as u32;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let at = self.tape.push(Scalar::Object);
        // Keys by length and ends: nearly all objects have one key for each bit, and need no comparison.
        let (mut seen, mut suspect) = (0_u64, false);
        loop {
            let key = self.tape.nodes.len() as u32;
            if access.next_key_seed(Key(self.tape))?.is_none() {
                break;
            }
            let name = self.tape.text(key).as_bytes();
            let mix = name.len() * 7
                + usize::from(*name.first().unwrap_or(&0)) * 5
                + usize::from(*name.last().unwrap_or(&0));
            suspect |= seen >> (mix % 64) & 1 == 1;
            seen |= 1 << (mix % 64);
            access.next_value_seed(self.inner()?)?;
        }
        self.tape.nodes[at as usize].end = self.tape.nodes.len() as u32;
        if suspect {
            self.tape.find_duplicate(at);
        }
        Ok(())
    }
}

struct Key<'s, 'a>(&'s mut Tape<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.0.push(Scalar::Plain(text));
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push_decoded(text);
        Ok(())
    }
}

/// Whether a text is a JSON object, and whether it could be read at all.
pub(super) fn is_object(text: &str) -> bool {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
            while access.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    (&mut deserializer).deserialize_map(Members).and_then(|()| deserializer.end()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(line: &str) -> ParseError {
        Tape::default().parse(line).unwrap_err()
    }

    #[test]
    fn keeps_what_a_value_throws_away() {
        let mut tape = Tape::default();
        tape.parse(r#"{"a":1,"b":{"c":[1,2],"c":null},"d":"x\u0000"}"#).unwrap();
        assert_eq!(tape.duplicate_key(), Some("c"));
        assert!(tape.has_nul);
        assert_eq!(tape.root().get("a").and_then(Json::number), Some(1.0));
        assert!(!tape.root().has("c"));
        assert_eq!(tape.root().get("d").and_then(Json::text), Some("x\u{ffff}"));
        tape.parse(r#"[{"k":"é"},[],7]"#).unwrap();
        assert_eq!((tape.duplicate_key(), tape.has_nul), (None, false));
        let mut zero = Tape::default();
        zero.parse("-0").unwrap();
        assert_eq!(zero.root().described(), "the number 0");
        let kinds: Vec<_> = tape.root().elements().map(Json::described).collect();
        assert_eq!(kinds, ["an object", "an array", "the number 7"]);
    }

    #[test]
    fn a_key_that_stands_twice_is_found_among_many() {
        let object = |keys: usize, twice: &str| {
            let members: Vec<String> = (0..keys).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{},\"{twice}\":0}}", members.join(","))
        };
        let mut tape = Tape::default();
        let long = object(1000, "k500");
        tape.parse(&long).unwrap();
        assert_eq!(tape.duplicate_key(), Some("k500"));
        let none = object(1000, "other");
        let mut tape = Tape::default();
        tape.parse(&none).unwrap();
        assert_eq!(tape.duplicate_key(), None);
    }

    #[test]
    fn says_where_and_how_a_line_breaks() {
        assert_eq!(failure(r#"{"a": nope}"#), ParseError::Invalid("expected true, false or null".into(), 7));
        assert!(matches!(failure(r#"{"a":1} x"#), ParseError::Invalid(_, 8)));
        assert!(matches!(failure(r#"{"a":1e999}"#), ParseError::OutOfRange(_)));
        assert!(matches!(failure(r#"{"a":-1e999}"#), ParseError::OutOfRange(_)));
        for half in
            [r#"{"a":"\ud800"}"#, r#"{"a":"\ud800\n"}"#, r#"{"a":"\udc00x"}"#, r#"{"a":"\ud800\ud800"}"#]
        {
            assert!(matches!(failure(half), ParseError::UnpairedSurrogate(_)), "{half}: {:?}", failure(half));
        }
        for word in ["NaN", "Infinity", "-Infinity", "nan", "inf"] {
            assert!(matches!(failure(&format!("{{\"a\":{word}}}")), ParseError::NonFinite(_)), "{word}");
        }
        // A value of a document may have lines of its own.
        assert_eq!(
            failure("[1,\n 2,\n nope]"),
            ParseError::Invalid("expected true, false or null".into(), 10)
        );
        assert_eq!(failure(&"[".repeat(100_000)), ParseError::TooDeep);
        let values = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(Tape::default().parse(&values(LINE_VALUES as usize - 1)).is_ok());
        assert_eq!(failure(&values(LINE_VALUES as usize + 1)), ParseError::TooManyValues);
    }

    #[test]
    fn tells_objects_from_what_is_none() {
        assert!(is_object(r#"{"a": [1]}"#));
        assert!(!is_object("[1]") && !is_object("{a: 1}") && !is_object("") && !is_object("{} {}"));
    }
}
