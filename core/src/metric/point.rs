//! What is wrong with a reported point, before it is recorded.
//!
//! Invariant: an error stands for what no column takes, so that the point cannot be recorded; a warning for what is recorded and looks
//! wrong, or for a value beside the columns that is not kept. NaN and infinity are values: a run that diverges has to be recordable.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::limits::{CUSTOM_METRIC_NAME, CUSTOM_METRICS};

/// One thing that is wrong with a point.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct PointFinding {
    /// Stable code.
    pub code: &'static str,
    /// `error`, and the point cannot be recorded, or `warning`.
    #[cfg_attr(feature = "types", schemars(with = "crate::dataset::Severity"))]
    pub severity: &'static str,
    /// The field, or none of the point as a whole.
    pub field: Option<String>,
    /// What is wrong, naming the thing.
    pub error: String,
    /// What to do about it.
    pub suggestion: &'static str,
}

/// What a column takes.
#[derive(Clone, Copy)]
enum Kind {
    WholeNumber,
    Number,
    Percent,
    Instant,
}

/// Fields that have a column, what it takes, and whether a point has to have it.
const FIELDS: [(&str, Kind, bool); 9] = [
    ("step", Kind::WholeNumber, true),
    ("epoch", Kind::WholeNumber, true),
    ("training_loss", Kind::Number, true),
    ("learning_rate", Kind::Number, true),
    ("validation_loss", Kind::Number, false),
    ("gradient_norm", Kind::Number, false),
    ("throughput", Kind::Number, false),
    ("gpu_utilization", Kind::Percent, false),
    ("timestamp", Kind::Instant, false),
];

/// Fields without which a point says nothing but the values of other metrics.
const MEASURED: [&str; 6] =
    ["training_loss", "learning_rate", "validation_loss", "gradient_norm", "throughput", "gpu_utilization"];

/// Highest learning rate that a run is meant to have.
const MOST_LEARNING_RATE: f64 = 1.0;
/// Longest text that is read as a number, and longest one that a message shows.
const TEXT: usize = 100;
const SHOWN: usize = 50;

const AS_OBJECT: &str = "Give each point as an object with step, epoch, training_loss and learning_rate.";
const AS_WHOLE_NUMBER: &str = "Give a whole number from 0 to 2147483647.";
const AS_NUMBER: &str =
    "Give a number that a double holds, or \"NaN\", \"Infinity\" or \"-Infinity\" as text.";
const AS_PERCENT: &str = "Give a percentage from 0 to 100, or leave it out.";
const AS_INSTANT: &str = "Give an instant such as \"2026-01-15T23:00:00Z\", or leave it out.";
const AS_LEARNING_RATE: &str = "Give the rate itself, such as 0.0002: from 0 to 1.";
const NOT_NEGATIVE: &str = "Look at what is measured: this is 0 or more.";
const AS_CUSTOM_METRIC: &str = "Name other metrics with 1 to 200 characters, and give numbers.";
const FEWER: &str = "Report at most 100 other metrics with a point.";

/// What is wrong with a point, the fields of the table first, other metrics by name.
///
/// `point` is the text of a JSON value. A point without a single measured field is one of other metrics alone, and needs a step.
///
/// ```
/// use pg_lora_core::metric::point_findings;
/// let findings = point_findings(r#"{"step": -1, "epoch": 0, "training_loss": "NaN", "learning_rate": 1000}"#);
/// let codes: Vec<_> = findings.iter().map(|finding| (finding.code, finding.severity)).collect();
/// assert_eq!(codes, [("negative", "error"), ("learning_rate_too_high", "warning")]);
/// assert!(point_findings(r#"{"step": 500, "eval/f1": 0.83}"#).is_empty());
/// ```
pub fn point_findings(point: &str) -> Vec<PointFinding> {
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(point) else {
        let error = "the point is not an object".to_owned();
        return vec![PointFinding {
            code: "not_an_object",
            severity: "error",
            field: None,
            error,
            suggestion: AS_OBJECT,
        }];
    };
    members.retain(|_, value| value.get() != "null");
    let others: Vec<&String> =
        members.keys().filter(|name| FIELDS.iter().all(|(field, ..)| field != name)).collect();
    let is_of_others = !others.is_empty() && MEASURED.iter().all(|field| !members.contains_key(*field));

    let mut findings = Vec::new();
    for (field, kind, is_needed) in FIELDS {
        match members.get(field) {
            Some(value) => findings.extend(fault(field, kind, value.get())),
            None if is_needed && !(is_of_others && field != "step") => {
                findings.push(PointFinding {
                    code: "missing",
                    severity: "error",
                    field: Some(field.to_owned()),
                    error: format!("\"{field}\" is missing"),
                    suggestion: if matches!(kind, Kind::WholeNumber) { AS_WHOLE_NUMBER } else { AS_NUMBER },
                });
            }
            None => {}
        }
    }
    for (place, name) in others.into_iter().enumerate() {
        let value = members[name].get();
        let is_kept = number(value).is_ok() && (1..=CUSTOM_METRIC_NAME).contains(&name.chars().count());
        if place >= CUSTOM_METRICS {
            findings.push(warning("too_many_metrics", name, value, FEWER));
            break;
        } else if !is_kept {
            findings.push(warning("not_kept", name, value, AS_CUSTOM_METRIC));
        }
    }
    findings
}

