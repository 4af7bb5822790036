//! What is wrong with a run, as its metrics show it.
//!
//! Invariant: findings follow from the set of the points alone. A rule says over which steps it holds and what it rests on; one that cannot be
//! judged for want of points says nothing.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Value, json};

use super::memory::{list_of, with_room};
use crate::limits::HEALTH_POINTS;
use crate::{Error, Result};

/// One reported step. What was not reported is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Optimizer step.
    pub step: i64,
    /// Loss of the step.
    pub training_loss: Option<f64>,
    /// Loss of an evaluation.
    pub validation_loss: Option<f64>,
    /// Learning rate of the step.
    pub learning_rate: Option<f64>,
    /// Norm of the gradient before it is clipped.
    pub gradient_norm: Option<f64>,
    /// Tokens a second.
    pub throughput: Option<f64>,
    /// Percent.
    pub gpu_utilization: Option<f64>,
}

/// A rule: its name, how bad it is, what breaks it, what to do.
pub struct Rule {
    /// Stable name.
    pub name: &'static str,
    /// `error` or `warning` or `info`.
    pub severity: &'static str,
    /// When it is broken.
    pub when: &'static str,
    /// An imperative sentence.
    pub suggestion: &'static str,
}

/// Every rule, the worst first.
pub const RULES: [Rule; 8] = [
    Rule {
        name: "non_finite",
        severity: "error",
        when: "a training loss, a validation loss or a gradient norm is NaN or infinite",
        suggestion: "Stop the run; go on from the last good checkpoint with a lower learning rate, and look at the batch before it.",
    },
    Rule {
        name: "divergence",
        severity: "error",
        when: "the newest 10 training losses are all above 3 × the lowest one, or their median lies more than 6 robust standard deviations above that of the 100 before them",
        suggestion: "Stop the run; lower the learning rate or lengthen the warm-up, and clip gradients.",
    },
    Rule {
        name: "overfit",
        severity: "warning",
        when: "the validation loss rose three evaluations in a row while the training loss fell",
        suggestion: "Take the checkpoint of the best evaluation; use fewer epochs, more data or more dropout.",
    },
    Rule {
        name: "learning_rate_zero",
        severity: "warning",
        when: "the learning rate is 0 at ten reported steps in a row: nothing is learnt",
        suggestion: "Look at the schedule: its number of steps is smaller than that of the run.",
    },
    Rule {
        name: "gradient_spike",
        severity: "warning",
        when: "a gradient norm is above 10 × the median of the 50 before it",
        suggestion: "Clip gradients, and look at the batches of these steps.",
    },
    Rule {
        name: "throughput_drop",
        severity: "warning",
        when: "the median throughput of the newest 20 points is below half of that of all before them",
        suggestion: "Look at the data loader and at who else uses the machine.",
    },
    Rule {
        name: "gpu_idle",
        severity: "warning",
        when: "the GPU is used less than 10 % at each of the newest 20 points, and is paid for",
        suggestion: "Look at the data loader, and end the run when nobody does.",
    },
    Rule {
        name: "plateau",
        severity: "info",
        when: "over the newest fifth of the points, at least 50, the training loss changes by less than 0.5 %",
        suggestion: "End the run early, or change the learning rate.",
    },
];

/// Newest losses that have to have diverged: one batch is a spike.
const DIVERGED: usize = 10;
/// Losses before them.
const BEFORE_DIVERGED: usize = 100;
const TIMES_BEST: f64 = 3.0;
const ROBUST_DEVIATIONS: f64 = 6.0;
/// The deviation is at least this part of the median: a run without noise has none.
const LEAST_DEVIATION: f64 = 0.02;
/// Of a normal distribution the standard deviation is this many times the median of absolute deviations.
const MAD: f64 = 1.4826;
/// Evaluations that have to rise.
const RISES: usize = 3;
const ZEROS: usize = 10;
const GRADIENTS: usize = 50;
const LEAST_GRADIENTS: usize = 20;
const TIMES_GRADIENT: f64 = 10.0;
const NEWEST: usize = 20;
const DROP: f64 = 0.5;
const IDLE: f64 = 10.0;
const FLAT_POINTS: usize = 50;
const FLAT: f64 = 0.005;

