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
mod tables;

use serde::{Deserialize, Serialize};

use costs::{BLOCKS, CLASS, CLASSES, LOW, PAIRS, SPACE, UNITS_PER_TOKEN};

pub use costs::HELD_OUT;
pub use tables::{Tables, tables};

/// Name of the method, as reports give it.
pub const METHOD: &str = "script_classes_v1";

/// An estimate that can be added to: units, and the characters that tell the script and so the error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Bytes that are counted between two ticks: less than a millisecond.
const PIECE: usize = 1 << 20;

impl Tokens {
    /// The estimate of one text; each message is one, and begins as if after a space.
    pub fn of(text: &str) -> Self {
        let mut tokens = Self::default();
        tokens.go_on(text, SPACE);
        tokens.at_least_one(text)
    }

    /// The same for a text that may be long: `tick` is called after each megabyte; a caller that wants to stop unwinds
    /// from it.
    pub fn of_long(text: &str, tick: &mut dyn FnMut()) -> Self {
        let mut tokens = Self::default();
        let (mut before, mut rest) = (SPACE, text);
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.floor_char_boundary(PIECE));
            before = tokens.go_on(piece, before);
            rest = later;
            tick();
        }
        tokens.at_least_one(text)
    }

    /// Costs are averages: of a single letter they are less than a token, which no text is.
    fn at_least_one(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.units = self.units.max(UNITS_PER_TOKEN);
        }
        self
    }

    /// Counts a text behind a character of the class `before`, and answers the class of its last one.
    fn go_on(&mut self, text: &str, mut before: u8) -> u8 {
        let mut rest = text;
        while !rest.is_empty() {
            let run = ascii_run(rest.as_bytes());
            before = self.count_ascii(&rest.as_bytes()[..run], before);
            let mut end = rest.len();
            for (at, character) in rest[run..].char_indices() {
                if character.is_ascii() {
                    end = run + at;
                    break;
                }
                before = self.count_character(character, before);
            }
            rest = &rest[end..];
        }
        before
    }

    /// Whether this can be the estimate of so many bytes: no byte costs more than four tokens.
    pub(super) fn fits(self, bytes: u64) -> bool {
        let characters = [self.ascii, self.th, self.latin, self.cyrillic, self.arabic, self.cjk, self.other];
        self.units <= bytes.saturating_mul(4 * UNITS_PER_TOKEN)
            && characters.iter().all(|count| *count <= bytes)
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
    /// had no part in the fit. Of several scripts the least certain one counts: each from a tenth of the characters on,
    /// Latin from a third on, because other scripts use its spaces and signs. Latin text is held for English when it
    /// has few accents and enough "th".
    pub fn error_band_pct(self) -> u32 {
        let scripts = [
            (self.cyrillic, costs::BAND_CYRILLIC_PCT),
            (self.arabic, costs::BAND_ARABIC_PCT),
            (self.cjk, costs::BAND_CJK_PCT),
            (self.other, costs::BAND_OTHER_PCT),
        ];
        let foreign: u64 = scripts.iter().map(|(characters, _)| characters).sum();
        let latin = self.ascii + self.latin;
        let all = latin + foreign;
        let bands = scripts.into_iter().filter(|(characters, _)| characters * 10 > all).map(|(_, band)| band);
        let latin = (latin * 3 > all).then(|| self.latin_band_pct());
        bands.chain(latin).max().unwrap_or_else(|| self.latin_band_pct())
    }

    fn latin_band_pct(self) -> u32 {
        if self.latin * 200 <= self.ascii && self.th * 110 >= self.ascii {
            costs::BAND_ENGLISH_PCT
        } else {
            costs::BAND_LATIN_PCT
        }
    }

    /// Counts ASCII after a character of the class `before`, and answers the class of the last one.
    fn count_ascii(&mut self, bytes: &[u8], before: u8) -> u8 {
        let [first, .., last] = *bytes else {
            return bytes.first().map_or(before, |only| self.count_first(*only, before));
        };
        self.count_first(first, before);
        self.ascii += bytes.len() as u64 - 1;
        // Costs and pairs are summed in one word; a chunk fills neither half of it.
        let mut at = 0;
        while at + 1 < bytes.len() {
            let end = bytes.len().min(at + CHUNK);
            let mut sum = 0;
            for pair in bytes[at..end].windows(2) {
                sum += u64::from(NEIGHBOURS[usize::from(u16::from_le_bytes([pair[0], pair[1]]) & 0x7fff)]);
            }
            self.units += sum & (TH_UNIT - 1);
            self.th += sum >> TH_SHIFT;
            // The last of a chunk is the neighbour of the next one's first.
            at = end - 1;
        }
        class_of(last)
    }

    /// Counts an ASCII character whose neighbour is not in the same run.
    fn count_first(&mut self, byte: u8, before: u8) -> u8 {
        let class = class_of(byte);
        self.ascii += 1;
        self.units += u64::from(PAIRS[usize::from(before)][usize::from(class)]);
        class
    }

    /// Counts a character that is not ASCII, and answers its class.
    fn count_character(&mut self, character: char, before: u8) -> u8 {
        let code = character as usize;
        let (class, cost) = if !is_known(code) {
            (FAR, character.len_utf8() as u64 * UNITS_PER_TOKEN)
        } else if code < 0x800 {
            (LETTER, u64::from(LOW[code - 0x80]))
        } else {
            (FAR, u64::from(BLOCKS[usize::from(BLOCK_OF[code >> 4])].1))
        };
        self.units += cost + u64::from(PAIRS[usize::from(before)][usize::from(class)]);
        match SCRIPT_OF.get(code >> 4) {
            Some(Script::Latin) => self.latin += 1,
            Some(Script::Cyrillic) => self.cyrillic += 1,
            Some(Script::Arabic) => self.arabic += 1,
            Some(Script::Cjk) => self.cjk += 1,
            Some(Script::Other) => self.other += 1,
            Some(Script::Nobodys) => {}
            None if (0x2_0000..0x3_2000).contains(&code) => self.cjk += 1,
            None => {}
        }
        class
    }
}

