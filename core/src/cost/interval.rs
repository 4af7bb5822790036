//! What an interval of GPU time costs.
//!
//! C(t) is the cost from an interval's start to t: hourly rate × GPUs × billed time, exact and rounded once,
//! half to even, to ten places. A part [a, b) of it costs C(b) − C(a), so any partition of an interval sums
//! exactly to the whole.

use super::amount::Amount;
use crate::{Error, Result};

const MICROS_PER_HOUR: i128 = 3_600_000_000;

/// How time is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Price of one GPU for one hour.
    pub hourly_rate: Amount,
    /// Number of GPUs.
    pub gpus: i32,
    /// Billed time is rounded up to a multiple of this; 0 bills every microsecond as it is.
    pub granularity_micros: i64,
    /// Billed time is at least this, as soon as any time was used.
    pub minimum_micros: i64,
}

/// The cost of `elapsed_micros` from the interval's start.
///
/// ```
/// use pg_lora_core::cost::{Amount, Rate, interval_cost};
/// let rate = Rate {
///     hourly_rate: Amount::parse("3.50", "hourly_rate")?,
///     gpus: 2,
///     granularity_micros: 0,
///     minimum_micros: 0,
/// };
/// let ninety_minutes = 90 * 60 * 1_000_000;
/// assert_eq!(interval_cost(ninety_minutes, &rate)?.to_string(), "10.5000000000");
/// # Ok::<(), pg_lora_core::Error>(())
/// ```
///
/// # Errors
/// `InvalidArgument` for negative time, rate, GPUs, granularity or minimum; `OutOfRange` when the product
/// leaves 128 bits.
pub fn interval_cost(elapsed_micros: i64, rate: &Rate) -> Result<Amount> {
    let negative = |what: &str, hint: &str| Err(Error::invalid_argument(format!("{what} is negative"), hint));
    if elapsed_micros < 0 {
        return negative("\"period\"", "Pass an end that is not before the start.");
    }
    if rate.hourly_rate < Amount::ZERO {
        return negative(
            "\"hourly_rate\"",
            "Pass a price of 0 or more; corrections are records of their own.",
        );
    }
    if rate.gpus < 0 {
        return negative("\"gpus\"", "Pass the number of GPUs, 0 or more.");
    }
    if rate.granularity_micros < 0 {
        return negative("\"granularity\"", "Pass an interval of 0 or more.");
    }
    if rate.minimum_micros < 0 {
        return negative("\"minimum\"", "Pass an interval of 0 or more.");
    }
    if elapsed_micros == 0 {
        return Ok(Amount::ZERO);
    }
    let mut billed = i128::from(elapsed_micros.max(rate.minimum_micros));
    let granularity = i128::from(rate.granularity_micros);
    if granularity > 0 {
        billed = (billed + granularity - 1) / granularity * granularity;
    }
    rate.hourly_rate
        .units()
        .checked_mul(i128::from(rate.gpus))
        .and_then(|per_hour| per_hour.checked_mul(billed))
        .map(|product| Amount::from_units(divide_half_even(product, MICROS_PER_HOUR)))
        .ok_or_else(|| {
            Error::out_of_range(
                "the cost is too large",
                "Check the rate, the number of GPUs and the interval.",
            )
        })
}

