//! How fast an attempt advances: seconds per step, their noise, and the pauses in between.
//!
//! Everything is measured on the attempt's own clock, between its own points: what ran before a resume says nothing about what runs
//! now. Pauses that are known (announced by a stage, or by a validation loss) are taken out of the interval that they are in and
//! counted by their period; a pause that nobody announces is an interval that takes more than [`PAUSE_FACTOR`] × the median, and its
//! excess is spread over the steps.

use super::pace::{Pace, Pause};
use crate::limits::{PACE_PAUSES, PACE_RECENT};
use serde::Serialize;

/// Beyond this multiple of the median an interval holds a pause; below its inverse a clock was set back. The noise of a step
/// stays far within.
const PAUSE_FACTOR: f64 = 3.0;

/// The first one in so many steps of an attempt is left out: kernels are compiled, caches are cold.
const OLD: i64 = 4;

/// Fewest newest intervals that the pace is taken from, where so many are there.
const FEWEST_INTERVALS: usize = 8;

/// A pause of less than so many reports' time is left in the pace.
const LEAST_PAUSE: f64 = 1.5;

/// The longest pause that is expected to come again though nobody announced it, in seconds. A longer one was a hang that ended, or a
/// clock that jumped ahead.
const LONGEST_PAUSE: f64 = 3_600.0;

/// The newest intervals that the recent step time is taken from.
const RECENT_INTERVALS: usize = 8;

/// Between two neighbouring points, without the pauses that are known of.
#[derive(Debug, Clone, Copy)]
struct Interval {
    first: i64,
    last: i64,
    seconds: f64,
    /// Whether a pause took place in it whose length is not known.
    is_unclear: bool,
}

impl Interval {
    fn steps(&self) -> f64 {
        (self.last - self.first) as f64
    }

    fn rate(&self) -> f64 {
        self.seconds / self.steps()
    }
}

/// Pauses of one kind: how long, how often, how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pauses {
    /// Mean length.
    pub seconds: f64,
    /// Steps from one to the next.
    pub period: f64,
    /// The newest one came behind this step.
    pub last: i64,
}

impl Pauses {
    /// How many come until the last step, after which none counts.
    pub fn left(&self, total: i64) -> f64 {
        // A period that is known to a few steps only must not bring one more at the very end.
        ((total - self.last) as f64 / self.period - 0.1).floor().max(0.0)
    }
}

/// How fast an attempt advances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tempo {
    /// Seconds of a step, pauses apart: the mean of those intervals that hold none.
    pub seconds_per_step: f64,
    /// Standard error of that, as a part of it.
    pub error: f64,
    /// Steps that it was measured on.
    pub steps: f64,
    /// Seconds of pauses that nobody announced, for each step.
    pub unannounced_per_step: f64,
    /// Evaluations, when there were any.
    pub evaluating: Option<Pauses>,
    /// Checkpoints, when there were any.
    pub checkpointing: Option<Pauses>,
    /// Usual seconds from a report to the next one, lately.
    pub report_seconds: f64,
    /// The longest of these, and the slowest step.
    pub slowest_report: f64,
    /// Seconds per step of the slowest of the newest intervals.
    pub slowest_step: f64,
    /// Intervals of the attempt.
    pub intervals: usize,
    /// Seconds per step of the newest intervals: their median, or their mean where that is less.
    pub recent: f64,
    /// Median seconds per step of the attempt.
    pub median: f64,
    /// The longest pause that nobody announced, in seconds.
    pub longest_unannounced: f64,
}

impl Tempo {
    /// Seconds of pauses of all kinds for each step.
    pub fn pause_seconds_per_step(&self) -> f64 {
        let announced = [self.evaluating, self.checkpointing].into_iter().flatten();
        self.unannounced_per_step + announced.map(|pauses| pauses.seconds / pauses.period).sum::<f64>()
    }

    /// `None` without an interval in which the clock ran forward.
    pub fn of(pace: &Pace) -> Option<Self> {
        let least = LEAST_PAUSE * resolution(pace);
        let intervals = intervals_of(pace, least, true);
        // For a verdict every pause is taken out, short as it may be; where none is short these are the same.
        let mut pauses = pace.evaluating().iter().chain(pace.checkpointing());
        let every = pauses.any(|pause| pause.seconds() < least).then(|| intervals_of(pace, 0.0, true));
        let exact: Vec<Interval> = plain(every.as_ref().unwrap_or(&intervals));
        let tempo = Self::with(&intervals, &exact, pace, least)?;
        // Evaluations that take no longer than a report does are a part of the pace.
        if tempo.evaluating.is_some_and(|evaluating| evaluating.seconds < least) {
            return Self::with(&intervals_of(pace, least, false), &exact, pace, least);
        }
        Some(tempo)
    }

