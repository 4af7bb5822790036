//! Percent and time left of one attempt.
//!
//! Invariant: percent follows the stages and steps of the attempt only, so it never falls within one, and it is 100 exactly
//! when the job is completed. What is not known is NULL with a reason, never a guess.

use super::pace::Pace;
use super::prior::Prior;
use super::stage::Band;
use super::status::Status;
use super::tempo::{Pauses, Tempo};
use crate::{Error, Result};
use serde::Serialize;

/// Longer than any run takes. Beyond it some point has a time that cannot be, such as the year 1; the estimate
/// would be wrong, and its end no instant that a calendar holds.
const LONGEST_SECONDS: f64 = 10.0 * 365.25 * 86_400.0;

/// Part of the time left by which `low` and `high` lie apart from `expected` at least: what a run will be like is never known better,
/// however steady it was. Tuned, as are the others: see core/tests/runs.
const MARGIN: f64 = 0.08;
/// Standard errors of the seconds per step in the interval.
const ERRORS: f64 = 2.0;
/// The standard error is at least this, over the root of the steps that it was measured on: noise that few points do not show.
const LEAST_NOISE: f64 = 0.2;
/// `low` and `high` lie apart from `expected` by no more than this part of it, so that `high` is twice `low` at most: a wider
/// interval would hold the truth hardly more often.
const WIDEST: f64 = 1.0 / 3.0;
/// Pauses are this part shorter or longer than their median, all together.
const PAUSE_MARGIN: f64 = 0.15;
/// Before the first points an estimate may be off by this factor, both ways: throughputs are list figures.
const PRIOR_FACTOR: f64 = 2.0;

/// What is known of a job at an instant.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// Status of the job.
    pub status: Status,
    /// Stage that the worker announced last.
    pub stage: &'a str,
    /// Steps of the whole run, when known.
    pub total_steps: Option<i64>,
    /// The current attempt.
    pub pace: &'a Pace,
    /// The instant that is asked for, on the clock of the points.
    pub at: i64,
    /// What was expected before the attempt.
    pub prior: Option<Prior>,
    /// When the attempt began.
    pub started_at: Option<i64>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct Progress {
    /// 0 to 100, two decimals; 100 only when completed.
    pub percent: f64,
    /// Newest step of the attempt; NULL before the first one.
    pub step: Option<i64>,
    /// Steps of the whole run, when known.
    pub total_steps: Option<i64>,
    /// Seconds per step of this attempt, pauses apart; NULL below two points.
    pub seconds_per_step: Option<f64>,
    /// Seconds left, counted from the instant asked for.
    pub eta: Eta,
}

/// Seconds that are left: an interval and what is expected, or a reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "TimeLeft"))]
pub struct Eta {
    /// Four times out of five the truth is not below it.
    pub low: Option<f64>,
    /// Steps at the attempt's pace, with the pauses that are still to come.
    pub expected: Option<f64>,
    /// As `low`, above.
    pub high: Option<f64>,
    /// Why the three are NULL: `queued`, `no_points`, `one_point`, `total_steps_unknown`, `implausible` (more
    /// than ten years: a worker's clock was wrong), `saving` or `ended`.
    pub reason: Option<&'static str>,
    /// `measured`, or `estimate` where it is what was expected before the attempt; NULL where there is none.
    pub method: Option<&'static str>,
}

impl Eta {
    fn unknown(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }

    fn known(method: &'static str, low: f64, expected: f64, high: f64) -> Self {
        if high.is_nan() || high > LONGEST_SECONDS {
            return Self::unknown("implausible");
        }
        let seconds = |value: f64| Some(round(value.max(0.0), 1.0));
        Self {
            low: seconds(low),
            expected: seconds(expected),
            high: seconds(high),
            reason: None,
            method: Some(method),
        }
    }
}

