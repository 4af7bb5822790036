//! `pg-lora jobs` and `pg-lora watch`: training jobs as the database sees them.
//!
//! Invariant: nothing is written, and nothing computed that the database computes: percent, times left, verdicts and costs are
//! those of `training_jobs_overview` and `training_job_progress`, in words.
//! Refused: a database without these functions.

mod curves;
mod watching;

use std::time::Duration;

use indicatif::HumanDuration;
use postgres::types::Type;
use serde::Deserialize;
use serde_json::Value;

use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::query::Parameter;
use crate::report::{Report, printable, say};
use crate::{cli, query, sql_error};

pub use watching::watch;

const DOING: &str = "looking at training jobs";

/// A page of `training_jobs_overview`.
#[derive(Deserialize)]
struct Page {
    jobs: Vec<Value>,
    next: Option<String>,
}

/// Where a job stands: as much of `training_job_progress` as is said in words.
#[derive(Clone, Deserialize)]
struct Progress {
    status: String,
    stage: Option<String>,
    attempt: i64,
    percent: f64,
    step: Option<i64>,
    total_steps: Option<i64>,
    seconds_per_step: Option<f64>,
    eta: Eta,
    verdict: Option<String>,
    silence: Option<Silence>,
    queue_position: Option<u64>,
    cost: Cost,
}

#[derive(Clone, Deserialize)]
struct Eta {
    low: Option<f64>,
    expected: Option<f64>,
    high: Option<f64>,
}

#[derive(Clone, Deserialize)]
struct Silence {
    seconds: f64,
}

/// Amounts are numbers of any length in JSON; what is shown of them has two places.
#[derive(Clone, Deserialize)]
struct Cost {
    current: Option<f64>,
    projected: Option<f64>,
}

impl Progress {
    /// In one line.
    fn words(&self) -> String {
        let mut words = vec![format!("{:5.1} %", self.percent)];
        if let Some(place) = self.queue_position {
            words.push(format!("number {place} in the queue"));
        }
        match (self.step, self.total_steps) {
            (Some(step), Some(total)) => words.push(format!("step {step} of {total}")),
            (Some(step), None) => words.push(format!("step {step}")),
            _ => {}
        }
        if let Some(stage) = self.stage.as_deref().filter(|stage| !["training", &self.status].contains(stage))
        {
            words.push(stage.to_owned());
        }
        if let Some(seconds) = self.seconds_per_step {
            words.push(format!("{seconds:.1} s a step"));
        }
        if let Some(left) = self.left() {
            words.push(left);
        }
        match (self.cost.current, self.cost.projected) {
            (Some(current), Some(projected)) if !self.is_over() => {
                words.push(format!("costs {current:.2} of {projected:.2}"));
            }
            (Some(current), _) => words.push(format!("cost {current:.2}")),
            (None, Some(projected)) => words.push(format!("will cost {projected:.2}")),
            (None, None) => {}
        }
        if self.attempt > 1 {
            words.push(format!("attempt {}", self.attempt));
        }
        match (self.verdict.as_deref(), &self.silence) {
            (Some(verdict @ ("stalled" | "lost")), Some(silence)) => {
                words.push(format!("{verdict}: silent for {}", duration(silence.seconds)));
            }
            (Some("slow"), _) => words.push("slow".to_owned()),
            _ => {}
        }
        printable(&words.join(", "))
    }

    /// The time that is left, as an interval.
    fn left(&self) -> Option<String> {
        let Eta { low, expected, high } = self.eta;
        let (low, high) = (duration(low?), duration(high?));
        let expected = duration(expected?);
        Some(if low == high {
            format!("{expected} left")
        } else {
            format!("{expected} left ({low} to {high})")
        })
    }

    fn is_over(&self) -> bool {
        ["completed", "failed", "cancelled"].contains(&self.status.as_str())
    }
}

/// Roughly, in the largest unit.
fn duration(seconds: f64) -> String {
    format!("{:#}", HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)))
}

