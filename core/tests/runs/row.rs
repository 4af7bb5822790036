//! A job's row, as a database keeps it while it hears of a run.

use pg_lora_core::job::{Pace, Point, Prior, Progress, Signs, Snapshot, Status, Verdict, progress, verdict};

use crate::runs::{Event, LEASE, News};

/// What is kept of the current attempt.
#[derive(Debug, Clone)]
pub struct Row {
    pub attempt: u32,
    pub status: Status,
    pub stage: &'static str,
    pub pace: Pace,
    pub started_at: Option<i64>,
    pub last_heartbeat_at: Option<i64>,
    pub last_progress_at: Option<i64>,
    pub lease_expires_at: Option<i64>,
    pub prior: Option<Prior>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            attempt: 0,
            status: Status::Queued,
            stage: "queued",
            pace: Pace::default(),
            started_at: None,
            last_heartbeat_at: None,
            last_progress_at: None,
            lease_expires_at: None,
            prior: None,
        }
    }
}

impl Row {
    /// Takes in an event: a new attempt begins with what the one before leads one to expect, and a new step says that the worker
    /// trains.
    pub fn hear(&mut self, event: &Event) {
        if event.attempt != self.attempt {
            let newest = self.pace.newest().map_or(0, |(step, _)| step);
            let prior = Prior::from_attempt(&self.pace, newest);
            let started_at = Some(event.at);
            let status = Status::Initializing;
            *self = Self { attempt: event.attempt, status, started_at, prior, ..Self::default() };
        }
        self.last_heartbeat_at = Some(event.at);
        self.lease_expires_at = Some(event.at + LEASE);
        match event.news {
            News::Heartbeat { stage } => self.stage = stage,
            News::Point { step, reported_at, is_evaluation } => {
                let before = self.pace.newest().map(|(step, _)| step);
                self.pace.add(Point { step, at: reported_at, is_evaluation }).unwrap();
                if Some(step) > before {
                    (self.status, self.stage) = (Status::Running, "training");
                    self.last_progress_at = Some(event.at);
                }
            }
            News::Completed => {
                self.status = Status::Completed;
                return;
            }
        }
        self.pace.enter(self.stage, event.at);
    }

    pub fn progress(&self, total_steps: Option<i64>, at: i64) -> Progress {
        let snapshot = Snapshot {
            status: self.status,
            stage: self.stage,
            total_steps,
            pace: &self.pace,
            at,
            prior: self.prior,
            started_at: self.started_at,
        };
        progress(&snapshot).unwrap()
    }

    pub fn verdict(&self, at: i64) -> Verdict {
        verdict(&Signs {
            status: self.status,
            stage: self.stage,
            at,
            last_heartbeat_at: self.last_heartbeat_at,
            last_progress_at: self.last_progress_at,
            lease_expires_at: self.lease_expires_at,
            stage_since: None,
            pace: &self.pace,
        })
    }
}
