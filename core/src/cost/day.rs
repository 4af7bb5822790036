//! A day of the calendar.

use std::fmt;

/// A day, counted from 2000-01-01 in the Gregorian calendar, as Postgres counts it; printed as Postgres prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Day(pub i32);

/// Days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;
/// From 0000-03-01, on which cycles begin, to 2000-01-01.
const FROM_MARCH_0: i64 = 730_425;

/// `2026-01-31`; a year before the first one as `0044-03-15 BC`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = i64::from(self.0) + FROM_MARCH_0;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        // Years begin in March here, so that the day that some of them have more is their last one.
        let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE - 1)) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on months have 31, 30, 31, 30, 31 days, and again: 153 in five.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) =
            (year + 400 * cycle + i64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
        match year {
            1.. => write!(f, "{year:04}-{month:02}-{day:02}"),
            _ => write!(f, "{:04}-{month:02}-{day:02} BC", 1 - year),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_printed_as_in_postgres() {
        for (day, text) in [
            (0, "2000-01-01"),
            (-1, "1999-12-31"),
            (59, "2000-02-29"),
            (60, "2000-03-01"),
            (9_556, "2026-03-01"),
            (9_555, "2026-02-28"),
            (36_584, "2100-03-01"),
            (36_583, "2100-02-28"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (-746_000, "0044-07-10 BC"),
            (-2_451_545, "4714-11-24 BC"),
            (2_145_031_948, "5874897-12-31"),
        ] {
            assert_eq!(Day(day).to_string(), text, "{day}");
        }
    }

    /// Every day of 800 years follows the one before it.
    #[test]
    fn follow_each_other() {
        let mut year_month_day = (1600, 1, 1);
        for day in -146_097..146_097 {
            let (year, month, date) = year_month_day;
            assert_eq!(Day(day).to_string(), format!("{year:04}-{month:02}-{date:02}"));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            year_month_day = match (date == length, month) {
                (false, _) => (year, month, date + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
        }
    }
}
