//! A segment as bytes, to be stored, sent, and put together elsewhere.
//!
//! Invariant: bytes that no segment was written as are refused, and never make a count overflow or a loop run away:
//! whoever may call the functions of SQL may pass any bytes.

use super::super::rules::RULESET_VERSION;
use super::{Fragment, Segment, may_be_document};
use crate::limits::{DOCUMENT_BYTES, FILE_BYTES, LINE_BYTES};
use crate::{Error, Result};
use serde::{Deserialize, Deserializer};
use serde_bytes::ByteBuf;
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

/// What bytes of this version begin with. It changes with anything that a segment holds; so does the set of rules.
const MAGIC: &str = "pg_lora segment 1, rules ";
const CHECKSUM_BYTES: usize = 8;

impl Segment<'_> {
    /// The segment as bytes, which this version of the rules reads again.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = magic().into_bytes();
        bytes = postcard::to_extend(self, bytes).unwrap_or_else(|_| unreachable!("memory takes all bytes"));
        let checksum = xxh3_64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The segment that was written as these bytes.
    ///
    /// # Errors
    /// `DamagedState` when there is none.
    pub fn decode(bytes: &[u8]) -> Result<Segment<'static>> {
        let damaged = || Error::damaged_state("merge_segments");
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(damaged)?;
        let state = content.strip_prefix(magic().as_bytes()).ok_or_else(damaged)?;
        if xxh3_64(content) != u64::from_le_bytes(*checksum) {
            return Err(damaged());
        }
        let (segment, rest) = postcard::take_from_bytes::<Segment<'static>>(state).map_err(|_| damaged())?;
        if rest.is_empty() && segment.is_plausible() { Ok(segment) } else { Err(damaged()) }
    }

    /// Whether the counts can be those of so many bytes. A checksum is no proof that nobody made the bytes up.
    fn is_plausible(&self) -> bool {
        let bytes = self.digest.bytes;
        let of_rest = self
            .rest
            .as_ref()
            .map_or(Some(0), |(body, tail)| body.bytes.checked_add(tail.length)?.checked_add(1));
        let is_whole = of_rest.and_then(|rest| rest.checked_add(self.head.length)) == Some(bytes);
        let raw_fits =
            self.raw.as_ref().is_none_or(|raw| raw.len() as u64 == bytes && raw.len() <= DOCUMENT_BYTES);
        let rest_fits = self.rest.as_ref().is_none_or(|(body, tail)| {
            let (lines, tally) = (body.lines, &body.tally);
            let in_lines = [
                body.filled,
                body.documents,
                body.opening,
                tally.training_examples,
                tally.over_window,
                body.shapes.iter().map(|of_shape| of_shape.lines).fold(0, u64::saturating_add),
            ];
            let in_bytes = [lines, tally.training_pairs, tally.validation_pairs, tally.messages];
            let shapes_fit = body.shapes.iter().enumerate().all(|(at, of_shape)| {
                of_shape.mixed.fit(lines, bytes)
                    && of_shape.first_line <= lines
                    && body.shapes[..at].iter().all(|other| other.shape != of_shape.shape)
            });
            tail.fits()
                && in_lines.iter().all(|count| *count <= lines)
                && in_bytes.iter().all(|count| *count <= bytes)
                && shapes_fit
                && body.findings.fit(lines, bytes)
                && tally.by_role.iter().chain([&tally.sequence]).all(|tokens| tokens.fits(bytes))
                && tally.lengths.fits(lines)
                && body.entries.fit(lines, bytes)
                && body.sample.fits(lines)
                && (self.raw.is_none() || may_be_document(body))
        });
        bytes <= FILE_BYTES && is_whole && raw_fits && rest_fits && self.head.fits() && self.digest.fits()
    }
}

impl Fragment<'_> {
    /// Whether as much is there as has to be.
    fn fits(&self) -> bool {
        let there = self.bytes.len() as u64;
        if self.length > LINE_BYTES as u64 { there <= self.length } else { there == self.length }
    }
}

/// Bytes of a state, which the segment keeps.
pub(super) fn owned<'a, 'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Cow<'a, [u8]>, D::Error> {
    ByteBuf::deserialize(deserializer).map(|bytes| Cow::Owned(bytes.into_vec()))
}

pub(super) fn owned_or_none<'a, 'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Cow<'a, [u8]>>, D::Error> {
    Option::<ByteBuf>::deserialize(deserializer).map(|bytes| bytes.map(|bytes| Cow::Owned(bytes.into_vec())))
}

fn magic() -> String {
    format!("{MAGIC}{RULESET_VERSION};")
}