/// Whom a character belongs to.
#[derive(Clone, Copy)]
enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Cjk,
    Other,
    /// ASCII, signs that all scripts use, and pictures.
    Nobodys,
}

/// First and end of the scripts below U+10000, in whole sixteens.
const SCRIPTS: [(usize, usize, Script); 18] = [
    (0xc0, 0x250, Script::Latin),
    (0x1e00, 0x1f00, Script::Latin),
    (0x400, 0x530, Script::Cyrillic),
    (0x600, 0x780, Script::Arabic),
    (0xfb50, 0xfe00, Script::Arabic),
    (0xfe70, 0xff00, Script::Arabic),
    (0x1100, 0x1200, Script::Cjk),
    (0x3000, 0x3200, Script::Cjk),
    (0x3400, 0xa000, Script::Cjk),
    (0xac00, 0xd7b0, Script::Cjk),
    (0xff00, 0xfff0, Script::Cjk),
    (0x250, 0x400, Script::Other),
    (0x530, 0x600, Script::Other),
    (0x780, 0x1100, Script::Other),
    (0x1200, 0x1e00, Script::Other),
    (0x1f00, 0x2000, Script::Other),
    (0x2c00, 0x2e00, Script::Other),
    (0xa000, 0xac00, Script::Other),
];

/// The script of each sixteen characters below U+10000.
static SCRIPT_OF: [Script; 0x1000] = {
    let mut table = [Script::Nobodys; 0x1000];
    let mut range = 0;
    while range < SCRIPTS.len() {
        let (first, end, script) = SCRIPTS[range];
        let mut at = first >> 4;
        while at < end >> 4 {
            table[at] = script;
            at += 1;
        }
        range += 1;
    }
    table
};

/// Classes of what is not ASCII: known characters below U+0800, and the rest.
const LETTER: u8 = CLASSES as u8 - 2;
const FAR: u8 = CLASSES as u8 - 1;

/// Bytes that are summed in one word.
const CHUNK: usize = 4096;
/// Where the pairs "th" are summed, above the costs.
const TH_SHIFT: u32 = 24;
const TH_UNIT: u64 = 1 << TH_SHIFT;

/// The cost of each ASCII pair, and whether it is "th", by the two bytes as they stand in memory: one look-up for a
/// character, without one for its class (by classes it was half as fast). Only the lines of pairs that texts have
/// are ever in the cache.
static NEIGHBOURS: [u32; 0x8000] = {
    let mut table = [0; 0x8000];
    let mut pair = 0;
    while pair < 0x80 * 0x80 {
        let (before, after) = (pair / 0x80, pair % 0x80);
        table[after << 8 | before] = PAIRS[CLASS[before] as usize][CLASS[after] as usize] as u32;
        pair += 1;
    }
    table[(b'h' as usize) << 8 | b't' as usize] += TH_UNIT as u32;
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

fn class_of(ascii: u8) -> u8 {
    CLASS[usize::from(ascii & 0x7f)]
}

fn is_known(code: usize) -> bool {
    KNOWN.get(code >> 5).is_some_and(|word| word >> (code & 31) & 1 == 1)
}

/// Bytes up to the first that is not ASCII, 32 at a time.
fn ascii_run(bytes: &[u8]) -> usize {
    let run = 32 * bytes.chunks_exact(32).take_while(|block| block.is_ascii()).count();
    run + bytes[run..].iter().take_while(|byte| byte.is_ascii()).count()
}

#[cfg(test)]
mod tests;
