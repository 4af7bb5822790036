//! Training runs that never ran: what a database hears of them, and what really happened.
//!
//! [`Run::of`] plays a run of a [`Kind`] on a virtual clock. A [`Run`] has the [`Event`]s that arrive at the database in
//! their order (heartbeats with a stage, reported points), and the truth that no database is told: when each step
//! was done, when the last one is, from when to when a pause lasted, when a worker hung or died. What is drawn, and why from
//! these ranges, is in [`Parameters`].
//!
//! Invariant: a run follows from its kind and its seed alone; there is no clock here and no database, so that core's tests include
//! this module by its path. Instants are microseconds on the server's clock; only the `reported_at` of a point is the worker's.

mod parameters;
mod play;

pub use parameters::{Parameters, Reporting};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

/// How often a worker beats. A lease of [`LEASE`] survives nine beats that are lost.
pub const HEARTBEAT: i64 = 30 * SECOND;

/// How long a heartbeat holds the job: what `claim_training_jobs` gives where nobody says otherwise.
pub const LEASE: i64 = 300 * SECOND;

/// What happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Every step takes the same time, but for the noise.
    Constant,
    /// The first steps are slower: kernels are compiled and tuned, caches are cold.
    WarmingUp,
    /// Steps get faster over the whole run: the examples are sorted from long to short.
    SpeedingUp,
    /// Evaluations at every so many steps, announced by a stage and by a point with a validation loss.
    Evaluations,
    /// Checkpoints at every so many steps, announced by a stage.
    Checkpoints,
    /// Both of them.
    EvaluationsAndCheckpoints,
    /// As the last one, but the worker calls everything "training" and reports no validation loss.
    UnannouncedPauses,
    /// Single steps wait for their data.
    SlowDisk,
    /// Evaluations come at the end of each epoch only: nobody can know of them before a third of the run.
    LateEvaluations,
    /// The worker is lost after some checkpoint; another one loads the model and goes on from there.
    Resume,
    /// That, twice.
    TwoPreemptions,
    /// A step never ends, and the worker's other thread goes on beating; until then with evaluations and checkpoints.
    Hang,
    /// The machine is gone in a step, no heartbeat, no point, no goodbye; until then with evaluations and checkpoints.
    SilentDeath,
    /// The worker's clock is ahead until somebody sets it right: it runs backwards once.
    ClockBackwards,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 14] = [
        Kind::Constant,
        Kind::WarmingUp,
        Kind::SpeedingUp,
        Kind::Evaluations,
        Kind::Checkpoints,
        Kind::EvaluationsAndCheckpoints,
        Kind::UnannouncedPauses,
        Kind::SlowDisk,
        Kind::LateEvaluations,
        Kind::Resume,
        Kind::TwoPreemptions,
        Kind::Hang,
        Kind::SilentDeath,
        Kind::ClockBackwards,
    ];

    /// Whether the first fifth of the run shows what the rest is like.
    pub fn is_without_surprise(self) -> bool {
        self < Kind::LateEvaluations
    }

    /// Whether the worker comes back after a loss.
    pub fn is_resumed(self) -> bool {
        matches!(self, Kind::Resume | Kind::TwoPreemptions)
    }

    /// What the kind is, for a table.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Constant => "constant speed",
            Kind::WarmingUp => "warming up",
            Kind::SpeedingUp => "speeding up",
            Kind::Evaluations => "evaluations",
            Kind::Checkpoints => "checkpoints",
            Kind::EvaluationsAndCheckpoints => "evaluations and checkpoints",
            Kind::UnannouncedPauses => "pauses that nobody announces",
            Kind::SlowDisk => "slow disk",
            Kind::LateEvaluations => "evaluations by epoch, the first after a third",
            Kind::Resume => "a resume",
            Kind::TwoPreemptions => "two preemptions",
            Kind::Hang => "a hang",
            Kind::SilentDeath => "a silent death",
            Kind::ClockBackwards => "a clock that runs backwards",
        }
    }
}

/// Something that the database hears.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it arrives.
    pub at: i64,
    /// Of which attempt it is, from 1.
    pub attempt: u32,
    /// What it is.
    pub news: News,
}

/// What the database hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The worker lives, and is at this stage.
    Heartbeat {
        /// Its name, as in docs/jobs.md.
        stage: &'static str,
    },
    /// A step is done.
    Point {
        /// Its number in the whole run, from 1.
        step: i64,
        /// The worker's clock.
        reported_at: i64,
        /// Whether it has a validation loss.
        is_evaluation: bool,
    },
    /// The whole run is done.
    Completed,
}

