//! The pass over the bytes: where lines begin and end, and what each one is.

use super::findings::Place;
use super::json::{self, Json, Object, ParseError};
use super::message::cut;
use super::options::Options;
use super::report::Report;
use super::shape::{LineKind, Shape, classify};
use super::tally::Tally;
use super::{field, pairs, rules, turns};
use crate::limits::{LINE_BYTES, LINE_VALUES};

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
            let number = tally.begin_line();
            scan_line(line, number, offset, &mut tally);
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

fn scan_line(line: &[u8], number: u64, offset: u64, tally: &mut Tally) {
    let (line, crlf) = match line.strip_suffix(b"\r") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let nowhere = Place { line: number, offset, text: "" };
    if crlf {
        tally.findings.raise(&rules::CRLF, nowhere, None, "the line ends in CR LF");
    }
    if line.len() > LINE_BYTES {
        tally.any_content = true;
        let error = format!("the line has {} bytes, {LINE_BYTES} at most are read", line.len());
        return tally.findings.raise(&rules::LINE_TOO_LONG, nowhere, None, error);
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            tally.any_content = true;
            let at = error.valid_up_to();
            let error = format!("byte 0x{:02x} at offset {} is not UTF-8", line[at], offset + at as u64);
            return tally.findings.raise_at(&rules::INVALID_UTF8, nowhere, at, error);
        }
    };
    let place = Place { line: number, offset, text };
    if text.trim().is_empty() {
        return tally.findings.raise(&rules::BLANK_LINE, place, None, "the line is blank");
    }
    tally.any_content = true;
    match json::parse(text) {
        Ok(parsed) => {
            if let Some(key) = parsed.duplicate_key {
                let error = format!("key \"{}\" stands twice in one object", cut(&key, 40));
                tally.findings.raise(&rules::DUPLICATE_KEY, place, None, error);
            }
            if parsed.has_nul {
                tally.findings.raise(&rules::NUL_CHARACTER, place, None, "a string holds \\u0000");
            }
            match &parsed.value {
                Json::Object(object) => scan_object(object, place, tally),
                other => {
                    let error = format!("the line is {}, an object is expected", other.type_name());
                    tally.findings.raise(&rules::NOT_AN_OBJECT, place, None, error);
                }
            }
        }
        Err(ParseError::TooDeep) => {
            tally.findings.raise(&rules::NESTING_TOO_DEEP, place, None, "the line is nested too deep");
        }
        Err(ParseError::TooManyValues) => {
            let error = format!("the line has more than {LINE_VALUES} values");
            tally.findings.raise(&rules::TOO_MANY_VALUES, place, None, error);
        }
        Err(ParseError::Invalid { message, offset }) => {
            let error = format!("invalid JSON at column {}: {message}", offset + 1);
            tally.findings.raise_at(&rules::INVALID_JSON, place, offset.min(text.len()), error);
        }
    }
}

fn scan_object(object: &Object<'_>, place: Place<'_>, tally: &mut Tally) {
    match classify(object) {
        LineKind::Header => scan_header(object, place, tally),
        LineKind::Example(shape) => {
            let first = *tally.shape.get_or_insert(shape);
            if shape != first {
                let error = format!(
                    "the line is of shape \"{}\", the file of shape \"{}\"",
                    shape.name(),
                    first.name()
                );
                tally.findings.raise(&rules::MIXED_SHAPES, place, None, error);
            }
            match shape {
                Shape::Pairs => pairs::check(object, place, tally),
                Shape::Turns => turns::check(object, place, tally),
            }
        }
        LineKind::Unrecognised => {
            let error = "the object has neither \"current_user_input\" nor \"turns\"";
            tally.findings.raise(&rules::UNRECOGNISED_LINE, place, None, error);
        }
    }
}

fn scan_header(object: &Object<'_>, place: Place<'_>, tally: &mut Tally) {
    if place.line != 1 {
        let error = "the header stands below line 1 and is ignored";
        return tally.findings.raise(&rules::HEADER_NOT_FIRST, place, Some("_meta"), error);
    }
    match object.get("_meta") {
        Some(Json::Object(meta)) => match meta.get("total_pairs") {
            Some(Json::Number(n)) if *n >= 0.0 && n.fract() == 0.0 && *n < 9e15 => {
                tally.declared_pairs = Some(*n as u64);
            }
            None | Some(Json::Null) => {}
            Some(other) => field::wrong_type("_meta.total_pairs", "a whole number", other, place, tally),
        },
        Some(other) => field::wrong_type("_meta", "an object", other, place, tally),
        None => {}
    }
}
