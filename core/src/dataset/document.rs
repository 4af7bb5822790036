//! One JSON document in place of lines: the shapes `full` and `individual`.
//!
//! No tree is built: the document is walked an array at a time, and each training pair is read as a line of
//! `pairs` would be, so that memory does not grow with it.

use super::body::{Body, Declared, OfDocument, broken, check_text, declared_count, read_value};
use super::check::Check;
use super::example::Example;
use super::findings::{At, Place};
use super::json::{Tape, byte_of, explain};
use super::options::Options;
use super::rules::{field, file, json, line};
use super::shape::Shape;
use super::shapes::pairs::read_pair;
use super::text::{cut, quote, without_nul};
use crate::limits::{DOCUMENT_MEMBERS, KEY_CHARS, LINE_BYTES};
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Keys of a document and of its conversations.
const KEYS: [&str; 6] = [
    "training_file_metadata",
    "dataset_metadata",
    "consultant_profile",
    "conversations",
    "conversation_metadata",
    "training_pairs",
];

/// Members of an object, each value as the text it is.
type Members<'d> = Vec<(Cow<'d, str>, &'d str)>;

/// Reads a document. `before` is how many bytes of the file stand before `text`. `None`: it is an object, and no
/// document of ours.
pub(super) fn read(
    text: &str,
    before: u64,
    lines: u64,
    options: &Options,
    tick: &mut dyn FnMut(),
) -> Option<(Body, Option<Shape>)> {
    let body = Body { lines, filled: lines, ..Body::default() };
    let mut reader = Reader { text, before, counted: (0, 1), body, options, tick };
    if before > 0 {
        let error = format_args!("the file begins with a byte order mark");
        reader.body.findings.raise(&line::BYTE_ORDER_MARK, Place::bare(1, 0), At::Whole, error, None);
    }
    (reader.tick)();
    let shape = match members(text) {
        Ok(members) if !is_ours(&members) => return None,
        Ok(members) => reader.document(&members),
        Err(error) => {
            reader.broken(&error);
            None
        }
    };
    Some((reader.body, shape))
}

