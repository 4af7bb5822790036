//! A part of a file, from which the report on the whole can be made.
//!
//! Invariant: for any division of a file, the segments of the parts, merged in order, are the segment of the
//! whole. So a file can be read in one value, in chunks, or by several workers, with one answer.
//!
//! A part begins and ends within a line: those two fragments are kept as they are, and what stands between is
//! counted. Line 1 of a file is a fragment as well until the end: only there a mark and a header may stand.

mod runs;
mod state;

pub use runs::Runs;

use super::body::Body;
use super::digest::Digest;
use super::document;
use super::file::ReadFile;
use super::json::Tape;
use super::options::Options;
use super::profile::Profile;
use super::report::Report;
use super::rules::file;
use super::verdict::{BEGINNING_BYTES, Verdict, verdict};
use crate::limits::{DOCUMENT_BYTES, FILE_BYTES, LINE_BYTES};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes after which `tick` is called: at the parser's 300 MB/s that is every millisecond.
const TICK_BYTES: usize = 1 << 18;

/// A part of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Segment<'a> {
    reading: Reading,
    digest: Digest,
    /// What stands before the first line end; all of it when there is none.
    head: Fragment<'a>,
    /// Between the first and the last line end, and behind that. `None`: there is no line end.
    rest: Option<(Box<Body>, Fragment<'a>)>,
    /// All bytes, as long as they may be a part of a document: a document has no lines that could be counted.
    #[serde(serialize_with = "serde_bytes::serialize", deserialize_with = "state::owned_or_none")]
    raw: Option<Cow<'a, [u8]>>,
}

/// The options on which it depends how a part is read; the others count when the report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    profile: Profile,
    window: u64,
}

impl Reading {
    fn of(options: &Options) -> Self {
        Self { profile: options.profile, window: options.window() }
    }

    fn options(self) -> Options {
        Options { profile: self.profile, window: Some(self.window), ..Options::default() }
    }

    /// Refuses another reading.
    fn same_as(self, other: Reading) -> Result<()> {
        if self == other {
            return Ok(());
        }
        let shown = |reading: Reading| {
            format!("profile \"{}\" and window {}", reading.profile.name(), reading.window)
        };
        Err(Error::invalid_argument(
            format!("a part was read with {}, another with {}", shown(self), shown(other)),
            "Read all parts of a file, and ask for the report, with the same profile and window.",
        ))
    }
}

/// A part of a line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Fragment<'a> {
    /// The bytes, or the first of them when no line is as long.
    #[serde(serialize_with = "serde_bytes::serialize", deserialize_with = "state::owned")]
    bytes: Cow<'a, [u8]>,
    length: u64,
}

impl<'a> Fragment<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), length: bytes.len() as u64 }
    }

    /// Without the bytes that it was read from; of what is too long to be a line no more than its beginning.
    fn into_owned<'b>(self) -> Fragment<'b> {
        let mut bytes = self.bytes.into_owned();
        if self.length > LINE_BYTES as u64 {
            bytes.truncate(BEGINNING_BYTES);
            bytes.shrink_to_fit();
        }
        Fragment { bytes: Cow::Owned(bytes), length: self.length }
    }

    fn join(self, later: Fragment<'_>) -> Fragment<'a> {
        if later.length == 0 {
            return self;
        }
        let length = self.length + later.length;
        let mut bytes = self.bytes.into_owned();
        bytes.extend_from_slice(&later.bytes);
        Fragment { bytes: Cow::Owned(bytes), length }.into_owned()
    }
}

impl<'a> Segment<'a> {
    /// Reads a part of a file. `tick` is called after each quarter of a megabyte or line, whichever is longer; a
    /// caller that wants to stop unwinds from it.
    pub fn scan(bytes: &'a [u8], options: &Options, tick: &mut dyn FnMut()) -> Self {
        let reading = Reading::of(options);
        let mut digest = Digest::default();
        let Some(first) = memchr::memchr(b'\n', bytes) else {
            for block in bytes.chunks(TICK_BYTES) {
                digest.extend(block);
                tick();
            }
            let raw = (bytes.len() <= DOCUMENT_BYTES).then_some(Cow::Borrowed(bytes));
            return Self { reading, digest, head: Fragment::of(bytes), rest: None, raw };
        };
        let mut body = Body::default();
        let mut tape = Tape::default();
        let mut start = first + 1;
        // The digest follows block by block, while the bytes are still in the cache.
        let mut digested = 0;
        let mut digest_to = |end: usize, tick: &mut dyn FnMut()| {
            for block in bytes[digested..end].chunks(TICK_BYTES) {
                digest.extend(block);
                tick();
            }
            digested = end;
        };
        let mut next_tick = TICK_BYTES;
        for end in memchr::memchr_iter(b'\n', &bytes[start..]).map(|at| at + first + 1) {
            let line = &bytes[start..end];
            body.add_line(line, line.len() as u64, false, options, &mut tape);
            body.end_line();
            start = end + 1;
            if start >= next_tick {
                digest_to(start, tick);
                next_tick = start + TICK_BYTES;
            }
        }
        digest_to(bytes.len(), tick);
        let raw = (bytes.len() <= DOCUMENT_BYTES && may_be_document(&body)).then_some(Cow::Borrowed(bytes));
        Self {
            reading,
            digest,
            head: Fragment::of(&bytes[..first]),
            rest: Some((Box::new(body), Fragment::of(&bytes[start..]))),
            raw,
        }
    }

