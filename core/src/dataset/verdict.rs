//! What a file is, before its lines are believed: lines of JSON, one document, or something else that people
//! upload as JSONL. Something else is one error with the way out, not an error for each of its lines.

use super::body::Body;
use super::rule::Rule;
use super::rules::{file, line};
use crate::limits::{DOCUMENT_BYTES, LINE_BYTES};
use serde::de::IgnoredAny;

/// What a file is.
pub(super) enum Verdict<'a> {
    /// Lines of JSON, or what is closest to it.
    Lines,
    /// One document: the text of it.
    Document(&'a str),
    /// Something else: the rule that says what, and the words for it.
    Foreign(&'static Rule, String),
}

/// First bytes of formats that are no text.
const MAGIC: [(&[u8], &str); 8] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite format 3", "a SQLite database"),
];

/// First bytes of text in another encoding.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Column names by which a table of training data is told from a line that is just broken.
const COLUMNS: [&str; 20] = [
    "prompt",
    "completion",
    "instruction",
    "input",
    "output",
    "question",
    "answer",
    "role",
    "content",
    "messages",
    "user",
    "assistant",
    "system",
    "response",
    "text",
    "id",
    "conversation_id",
    "target_response",
    "query",
    "reply",
];

/// What is looked at of a file's beginning. Of a line that is too long no more than this may be known.
pub(super) const BEGINNING_BYTES: usize = 4_096;

/// Judges a file by its first line, its lines as far as they were read, and, while it may be a document, its bytes.
pub(super) fn verdict<'a>(
    first_line: &[u8],
    body: &Body,
    raw: Option<&'a [u8]>,
    tick: &mut dyn FnMut(),
) -> Verdict<'a> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| first_line.starts_with(magic)) {
        return Verdict::Foreign(&file::BINARY_FILE, format!("the file is {name}"));
    }
    if UTF_16.iter().any(|mark| first_line.starts_with(mark)) {
        return Verdict::Foreign(&line::INVALID_UTF8, "the file is UTF-16 text".into());
    }
    // One example may be the last element of an array that is written an element a line.
    if body.filled == 0 || body.examples() > 1 {
        return Verdict::Lines;
    }
    let begins = raw.unwrap_or(first_line);
    let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins).trim_ascii_start();
    let begins = &begins[..begins.len().min(BEGINNING_BYTES)];
    match begins.first() {
        Some(b'[') if begins[1..].trim_ascii_start().first().is_none_or(|next| b"{]".contains(next)) => {
            Verdict::Foreign(&file::JSON_ARRAY, "the file is a JSON array".into())
        }
        Some(b'{') => document(body, begins, raw, tick),
        Some(_) if body.examples() == 0 && is_table(begins) => {
            Verdict::Foreign(&file::CSV_FILE, "the first line is a row of column names".into())
        }
        _ => Verdict::Lines,
    }
}

/// What a file is that begins with `{` and has one line of an example at most.
fn document<'a>(body: &Body, begins: &[u8], raw: Option<&'a [u8]>, tick: &mut dyn FnMut()) -> Verdict<'a> {
    let mut names = begins.split(|byte| *byte == b'"').skip(1).step_by(2).take(64);
    let names_document = |name: &[u8]| DOCUMENT_KEYS.contains(&name);
    let looks_like_one = match body.filled {
        // One line: what it is was told by its keys, unless it was too long to be read as a line.
        1 => body.documents == 1 || body.bytes > LINE_BYTES as u64 && names.any(names_document),
        // Pretty-printed: no other line begins in the first column. Or one element a line.
        _ => body.examples() == 0 && body.opening <= 1 || names.next().is_some_and(names_document),
    };
    let Some(raw) = raw else {
        if looks_like_one && body.bytes > DOCUMENT_BYTES as u64 {
            let error = format!("the document has {} bytes, {DOCUMENT_BYTES} at most are read", body.bytes);
            return Verdict::Foreign(&file::DOCUMENT_TOO_LARGE, error);
        }
        return Verdict::Lines;
    };
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        Err(error) if looks_like_one => {
            let at = error.valid_up_to();
            let error = format!("byte 0x{:02x} at offset {at} is not UTF-8", raw[at]);
            return Verdict::Foreign(&line::INVALID_UTF8, error);
        }
        Err(_) => return Verdict::Lines,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if body.filled == 1 {
        return if looks_like_one { Verdict::Document(text) } else { Verdict::Lines };
    }
    tick();
    match count_values(text) {
        Some(1) => Verdict::Document(text),
        Some(values) if values < body.filled => Verdict::Foreign(
            &file::PRETTY_PRINTED,
            format!("the file has {values} values on {} lines", body.filled),
        ),
        // Broken: the place where it breaks says more than an error for each line.
        None if looks_like_one => Verdict::Document(text),
        _ => Verdict::Lines,
    }
}

const DOCUMENT_KEYS: [&[u8]; 3] = [b"training_file_metadata", b"dataset_metadata", b"training_pairs"];

/// How many JSON values a text consists of; `None` when it does not.
fn count_values(text: &str) -> Option<u64> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.try_fold(0, |count, value| value.is_ok().then_some(count + 1))
}

/// Whether a line holds column names, at least two, of which one is known.
fn is_table(begins: &[u8]) -> bool {
    let line = begins.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return false };
    [',', ';', '\t'].iter().any(|separator| {
        let mut columns = 0;
        let known = line.trim_end().split(*separator).filter(|name| {
            columns += 1;
            COLUMNS.contains(&name.trim().trim_matches('"').to_ascii_lowercase().as_str())
        });
        let known = known.count();
        columns > 1 && known > 0
    })
}
