//! Whole lines, and what they hold.
//!
//! Invariant: a line is judged by itself. Whatever depends on other lines (the shape of the file, repeats) is
//! kept in a form that two bodies can be joined in, and told at the end.

use super::check::Check;
use super::example::{Example, Role};
use super::file::Split;
use super::findings::{At, Findings, Place};
use super::hash;
use super::histogram::Histogram;
use super::json::{Json, ParseError, Tape};
use super::options::Options;
use super::repeats::{KeptExample, KeptExamples};
use super::rule::Rule;
use super::rules::{field, file, json, line};
use super::sample::Sample;
use super::shape::{LineKind, Shape, classify};
use super::shapes;
use super::text::quote;
use super::tokens::Tokens;
use crate::limits::{LINE_BYTES, LINE_VALUES};
use serde::{Deserialize, Serialize};

/// What so many lines hold. Lines and offsets count from the body's own beginning.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Body {
    /// Physical lines, blank ones included.
    pub lines: u64,
    /// Bytes, line ends included.
    pub bytes: u64,
    /// Lines with anything on them.
    pub filled: u64,
    /// Lines that are whole documents.
    pub documents: u64,
    /// Lines that begin with `{` in their first column: a pretty-printed document has one of them.
    pub opening: u64,
    pub findings: Findings,
    pub shapes: Vec<OfShape>,
    /// What the header on line 1 says. Line 1 is read last, so no part of a file has it.
    #[serde(skip)]
    pub declared: Declared,
    pub tally: Tally,
    pub entries: KeptExamples,
    pub sample: Sample,
    /// Of a document, which says itself what its conversations are.
    #[serde(skip)]
    pub document: Option<OfDocument>,
}

/// The arrays of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct OfDocument {
    pub conversations: u64,
    /// Length of `training_pairs` of each conversation.
    pub turns: Histogram,
}

/// Lines of one shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OfShape {
    pub shape: Shape,
    pub first_line: u64,
    pub lines: u64,
    /// What is wrong with these lines if the file is of another shape.
    pub mixed: Findings,
}

/// Counts that a file gives of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// The path of the count of pairs, and the count.
    pub pairs: Option<(&'static str, u64)>,
    pub conversations: Option<u64>,
}

/// Sums over examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Examples that are not held back: what a provider counts, where a conversation has several pairs.
    pub training_examples: u64,
    pub training_pairs: u64,
    pub validation_pairs: u64,
    /// User and assistant messages.
    pub messages: u64,
    /// Content tokens by role, in the order of [`Role::ALL`].
    pub by_role: [Tokens; 4],
    /// What an epoch costs.
    pub sequence: Tokens,
    /// Sequence tokens of each example.
    pub lengths: Histogram,
    /// Examples longer than the window.
    pub over_window: u64,
}

impl Tally {
    /// All examples are held back.
    pub fn hold_back(&mut self) {
        self.validation_pairs += std::mem::take(&mut self.training_pairs);
        self.training_examples = 0;
    }

    pub fn append(&mut self, later: Tally) {
        self.training_examples += later.training_examples;
        self.training_pairs += later.training_pairs;
        self.validation_pairs += later.validation_pairs;
        self.messages += later.messages;
        for (mine, tokens) in self.by_role.iter_mut().zip(later.by_role) {
            mine.add(tokens);
        }
        self.sequence.add(later.sequence);
        self.lengths.append(later.lengths);
        self.over_window += later.over_window;
    }
}

impl Body {
    /// Lines that are examples, sound or not.
    pub fn examples(&self) -> u64 {
        self.shapes.iter().map(|of_shape| of_shape.lines).sum()
    }

    /// Adds lines that stand behind all of these.
    pub fn append(&mut self, mut later: Body) {
        later.findings.shift(self.lines, self.bytes);
        self.findings.append(later.findings);
        for mut of_shape in later.shapes {
            of_shape.mixed.shift(self.lines, self.bytes);
            of_shape.first_line += self.lines;
            match self.shapes.iter_mut().find(|mine| mine.shape == of_shape.shape) {
                Some(mine) => {
                    mine.lines += of_shape.lines;
                    mine.mixed.append(of_shape.mixed);
                }
                None => self.shapes.push(of_shape),
            }
        }
        self.tally.append(later.tally);
        later.entries.shift(self.lines, self.bytes);
        self.entries.append(later.entries);
        later.sample.shift(self.lines);
        self.sample.append(later.sample);
        self.lines += later.lines;
        self.bytes += later.bytes;
        self.filled += later.filled;
        self.documents += later.documents;
        self.opening += later.opening;
    }

