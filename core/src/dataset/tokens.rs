//! Token counts by estimate, for text whose tokenizer is not at hand.
//!
//! A token is a frequent piece of text, so what a character costs depends on its neighbour: "th" is cheap, "xq" is
//! not. ASCII costs are those of pairs of neighbours, other letters have a cost of their own, and of a character
//! that the vocabulary lacks every byte is a token. The costs (`costs`, `known`) are fitted to the vocabulary of
//! Mistral-7B-v0.1 by `cargo xtask calibrate-tokens`; docs/datasets.md says how far they are off.
//!
//! Invariant: an estimate is a sum of whole 1024ths of a token, each message for itself, so the same messages give
//! the same figure in any order and however they were cut into files, rows or workers.

mod costs;
mod known;

use costs::{BLOCKS, CLASS, CLASSES, LOW, PAIRS, SPACE, TH, UNITS_PER_TOKEN};

pub use costs::HELD_OUT;

/// Name of the method, as reports give it.
pub const METHOD: &str = "script_classes_v1";

/// An estimate that can be added to: units, and the characters that tell the script and so the error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// 1024ths of a token.
    pub(super) units: u64,
    pub(super) ascii: u64,
    /// Letter pairs "th": one in fifty characters of English, one in hundreds of most other languages and of code.
    pub(super) th: u64,
    pub(super) latin: u64,
    pub(super) cyrillic: u64,
    pub(super) arabic: u64,
    pub(super) cjk: u64,
    pub(super) other: u64,
}

impl Tokens {
    /// The estimate of one text; each message is one, and begins as if after a space.
    pub fn of(text: &str) -> Self {
        let mut tokens = Self::default();
        let mut before = SPACE;
        let mut rest = text;
        while !rest.is_empty() {
            let run = ascii_run(rest.as_bytes());
            before = tokens.count_ascii(&rest.as_bytes()[..run], before);
            let mut end = rest.len();
            for (at, character) in rest[run..].char_indices() {
                if character.is_ascii() {
                    end = run + at;
                    break;
                }
                before = tokens.count_character(character, before);
            }
            rest = &rest[end..];
        }
        tokens
    }

    /// Adds another estimate.
    pub fn add(&mut self, other: Self) {
        self.units += other.units;
        self.ascii += other.ascii;
        self.th += other.th;
        self.latin += other.latin;
        self.cyrillic += other.cyrillic;
        self.arabic += other.arabic;
        self.cjk += other.cjk;
        self.other += other.other;
    }

    /// Tokens, rounded to the nearest.
    pub fn count(self) -> u64 {
        (self.units + UNITS_PER_TOKEN / 2) / UNITS_PER_TOKEN
    }

    /// How far the count may be off, in percent: the largest error that was seen on texts of the same script that
    /// had no part in the fit. A script counts from a tenth of the characters on. Latin text is held for English
    /// when it has few accents and enough "th".
    pub fn error_band_pct(self) -> u32 {
        let scripts = [
            (self.cyrillic, costs::BAND_CYRILLIC_PCT),
            (self.arabic, costs::BAND_ARABIC_PCT),
            (self.cjk, costs::BAND_CJK_PCT),
            (self.other, costs::BAND_OTHER_PCT),
        ];
        let foreign: u64 = scripts.iter().map(|(characters, _)| characters).sum();
        if foreign * 10 > self.ascii + self.latin + foreign {
            let (_, band) = scripts.into_iter().max_by_key(|(characters, _)| *characters).unwrap_or_default();
            return band;
        }
        if self.latin * 200 <= self.ascii && self.th * 110 >= self.ascii {
            costs::BAND_ENGLISH_PCT
        } else {
            costs::BAND_LATIN_PCT
        }
    }

    /// Counts ASCII after a character of the class `before`, and answers the class of the last one.
    fn count_ascii(&mut self, bytes: &[u8], before: u8) -> u8 {
        self.ascii += bytes.len() as u64;
        let mut row = usize::from(before) * STRIDE;
        // Costs and pairs are summed in one word; a chunk fills neither half of it.
        for chunk in bytes.chunks(1 << 16) {
            let mut sum = 0;
            for &byte in chunk {
                let class = usize::from(CLASS[usize::from(byte & 0x7f)]);
                sum += NEIGHBOURS[(row | class) % NEIGHBOURS.len()];
                row = class * STRIDE;
            }
            self.units += sum & (TH_UNIT - 1);
            self.th += sum >> TH_SHIFT;
        }
        (row / STRIDE) as u8
    }