/// What is wrong with the value of a column.
fn fault(field: &str, kind: Kind, value: &str) -> Option<PointFinding> {
    let refused = |code, suggestion| {
        Some(PointFinding { severity: "error", ..warning(code, field, value, suggestion) })
    };
    match kind {
        Kind::WholeNumber => match whole_number(value) {
            Err(code) => refused(code, AS_WHOLE_NUMBER),
            Ok(()) => None,
        },
        Kind::Instant if is_instant(value) => None,
        Kind::Instant => refused("not_an_instant", AS_INSTANT),
        Kind::Number | Kind::Percent => match number(value) {
            Err(code) => refused(code, if matches!(kind, Kind::Percent) { AS_PERCENT } else { AS_NUMBER }),
            Ok(number) if !number.is_finite() => None,
            Ok(number) if matches!(kind, Kind::Percent) && !(0.0..=100.0).contains(&number) => {
                refused("out_of_range", AS_PERCENT)
            }
            Ok(number) if field == "learning_rate" && number > MOST_LEARNING_RATE => {
                Some(warning("learning_rate_too_high", field, value, AS_LEARNING_RATE))
            }
            Ok(number)
                if number < 0.0 && ["learning_rate", "gradient_norm", "throughput"].contains(&field) =>
            {
                Some(warning("negative", field, value, NOT_NEGATIVE))
            }
            Ok(_) => None,
        },
    }
}

fn warning(code: &'static str, field: &str, value: &str, suggestion: &'static str) -> PointFinding {
    let shown = |text: &str| text.chars().take(SHOWN).collect::<String>();
    PointFinding {
        code,
        severity: "warning",
        field: Some(field.to_owned()),
        error: format!("\"{}\" is {}", shown(field), shown(value)),
        suggestion,
    }
}

/// The text of a number, or of a string that may hold one; else the code of what is wrong.
fn digits(value: &str) -> Result<String, ()> {
    match value.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(value.to_ascii_lowercase()),
        Some(b'"') => {
            let text: String = serde_json::from_str(value).map_err(drop)?;
            let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
            (text.len() <= TEXT).then(|| text.to_ascii_lowercase()).ok_or(())
        }
        _ => Err(()),
    }
}

/// As Postgres reads a double: decimal, or the name of what is no number.
fn number(value: &str) -> Result<f64, &'static str> {
    let text = digits(value).map_err(|()| "not_a_number")?;
    match text.strip_prefix(['+', '-']).unwrap_or(&text) {
        "inf" | "infinity" => return Ok(f64::INFINITY),
        "nan" if text == "nan" => return Ok(f64::NAN),
        _ => {}
    }
    if !is_decimal(&text) {
        return Err("not_a_number");
    }
    let number: f64 = text.parse().map_err(|_| "not_a_number")?;
    let mantissa = text.split('e').next().unwrap_or_default();
    let is_lost = number == 0.0 && mantissa.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    if number.is_infinite() || is_lost { Err("out_of_range") } else { Ok(number) }
}

/// Digits with at most one point among them, and an exponent of at most four digits.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && (1..=4).contains(&exponent.len())
        && are_digits(exponent)
}

