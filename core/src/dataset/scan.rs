//! The pass over the bytes: lines, what each one is, and the tally of what they hold.

use super::findings::{Findings, Place};
use super::json::{self, Json, Object, ParseError};
use super::options::Options;
use super::report::{Conversation, Message, Report, TokenReport, ratio};
use super::rules::{self, RULESET_VERSION};
use super::shape::{LineKind, Shape, classify};
use super::tokens::{self, Tokens};
use super::{pairs, turns};
use crate::limits::{LINE_BYTES, SAMPLE_CONVERSATIONS, SAMPLE_MESSAGE_CHARS, SAMPLE_MESSAGES};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes after which `tick` is called: at the parser's 300 MB/s that is every 3 ms.
const TICK_BYTES: usize = 1 << 20;

/// Validates a dataset.
///
/// `content` is the file as it is, in any encoding and with any line ends; nothing about it is an error of
/// this function. `tick` is called at least once for each megabyte or line, whichever is longer; a caller
/// that wants to stop unwinds from it.
///
/// ```
/// use pg_lora_core::dataset::{Options, report};
/// let file = br#"{"conversation_id":"a","turns":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}"#;
/// let report = report(file, &Options::default(), &mut || ());
/// assert!(report.training_ready);
/// assert_eq!((report.total_training_pairs, report.conversations, report.messages), (1, 1, 2));
/// ```
pub fn report(content: &[u8], options: &Options, tick: &mut dyn FnMut()) -> Report {
    let mut tally = Tally::default();
    let (body, mut offset) = match content.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            let place = Place { line: 1, offset: 0, text: "" };
            tally.findings.raise(
                &rules::BYTE_ORDER_MARK,
                place,
                None,
                "the file begins with a byte order mark",
            );
            (rest, 3)
        }
        None => (content, 0),
    };
    let mut since_tick = 0;
    // A final line end closes the last line; it does not begin another one.
    let lines = body.strip_suffix(b"\n").unwrap_or(body);
    if !body.is_empty() {
        for line in lines.split(|&byte| byte == b'\n') {
            tally.lines += 1;
            tally.line(line, offset);
            offset += line.len() as u64 + 1;
            since_tick += line.len() + 1;
            if since_tick >= TICK_BYTES {
                since_tick = 0;
                tick();
            }
        }
    }
    tally.finish(content.len() as u64, options)
}

/// A role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "system" => Some(Role::System),
            "user" => Some(Role::User),
            "assistant" => Some(Role::Assistant),
            _ => None,
        }
    }

    /// The role that other tools' names for it mean.
    pub fn meant_by(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "user" | "human" | "customer" | "client" | "prompter" => Some(Role::User),
            "assistant" | "gpt" | "bot" | "model" | "ai" | "chatbot" => Some(Role::Assistant),
            "system" | "developer" => Some(Role::System),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// Whether a text shows nothing: white space and characters without width only.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    })
}

