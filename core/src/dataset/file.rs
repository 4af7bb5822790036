//! A file that was read to its end, and the one that is held back for validation beside it.
//!
//! Invariant: an example counts the same whether its line says `"split": "validation"` or it is in the file that is held
//! back. Each file is judged by itself as far as it can be, and its findings have its own lines.

use super::body::{Body, OfDocument};
use super::digest::Digest;
use super::findings::{At, Place};
use super::options::Options;
use super::rule::Rule;
use super::rules::file;
use super::shape::Shape;
use serde::Serialize;

/// A part of a dataset: what is trained on, and what is held back to see what was learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "DatasetSplit"))]
pub enum Split {
    /// The examples to train on.
    #[default]
    Train,
    /// Those that are held back.
    Validation,
}

/// What a report says of the file that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct ValidationFile {
    /// Shape of its first example, or of the document; NULL when there is none.
    pub shape: Option<Shape>,
    /// Size of its content.
    pub bytes: u64,
    /// Physical lines, blank ones included.
    pub lines: u64,
    /// Identity of its content.
    pub content_digest: String,
}

/// A file that was read to its end.
pub(super) struct ReadFile {
    pub body: Body,
    pub shape: Option<Shape>,
    pub digest: Digest,
    /// Whether it is no dataset at all: nothing else is said about it.
    pub is_foreign: bool,
    /// What is known of the file that is held back.
    pub validation_file: Option<ValidationFile>,
}

impl ReadFile {
    /// A file of examples.
    pub fn of(body: Body, shape: Option<Shape>, digest: Digest, options: &Options) -> Self {
        let mut read = Self { body, shape, digest, is_foreign: false, validation_file: None };
        if read.body.filled == 0 {
            read.body.findings.raise_file(&file::EMPTY_FILE, format_args!("the file has no content"));
        }
        read.judge_shape(options);
        read.judge_declared();
        read.judge_size(options);
        read
    }

    /// A file that is something else, of which so much was counted.
    pub fn foreign(
        rule: &'static Rule,
        error: &str,
        counted: &Body,
        digest: Digest,
        options: &Options,
    ) -> Self {
        let mut body = Body { lines: counted.lines, filled: counted.filled, ..Body::default() };
        body.findings.raise_file(rule, format_args!("{error}"));
        let mut read = Self { body, shape: None, digest, is_foreign: true, validation_file: None };
        read.judge_size(options);
        read
    }

    /// Takes in a file whose examples are all held back.
    pub fn hold_back(&mut self, held: ReadFile) {
        let ReadFile { body: mut held, shape, digest, .. } = held;
        held.findings.move_to(Split::Validation);
        if let (Some(mine), Some(other)) = (self.shape, shape)
            && mine != other
        {
            let error = format_args!(
                "the validation file is of shape \"{}\", the training file of \"{}\"",
                other.name(),
                mine.name()
            );
            self.body.findings.raise_file(&file::MIXED_SHAPES, error);
        }
        self.validation_file = Some(ValidationFile {
            shape,
            bytes: digest.bytes,
            lines: held.lines,
            content_digest: digest.shown(),
        });
        // Whose conversations are counted by ids, and whose by what the document lists.
        self.body.document = match (self.body.document.take(), held.document) {
            (Some(mine), Some(other)) => Some(mine.joined(other)),
            (mine, _) if shape.is_none() => mine,
            _ => None,
        };
        self.body.findings.append(held.findings);
        if self.is_foreign {
            return;
        }
        held.tally.hold_back();
        held.entries.hold_back();
        // A conversation without an id is its line, which may be one of the other file too.
        held.sample.shift(self.body.lines);
        self.body.tally.append(held.tally);
        self.body.entries.append(held.entries);
        self.body.sample.append(held.sample);
    }

    fn judge_size(&mut self, options: &Options) {
        let (bytes, limit) = (self.digest.bytes, options.profile.max_bytes());
        if bytes > limit {
            let error = format_args!("the file has {bytes} bytes, {limit} are allowed");
            self.body.findings.raise_file(&file::FILE_TOO_LARGE, error);
        }
    }

    fn judge_shape(&mut self, options: &Options) {
        let Some(shape) = self.shape else { return };
        let findings = &mut self.body.findings;
        if options.profile.shapes().is_some_and(|accepted| !accepted.contains(&shape)) {
            let error = format_args!(
                "the profile \"{}\" does not read the shape \"{}\"",
                options.profile.name(),
                shape.name()
            );
            findings.raise_file(&file::SHAPE_NOT_ACCEPTED, error);
        }
        if let Some(declared) =
            options.declared_format.as_ref().filter(|declared| !declared.shapes.contains(&shape))
        {
            let error = format_args!(
                "the format \"{}\" was declared, the shape is \"{}\"",
                declared.name,
                shape.name()
            );
            findings.raise_file(&file::DECLARED_FORMAT_MISMATCH, error);
        }
    }

    /// Compares what the file says of itself. A document lists unanswered turns among its pairs.
    fn judge_declared(&mut self) {
        let body = &mut self.body;
        let declared = body.declared;
        let mut raise = |what: &str, declared: u64, counted: u64, noun: &str| {
            let error = format_args!("\"{what}\" declares {declared} {noun}, the file has {counted}");
            body.findings.raise(&file::DECLARED_COUNT_MISMATCH, Place::bare(1, 0), At::Whole, error, None);
        };
        let pairs = match &body.document {
            Some(document) => document.turns.sum(),
            None => body.tally.training_pairs + body.tally.validation_pairs,
        };
        if let Some((what, declared)) = declared.pairs.filter(|(_, declared)| *declared != pairs) {
            raise(what, declared, pairs, "pairs");
        }
        // Only documents say how many conversations they have.
        let counted = body.document.as_ref().map_or(0, |document| document.conversations);
        if let Some(declared) = declared.conversations.filter(|&declared| declared != counted) {
            raise("total_conversations", declared, counted, "conversations");
        }
    }
}

impl OfDocument {
    fn joined(mut self, other: OfDocument) -> Self {
        self.conversations += other.conversations;
        self.turns.append(other.turns);
        self
    }
}
