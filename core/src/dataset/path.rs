//! The way to a value inside of an example, such as `turns[2].content`.
//!
//! A path is made for every field that is looked at and shown for the few that are at fault: it lives on the
//! stack and allocates nothing until it is shown.

use super::json::Step;
use super::text::cut;
use std::fmt;

/// Characters that are shown of a key; the longest that is known has 31.
const KEY_CHARS: usize = 60;

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
            // A key is the file's own text: it may be long, or hold what jsonb cannot.
            Some(Step::Key(key)) => f.write_str(&cut(key, KEY_CHARS)),
            Some(Step::Index(index)) => write!(f, "[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
