//! A file as storage sends it: in pieces, and with something that happens on the way.

use std::io::{self, Read};

/// SplitMix64: enough of a generator for choices, and the same everywhere.
pub struct Choices(pub u64);

impl Choices {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % limit as u64) as usize
    }
}

type Happening<'a> = Box<dyn FnOnce() -> io::Result<()> + 'a>;

/// A file that is read once.
pub struct File<'a> {
    bytes: &'a [u8],
    at: usize,
    piece: usize,
    /// What happens when so many bytes were read, before the next one is.
    happening: Option<(usize, Happening<'a>)>,
}

impl<'a> File<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, piece: usize::MAX, happening: None }
    }

    /// So many bytes at a time at most.
    pub fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece = bytes;
        self
    }

    /// Where the reader is that far, this happens, once. An error of it is one of reading.
    pub fn with(mut self, at: usize, happening: impl FnOnce() -> io::Result<()> + 'a) -> Self {
        self.happening = Some((at, Box::new(happening)));
        self
    }
}

impl Read for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut end = self.bytes.len().min(self.at.saturating_add(self.piece));
        if let Some((at, happening)) = self.happening.take_if(|(at, _)| *at <= self.at) {
            debug_assert_eq!(at, self.at);
            happening()?;
        }
        if let Some((at, _)) = &self.happening {
            end = end.min(*at);
        }
        let length = buffer.len().min(end - self.at);
        buffer[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
