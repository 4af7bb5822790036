//! `pg-lora verify --costs`: the ledger held against the events of the jobs and against what is displayed.
//!
//! Invariant: it writes nothing. The events are another record of when an attempt began and ended than the ledger, made beside it,
//! and neither is ever changed: where they agree, what was charged is what ran. Everything is counted, however little is shown.
//! Refused: a database without these tables; a role that does not see every row.

use std::fmt::Write as _;

use postgres::IsolationLevel;
use postgres::types::Type;
use serde::{Deserialize, Serialize};

use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::report::{Report, printable, say};
use crate::{access, query, sql_error};

const DOING: &str = "reconciling costs";

const TABLES: [&str; 3] = ["public.cost_records", "public.training_job_events", "public.training_jobs"];
const FUNCTIONS: [&str; 2] = ["lora.interval_cost", "lora_private.gpu_time_cost"];

/// What was found; see `reconciliation.sql`.
#[derive(Deserialize)]
struct Answer {
    jobs: u64,
    records: u64,
    counts: Vec<Count>,
    first: Vec<Disagreement>,
}

/// How often a rule was broken.
#[derive(Deserialize, Serialize)]
struct Count {
    code: String,
    found: u64,
}

/// Something that does not agree.
#[derive(Deserialize, Serialize)]
struct Disagreement {
    code: String,
    job_id: Option<String>,
    record_id: Option<String>,
    error: String,
}

/// Lists the first `limit` disagreements, and how many there are.
pub fn reconcile(session: &mut Session, limit: u32, report: &mut Report) -> Result<(), Error> {
    report.expect(&["disagreements", "disagreement_counts"], &["jobs", "records", "truncated"]);
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, DOING);
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let mut transaction = snapshot.read_only(true).start().map_err(failed)?;
    transaction
        .batch_execute("set local search_path = ''; set local lock_timeout = '3s'; set local jit = off")
        .map_err(failed)?;
    access::check(&mut transaction, &TABLES, &FUNCTIONS, DOING)?;
    let limit = i64::from(limit);
    let answer: Answer =
        query::json(&mut transaction, include_str!("reconciliation.sql"), &[(&limit, Type::INT8)], DOING)?;
    transaction.rollback().map_err(failed)?;
    answer.tell(report)
}

impl Answer {
    fn tell(self, report: &mut Report) -> Result<(), Error> {
        for Disagreement { code, job_id, record_id, error } in &self.first {
            let whose = record_id.as_ref().or(job_id.as_ref()).map_or("", String::as_str);
            report.line("disagrees", &printable(&format!("{whose} {code}: {error}")));
        }
        for Count { code, found } in &self.counts {
            report.line("total", &format!("{code}: {found}"));
        }
        let all: u64 = self.counts.iter().map(|count| count.found).sum();
        report.line(
            "costs",
            &format!(
                "{} jobs and {} rows of the ledger looked at, {all} disagreements",
                self.jobs, self.records
            ),
        );
        let left_out = all - self.first.len() as u64;
        if left_out > 0 {
            say(&format!(
                "note: {left_out} more disagreements are counted and not listed; --limit lists more"
            ));
        }
        report.set("jobs", self.jobs);
        report.set("records", self.records);
        report.set("truncated", left_out > 0);
        report.set("disagreement_counts", &self.counts);
        report.set("disagreements", &self.first);
        if all == 0 {
            return Ok(());
        }
        let mut detail = String::new();
        for Count { code, found } in &self.counts {
            let comma = if detail.is_empty() { "" } else { ", " };
            write!(detail, "{comma}{code}: {found}").expect("a String");
        }
        Err(Error::new(Exit::Drift, "the ledger, the events of jobs and what is displayed do not agree")
            .detail(detail)
            .hint("look at the rows that are named; what was charged too much is taken back by correct_cost, what was not charged is charged by record_cost"))
    }
}
