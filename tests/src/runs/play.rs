//! Plays a run: first what happens, then what is heard of it.

use super::parameters::{Parameters, Reporting, micros, noise};
use super::{Attempt, Event, HEARTBEAT, Kind, News, Pause, Run, SECOND, Trouble};
use crate::random::Random;

/// How long a worker that hangs goes on beating before somebody ends it. Hung jobs of four days are on record; an hour tells as much.
const HANGS_FOR: i64 = 3_600 * SECOND;
/// Seconds of saving and of uploading.
const ENDING: [f64; 2] = [20.0, 40.0];

pub(super) fn play(kind: Kind, seed: u64) -> Run {
    let mut random = Random::stream(seed, kind as u64);
    let parameters = Parameters::draw(kind, &mut random);
    let total = parameters.total_steps;
    let cut = ((total as f64 * parameters.cut) as i64).max(2);
    // Where each lost worker is lost: behind its first checkpoint, or there would be nothing to resume.
    let cut = if kind.is_resumed() {
        cut.max(parameters.checkpoint_every + 2)
    } else {
        between_pauses(cut, &parameters)
    };
    let cuts = match kind {
        Kind::Resume => vec![cut],
        Kind::TwoPreemptions => vec![cut, cut + ((total - cut) / 2).max(parameters.checkpoint_every + 2)],
        _ => vec![],
    };

    let mut attempts: Vec<Attempt> = Vec::new();
    // Any instant will do; this one is in 2026, 26 years after Postgres's own zero.
    let mut now = 26 * 365 * 86_400 * SECOND;
    for (index, cut) in cuts.into_iter().map(Some).chain([None]).enumerate() {
        let resumed_from = attempts.last().map_or(0, |last| {
            last.steps
                .last()
                .map_or(0, |(step, _)| (step - 1) / parameters.checkpoint_every * parameters.checkpoint_every)
        });
        let mut attempt =
            Timeline::begin(kind, &parameters, &mut random, index as u32 + 1, now, resumed_from);
        attempt.train(cut);
        now = attempt.end(cut.is_none());
        attempts.push(attempt.attempt);
        now += micros(parameters.gap);
    }

    let last = attempts.last_mut().unwrap_or_else(|| unreachable!("the last attempt is never left out"));
    let trouble = trouble(kind, cut, last);
    let done = last.steps.last().filter(|(step, _)| *step == total);
    let mut run = Run {
        kind,
        seed,
        parameters,
        events: Vec::new(),
        last_step_at: done.map(|(_, at)| *at),
        attempts,
        trouble,
    };
    run.events = heard(&run);
    run
}

/// A step after which no pause comes: what hangs or dies here does it while it trains.
fn between_pauses(mut cut: i64, parameters: &Parameters) -> i64 {
    while cut % parameters.evaluation_every == 0 || cut % parameters.checkpoint_every == 0 {
        cut += 1;
    }
    cut
}

/// Ends the attempt in the middle of a step, where the kind says so.
fn trouble(kind: Kind, cut: i64, last: &mut Attempt) -> Option<Trouble> {
    if !matches!(kind, Kind::Hang | Kind::SilentDeath) {
        return None;
    }
    last.steps.retain(|(step, _)| *step <= cut);
    let (_, done) = *last.steps.last()?;
    let at = done + 1;
    last.stages.retain(|(since, _)| *since <= at);
    last.pauses.retain(|pause| pause.from <= at);
    last.evaluations.retain(|(_, over)| *over <= at);
    if kind == Kind::Hang {
        last.ended_at = at + HANGS_FOR;
        Some(Trouble::Hangs(at))
    } else {
        last.ended_at = at;
        Some(Trouble::Dies(at))
    }
}

/// An attempt while it is played.
struct Timeline<'a> {
    kind: Kind,
    parameters: &'a Parameters,
    random: &'a mut Random,
    now: i64,
    attempt: Attempt,
}

impl<'a> Timeline<'a> {
    fn begin(
        kind: Kind,
        parameters: &'a Parameters,
        random: &'a mut Random,
        number: u32,
        now: i64,
        resumed_from: i64,
    ) -> Self {
        let attempt = Attempt {
            number,
            started_at: now,
            trains_from: now,
            resumed_from,
            stages: Vec::new(),
            steps: Vec::new(),
            evaluations: Vec::new(),
            pauses: Vec::new(),
            ended_at: now,
        };
        let mut timeline = Self { kind, parameters, random, now, attempt };
        for (stage, seconds) in
            ["setup", "downloading", "loading_model", "configuring"].into_iter().zip(parameters.preparation)
        {
            timeline.stage(stage, seconds);
        }
        timeline.stage("training", 0.0);
        timeline.attempt.trains_from = timeline.now;
        timeline
    }

    fn stage(&mut self, stage: &'static str, seconds: f64) {
        self.attempt.stages.push((self.now, stage));
        self.now += micros(seconds);
    }

    /// Steps up to the end, or until the worker is lost in the step after `cut`.
    fn train(&mut self, cut: Option<i64>) {
        let p = self.parameters;
        let both = matches!(
            self.kind,
            Kind::EvaluationsAndCheckpoints | Kind::UnannouncedPauses | Kind::Hang | Kind::SilentDeath
        );
        let evaluates = both || matches!(self.kind, Kind::Evaluations | Kind::LateEvaluations);
        let saves = both || self.kind.is_resumed() || self.kind == Kind::Checkpoints;
        for step in self.attempt.resumed_from + 1..=cut.unwrap_or(p.total_steps) {
            self.now += micros(self.step_seconds(step));
            self.attempt.steps.push((step, self.now));
            // What comes after the last step is no part of the time to it.
            if step < p.total_steps && evaluates && step % p.evaluation_every == 0 {
                self.pause("evaluating", p.evaluation_seconds);
                self.attempt.evaluations.push((step, self.now));
            }
            if step < p.total_steps && saves && step % p.checkpoint_every == 0 {
                self.pause("checkpointing", p.checkpoint_seconds);
            }
        }
        if cut.is_some() {
            self.now += micros(p.step_seconds * 0.5);
        }
    }

