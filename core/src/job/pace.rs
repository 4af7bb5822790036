//! What is kept of one attempt's points and stages, however many there are: enough for its tempo and its verdict.
//!
//! Of the points two kinds are kept: the newest [`PACE_RECENT`], and from the whole attempt the first one of each stretch of 2ᵏ
//! steps, where k is the least one with at most [`PACE_STRETCHES`] stretches. Both are sets that follow from the set of all
//! points, so that neither the order of points, nor how they were split, nor a point that came twice makes a difference. Pauses
//! (evaluation, checkpoint) that stages announce are kept as the step behind which they came and their length: a length is the
//! same on any clock, so a worker's clock that is wrong does not move it to another step.
//!
//! Invariant: adding points in any order, in any parts that are merged, gives the same `Pace`; its size has a bound. Stages are
//! added in the order in which they were announced.

use crate::limits::{PACE_PAUSES, PACE_RECENT, PACE_STRETCHES};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::stage::Band;

/// It rises when the document changes.
const VERSION: u32 = 1;
/// Longest stage that a document has, in bytes: 50 characters of any kind. A longer one is cut; no name of ours is.
const STAGE_BYTES: usize = 200;

/// One reported step and when it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Optimizer step, from 1.
    pub step: i64,
    /// Microseconds on the job's clock.
    pub at: i64,
    /// Whether it has a validation loss: an evaluation took place, which took time.
    pub is_evaluation: bool,
}

/// A pause that was announced and is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pause {
    /// The newest step that was reported when it began.
    pub step: i64,
    /// Its length in microseconds.
    pub micros: i64,
}

impl Pause {
    pub fn seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }
}

/// A stage that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stage {
    name: String,
    /// When it was announced first.
    since: i64,
    /// The newest step that was reported then; `None` before the first one.
    step: Option<i64>,
}

/// The memory of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    /// Bits of a step that tell its place in a stretch.
    shift: u32,
    /// Kept steps, each with its first time.
    points: BTreeMap<i64, i64>,
    /// The newest steps that have a validation loss.
    evaluations: BTreeSet<i64>,
    /// The newest announced pauses, oldest first.
    evaluating: Vec<Pause>,
    checkpointing: Vec<Pause>,
    /// The stage that was announced last.
    stage: Option<Stage>,
    /// The furthest stage before and after the steps, in hundredths of percent.
    furthest: u16,
}