/// What one worker did.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it was claimed: the process starts.
    pub started_at: i64,
    /// When its first step began.
    pub trains_from: i64,
    /// The step that it goes on from; 0 without a checkpoint.
    pub resumed_from: i64,
    /// Each stage and when it began.
    pub stages: Vec<(i64, &'static str)>,
    /// Each step and when it was done.
    pub steps: Vec<(i64, i64)>,
    /// The step after which each evaluation came, and when it was over.
    pub evaluations: Vec<(i64, i64)>,
    /// From when to when nothing was trained, and whether the stage said so.
    pub pauses: Vec<Pause>,
    /// When it was over, in whichever way.
    pub ended_at: i64,
}

/// A time in which a healthy worker does no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// Whether the worker says what it does.
    pub is_announced: bool,
}

/// What goes wrong in a run that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// From this instant on no step is done, and heartbeats go on.
    Hangs(i64),
    /// From this instant on there is nothing.
    Dies(i64),
}

/// A run: what is heard of it, and the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What happens in it.
    pub kind: Kind,
    /// What it was drawn from.
    pub seed: u64,
    /// What was drawn.
    pub parameters: Parameters,
    /// What the database hears, in the order of arrival.
    pub events: Vec<Event>,
    /// The truth of each attempt.
    pub attempts: Vec<Attempt>,
    /// When the last step is done; `None` for a run that never gets there.
    pub last_step_at: Option<i64>,
    /// What goes wrong.
    pub trouble: Option<Trouble>,
}

impl Run {
    /// Plays the run of this kind and seed.
    pub fn of(kind: Kind, seed: u64) -> Self {
        play::play(kind, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_follows_from_its_seed() {
        for kind in Kind::ALL {
            assert_eq!(Run::of(kind, 7), Run::of(kind, 7));
            assert_ne!(Run::of(kind, 7).events, Run::of(kind, 8).events, "{kind:?}");
        }
    }

    #[test]
    fn a_run_is_heard_in_order_and_ends_as_its_kind_says() {
        for kind in Kind::ALL {
            for seed in 0..20 {
                let run = Run::of(kind, seed);
                assert!(run.events.is_sorted_by_key(|event| event.at), "{kind:?} {seed}");
                let attempts = match kind {
                    Kind::Resume => 2,
                    Kind::TwoPreemptions => 3,
                    _ => 1,
                };
                assert_eq!(run.attempts.len(), attempts, "{kind:?} {seed}");
                for two in run.attempts.windows(2) {
                    assert!(two[1].started_at > two[0].ended_at && two[1].resumed_from > two[0].resumed_from);
                    assert!(two[0].steps.iter().any(|(step, _)| *step == two[1].resumed_from));
                }
                let last = run.attempts.last().unwrap();
                assert_eq!(last.steps[0].0, last.resumed_from + 1);
                let done = last.steps.last().unwrap().0 == run.parameters.total_steps;
                assert_eq!(done, run.last_step_at.is_some());
                assert_eq!(run.trouble.is_some(), matches!(kind, Kind::Hang | Kind::SilentDeath));
                let completed = run.events.last().unwrap().news == News::Completed;
                assert_eq!(completed, run.trouble.is_none(), "{kind:?} {seed}");
            }
        }
    }

    #[test]
    fn only_a_clock_that_runs_backwards_does() {
        for kind in Kind::ALL {
            let run = Run::of(kind, 3);
            let times = run.events.iter().filter_map(|event| match event.news {
                News::Point { reported_at, .. } => Some(reported_at),
                _ => None,
            });
            let times: Vec<i64> = times.collect();
            let falls = times.windows(2).filter(|two| two[1] < two[0]).count();
            assert_eq!(falls, usize::from(kind == Kind::ClockBackwards), "{kind:?}");
        }
    }

    #[test]
    fn pauses_are_heard_of_as_their_kind_says() {
        let heard = |kind| {
            let run = Run::of(kind, 3);
            let stage = |name| {
                run.events
                    .iter()
                    .any(|event| matches!(event.news, News::Heartbeat { stage } if stage == name))
            };
            let evaluated =
                run.events.iter().any(|event| matches!(event.news, News::Point { is_evaluation: true, .. }));
            (stage("evaluating"), evaluated, stage("checkpointing"), !run.attempts[0].pauses.is_empty())
        };
        assert_eq!(heard(Kind::Constant), (false, false, false, false));
        assert_eq!(heard(Kind::Evaluations), (true, true, false, true));
        assert_eq!(heard(Kind::Checkpoints), (false, false, true, true));
        assert_eq!(heard(Kind::EvaluationsAndCheckpoints), (true, true, true, true));
        assert_eq!(heard(Kind::UnannouncedPauses), (false, false, false, true));
    }
}
