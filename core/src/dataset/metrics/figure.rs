//! A number as it is written in JSON, compared without a float: a bigint beyond 2^53 differs from its neighbour.
//!
//! Refused: what is larger than a bigint. No column of counts or averages holds that.

use crate::error::{Error, Result};

/// Parts of a unit that are told apart. Columns have two decimals, so that four more are for nobody to miss.
pub(super) const MICROS: i128 = 1_000_000;

/// A number, or one of the three that Postgres has and JSON does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure<'a> {
    /// As it is written.
    text: &'a str,
    /// Rounded down to a millionth; `None` for NaN and the infinities.
    micros: Option<i128>,
    /// Whether nothing was lost by rounding.
    exact: bool,
}

impl<'a> Figure<'a> {
    /// A JSON number, or the text by which jsonb holds what is not finite. `None` when it is neither.
    pub fn parse(key: &str, json: &'a str) -> Option<Result<Self>> {
        if let name @ ("NaN" | "Infinity" | "-Infinity") = json.trim_matches('"') {
            return Some(Ok(Self { text: name, micros: None, exact: true }));
        }
        if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        Some(match floor(json) {
            Some((micros, exact)) => Ok(Self { text: json, micros: Some(micros), exact }),
            None => Err(Error::invalid_argument(
                format!("\"{key}\" is larger than any count"),
                "Pass a figure that a bigint holds.",
            )),
        })
    }

    /// As it is written, cut where it is longer than any figure should be.
    pub fn text(&self) -> &'a str {
        self.text.get(..40).unwrap_or(self.text)
    }

    /// Millionths, rounded down; `None` when it is not finite.
    pub fn micros(&self) -> Option<i128> {
        self.micros
    }

    /// The whole number that it is.
    pub fn whole(&self) -> Option<i128> {
        self.micros.filter(|micros| self.exact && micros % MICROS == 0).map(|micros| micros / MICROS)
    }
}

/// Millionths of a JSON number, rounded down, and whether that is all of it; `None` beyond a bigint.
fn floor(json: &str) -> Option<(i128, bool)> {
    let (negative, digits) = json.strip_prefix('-').map_or((false, json), |rest| (true, rest));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    // An exponent that no i64 holds makes nothing or too much of any digit, as does the largest one here.
    let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { -FAR } else { FAR });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return Some((0, true));
    }
    // The value is digits × 10^shift, in millionths.
    let shift = exponent.clamp(-FAR, FAR) - fraction.len() as i64 + 6;
    let places = digits.len() as i64 + shift;
    if places > 19 + 6 {
        return None;
    }
    let (kept, lost) = digits.split_at(if shift < 0 { places.max(0) as usize } else { digits.len() });
    let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let micros = kept * 10_i128.pow(shift.max(0) as u32);
    let exact = lost.bytes().all(|digit| digit == b'0');
    let micros = match negative {
        false => micros,
        true => -micros - i128::from(!exact),
    };
    let range = i128::from(i64::MIN) * MICROS..=i128::from(i64::MAX) * MICROS + (MICROS - 1);
    range.contains(&micros).then_some((micros, exact))
}

/// An exponent beyond the digits of any text.
const FAR: i64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::{Figure, floor};
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, expected) in [
            ("0", Some((0, true))),
            ("-0.0", Some((0, true))),
            ("7.33", Some((7_330_000, true))),
            ("12.000", Some((12_000_000, true))),
            ("1e3", Some((1_000_000_000, true))),
            ("1.5E-1", Some((150_000, true))),
            ("1.23456789", Some((1_234_567, false))),
            ("-1.23456789", Some((-1_234_568, false))),
            ("-1e-400", Some((-1, false))),
            ("1e-99999999999999999999", Some((0, false))),
            ("0e99999999999999999999", Some((0, true))),
            ("9223372036854775807", Some((9_223_372_036_854_775_807_000_000, true))),
            ("-9223372036854775808", Some((-9_223_372_036_854_775_808_000_000, true))),
            ("9223372036854775808", None),
            ("1e19", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(floor(text), expected, "{text}");
        }
        assert_eq!(floor(&format!("1{}", "0".repeat(100_000))), None);
        assert_eq!(floor(&format!("{}1", "0.".to_owned() + &"0".repeat(100_000))), Some((0, false)));
    }

    #[test]
    fn neighbours_beyond_the_floats_differ() {
        let whole = |text| Figure::parse("x", text).unwrap().unwrap().whole();
        assert_eq!(whole("9007199254740993"), Some(9_007_199_254_740_993));
        assert_eq!(whole("9007199254740992.0000001"), None);
    }

    proptest! {
        #[test]
        fn every_bigint_is_itself(n: i64) {
            prop_assert_eq!(floor(&n.to_string()), Some((i128::from(n) * 1_000_000, true)));
        }

        #[test]
        fn decimals_are_exact_to_a_millionth(n in -1_000_000_000_000_i64..1_000_000_000_000) {
            let (sign, n) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
            let text = format!("{sign}{}.{:06}", n / 1_000_000, n % 1_000_000);
            let expected = i128::from(n) * if sign.is_empty() { 1 } else { -1 };
            prop_assert_eq!(floor(&text), Some((expected, true)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "-?[0-9.eE+-]{0,40}") {
            let _ = floor(&text);
        }
    }
}
