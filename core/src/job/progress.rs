//! Percent and time left of one attempt.
//!
//! Invariant: percent follows stage and step only, so it never falls while they do not, and it is 100 exactly
//! when the job is completed. What is not known is NULL with a reason, never a guess.

use super::pace::{Pace, Point};
use super::stage::Band;
use super::status::Status;
use crate::{Error, Result};
use serde::Serialize;

/// Longer than any run takes. Beyond it some point has a time that cannot be, such as the year 1; the estimate
/// would be wrong, and its end no instant that a calendar holds.
const LONGEST_SECONDS: f64 = 10.0 * 365.25 * 86_400.0;

/// What is known of a job at an instant.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// Status of the job.
    pub status: Status,
    /// Stage that the worker announced last.
    pub stage: &'a str,
    /// Steps of the whole run, when known.
    pub total_steps: Option<i64>,
    /// Points of the current attempt, in any order.
    pub points: &'a [Point],
    /// The instant that is asked for, on the clock of the points.
    pub at: i64,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// 0 to 100, two decimals; 100 only when completed.
    pub percent: f64,
    /// Newest step of the attempt; NULL before the first one.
    pub step: Option<i64>,
    /// Steps of the whole run, when known.
    pub total_steps: Option<i64>,
    /// Median seconds per step of this attempt, pauses apart; NULL below two points.
    pub seconds_per_step: Option<f64>,
    /// Seconds left, counted from the instant asked for.
    pub eta: Eta,
}

/// Seconds that are left: an interval and its middle, or a reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Eta {
    /// If every step is as fast as the fastest quarter, without pauses.
    pub low: Option<f64>,
    /// At the median, with the pauses that came so far.
    pub expected: Option<f64>,
    /// If every step is as slow as the slowest quarter, with twice the pauses.
    pub high: Option<f64>,
    /// Why the three are NULL: `queued`, `no_points`, `one_point`, `total_steps_unknown`, `implausible` (more
    /// than ten years: a worker's clock was wrong), `saving` or `ended`.
    pub reason: Option<&'static str>,
}