/// From 0 to what an integer holds.
fn whole_number(value: &str) -> Result<(), &'static str> {
    let text = digits(value).map_err(|()| "not_a_whole_number")?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    if unsigned.is_empty() || !unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("not_a_whole_number");
    }
    match unsigned.parse::<u64>() {
        Ok(0) => Ok(()),
        _ if text.starts_with('-') => Err("negative"),
        Ok(number) if number <= i32::MAX as u64 => Ok(()),
        _ => Err("out_of_range"),
    }
}

/// ISO 8601, a date with or without a time, a time with or without a zone.
fn is_instant(value: &str) -> bool {
    let Some(text) = serde_json::from_str::<String>(value).ok().filter(|text| text.len() <= TEXT) else {
        return false;
    };
    let mut rest = text.trim_matches(' ');
    let mut part = |separators: &[char], digits: usize| -> Option<u32> {
        let unseparated = if separators.is_empty() { rest } else { rest.strip_prefix(separators)? };
        let (part, behind) = unseparated.split_at_checked(digits)?;
        if !part.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        rest = behind;
        part.parse().ok()
    };
    let (Some(year), Some(month), Some(day)) = (part(&[], 4), part(&['-'], 2), part(&['-'], 2)) else {
        return false;
    };
    let days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year == 0 || !(1..=12).contains(&month) || !(1..=days).contains(&day) {
        return false;
    }
    let Some(hour) = part(&['T', 't', ' '], 2) else { return rest.is_empty() };
    let Some(minute) = part(&[':'], 2) else { return false };
    let second = part(&[':'], 2);
    if hour > 23 || minute > 59 || second.is_some_and(|second| second > 59) {
        return false;
    }
    if second.is_some()
        && let Some(behind) = rest.strip_prefix('.')
    {
        let fraction = behind.bytes().take_while(u8::is_ascii_digit).count();
        if fraction == 0 {
            return false;
        }
        rest = &behind[fraction..];
    }
    is_zone(rest.trim_start_matches(' '))
}

