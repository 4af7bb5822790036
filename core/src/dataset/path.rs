//! The way to a value inside of an example, such as `turns[2].content`.
//!
//! A path is made for every field that is looked at and shown for the few that are at fault: it lives on the
//! stack and allocates nothing until it is shown.

use super::text::{cut, without_nul};
use crate::limits::{KEY_CHARS, LOCATED_BYTES};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A step of the way to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// A value's place: what it is in, and the step from there.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Option<Step<'p>>,
    /// What stands before the path of the example itself: empty for a line, `training_pairs[3]` in a document.
    prefix: &'p str,
}

impl<'p> Path<'p> {
    /// The example itself.
    pub fn root(prefix: &'p str) -> Self {
        Self { parent: None, step: None, prefix }
    }

    pub fn key(&'p self, key: &'p str) -> Path<'p> {
        Self { parent: Some(self), step: Some(Step::Key(key)), prefix: "" }
    }

    pub fn index(&'p self, index: usize) -> Path<'p> {
        Self { parent: Some(self), step: Some(Step::Index(index)), prefix: "" }
    }

    /// The steps from the example to the value.
    pub fn steps(&self) -> Vec<Step<'p>> {
        let mut steps = self.parent.map(Path::steps).unwrap_or_default();
        steps.extend(self.step);
        steps
    }

    /// As a report shows it; `None` for a line as a whole.
    pub fn shown(&self) -> Option<String> {
        Some(self.to_string()).filter(|path| !path.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.step.is_none() && self.prefix.is_empty()
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !parent.is_empty() && matches!(self.step, Some(Step::Key(_))) {
                f.write_str(".")?;
            }
        }
        match self.step {
            None => f.write_str(self.prefix),
            // A key is the file's own text: it may be long, or hold what stands for NUL.
            Some(Step::Key(key)) => f.write_str(&cut(key, KEY_CHARS)),
            Some(Step::Index(index)) => write!(f, "[{index}]"),
        }
    }
}

/// The byte of a line at which the value behind some steps begins; of the last one that is there otherwise.
///
/// A second look at the line, for the few findings that are kept: the tape holds no positions.
pub(super) fn locate(line: &str, steps: &[Step<'_>]) -> usize {
    if line.len() > LOCATED_BYTES {
        return 0;
    }
    let mut at: &str = line;
    for step in steps {
        let found = match step {
            Step::Key(key) => member(at, key),
            Step::Index(index) => serde_json::from_str::<Vec<&RawValue>>(at)
                .ok()
                .and_then(|elements| elements.get(*index).map(|element| element.get())),
        };
        match found {
            Some(inner) => at = inner,
            None => break,
        }
    }
    // Both slices are of one text, the inner one borrowed from the outer one.
    at.as_ptr() as usize - line.as_ptr() as usize
}

fn member<'l>(object: &'l str, wanted: &str) -> Option<&'l str> {
    struct Find<'w>(&'w str);
    impl<'de> Visitor<'de> for Find<'_> {
        type Value = Option<&'de str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = access.next_key::<Cow<'de, str>>()? {
                let value = access.next_value::<&RawValue>()?;
                if found.is_none() && without_nul(key) == self.0 {
                    found = Some(value.get());
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(object).deserialize_map(Find(wanted)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_place_of_a_value() {
        let line = r#"{"a": 1, "b": [{"c": 2}, {"c": "x"}]}"#;
        let at = |steps: &[Step<'_>]| &line[locate(line, steps)..];
        assert!(at(&[]).starts_with(r#"{"a""#));
        assert!(at(&[Step::Key("b"), Step::Index(1), Step::Key("c")]).starts_with("\"x\""));
        assert!(at(&[Step::Key("b"), Step::Index(1), Step::Key("missing")]).starts_with(r#"{"c": "x""#));
        assert!(at(&[Step::Key("b"), Step::Index(9)]).starts_with('['));
        // A path has the keys of the tape.
        assert_eq!(locate(r#"{"a": 1, "b\u0000": 2}"#, &[Step::Key("b\u{ffff}")]), 20);
    }

    #[test]
    fn is_shown_as_javascript_writes_it() {
        let root = Path::root("");
        let turns = root.key("turns");
        let turn = turns.index(2);
        assert_eq!(turn.key("content").to_string(), "turns[2].content");
        assert_eq!(root.shown(), None);
        assert_eq!(root.key("a\0b").to_string(), "a\u{fffd}b");
        assert_eq!(root.key(&"k".repeat(100)).to_string().chars().count(), KEY_CHARS + 1);
        assert_eq!(turn.key("content").steps(), [Step::Key("turns"), Step::Index(2), Step::Key("content")]);
        let root = Path::root("training_pairs[3]");
        assert_eq!(root.key("id").to_string(), "training_pairs[3].id");
        assert_eq!(root.shown().as_deref(), Some("training_pairs[3]"));
        assert!(root.steps().is_empty());
    }
}
