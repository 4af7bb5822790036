//! Whether a job is well: ok, slow, stalled, lost or waiting.
//!
//! Two clocks: a heartbeat says that the worker lives, progress says that it does something. A hung step goes on beating, and an
//! evaluation makes no progress: neither says anything of the other. So silence is judged by the stage: each has a budget from
//! the moment on at which it began, and training one from the newest step, or from where it began anew after a checkpoint or an
//! evaluation.
//!
//! Invariant: instants here are the server's own, only seconds per step are taken from the worker's clock, and each budget has a
//! bound; a worker's clock that is wrong makes a verdict late, or early by no more than the least budget. Nothing is ended here.

use super::pace::Pace;
use super::status::Status;
use super::tempo::Tempo;
use serde::Serialize;

/// Shortest silence in training that is called stalled: shorter ones are hiccups of disks and networks.
pub const TRAINING_LEAST: f64 = 90.0;
/// Longest budget in training, and that of an attempt whose pace is not known yet. GPUs are paid for meanwhile.
pub const TRAINING_MOST: f64 = 900.0;
/// A report is this many steps' time late before the job is stalled: with one report for each step, six steps' time in all.
const LATE_STEPS: f64 = 5.0;
/// A step time this many times the attempt's median is slow.
const SLOW: f64 = 2.0;
/// Fewest intervals with which a job is called slow: the newest eight have to differ from others.
const SLOW_INTERVALS: usize = 20;
/// A pause has this many times what it took so far.
const PAUSE_TIMES: f64 = 3.0;
/// Seconds without a heartbeat after which a worker without a lease is lost: what a claim gives where nobody says otherwise.
pub const LEASE: f64 = 300.0;

/// Stages with a budget of their own: name, seconds, and why so many.
pub const STAGE_BUDGETS: [(&str, f64, &str); 11] = [
    ("queued", 3_600.0, "workers may be busy; after an hour somebody should look whether there are any"),
    ("queued_on_gpu", 1_800.0, "providers find a GPU in minutes, or have none"),
    ("setup", 600.0, "a container starts, packages are installed"),
    ("downloading", 3_600.0, "140 GB of a 70 B model at 40 MB/s"),
    ("preparing", 1_800.0, "500 MB of conversations are tokenized"),
    ("loading_model", 1_800.0, "140 GB from a network disk at 80 MB/s"),
    ("configuring", 600.0, "adapters are made, kernels compiled"),
    ("evaluating", 1_800.0, "at least; three times what evaluations took so far"),
    ("checkpointing", 900.0, "at least; three times what checkpoints took so far"),
    ("saving", 1_800.0, "adapters are merged into the model"),
    ("uploading", 3_600.0, "a merged model leaves at 40 MB/s"),
];

/// Budget of a stage that is none of these.
pub const OTHER_STAGE: f64 = 3_600.0;

/// What is known of a job at an instant. Instants are microseconds on the server's clock.
#[derive(Debug, Clone)]
pub struct Signs<'a> {
    /// Status of the job.
    pub status: Status,
    /// Stage that the worker announced last.
    pub stage: &'a str,
    /// The instant that is asked for.
    pub at: i64,
    /// When the worker was heard of last.
    pub last_heartbeat_at: Option<i64>,
    /// When the attempt's newest step arrived.
    pub last_progress_at: Option<i64>,
    /// Until when the worker may be silent.
    pub lease_expires_at: Option<i64>,
    /// When the stage began; where it is left out, what the pace was told.
    pub stage_since: Option<i64>,
    /// The current attempt.
    pub pace: &'a Pace,
}

/// A verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// `ok`, `slow`, `stalled`, `lost` or `waiting`.
    pub verdict: &'static str,
    /// `ended`, `unknown` (no clock to judge by), `progressing`, `in_stage`, `slow_steps`, `no_progress`, `stage_too_long`,
    /// `queue_too_long`, `lease_expired`, `no_heartbeat` or `queued`.
    pub reason: &'static str,
    /// How long the silence may be.
    pub budget_seconds: Option<f64>,
    /// How long it is.
    pub silent_seconds: Option<f64>,
}

impl Verdict {
    fn new(verdict: &'static str, reason: &'static str, budget: Option<f64>, silent: Option<f64>) -> Self {
        let rounded = |seconds: f64| (seconds * 1e3).round() / 1e3;
        Self { verdict, reason, budget_seconds: budget.map(rounded), silent_seconds: silent.map(rounded) }
    }
}