/// Nothing, Z, or hours and perhaps minutes from Greenwich.
fn is_zone(text: &str) -> bool {
    if matches!(text, "" | "Z" | "z") {
        return true;
    }
    let Some(offset) = text.strip_prefix(['+', '-']) else { return false };
    let (hours, minutes) = match offset.len() {
        2 => (offset, "00"),
        4 => offset.split_at(2),
        5 => match offset.split_once(':') {
            Some(parts) => parts,
            None => return false,
        },
        _ => return false,
    };
    let two = |text: &str, most: u32| {
        text.len() == 2
            && text.bytes().all(|digit| digit.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|number| number <= most)
    };
    two(hours, 15) && two(minutes, 59)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(point: &str) -> Vec<(String, &'static str, &'static str)> {
        let findings = point_findings(point);
        findings
            .into_iter()
            .map(|finding| (finding.field.unwrap_or_default(), finding.code, finding.severity))
            .collect()
    }

    fn of(field: &str, value: &str) -> Vec<(String, &'static str, &'static str)> {
        let mut point: BTreeMap<&str, &str> =
            [("step", "1"), ("epoch", "0"), ("training_loss", "2.5"), ("learning_rate", "0.1")].into();
        point.insert(field, value);
        let members: Vec<String> = point.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        told(&format!("{{{}}}", members.join(", ")))
    }

    #[test]
    fn each_fault_has_its_code_and_its_field() {
        for (field, value, code) in [
            ("step", "null", "missing"),
            ("epoch", "null", "missing"),
            ("training_loss", "null", "missing"),
            ("learning_rate", "null", "missing"),
            ("step", "-1", "negative"),
            ("step", "2147483648", "out_of_range"),
            ("step", "99999999999999999999999", "out_of_range"),
            ("step", "2.5", "not_a_whole_number"),
            ("step", "\"three\"", "not_a_whole_number"),
            ("step", "\"NaN\"", "not_a_whole_number"),
            ("epoch", "[1]", "not_a_whole_number"),
            ("training_loss", "true", "not_a_number"),
            ("training_loss", "\"high\"", "not_a_number"),
            ("training_loss", "\"\"", "not_a_number"),
            ("training_loss", "\"1e\"", "not_a_number"),
            ("training_loss", "\".\"", "not_a_number"),
            ("training_loss", "\"-nan\"", "not_a_number"),
            ("training_loss", "1e400", "out_of_range"),
            ("training_loss", "\"1e-400\"", "out_of_range"),
            ("gradient_norm", "{}", "not_a_number"),
            ("gpu_utilization", "100.5", "out_of_range"),
            ("gpu_utilization", "-1", "out_of_range"),
            ("timestamp", "17", "not_an_instant"),
            ("timestamp", "\"infinity\"", "not_an_instant"),
            ("timestamp", "\"2026-02-29\"", "not_an_instant"),
            ("timestamp", "\"2026-01-15T24:00\"", "not_an_instant"),
            ("timestamp", "\"2026-01-15T23:00:00.\"", "not_an_instant"),
            ("timestamp", "\"2026-01-15T23:00:00+1\"", "not_an_instant"),
            ("timestamp", "\"2026-01-15T23:00:00+16:00\"", "not_an_instant"),
            ("timestamp", "\"2026-1-15\"", "not_an_instant"),
        ] {
            assert_eq!(of(field, value), [(field.to_owned(), code, "error")], "{field} {value}");
        }
        for (field, value, code) in [
            ("learning_rate", "1e3", "learning_rate_too_high"),
            ("learning_rate", "-0.1", "negative"),
            ("gradient_norm", "-1", "negative"),
            ("throughput", "-0.5", "negative"),
            ("scheduler", "\"cosine\"", "not_kept"),
            ("", "1", "not_kept"),
            ("eval/f1", "1e400", "not_kept"),
        ] {
            assert_eq!(of(field, value), [(field.to_owned(), code, "warning")], "{field} {value}");
        }
        assert_eq!(told("[1]"), [(String::new(), "not_an_object", "error")]);
        assert_eq!(told("null"), [(String::new(), "not_an_object", "error")]);
    }

    #[test]
    fn what_can_be_recorded_is() {
        for (field, value) in [
            ("step", "0"),
            ("step", "2147483647"),
            ("step", "\" 7 \""),
            ("step", "-0"),
            ("training_loss", "\"NaN\""),
            ("training_loss", "\"-Infinity\""),
            ("training_loss", "\"+inf\""),
            ("training_loss", "\"1.5E3\""),
            ("training_loss", "\"5.\""),
            ("training_loss", "-3"),
            ("learning_rate", "0"),
            ("learning_rate", "\"NaN\""),
            ("validation_loss", "null"),
            ("gpu_utilization", "100"),
            ("gpu_utilization", "\"Infinity\""),
            ("timestamp", "\"2026-01-15\""),
            ("timestamp", "\"2024-02-29T23:59\""),
            ("timestamp", "\"2026-01-15 23:10:00.25 +05:30\""),
            ("timestamp", "\"2026-01-15t23:10:00z\""),
            ("timestamp", "\"2026-01-15T23:10:00-0130\""),
            ("eval/f1", "0.83"),
            ("eval/f1", "null"),
            ("eval/f1", "\"NaN\""),
        ] {
            assert_eq!(of(field, value), [], "{field} {value}");
        }
    }

    #[test]
    fn a_point_of_other_metrics_alone_needs_a_step() {
        assert_eq!(told(r#"{"step": 5, "eval/f1": 0.8}"#), []);
        assert_eq!(told(r#"{"eval/f1": 0.8}"#), [("step".to_owned(), "missing", "error")]);
        let missing = told(r#"{"step": 5, "validation_loss": 1.5, "eval/f1": 0.8}"#);
        let fields: Vec<_> = missing.iter().map(|(field, ..)| field.as_str()).collect();
        assert_eq!(fields, ["epoch", "training_loss", "learning_rate"]);
        assert_eq!(told(r#"{"step": 5, "epoch": 1}"#).len(), 2);
    }

    #[test]
    fn a_hundred_other_metrics_are_kept_and_the_next_is_named() {
        let point = |metrics: usize| {
            let members: Vec<String> = (0..metrics).map(|n| format!("\"m{n:03}\": {n}")).collect();
            told(&format!("{{\"step\": 1, {}}}", members.join(", ")))
        };
        assert_eq!(point(100), []);
        assert_eq!(point(150), [("m100".to_owned(), "too_many_metrics", "warning")]);
    }
}