impl Pace {
    /// The pace of these points.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn of(points: &[Point]) -> Result<Self> {
        let mut pace = Self::default();
        points.iter().try_for_each(|point| pace.add(*point))?;
        Ok(pace)
    }

    /// Adds a point. A step that is reported twice counts at its first time.
    ///
    /// # Errors
    /// `InvalidArgument` for a negative step.
    pub fn add(&mut self, point: Point) -> Result<()> {
        if point.step < 0 {
            return Err(Error::invalid_argument(
                format!("\"steps\" contains {}", point.step),
                "Count steps from 0 or 1.",
            ));
        }
        self.keep(point.step, point.at);
        self.thin();
        if point.is_evaluation {
            self.evaluations.insert(point.step);
            keep_newest(&mut self.evaluations);
        }
        Ok(())
    }

    /// Adds the points that another one was told of. Its stages are not taken over.
    pub fn merge(&mut self, other: &Self) {
        self.shift = self.shift.max(other.shift);
        other.points.iter().for_each(|(step, at)| self.keep(*step, *at));
        self.thin();
        self.evaluations.extend(&other.evaluations);
        keep_newest(&mut self.evaluations);
    }

    /// Adds the stage that the worker announces. The same one again is no news; one that follows on "evaluating" or
    /// "checkpointing" ends that pause. A clock that ran backwards meanwhile makes its length unknown.
    pub fn enter(&mut self, stage: &str, at: i64) {
        let mut name = stage.to_owned();
        name.truncate(name.floor_char_boundary(STAGE_BYTES));
        let step = self.newest().map(|(step, _)| step);
        self.furthest = self.furthest.max(Band::floor(&name, step.is_some()));
        if let Some(before) = &self.stage {
            if before.name == name {
                return;
            }
            let pauses = match before.name.as_str() {
                "evaluating" => Some(&mut self.evaluating),
                "checkpointing" => Some(&mut self.checkpointing),
                _ => None,
            };
            let micros = at.checked_sub(before.since).filter(|micros| *micros > 0);
            if let (Some(pauses), Some(step), Some(micros)) = (pauses, before.step, micros) {
                pauses.push(Pause { step, micros });
                pauses.drain(..pauses.len().saturating_sub(PACE_PAUSES));
            }
        }
        self.stage = Some(Stage { name, since: at, step });
    }

    fn keep(&mut self, step: i64, at: i64) {
        self.points.entry(step).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }

    /// Leaves out what is neither new nor the first of its stretch.
    fn thin(&mut self) {
        if self.points.len() <= PACE_RECENT {
            return;
        }
        while self.stretches() > PACE_STRETCHES {
            self.shift += 1;
        }
        let newest = self.points.keys().rev().nth(PACE_RECENT - 1).copied().unwrap_or_default();
        let (shift, mut stretch) = (self.shift, None);
        self.points.retain(|step, _| {
            let is_first = stretch.replace(step >> shift) != Some(step >> shift);
            is_first || *step >= newest
        });
    }

    fn stretches(&self) -> usize {
        let (mut stretches, mut last) = (0, None);
        for step in self.points.keys() {
            stretches += usize::from(last.replace(step >> self.shift) != Some(step >> self.shift));
        }
        stretches
    }

    /// The newest step and when it was reported; `None` before the first one.
    pub fn newest(&self) -> Option<(i64, i64)> {
        self.points.last_key_value().map(|(step, at)| (*step, *at))
    }

    /// The stage that was announced last, and since when it is.
    pub fn stage(&self) -> Option<(&str, i64)> {
        self.stage.as_ref().map(|stage| (stage.name.as_str(), stage.since))
    }

    /// Percent that the furthest stage brings.
    pub(super) fn least_percent(&self) -> f64 {
        f64::from(self.furthest) / 100.0
    }

    pub(super) fn points(&self) -> &BTreeMap<i64, i64> {
        &self.points
    }

    pub(super) fn evaluations(&self) -> &BTreeSet<i64> {
        &self.evaluations
    }

    pub(super) fn evaluating(&self) -> &[Pause] {
        &self.evaluating
    }

    pub(super) fn checkpointing(&self) -> &[Pause] {
        &self.checkpointing
    }

    /// The document that a table keeps: a JSON object. Instants are microseconds.
    pub fn to_json(&self) -> String {
        let stage = self.stage.as_ref();
        let document = Document {
            version: VERSION,
            shift: self.shift,
            steps: self.points.keys().copied().collect(),
            reported_at: self.points.values().copied().collect(),
            evaluations: self.evaluations.iter().copied().collect(),
            evaluating: self.evaluating.iter().map(|pause| (pause.step, pause.micros)).collect(),
            checkpointing: self.checkpointing.iter().map(|pause| (pause.step, pause.micros)).collect(),
            stage: stage.map(|stage| stage.name.clone()),
            since: stage.map(|stage| stage.since),
            since_step: stage.and_then(|stage| stage.step),
            furthest: self.furthest,
        };
        serde_json::to_string(&document).unwrap_or_else(|_| unreachable!("numbers and a text serialise"))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// `DamagedState` for anything else.
    pub fn from_json(text: &str) -> Result<Self> {
        let damaged = || Error::damaged_state("job_pace");
        // serde takes a list of values for a structure as well.
        if !text.trim_start().starts_with('{') {
            return Err(damaged());
        }
        let document: Document = serde_json::from_str(text).map_err(|_| damaged())?;
        let bounded = document.steps.len() <= PACE_STRETCHES + PACE_RECENT
            && [document.evaluations.len(), document.evaluating.len(), document.checkpointing.len()]
                .iter()
                .all(|length| *length <= PACE_PAUSES)
            && document.stage.as_ref().is_none_or(|stage| stage.len() <= STAGE_BYTES);
        let pauses = |pauses: Vec<(i64, i64)>| -> Vec<Pause> {
            pauses.into_iter().map(|(step, micros)| Pause { step, micros }).collect()
        };
        let pace = Self {
            shift: document.shift,
            points: document.steps.iter().copied().zip(document.reported_at.iter().copied()).collect(),
            evaluations: document.evaluations.iter().copied().collect(),
            evaluating: pauses(document.evaluating),
            checkpointing: pauses(document.checkpointing),
            stage: document.stage.zip(document.since).map(|(name, since)| Stage {
                name,
                since,
                step: document.since_step,
            }),
            furthest: document.furthest,
        };
        let sound = bounded
            && document.version == VERSION
            && document.steps.len() == document.reported_at.len()
            && document.steps.is_sorted_by(|a, b| a < b)
            && pace.points.keys().chain(&pace.evaluations).all(|step| *step >= 0)
            && pace.shift < i64::BITS
            && pace.stretches() <= PACE_STRETCHES
            && pace.furthest <= 10_000
            && pace
                .evaluating
                .iter()
                .chain(&pace.checkpointing)
                .all(|pause| pause.step >= 0 && pause.micros > 0);
        if sound { Ok(pace) } else { Err(damaged()) }
    }
}