/// What the rules rest on, by name: the portable edition has the same.
pub const THRESHOLDS: [(&str, f64); 16] = [
    ("DIVERGED", DIVERGED as f64),
    ("BEFORE_DIVERGED", BEFORE_DIVERGED as f64),
    ("TIMES_BEST", TIMES_BEST),
    ("ROBUST_DEVIATIONS", ROBUST_DEVIATIONS),
    ("LEAST_DEVIATION", LEAST_DEVIATION),
    ("MAD", MAD),
    ("RISES", RISES as f64),
    ("ZEROS", ZEROS as f64),
    ("GRADIENTS", GRADIENTS as f64),
    ("LEAST_GRADIENTS", LEAST_GRADIENTS as f64),
    ("TIMES_GRADIENT", TIMES_GRADIENT),
    ("NEWEST", NEWEST as f64),
    ("DROP", DROP),
    ("IDLE", IDLE),
    ("FLAT_POINTS", FLAT_POINTS as f64),
    ("FLAT", FLAT),
];

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "HealthFinding"))]
pub struct Finding {
    /// Name of the rule.
    #[cfg_attr(feature = "types", schemars(schema_with = "rule_names"))]
    pub rule: &'static str,
    /// Of the rule.
    #[cfg_attr(feature = "types", schemars(with = "crate::dataset::Severity"))]
    pub severity: &'static str,
    /// First step that it holds at.
    pub from_step: i64,
    /// Last one.
    pub to_step: i64,
    /// The figures that it rests on.
    pub evidence: Value,
    /// Of the rule.
    pub suggestion: &'static str,
}

#[cfg(feature = "types")]
fn rule_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": RULES.map(|rule| rule.name)})
}

/// Readings that are collected, in any order.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    readings: Vec<Reading>,
}

/// Bytes of a reading in a state: the step, which figures there are, and the figures.
const READING_BYTES: usize = 8 + 1 + 6 * 8;

impl Reading {
    fn figures(&self) -> [Option<f64>; 6] {
        [
            self.training_loss,
            self.validation_loss,
            self.learning_rate,
            self.gradient_norm,
            self.throughput,
            self.gpu_utilization,
        ]
    }

    fn of(step: i64, figures: [Option<f64>; 6]) -> Self {
        let [training_loss, validation_loss, learning_rate, gradient_norm, throughput, gpu_utilization] =
            figures;
        Self {
            step,
            training_loss,
            validation_loss,
            learning_rate,
            gradient_norm,
            throughput,
            gpu_utilization,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        let bits = |reading: &Self| reading.figures().map(|figure| figure.map(f64::to_bits));
        self.step.cmp(&other.step).then_with(|| bits(self).cmp(&bits(other)))
    }
}

impl Readings {
    /// Adds one.
    ///
    /// # Errors
    /// `OutOfRange` beyond [`HEALTH_POINTS`]; `OutOfMemory`.
    pub fn push(&mut self, reading: Reading) -> Result<()> {
        if self.readings.len() >= HEALTH_POINTS {
            return Err(Error::out_of_range(
                format!("the run has more than {HEALTH_POINTS} points"),
                "Ask for a part of it, such as a range of steps.",
            ));
        }
        self.readings.try_reserve(1).map_err(|_| Error::out_of_memory("the run"))?;
        self.readings.push(reading);
        Ok(())
    }

    /// Adds those of another one.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn append(&mut self, other: &Self) -> Result<()> {
        other.readings.iter().try_for_each(|reading| self.push(*reading))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// The readings on their way to another process.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = with_room(self.readings.len() * READING_BYTES, "the state of the run")?;
        for reading in &self.readings {
            let figures = reading.figures();
            bytes.extend_from_slice(&reading.step.to_le_bytes());
            bytes.push(
                figures.iter().enumerate().map(|(place, figure)| u8::from(figure.is_some()) << place).sum(),
            );
            figures.iter().for_each(|figure| bytes.extend_from_slice(&figure.unwrap_or(0.0).to_le_bytes()));
        }
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// `DamagedState` for anything else; as [`push`](Self::push).
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::damaged_state("curve_health");
        let (readings, rest) = bytes.as_chunks::<READING_BYTES>();
        if !rest.is_empty() {
            return Err(damaged());
        }
        let mut all = Self::default();
        for bytes in readings {
            let half = |from: usize| <[u8; 8]>::try_from(&bytes[from..from + 8]).unwrap_or_default();
            let present = bytes[8];
            if present >= 1 << 6 {
                return Err(damaged());
            }
            let figure =
                |place: usize| (present >> place & 1 == 1).then(|| f64::from_le_bytes(half(9 + place * 8)));
            all.push(Reading::of(i64::from_le_bytes(half(0)), std::array::from_fn(figure)))?;
        }
        Ok(all)
    }