/// `dividend / divisor`, a tie going to the even neighbour. Both are 0 or more.
fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
        std::cmp::Ordering::Less => quotient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(hourly: &str, gpus: i32) -> Rate {
        Rate {
            hourly_rate: Amount::parse(hourly, "hourly_rate").unwrap(),
            gpus,
            granularity_micros: 0,
            minimum_micros: 0,
        }
    }

    fn cost(seconds: i64, rate: &Rate) -> String {
        interval_cost(seconds * 1_000_000, rate).unwrap().to_string()
    }

    #[test]
    fn every_second_counts() {
        // 3,600 one-second ticks of 16 dollars an hour: 0.00444… each, which cents round to nothing.
        assert_eq!(cost(1, &rate("16", 1)), "0.0044444444");
        assert_eq!(cost(3600, &rate("16", 1)), "16.0000000000");
        assert_eq!(cost(0, &rate("16", 1)), "0.0000000000");
        assert_eq!(cost(90 * 60, &rate("3.50", 2)), "10.5000000000");
        assert_eq!(cost(400 * 86_400, &rate("0.0000000001", 100)), "0.0000960000");
    }

    #[test]
    fn granularity_and_minimum_round_up() {
        let by_minute = Rate { granularity_micros: 60_000_000, ..rate("60", 1) };
        assert_eq!(cost(61, &by_minute), "2.0000000000");
        assert_eq!(cost(60, &by_minute), "1.0000000000");
        let ten_minutes = Rate { minimum_micros: 600_000_000, ..rate("60", 1) };
        assert_eq!(cost(1, &ten_minutes), "10.0000000000");
        assert_eq!(cost(0, &ten_minutes), "0.0000000000");
        assert_eq!(cost(601, &ten_minutes), "10.0166666667");
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        assert_eq!(divide_half_even(5, 10), 0);
        assert_eq!(divide_half_even(15, 10), 2);
        assert_eq!(divide_half_even(25, 10), 2);
        assert_eq!(divide_half_even(26, 10), 3);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let message = |micros, rate: Rate| interval_cost(micros, &rate).unwrap_err().message;
        assert_eq!(message(-1, rate("1", 1)), "\"period\" is negative");
        assert_eq!(message(1, rate("-1", 1)), "\"hourly_rate\" is negative");
        assert_eq!(message(1, rate("1", -1)), "\"gpus\" is negative");
        assert_eq!(
            message(1, Rate { granularity_micros: -1, ..rate("1", 1) }),
            "\"granularity\" is negative"
        );
        assert_eq!(message(1, Rate { minimum_micros: -1, ..rate("1", 1) }), "\"minimum\" is negative");
        assert_eq!(message(i64::MAX, rate("9999999999999999999", i32::MAX)), "the cost is too large");
    }

    proptest! {
        /// The definition in another form: the double of the distance to the exact quotient is at most one
        /// unit, and a tie is even.
        #[test]
        fn is_the_nearest_amount(elapsed in 0_i64..40_000_000_000_000, units in 0_i128..1_000_000_000_000, gpus in 0_i32..101) {
            let rate = Rate { hourly_rate: Amount::from_units(units), gpus, granularity_micros: 0, minimum_micros: 0 };
            let cost = interval_cost(elapsed, &rate).unwrap().units();
            let exact = units * i128::from(gpus) * i128::from(elapsed);
            let distance = (cost * MICROS_PER_HOUR - exact).abs() * 2;
            prop_assert!(distance <= MICROS_PER_HOUR);
            prop_assert!(distance < MICROS_PER_HOUR || cost % 2 == 0);
        }

        #[test]
        fn any_partition_sums_to_the_whole(
            cuts in proptest::collection::vec(0_i64..10_000_000_000_000, 1..12),
            units in 0_i128..1_000_000_000_000,
            gpus in 1_i32..9,
            granularity in prop_oneof![Just(0_i64), Just(1_000_000), Just(60_000_000)],
            minimum in prop_oneof![Just(0_i64), Just(600_000_000)],
        ) {
            let rate = Rate { hourly_rate: Amount::from_units(units), gpus, granularity_micros: granularity, minimum_micros: minimum };
            let mut cuts = cuts;
            cuts.push(0);
            cuts.sort_unstable();
            let at = |t: i64| interval_cost(t, &rate).unwrap().units();
            let parts: i128 = cuts.windows(2).map(|two| at(two[1]) - at(two[0])).sum();
            prop_assert_eq!(parts, at(*cuts.last().unwrap()));
            prop_assert!(cuts.windows(2).all(|two| at(two[0]) <= at(two[1])));
        }
    }
}
