//! What was found: exact counts of every rule, and the first findings of each under the limits.

use super::file::Split;
use super::path::Path;
use super::profile::Profile;
use super::rule::{Rule, Severity};
use crate::limits::{EXCERPT_CHARS, FINDINGS_IN_ALL, FINDINGS_PER_CODE};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Arguments;

/// One fault of a dataset. `line`, `error` and `suggestion` are the application's own names for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "DatasetFinding"))]
pub struct Finding {
    /// 1-based physical line; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, naming the thing.
    pub error: String,
    /// What to do about it.
    pub suggestion: String,
    /// Stable code of the rule.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where in the line's object, such as `turns[2].content`; NULL for the line as a whole.
    pub path: Option<String>,
    /// 0-based byte offset in the file of the fault, or of its line.
    pub offset: u64,
    /// At most 120 characters of the text there.
    pub excerpt: Option<String>,
    /// `validation`: line and offset are those of the file that is held back. Left out for the file to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// An example's place in the file, and its text.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// 1-based line on which the text begins.
    pub line: u64,
    /// Offset of the text's first byte.
    pub offset: u64,
    pub text: &'a str,
    /// Which file of the dataset it is in.
    pub split: Split,
}

impl Place<'_> {
    /// A place without text: the file, or a line that is not shown.
    pub fn bare(line: u64, offset: u64) -> Place<'static> {
        Place { line, offset, text: "", split: Split::Train }
    }
}

/// A finding that is kept; what its rule says is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    line: u64,
    offset: u64,
    path: Option<String>,
    error: String,
    /// `None`: the rule's own.
    suggestion: Option<String>,
    excerpt: Option<String>,
    /// A part of a file does not know which file that is.
    #[serde(skip)]
    split: Split,
}

/// Findings of one rule: how many there were, and the first of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OfRule {
    #[serde(with = "by_code")]
    rule: &'static Rule,
    count: u64,
    kept: Vec<Kept>,
}

impl OfRule {
    fn limit(&self) -> usize {
        if self.rule.once { 1 } else { FINDINGS_PER_CODE }
    }

    fn is_full(&self) -> bool {
        self.kept.len() >= self.limit()
    }
}

/// Collects findings. Lines come in order, because the first of a rule are the ones that are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    /// In the order in which they were first found; a file has few different ones.
    by_rule: Vec<OfRule>,
}

/// Where a fault is inside of its place.
pub(super) enum At<'p> {
    /// The place as a whole.
    Whole,
    /// A byte of the text.
    Byte(usize),
    /// A value of the object.
    Value(&'p Path<'p>),
}

impl Findings {
    /// A fault. `error` is not formatted unless the finding is kept.
    pub fn raise(
        &mut self,
        rule: &'static Rule,
        place: Place<'_>,
        at: At<'_>,
        error: Arguments<'_>,
        suggestion: Option<Arguments<'_>>,
    ) {
        let of_rule = self.of_rule(rule);
        of_rule.count += 1;
        if of_rule.is_full() {
            return;
        }
        let byte = match at {
            At::Whole => 0,
            At::Byte(byte) => byte.min(place.text.len()),
            At::Value(path) => super::path::locate(place.text, &path.steps()),
        };
        of_rule.kept.push(Kept {
            // Only an example inside of a document has line ends.
            line: place.line + memchr::memchr_iter(b'\n', &place.text.as_bytes()[..byte]).count() as u64,
            offset: place.offset + byte as u64,
            path: match at {
                At::Value(path) => path.shown(),
                _ => None,
            },
            error: error.to_string(),
            suggestion: suggestion.map(|text| text.to_string()),
            excerpt: excerpt(place.text, byte),
            split: place.split,
        });
    }

    /// A fault of the file as a whole.
    pub fn raise_file(&mut self, rule: &'static Rule, error: Arguments<'_>) {
        self.raise(rule, Place::bare(0, 0), At::Whole, error, None);
    }

    fn of_rule(&mut self, rule: &'static Rule) -> &mut OfRule {
        let at =
            self.by_rule.iter().position(|of_rule| std::ptr::eq(of_rule.rule, rule)).unwrap_or_else(|| {
                self.by_rule.push(OfRule { rule, count: 0, kept: Vec::new() });
                self.by_rule.len() - 1
            });
        &mut self.by_rule[at]
    }

    /// Whether these can be the findings of so many lines and bytes: a state may come from anywhere.
    pub fn fit(&self, lines: u64, bytes: u64) -> bool {
        self.by_rule.iter().enumerate().all(|(at, of_rule)| {
            let is_first = self.by_rule[..at].iter().all(|other| !std::ptr::eq(other.rule, of_rule.rule));
            let kept = of_rule.kept.len() as u64;
            let in_range = |kept: &Kept| kept.line <= lines && kept.offset <= bytes;
            // A line has more than one finding of a rule, but not more than bytes.
            is_first
                && kept <= of_rule.count
                && of_rule.count <= bytes + lines
                && of_rule.kept.len() <= of_rule.limit()
                && of_rule.kept.iter().all(in_range)
        })
    }

    /// Moves all findings behind so many lines and bytes.
    pub fn shift(&mut self, lines: u64, bytes: u64) {
        for kept in self.by_rule.iter_mut().flat_map(|of_rule| &mut of_rule.kept) {
            kept.line += lines;
            kept.offset += bytes;
        }
    }

    /// Says of all findings that they are of this file.
    pub fn move_to(&mut self, split: Split) {
        for kept in self.by_rule.iter_mut().flat_map(|of_rule| &mut of_rule.kept) {
            kept.split = split;
        }
    }

