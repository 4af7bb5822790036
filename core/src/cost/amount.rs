//! An exact decimal with ten places.

use crate::{Error, Result};
use serde_json::value::RawValue;
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

    proptest! {
        #[test]
        fn text_and_back(units in -10_i128.pow(37)..10_i128.pow(37)) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(Amount::parse(&amount.to_string(), "amount").unwrap(), amount);
        }
    }
}
