//! Seconds per step of one attempt, robust to pauses.
//!
//! The rate is measured between the newest points of the current attempt, on the attempt's own clock: what
//! ran before a resume says nothing about what runs now. A pause (evaluation, checkpoint) is an interval
//! whose time per step is beyond [`PAUSE_FACTOR`] × the median; its excess is counted apart, so that one slow
//! interval moves neither the pace nor its spread, but the time that pauses take is not forgotten either.

use crate::limits::PACE_POINTS;

/// Beyond this multiple of the median an interval holds a pause. Evaluation and checkpoints take many steps'
/// time; the noise of a step stays far below.
const PAUSE_FACTOR: f64 = 3.0;

/// One reported step and when it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Optimizer step, from 1.
    pub step: i64,
    /// Microseconds on the job's clock.
    pub at: i64,
}

/// How fast an attempt advances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Median seconds per step, without pauses.
    pub seconds_per_step: f64,
    /// A fast and a slow step: the quartiles of seconds per step, without pauses.
    pub quartiles: (f64, f64),
    /// Seconds of pauses that each step brings with it, on average.
    pub pause_per_step: f64,
}

impl Pace {
    /// The pace of the newest points, in any order. A step that was reported twice counts at its first time;
    /// a clock that runs backwards between two points makes that interval void. `None` without a valid
    /// interval.
    pub fn of(points: &[Point]) -> Option<Self> {
        let mut points = points.to_vec();
        points.sort_unstable();
        points.dedup_by_key(|point| point.step);
        let newest = &points[points.len().saturating_sub(PACE_POINTS)..];

        let mut intervals: Vec<(f64, f64)> = newest
            .windows(2)
            .filter_map(|two| {
                let steps = two[1].step.checked_sub(two[0].step)? as f64;
                let seconds = two[1].at.checked_sub(two[0].at)? as f64 / 1e6;
                (seconds > 0.0).then_some((seconds / steps, steps))
            })
            .collect();
        if intervals.is_empty() {
            return None;
        }
        intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let limit = quantile(&intervals, 0.5) * PAUSE_FACTOR;
        let (steady, paused): (Vec<_>, Vec<_>) = intervals.into_iter().partition(|(rate, _)| *rate <= limit);
        let median = quantile(&steady, 0.5);
        let steps: f64 = steady.iter().chain(&paused).map(|(_, steps)| steps).sum();
        let excess: f64 = paused.iter().map(|(rate, steps)| (rate - median) * steps).sum();
        Some(Self {
            seconds_per_step: median,
            quartiles: (quantile(&steady, 0.25), quantile(&steady, 0.75)),
            pause_per_step: excess / steps,
        })
    }
}

/// Quantile of sorted, non-empty intervals, between the two neighbours.
fn quantile(sorted: &[(f64, f64)], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize].0;
    let above = sorted[position.ceil() as usize].0;
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(every: impl Fn(i64) -> i64, steps: i64) -> Vec<Point> {
        let mut at = 0;
        (1..=steps)
            .map(|step| {
                at += every(step);
                Point { step, at }
            })
            .collect()
    }

    #[test]
    fn a_pause_does_not_change_the_pace() {
        let pace = Pace::of(&points(|step| if step == 20 { 120_000_000 } else { 2_000_000 }, 41)).unwrap();
        assert_eq!(pace.seconds_per_step, 2.0);
        assert_eq!(pace.quartiles, (2.0, 2.0));
        assert!((pace.pause_per_step - 118.0 / 40.0).abs() < 1e-9, "{pace:?}");
    }

    #[test]
    fn two_points_are_needed() {
        assert_eq!(Pace::of(&[]), None);
        assert_eq!(Pace::of(&[Point { step: 5, at: 0 }]), None);
        assert_eq!(Pace::of(&[Point { step: 5, at: 0 }, Point { step: 5, at: 9 }]), None);
        assert_eq!(Pace::of(&[Point { step: 5, at: 9 }, Point { step: 6, at: 0 }]), None);
        assert_eq!(
            Pace::of(&[Point { step: i64::MIN, at: i64::MIN }, Point { step: i64::MAX, at: i64::MAX }]),
            None
        );
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut points in proptest::collection::vec((0_i64..500, 0_i64..1_000_000_000), 0..80)) {
            let of = |points: &[(i64, i64)]| {
                Pace::of(&points.iter().map(|&(step, at)| Point { step, at }).collect::<Vec<_>>())
            };
            let before = of(&points);
            points.reverse();
            prop_assert_eq!(before, of(&points));
            if let Some(pace) = before {
                prop_assert!(pace.quartiles.0 <= pace.seconds_per_step && pace.seconds_per_step <= pace.quartiles.1);
                prop_assert!(pace.seconds_per_step > 0.0 && pace.pause_per_step >= 0.0);
            }
        }
    }
}