    /// The segment of this part and the one behind it.
    ///
    /// # Errors
    /// `InvalidArgument` when the two were read with another profile or window, `OutOfRange` when they are more than a
    /// terabyte together.
    pub fn merge(self, later: Segment<'_>) -> Result<Segment<'a>> {
        self.reading.same_as(later.reading)?;
        if self.digest.bytes + later.digest.bytes > FILE_BYTES {
            return Err(Error::out_of_range(
                format!("the parts have more than {FILE_BYTES} bytes together"),
                "Split the dataset in several.",
            ));
        }
        let options = &self.reading.options();
        let digest = self.digest.then(later.digest);
        let (head, rest) = match (self.rest, later.rest) {
            (None, None) => (self.head.join(later.head), None),
            (None, Some((body, tail))) => (self.head.join(later.head), Some((body, tail.into_owned()))),
            (Some((body, tail)), None) => (self.head, Some((body, tail.join(later.head)))),
            (Some((mut body, tail)), Some((later_body, later_tail))) => {
                let line = tail.join(later.head);
                body.add_line(&line.bytes, line.length, false, options, &mut Tape::default());
                body.end_line();
                body.append(*later_body);
                (self.head, Some((body, later_tail.into_owned())))
            }
        };
        let may_be_document = rest.as_ref().is_none_or(|(body, _)| may_be_document(body));
        let raw = match (self.raw, later.raw) {
            (Some(raw), Some(later)) if may_be_document && raw.len() + later.len() <= DOCUMENT_BYTES => {
                let mut raw = raw.into_owned();
                raw.extend_from_slice(&later);
                Some(Cow::Owned(raw))
            }
            _ => None,
        };
        Ok(Segment { reading: self.reading, digest, head, rest, raw })
    }

    /// The report on a whole file.
    ///
    /// # Errors
    /// `InvalidArgument` when the parts were read with another profile or window.
    pub fn report(self, options: &Options, tick: &mut dyn FnMut()) -> Result<Report> {
        self.reading.same_as(Reading::of(options))?;
        Ok(Report::of(self.finish(options, tick), options, tick))
    }

    /// The report on a dataset of two files: this one to train on, and one that is held back for validation. Lines and
    /// offsets of findings, sizes, shapes and digests are those of each; all else is counted over both.
    ///
    /// # Errors
    /// `InvalidArgument` when a part was read with another profile or window.
    pub fn report_with_validation(
        self,
        validation: Segment<'_>,
        options: &Options,
        tick: &mut dyn FnMut(),
    ) -> Result<Report> {
        self.reading.same_as(Reading::of(options))?;
        validation.reading.same_as(self.reading)?;
        let mut read = self.finish(options, tick);
        read.hold_back(validation.finish(options, tick));
        Ok(Report::of(read, options, tick))
    }

    /// The whole file: its first and its last line are read only here.
    fn finish(self, options: &Options, tick: &mut dyn FnMut()) -> ReadFile {
        let Self { digest, head, rest, raw, .. } = self;
        let mut body = Body::default();
        if digest.bytes > 0 {
            body.add_line(&head.bytes, head.length, true, options, &mut Tape::default());
        }
        if let Some((rest, tail)) = rest {
            body.end_line();
            body.append(*rest);
            // A final line end closes the last line; it does not begin another one.
            if tail.length > 0 {
                body.add_line(&tail.bytes, tail.length, false, options, &mut Tape::default());
            }
        }
        tick();
        // A part of a line that is too long may be all that was kept of it.
        let begins = match head.length > LINE_BYTES as u64 {
            true => &head.bytes[..BEGINNING_BYTES.min(head.bytes.len())],
            false => &head.bytes[..],
        };
        let foreign = |rule, error: &str, body: &Body| ReadFile::foreign(rule, error, body, digest, options);
        match verdict(begins, &body, raw.as_deref(), tick) {
            Verdict::Lines => {
                let shape = body.choose_shape();
                ReadFile::of(body, shape, digest, options)
            }
            Verdict::Document(text) => {
                match document::read(text, digest.bytes - text.len() as u64, body.lines, options, tick) {
                    Some((body, shape)) => ReadFile::of(body, shape, digest, options),
                    None => foreign(&file::PRETTY_PRINTED, "the file is one object on several lines", &body),
                }
            }
            Verdict::Foreign(rule, error) => foreign(rule, &error, &body),
        }
    }
}

/// Whether lines like these may be parts of one document: one of them may by chance be a whole object, the last
/// element of an array that is written an element a line.
fn may_be_document(body: &Body) -> bool {
    body.examples() <= 1
}

/// Validates a dataset in one value.
///
/// `content` is the file as it is, in any encoding and with any line ends; nothing about it is an error of
/// this function. `tick` is called after each quarter of a megabyte or line, whichever is longer; a caller
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
    let read = Segment::scan(content, options, tick).finish(options, tick);
    Report::of(read, options, tick)
}