/// What the lines so far hold.
#[derive(Default)]
pub(super) struct Tally {
    pub findings: Findings,
    lines: u64,
    shape: Option<Shape>,
    declared_pairs: Option<u64>,
    /// Errors before the line at hand.
    errors_before_line: u64,
    /// Whether any line had something on it.
    any_content: bool,
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
    fn line(&mut self, line: &[u8], offset: u64) {
        let number = self.lines;
        self.errors_before_line = self.findings.errors();
        let (line, crlf) = match line.strip_suffix(b"\r") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let nowhere = Place { line: number, offset, text: "" };
        if crlf {
            self.findings.raise(&rules::CRLF, nowhere, None, "the line ends in CR LF");
        }
        if line.len() > LINE_BYTES {
            self.any_content = true;
            let error = format!("the line has {} bytes, {LINE_BYTES} at most are read", line.len());
            return self.findings.raise(&rules::LINE_TOO_LONG, nowhere, None, error);
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => {
                self.any_content = true;
                let at = error.valid_up_to();
                let error = format!("byte 0x{:02x} at offset {} is not UTF-8", line[at], offset + at as u64);
                return self.findings.raise_at(&rules::INVALID_UTF8, nowhere, at, error);
            }
        };
        let place = Place { line: number, offset, text };
        if text.trim().is_empty() {
            return self.findings.raise(&rules::BLANK_LINE, place, None, "the line is blank");
        }
        self.any_content = true;
        match json::parse(text) {
            Ok(parsed) => {
                if let Some(key) = parsed.duplicate_key {
                    let error = format!("key \"{}\" stands twice in one object", cut(&key, 40));
                    self.findings.raise(&rules::DUPLICATE_KEY, place, None, error);
                }
                if parsed.has_nul {
                    self.findings.raise(&rules::NUL_CHARACTER, place, None, "a string holds \\u0000");
                }
                match &parsed.value {
                    Json::Object(object) => self.object(object, place),
                    other => {
                        let error = format!("the line is {}, an object is expected", other.type_name());
                        self.findings.raise(&rules::NOT_AN_OBJECT, place, None, error);
                    }
                }
            }
            Err(ParseError::TooDeep) => {
                self.findings.raise(&rules::NESTING_TOO_DEEP, place, None, "the line is nested too deep");
            }
            Err(ParseError::Invalid { message, offset }) => {
                let error = format!("invalid JSON: {message} at column {}", offset + 1);
                self.findings.raise_at(&rules::INVALID_JSON, place, offset.min(text.len()), error);
            }
        }
    }

    fn object(&mut self, object: &Object<'_>, place: Place<'_>) {
        match classify(object) {
            LineKind::Header => self.header(object, place),
            LineKind::Example(shape) => {
                let first = *self.shape.get_or_insert(shape);
                if shape != first {
                    let error = format!(
                        "the line is of shape \"{}\", the file of shape \"{}\"",
                        shape.name(),
                        first.name()
                    );
                    self.findings.raise(&rules::MIXED_SHAPES, place, None, error);
                }
                match shape {
                    Shape::Pairs => pairs::check(object, place, self),
                    Shape::Turns => turns::check(object, place, self),
                }
            }
            LineKind::Unrecognised => {
                let error = "the object has neither \"current_user_input\" nor \"turns\"";
                self.findings.raise(&rules::UNRECOGNISED_LINE, place, None, error);
            }
        }
    }

    fn header(&mut self, object: &Object<'_>, place: Place<'_>) {
        if place.line != 1 {
            let error = "the header stands below line 1 and is ignored";
            return self.findings.raise(&rules::HEADER_NOT_FIRST, place, Some("_meta"), error);
        }
        match object.get("_meta") {
            Some(Json::Object(meta)) => match meta.get("total_pairs") {
                Some(Json::Number(n)) if *n >= 0.0 && n.fract() == 0.0 && *n < 9e15 => {
                    self.declared_pairs = Some(*n as u64);
                }
                None | Some(Json::Null) => {}
                Some(other) => pairs::wrong_type("_meta.total_pairs", "a whole number", other, place, self),
            },
            Some(other) => pairs::wrong_type("_meta", "an object", other, place, self),
            None => {}
        }
    }

    /// Whether the line at hand has no error. A line that has one cannot be trained on and counts for nothing.
    pub fn line_is_sound(&self) -> bool {
        self.findings.errors() == self.errors_before_line
    }

    /// Whether the line says that it is held back for validation.
    pub fn is_validation(&self, object: &Object<'_>) -> bool {
        matches!(object.get("split"), Some(Json::Text(split)) if split == "validation")
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

    fn finish(mut self, bytes: u64, options: &Options) -> Report {
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
        let valid = self.findings.errors() == 0;
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
            counts,
            findings,
            truncated,
            sample: self.sample,
        }
    }
}

/// At most `chars` characters of a text, without NUL, which jsonb cannot hold.
pub(super) fn cut(text: &str, chars: usize) -> String {
    let mut rest = text.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c });
    let mut kept: String = rest.by_ref().take(chars).collect();
    if rest.next().is_some() {
        kept.push('…');
    }
    kept
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
