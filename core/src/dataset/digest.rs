//! The digest of a content, which can be made of the digests of its parts.
//!
//! A content is read as a number in base 256 and reduced modulo a prime of 128 bits, so that
//! H(ab) = H(a)·256^|b| + H(b). It tells contents apart, it is no proof against someone who makes two alike:
//! for that there is the SHA-256, which has no such law.

use serde::{Deserialize, Serialize};

/// The largest prime below 2^128.
const PRIME: u128 = u128::MAX - 158;
/// 2^128 modulo the prime.
const FOLD: u128 = 159;
/// Places of a content that are read at once, and the least bytes of each that are worth it.
const LANES: usize = 4;
const LANE_BYTES: usize = 1_024;

/// Digest of some bytes, and how many they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest {
    pub residue: u128,
    pub bytes: u64,
}

impl Digest {
    /// Goes on with the bytes that follow.
    pub fn extend(&mut self, bytes: &[u8]) {
        // Each word waits for the one before it, so a core has time for four places at once: three times as fast.
        let lane = bytes.len() / (LANES * 8) * 8;
        let (lanes, rest) = bytes.split_at(lane * LANES);
        if lane >= LANE_BYTES {
            let power = power_of_256(lane as u64);
            for residue in residues(lanes, lane) {
                self.residue = add(multiply(self.residue, power), residue);
            }
        } else {
            self.residue = residue(self.residue, lanes);
        }
        self.residue = residue(self.residue, rest);
        self.bytes += bytes.len() as u64;
    }

    /// Whether this is a residue.
    pub fn fits(self) -> bool {
        self.residue < PRIME
    }

    /// The digest of these bytes and the later ones.
    pub fn then(self, later: Digest) -> Self {
        let residue = add(multiply(self.residue, power_of_256(later.bytes)), later.residue);
        Self { residue, bytes: self.bytes + later.bytes }
    }

    /// As reports show it: 32 hexadecimal digits. A leading one tells `"\0a"` from `"a"`.
    pub fn shown(self) -> String {
        format!("{:032x}", add(self.residue, power_of_256(self.bytes)))
    }
}

/// The residues of four parts of the same length.
fn residues(lanes: &[u8], lane: usize) -> [u128; LANES] {
    let mut residues = [0; LANES];
    let words: [&[[u8; 8]]; LANES] =
        std::array::from_fn(|at| lanes[at * lane..(at + 1) * lane].as_chunks().0);
    for at in 0..lane / 8 {
        for (residue, words) in residues.iter_mut().zip(words) {
            *residue = shift_in(*residue, u64::from_be_bytes(words[at]), 64);
        }
    }
    residues.map(reduce)
}

/// Goes on from a residue with some bytes.
fn residue(before: u128, bytes: &[u8]) -> u128 {
    let (words, rest) = bytes.as_chunks::<8>();
    let residue = words.iter().fold(before, |residue, word| shift_in(residue, u64::from_be_bytes(*word), 64));
    reduce(rest.iter().fold(residue, |residue, byte| shift_in(residue, u64::from(*byte), 8)))
}

/// `residue · 2^bits + word`, for `bits` up to 64, below 2^128 but perhaps not below the prime.
fn shift_in(residue: u128, word: u64, bits: u32) -> u128 {
    let above = residue >> (128 - bits);
    let (sum, carry) = (residue << bits | u128::from(word)).overflowing_add(above * FOLD);
    // Behind an overflow the sum is small: what is folded in cannot overflow again.
    if carry { sum + FOLD } else { sum }
}

/// The sum of two residues.
fn add(a: u128, b: u128) -> u128 {
    let (sum, carry) = a.overflowing_add(b);
    reduce(if carry { sum + FOLD } else { sum })
}

/// The product of two residues, 64 bits of one factor after the other.
fn multiply(a: u128, b: u128) -> u128 {
    let (low, high) = (a & u128::from(u64::MAX), a >> 64);
    let times_word = |word: u64| {
        let (low, high) = (low * u128::from(word), high * u128::from(word));
        add(reduce(low), reduce(shift_in(high, 0, 64)))
    };
    let upper = times_word((b >> 64) as u64);
    add(reduce(shift_in(upper, 0, 64)), times_word(b as u64))
}

/// A number below 2^128 modulo the prime.
fn reduce(a: u128) -> u128 {
    if a >= PRIME { a - PRIME } else { a }
}

fn power_of_256(exponent: u64) -> u128 {
    let (mut power, mut square, mut rest) = (1, 256, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            power = multiply(power, square);
        }
        square = multiply(square, square);
        rest >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> Digest {
        let mut digest = Digest::default();
        digest.extend(bytes);
        digest
    }

    /// The definition, a byte at a time, by repeated addition.
    fn oracle(bytes: &[u8]) -> u128 {
        let double = |a: u128| if a >= PRIME - a { a - (PRIME - a) } else { a + a };
        bytes.iter().fold(0, |mut residue, byte| {
            for _ in 0..8 {
                residue = double(residue);
            }
            let byte = u128::from(*byte);
            if residue >= PRIME - byte { residue - (PRIME - byte) } else { residue + byte }
        })
    }

    #[test]
    fn contents_that_differ_in_anything_differ() {
        let shown = |bytes: &[u8]| of(bytes).shown();
        assert_eq!(shown(b""), format!("{:032x}", 1));
        assert_eq!(shown(b"a"), format!("{:032x}", 256 + 97));
        let all = [&b""[..], b"a", b"\0a", b"a\0", b"b", b"\0", b"\0\0"];
        let digests: std::collections::HashSet<String> = all.iter().map(|bytes| shown(bytes)).collect();
        assert_eq!(digests.len(), all.len());
        for length in [100, 4_095, 4_096, 4_097, 5_000] {
            assert_eq!(of(&vec![0xff; length]).residue, oracle(&vec![0xff; length]), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn is_what_it_is_defined_as(bytes in prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 0..200),
            1 => proptest::collection::vec(any::<u8>(), 4_000..4_300),
        ]) {
            prop_assert_eq!(of(&bytes).residue, oracle(&bytes));
        }

        #[test]
        fn parts_make_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..200) {
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(of(a).then(of(b)), of(&bytes));
        }
    }
}