    fn with(intervals: &[Interval], exact: &[Interval], pace: &Pace, least: f64) -> Option<Self> {
        let plain = plain(intervals);
        let plain: &[Interval] = if plain.is_empty() { intervals } else { &plain };
        let (first, newest) = (plain.first()?.first, plain.last()?.last);

        let old = first + (newest - first) / OLD;
        let newer = plain.iter().filter(|interval| interval.last > old).count().max(FEWEST_INTERVALS);
        let window = &plain[plain.len().saturating_sub(newer)..];
        let median = median(window.iter().map(|interval| (interval.rate(), interval.steps())));
        let is_plain = |interval: &&Interval| {
            let times = interval.rate() / median;
            (1.0 / PAUSE_FACTOR..=PAUSE_FACTOR).contains(&times)
        };
        let steady: Vec<Interval> = window.iter().filter(is_plain).copied().collect();
        let steps: f64 = steady.iter().map(Interval::steps).sum();
        let mean = steady.iter().map(|interval| interval.seconds).sum::<f64>() / steps;

        // Each interval's distance from what its steps should have taken, as for any ratio of two sums.
        let squares = steady.iter().map(|interval| (interval.seconds - mean * interval.steps()).powi(2));
        let count = steady.len() as f64;
        let error = if count < 2.0 {
            1.0
        } else {
            (squares.sum::<f64>() * count / (count - 1.0)).sqrt() / steps / mean
        };

        let excess = |interval: &Interval| interval.seconds - mean * interval.steps();
        let unannounced = |intervals: &[Interval]| {
            let paused =
                intervals.iter().filter(|interval| interval.rate() > PAUSE_FACTOR * median).map(excess);
            paused.filter(|seconds| *seconds <= LONGEST_PAUSE).collect::<Vec<f64>>().into_iter()
        };
        let all: f64 = window.iter().map(Interval::steps).sum();

        let reports = &plain[plain.len().saturating_sub(PACE_RECENT)..];
        let recent = &exact[exact.len().saturating_sub(RECENT_INTERVALS)..];
        // Between two of the newest points: older ones were thinned, and lie more than a report apart.
        let since = pace.points().keys().rev().nth(PACE_RECENT - 1).copied().unwrap_or_default();
        let newest = exact.iter().filter(|interval| interval.first >= since);
        let report_seconds = self::median(reports.iter().map(|interval| (interval.seconds, 1.0)));
        Some(Self {
            seconds_per_step: mean,
            error,
            steps,
            unannounced_per_step: unannounced(window).sum::<f64>() / all,
            evaluating: evaluations(pace, intervals, mean, least),
            checkpointing: Pauses::of(pace.checkpointing(), pace, reports, least),
            report_seconds,
            slowest_report: longest(newest.clone().map(|interval| interval.seconds), report_seconds),
            slowest_step: longest(newest.map(Interval::rate), mean),
            intervals: exact.len(),
            recent: pace_of(recent),
            median: self::median(exact.iter().map(|interval| (interval.rate(), interval.steps()))),
            longest_unannounced: longest(unannounced(exact), 0.0),
        })
    }
}

impl Pauses {
    fn of(pauses: &[Pause], pace: &Pace, reports: &[Interval], least: f64) -> Option<Self> {
        let pauses: Vec<&Pause> = pauses.iter().filter(|pause| pause.seconds() >= least).collect();
        let last = pauses.last()?;
        let steps: Vec<i64> = pauses.iter().map(|pause| pause.step).collect();
        let seconds = pauses.iter().map(|pause| pause.seconds()).sum::<f64>() / pauses.len() as f64;
        Some(Self { seconds, period: period(&steps, pace, reports), last: last.step })
    }
}

/// Evaluations by what is known of them: stages that say how long they took, or validation losses, whose intervals took
/// longer than others.
fn evaluations(pace: &Pace, intervals: &[Interval], mean: f64, least: f64) -> Option<Pauses> {
    let announced = Pauses::of(pace.evaluating(), pace, intervals, least);
    let steps: Vec<i64> = pace.evaluations().iter().copied().collect();
    let (Some(last), period) = (steps.last().copied(), period(&steps, pace, intervals)) else {
        return announced;
    };
    if let Some(announced) = announced {
        // A poller sees some of them only: what it saw, over all of them. What it did not see is in the pace.
        let long = pace.evaluating().iter().filter(|pause| pause.seconds() >= least);
        let seen = long.count() as f64 / steps.len() as f64;
        return Some(Pauses { seconds: announced.seconds * seen.min(1.0), period, last });
    }
    let evaluated = intervals.iter().filter(|interval| interval.is_unclear);
    if !pace.evaluating().is_empty() || evaluated.clone().next().is_none() {
        return None;
    }
    let excess: f64 = evaluated.map(|interval| interval.seconds - mean * interval.steps()).sum();
    let seconds = (excess / steps.len() as f64).max(0.0);
    Some(Pauses { seconds, period, last })
}

/// Steps from one pause to the next. Of a single one: from where the attempt began.
fn period(steps: &[i64], pace: &Pace, reports: &[Interval]) -> f64 {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return f64::INFINITY };
    let from_first = match steps.len() {
        1 => {
            let usual = median(reports.iter().map(|interval| (interval.steps(), 1.0)));
            let begin = pace.points().keys().next().map_or(0.0, |step| *step as f64 - usual);
            *last as f64 - begin.max(0.0)
        }
        count => (last - first) as f64 / (count - 1) as f64,
    };
    from_first.max(1.0)
}