    /// What is wrong, in the order of the rules. The readings are sorted by it and else left as they are.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn findings(&mut self, tick: &mut dyn FnMut()) -> Result<Vec<Finding>> {
        self.readings.sort_unstable_by(Reading::order);
        tick();
        let run = Run(&self.readings);
        let rules: [Judge; RULES.len()] = [
            |run| Ok(non_finite(run.0)),
            |run| Ok(divergence(&run.losses()?)),
            |run| Ok(overfit(&run.numbers(|reading| reading.validation_loss)?, &run.losses()?)),
            |run| Ok(learning_rate_zero(&run.numbers(|reading| reading.learning_rate)?)),
            |run| Ok(gradient_spike(&run.numbers(|reading| reading.gradient_norm)?)),
            |run| Ok(throughput_drop(&mut run.numbers(|reading| reading.throughput)?)),
            |run| Ok(gpu_idle(&mut run.numbers(|reading| reading.gpu_utilization)?)),
            |run| Ok(plateau(&mut run.losses()?)),
        ];
        let mut findings = Vec::new();
        for (rule, judge) in RULES.iter().zip(rules) {
            tick();
            findings.extend(judge(&run)?.map(|broken| Finding {
                rule: rule.name,
                severity: rule.severity,
                from_step: broken.from_step,
                to_step: broken.to_step,
                evidence: broken.evidence,
                suggestion: rule.suggestion,
            }));
        }
        Ok(findings)
    }
}

/// Whether a rule is broken.
type Judge = fn(&Run<'_>) -> Result<Option<Broken>>;

/// A rule that is broken, from one step to another one.
struct Broken {
    from_step: i64,
    to_step: i64,
    evidence: Value,
}

/// Sorted readings.
struct Run<'a>(&'a [Reading]);

/// A step and a figure of it.
type At = (i64, f64);

impl Run<'_> {
    /// What was reported of a figure and is a number.
    fn numbers(&self, figure: fn(&Reading) -> Option<f64>) -> Result<Vec<At>> {
        let numbers = || {
            let reported = self.0.iter().filter_map(|reading| Some((reading.step, figure(reading)?)));
            reported.filter(|(_, value)| value.is_finite())
        };
        list_of(numbers(), numbers().count(), "what is wrong with the run")
    }

    fn losses(&self) -> Result<Vec<At>> {
        self.numbers(|reading| reading.training_loss)
    }
}

fn non_finite(readings: &[Reading]) -> Option<Broken> {
    let names = ["training_loss", "validation_loss", "gradient_norm"];
    let figures = |reading: &Reading| [reading.training_loss, reading.validation_loss, reading.gradient_norm];
    let bad = |reading: &Reading| figures(reading).into_iter().flatten().any(|value| !value.is_finite());
    let mut broken = readings.iter().filter(|reading| bad(reading));
    let first = broken.next()?;
    let (mut last, mut points) = (first, 1);
    for reading in broken {
        (last, points) = (reading, points + 1);
    }
    let metric =
        names.iter().zip(figures(first)).find(|(_, value)| value.is_some_and(|value| !value.is_finite()));
    let evidence = json!({"metric": metric.map(|(name, _)| name), "points": points});
    Some(Broken { from_step: first.step, to_step: last.step, evidence })
}

fn divergence(losses: &[At]) -> Option<Broken> {
    let (before, newest) = losses.split_at_checked(losses.len().checked_sub(DIVERGED)?)?;
    let best = before.iter().copied().reduce(|best, at| if at.1 < best.1 { at } else { best })?;
    let (from_step, to_step) = (newest.first()?.0, newest.last()?.0);
    let level = median(newest.iter().map(|at| at.1))?;
    let evidence = |by: &str| json!({"by": by, "best": best.1, "best_step": best.0, "newest": level});
    let beyond = best.1 * TIMES_BEST;
    if best.1 > 0.0 && newest.iter().all(|at| at.1 > beyond) {
        // Since when: everything behind the last loss that was not.
        let since = before.iter().rev().take_while(|at| at.1 > beyond).last().map_or(from_step, |at| at.0);
        return Some(Broken { from_step: since, to_step, evidence: evidence("ratio") });
    }
    let usual = &before[before.len().checked_sub(BEFORE_DIVERGED)?..];
    let middle = median(usual.iter().map(|at| at.1))?;
    let deviation = MAD * median(usual.iter().map(|at| (at.1 - middle).abs()))?;
    let deviation = deviation.max(LEAST_DEVIATION * middle.abs());
    (deviation > 0.0 && (level - middle) / deviation > ROBUST_DEVIATIONS).then(|| Broken {
        from_step,
        to_step,
        evidence: evidence("robust_z"),
    })
}

fn overfit(evaluations: &[At], losses: &[At]) -> Option<Broken> {
    let newest = &evaluations[evaluations.len().checked_sub(RISES + 1)?..];
    if !newest.is_sorted_by(|a, b| a.1 < b.1) {
        return None;
    }
    let (from_step, to_step) = (newest.first()?.0, newest.last()?.0);
    // Around the two evaluations, as far as there are points.
    let around = |step: i64| {
        let until = losses.partition_point(|at| at.0 <= step);
        median(losses[until.saturating_sub(NEWEST / 2)..until].iter().map(|at| at.1))
    };
    let (first, last) = (around(from_step)?, around(to_step)?);
    let evidence = json!({"best": newest.first()?.1, "newest": newest.last()?.1, "training_from": first, "training_to": last});
    (last < first).then_some(Broken { from_step, to_step, evidence })
}