    /// Counts a character that is not ASCII, and answers its class.
    fn count_character(&mut self, character: char, before: u8) -> u8 {
        let code = u32::from(character);
        let (class, cost) = match code {
            0x80..0x800 => (LETTER, u64::from(LOW[code as usize - 0x80])),
            0x800..0x1_0000 if is_known(code) => {
                (FAR, u64::from(BLOCKS[usize::from(BLOCK_OF[code as usize >> 4])].1))
            }
            _ => (FAR, character.len_utf8() as u64 * UNITS_PER_TOKEN),
        };
        self.units += cost + u64::from(PAIRS[usize::from(before)][usize::from(class)]);
        match code {
            0xc0..0x250 | 0x1e00..0x1f00 => self.latin += 1,
            0x400..0x530 => self.cyrillic += 1,
            0x600..0x780 | 0xfb50..0xfe00 | 0xfe70..0xff00 => self.arabic += 1,
            0x1100..0x1200
            | 0x3000..0x3200
            | 0x3400..0xa000
            | 0xac00..0xd7b0
            | 0xff00..0xfff0
            | 0x2_0000..0x3_2000 => self.cjk += 1,
            0x250..0x400
            | 0x530..0x600
            | 0x780..0x1100
            | 0x1200..0x1e00
            | 0x1f00..0x2000
            | 0x2c00..0x2e00
            | 0xa000..0xac00 => self.other += 1,
            // Signs that all scripts use, and pictures.
            _ => {}
        }
        class
    }
}

/// Classes of what is not ASCII: letters below U+0800, and the rest.
const LETTER: u8 = CLASSES as u8 - 2;
const FAR: u8 = CLASSES as u8 - 1;

/// Rows of the table below, a power of two long so that no index needs a check.
const STRIDE: usize = 64;
/// Where the pairs "th" are summed, above the costs.
const TH_SHIFT: u32 = 40;
const TH_UNIT: u64 = 1 << TH_SHIFT;

/// The cost of each ASCII pair, and whether it is "th": one look-up for a character.
static NEIGHBOURS: [u64; STRIDE * STRIDE] = {
    assert!(CLASSES <= STRIDE);
    let mut table = [0; STRIDE * STRIDE];
    let mut pair = 0;
    while pair < CLASSES * CLASSES {
        let (before, class) = (pair / CLASSES, pair % CLASSES);
        table[before * STRIDE + class] = PAIRS[before][class] as u64;
        pair += 1;
    }
    table[TH.0 * STRIDE + TH.1] += TH_UNIT;
    table
};

/// The block of each sixteen characters below U+10000.
static BLOCK_OF: [u8; 0x1000] = {
    let mut table = [0; 0x1000];
    let mut block = 0;
    while block + 1 < BLOCKS.len() {
        let mut at = BLOCKS[block].0 >> 4;
        while at < BLOCKS[block + 1].0 >> 4 {
            table[at as usize] = block as u8;
            at += 1;
        }
        block += 1;
    }
    table
};

/// A bit for each character below U+10000 that the vocabulary knows.
static KNOWN: [u32; 0x800] = {
    let mut table = [0; 0x800];
    let mut range = 0;
    while range < known::KNOWN.len() {
        let (first, words) = known::KNOWN[range];
        let mut at = 0;
        while at < words.len() {
            table[(first >> 5) as usize + at] = words[at];
            at += 1;
        }
        range += 1;
    }
    table
};

fn is_known(code: u32) -> bool {
    KNOWN[code as usize >> 5] >> (code & 31) & 1 == 1
}

/// Bytes up to the first that is not ASCII, eight at a time.
fn ascii_run(bytes: &[u8]) -> usize {
    let mut words = bytes.chunks_exact(8);
    let mut run = 0;
    for word in &mut words {
        if !word.is_ascii() {
            break;
        }
        run += 8;
    }
    run + bytes[run..].iter().take_while(|byte| byte.is_ascii()).count()
}

#[cfg(test)]
mod tests;
