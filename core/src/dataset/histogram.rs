//! A fixed histogram of whole numbers: the same however the numbers were divided among parts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers up to here have a bucket each; beyond, sixteen buckets share an octave.
const EXACT: u64 = 4_096;
const EXACT_BITS: u32 = EXACT.ilog2();

/// How often each number, or each of a few numbers close together, occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// Bucket → count; a file has few different buckets.
    buckets: BTreeMap<u32, u64>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

/// What reports say of a distribution. NULL without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct Spread {
    /// Smallest, exactly.
    pub min: Option<u64>,
    /// Median, by nearest rank: exact to 4,096, beyond it the lower end of a sixteenth of an octave.
    pub p50: Option<u64>,
    /// 95th percentile, likewise.
    pub p95: Option<u64>,
    /// Largest, exactly.
    pub max: Option<u64>,
}

impl Histogram {
    pub fn add(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        *self.buckets.entry(bucket(value)).or_default() += 1;
    }

    pub fn append(&mut self, other: Histogram) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        for (bucket, count) in other.buckets {
            *self.buckets.entry(bucket).or_default() += count;
        }
    }

    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Whether these can be so many numbers.
    pub fn fits(&self, most: u64) -> bool {
        let counted = self.buckets.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        let last = self.buckets.last_key_value().map_or(0, |(bucket, _)| *bucket);
        counted == Some(self.count) && self.count <= most && last <= bucket(u64::MAX) && self.min <= self.max
    }

    pub fn spread(&self) -> Spread {
        let some = |value: u64| (self.count > 0).then_some(value);
        Spread {
            min: some(self.min),
            p50: self.percentile(50),
            p95: self.percentile(95),
            max: some(self.max),
        }
    }

    fn percentile(&self, percent: u64) -> Option<u64> {
        // Nearest rank: the smallest value that so many percent of all do not exceed.
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100) as u64;
        let mut below = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        })?;
        Some(lower_end(*bucket).clamp(self.min, self.max))
    }
}

fn bucket(value: u64) -> u32 {
    if value < EXACT {
        return value as u32;
    }
    let octave = value.ilog2();
    let sixteenth = (value >> (octave - 4)) as u32 & 15;
    EXACT as u32 + (octave - EXACT_BITS) * 16 + sixteenth
}

fn lower_end(bucket: u32) -> u64 {
    let Some(beyond) = bucket.checked_sub(EXACT as u32) else { return u64::from(bucket) };
    let octave = EXACT_BITS + beyond / 16;
    (16 + u64::from(beyond % 16)) << (octave - 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value));
        histogram
    }

    #[test]
    fn buckets_begin_where_they_say() {
        for value in [0, 1, 4_095, 4_096, 4_351, 4_352, 8_191, 8_192, 1 << 40, u64::MAX] {
            let low = lower_end(bucket(value));
            assert!(low <= value && value - low <= value / 16, "{value} is in the bucket of {low}");
        }
        assert_eq!(of(&[]).spread(), Spread { min: None, p50: None, p95: None, max: None });
        assert_eq!(of(&[7]).spread(), Spread { min: Some(7), p50: Some(7), p95: Some(7), max: Some(7) });
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_values(mut values in proptest::collection::vec(0_u64..4_096, 1..60)) {
            let spread = of(&values).spread();
            values.sort_unstable();
            let rank = |percent: usize| Some(values[(values.len() * percent).div_ceil(100) - 1]);
            prop_assert_eq!(spread, Spread { min: rank(1), p50: rank(50), p95: rank(95), max: rank(100) });
        }

        #[test]
        fn parts_make_the_whole(a in proptest::collection::vec(any::<u64>(), 0..20), b in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut parts = of(&a);
            parts.append(of(&b));
            prop_assert_eq!(parts, of(&[a, b].concat()));
        }
    }
}
