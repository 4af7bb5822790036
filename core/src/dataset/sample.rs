//! The first conversations of a file, for a person to look at.
//!
//! The sample is what stands before the fourth conversation begins: a prefix of the file, so that the samples
//! of two parts make the sample of the whole.

use super::example::Role;
use super::text::cut;
use crate::limits::{SAMPLE_CONVERSATIONS, SAMPLE_ID_BYTES, SAMPLE_MESSAGE_CHARS, SAMPLE_MESSAGES};
use serde::{Deserialize, Serialize};

/// A conversation of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "SampledConversation"))]
pub struct Conversation {
    /// Its id, as the file gives it; NULL when its shape has none.
    pub conversation_id: Option<String>,
    /// Its first messages.
    pub turns: Vec<Message>,
}

/// A message of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "SampledMessage"))]
pub struct Message {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// Its text, cut when long.
    pub content: String,
}

/// A message, with the conversation it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SampledMessage {
    /// `None`: a conversation without an id, which is its line.
    id: Option<String>,
    line: u64,
    role: Role,
    content: String,
}

impl SampledMessage {
    fn is_of(&self, id: Option<&str>, line: u64) -> bool {
        self.id.as_deref() == id && (id.is_some() || self.line == line)
    }
}

/// Messages in the order of the file, until the fourth conversation begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sample {
    entries: Vec<SampledMessage>,
    full: bool,
}

impl Sample {
    /// Adds a message, as far as there is room for it.
    pub fn add(&mut self, id: Option<&str>, line: u64, role: Role, text: &str) {
        // An id that holds NUL, or that is longer than any id should be, has no place in a sample.
        let is_shown = |id: &str| {
            !id.is_empty() && id.len() <= SAMPLE_ID_BYTES && !id.contains(super::text::NUL_STAND_IN)
        };
        if self.full || !id.is_none_or(is_shown) {
            return;
        }
        self.push(id, line, role, || cut(text, SAMPLE_MESSAGE_CHARS));
    }

    fn push(&mut self, id: Option<&str>, line: u64, role: Role, content: impl FnOnce() -> String) {
        match self.entries.iter().filter(|entry| entry.is_of(id, line)).count() {
            0 if self.conversations().len() == SAMPLE_CONVERSATIONS => self.full = true,
            SAMPLE_MESSAGES.. => {}
            _ => self.entries.push(SampledMessage {
                id: id.map(str::to_owned),
                line,
                role,
                content: content(),
            }),
        }
    }

    /// Whether this can be the sample of so many lines.
    pub fn fits(&self, lines: u64) -> bool {
        self.entries.len() <= SAMPLE_CONVERSATIONS * SAMPLE_MESSAGES
            && self.entries.iter().all(|entry| entry.line <= lines)
    }

    /// Moves all entries behind so many lines.
    pub fn shift(&mut self, lines: u64) {
        self.entries.iter_mut().for_each(|entry| entry.line += lines);
    }

    /// Adds the sample of lines behind all of these.
    pub fn append(&mut self, later: Sample) {
        for entry in later.entries {
            if self.full {
                return;
            }
            self.push(entry.id.as_deref(), entry.line, entry.role, || entry.content.clone());
        }
        // What filled the later part is one conversation too many here as well: this part has no fewer.
        self.full |= later.full;
    }

    fn conversations(&self) -> Vec<(&SampledMessage, usize)> {
        let mut conversations: Vec<(&SampledMessage, usize)> = Vec::new();
        for entry in &self.entries {
            match conversations.iter_mut().find(|(first, _)| first.is_of(entry.id.as_deref(), entry.line)) {
                Some((_, messages)) => *messages += 1,
                None => conversations.push((entry, 1)),
            }
        }
        conversations
    }

    /// The conversations, as reports show them.
    pub fn finish(self) -> Vec<Conversation> {
        let mut shown: Vec<(u64, Conversation)> = Vec::new();
        for SampledMessage { id, line, role, content } in self.entries {
            let message = Message { role: role.name(), content };
            let is_same = |first: &(u64, Conversation)| {
                first.1.conversation_id == id && (id.is_some() || first.0 == line)
            };
            match shown.iter_mut().find(|first| is_same(first)) {
                Some((_, conversation)) => conversation.turns.push(message),
                None => shown.push((line, Conversation { conversation_id: id, turns: vec![message] })),
            }
        }
        shown.into_iter().map(|(_, conversation)| conversation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(ids: &[Option<u8>]) -> Sample {
        let mut sample = Sample::default();
        for (line, id) in ids.iter().enumerate() {
            sample.add(
                id.map(|id| id.to_string()).as_deref(),
                line as u64 + 1,
                Role::User,
                &format!("{line}"),
            );
        }
        sample
    }

    #[test]
    fn ends_where_the_fourth_conversation_begins() {
        let sample = of(&[Some(1), Some(2), Some(1), Some(3), Some(4), Some(1)]).finish();
        assert_eq!(sample.len(), 3);
        assert_eq!(sample[0].turns.len(), 2, "what comes behind the fourth is not shown");
        assert_eq!(of(&[None; 9]).finish().len(), 3);
        assert_eq!(of(&[Some(1); 30]).finish()[0].turns.len(), SAMPLE_MESSAGES);
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(ids in proptest::collection::vec(proptest::option::of(0_u8..6), 0..40), at in 0_usize..40) {
            let at = at.min(ids.len());
            let mut parts = of(&ids[..at]);
            let mut later = Sample::default();
            for (n, id) in ids[at..].iter().enumerate() {
                later.add(id.map(|id| id.to_string()).as_deref(), n as u64 + 1, Role::User, &format!("{}", at + n));
            }
            later.shift(at as u64);
            parts.append(later);
            prop_assert_eq!(parts.finish(), of(&ids).finish());
        }
    }
}
