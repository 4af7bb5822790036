//! `pg-lora verify --datasets`: rows of datasets whose figures can hardly be right, such as the tokens of an
//! application that never counted any.
//!
//! Invariant: it writes nothing, and judges nothing by itself: what is wrong with a row is
//! `lora.dataset_metric_findings`'s to say. All rows are counted, however few are shown.
//! Refused: a database without that function; a role that does not see every row.

use std::fmt::Write as _;

use postgres::IsolationLevel;
use postgres::types::Type;
use serde::{Deserialize, Serialize};

use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::report::{Report, printable, say};
use crate::{access, query, sql_error};

const DOING: &str = "looking at the figures of datasets";

/// What was found; see `dataset_metrics.sql`.
#[derive(Deserialize)]
struct Answer {
    rows: u64,
    /// Rows with an error or a warning.
    faulty: u64,
    findings: u64,
    counts: Vec<Count>,
    first: Vec<Finding>,
}

/// How often a rule was broken.
#[derive(Deserialize, Serialize)]
struct Count {
    code: String,
    severity: String,
    findings: u64,
    rows: u64,
}

/// A row, and one thing that is wrong with it.
#[derive(Deserialize, Serialize)]
struct Finding {
    id: String,
    name: String,
    code: String,
    severity: String,
    column: String,
    error: String,
    suggestion: String,
}

/// Lists the first `limit` findings, and how many there are.
pub fn list(session: &mut Session, limit: u32, report: &mut Report) -> Result<(), Error> {
    report.expect(&["counts", "findings"], &["rows", "faulty_rows", "truncated"]);
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, DOING);
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let mut transaction = snapshot.read_only(true).start().map_err(failed)?;
    transaction
        .batch_execute("set local search_path = ''; set local lock_timeout = '3s'; set local jit = off")
        .map_err(failed)?;
    access::check(&mut transaction, &["public.datasets"], &["lora.dataset_metric_findings"], DOING)?;
    let limit = i64::from(limit);
    let answer: Answer =
        query::json(&mut transaction, include_str!("dataset_metrics.sql"), &[(&limit, Type::INT8)], DOING)?;
    transaction.rollback().map_err(failed)?;
    answer.tell(report)
}

impl Answer {
    fn tell(self, report: &mut Report) -> Result<(), Error> {
        for Finding { id, name, code, severity, error, suggestion, .. } in &self.first {
            let text = format!("{id} \"{name}\" {code}: {error}; {suggestion}");
            report.line(severity, &printable(&text));
        }
        for Count { code, severity, findings, rows } in &self.counts {
            let of_rows = if findings == rows { String::new() } else { format!(" on {}", datasets(*rows)) };
            report.line("total", &format!("{code} ({severity}): {findings}{of_rows}"));
        }
        report.line("datasets", &format!("{} looked at, {} with errors or warnings", self.rows, self.faulty));
        let left_out = self.findings - self.first.len() as u64;
        if left_out > 0 {
            say(&format!("note: {left_out} more findings are counted and not listed; --limit lists more"));
        }
        report.set("rows", self.rows);
        report.set("faulty_rows", self.faulty);
        report.set("truncated", left_out > 0);
        report.set("counts", &self.counts);
        report.set("findings", &self.first);
        if self.faulty == 0 {
            return Ok(());
        }
        let mut detail = String::new();
        for Count { code, findings, .. } in self.counts.iter().filter(|count| count.severity != "info") {
            let comma = if detail.is_empty() { "" } else { ", " };
            write!(detail, "{comma}{code}: {findings}").expect("a String");
        }
        Err(Error::new(
            Exit::Drift,
            format!("{} of {} can hardly have the right figures", self.faulty, datasets(self.rows)),
        )
        .detail(detail)
        .hint("have their files validated again, by validate_dataset, or correct the rows"))
    }
}

fn datasets(number: u64) -> String {
    format!("{number} {}", if number == 1 { "dataset" } else { "datasets" })
}

#[cfg(test)]
mod tests {
    use super::datasets;
    use crate::report::printable;

    #[test]
    fn a_name_does_not_rule_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc é \"x\""), "a\\u{1b}[2Jb\\nc é \"x\"");
    }

    #[test]
    fn one_is_one() {
        assert_eq!([datasets(0), datasets(1), datasets(2)], ["0 datasets", "1 dataset", "2 datasets"]);
    }
}