/// Computes percent and time left.
///
/// # Errors
/// `InvalidArgument` for a total below 1.
pub fn progress(snapshot: &Snapshot<'_>) -> Result<Progress> {
    let total = snapshot.total_steps;
    if let Some(total) = total.filter(|&total| total < 1) {
        return Err(Error::invalid_argument(
            format!("\"total_steps\" is {total}"),
            "Pass the steps of the whole run, 1 or more, or NULL.",
        ));
    }
    let tempo = Tempo::of(snapshot.pace);
    Ok(Progress {
        percent: percent(snapshot),
        step: snapshot.pace.newest().map(|(step, _)| step),
        total_steps: total,
        seconds_per_step: tempo.map(|tempo| round(tempo.seconds_per_step, 1e3)),
        eta: eta(snapshot, tempo),
    })
}

fn percent(snapshot: &Snapshot<'_>) -> f64 {
    if snapshot.status == Status::Completed {
        return 100.0;
    }
    if snapshot.status == Status::Queued {
        return 0.0;
    }
    let newest = snapshot.pace.newest();
    let (band, inside) = Band::of(snapshot.stage, newest.is_some());
    let (first, last) = band.range();
    let part = match (band, newest, snapshot.total_steps) {
        (Band::Training, Some((step, _)), Some(total)) => (step as f64 / total as f64).min(1.0),
        (Band::Training, _, _) => 0.0,
        _ => inside,
    };
    round(first + (last - first) * part, 1e2).max(snapshot.pace.least_percent())
}

fn eta(snapshot: &Snapshot<'_>, tempo: Option<Tempo>) -> Eta {
    match snapshot.status {
        Status::Queued => return Eta::unknown("queued"),
        Status::Completed | Status::Failed | Status::Cancelled => return Eta::unknown("ended"),
        Status::Initializing | Status::Running => {}
    }
    let newest = snapshot.pace.newest();
    if Band::of(snapshot.stage, newest.is_some()).0 == Band::Saving {
        return Eta::unknown("saving");
    }
    match (newest, snapshot.total_steps, tempo) {
        (Some((step, at)), Some(total), Some(tempo)) => measured(snapshot, step, at, total, &tempo),
        (Some((step, at)), Some(total), None) => match snapshot.prior {
            // From the first point on the preparation is over.
            Some(prior) => prior_to(&prior, (total - step).max(0) as f64, 0.0, seconds(at, snapshot.at)),
            None => Eta::unknown("one_point"),
        },
        (None, Some(total), _) => match snapshot.prior {
            Some(prior) => {
                let left = (total - prior.from_step).max(0) as f64;
                let since = snapshot.started_at.map_or(0.0, |started| seconds(started, snapshot.at));
                prior_to(&prior, left, prior.preparation_seconds, since)
            }
            None => Eta::unknown("no_points"),
        },
        (Some(_), None, _) => Eta::unknown("total_steps_unknown"),
        (None, None, _) => Eta::unknown("no_points"),
    }
}

/// Seconds between two instants; none when the clock says that the later one was earlier.
fn seconds(from: i64, until: i64) -> f64 {
    until.saturating_sub(from).max(0) as f64 / 1e6
}

/// What was expected before the attempt. Time that has passed is worked off, but no more than the preparation, or one step: that
/// nothing was heard yet is no sign that anything was done.
fn prior_to(prior: &Prior, steps: f64, preparation: f64, since: f64) -> Eta {
    let whole = preparation + steps * (prior.seconds_per_step + prior.pause_seconds_per_step);
    let done = since.min(preparation.max(prior.seconds_per_step)).min(whole);
    let expected = whole - done;
    Eta::known("estimate", expected / PRIOR_FACTOR, expected, expected * PRIOR_FACTOR)
}

