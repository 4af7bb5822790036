//! One JSON document in place of lines: the shapes `full` and `individual`.
//!
//! No tree is built: the document is walked an array at a time, and each training pair is read as a line of
//! `pairs` would be, so that memory does not grow with it.

use super::body::{Body, Declared, OfDocument, broken, declared_count, read_value};
use super::check::Check;
use super::findings::{At, Place};
use super::json::{Json, Tape};
use super::options::Options;
use super::rules::{field, json, line};
use super::shape::Shape;
use super::shapes::pairs::read_pair;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Members of an object, each value as the text it is.
type Members<'d> = Vec<(Cow<'d, str>, &'d str)>;

/// Reads a document. `before` is how many bytes of the file stand before `text`.
pub(super) fn read(
    text: &str,
    before: u64,
    lines: u64,
    options: &Options,
    tick: &mut dyn FnMut(),
) -> (Body, Option<Shape>) {
    let body = Body { lines, filled: lines, ..Body::default() };
    let mut reader = Reader { text, before, counted: (0, 1), body, options, tick };
    if before > 0 {
        let error = format_args!("the file begins with a byte order mark");
        reader.body.findings.raise(&line::BYTE_ORDER_MARK, Place::bare(1, 0), At::Whole, error, None);
    }
    let shape = match members(text) {
        Ok(members) => reader.document(&members),
        Err(error) => {
            reader.broken(&error);
            None
        }
    };
    (reader.body, shape)
}

struct Reader<'d, 'c> {
    text: &'d str,
    before: u64,
    /// A byte of the text and the line it is on: places are asked for in their order.
    counted: (usize, u64),
    body: Body,
    options: &'c Options,
    tick: &'c mut dyn FnMut(),
}

impl<'d> Reader<'d, '_> {
    /// The place of a part of the text.
    fn place(&mut self, part: &'d str) -> Place<'d> {
        let at = part.as_ptr() as usize - self.text.as_ptr() as usize;
        let (from, line) = self.counted;
        let between =
            memchr::memchr_iter(b'\n', &self.text.as_bytes()[from.min(at)..from.max(at)]).count() as u64;
        let line = if at < from { line - between } else { line + between };
        self.counted = (at, line);
        Place { line, offset: self.before + at as u64, text: part }
    }

    /// Raises what is wrong with a part that is at `prefix` in the document.
    fn check(&mut self, part: &'d str, prefix: &str, check: impl FnOnce(&mut Check<'_, '_>)) {
        let place = self.place(part);
        check(&mut Check::new(self.options, place, prefix, &mut self.body.findings));
    }

    /// The text is no JSON.
    fn broken(&mut self, error: &serde_json::Error) {
        let line_start =
            self.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let mut at = (line_start + error.column().saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let full = error.to_string();
        let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text);
        let place = Place { line: error.line().max(1) as u64, offset: self.before + at as u64, text: "" };
        let error = format_args!("the document is not valid JSON at column {}: {message}", error.column());
        self.body.findings.raise(&json::INVALID_JSON, place, At::Whole, error, None);
    }

    fn document(&mut self, members: &Members<'d>) -> Option<Shape> {
        let whole = self.text;
        self.duplicate_key(whole, members, "");
        let find = |key: &str| members.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
        let shape = match (find("training_pairs"), find("conversations")) {
            (Some(pairs), _) => {
                self.declared(
                    find("dataset_metadata"),
                    "dataset_metadata",
                    ["total_turns", "total_training_pairs"],
                );
                let conversation = individual_id(find("dataset_metadata"));
                let turns = self.pairs(pairs, "training_pairs", conversation.as_deref());
                self.body.document =
                    Some(OfDocument { conversations: u64::from(turns > 0), turns: turns_of(turns) });
                Shape::Individual
            }
            (None, Some(conversations)) => {
                let keys = ["total_training_pairs", "total_pairs"];
                self.declared(find("training_file_metadata"), "training_file_metadata", keys);
                self.conversations(conversations);
                Shape::Full
            }
            (None, None) => {
                self.check(whole, "", |check| {
                    let root = check.root();
                    check.missing(&root.key("conversations"));
                });
                return None;
            }
        };
        // A turn of a document is an element of its arrays, answered or not.
        let turns = self.body.document.as_ref().map_or(0, |document| document.turns.sum());
        self.body.tally.messages = turns;
        Some(shape)
    }

    /// The counts that the document's metadata give; of two names for the pairs the first that is there.
    fn declared(&mut self, metadata: Option<&'d str>, key: &str, pairs: [&str; 2]) {
        let Some(metadata) = metadata else { return };
        let mut tape = Tape::default();
        match tape.parse(metadata) {
            Ok(()) if tape.root().is_object() => {
                let mut declared = Declared::default();
                self.check(metadata, key, |check| {
                    let root = check.root();
                    let object = tape.root();
                    declared.conversations = declared_count(object, "total_conversations", &root, check);
                    declared.pairs = pairs.iter().find_map(|key| declared_count(object, key, &root, check));
                });
                self.body.declared = declared;
            }
            Ok(()) => {
                let found = tape.root();
                self.check(metadata, key, |check| check.wrong_type(&check.root(), "an object", found));
            }
            Err(error) => self.check(metadata, key, |check| broken(error, check)),
        }
    }

    fn conversations(&mut self, list: &'d str) {
        let mut document = OfDocument::default();
        let is_list = elements(list, |index, conversation| {
            let path = format!("conversations[{index}]");
            document.conversations += 1;
            document.turns.add(self.conversation(conversation, &path));
        });
        if !is_list {
            self.not_a_list(list, "conversations");
        }
        self.body.document = Some(document);
    }

    /// Reads a conversation and answers how many turns it has.
    fn conversation(&mut self, conversation: &'d str, path: &str) -> u64 {
        let Ok(members) = members(conversation) else {
            self.check(conversation, path, |check| {
                let error = format_args!("\"{path}\" is no object");
                check.raise(&field::WRONG_TYPE, &check.root(), error);
            });
            return 0;
        };
        self.duplicate_key(conversation, &members, path);
        let find = |key: &str| members.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
        let id = find("conversation_metadata").and_then(|metadata| text_of(metadata, "conversation_id"));
        if id.is_none() {
            self.check(conversation, path, |check| {
                let root = check.root();
                let metadata = root.key("conversation_metadata");
                check.missing(&metadata.key("conversation_id"));
            });
        }
        let Some(pairs) = find("training_pairs") else {
            self.check(conversation, path, |check| {
                let root = check.root();
                check.missing(&root.key("training_pairs"));
            });
            return 0;
        };
        self.pairs(pairs, &format!("{path}.training_pairs"), id.as_deref())
    }

    /// Reads the pairs of a conversation and answers how many elements there are.
    fn pairs(&mut self, list: &'d str, path: &str, conversation: Option<&str>) -> u64 {
        let mut turns = 0;
        let mut tape = Tape::default();
        let is_list = elements(list, |index, pair| {
            turns += 1;
            self.pair(pair, &format!("{path}[{index}]"), conversation, &mut tape);
        });
        if !is_list {
            self.not_a_list(list, path);
        }
        turns
    }

    fn pair(&mut self, pair: &'d str, path: &str, conversation: Option<&str>, tape: &mut Tape<'d>) {
        (self.tick)();
        let place = self.place(pair);
        let parsed = tape.parse(pair);
        let mut check = Check::new(self.options, place, path, &mut self.body.findings);
        if let Err(error) = parsed {
            return broken(error, &mut check);
        }
        if read_value(tape, &mut check).is_none() {
            return;
        }
        let Some(example) = read_pair(tape.root(), &mut check) else { return };
        let example = super::example::Example { conversation, ..example };
        let measured = example.measure(&mut check);
        if check.sound {
            self.body.count(&example, measured, Place::bare(place.line, place.offset), self.options);
        }
    }

    fn not_a_list(&mut self, part: &'d str, path: &str) {
        self.check(part, path, |check| {
            let error = format_args!("\"{path}\" is no array");
            check.raise(&field::WRONG_TYPE, &check.root(), error);
        });
    }

    fn duplicate_key(&mut self, part: &'d str, members: &Members<'_>, path: &str) {
        let twice = members
            .iter()
            .enumerate()
            .find(|(at, (name, _))| members[..*at].iter().any(|(other, _)| other == name));
        if let Some((_, (name, _))) = twice {
            let shown = super::text::cut(name, 40);
            self.check(part, path, |check| {
                let error = format_args!("key \"{shown}\" stands twice in one object");
                check.raise(&json::DUPLICATE_KEY, &check.root(), error);
            });
        }
    }
}