/// Lists a page of jobs, the newest first.
pub fn list(session: &mut Session, options: &cli::Jobs, report: &mut Report) -> Result<(), Error> {
    report.expect(&["jobs"], &["next"]);
    let status = options.status.map(cli::JobStatus::name);
    let size = i32::from(options.page_size);
    let Page { jobs, next } = ask(
        session,
        "training_jobs_overview(text,integer,uuid)",
        "select public.training_jobs_overview($1, $2, $3)",
        &[(&status, Type::TEXT), (&size, Type::INT4), (&options.before, Type::UUID)],
    )?;
    for job in &jobs {
        let text = |key: &str| job[key].as_str().unwrap_or_default();
        let progress = Progress::deserialize(&job["progress"]).map_err(not_understood)?;
        let name = printable(text("dataset_name"));
        report
            .line(&progress.status, &format!("{} \"{name}\" {}", text("id"), progress.words().trim_start()));
    }
    if jobs.is_empty() {
        say("there are no such jobs");
    }
    if let Some(next) = &next {
        say(&format!("note: there are more; --before {next} lists them"));
    }
    report.set("jobs", jobs);
    report.set("next", next);
    Ok(())
}

/// The answer of one of our functions, which may be missing.
fn ask<T: serde::de::DeserializeOwned>(
    session: &mut Session,
    function: &str,
    sql: &str,
    parameters: &[Parameter],
) -> Result<T, Error> {
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, DOING);
    let mut transaction = session.client.build_transaction().read_only(true).start().map_err(failed)?;
    transaction
        .batch_execute(
            "set local search_path = ''; set local lock_timeout = '3s'; set local statement_timeout = '60s'",
        )
        .map_err(failed)?;
    let there = "select to_jsonb(to_regprocedure('public.' || $1) is not null)";
    if !query::json::<bool>(&mut transaction, there, &[(&function, Type::TEXT)], DOING)? {
        return Err(Error::new(Exit::Refused, format!("the database has no function \"public.{function}\""))
            .hint("run pg-lora migrate, then this command again"));
    }
    let answer = query::json(&mut transaction, sql, parameters, DOING)?;
    transaction.rollback().map_err(failed)?;
    Ok(answer)
}

fn not_understood(error: serde_json::Error) -> Error {
    Error::new(Exit::Internal, format!("{DOING}: the answer is not understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(changes: Value) -> String {
        let mut progress = json!({
            "status": "running", "stage": "training", "attempt": 1, "percent": 41.0, "step": 4, "total_steps": 10,
            "seconds_per_step": 60.0, "eta": {"low": 248.0, "expected": 360.0, "high": 472.0}, "verdict": "ok",
            "silence": {"seconds": 5.0}, "queue_position": null, "cost": {"current": 0.4666666667, "projected": 1.1666666667},
        });
        progress.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        Progress::deserialize(&progress).unwrap().words()
    }

    #[test]
    fn a_job_is_told_in_a_line() {
        let line = " 41.0 %, step 4 of 10, 60.0 s a step, 6m left (4m to 8m), costs 0.47 of 1.17";
        assert_eq!(words(json!({})), line);
        let stalled = json!({"verdict": "stalled", "silence": {"seconds": 400.0}, "attempt": 2});
        assert_eq!(words(stalled), format!("{line}, attempt 2, stalled: silent for 7m"));
        let queued = json!({"status": "queued", "stage": "queued", "percent": 0.0, "step": null, "seconds_per_step": null,
            "eta": {}, "verdict": "waiting", "queue_position": 12, "cost": {"projected": 6.1}});
        assert_eq!(words(queued), "  0.0 %, number 12 in the queue, will cost 6.10");
        let loading = json!({"stage": "loading\u{1b}[2J", "percent": 3.0, "step": null, "seconds_per_step": null, "eta": {}});
        assert_eq!(words(loading), "  3.0 %, loading\\u{1b}[2J, costs 0.47 of 1.17");
        let done = json!({"status": "completed", "stage": "completed", "percent": 100.0, "eta": {}});
        assert_eq!(words(done), "100.0 %, step 4 of 10, 60.0 s a step, cost 0.47");
    }
}
