//! Chat files to validate: made from a seed, with known content, and with known faults where these are asked for.
//!
//! [`Chat`] is such a file. [`Judgement`] holds a report against what was put into the file, and
//! [`PLAIN_VALIDATION`] is what a careful author would write in SQL alone, for comparison.
//!
//! Invariant: a file is the same on every machine; every example of it differs from all others in its first
//! user message; a file with faults has the same sound lines as the one without.

mod example;
mod fault;
mod judgement;
mod text;

pub use fault::Kind;
pub use judgement::Judgement;

use crate::random::Random;
use example::Example;

/// The function `plain_validation(text)`: the structural rules in SQL, as a peer.
pub const PLAIN_VALIDATION: &str = include_str!("plain_validation.sql");

/// The seed of the figures in docs/benchmarks.md.
pub const SEED: u64 = 4;

/// A fault and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// 1-based line.
    pub line: u64,
    /// What is wrong with it.
    pub kind: Kind,
}

/// A JSONL file of the shape `messages`.
#[derive(Debug, Clone)]
pub struct Chat {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its lines, each one example.
    pub lines: u64,
    /// Lines without an error.
    pub sound: u64,
    /// Assistant messages directly after a user message, of lines without an error.
    pub pairs: u64,
    /// Messages of users and assistants, of lines without an error.
    pub messages: u64,
    /// What is wrong, by line.
    pub faults: Vec<Fault>,
}

impl Chat {
    /// A file without a fault; about 1,700 bytes for each example.
    pub fn sound(seed: u64, examples: usize) -> Self {
        Self::faulty(seed, examples, 0)
    }

    /// The same file with so many lines of it replaced by faulty ones: all kinds in turns, spread over the file, never
    /// on line 1.
    ///
    /// # Panics
    /// If more than a third of the lines were to be faulty.
    pub fn faulty(seed: u64, examples: usize, faults: usize) -> Self {
        assert!(faults <= examples / 3, "{faults} faults in {examples} lines");
        let faults = places(seed, examples, faults);
        let mut chat = Self::empty();
        let mut copies = Copies::default();
        let mut next = faults.iter().peekable();
        for number in 1..=examples as u64 {
            let mut random = Random::stream(seed, number);
            let example = Example::new(&mut random, number);
            let fault = next.next_if(|fault| fault.line == number);
            chat.push(&mut random, example, fault.copied(), &mut copies);
        }
        chat.faults = faults;
        chat
    }

    /// As many examples as so many bytes hold, without a fault: the beginning of every longer file of this seed.
    pub fn sound_up_to(seed: u64, bytes: usize) -> Self {
        let mut chat = Self::empty();
        for number in 1.. {
            let mut random = Random::stream(seed, number);
            let example = Example::new(&mut random, number);
            if chat.bytes.len() + example.line().len() + 1 > bytes {
                break;
            }
            chat.push(&mut random, example, None, &mut Copies::default());
        }
        chat
    }

    fn empty() -> Self {
        Self { bytes: Vec::new(), lines: 0, sound: 0, pairs: 0, messages: 0, faults: Vec::new() }
    }

    fn push(&mut self, random: &mut Random, example: Example, fault: Option<Fault>, copies: &mut Copies) {
        let start = self.bytes.len();
        let mut exchanges = example.exchanges as u64;
        match fault.map(|fault| fault.kind) {
            None => {
                self.bytes.extend_from_slice(example.line().as_bytes());
                copies.keep(start..self.bytes.len(), exchanges);
            }
            Some(Kind::DuplicateExample) => {
                let (line, of) = copies.take(random);
                self.bytes.extend_from_within(line);
                exchanges = of;
            }
            Some(kind) => self.bytes.extend(kind.line(random, example)),
        }
        self.bytes.push(b'\n');
        self.lines += 1;
        if fault.is_none_or(|fault| !fault.kind.is_error()) {
            self.sound += 1;
            self.pairs += exchanges;
            self.messages += 2 * exchanges;
        }
    }

    /// How often a kind is in it.
    pub fn count(&self, kind: Kind) -> u64 {
        self.faults.iter().filter(|fault| fault.kind == kind).count() as u64
    }
}

/// Sound lines that can be copied, each once: a third copy would be one finding or two, as one counts.
#[derive(Default)]
struct Copies(Vec<(std::ops::Range<usize>, u64)>);

impl Copies {
    fn keep(&mut self, line: std::ops::Range<usize>, exchanges: u64) {
        self.0.push((line, exchanges));
    }

    fn take(&mut self, random: &mut Random) -> (std::ops::Range<usize>, u64) {
        self.0.swap_remove(random.below(self.0.len()))
    }
}