fn learning_rate_zero(rates: &[At]) -> Option<Broken> {
    let longest = rates.chunk_by(|a, b| (a.1 == 0.0) == (b.1 == 0.0)).filter(|run| run[0].1 == 0.0);
    let longest = longest.max_by_key(|run| run.len()).filter(|run| run.len() >= ZEROS)?;
    let evidence = json!({"points": longest.len()});
    Some(Broken { from_step: longest.first()?.0, to_step: longest.last()?.0, evidence })
}

fn gradient_spike(norms: &[At]) -> Option<Broken> {
    // The first one, the last one, the highest one with what was usual before it.
    let mut spikes: Option<(At, At, (At, f64))> = None;
    let mut count = 0;
    let mut window = Window::default();
    for &at in norms {
        if let Some(usual) = window.median().filter(|usual| *usual > 0.0 && at.1 > TIMES_GRADIENT * usual) {
            count += 1;
            let (first, _, highest) = spikes.unwrap_or((at, at, (at, usual)));
            let highest = if at.1 > highest.0.1 { (at, usual) } else { highest };
            spikes = Some((first, at, highest));
        }
        window.push(at.1);
    }
    let (first, last, ((step, value), usual)) = spikes?;
    let evidence = json!({"spikes": count, "highest": value, "highest_step": step, "usual": usual});
    Some(Broken { from_step: first.0, to_step: last.0, evidence })
}

fn throughput_drop(speeds: &mut [At]) -> Option<Broken> {
    let (before, newest) = speeds.split_at_mut_checked(speeds.len().checked_sub(NEWEST)?)?;
    if before.len() < 2 * NEWEST {
        return None;
    }
    let (from_step, to_step) = (newest.first()?.0, newest.last()?.0);
    let (usual, now) = (middle(before)?, middle(newest)?);
    let evidence = json!({"usual": usual, "newest": now});
    (now < DROP * usual).then_some(Broken { from_step, to_step, evidence })
}

fn gpu_idle(uses: &mut [At]) -> Option<Broken> {
    let idle = uses.iter().rev().take_while(|at| at.1 < IDLE).count();
    if idle < NEWEST {
        return None;
    }
    let busy = uses.len() - idle;
    let newest = &mut uses[busy..];
    let (from_step, to_step) = (newest.first()?.0, newest.last()?.0);
    let evidence = json!({"points": idle, "median": middle(newest)});
    Some(Broken { from_step, to_step, evidence })
}

fn plateau(losses: &mut [At]) -> Option<Broken> {
    let size = FLAT_POINTS.max(losses.len() / 5);
    if losses.len() < 2 * size {
        return None;
    }
    let before = losses.len() - size;
    let newest = &mut losses[before..];
    let (from_step, to_step) = (newest.first()?.0, newest.last()?.0);
    // Medians of its two halves: a line through noise would be steeper or flatter by chance.
    let (first, second) = newest.split_at_mut(size / 2);
    let (from, to) = (middle(first)?, middle(second)?);
    let evidence = json!({"points": size, "from": from, "to": to});
    ((to - from).abs() < FLAT * from.abs()).then_some(Broken { from_step, to_step, evidence })
}

/// The newest values, sorted.
#[derive(Default)]
struct Window {
    newest: std::collections::VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Window {
    fn push(&mut self, value: f64) {
        if self.newest.len() == GRADIENTS
            && let Some(oldest) = self.newest.pop_front()
        {
            let place = self.sorted.partition_point(|other| other.total_cmp(&oldest) == Ordering::Less);
            self.sorted.remove(place);
        }
        self.newest.push_back(value);
        let place = self.sorted.partition_point(|other| other.total_cmp(&value) == Ordering::Less);
        self.sorted.insert(place, value);
    }

    fn median(&self) -> Option<f64> {
        (self.sorted.len() >= LEAST_GRADIENTS).then(|| self.sorted[self.sorted.len() / 2])
    }
}

/// The upper median of a few values; `None` of nothing.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    middle(&mut values.map(|value| (0, value)).collect::<Vec<_>>())
}

/// The same of any number, whose order is lost by it.
fn middle(values: &mut [At]) -> Option<f64> {
    let place = values.len() / 2;
    (!values.is_empty()).then(|| values.select_nth_unstable_by(place, |a, b| a.1.total_cmp(&b.1)).1.1)
}