fn keep_newest(steps: &mut BTreeSet<i64>) {
    while steps.len() > PACE_PAUSES {
        steps.pop_first();
    }
}

/// A pace as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    shift: u32,
    steps: Vec<i64>,
    reported_at: Vec<i64>,
    evaluations: Vec<i64>,
    evaluating: Vec<(i64, i64)>,
    checkpointing: Vec<(i64, i64)>,
    stage: Option<String>,
    since: Option<i64>,
    since_step: Option<i64>,
    furthest: u16,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let point = (0_i64..3_000, any::<i64>(), proptest::bool::weighted(0.1))
            .prop_map(|(step, at, is_evaluation)| Point { step, at, is_evaluation });
        proptest::collection::vec(point, 0..400)
    }

    proptest! {
        #[test]
        fn order_does_not_matter(points in points().prop_shuffle(), seed in any::<prop::sample::Index>()) {
            let whole = Pace::of(&points).unwrap();
            let mut other = points.clone();
            other.reverse();
            if !points.is_empty() {
                other.rotate_left(seed.index(points.len()));
            }
            prop_assert_eq!(Pace::of(&other).unwrap(), whole);
        }

        #[test]
        fn parts_are_the_whole(points in points(), at in any::<prop::sample::Index>(), twice in 0_usize..50) {
            let middle = at.index(points.len() + 1);
            let mut left = Pace::of(&points[..middle]).unwrap();
            // Some points are in both parts.
            let right = Pace::of(&points[middle.saturating_sub(twice)..]).unwrap();
            let mut other = right.clone();
            other.merge(&left);
            left.merge(&right);
            prop_assert_eq!(&left, &Pace::of(&points).unwrap());
            prop_assert_eq!(other, left);
        }

        #[test]
        fn a_document_is_read_back_and_has_a_bound(points in points(), stages in proptest::collection::vec(".{0,80}", 0..40)) {
            let mut pace = Pace::of(&points).unwrap();
            for (at, stage) in stages.iter().enumerate() {
                pace.enter(stage, at as i64);
                pace.enter("evaluating", at as i64);
            }
            prop_assert_eq!(&Pace::from_json(&pace.to_json()).unwrap(), &pace);
            prop_assert!(pace.to_json().len() < 4_500);
        }
    }

    #[test]
    fn a_pause_has_the_length_that_its_stage_lasted() {
        let mut pace = Pace::of(&[Point { step: 7, at: 0, is_evaluation: false }]).unwrap();
        for (stage, at) in [
            ("training", 0),
            ("evaluating", 10),
            ("evaluating", 20),
            ("checkpointing", 40),
            ("training", 45),
            ("evaluating", 50),
            // The clock was set back.
            ("training", 5),
        ] {
            pace.enter(stage, at);
        }
        assert_eq!(pace.evaluating(), [Pause { step: 7, micros: 30 }]);
        assert_eq!(pace.checkpointing(), [Pause { step: 7, micros: 5 }]);
        assert_eq!(pace.stage(), Some(("training", 5)));
    }

    #[test]
    fn a_damaged_document_is_refused() {
        let pace = Pace::of(&[Point { step: 1, at: 5, is_evaluation: true }]).unwrap().to_json();
        assert!(Pace::from_json(&pace).is_ok());
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"steps\":[1]", "\"steps\":[1,2]"),
            ("\"steps\":[1]", "\"steps\":[-1]"),
            ("\"shift\":0", "\"shift\":64"),
            ("\"furthest\":0", "\"furthest\":10001"),
            ("\"evaluating\":[]", "\"evaluating\":[[1,-1]]"),
            ("\"shift\":0", "\"shift\":0,\"more\":1"),
            ("\"reported_at\":[5]", "\"reported_at\":[5.5]"),
        ] {
            let damaged = pace.replace(from, to);
            assert_ne!(damaged, pace);
            assert_eq!(Pace::from_json(&damaged).unwrap_err(), Error::damaged_state("job_pace"), "{damaged}");
        }
        for list in ["[]", "[1,0,[],[],[],[],[],null,null,null,0]"] {
            assert!(Pace::from_json(list).is_err(), "{list}");
        }
    }
}
