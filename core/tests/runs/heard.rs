//! What has been heard of a run up to some event.

use pg_lora_core::job::Eta;

use crate::row::Row;
use crate::runs::{Attempt, Event, News, Run, SECOND};

/// The first events of a run.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    pub run: &'a Run,
    /// How many events there were.
    pub events: usize,
}

impl<'a> Heard<'a> {
    /// What was heard when a fifth of the steps was first reported as done.
    pub fn at_a_fifth(run: &'a Run) -> Option<Self> {
        let fifth = run.parameters.total_steps as f64 * 0.2;
        Self::until(run, |event| matches!(event.news, News::Point { step, .. } if step as f64 >= fifth))
    }

    /// What was heard when the last attempt had reported five different steps; `None` when there are not so many before the end.
    pub fn after_a_resume(run: &'a Run) -> Option<Self> {
        let attempt = run.attempts.last().unwrap().number;
        let mut steps = Vec::new();
        Self::until(run, move |event| {
            if let News::Point { step, .. } = event.news
                && event.attempt == attempt
                && !steps.contains(&step)
            {
                steps.push(step);
            }
            steps.len() == 5
        })
    }

    fn until(run: &'a Run, is_it: impl FnMut(&'a Event) -> bool) -> Option<Self> {
        let events = run.events.iter().position(is_it)? + 1;
        Some(Self { run, events }).filter(|heard| heard.newest_step() < Some(run.parameters.total_steps))
    }

    /// The instant: that of the newest event.
    pub fn at(&self) -> i64 {
        self.run.events[self.events - 1].at
    }

    /// The truth of the attempt that the newest event is of.
    pub fn attempt(&self) -> &'a Attempt {
        &self.run.attempts[self.run.events[self.events - 1].attempt as usize - 1]
    }

    /// The events of that attempt.
    pub fn of_attempt(&self) -> impl Iterator<Item = &'a Event> {
        let number = self.attempt().number;
        self.run.events[..self.events].iter().filter(move |event| event.attempt == number)
    }

    /// The newest step of the attempt.
    pub fn newest_step(&self) -> Option<i64> {
        let steps = self.of_attempt().filter_map(|event| match event.news {
            News::Point { step, .. } => Some(step),
            _ => None,
        });
        steps.max()
    }

    /// What this project says of the time that is left.
    pub fn eta(&self) -> Eta {
        let mut row = Row::default();
        self.run.events[..self.events].iter().for_each(|event| row.hear(event));
        row.progress(Some(self.run.parameters.total_steps), self.at()).eta
    }

    /// Seconds since the attempt began to train.
    pub fn trained_for(&self) -> Option<f64> {
        let trains = self.at() - self.attempt().trains_from;
        (trains > 0).then_some(trains as f64 / SECOND as f64)
    }

    /// The truth: seconds to the last step.
    pub fn left(&self) -> f64 {
        (self.run.last_step_at.expect("a run that ends") - self.at()) as f64 / SECOND as f64
    }
}