/// Judges a job.
pub fn verdict(signs: &Signs<'_>) -> Verdict {
    let silent = |since: i64| signs.at.saturating_sub(since).max(0) as f64 / 1e6;
    let told = signs.pace.stage().filter(|(stage, _)| *stage == signs.stage).map(|(_, since)| since);
    let since = signs.stage_since.or(told);
    match signs.status {
        Status::Completed | Status::Failed | Status::Cancelled => {
            return Verdict::new("ok", "ended", None, None);
        }
        Status::Queued => {
            let (budget, silent) = (budget_of("queued"), since.map(silent));
            return match silent {
                Some(seconds) if seconds > budget => {
                    Verdict::new("stalled", "queue_too_long", Some(budget), silent)
                }
                _ => Verdict::new("waiting", "queued", Some(budget), silent),
            };
        }
        Status::Initializing | Status::Running => {}
    }

    // A step that is reported is a sign of life as well.
    let alive = signs.last_heartbeat_at.max(signs.last_progress_at);
    if let Some(lease) = signs.lease_expires_at {
        if signs.at > lease {
            let leased = alive.map(|alive| lease.saturating_sub(alive).max(0) as f64 / 1e6);
            return Verdict::new("lost", "lease_expired", leased, alive.map(silent));
        }
    } else if alive.is_some_and(|alive| silent(alive) > LEASE) {
        return Verdict::new("lost", "no_heartbeat", Some(LEASE), alive.map(silent));
    }

    // Armed anew by a step, and by the stage that begins: after a checkpoint or an evaluation that is training again.
    let Some(armed) = since.max(signs.last_progress_at) else {
        return Verdict::new("ok", "unknown", None, None);
    };
    let silent = silent(armed);
    let tempo = Tempo::of(signs.pace);
    let budget = budget(signs.stage, tempo.as_ref());
    let is_training = signs.stage == "training";
    let (verdict, reason) = if silent > budget {
        ("stalled", if is_training { "no_progress" } else { "stage_too_long" })
    } else if matches!(signs.stage, "queued" | "queued_on_gpu") {
        ("waiting", "queued")
    } else if !is_training {
        ("ok", "in_stage")
    } else if tempo
        .is_some_and(|tempo| tempo.intervals >= SLOW_INTERVALS && tempo.recent >= SLOW * tempo.median)
    {
        ("slow", "slow_steps")
    } else {
        ("ok", "progressing")
    };
    Verdict::new(verdict, reason, Some(budget), Some(silent))
}

fn budget_of(stage: &str) -> f64 {
    STAGE_BUDGETS.iter().find(|(name, ..)| *name == stage).map_or(OTHER_STAGE, |(_, seconds, _)| *seconds)
}

