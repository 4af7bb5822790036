//! A figure with what it should be. A figure that misses its target is reported as such, never left out.

use std::fmt;

use serde::Serialize;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// For costs: times, ratios of times, bytes.
    AtMost(f64),
    /// For yields: bytes or rows per second.
    AtLeast(f64),
}

/// Something else that has to hold for the figure to count, such as the plan that it was measured with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Condition {
    what: String,
    holds: bool,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    name: String,
    value: f64,
    unit: &'static str,
    /// Without one, the figure is for information.
    target: Option<Target>,
    conditions: Vec<Condition>,
    verdict: Verdict,
    /// What the figure was computed from.
    medians: Vec<Median>,
}

/// The time of one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Median {
    side: String,
    milliseconds: f64,
    /// How the side reads its tables.
    reads: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Met,
    Missed,
    Information,
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

impl Measurement {
    /// A figure, in a unit (empty for a ratio), and its target.
    pub fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: impl Into<Option<Target>>,
    ) -> Self {
        let target = target.into();
        let verdict = match target {
            None => Verdict::Information,
            Some(target) if target.is_met(value) => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        Self { name: name.into(), value, unit, target, conditions: Vec::new(), verdict, medians: Vec::new() }
    }

    /// Also misses its target when this does not hold.
    pub fn condition(mut self, what: impl Into<String>, holds: bool) -> Self {
        if !holds {
            self.verdict = Verdict::Missed;
        }
        self.conditions.push(Condition { what: what.into(), holds });
        self
    }

    /// One of the times that the figure comes from, in milliseconds, and how that side reads its tables.
    pub fn median(mut self, side: &str, milliseconds: f64, reads: String) -> Self {
        self.medians.push(Median { side: side.to_owned(), milliseconds, reads });
        self
    }

    /// Whether it has a target and misses it.
    pub fn is_missed(&self) -> bool {
        self.verdict == Verdict::Missed
    }

    /// Whether there is something to meet.
    pub fn has_target(&self) -> bool {
        self.verdict != Verdict::Information
    }
}

/// Two lines: the figure and what it is of.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let target = self.target.map_or_else(String::new, |target| format!("  {target}{unit}"));
        let verdict = match self.verdict {
            Verdict::Met => "  met",
            Verdict::Missed => "  MISSED",
            Verdict::Information => "",
        };
        write!(f, "{}\n    {:.3}{unit}{target}{verdict}", self.name, self.value)?;
        for Median { side, milliseconds, reads } in &self.medians {
            write!(f, "; {side} {milliseconds:.3} ms ({reads})")?;
        }
        for condition in &self.conditions {
            write!(f, "; {}{}", if condition.holds { "" } else { "NOT " }, condition.what)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_shown() {
        let met =
            Measurement::new("read", 1.15, "", Target::AtMost(1.15)).median("user", 11.5, "Seq Scan".into());
        assert_eq!(met.to_string(), "read\n    1.150  ≤ 1.15  met; user 11.500 ms (Seq Scan)");
        let missed = Measurement::new("read", 9.0, "MB/s", Target::AtLeast(10.0));
        assert_eq!(missed.to_string(), "read\n    9.000 MB/s  ≥ 10 MB/s  MISSED");
        assert!(missed.is_missed());
    }

    #[test]
    fn a_fast_read_by_the_wrong_plan_is_a_miss() {
        let measurement =
            Measurement::new("page", 1.0, "ms", Target::AtMost(2.0)).condition("indexed", false);
        assert_eq!(measurement.to_string(), "page\n    1.000 ms  ≤ 2 ms  MISSED; NOT indexed");
    }

    #[test]
    fn without_a_target_nothing_is_missed() {
        let measurement = Measurement::new("read", 3.0, "", None);
        assert!(!measurement.is_missed() && !measurement.has_target());
    }
}