    /// Adds one line, without its line end. `is_first`: it is line 1 of the file, where a mark and a header may
    /// stand. `length` is that of the line, of which `line` may be only the beginning when it is too long.
    pub fn add_line<'a>(
        &mut self,
        line: &'a [u8],
        length: u64,
        is_first: bool,
        options: &Options,
        tape: &mut Tape<'a>,
    ) {
        let offset = self.bytes;
        self.lines += 1;
        self.bytes += length;
        self.opening += u64::from(line.first() == Some(&b'{'));
        let nowhere = Place::bare(self.lines, offset);
        if length > LINE_BYTES as u64 {
            self.filled += 1;
            let error = format_args!("the line has {length} bytes, {LINE_BYTES} at most are read");
            return self.findings.raise(&line::LINE_TOO_LONG, nowhere, At::Whole, error, None);
        }
        let (line, offset) = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if is_first => {
                let error = format_args!("the file begins with a byte order mark");
                self.findings.raise(&line::BYTE_ORDER_MARK, nowhere, At::Whole, error, None);
                (rest, offset + 3)
            }
            _ => (line, offset),
        };
        let line = match line.strip_suffix(b"\r") {
            Some(rest) => {
                let error = format_args!("the line ends in CR LF");
                self.findings.raise(&line::CRLF, nowhere, At::Whole, error, None);
                rest
            }
            None => line,
        };
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => {
                self.filled += 1;
                let at = error.valid_up_to();
                let place = Place::bare(self.lines, offset + at as u64);
                let error = format_args!("byte 0x{:02x} at column {} is not UTF-8", line[at], at + 1);
                return self.findings.raise(&line::INVALID_UTF8, place, At::Whole, error, None);
            }
        };
        let place = Place { text, ..Place::bare(self.lines, offset) };
        if text.trim_ascii().is_empty() || text.trim().is_empty() {
            let error = format_args!("the line is blank");
            return self.findings.raise(&line::BLANK_LINE, place, At::Whole, error, None);
        }
        self.filled += 1;
        match tape.parse(text) {
            Ok(()) => {
                let mut check = Check::new(options, place, "", &mut self.findings);
                let Some(kind) = read_value(tape, &mut check) else { return };
                let example = match kind {
                    LineKind::Header => {
                        if let Some(declared) = header(tape.root(), is_first, &mut check) {
                            self.declared = declared;
                        }
                        None
                    }
                    LineKind::Example(shape) => {
                        let example = shapes::read(shape, tape.root(), &mut check)
                            .map(|example| (example.measure(&mut check), example));
                        let sound = check.sound;
                        self.note_shape(shape, place);
                        example.filter(|_| sound)
                    }
                    LineKind::Preference => {
                        let error =
                            format_args!("the object has replies to compare, one to learn is expected");
                        check.raise(&field::PREFERENCE_DATA, &check.root(), error);
                        None
                    }
                    LineKind::Document => {
                        self.documents += 1;
                        let error =
                            format_args!("the line is a whole document, a single example is expected");
                        check.raise(&field::DOCUMENT_AMONG_LINES, &check.root(), error);
                        None
                    }
                    LineKind::Unrecognised => {
                        let error = format_args!("the object has none of the keys that tell a shape");
                        check.raise(&field::UNRECOGNISED_LINE, &check.root(), error);
                        None
                    }
                };
                if let Some((measured, example)) = example {
                    self.count(&example, measured, Place::bare(place.line, place.offset), options);
                }
            }
            Err(error) => {
                let mut check = Check::new(options, place, "", &mut self.findings);
                broken(error, &mut check);
            }
        }
    }

    /// The shape of the file, which is that of its first example; lines of another one are raised.
    pub fn choose_shape(&mut self) -> Option<Shape> {
        self.shapes.sort_unstable_by_key(|of_shape| of_shape.first_line);
        let mut shapes = std::mem::take(&mut self.shapes).into_iter();
        let shape = shapes.next()?.shape;
        shapes.for_each(|of_shape| self.findings.append(of_shape.mixed));
        Some(shape)
    }

    /// Counts a line end behind the last line.
    pub fn end_line(&mut self) {
        self.bytes += 1;
    }

    fn note_shape(&mut self, shape: Shape, place: Place<'_>) {
        let at = self.shapes.iter().position(|of_shape| of_shape.shape == shape).unwrap_or_else(|| {
            self.shapes.push(OfShape { shape, first_line: place.line, lines: 0, mixed: Findings::default() });
            self.shapes.len() - 1
        });
        let of_shape = &mut self.shapes[at];
        of_shape.lines += 1;
        let error = format_args!("the line is of shape \"{}\", unlike the first example", shape.name());
        of_shape.mixed.raise(&file::MIXED_SHAPES, place, At::Whole, error, None);
    }

    /// Counts a sound example.
    pub fn count(
        &mut self,
        example: &Example<'_>,
        measured: super::example::Measured,
        place: Place<'_>,
        options: &Options,
    ) {
        let tally = &mut self.tally;
        if example.is_validation {
            tally.validation_pairs += measured.pairs;
        } else {
            tally.training_examples += 1;
            tally.training_pairs += measured.pairs;
        }
        tally.messages += u64::from(measured.messages);
        for (sum, tokens) in tally.by_role.iter_mut().zip(measured.by_role) {
            sum.add(tokens);
        }
        tally.sequence.add(measured.sequence);
        let length = measured.sequence.count();
        tally.lengths.add(length);
        tally.over_window += u64::from(length > options.window());
        self.entries.add(KeptExample {
            offset: place.offset,
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
            prompt: measured.prompt,
            reply: measured.reply,
            id: example.id.as_deref().map_or(0, hash::of_text),
            conversation: example.conversation.as_deref().map_or(0, hash::of_text),
            metadata: example.metadata,
            turn: example.turn,
            messages: measured.messages,
            is_validation: example.is_validation,
            file: Split::Train,
        });
        for message in &example.messages {
            if let (Role::User | Role::Assistant, Some(text)) = (message.role, message.text) {
                self.sample.add(example.conversation.as_deref(), place.line, message.role, text);
            }
        }
    }
}