fn budget(stage: &str, tempo: Option<&Tempo>) -> f64 {
    let pauses = |pauses: fn(&Tempo) -> Option<super::tempo::Pauses>| {
        let seen = tempo.and_then(pauses).map_or(0.0, |pauses| pauses.seconds);
        budget_of(stage).max(PAUSE_TIMES * seen)
    };
    match (stage, tempo) {
        ("training", None) => TRAINING_MOST,
        ("training", Some(tempo)) => {
            // A poller that sees half of a pause takes it for a step: no step counts for more than two.
            let step = tempo.slowest_step.min(2.0 * tempo.recent.max(tempo.seconds_per_step));
            let late = tempo.slowest_report + LATE_STEPS * step + tempo.longest_unannounced;
            // One that reports more seldom than the longest budget is no hang.
            late.clamp(TRAINING_LEAST, TRAINING_MOST.max(2.0 * tempo.report_seconds))
        }
        ("evaluating", _) => pauses(|tempo| tempo.evaluating),
        ("checkpointing", _) => pauses(|tempo| tempo.checkpointing),
        (stage, _) => budget_of(stage),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::Point;
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn pace(steps: i64, seconds: impl Fn(i64) -> i64) -> Pace {
        let mut now = 0;
        let points = (1..=steps).map(|step| {
            now += seconds(step) * SECOND;
            Point { step, at: now, is_evaluation: false }
        });
        Pace::of(&points.collect::<Vec<_>>()).unwrap()
    }

    fn signs<'a>(stage: &'a str, pace: &'a Pace, seconds: i64) -> Signs<'a> {
        Signs {
            status: Status::Running,
            stage,
            at: seconds * SECOND,
            last_heartbeat_at: Some(seconds * SECOND),
            last_progress_at: None,
            lease_expires_at: None,
            stage_since: Some(0),
            pace,
        }
    }

    fn short(signs: &Signs<'_>) -> (&'static str, &'static str) {
        let verdict = verdict(signs);
        (verdict.verdict, verdict.reason)
    }

    #[test]
    fn training_is_stalled_after_six_steps_time_but_not_before_the_least_budget_nor_after_the_longest() {
        for (step_seconds, budget) in [(1, 90.0), (15, 90.0), (40, 240.0), (200, 900.0), (3_600, 7_200.0)] {
            let pace = pace(20, |_| step_seconds);
            let verdict = verdict(&signs("training", &pace, 10));
            assert_eq!(verdict.budget_seconds, Some(budget), "{step_seconds}");
        }
        let pace = pace(20, |_| 40);
        assert_eq!(short(&signs("training", &pace, 240)), ("ok", "progressing"));
        assert_eq!(short(&signs("training", &pace, 241)), ("stalled", "no_progress"));
        // A step, and a stage that begins anew, arm it again.
        let progress = Signs { last_progress_at: Some(100 * SECOND), ..signs("training", &pace, 241) };
        assert_eq!(short(&progress), ("ok", "progressing"));
        let again = Signs { stage_since: Some(100 * SECOND), ..signs("training", &pace, 241) };
        assert_eq!(short(&again), ("ok", "progressing"));
        // Before its pace is known an attempt has the longest budget.
        let nothing = Pace::default();
        assert_eq!(verdict(&signs("training", &nothing, 10)).budget_seconds, Some(TRAINING_MOST));
    }

    #[test]
    fn a_heartbeat_is_no_progress_and_progress_is_a_heartbeat() {
        let pace = pace(20, |_| 1);
        let mut silent = signs("evaluating", &pace, 1_000);
        silent.last_heartbeat_at = Some(700 * SECOND);
        assert_eq!(short(&silent), ("ok", "in_stage"));
        silent.last_heartbeat_at = Some(699 * SECOND);
        assert_eq!(short(&silent), ("lost", "no_heartbeat"));
        silent.last_progress_at = Some(900 * SECOND);
        assert_eq!(short(&silent), ("ok", "in_stage"));
        silent.lease_expires_at = Some(999 * SECOND);
        assert_eq!(
            verdict(&silent),
            Verdict {
                verdict: "lost",
                reason: "lease_expired",
                budget_seconds: Some(99.0),
                silent_seconds: Some(100.0)
            }
        );
        silent.lease_expires_at = Some(1_000 * SECOND);
        assert_eq!(short(&silent), ("ok", "in_stage"));
    }

    #[test]
    fn a_stage_has_its_budget_and_a_pause_three_times_what_it_took() {
        let mut pace = pace(20, |_| 1);
        for (stage, seconds, _) in STAGE_BUDGETS.into_iter().chain([("my own", OTHER_STAGE, "")]) {
            let verdict = |seconds| short(&signs(stage, &pace, seconds)).0;
            let well = if stage.starts_with("queued") { "waiting" } else { "ok" };
            assert_eq!((verdict(seconds as i64), verdict(seconds as i64 + 1)), (well, "stalled"), "{stage}");
        }
        pace.enter("evaluating", 0);
        pace.enter("training", 1_000 * SECOND);
        assert_eq!(short(&signs("evaluating", &pace, 3_000)), ("ok", "in_stage"));
        assert_eq!(short(&signs("evaluating", &pace, 3_001)), ("stalled", "stage_too_long"));
    }

    #[test]
    fn twice_the_median_is_slow() {
        let slow =
            |times| short(&signs("training", &pace(40, |step| if step > 31 { times } else { 10 }), 1)).0;
        assert_eq!([10, 19, 20, 60].map(slow), ["ok", "ok", "slow", "slow"]);
        // A few slow steps are none.
        let hiccup = pace(40, |step| if step > 37 { 60 } else { 10 });
        assert_eq!(short(&signs("training", &hiccup, 1)).0, "ok");
    }

    #[test]
    fn what_waits_waits_and_what_is_over_is_over() {
        let nothing = Pace::default();
        let status = |status, seconds| short(&Signs { status, ..signs("queued", &nothing, seconds) });
        assert_eq!(status(Status::Queued, 3_600), ("waiting", "queued"));
        assert_eq!(status(Status::Queued, 3_601), ("stalled", "queue_too_long"));
        for over in [Status::Completed, Status::Failed, Status::Cancelled] {
            assert_eq!(status(over, 9_999_999), ("ok", "ended"));
        }
        let unknown = Signs { stage_since: None, last_heartbeat_at: None, ..signs("training", &nothing, 9) };
        assert_eq!(short(&unknown), ("ok", "unknown"));
    }

    #[test]
    fn clocks_that_are_wrong_break_nothing() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            for other in [i64::MIN, 0, i64::MAX] {
                let points = [(1, at), (2, other), (3, 0), (4, 5)];
                let points = points.map(|(step, at)| Point { step, at, is_evaluation: step == 3 });
                let mut pace = Pace::of(&points).unwrap();
                pace.enter("training", other);
                let signs = Signs {
                    at,
                    last_heartbeat_at: Some(other),
                    last_progress_at: Some(other),
                    stage_since: None,
                    ..signs("training", &pace, 0)
                };
                let verdict = verdict(&signs);
                assert!(verdict.budget_seconds.is_none_or(f64::is_finite), "{verdict:?}");
            }
        }
        // A clock that jumped ahead by a year makes no budget of a year.
        let jumped = pace(20, |step| if step == 15 { 365 * 86_400 } else { 10 });
        assert_eq!(verdict(&signs("training", &jumped, 0)).budget_seconds, Some(TRAINING_MOST));
    }
}