/// Whether an object is a document of ours. One example may be pretty-printed too, and have "conversations".
fn is_ours(members: &Members<'_>) -> bool {
    members.iter().any(|(name, value)| match &**name {
        "conversations" => memchr::memmem::find(value.as_bytes(), b"\"training_pairs\"").is_some(),
        name => KEYS.contains(&name),
    })
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
        Place { text: part, ..Place::bare(line, self.before + at as u64) }
    }

    /// Raises what is wrong with a part that is at `prefix` in the document.
    fn check(&mut self, part: &'d str, prefix: &str, check: impl FnOnce(&mut Check<'_, '_>)) {
        let place = self.place(part);
        check(&mut Check::new(self.options, place, prefix, &mut self.body.findings));
    }

    /// The text is no JSON.
    fn broken(&mut self, error: &serde_json::Error) {
        // The line end that closes the last line begins no other one.
        let end = self.text.trim_end().len();
        let mut at = byte_of(error, self.text).min(end);
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let whole = self.text;
        self.check(whole, "", |check| broken(explain(error, whole, at), check));
    }

    fn document(&mut self, members: &Members<'d>) -> Option<Shape> {
        let whole = self.text;
        self.members(whole, members, "", &["conversations", "training_pairs"]);
        let find = |key: &str| members.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
        if find("training_pairs").is_some() && find("conversations").is_some() {
            let error = format_args!("the document has \"training_pairs\" and \"conversations\"");
            self.body.findings.raise_file(&file::MIXED_SHAPES, error);
        }
        let shape = match (find("training_pairs"), find("conversations")) {
            (Some(pairs), _) => {
                self.declared(
                    find("dataset_metadata"),
                    "dataset_metadata",
                    [
                        ("total_turns", "dataset_metadata.total_turns"),
                        ("total_training_pairs", "dataset_metadata.total_training_pairs"),
                    ],
                );
                let conversation = individual_id(find("dataset_metadata"));
                let turns = self.pairs(pairs, "training_pairs", conversation.as_deref());
                self.body.document =
                    Some(OfDocument { conversations: u64::from(turns > 0), turns: turns_of(turns) });
                Shape::Individual
            }
            (None, Some(conversations)) => {
                let keys = [
                    ("total_training_pairs", "training_file_metadata.total_training_pairs"),
                    ("total_pairs", "training_file_metadata.total_pairs"),
                ];
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

    /// The counts that the document's metadata give; of two names for the pairs the first that is there. What is wrong
    /// with their JSON is said with that of all members.
    fn declared(&mut self, metadata: Option<&'d str>, key: &str, pairs: [(&str, &'static str); 2]) {
        let Some(metadata) = metadata else { return };
        let mut tape = Tape::default();
        if metadata.len() > LINE_BYTES || tape.parse(metadata).is_err() {
            return;
        }
        let mut declared = Declared::default();
        self.check(metadata, key, |check| {
            let (root, object) = (check.root(), tape.root());
            if !object.is_object() {
                return check.wrong_type(&root, "an object", object);
            }
            declared.conversations = declared_count(object, "total_conversations", &root, check);
            declared.pairs = pairs
                .into_iter()
                .find_map(|(key, path)| Some((path, declared_count(object, key, &root, check)?)));
        });
        self.body.declared = declared;
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
        (self.tick)();
        let Ok(members) = members(conversation) else {
            self.check(conversation, path, |check| {
                let error = format_args!("\"{path}\" is no object");
                check.raise(&field::WRONG_TYPE, &check.root(), error);
            });
            return 0;
        };
        self.members(conversation, &members, path, &["training_pairs"]);
        let find = |key: &str| members.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
        let id = find("conversation_metadata").and_then(|metadata| id_of(metadata, "conversation_id"));
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
        let mut check = Check::new(self.options, place, path, &mut self.body.findings);
        if is_too_long(pair, &mut check) {
            return;
        }
        let parsed = tape.parse(pair);
        if let Err(error) = parsed {
            return broken(error, &mut check);
        }
        if read_value(tape, &mut check).is_none() {
            return;
        }
        let Some(example) = read_pair(tape.root(), &mut check) else { return };
        let example = Example { conversation: conversation.map(Cow::Borrowed), ..example };
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

    /// Checks the keys of an object, and the JSON of all its members but the lists, which are read element by element.
    fn members(&mut self, part: &'d str, members: &Members<'d>, path: &str, lists: &[&str]) {
        let mut keys = HashSet::new();
        let names: Vec<_> = members.iter().map(|(name, _)| without_nul(Cow::Borrowed(name))).collect();
        let twice = names.iter().find(|name| !keys.insert(*name)).map(|name| quote(name));
        let unknown = names.iter().find(|name| !KEYS.contains(&&***name));
        self.check(part, path, |check| {
            let root = check.root();
            if let Some(key) = twice {
                check.raise(
                    &json::DUPLICATE_KEY,
                    &root,
                    format_args!("key {key} stands twice in one object"),
                );
            }
            if members.iter().any(|(name, _)| name.contains('\0')) {
                check.raise(&json::NUL_CHARACTER, &root, format_args!("a key holds \\u0000"));
            }
            if let Some(key) = unknown {
                let error = format_args!("{} is no key of this shape", quote(key));
                check.raise(&field::UNKNOWN_KEY, &root.key(key), error);
            }
        });
        let mut tape = Tape::default();
        for (name, value) in members.iter().filter(|(name, _)| !lists.contains(&&**name)) {
            let path = if path.is_empty() {
                cut(name, KEY_CHARS)
            } else {
                format!("{path}.{}", cut(name, KEY_CHARS))
            };
            (self.tick)();
            self.check(value, &path, |check| {
                if is_too_long(value, check) {
                    return;
                }
                match tape.parse(value) {
                    Ok(()) => check_text(&tape, check),
                    Err(error) => broken(error, check),
                }
            });
        }
    }
}

/// A value beyond what is parsed at once, as a line would be.
fn is_too_long(value: &str, check: &mut Check<'_, '_>) -> bool {
    let length = value.len();
    if length > LINE_BYTES {
        let error = format_args!("the value has {length} bytes, {LINE_BYTES} at most are read");
        check.raise_at(&line::LINE_TOO_LONG, 0, error);
    }
    length > LINE_BYTES
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
    ["conversation_id", "dataset_name", "file_name"].iter().find_map(|key| id_of(metadata, key))
}

/// The id that a member of an object is.
fn id_of(object: &str, key: &str) -> Option<String> {
    let mut tape = Tape::default();
    (object.len() <= LINE_BYTES).then(|| tape.parse(object).ok()).flatten()?;
    super::shapes::id(tape.root(), key).map(Cow::into_owned)
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
                if members.len() < DOCUMENT_MEMBERS {
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
