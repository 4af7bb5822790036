//! Options of the commands that look at jobs and costs: `jobs`, `watch`, `costs`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use uuid::Uuid;

use super::duration;

/// Options of `jobs`.
#[derive(Debug, Args)]
pub struct Jobs {
    /// Jobs of this status alone
    #[arg(long, value_name = "STATUS", value_enum)]
    pub status: Option<JobStatus>,

    /// How many, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 25, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub page_size: u8,

    /// Those after the job of this id: the "next" of the page before
    #[arg(long, value_name = "ID")]
    pub before: Option<Uuid>,
}

/// The states of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JobStatus {
    /// Waits for a worker
    Queued,
    /// Was claimed by a worker
    Initializing,
    /// Has reported a step
    Running,
    /// Is done
    Completed,
    /// Has failed
    Failed,
    /// Was cancelled
    Cancelled,
}

impl JobStatus {
    /// As the database names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initializing => "initializing",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// The id of the job
    #[arg(value_name = "JOB")]
    pub job: Uuid,

    /// How often to look: 5s, 1m, or a number of seconds
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = interval)]
    pub every: Duration,

    /// Look once, say where it stands, and end with 0
    #[arg(long)]
    pub once: bool,
}

/// Options of `costs`.
#[derive(Debug, Args)]
pub struct Costs {
    /// The first day, as in 2026-01-31; the first of the current month unless it is said
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub from: Option<String>,

    /// The day after the last one; tomorrow unless it is said
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub to: Option<String>,

    /// Whose days they are
    #[arg(long, value_name = "TIME_ZONE", default_value = "UTC")]
    pub tz: String,

    /// Of this job alone
    #[arg(long, value_name = "ID")]
    pub job: Option<Uuid>,

    /// How many jobs are listed, those that cost most
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub jobs: usize,
}

/// The same, at least a second: the database has other things to do.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("write one second or more, as in 5s".to_owned()),
        duration => Ok(duration),
    }
}

/// A day in the form that is the same everywhere. Whether there is such a day is for the database to say.
fn day(text: &str) -> Result<String, String> {
    let form = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    match form.eq(*b"0000-00-00") {
        true => Ok(text.to_owned()),
        false => Err("write year, month and day, as in 2026-01-31".to_owned()),
    }
}
