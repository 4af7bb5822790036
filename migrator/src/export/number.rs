//! The numbers that order exported files: 14 digits that are a time, as the Supabase CLI takes them. Pure.
//!
//! Invariant: a version has one number, whatever build exports it, and a layer has one of its build and of the last version
//! of that build: after that version, before the next one, after the same layer of an older build.
//! Refused: builds beyond what a day has seconds for; a unit test meets them long before a release does.

/// A place within a build, in the order in which `migrate` applies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Records,
    Extension,
    Functions,
    Rules,
    Buckets,
}

/// Places of a build, of which some are free.
const PLACES: u32 = 5;
/// Builds that a minor version has room for, and minor versions in a major one.
const PATCHES: u32 = 24;
const MINORS: u32 = 40;

/// Days from 1970-01-01 to 2025-01-01, on which version 1 is. The specification's own file is of 2024-12-23.
const FIRST_DAY: i64 = 20_089;

/// The number of a version: midnight of a day of its own.
pub fn of_version(version: i32) -> String {
    at(version, 0)
}

/// The number of a layer of a build, whose last version this is; None where the build has no number.
pub fn of_layer(last: i32, build: &str, place: Place) -> Option<String> {
    let numbers: Vec<u32> = build.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [major, minor, patch] = numbers.try_into().ok()?;
    if minor >= MINORS || patch >= PATCHES {
        return None;
    }
    let second = ((major * MINORS + minor) * PATCHES + patch) * PLACES + place as u32 + 1;
    (second < 86_400).then(|| at(last, second))
}

fn at(version: i32, second: u32) -> String {
    let (year, month, day) = civil(FIRST_DAY + i64::from(version) - 1);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month and day of days since 1970-01-01, in the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms", civil_from_days).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Place, of_layer, of_version};
    use crate::embedded::{BUILD_VERSION, versions};

    #[test]
    fn a_version_keeps_its_number() {
        // Files with these numbers were pushed: they never change.
        assert_eq!(of_version(1), "20250101000000");
        assert_eq!(of_version(12), "20250112000000");
        assert_eq!(of_version(59), "20250228000000");
        assert_eq!(of_version(60), "20250301000000");
        assert_eq!(of_version(1155), "20280229000000");
        assert_eq!(of_layer(12, "0.1.0", Place::Records).unwrap(), "20250112000201");
        assert_eq!(of_layer(12, "0.1.0", Place::Buckets).unwrap(), "20250112000205");
        assert!(of_version(1).as_str() > "20241223");
    }

    #[test]
    fn this_build_has_numbers() {
        assert!(of_layer(versions().len() as i32, BUILD_VERSION, Place::Buckets).is_some());
        for odd in ["", "1", "1.2", "1.2.3-rc.1", "0.40.0", "0.0.24", "18.0.0", "x.y.z"] {
            assert_eq!(of_layer(1, odd, Place::Records), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_in_the_order_of_versions_builds_and_places(
            one in (1i32..2000, 0u32..17, 0u32..40, 0u32..24, 0usize..5),
            other in (1i32..2000, 0u32..17, 0u32..40, 0u32..24, 0usize..5),
        ) {
            let places = [Place::Records, Place::Extension, Place::Functions, Place::Rules, Place::Buckets];
            let number = |(version, major, minor, patch, place): (i32, u32, u32, u32, usize)| {
                of_layer(version, &format!("{major}.{minor}.{patch}"), places[place]).unwrap()
            };
            prop_assert_eq!(one.cmp(&other), number(one).cmp(&number(other)));
            prop_assert!(of_version(one.0) < number(one) && number(one) < of_version(one.0 + 1));
        }
    }
}
