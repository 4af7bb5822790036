//! The states of a job and the ways between them.

use crate::{Error, Result};

/// A job's status, as the tables store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "JobStatus", rename_all = "lowercase"))]
pub enum Status {
    /// Waiting for a worker.
    Queued,
    /// Claimed.
    Initializing,
    /// At work.
    Running,
    /// Done.
    Completed,
    /// Ended by a fault.
    Failed,
    /// Ended by its owner.
    Cancelled,
}

use Status::{Cancelled, Completed, Failed, Initializing, Queued, Running};

impl Status {
    /// All of them, in the order of a job's life.
    pub const ALL: [Status; 6] = [Queued, Initializing, Running, Completed, Failed, Cancelled];

    /// The name that the tables store.
    pub fn name(self) -> &'static str {
        match self {
            Queued => "queued",
            Initializing => "initializing",
            Running => "running",
            Completed => "completed",
            Failed => "failed",
            Cancelled => "cancelled",
        }
    }

    /// Reads a status by its name.
    ///
    /// # Errors
    /// `InvalidArgument` for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name).ok_or_else(|| {
            Error::invalid_argument(
                format!("\"{name}\" is no status of a job"),
                "Use queued, initializing, running, completed, failed or cancelled.",
            )
        })
    }

    /// Where a job may go from here. Back to the queue: a lost or preempted attempt, and a retry.
    pub fn next(self) -> &'static [Status] {
        match self {
            Queued => &[Initializing, Failed, Cancelled],
            Initializing => &[Running, Queued, Failed, Cancelled],
            Running => &[Completed, Queued, Failed, Cancelled],
            Failed => &[Queued],
            Completed | Cancelled => &[],
        }
    }

    /// Whether a job may go from here to there; the same status again is no change and always allowed.
    pub fn may_become(self, next: Status) -> bool {
        self == next || self.next().contains(&next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Ok(status));
        }
        assert_eq!(Status::from_name("banana").unwrap_err().message, "\"banana\" is no status of a job");
    }

    #[test]
    fn twelve_of_thirty_changes_are_allowed() {
        let changes = Status::ALL.iter().flat_map(|from| from.next()).count();
        assert_eq!(changes, 12);
        assert!(Running.may_become(Running) && Failed.may_become(Queued));
        assert!(
            !Completed.may_become(Running) && !Cancelled.may_become(Queued) && !Queued.may_become(Completed)
        );
    }
}