/// The intervals between kept points in which the clock ran forward, oldest first; from the oldest pause on that is still
/// known, when some are known no more.
fn intervals_of(pace: &Pace, least: f64, by_validation_losses: bool) -> Vec<Interval> {
    let announced = [pace.evaluating(), pace.checkpointing()];
    let says_evaluations = !by_validation_losses || !pace.evaluating().is_empty();
    let mut since = 0;
    for pauses in announced.iter().filter(|pauses| pauses.len() == PACE_PAUSES) {
        since = since.max(pauses[0].step);
    }
    if pace.evaluations().len() == PACE_PAUSES && !says_evaluations {
        since = since.max(pace.evaluations().first().copied().unwrap_or_default());
    }
    let points: Vec<(i64, i64)> = pace.points().iter().map(|(step, at)| (*step, *at)).collect();
    let intervals = points.windows(2).filter_map(|two| {
        let [(first, from), (last, until)] = [two[0], two[1]];
        let whole = until.checked_sub(from)? as f64 / 1e6;
        let inside = announced.iter().copied().flatten().filter(|pause| (first..last).contains(&pause.step));
        let work = whole - inside.map(Pause::seconds).filter(|seconds| *seconds >= least).sum::<f64>();
        // A poller sees the ends of a pause up to half a minute too late.
        let (seconds, is_unclear) = if work > 0.0 { (work, false) } else { (whole, true) };
        // A poller shows a validation loss at the step that was evaluated, or at the next one that it sees.
        let is_evaluated = !says_evaluations && pace.evaluations().range(first..=last).next().is_some();
        let is_unclear = is_unclear || is_evaluated;
        (seconds > 0.0 && first >= since).then_some(Interval { first, last, seconds, is_unclear })
    });
    intervals.collect()
}

fn plain(intervals: &[Interval]) -> Vec<Interval> {
    intervals.iter().filter(|interval| !interval.is_unclear).copied().collect()
}

/// Usual seconds between two of the newest points, pauses and all: what is shorter cannot be told apart.
fn resolution(pace: &Pace) -> f64 {
    let newest: Vec<i64> = pace.points().values().rev().take(PACE_RECENT).copied().collect();
    let seconds = newest.windows(2).map(|two| two[0].saturating_sub(two[1]) as f64 / 1e6);
    median(seconds.filter(|seconds| *seconds > 0.0).map(|seconds| (seconds, 1.0)))
}

/// The longest of these, or what stands for it where there is none.
fn longest(seconds: impl Iterator<Item = f64>, otherwise: f64) -> f64 {
    seconds.reduce(f64::max).unwrap_or(otherwise)
}

/// A pause moves the mean, and the half minutes of a poller move the median of a few.
fn pace_of(recent: &[Interval]) -> f64 {
    let seconds: f64 = recent.iter().map(|interval| interval.seconds).sum();
    let mean = seconds / recent.iter().map(Interval::steps).sum::<f64>();
    median(recent.iter().map(|interval| (interval.rate(), 1.0))).min(mean)
}

/// The value with as much weight below as above; 0 of none.
fn median(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut values: Vec<(f64, f64)> = values.collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (index, (value, weight)) in values.iter().enumerate() {
        below += weight;
        if below > half {
            return *value;
        }
        if below == half {
            return (value + values.get(index + 1).map_or(*value, |next| next.0)) / 2.0;
        }
    }
    0.0
}

/// What an attempt's pace is, for a person, and as what is expected of the next attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Newest step.
    pub step: i64,
    /// Seconds of a step, pauses apart.
    pub seconds_per_step: f64,
    /// The same of the newest steps.
    pub recent_seconds_per_step: f64,
    /// Seconds of evaluations, checkpoints and other pauses for each step.
    pub pause_seconds_per_step: f64,
    /// Evaluations that take longer than a report does; NULL without one.
    pub evaluations: Option<Often>,
    /// Checkpoints, likewise.
    pub checkpoints: Option<Often>,
}

/// How long pauses of a kind take, and how often they come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Often {
    /// Mean length.
    pub seconds: f64,
    /// Steps from one to the next.
    pub every_steps: f64,
}

impl Description {
    /// `None` while the pace is not known.
    pub fn of(pace: &Pace) -> Option<Self> {
        let rounded = |value: f64| (value * 1e3).round() / 1e3;
        let often =
            |pauses: Pauses| Often { seconds: rounded(pauses.seconds), every_steps: rounded(pauses.period) };
        let tempo = Tempo::of(pace)?;
        Some(Self {
            step: pace.newest()?.0,
            seconds_per_step: rounded(tempo.seconds_per_step),
            recent_seconds_per_step: rounded(tempo.recent),
            pause_seconds_per_step: rounded(tempo.pause_seconds_per_step()),
            evaluations: tempo.evaluating.map(often),
            checkpoints: tempo.checkpointing.map(often),
        })
    }
}
