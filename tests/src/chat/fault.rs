//! Faults that are put into a file, each alone on its line and each with the code that a validation has to give.

use super::example::{Example, message};
use crate::random::Random;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A brace is lost.
    InvalidJson,
    /// Bytes inside of a text that are no UTF-8.
    InvalidUtf8,
    /// A message without role or without content.
    MissingField,
    /// Content that is a number or a boolean.
    WrongType,
    /// A user that is called "human".
    UnknownRole,
    /// Content that nobody can see.
    EmptyContent,
    /// The last message is not answered.
    LastNotAssistant,
    /// Nothing is answered.
    NoAssistantMessage,
    /// A message with a key that stands twice.
    DuplicateKey,
    /// U+0000 as an escape.
    NulCharacter,
    /// Half of a surrogate pair as an escape.
    UnpairedSurrogate,
    /// A number that JSON does not have.
    NonFiniteNumber,
    /// A number that no float holds.
    NumberOutOfRange,
    /// 70 arrays in each other.
    NestingTooDeep,
    /// A conversation without messages.
    EmptyConversation,
    /// A line that is JSON and no object.
    NotAnObject,
    /// A copy of an earlier line.
    DuplicateExample,
}

/// Stands for bytes that no `String` can hold, until the line is bytes. No sound text has it.
const BROKEN: char = '\u{e000}';

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::InvalidJson,
        Self::InvalidUtf8,
        Self::MissingField,
        Self::WrongType,
        Self::UnknownRole,
        Self::EmptyContent,
        Self::LastNotAssistant,
        Self::NoAssistantMessage,
        Self::DuplicateKey,
        Self::NulCharacter,
        Self::UnpairedSurrogate,
        Self::NonFiniteNumber,
        Self::NumberOutOfRange,
        Self::NestingTooDeep,
        Self::EmptyConversation,
        Self::NotAnObject,
        Self::DuplicateExample,
    ];

    /// The code of the rule that finds it.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::UnknownRole => "unknown_role",
            Self::EmptyContent => "empty_content",
            Self::LastNotAssistant => "last_not_assistant",
            Self::NoAssistantMessage => "no_assistant_message",
            Self::DuplicateKey => "duplicate_key",
            Self::NulCharacter => "nul_character",
            Self::UnpairedSurrogate => "unpaired_surrogate",
            Self::NonFiniteNumber => "non_finite_number",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::NestingTooDeep => "nesting_too_deep",
            Self::EmptyConversation => "empty_conversation",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateExample => "duplicate_example",
        }
    }

    /// Whether it is an error: the line cannot be trained on and counts for nothing. Otherwise it is a warning.
    pub fn is_error(self) -> bool {
        self != Self::DuplicateExample
    }

    /// The line of an example with this fault in it, and nothing else wrong.
    ///
    /// A copy of an earlier line is not made of an example; the file makes it.
    pub(super) fn line(self, random: &mut Random, mut example: Example) -> Vec<u8> {
        let any = random.below(example.messages.len());
        // Of a sound example the first message, or the one after the system's, is a user's.
        let user = example.messages.len() - 2 * example.exchanges;
        match self {
            Self::InvalidJson => return without_a_brace(random, &example.line()),
            Self::InvalidUtf8 => {
                insert(random, &mut example.messages[any][1].1, &BROKEN.to_string());
                return broken(random, &example.line());
            }
            Self::NotAnObject => return random.pick(&["[1, 2]", "[]", "42", "\"text\""]).as_bytes().to_vec(),
            Self::MissingField => {
                example.messages[any].remove(random.below(2));
            }
            Self::WrongType => example.messages[any][1].1 = random.pick(&["42", "-0.5", "true"]).to_owned(),
            Self::UnknownRole => example.messages[user][0].1 = "\"human\"".to_owned(),
            Self::EmptyContent => {
                let empty =
                    ["\"\"", "\"  \"", "\"\u{200b}\"", "\"\\u200b\\u2060\"", "\"\u{feff}\\n\u{200d}\""];
                example.messages[any][1].1 = random.pick(&empty).to_owned();
            }
            Self::LastNotAssistant => {
                example.messages.push(message(example.style, "user", "Thank you, that is all."));
            }
            Self::NoAssistantMessage => example.messages.truncate(user + 1),
            Self::DuplicateKey => {
                let again = example.messages[any][random.below(2)].clone();
                example.messages[any].push(again);
            }
            Self::NulCharacter => insert(random, &mut example.messages[any][1].1, "\\u0000"),
            Self::UnpairedSurrogate => {
                let half = random.pick(&["\\ud800", "\\udbff", "\\uDC00"]);
                insert(random, &mut example.messages[any][1].1, half);
            }
            Self::NonFiniteNumber => {
                example.metadata = Some(score(random, &["NaN", "Infinity", "-Infinity"]));
            }
            Self::NumberOutOfRange => {
                example.metadata = Some(score(random, &["1e999", "-1e400", "12E+4000"]))
            }
            Self::NestingTooDeep => {
                example.metadata = Some(format!("{{\"notes\":{}{}}}", "[".repeat(70), "]".repeat(70)));
            }
            Self::EmptyConversation => example.messages.clear(),
            Self::DuplicateExample => unreachable!("the file makes copies"),
        }
        example.line().into_bytes()
    }
}

/// Puts something at the beginning or the end of a text. The letter or sign there is never an escape that could
/// join with it.
fn insert(random: &mut Random, json: &mut String, what: &str) {
    let at = if random.once_in(2) { 1 } else { json.len() - 1 };
    json.insert_str(at, what);
}

fn score(random: &mut Random, numbers: &[&str]) -> String {
    format!("{{\"score\":{}}}", random.pick(numbers))
}

fn without_a_brace(random: &mut Random, line: &str) -> Vec<u8> {
    let mut bytes = line.as_bytes().to_vec();
    let at = match random.below(3) {
        0 => 0,
        1 => bytes.len() - 1,
        // Of the last message: `…}]}`.
        _ => bytes.len() - 3,
    };
    bytes.remove(at);
    bytes
}

fn broken(random: &mut Random, line: &str) -> Vec<u8> {
    let (before, after) = line.split_once(BROKEN).expect("it was put in");
    // No byte of UTF-8, half a character, a character in too many bytes, a surrogate.
    let bytes: &[u8] = random.pick::<&[u8]>(&[b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80"]);
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}