/// One fault in each of as many parts of the file as there are faults.
fn places(seed: u64, examples: usize, faults: usize) -> Vec<Fault> {
    // The stream of no example.
    let mut random = Random::stream(seed, 0);
    // Line 1 says what shape the file has.
    let start = |at: usize| 1 + at * (examples - 1) / faults;
    let place = |at: usize| {
        let line = random.between(start(at), start(at + 1) - 1) as u64 + 1;
        Fault { line, kind: Kind::ALL[at % Kind::ALL.len()] }
    };
    (0..faults).map(place).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn lines(chat: &Chat) -> Vec<&[u8]> {
        chat.bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect()
    }

    /// Roles of the messages of a sound line.
    fn roles(line: &[u8]) -> Vec<String> {
        let value: Value = serde_json::from_slice(line).unwrap();
        let messages = value["messages"].as_array().unwrap();
        messages.iter().map(|message| message["role"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_sound_file_is_what_it_says() {
        let chat = Chat::sound(SEED, 2000);
        let (mut pairs, mut messages, mut prompts) = (0, 0, HashSet::new());
        for line in lines(&chat) {
            let mut roles = roles(line);
            if roles[0] == "system" {
                roles.remove(0);
            }
            messages += roles.len() as u64;
            assert!(roles.chunks(2).all(|two| two == ["user", "assistant"]), "{roles:?}");
            pairs += roles.len() as u64 / 2;
            let value: Value = serde_json::from_slice(line).unwrap();
            let first =
                value["messages"].as_array().unwrap().iter().find(|message| message["role"] == "user");
            assert!(prompts.insert(first.unwrap()["content"].as_str().unwrap().to_owned()));
            assert!(line.len() < 8000, "an example that no window of 2,048 tokens holds");
        }
        assert_eq!((chat.lines, chat.sound, chat.pairs, chat.messages), (2000, 2000, pairs, messages));
        let mean = chat.bytes.len() / 2000;
        assert!((1600..1800).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let chat = Chat::faulty(SEED, 300, 51);
        assert_eq!(chat.bytes, Chat::faulty(SEED, 300, 51).bytes);
        assert_ne!(chat.bytes, Chat::faulty(SEED + 1, 300, 51).bytes);
    }

    #[test]
    fn a_file_of_so_many_bytes_is_the_beginning_of_a_longer_one() {
        let longer = Chat::sound(SEED, 100);
        let at = longer.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(49).unwrap().0 + 1;
        for (bytes, lines) in [(at - 1, 49), (at, 50), (at + 1, 50)] {
            let chat = Chat::sound_up_to(SEED, bytes);
            assert!(
                chat.lines == lines && chat.bytes.len() <= bytes && longer.bytes.starts_with(&chat.bytes)
            );
            assert_eq!(chat.pairs, Chat::sound(SEED, lines as usize).pairs);
        }
    }

    #[test]
    fn only_the_faulty_lines_differ() {
        let (sound, faulty) = (Chat::sound(SEED, 400), Chat::faulty(SEED, 400, 85));
        let differing: Vec<u64> = lines(&sound)
            .iter()
            .zip(lines(&faulty))
            .enumerate()
            .filter_map(|(at, (a, b))| (*a != b).then_some(at as u64 + 1))
            .collect();
        assert_eq!(differing, faulty.faults.iter().map(|fault| fault.line).collect::<Vec<_>>());
        assert!(Kind::ALL.iter().all(|kind| faulty.count(*kind) == 5));
        assert!(differing[0] > 1);
    }

    /// What a strict reader of JSON says of each kind.
    #[test]
    fn faults_are_what_they_say() {
        let chat = Chat::faulty(SEED, 2000, 170);
        let lines = lines(&chat);
        for Fault { line, kind } in &chat.faults {
            let bytes = lines[*line as usize - 1];
            let earlier = lines[..*line as usize - 1].iter().filter(|other| **other == bytes).count();
            // There are only so many arrays of two numbers.
            if !matches!(kind, Kind::NotAnObject | Kind::EmptyConversation) {
                assert_eq!(earlier, usize::from(*kind == Kind::DuplicateExample), "{kind:?}");
            }
            let text = std::str::from_utf8(bytes);
            assert_eq!(text.is_err(), *kind == Kind::InvalidUtf8, "{kind:?}");
            let Ok(text) = text else { continue };
            let refused =
                [Kind::InvalidJson, Kind::UnpairedSurrogate, Kind::NonFiniteNumber, Kind::NumberOutOfRange];
            let value: Result<Value, _> = serde_json::from_str(text);
            assert_eq!(value.is_err(), refused.contains(kind), "{kind:?}: {text}");
            assert_eq!(text.contains("\\u0000"), *kind == Kind::NulCharacter, "{kind:?}: {text}");
            let Ok(value) = value else { continue };
            assert_eq!(!value.is_object(), *kind == Kind::NotAnObject, "{kind:?}: {text}");
        }
    }
}
