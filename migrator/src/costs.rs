//! `pg-lora costs`: what was spent, as `cost_summary` adds it up, in words and bars. `pg-lora verify --costs` is in
//! `costs/reconciliation.rs`.
//!
//! Invariant: nothing is written, and nothing computed that the database computes. Amounts stay the decimals that it wrote: JSON
//! has them as text, because a float loses their last digits.
//! Refused: a database without that function.

mod reconciliation;

use postgres::types::Type;
use serde::{Deserialize, Serialize};

use crate::connect::Session;
use crate::error::Error;
use crate::report::{Report, printable, say};
use crate::{access, cli, query, sql_error};

pub use reconciliation::reconcile;

const DOING: &str = "looking at costs";

/// Columns of the longest bar.
const BAR: f64 = 40.0;

/// See `costs.sql`.
#[derive(Deserialize, Serialize)]
struct Summary {
    from_date: String,
    to_date: String,
    time_zone: String,
    currency: Option<String>,
    total: String,
    rounded: String,
    records: u64,
    open_intervals: OpenIntervals,
    by_day: Vec<Group>,
    by_type: Vec<Group>,
    by_gpu: Vec<Group>,
    by_status: Vec<Group>,
    by_job: Vec<Group>,
}

#[derive(Deserialize, Serialize)]
struct OpenIntervals {
    count: u64,
    amount: String,
    until: String,
}

/// A line of a grouping; what has no key belongs to none.
#[derive(Deserialize, Serialize)]
struct Group {
    key: Option<String>,
    amount: String,
    /// Of the largest amount of its grouping.
    share: f64,
}

/// Prints the summary.
pub fn summarise(session: &mut Session, options: &cli::Costs, report: &mut Report) -> Result<(), Error> {
    report.expect(&[], &["costs"]);
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, DOING);
    let mut transaction = session.client.build_transaction().read_only(true).start().map_err(failed)?;
    transaction
        .batch_execute(
            "set local search_path = ''; set local lock_timeout = '3s'; set local statement_timeout = '60s'",
        )
        .map_err(failed)?;
    access::check(&mut transaction, &[], &["lora_private.clock", "public.cost_summary"], DOING)?;
    let summary: Summary = query::json(
        &mut transaction,
        include_str!("costs/summary.sql"),
        &[
            (&options.from, Type::TEXT),
            (&options.to, Type::TEXT),
            (&options.tz, Type::TEXT),
            (&options.job, Type::UUID),
        ],
        DOING,
    )?;
    transaction.rollback().map_err(failed)?;
    summary.tell(report, options.jobs);
    report.set("costs", &summary);
    Ok(())
}

impl Summary {
    fn tell(&self, report: &Report, jobs: usize) {
        let Self { from_date, to_date, time_zone, total, rounded, records, open_intervals, .. } = self;
        let currency = self.currency.as_deref().unwrap_or("nothing");
        report.line(
            "total",
            &format!("{rounded} {currency} ({total}) from {from_date} up to {to_date}, days of {time_zone}, {records} charges"),
        );
        let OpenIntervals { count, amount, until } = open_intervals;
        if *count > 0 {
            report.line("open", &format!("{amount} of it are {count} running jobs, up to {until}"));
        }
        for (label, groups, shown) in [
            ("day", &self.by_day, usize::MAX),
            ("type", &self.by_type, usize::MAX),
            ("gpu", &self.by_gpu, usize::MAX),
            ("status", &self.by_status, usize::MAX),
            ("job", &self.by_job, jobs),
        ] {
            let groups = &groups[..groups.len().min(shown)];
            let key = |group: &Group| printable(group.key.as_deref().unwrap_or("none"));
            let widest = groups.iter().map(|group| key(group).chars().count()).max().unwrap_or(0);
            let longest = groups.iter().map(|group| group.amount.len()).max().unwrap_or(0);
            for group in groups {
                let bar = "█".repeat((group.share * BAR).round() as usize);
                let line = format!("{:<widest$}  {:>longest$}  {bar}", key(group), group.amount);
                report.line(label, line.trim_end());
            }
        }
        if self.by_job.len() > jobs {
            say(&format!("note: {} more jobs; --jobs lists more", self.by_job.len() - jobs));
        }
    }
}