/// What is wrong with any object, whatever it stands for, and what it stands for. `None`: it is no object.
pub(super) fn read_value(tape: &Tape<'_>, check: &mut Check<'_, '_>) -> Option<LineKind> {
    check_text(tape, check);
    let root = tape.root();
    if !root.is_object() {
        let error = format_args!("the {} is {}, an object is expected", check.noun(), root.described());
        check.raise(&json::NOT_AN_OBJECT, &check.root(), error);
        return None;
    }
    Some(classify(root))
}

/// What may be wrong with any JSON.
pub(super) fn check_text(tape: &Tape<'_>, check: &mut Check<'_, '_>) {
    let text = check.place.text;
    if let Some(key) = tape.duplicate_key() {
        // A key without escapes is a part of the text.
        let at = (key.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let error = format_args!("key {} stands twice in one object", quote(key));
        check.raise_at(&json::DUPLICATE_KEY, if at < text.len() { at } else { 0 }, error);
    }
    if tape.has_nul {
        // Behind an odd number of backslashes it is a backslash and some letters.
        let is_escape =
            |at: &usize| text[..*at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0;
        let at = memchr::memmem::find_iter(text.as_bytes(), b"\\u0000").find(is_escape).unwrap_or(0);
        check.raise_at(&json::NUL_CHARACTER, at, format_args!("a string holds \\u0000"));
    }
}

/// What is wrong with a text that is no JSON.
pub(super) fn broken(error: ParseError, check: &mut Check<'_, '_>) {
    let mut raise = |rule: &'static Rule, at: usize, what: &str| {
        check.raise_at(rule, at, format_args!("{what} at column {}", at + 1));
    };
    match error {
        ParseError::TooDeep => {
            check.raise(
                &json::NESTING_TOO_DEEP,
                &check.root(),
                format_args!("the {} is nested too deep", check.noun()),
            );
        }
        ParseError::TooManyValues => {
            let error = format_args!("the {} has more than {LINE_VALUES} keys and values", check.noun());
            check.raise(&json::TOO_MANY_VALUES, &check.root(), error);
        }
        ParseError::NonFinite(at) => raise(&json::NON_FINITE_NUMBER, at, "NaN or Infinity"),
        ParseError::OutOfRange(at) => {
            raise(&json::NUMBER_OUT_OF_RANGE, at, "a number beyond the range of a double")
        }
        ParseError::UnpairedSurrogate(at) => raise(&json::UNPAIRED_SURROGATE, at, "half of a surrogate pair"),
        ParseError::Invalid(message, at) => {
            check.raise_at(
                &json::INVALID_JSON,
                at,
                format_args!("invalid JSON at column {}: {message}", at + 1),
            );
        }
    }
}

/// Reads a header, which counts on line 1 only.
fn header(object: Json<'_>, is_first: bool, check: &mut Check<'_, '_>) -> Option<Declared> {
    let root = check.root();
    let path = root.key("_meta");
    if !is_first {
        check.raise(
            &field::HEADER_NOT_FIRST,
            &path,
            format_args!("the header stands below line 1 and is ignored"),
        );
        return None;
    }
    let meta = object.get("_meta")?;
    if !meta.is_object() {
        check.wrong_type(&path, "an object", meta);
        return None;
    }
    if let Some(version) = meta.get("version").and_then(Json::text)
        && !version.starts_with("4.")
        && !version.starts_with("5.")
    {
        let path = path.key("version");
        check.raise(&field::UNKNOWN_VERSION, &path, format_args!("\"{path}\" is {}", quote(version)));
    }
    let pairs = declared_count(meta, "total_pairs", &path, check);
    Some(Declared { pairs: pairs.map(|pairs| ("_meta.total_pairs", pairs)), conversations: None })
}

/// A count that a file gives of itself.
pub(super) fn declared_count(
    object: Json<'_>,
    key: &str,
    parent: &super::path::Path<'_>,
    check: &mut Check<'_, '_>,
) -> Option<u64> {
    let value = object.get(key).filter(|value| !value.is_null())?;
    let count = value.number().filter(|number| *number >= 0.0 && number.fract() == 0.0 && *number < 9e15);
    if count.is_none() {
        // The count is nobody's input: a wrong one is no worse than one that differs.
        let path = parent.key(key);
        let error = format_args!("\"{path}\" is {}, a whole number is expected", value.described());
        check.raise(&file::DECLARED_COUNT_MISMATCH, &path, error);
    }
    count.map(|count| count as u64)
}