impl Eta {
    fn unknown(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

/// Computes percent and time left.
///
/// # Errors
/// `InvalidArgument` for a negative step or a total below 1.
pub fn progress(snapshot: &Snapshot<'_>) -> Result<Progress> {
    let total = snapshot.total_steps;
    if let Some(total) = total.filter(|&total| total < 1) {
        return Err(Error::invalid_argument(
            format!("\"total_steps\" is {total}"),
            "Pass the steps of the whole run, 1 or more, or NULL.",
        ));
    }
    if let Some(point) = snapshot.points.iter().find(|point| point.step < 0) {
        return Err(Error::invalid_argument(
            format!("\"steps\" contains {}", point.step),
            "Count steps from 0 or 1.",
        ));
    }
    let newest = snapshot.points.iter().max_by_key(|point| (point.step, std::cmp::Reverse(point.at)));
    let pace = Pace::of(snapshot.points);
    let (band, inside) = Band::of(snapshot.stage, newest.is_some());

    Ok(Progress {
        percent: percent(snapshot, band, inside, newest),
        step: newest.map(|point| point.step),
        total_steps: total,
        seconds_per_step: pace.map(|pace| round(pace.seconds_per_step, 1e3)),
        eta: eta(snapshot, band, newest, pace),
    })
}

fn percent(snapshot: &Snapshot<'_>, band: Band, inside: f64, newest: Option<&Point>) -> f64 {
    if snapshot.status == Status::Completed {
        return 100.0;
    }
    if snapshot.status == Status::Queued {
        return 0.0;
    }
    let (first, last) = band.range();
    let part = match (band, newest, snapshot.total_steps) {
        (Band::Training, Some(point), Some(total)) => (point.step as f64 / total as f64).min(1.0),
        (Band::Training, _, _) => 0.0,
        _ => inside,
    };
    round(first + (last - first) * part, 1e2)
}

fn eta(snapshot: &Snapshot<'_>, band: Band, newest: Option<&Point>, pace: Option<Pace>) -> Eta {
    match snapshot.status {
        Status::Queued => return Eta::unknown("queued"),
        Status::Completed | Status::Failed | Status::Cancelled => return Eta::unknown("ended"),
        Status::Initializing | Status::Running => {}
    }
    let Some(newest) = newest else { return Eta::unknown("no_points") };
    if band == Band::Saving {
        return Eta::unknown("saving");
    }
    let Some(total) = snapshot.total_steps else { return Eta::unknown("total_steps_unknown") };
    let Some(pace) = pace else { return Eta::unknown("one_point") };

    let left = (total - newest.step).max(0) as f64;
    // Time since the newest point has been worked off already; it cannot make the rest negative.
    let since = snapshot.at.saturating_sub(newest.at).max(0) as f64 / 1e6;
    if left * (pace.quartiles.1 + 2.0 * pace.pause_per_step) > LONGEST_SECONDS {
        return Eta::unknown("implausible");
    }
    let seconds = |per_step: f64| Some(round((left * per_step - since).max(0.0), 1.0));
    Eta {
        low: seconds(pace.quartiles.0),
        expected: seconds(pace.seconds_per_step + pace.pause_per_step),
        high: seconds(pace.quartiles.1 + 2.0 * pace.pause_per_step),
        reason: None,
    }
}

fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(steps: i64) -> Vec<Point> {
        (1..=steps).map(|step| Point { step, at: step * 10_000_000 }).collect()
    }

    fn at_step(step: i64) -> Progress {
        let points = run(step);
        progress(&Snapshot {
            status: Status::Running,
            stage: "training",
            total_steps: Some(100),
            points: &points,
            at: step * 10_000_000,
        })
        .unwrap()
    }

    #[test]
    fn a_steady_run_is_foretold_exactly() {
        let half = at_step(50);
        assert_eq!(half.percent, 50.0);
        assert_eq!(half.seconds_per_step, Some(10.0));
        assert_eq!(
            half.eta,
            Eta { low: Some(500.0), expected: Some(500.0), high: Some(500.0), reason: None }
        );
    }

    #[test]
    fn a_resumed_attempt_is_measured_by_its_own_steps() {
        // 90 steps came from a checkpoint: the clock of this attempt begins at step 91.
        let points = [Point { step: 91, at: 5_000_000 }, Point { step: 92, at: 15_000_000 }];
        let snapshot = Snapshot {
            status: Status::Running,
            stage: "training",
            total_steps: Some(100),
            points: &points,
            at: 15_000_000,
        };
        assert_eq!(progress(&snapshot).unwrap().eta.expected, Some(80.0));
    }

    #[test]
    fn what_is_not_known_has_a_reason() {
        let mut snapshot =
            Snapshot { status: Status::Queued, stage: "queued", total_steps: None, points: &[], at: 0 };
        let reason = |snapshot: &Snapshot<'_>| progress(snapshot).unwrap().eta.reason;
        assert_eq!(reason(&snapshot), Some("queued"));
        snapshot.status = Status::Initializing;
        assert_eq!(reason(&snapshot), Some("no_points"));
        let one = run(1);
        snapshot.points = &one;
        assert_eq!(reason(&snapshot), Some("total_steps_unknown"));
        snapshot.total_steps = Some(10);
        assert_eq!(reason(&snapshot), Some("one_point"));
        let two = run(2);
        snapshot.points = &two;
        assert_eq!(reason(&snapshot), None);
        let year_one = [Point { step: 1, at: -63_000_000_000_000_000 }, Point { step: 2, at: 0 }];
        snapshot.points = &year_one;
        assert_eq!(reason(&snapshot), Some("implausible"));
        snapshot.points = &two;
        snapshot.stage = "uploading";
        assert_eq!(reason(&snapshot), Some("saving"));
        snapshot.status = Status::Failed;
        assert_eq!(reason(&snapshot), Some("ended"));
    }

    #[test]
    fn stages_keep_to_their_bands() {
        let percent = |status, stage, points: &[Point]| {
            progress(&Snapshot { status, stage, total_steps: Some(100), points, at: 0 }).unwrap().percent
        };
        assert_eq!(percent(Status::Initializing, "queued_on_gpu", &[]), 0.0);
        assert_eq!(percent(Status::Initializing, "loading_model", &[]), 3.0);
        assert_eq!(percent(Status::Running, "my own stage", &[]), 0.0);
        assert_eq!(percent(Status::Running, "my own stage", &run(50)), 50.0);
        assert_eq!(percent(Status::Running, "training", &run(300)), 95.0);
        assert_eq!(percent(Status::Running, "uploading", &run(100)), 97.5);
        assert_eq!(percent(Status::Completed, "training", &run(1)), 100.0);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let point = [Point { step: -1, at: 0 }];
        let mut snapshot =
            Snapshot { status: Status::Running, stage: "", total_steps: Some(0), points: &[], at: 0 };
        assert_eq!(progress(&snapshot).unwrap_err().message, "\"total_steps\" is 0");
        snapshot.total_steps = None;
        snapshot.points = &point;
        assert_eq!(progress(&snapshot).unwrap_err().message, "\"steps\" contains -1");
    }

    proptest! {
        #[test]
        fn percent_never_falls_and_is_100_only_at_the_end(total in 1_i64..2_000, every in 1_i64..50) {
            let mut before = 0.0;
            for stage in ["setup", "downloading", "preparing", "loading_model", "configuring"] {
                let p = progress(&Snapshot { status: Status::Initializing, stage, total_steps: Some(total), points: &[], at: 0 }).unwrap();
                prop_assert!(p.percent >= before && p.percent < 100.0);
                before = p.percent;
            }
            for step in (1..=total).step_by(every as usize) {
                let points = [Point { step, at: step }];
                let p = progress(&Snapshot { status: Status::Running, stage: "training", total_steps: Some(total), points: &points, at: 0 }).unwrap();
                prop_assert!(p.percent >= before && p.percent < 100.0, "{} after {}", p.percent, before);
                before = p.percent;
            }
        }

        #[test]
        fn any_points_give_an_ordered_estimate(
            points in proptest::collection::vec((0_i64..i64::MAX, i64::MIN..i64::MAX), 0..20),
            total in proptest::option::of(1_i64..i64::MAX),
            at: i64,
        ) {
            let points: Vec<Point> = points.into_iter().map(|(step, at)| Point { step, at }).collect();
            let p = progress(&Snapshot { status: Status::Running, stage: "training", total_steps: total, points: &points, at }).unwrap();
            prop_assert!((0.0..100.0).contains(&p.percent));
            match (p.eta.low, p.eta.expected, p.eta.high) {
                (Some(low), Some(expected), Some(high)) => prop_assert!(0.0 <= low && low <= expected && expected <= high),
                none => prop_assert!(none == (None, None, None) && p.eta.reason.is_some()),
            }
        }
    }
}
