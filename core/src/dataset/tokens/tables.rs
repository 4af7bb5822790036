//! The tables by which texts are counted, as another program can have them: the portable edition of schema `lora` counts by
//! the same ones.

use super::costs::{self, BLOCKS, CLASS, CLASSES, LOW, PAIRS};
use super::known::KNOWN;
use super::{SCRIPTS, Script};

/// What characters cost, in 1024ths of a token, and whose they are.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The class of each ASCII character. Known characters of U+0080 to U+07FF are of the last class but one, all others of the last.
    pub classes: &'static [u8; 128],
    /// Cost of a character of the second class after one of the first.
    pub pairs: &'static [[u16; CLASSES]; CLASSES],
    /// Cost of each known character from U+0080 to U+07FF, beside that of its pair.
    pub low: &'static [u16],
    /// First character of each block from U+0800 on, and what a known one costs beside its pair.
    pub blocks: &'static [(u32, u16)],
    /// First character of a range, and a bit for each from there on that is known, lowest first. Of any other one each byte is a
    /// token.
    pub known: &'static [(u32, &'static [u32])],
    /// First and end of the ranges below U+10000 that are of a script, in whole sixteens, and its name.
    pub scripts: Vec<(usize, usize, &'static str)>,
    /// How far off texts of a script may be, in percent.
    pub bands: [(&'static str, u32); 6],
}

/// The tables.
pub fn tables() -> Tables {
    let name = |script| match script {
        Script::Latin => "latin",
        Script::Cyrillic => "cyrillic",
        Script::Arabic => "arabic",
        Script::Cjk => "cjk",
        Script::Other => "other",
        Script::Nobodys => "nobody's",
    };
    Tables {
        classes: &CLASS,
        pairs: &PAIRS,
        low: &LOW,
        blocks: &BLOCKS,
        known: &KNOWN,
        bands: [
            ("english", costs::BAND_ENGLISH_PCT),
            ("latin", costs::BAND_LATIN_PCT),
            ("cyrillic", costs::BAND_CYRILLIC_PCT),
            ("arabic", costs::BAND_ARABIC_PCT),
            ("cjk", costs::BAND_CJK_PCT),
            ("other", costs::BAND_OTHER_PCT),
        ],
        scripts: SCRIPTS.iter().map(|&(first, end, script)| (first, end, name(script))).collect(),
    }
}