fn measured(snapshot: &Snapshot<'_>, step: i64, at: i64, total: i64, tempo: &Tempo) -> Eta {
    let pace = snapshot.pace;
    let left = (total - step).max(0) as f64;

    // A pause that goes on, and how long it has.
    let stage = pace.stage().filter(|(stage, _)| *stage == snapshot.stage);
    let paused_for =
        |name: &str| stage.filter(|(stage, _)| *stage == name).map(|(_, since)| seconds(since, snapshot.at));
    let kinds =
        [(tempo.evaluating, paused_for("evaluating")), (tempo.checkpointing, paused_for("checkpointing"))];
    let mut pauses = 0.0;
    let mut one_more = 0.0;
    for (kind, now) in kinds {
        let Some(kind) = kind else { continue };
        // The one that goes on is the newest of its kind.
        let to_come = if now.is_some() { Pauses { last: step, ..kind } } else { kind };
        pauses += to_come.left(total) * kind.seconds;
        pauses += now.map_or(0.0, |now| (kind.seconds - now).max(0.0));
        one_more = f64::max(one_more, kind.seconds);
    }
    // The attempt has had none yet, but an earlier one had.
    if tempo.evaluating.is_none() && tempo.checkpointing.is_none() && tempo.unannounced_per_step == 0.0 {
        pauses += left * snapshot.prior.map_or(0.0, |prior| prior.pause_seconds_per_step);
    }
    pauses += left * tempo.unannounced_per_step;

    // Time since the newest point is worked off, as far as it was work: pauses are none, and what lasts longer than a report usually
    // takes to come would have brought one.
    let ended = [pace.evaluating(), pace.checkpointing()];
    let ended = ended.iter().copied().flatten().filter(|pause| pause.step >= step);
    let ended: f64 = ended.map(|pause| pause.seconds()).sum();
    let going_on = kinds.iter().filter_map(|(_, now)| *now).sum::<f64>();
    let work = left * tempo.seconds_per_step;
    let since = (seconds(at, snapshot.at) - ended - going_on).max(0.0);
    let work_left = work - since.min(tempo.report_seconds).min(work);

    let expected = work_left + pauses;
    let noise = LEAST_NOISE / tempo.steps.sqrt();
    let width = MARGIN + ERRORS * tempo.error.max(noise);
    let apart = work_left * width + pauses * PAUSE_MARGIN + one_more.min(0.05 * expected);
    let apart = apart.min(expected * WIDEST);
    Eta::known("measured", expected - apart, expected, expected + apart)
}

fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::super::pace::Point;
    use super::*;
    use proptest::prelude::*;

    fn point(step: i64, seconds: i64) -> Point {
        Point { step, at: seconds * 1_000_000, is_evaluation: false }
    }

    fn run(steps: i64) -> Pace {
        Pace::of(&(1..=steps).map(|step| point(step, step * 10)).collect::<Vec<_>>()).unwrap()
    }

    fn snapshot<'a>(stage: &'a str, pace: &'a Pace, seconds: i64) -> Snapshot<'a> {
        Snapshot {
            status: Status::Running,
            stage,
            total_steps: Some(100),
            pace,
            at: seconds * 1_000_000,
            prior: None,
            started_at: None,
        }
    }

    fn eta_of(snapshot: &Snapshot<'_>) -> Eta {
        progress(snapshot).unwrap().eta
    }

    #[test]
    fn a_steady_run_is_foretold() {
        let half = progress(&snapshot("training", &run(50), 500)).unwrap();
        assert_eq!((half.percent, half.seconds_per_step), (50.0, Some(10.0)));
        assert_eq!((half.eta.expected, half.eta.method), (Some(500.0), Some("measured")));
        assert!(half.eta.high.unwrap() / half.eta.low.unwrap() < 1.4, "{half:?}");
    }

    #[test]
    fn time_since_the_newest_point_is_worked_off_once() {
        let expected = |seconds| eta_of(&snapshot("training", &run(50), seconds)).expected;
        assert_eq!([500, 505, 510, 600, 90_000].map(expected), [500.0, 495.0, 490.0, 490.0, 490.0].map(Some));
        // A worker's clock that is ahead.
        assert_eq!(expected(-900), Some(500.0));
    }

    #[test]
    fn a_resumed_attempt_is_measured_by_its_own_steps() {
        // 90 steps came from a checkpoint: the clock of this attempt begins at step 91.
        let pace = Pace::of(&[point(91, 5), point(92, 15)]).unwrap();
        assert_eq!(eta_of(&snapshot("training", &pace, 15)).expected, Some(80.0));
    }

    #[test]
    fn pauses_to_come_are_counted_by_their_period() {
        let mut pace = Pace::default();
        let mut now = 0;
        for step in 1..=55 {
            now += 10;
            pace.add(point(step, now)).unwrap();
            if step % 20 == 0 {
                pace.enter("evaluating", now * 1_000_000);
                now += 120;
                pace.enter("training", now * 1_000_000);
            }
        }
        // 45 steps, and the evaluations behind steps 60 and 80; none behind the last step.
        assert_eq!(eta_of(&snapshot("training", &pace, now)).expected, Some(450.0 + 240.0));
        assert_eq!(progress(&snapshot("training", &pace, now)).unwrap().seconds_per_step, Some(10.0));
        // One that goes on ends after two minutes; what lasts longer is not foretold to end.
        pace.add(point(60, now + 50)).unwrap();
        pace.enter("evaluating", (now + 50) * 1_000_000);
        let left = |seconds| eta_of(&snapshot("evaluating", &pace, now + 50 + seconds)).expected;
        assert_eq!([0, 20, 120, 900].map(left), [640.0, 620.0, 520.0, 520.0].map(Some));
    }

    #[test]
    fn validation_losses_tell_of_evaluations_that_no_stage_announced() {
        let points = (1..=50).map(|step| {
            let evaluations = step / 10;
            Point { is_evaluation: step % 10 == 0, ..point(step, 10 * step + 100 * evaluations) }
        });
        let pace = Pace::of(&points.collect::<Vec<_>>()).unwrap();
        // 50 steps, and four evaluations: behind 60, 70, 80, 90.
        let eta = eta_of(&snapshot("training", &pace, 1_000));
        assert_eq!(eta.expected, Some(900.0), "{eta:?}");
    }

    #[test]
    fn a_pause_that_nobody_announced_does_not_change_the_pace() {
        let points = (1..=50).map(|step| point(step, 10 * step + if step >= 20 { 300 } else { 0 }));
        let pace = Pace::of(&points.collect::<Vec<_>>()).unwrap();
        let answer = progress(&snapshot("training", &pace, 800)).unwrap();
        assert_eq!(answer.seconds_per_step, Some(10.0));
        assert_eq!(answer.eta.expected, Some(500.0 + (300.0_f64 * 50.0 / 37.0).round()));
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_no_pause() {
        let points = (1..=50).map(|step| point(step, 10 * step + if step >= 20 { 86_400 } else { 0 }));
        let pace = Pace::of(&points.collect::<Vec<_>>()).unwrap();
        assert_eq!(eta_of(&snapshot("training", &pace, 86_900)).expected, Some(500.0));
    }

    #[test]
    fn before_the_first_points_it_is_what_was_expected() {
        let (nothing, one) = (Pace::default(), Pace::of(&[point(20, 700)]).unwrap());
        let prior = Prior {
            preparation_seconds: 600.0,
            seconds_per_step: 8.0,
            pause_seconds_per_step: 2.0,
            from_step: 0,
        };
        let mut early = snapshot("loading_model", &nothing, 100);
        early.prior = Some(prior);
        let known = |low, expected, high| Eta {
            low: Some(low),
            expected: Some(expected),
            high: Some(high),
            reason: None,
            method: Some("estimate"),
        };
        assert_eq!(eta_of(&early), known(800.0, 1600.0, 3200.0));
        early.started_at = Some(0);
        assert_eq!(eta_of(&early), known(750.0, 1500.0, 3000.0));
        early.prior = Some(Prior { from_step: 50, ..prior });
        assert_eq!(eta_of(&early).expected, Some(1000.0));
        // Preparing longer than was expected works nothing off.
        early.at = 5_000_000_000;
        assert_eq!(eta_of(&early).expected, Some(500.0));
        let mut first = snapshot("training", &one, 704);
        first.prior = Some(prior);
        assert_eq!(eta_of(&first).expected, Some(796.0));
    }

    #[test]
    fn what_is_not_known_has_a_reason() {
        let (nothing, one, two) = (Pace::default(), run(1), run(2));
        let mut snapshot = snapshot("queued", &nothing, 0);
        snapshot.total_steps = None;
        snapshot.status = Status::Queued;
        let reason = |snapshot: &Snapshot<'_>| eta_of(snapshot).reason;
        assert_eq!(reason(&snapshot), Some("queued"));
        snapshot.status = Status::Initializing;
        assert_eq!(reason(&snapshot), Some("no_points"));
        snapshot.pace = &one;
        assert_eq!(reason(&snapshot), Some("total_steps_unknown"));
        snapshot.total_steps = Some(10);
        assert_eq!(reason(&snapshot), Some("one_point"));
        snapshot.pace = &two;
        assert_eq!(reason(&snapshot), None);
        let year_one = Pace::of(&[point(1, -63_000_000_000), point(2, 0)]).unwrap();
        snapshot.pace = &year_one;
        assert_eq!(reason(&snapshot), Some("implausible"));
        snapshot.pace = &two;
        snapshot.stage = "uploading";
        assert_eq!(reason(&snapshot), Some("saving"));
        snapshot.status = Status::Failed;
        assert_eq!(reason(&snapshot), Some("ended"));
    }

    #[test]
    fn stages_keep_to_their_bands() {
        let percent = |status, stage, pace: &Pace| {
            progress(&Snapshot { status, ..snapshot(stage, pace, 0) }).unwrap().percent
        };
        let nothing = Pace::default();
        assert_eq!(percent(Status::Initializing, "queued_on_gpu", &nothing), 0.0);
        assert_eq!(percent(Status::Initializing, "loading_model", &nothing), 3.0);
        assert_eq!(percent(Status::Running, "my own stage", &nothing), 0.0);
        assert_eq!(percent(Status::Running, "my own stage", &run(50)), 50.0);
        assert_eq!(percent(Status::Running, "training", &run(300)), 95.0);
        assert_eq!(percent(Status::Running, "uploading", &run(100)), 97.5);
        assert_eq!(percent(Status::Completed, "training", &run(1)), 100.0);
    }

    #[test]
    fn a_total_that_cannot_be_is_refused() {
        let nothing = Pace::default();
        let mut snapshot = snapshot("", &nothing, 0);
        snapshot.total_steps = Some(0);
        assert_eq!(progress(&snapshot).unwrap_err().message, "\"total_steps\" is 0");
    }

    proptest! {
        #[test]
        fn any_points_and_stages_give_an_ordered_estimate(
            events in proptest::collection::vec((0_i64..i64::MAX, i64::MIN..i64::MAX, any::<bool>(), 0_usize..9), 0..120),
            total in proptest::option::of(1_i64..i64::MAX),
            at: i64,
        ) {
            let stages = ["training", "evaluating", "checkpointing"];
            let mut pace = Pace::default();
            let mut stage = "training";
            for (step, at, is_evaluation, which) in events {
                pace.add(Point { step, at, is_evaluation }).unwrap();
                if let Some(next) = stages.get(which) {
                    stage = next;
                    pace.enter(stage, at.wrapping_mul(7));
                }
            }
            let p = progress(&Snapshot { total_steps: total, at, ..snapshot(stage, &pace, 0) }).unwrap();
            prop_assert!((0.0..100.0).contains(&p.percent));
            match (p.eta.low, p.eta.expected, p.eta.high) {
                (Some(low), Some(expected), Some(high)) => prop_assert!(0.0 <= low && low <= expected && expected <= high),
                none => prop_assert!(none == (None, None, None) && p.eta.reason.is_some()),
            }
        }
    }
}