    /// Adds the findings of lines behind all of these.
    pub fn append(&mut self, later: Findings) {
        for mut of_rule in later.by_rule {
            let mine = self.of_rule(of_rule.rule);
            mine.count += of_rule.count;
            mine.kept.append(&mut of_rule.kept);
            mine.kept.truncate(mine.limit());
        }
    }

    /// Exact counts, and the kept findings by (severity, file, line, offset, code).
    pub fn finish(self, profile: Profile) -> Summary {
        let mut found = Summary::default();
        for of_rule in self.by_rule {
            let (rule, severity) = (of_rule.rule, of_rule.rule.severity(profile));
            found.counts.insert(rule.code, of_rule.count);
            // What is found once for a file counts once, however many lines it concerns.
            let count = if rule.once { 1 } else { of_rule.count };
            match severity {
                Severity::Error => found.errors += count,
                Severity::Warning => found.warnings += count,
                Severity::Info => {}
            }
            found.truncated |= count > of_rule.kept.len() as u64;
            found.findings.extend(of_rule.kept.into_iter().map(|kept| Finding {
                line: kept.line,
                error: match of_rule.count {
                    lines if rule.once && lines > 1 => format!("{} ({lines} lines in all)", kept.error),
                    _ => kept.error,
                },
                suggestion: kept.suggestion.unwrap_or_else(|| rule.suggestion.to_owned()),
                code: rule.code,
                severity,
                path: kept.path,
                offset: kept.offset,
                excerpt: kept.excerpt,
                split: (kept.split != Split::Train).then_some(kept.split),
            }));
        }
        found.findings.sort_by(|a, b| {
            let order = |finding: &Finding| {
                (finding.severity, finding.split, finding.line, finding.offset, finding.code)
            };
            order(a).cmp(&order(b))
        });
        found.truncated |= found.findings.len() > FINDINGS_IN_ALL;
        found.findings.truncate(FINDINGS_IN_ALL);
        found
    }
}

/// A rule in a state is its code.
mod by_code {
    use super::Rule;
    use crate::dataset::all_rules;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(rule.code)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Rule, D::Error> {
        let code = <&str>::deserialize(deserializer)?;
        all_rules().find(|rule| rule.code == code).ok_or_else(|| D::Error::custom("no rule has this code"))
    }
}

/// Findings as a report shows them.
#[derive(Default)]
pub(super) struct Summary {
    pub errors: u64,
    pub warnings: u64,
    pub counts: BTreeMap<&'static str, u64>,
    pub findings: Vec<Finding>,
    pub truncated: bool,
}

/// Some text around a byte: from at most 40 bytes before it, so that the fault itself is in it.
fn excerpt(text: &str, byte: usize) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let mut start = byte.min(text.len()).saturating_sub(40);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut rest = text[start..].chars();
    // NUL cannot be stored as jsonb, and control characters make a terminal unreadable.
    let mut cut: String =
        rest.by_ref().take(EXCERPT_CHARS - 1).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match (rest.next(), rest.next()) {
        (Some(_), Some(_)) => cut.push('…'),
        (Some(last), None) => cut.push(if last.is_control() { '\u{fffd}' } else { last }),
        _ => {}
    }
    Some(cut)
}

#[cfg(test)]
mod tests {
    use super::super::rules::{json::INVALID_JSON, pairs::NULL_TARGET};
    use super::*;

    fn some(lines: std::ops::RangeInclusive<u64>) -> Findings {
        let mut findings = Findings::default();
        for line in lines {
            let place = Place { text: "x", ..Place::bare(line, line * 10) };
            findings.raise(&INVALID_JSON, place, At::Whole, format_args!("no"), None);
            findings.raise(&NULL_TARGET, place, At::Whole, format_args!("null"), None);
        }
        findings
    }

    #[test]
    fn keeps_the_first_of_each_code_and_counts_them_all() {
        let found = some(1..=25).finish(Profile::Brightrun);
        assert_eq!((found.errors, found.warnings, found.counts["invalid_json"]), (25, 1, 25));
        let lines: Vec<_> =
            found.findings.iter().filter(|f| f.code == "invalid_json").map(|f| f.line).collect();
        assert_eq!(lines, (1..=10).collect::<Vec<_>>());
        assert_eq!(found.findings.last().unwrap().error, "null (25 lines in all)");
        assert!(found.truncated);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut parts = some(1..=4);
        let mut later = some(1..=21);
        later.shift(4, 40);
        parts.append(later);
        let (parts, whole) = (parts.finish(Profile::Brightrun), some(1..=25).finish(Profile::Brightrun));
        assert_eq!(parts.findings, whole.findings);
        assert_eq!(parts.counts, whole.counts);
    }

    #[test]
    fn excerpts_hold_the_fault_and_end_in_time() {
        assert_eq!(excerpt("", 0), None);
        let long = "é".repeat(300);
        assert_eq!(excerpt(&long, 0).unwrap().chars().count(), 120);
        assert!(excerpt(&long, 0).unwrap().ends_with('…'));
        assert_eq!(excerpt(&"a".repeat(120), 0).unwrap(), "a".repeat(120));
        let far = format!("{}FAULT{}", "a".repeat(1000), "b".repeat(1000));
        assert!(excerpt(&far, 1000).unwrap().contains("FAULT"));
        assert_eq!(excerpt("a\u{0}b", 0).unwrap(), "a\u{fffd}b");
    }
}