    fn step_seconds(&mut self, step: i64) -> f64 {
        let p = self.parameters;
        let own = (step - self.attempt.resumed_from - 1) as f64;
        let speed = match self.kind {
            Kind::WarmingUp if own == 0.0 => p.first_step,
            Kind::WarmingUp => 1.0 + p.warm_up * (-own / p.warm_up_steps).exp(),
            Kind::SpeedingUp => 1.0 - (1.0 - 1.0 / p.speed_up) * step as f64 / p.total_steps as f64,
            Kind::SlowDisk if self.random.once_in(p.slow_step_in) => p.slow_step,
            Kind::Resume | Kind::TwoPreemptions if own == 0.0 => p.first_step,
            _ => 1.0,
        };
        let machine = if self.attempt.number == 2 { p.other_machine } else { 1.0 };
        p.step_seconds * speed * machine * noise(self.random, p.noise)
    }

    fn pause(&mut self, stage: &'static str, seconds: f64) {
        let is_announced = self.kind != Kind::UnannouncedPauses;
        let (from, seconds) = (self.now, seconds * noise(self.random, self.parameters.pause_noise));
        if is_announced {
            self.stage(stage, seconds);
            self.stage("training", 0.0);
        } else {
            self.now += micros(seconds);
        }
        self.attempt.pauses.push(Pause { from, until: self.now, is_announced });
    }

    fn end(&mut self, is_done: bool) -> i64 {
        if is_done {
            for (stage, seconds) in ["saving", "uploading"].into_iter().zip(ENDING) {
                self.stage(stage, seconds);
            }
        }
        self.attempt.ended_at = self.now;
        self.now
    }
}

/// What the database hears of a run.
fn heard(run: &Run) -> Vec<Event> {
    let mut events = Vec::new();
    for attempt in &run.attempts {
        let mut of_attempt = match run.parameters.reporting {
            Reporting::Steps(every) => told(run, attempt, every),
            Reporting::Polls => polled(run, attempt),
        };
        // In the order in which they happened; what was done is reported before what is done now, as docs/jobs.md tells workers to.
        of_attempt.sort_by_key(|(at, news)| (*at, matches!(news, News::Heartbeat { .. })));
        events.extend(of_attempt.into_iter().map(|(at, news)| Event { at, attempt: attempt.number, news }));
    }
    if let (None, Some(last)) = (run.trouble, run.attempts.last()) {
        events.push(Event { at: last.ended_at, attempt: last.number, news: News::Completed });
    }
    events
}

/// A trainer that says every stage, beats in between, and reports every so many steps; a step that is evaluated when that is over.
fn told(run: &Run, attempt: &Attempt, every: i64) -> Vec<(i64, News)> {
    let stages = attempt.stages.iter().map(|&(at, stage)| (at, News::Heartbeat { stage }));
    let mut events: Vec<_> = stages.collect();
    for at in (attempt.started_at..attempt.ended_at).step_by(HEARTBEAT as usize) {
        events.push((at, News::Heartbeat { stage: stage_at(attempt, at) }));
    }
    for &(step, done) in &attempt.steps {
        if step % every != 0 && step != run.parameters.total_steps {
            continue;
        }
        let evaluated = attempt.evaluations.iter().find(|(after, _)| *after == step).map(|(_, over)| *over);
        let is_evaluation = evaluated.is_some() && run.kind != Kind::UnannouncedPauses;
        let at = evaluated.filter(|_| is_evaluation).unwrap_or(done);
        if at <= attempt.ended_at {
            events
                .push((at, News::Point { step, reported_at: worker_clock(run, attempt, at), is_evaluation }));
        }
    }
    events
}

/// A poller: everything is as it is at the moment of the poll.
fn polled(run: &Run, attempt: &Attempt) -> Vec<(i64, News)> {
    let mut events = Vec::new();
    let mut before = attempt.started_at;
    for at in (attempt.started_at..=attempt.ended_at).step_by(HEARTBEAT as usize) {
        events.push((at, News::Heartbeat { stage: stage_at(attempt, at) }));
        let newest = attempt.steps.partition_point(|(_, done)| *done <= at);
        if newest > 0 {
            let evaluated = attempt.evaluations.iter().any(|(_, over)| before < *over && *over <= at);
            let is_evaluation = evaluated && run.kind != Kind::UnannouncedPauses;
            let step = attempt.steps[newest - 1].0;
            events
                .push((at, News::Point { step, reported_at: worker_clock(run, attempt, at), is_evaluation }));
        }
        before = at;
    }
    events
}

fn stage_at(attempt: &Attempt, at: i64) -> &'static str {
    let begun = attempt.stages.partition_point(|(since, _)| *since <= at);
    attempt.stages[begun.max(1) - 1].1
}

/// What the worker's clock shows at an instant.
fn worker_clock(run: &Run, attempt: &Attempt, at: i64) -> i64 {
    let p = &run.parameters;
    let set_right = (attempt.steps.len() as f64 * p.cut) as usize;
    let is_ahead =
        run.kind == Kind::ClockBackwards && attempt.steps.get(set_right).is_some_and(|(_, done)| at < *done);
    if is_ahead { at + micros(p.clock_ahead) } else { at }
}
