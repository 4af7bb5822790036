//! Smoothing of a series: TensorBoard's debiased exponential moving average.
//!
//! `last = last · w + (1 − w) · y; out = last / (1 − wⁿ)`, where n counts the values that are numbers. Without the division a curve
//! would begin near 0, whatever its first value is. (TensorBoard, `line-chart`, `resmoothDataset`.)

use super::memory::list_of;
use crate::{Error, Result};

/// Checks a weight: 0 leaves a series as it is, and at 1 nothing would ever change.
///
/// # Errors
/// `InvalidArgument` for anything but 0 up to, but not including, 1.
pub(super) fn check_weight(weight: f64) -> Result<()> {
    if (0.0..1.0).contains(&weight) {
        return Ok(());
    }
    Err(Error::invalid_argument(
        format!("\"weight\" is {weight}"),
        "Pass 0 (nothing is smoothed) or more, and less than 1, such as 0.6.",
    ))
}

/// Smooths in place. What is no number is left as it is and does not count.
///
/// # Errors
/// As for a weight outside of its domain.
pub fn smooth<'y>(values: impl Iterator<Item = &'y mut f64>, weight: f64) -> Result<()> {
    check_weight(weight)?;
    let (mut last, mut left) = (0.0, 1.0);
    for value in values.filter(|value| value.is_finite()) {
        last = last * weight + (1.0 - weight) * *value;
        left *= weight;
        *value = last / (1.0 - left);
    }
    Ok(())
}

/// The same of so many values with gaps.
///
/// # Errors
/// As for a weight outside of its domain; `OutOfMemory`.
pub fn smoothed(
    values: impl Iterator<Item = Option<f64>>,
    count: usize,
    weight: f64,
) -> Result<Vec<Option<f64>>> {
    let mut values = list_of(values, count, "the smoothed values")?;
    smooth(values.iter_mut().flatten(), weight)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn follows_the_formula_and_passes_over_what_is_no_number() {
        let values = vec![Some(1.0), None, Some(f64::NAN), Some(2.0), Some(f64::INFINITY), Some(4.0)];
        let answer = smoothed(values.into_iter(), 6, 0.5).unwrap();
        // 0.5/0.5, (0.25 + 1)/0.75, (0.625 + 2)/0.875.
        assert_eq!(
            (answer[0], answer[1], answer[3], answer[5]),
            (Some(1.0), None, Some(1.25 / 0.75), Some(3.0))
        );
        assert!(answer[2].unwrap().is_nan() && answer[4] == Some(f64::INFINITY));
    }

    #[test]
    fn a_weight_outside_of_its_domain_is_refused() {
        for weight in [-0.1, 1.0, 2.0, f64::NAN, f64::INFINITY] {
            let one = std::iter::once(Some(1.0));
            assert!(smoothed(one, 1, weight).unwrap_err().message.starts_with("\"weight\" is "));
        }
    }

    proptest! {
        #[test]
        fn it_lies_between_the_lowest_and_the_highest(values in proptest::collection::vec(-1e6..1e6, 1..200), weight in 0.0..0.999) {
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value: &f64| (value.min(low), value.max(high)));
            let mut smoothed = values.clone();
            smooth(smoothed.iter_mut(), weight).unwrap();
            let slack = 1e-9 * (1.0 + low.abs().max(high.abs()));
            prop_assert!(smoothed.iter().all(|value| (low - slack..=high + slack).contains(value)));
            let mut same = values.clone();
            smooth(same.iter_mut(), 0.0).unwrap();
            prop_assert_eq!(same, values);
        }
    }
}
