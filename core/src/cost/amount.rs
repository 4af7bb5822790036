//! An exact decimal with ten places.

use crate::{Error, Result};
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::fmt;

/// Decimal places of every amount: those of `cost_records.amount numeric(20,10)`.
const PLACES: usize = 10;
const UNITS: i128 = 10_i128.pow(PLACES as u32);

/// An amount of money in whole 10⁻¹⁰ of a currency unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// From whole 10⁻¹⁰.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// In whole 10⁻¹⁰.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Reads a plain decimal such as `3.50` or `-0.0000000001`, as Postgres prints `numeric`. `what` names
    /// the argument in the error.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else, NaN, infinity and a value that needs an eleventh place among
    /// them; `OutOfRange` beyond 10²⁸.
    pub fn parse(text: &str, what: &str) -> Result<Self> {
        let invalid = || {
            Error::invalid_argument(
                format!("\"{what}\" is {text}, which is not an amount"),
                "Pass a finite decimal with at most ten places.",
            )
        };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > PLACES {
            return Err(invalid());
        }
        if whole.trim_start_matches('0').len() > 28 {
            return Err(Error::out_of_range(
                format!("\"{what}\" is {text}, which is too large"),
                "Pass an amount below 10^28.",
            ));
        }
        let whole: i128 = whole.parse().map_err(|_| invalid())?;
        let fraction: i128 = format!("{fraction:0<PLACES$}").parse().map_err(|_| invalid())?;
        let units = whole * UNITS + fraction;
        Ok(Self(if negative { -units } else { units }))
    }

    /// From the digits of a `numeric` as Postgres stores them: to base 10,000, the first one with this weight, so that an amount of
    /// a million rows needs no text in between. `None` for what [`parse`](Self::parse) refuses.
    ///
    /// ```
    /// # use pg_lora_core::cost::Amount;
    /// // 12345.6 = 1 · 10⁴ + 2345 + 6000 · 10⁻⁴
    /// let amount = Amount::from_base_10000(false, 1, [1, 2345, 6000]);
    /// assert_eq!(amount, Amount::parse("12345.6", "amount").ok());
    /// ```
    pub fn from_base_10000(
        negative: bool,
        weight: i32,
        digits: impl IntoIterator<Item = u16>,
    ) -> Option<Self> {
        let mut units: i128 = 0;
        for (at, digit) in (0..).zip(digits.into_iter().map(i128::from)) {
            units += match weight - at {
                // Four decimal places a digit, and ten places in all: of the third one after the point two are too many.
                weight @ -2..=6 => digit * 10_i128.pow((4 * weight + PLACES as i32) as u32),
                -3 if digit % 100 == 0 => digit / 100,
                _ if digit == 0 => 0,
                _ => return None,
            };
        }
        Some(Self(if negative { -units } else { units }))
    }

    /// Rounded half to even, as a JSON number with so many places: what is shown, and never added up.
    pub fn rounded(self, places: usize) -> Box<RawValue> {
        let unit = 10_u128.pow((PLACES - places.min(PLACES)) as u32);
        let (whole, rest) = (self.0.unsigned_abs() / unit, self.0.unsigned_abs() % unit);
        let whole = match (rest * 2).cmp(&unit) {
            Ordering::Less => whole,
            Ordering::Equal => whole + whole % 2,
            Ordering::Greater => whole + 1,
        };
        let scale = 10_u128.pow(places.min(PLACES) as u32);
        let sign = if self.0 < 0 && whole > 0 { "-" } else { "" };
        let text = match places {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{}.{:0places$}", whole / scale, whole % scale),
        };
        RawValue::from_string(text).expect("a decimal is a JSON number")
    }

    /// A JSON number with all ten places; a float would lose some.
    pub fn to_json(self) -> Box<RawValue> {
        RawValue::from_string(self.to_string()).expect("a decimal is a JSON number")
    }

    /// The exact sum.
    ///
    /// # Errors
    /// `OutOfRange` when it leaves 128 bits.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        self.0.checked_add(other.0).map(Self).ok_or_else(|| {
            Error::out_of_range("the sum of amounts is too large", "Add up fewer rows at once.")
        })
    }
}

/// All ten places, always: `4.1000000000`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, sign) = (self.0.unsigned_abs(), if self.0 < 0 { "-" } else { "" });
        let scale = UNITS.unsigned_abs();
        write!(f, "{sign}{}.{:0PLACES$}", units / scale, units % scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_postgres_prints() {
        assert_eq!(Amount::parse("3.50", "rate").unwrap().to_string(), "3.5000000000");
        assert_eq!(Amount::parse("-0.0000000001", "rate").unwrap().units(), -1);
        assert_eq!(Amount::parse("7", "rate").unwrap().to_string(), "7.0000000000");
        assert_eq!(Amount::parse("0.10000000000000", "rate").unwrap().to_string(), "0.1000000000");
        for bad in ["", "-", "NaN", "Infinity", "1e5", ".5", "0.00000000001", "--1", "1.2.3", " 1"] {
            assert!(Amount::parse(bad, "rate").is_err(), "{bad}");
        }
        assert!(Amount::parse(&"9".repeat(29), "rate").is_err());
    }

    #[test]
    fn digits_beyond_what_an_amount_holds_are_refused() {
        assert_eq!(Amount::from_base_10000(false, 7, [1]), None);
        assert_eq!(Amount::from_base_10000(false, -3, [101]), None);
        assert_eq!(Amount::from_base_10000(false, -4, [1]), None);
        assert_eq!(Amount::from_base_10000(true, -3, [100]), Some(Amount::from_units(-1)));
        assert_eq!(Amount::from_base_10000(false, 0, []), Some(Amount::ZERO));
    }

    #[test]
    fn is_rounded_half_to_even() {
        let rounded =
            |text: &str, places| Amount::parse(text, "amount").unwrap().rounded(places).get().to_owned();
        for (amount, places, shown) in [
            ("4.105", 2, "4.10"),
            ("4.115", 2, "4.12"),
            ("4.1050000001", 2, "4.11"),
            ("-4.115", 2, "-4.12"),
            ("-0.004", 2, "0.00"),
            ("0.5", 0, "0"),
            ("1.5", 0, "2"),
            ("7", 3, "7.000"),
            ("7.0000000001", 10, "7.0000000001"),
        ] {
            assert_eq!(rounded(amount, places), shown, "{amount} to {places} places");
        }
        let lowest = Amount::from_units(i128::MIN).rounded(2).get().to_owned();
        assert_eq!(lowest, "-17014118346046923173168730371.59");
    }

    proptest! {
        /// The digits of the text, four at a time from the point on, are those that Postgres stores.
        #[test]
        fn digits_and_text_are_read_alike(units in -10_i128.pow(37)..10_i128.pow(37), places in 0_u32..11) {
            let units = units / 10_i128.pow(places) * 10_i128.pow(places);
            let text = Amount::from_units(units.abs()).to_string();
            let (whole, fraction) = text.split_once('.').unwrap();
            let padded = format!("{whole:0>28}{fraction:0<12}");
            let digits = padded.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap().parse().unwrap());
            prop_assert_eq!(Amount::from_base_10000(units < 0, 6, digits), Some(Amount::from_units(units)));
        }

        #[test]
        fn text_and_back(units in -10_i128.pow(37)..10_i128.pow(37)) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(Amount::parse(&amount.to_string(), "amount").unwrap(), amount);
        }
    }
}
