//! Examples compared with each other: ids, prompts, replies and conversations that come again.
//!
//! Of each example a few hashes are kept; what they have in common is looked for at the end, by sorting, so
//! that it does not matter how the file was divided.

use super::file::Split;
use super::findings::{At, Findings, Place};
use super::histogram::{Histogram, Spread};
use super::rule::Rule;
use super::rules::file::COMPARISON_LIMITED;
use super::rules::{pairs, repeats};
use crate::limits::EXAMPLES_COMPARED;
use serde::{Deserialize, Serialize};

/// What is kept of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptExample {
    pub offset: u64,
    pub line: u32,
    /// Hash of the messages before the last reply, and of that reply.
    pub prompt: u64,
    pub reply: u64,
    /// Hashes of the ids of example and conversation; 0 for none.
    pub id: u64,
    pub conversation: u64,
    /// Hash of what is said about the conversation, its number in it, and its messages; 0 for none.
    pub metadata: u32,
    pub turn: u32,
    pub messages: u32,
    pub is_validation: bool,
    /// Which file it is in. A part of a file does not know.
    #[serde(skip)]
    pub file: Split,
}

impl KeptExample {
    /// What orders the examples of a dataset.
    fn place(&self) -> (Split, u64) {
        (self.file, self.offset)
    }
}

/// The examples of a part of a file, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptExamples {
    compared: Vec<KeptExample>,
    /// Conversations of the examples beyond the limit, which are still counted.
    beyond: Vec<u64>,
    /// Examples beyond the limit.
    not_compared: u64,
    /// Examples without a conversation's id: each is one of its own.
    alone: u64,
}

impl KeptExamples {
    pub fn add(&mut self, entry: KeptExample) {
        if self.compared.len() < EXAMPLES_COMPARED {
            make_room(&mut self.compared);
            self.compared.push(entry);
        } else {
            self.not_compared += 1;
            self.count_beyond(entry.conversation);
        }
        self.alone += u64::from(entry.conversation == 0);
    }

    fn count_beyond(&mut self, conversation: u64) {
        // Lines of one conversation mostly follow each other.
        if conversation != 0 && self.beyond.last() != Some(&conversation) {
            make_room(&mut self.beyond);
            self.beyond.push(conversation);
        }
    }

    /// Whether these can be the examples of so many lines and bytes.
    pub fn fit(&self, lines: u64, bytes: u64) -> bool {
        let in_range = |entry: &KeptExample| u64::from(entry.line) <= lines && entry.offset <= bytes;
        let all = self.compared.len() as u64 + self.not_compared;
        self.compared.len() <= EXAMPLES_COMPARED
            && self.not_compared <= lines
            && all <= lines
            && self.beyond.len() as u64 <= self.not_compared
            && self.alone <= all
            && self.compared.iter().all(in_range)
    }

    /// All examples are of the file that is held back.
    pub fn hold_back(&mut self) {
        for entry in &mut self.compared {
            entry.is_validation = true;
            entry.file = Split::Validation;
        }
    }

    /// Moves all examples behind so many lines and bytes.
    pub fn shift(&mut self, lines: u64, bytes: u64) {
        for entry in &mut self.compared {
            entry.line = entry.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            entry.offset += bytes;
        }
    }

    /// Adds the examples of lines behind all of these.
    pub fn append(&mut self, mut later: KeptExamples) {
        self.alone += later.alone;
        if self.compared.len() + later.compared.len() <= EXAMPLES_COMPARED {
            // The smaller part moves.
            if self.compared.len() < later.compared.len() {
                later.compared.splice(0..0, self.compared.drain(..));
                std::mem::swap(&mut self.compared, &mut later.compared);
            } else {
                self.compared.append(&mut later.compared);
            }
        } else {
            for entry in later.compared {
                if self.compared.len() < EXAMPLES_COMPARED {
                    self.compared.push(entry);
                } else {
                    self.not_compared += 1;
                    self.count_beyond(entry.conversation);
                }
            }
        }
        self.not_compared += later.not_compared;
        for conversation in later.beyond {
            self.count_beyond(conversation);
        }
    }

    /// Compares all examples, raises what is found, and answers how many conversations there are and how many
    /// messages they have.
    pub fn finish(
        mut self,
        is_document: bool,
        findings: &mut Findings,
        tick: &mut dyn FnMut(),
    ) -> (u64, Spread) {
        if self.not_compared > 0 {
            let error = format_args!(
                "the first {EXAMPLES_COMPARED} examples were compared with each other, {} were not",
                self.not_compared
            );
            findings.raise_file(&COMPARISON_LIMITED, error);
        }
        let mut found = Comparison { findings, by_byte: is_document, repeats: Vec::new() };
        tick();
        self.compare_prompts(&mut found);
        found.tell();
        tick();
        // In a document the ids of pairs repeat from conversation to conversation.
        if !is_document {
            self.compare_ids(&mut found);
            found.tell();
        }
        tick();
        let (conversations, messages) = self.compare_conversations(&mut found, tick);
        found.tell();
        (conversations, messages)
    }

