//! What was found: exact counts of every code, and the first findings of each under the limits.

use super::rules::{Rule, Severity};
use crate::limits::{EXCERPT_CHARS, FINDINGS_IN_ALL, FINDINGS_PER_CODE};
use serde::Serialize;
use std::collections::BTreeMap;

/// One fault of a dataset. `line`, `error` and `suggestion` are the application's own names for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// The place of a line: its number, where it begins, and its text.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub line: u64,
    pub offset: u64,
    pub text: &'a str,
}

/// Findings of one rule: how many there were, and the first of them.
#[derive(Default)]
struct OfCode {
    count: u64,
    kept: Vec<Finding>,
    once: bool,
}

/// Collects findings; lines must come in order, because the first of a code are the ones that are kept.
#[derive(Default)]
pub(super) struct Findings {
    by_code: BTreeMap<&'static str, OfCode>,
    errors: u64,
    warnings: u64,
}

impl Findings {
    /// A fault of a line, or at `path` inside of it.
    pub fn raise(
        &mut self,
        rule: &'static Rule,
        place: Place<'_>,
        path: Option<&str>,
        error: impl Into<String>,
    ) {
        self.push(rule, place, 0, path, error.into(), rule.suggestion);
    }

    /// As [`raise`](Self::raise), with a suggestion better than the rule's own.
    pub fn raise_with(
        &mut self,
        rule: &'static Rule,
        place: Place<'_>,
        path: Option<&str>,
        error: impl Into<String>,
        suggestion: &str,
    ) {
        self.push(rule, place, 0, path, error.into(), suggestion);
    }

    /// A fault at a byte of a line.
    pub fn raise_at(&mut self, rule: &'static Rule, place: Place<'_>, byte: usize, error: impl Into<String>) {
        self.push(rule, place, byte, None, error.into(), rule.suggestion);
    }

    /// A fault of the file as a whole.
    pub fn raise_file(&mut self, rule: &'static Rule, error: impl Into<String>) {
        self.raise(rule, Place { line: 0, offset: 0, text: "" }, None, error);
    }

    fn push(
        &mut self,
        rule: &'static Rule,
        place: Place<'_>,
        byte: usize,
        path: Option<&str>,
        error: String,
        suggestion: &str,
    ) {
        let entry = self.by_code.entry(rule.code).or_default();
        entry.count += 1;
        entry.once = rule.once;
        match rule.severity {
            // What is found once for a file counts once, however many lines it concerns.
            _ if rule.once && entry.count > 1 => {}
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Info => {}
        }
        if entry.kept.len() < if rule.once { 1 } else { FINDINGS_PER_CODE } {
            entry.kept.push(Finding {
                line: place.line,
                error,
                suggestion: suggestion.to_owned(),
                code: rule.code,
                severity: rule.severity,
                path: path.map(str::to_owned),
                offset: place.offset + byte as u64,
                excerpt: excerpt(place.text, byte),
            });
        }
    }

    /// Findings of severity error so far.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Findings of severity warning so far.
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Exact counts, the kept findings by (severity, line, offset, code), and whether any was left out.
    pub fn finish(self) -> (BTreeMap<&'static str, u64>, Vec<Finding>, bool) {
        let mut counts = BTreeMap::new();
        let mut findings = Vec::new();
        let mut truncated = false;
        for (code, of_code) in self.by_code {
            counts.insert(code, of_code.count);
            truncated |= !of_code.once && of_code.count > of_code.kept.len() as u64;
            for mut finding in of_code.kept {
                if of_code.once && of_code.count > 1 {
                    finding.error = format!("{} ({} lines in all)", finding.error, of_code.count);
                }
                findings.push(finding);
            }
        }
        findings.sort_by(|a, b| {
            (a.severity, a.line, a.offset, a.code).cmp(&(b.severity, b.line, b.offset, b.code))
        });
        truncated |= findings.len() > FINDINGS_IN_ALL;
        findings.truncate(FINDINGS_IN_ALL);
        (counts, findings, truncated)
    }
}

/// Some text around a byte of a line: from at most 40 bytes before it, so that the fault itself is in it.
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
    use super::super::rules;
    use super::*;

    #[test]
    fn keeps_the_first_of_each_code_and_counts_them_all() {
        let mut findings = Findings::default();
        for line in 1..=25 {
            let place = Place { line, offset: line * 10, text: "x" };
            findings.raise(&rules::INVALID_JSON, place, None, "no");
            findings.raise(&rules::NULL_TARGET, place, None, "null");
        }
        assert_eq!(findings.errors(), 25);
        let (counts, kept, truncated) = findings.finish();
        assert_eq!(counts["invalid_json"], 25);
        assert_eq!(
            kept.iter().filter(|f| f.code == "invalid_json").map(|f| f.line).collect::<Vec<_>>(),
            (1..=10).collect::<Vec<_>>()
        );
        assert_eq!(kept.last().unwrap().error, "null (25 lines in all)");
        assert!(truncated);
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