fn turns_of(turns: u64) -> super::histogram::Histogram {
    let mut histogram = super::histogram::Histogram::default();
    if turns > 0 {
        histogram.add(turns);
    }
    histogram
}

/// An `individual` document is one conversation: what its metadata call it.
fn individual_id(metadata: Option<&str>) -> Option<String> {
    let metadata = metadata?;
    ["conversation_id", "dataset_name", "file_name"].iter().find_map(|key| text_of(metadata, key))
}

/// A text member of an object.
fn text_of(object: &str, key: &str) -> Option<String> {
    let mut tape = Tape::default();
    tape.parse(object).ok()?;
    tape.root().get(key).and_then(Json::text).filter(|text| !super::text::is_blank(text)).map(str::to_owned)
}

/// The members of an object.
fn members(object: &str) -> Result<Members<'_>, serde_json::Error> {
    struct Collect;
    impl<'de> Visitor<'de> for Collect {
        type Value = Members<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut members = Members::new();
            while let Some((key, value)) = access.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                // The few keys that mean something come early; an object of millions is no document.
                if members.len() < 1_000 {
                    members.push((key, value.get()));
                }
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let members = (&mut deserializer).deserialize_map(Collect)?;
    deserializer.end()?;
    Ok(members)
}

/// Calls `each` for the elements of an array; whether it is one.
fn elements<'d>(list: &'d str, each: impl FnMut(usize, &'d str)) -> bool {
    struct Each<F>(F);
    impl<'de, F: FnMut(usize, &'de str)> Visitor<'de> for Each<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
            let mut index = 0;
            while let Some(element) = access.next_element::<&'de RawValue>()? {
                (self.0)(index, element.get());
                index += 1;
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(list).deserialize_seq(Each(each)).is_ok()
}