    fn compare_prompts(&mut self, found: &mut Comparison<'_>) {
        self.compared.sort_unstable_by_key(|entry| (entry.prompt, entry.reply, entry.place()));
        for same_prompt in self.compared.chunk_by(|a, b| a.prompt == b.prompt).filter(|group| group.len() > 1)
        {
            let (first_training, first_validation) = (first(same_prompt, false), first(same_prompt, true));
            for same_reply in same_prompt.chunk_by(|a, b| a.reply == b.reply) {
                let (training, validation) = (first(same_reply, false), first(same_reply, true));
                for entry in same_reply {
                    let (original, other) = match entry.is_validation {
                        false => (training, first_training),
                        true => (validation, first_validation),
                    };
                    if let Some(original) = original.filter(|original| *original != entry) {
                        found.add(&repeats::DUPLICATE_EXAMPLE, "the example is that of", entry, original);
                    } else if let Some(other) = other.filter(|other| other.reply != entry.reply) {
                        found.add(
                            &repeats::CONFLICTING_REPLY,
                            "the prompt has another reply on",
                            entry,
                            other,
                        );
                    }
                    if !entry.is_validation {
                        continue;
                    }
                    if let Some(trained) = training {
                        found.add(
                            &repeats::VALIDATION_EXAMPLE_IN_TRAINING,
                            "the validation example is trained on in",
                            entry,
                            trained,
                        );
                    } else if let Some(trained) = first_training {
                        found.add(
                            &repeats::VALIDATION_PROMPT_IN_TRAINING,
                            "the validation prompt is trained on, with another reply, in",
                            entry,
                            trained,
                        );
                    }
                }
            }
        }
    }

    fn compare_ids(&mut self, found: &mut Comparison<'_>) {
        self.compared.sort_unstable_by_key(|entry| (entry.id, entry.place()));
        // Two files may number their examples alike.
        for same in
            self.compared.chunk_by(|a, b| (a.id, a.file) == (b.id, b.file)).filter(|group| group[0].id != 0)
        {
            for entry in &same[1..] {
                found.add(&repeats::DUPLICATE_ID, "the id is that of", entry, &same[0]);
            }
        }
    }

    fn compare_conversations(&mut self, found: &mut Comparison<'_>, tick: &mut dyn FnMut()) -> (u64, Spread) {
        self.compared.sort_unstable_by_key(|entry| (entry.conversation, entry.place()));
        let mut messages = Histogram::default();
        let mut distinct = 0;
        for conversation in self.compared.chunk_by(|a, b| a.conversation == b.conversation) {
            if conversation[0].conversation == 0 {
                conversation.iter().for_each(|entry| messages.add(u64::from(entry.messages)));
                continue;
            }
            distinct += 1;
            messages.add(conversation.iter().map(|entry| u64::from(entry.messages)).sum());
            if let Some(other) = conversation.iter().find(|entry| entry.metadata != conversation[0].metadata)
            {
                found.add(
                    &pairs::METADATA_CONFLICT,
                    "the conversation has other metadata on",
                    other,
                    &conversation[0],
                );
            }
            let is_lower = |two: &&[KeptExample]| two[1].turn != 0 && two[1].turn <= two[0].turn;
            for two in conversation.windows(2).filter(|two| two[0].file == two[1].file).filter(is_lower) {
                found.add(
                    &pairs::TURN_NOT_INCREASING,
                    "turn_number is not above the one on",
                    &two[1],
                    &two[0],
                );
            }
        }
        tick();
        // Millions take 100 ms to sort, which is as long as nobody may wait; sorted parts are joined in a few.
        for part in self.beyond.chunks_mut(1 << 19) {
            part.sort_unstable();
            tick();
        }
        self.beyond.sort();
        self.beyond.dedup();
        tick();
        let is_new = |id: &&u64| self.compared.binary_search_by_key(*id, |entry| entry.conversation).is_err();
        let beyond = self.beyond.iter().filter(is_new).count() as u64;
        (distinct + beyond + self.alone, messages.spread())
    }
}

/// Grows by a quarter in place of twofold: these lists are nearly all of the memory that a validation needs.
fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 4 + 64);
    }
}

/// The earliest example of a split.
fn first(entries: &[KeptExample], is_validation: bool) -> Option<&KeptExample> {
    entries.iter().filter(|entry| entry.is_validation == is_validation).min_by_key(|entry| entry.place())
}

/// Repeats of one comparison, which come in the order of hashes and are told in that of lines.
struct Comparison<'f> {
    findings: &'f mut Findings,
    /// The examples of a document may all be on one line: there a byte tells which one is meant.
    by_byte: bool,
    repeats: Vec<Repeat>,
}

/// An example that has something in common with an earlier one.
struct Repeat {
    rule: &'static Rule,
    words: &'static str,
    file: Split,
    offset: u64,
    line: u32,
    /// Line, or byte, of the earlier one, and its file.
    earlier: u64,
    earlier_file: Split,
}

impl Comparison<'_> {
    fn add(&mut self, rule: &'static Rule, words: &'static str, entry: &KeptExample, other: &KeptExample) {
        let earlier = if self.by_byte { other.offset } else { u64::from(other.line) };
        let (file, earlier_file) = (entry.file, other.file);
        self.repeats.push(Repeat {
            rule,
            words,
            file,
            offset: entry.offset,
            line: entry.line,
            earlier,
            earlier_file,
        });
    }

    fn tell(&mut self) {
        self.repeats.sort_unstable_by_key(|repeat| (repeat.file, repeat.offset, repeat.rule.code));
        let noun = if self.by_byte { "byte" } else { "line" };
        for Repeat { rule, words, file, offset, line, earlier, earlier_file } in self.repeats.drain(..) {
            let place = Place { split: file, ..Place::bare(u64::from(line), offset) };
            // Only an example that is held back is compared with one of another file.
            let of_file = if file == earlier_file { "" } else { " of the training file" };
            let error = format_args!("{words} {noun} {earlier}{of_file}");
            self.findings.raise(rule, place, At::Whole, error, None);
        }
    }
}
