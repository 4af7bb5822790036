//! What the lines of a dataset hold, added up as they come.

use super::findings::{Findings, Place};
use super::json::{Json, Object};
use super::message::{Role, cut};
use super::options::Options;
use super::report::{Conversation, Message, Report, TokenReport, ratio};
use super::rules::{self, RULESET_VERSION};
use super::shape::Shape;
use super::tokens::{self, Tokens};
use crate::limits::{SAMPLE_CONVERSATIONS, SAMPLE_MESSAGE_CHARS, SAMPLE_MESSAGES};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the lines so far hold.
#[derive(Default)]
pub(super) struct Tally {
    pub findings: Findings,
    lines: u64,
    pub shape: Option<Shape>,
    pub declared_pairs: Option<u64>,
    /// Errors before the line at hand.
    errors_before_line: u64,
    /// Whether any line had something on it.
    pub any_content: bool,
    training_pairs: u64,
    validation_pairs: u64,
    /// 128-bit hashes of ids: 16 bytes each however long an id is, and no collision to expect below 10¹⁸.
    conversations: HashSet<u128>,
    messages: u64,
    content: Tokens,
    sequence: Tokens,
    sample: Vec<Conversation>,
}

impl Tally {
    /// Begins the next line and answers its number.
    pub fn begin_line(&mut self) -> u64 {
        self.lines += 1;
        self.errors_before_line = self.findings.errors();
        self.lines
    }

    /// Whether the line at hand has no error. A line that has one cannot be trained on and counts for nothing.
    pub fn line_is_sound(&self) -> bool {
        self.findings.errors() == self.errors_before_line
    }

    /// Whether the line says that it is held back for validation.
    pub fn is_validation(&mut self, object: &Object<'_>, place: Place<'_>) -> bool {
        match object.get("split") {
            None | Some(Json::Null) => false,
            Some(Json::Text(split)) if split == "validation" => true,
            Some(Json::Text(split)) if split == "train" => false,
            Some(other) => {
                let split = match other {
                    Json::Text(split) => format!("\"{}\"", cut(split, 40)),
                    other => other.type_name().to_owned(),
                };
                let error = format!("\"split\" is {split}: the example counts as one to train on");
                self.findings.raise(&rules::UNKNOWN_SPLIT, place, Some("split"), error);
                false
            }
        }
    }

    pub fn count_pair(&mut self, validation: bool) {
        if validation {
            self.validation_pairs += 1;
        } else {
            self.training_pairs += 1;
        }
    }

    pub fn count_conversation(&mut self, id: &str) {
        self.conversations.insert(hash128(id));
    }

    pub fn count_sequence(&mut self, tokens: Tokens) {
        self.sequence.add(tokens);
    }

    /// Counts a message of a user or an assistant, and keeps it when its conversation is in the sample.
    pub fn count_message(&mut self, conversation_id: &str, role: Role, text: &str) {
        self.messages += 1;
        self.content.add(Tokens::of(text));
        // An id that jsonb cannot hold, or that is longer than any id should be, has no place in a sample.
        if conversation_id.is_empty() || conversation_id.len() > 200 || conversation_id.contains('\0') {
            return;
        }
        let index = match self.sample.iter().position(|kept| kept.conversation_id == conversation_id) {
            Some(index) => index,
            None if self.sample.len() < SAMPLE_CONVERSATIONS => {
                self.sample
                    .push(Conversation { conversation_id: conversation_id.to_owned(), turns: Vec::new() });
                self.sample.len() - 1
            }
            None => return,
        };
        let turns = &mut self.sample[index].turns;
        if turns.len() < SAMPLE_MESSAGES {
            turns.push(Message { role: role.name(), content: cut(text, SAMPLE_MESSAGE_CHARS) });
        }
    }

    /// Judges the file as a whole and makes the report.
    pub fn finish(mut self, bytes: u64, options: &Options) -> Report {
        if !self.any_content {
            self.findings.raise_file(&rules::EMPTY_FILE, "the file has no content");
        } else if self.training_pairs < options.min_examples {
            let error = format!(
                "the file has {} training pairs, {} are required",
                self.training_pairs, options.min_examples
            );
            self.findings.raise_file(&rules::TOO_FEW_PAIRS, error);
        }
        let pairs = self.training_pairs + self.validation_pairs;
        if let Some(declared) = self.declared_pairs.filter(|&declared| declared != pairs) {
            let place = Place { line: 1, offset: 0, text: "" };
            let error = format!("the header declares {declared} pairs, the file has {pairs}");
            self.findings.raise(&rules::DECLARED_COUNT_MISMATCH, place, Some("_meta.total_pairs"), error);
        }
        let (errors, warnings) = (self.findings.errors(), self.findings.warnings());
        let valid = errors == 0;
        let conversations = self.conversations.len() as u64;
        let (counts, findings, truncated) = self.findings.finish();
        Report {
            valid,
            training_ready: valid && self.training_pairs > 0,
            shape: self.shape,
            shape_reason: self.shape.map(Shape::reason),
            profile: options.profile.clone(),
            ruleset_version: RULESET_VERSION,
            bytes,
            lines: self.lines,
            total_training_pairs: self.training_pairs,
            total_validation_pairs: self.validation_pairs,
            conversations,
            messages: self.messages,
            declared_pairs: self.declared_pairs,
            total_tokens: self.content.count(),
            avg_turns_per_conversation: ratio(self.messages, conversations),
            avg_tokens_per_turn: ratio(self.content.count(), self.messages),
            tokens: TokenReport {
                method: tokens::METHOD,
                error_band_pct: self.content.error_band_pct(),
                content: self.content.count(),
                sequence: self.sequence.count(),
            },
            errors,
            warnings,
            counts,
            findings,
            truncated,
            sample: self.sample,
        }
    }
}

/// Two independent 64-bit hashes with fixed keys. They live as long as one scan and are never stored.
fn hash128(text: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        text.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
