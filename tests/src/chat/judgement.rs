//! A report held against what is wrong with the file: what was found, what was not, what is not there at all.
//!
//! A report counts every finding and keeps only some. So counts decide for the whole file; where a report keeps
//! everything, each line and code has to be right as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::{Chat, Kind};

/// What a report is worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Faults in the file.
    pub faults: u64,
    /// Of these, those that were found.
    pub found: u64,
    /// Kinds that were not found everywhere: the code, how often it was found, how often it is there.
    pub missed: BTreeMap<&'static str, (u64, u64)>,
    /// Findings of what is not there: the code and how many there are too many of.
    pub false_findings: BTreeMap<String, u64>,
    /// Kept findings on a line that does not have that fault, and faults of a report that kept everything without a
    /// finding of their code on their line: line and code.
    pub misplaced: Vec<(u64, String)>,
}

impl Judgement {
    /// Judges the answer of `lora.dataset_report`. A report without counts has found nothing.
    pub fn of(chat: &Chat, report: &Value) -> Self {
        let mut judgement = Self { faults: chat.faults.len() as u64, ..Self::default() };
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (code, count) in report["counts"].as_object().into_iter().flatten() {
            counts.insert(code, count.as_u64().unwrap_or_default());
        }
        for kind in Kind::ALL {
            let there = chat.count(kind);
            let found = counts.remove(kind.code()).unwrap_or_default();
            judgement.found += found.min(there);
            if found < there {
                judgement.missed.insert(kind.code(), (found, there));
            } else if found > there {
                judgement.false_findings.insert(kind.code().to_owned(), found - there);
            }
        }
        let others = counts.into_iter().filter(|(_, count)| *count > 0);
        judgement.false_findings.extend(others.map(|(code, count)| (code.to_owned(), count)));
        judgement.misplaced = misplaced(chat, report);
        judgement
    }

    /// How many findings are of something that is not there.
    pub fn wrong(&self) -> u64 {
        self.false_findings.values().sum::<u64>() + self.misplaced.len() as u64
    }

    /// Every fault was found where it is, and nothing else.
    pub fn is_perfect(&self) -> bool {
        self.found == self.faults && self.wrong() == 0
    }
}

fn misplaced(chat: &Chat, report: &Value) -> Vec<(u64, String)> {
    let there: BTreeSet<(u64, String)> =
        chat.faults.iter().map(|fault| (fault.line, fault.kind.code().to_owned())).collect();
    let mut found = BTreeSet::new();
    let mut twice = Vec::new();
    for finding in report["findings"].as_array().into_iter().flatten() {
        let line = finding["line"].as_u64().unwrap_or_default();
        let place = (line, finding["code"].as_str().unwrap_or_default().to_owned());
        if !found.insert(place.clone()) {
            twice.push(place);
        }
    }
    let mut misplaced: Vec<_> = found.difference(&there).cloned().chain(twice).collect();
    if report["truncated"] == false {
        misplaced.extend(there.difference(&found).cloned());
    }
    misplaced
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} faults found", self.found, self.faults)?;
        for (code, (found, there)) in &self.missed {
            write!(f, "; {code}: {found} of {there}")?;
        }
        for (code, count) in &self.false_findings {
            write!(f, "; {code}: {count} too many")?;
        }
        for (line, code) in self.misplaced.iter().take(20) {
            write!(f, "; line {line}: {code}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report that says exactly what is there.
    fn perfect(chat: &Chat) -> Value {
        let counts: BTreeMap<_, _> =
            Kind::ALL.iter().map(|kind| (kind.code(), chat.count(*kind))).filter(|(_, n)| *n > 0).collect();
        let findings: Vec<_> =
            chat.faults.iter().map(|fault| json!({"line": fault.line, "code": fault.kind.code()})).collect();
        json!({"counts": counts, "findings": findings, "truncated": false})
    }

    #[test]
    fn a_perfect_report_is_perfect() {
        let chat = Chat::faulty(1, 100, 17);
        let judgement = Judgement::of(&chat, &perfect(&chat));
        assert!(judgement.is_perfect(), "{judgement}");
        assert_eq!((judgement.found, judgement.to_string().as_str()), (17, "17 of 17 faults found"));
    }

    #[test]
    fn what_is_missed_or_false_is_named() {
        let chat = Chat::faulty(1, 100, 17);
        let mut report = perfect(&chat);
        report["counts"].as_object_mut().unwrap().remove("wrong_type");
        report["counts"]["empty_content"] = json!(3);
        report["counts"]["window_overflow"] = json!(2);
        report["truncated"] = json!(true);
        let judgement = Judgement::of(&chat, &report);
        assert_eq!((judgement.found, judgement.wrong(), judgement.is_perfect()), (16, 4, false));
        assert_eq!(
            judgement.to_string(),
            "16 of 17 faults found; wrong_type: 0 of 1; empty_content: 2 too many; window_overflow: 2 too many"
        );
    }

    #[test]
    fn the_right_count_on_the_wrong_line_is_not_enough() {
        let chat = Chat::faulty(1, 100, 17);
        let mut report = perfect(&chat);
        let line = report["findings"][3]["line"].as_u64().unwrap();
        report["findings"][3]["line"] = json!(line + 1);
        let judgement = Judgement::of(&chat, &report);
        let code = chat.faults[3].kind.code().to_owned();
        assert_eq!(judgement.misplaced, [(line + 1, code.clone()), (line, code)]);
        assert!(!judgement.is_perfect());
        // Of a truncated report, the faults that are not listed may have been left out.
        report["truncated"] = json!(true);
        assert_eq!(Judgement::of(&chat, &report).misplaced.len(), 1);
    }

    #[test]
    fn no_report_finds_nothing() {
        let judgement = Judgement::of(&Chat::faulty(1, 100, 17), &Value::Null);
        assert_eq!((judgement.faults, judgement.found, judgement.wrong()), (17, 0, 0));
    }
}
