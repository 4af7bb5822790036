//! What is drawn for a run, and why from these ranges.

use super::{Kind, SECOND};
use crate::random::Random;

/// When a point is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporting {
    /// At every so many steps, by the trainer itself (`logging_steps`), which also says every change of its stage.
    Steps(i64),
    /// Every 30 seconds, by a poller that asks the provider: the newest step, also when it is the last poll's, and the stage of that
    /// moment. It sees a short pause by chance.
    Polls,
}

/// What the runs differ in, drawn evenly from each range unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Steps of the run: 200 to 2,000. A LoRA run has 10² to 10⁴; above 2,000 every estimate has only more to go by.
    pub total_steps: i64,
    /// Seconds of a step, 0.8 to 12 by its logarithm: 7 B to 70 B models, batches of 4 to 32, on the GPUs of the price book.
    pub step_seconds: f64,
    /// Standard deviation of the logarithm of a step's time, 3 % to 20 %: sequences that are packed, and those that are not.
    pub noise: f64,
    /// When a point is reported: at every step, every 5 or 10 of them, or by a poller, one run in four each.
    pub reporting: Reporting,
    /// Seconds of setup, downloading, loading_model and configuring: 10 to 60, 30 to 300, 30 to 180, 5 to 20.
    pub preparation: [f64; 4],
    /// How much longer the first step takes: 5 to 20 times (kernels are compiled). Of a resumed attempt, whose caches are warm: 2 to 4.
    pub first_step: f64,
    /// How much longer the next steps take at first, 0.5 to 2 times, …
    pub warm_up: f64,
    /// … and after how many steps it is a third of that, 5 to 20.
    pub warm_up_steps: f64,
    /// How much faster the last step is than the first, 1.05 to 1.3 times: sorted by length, and padded to a multiple.
    pub speed_up: f64,
    /// Steps from an evaluation to the next one: 6 to 20 in a run, so that one is over before a fifth of it. A multiple of what is
    /// reported, as trainers advise. By epoch: a third of the run.
    pub evaluation_every: i64,
    /// Seconds of an evaluation: 5 to 25 steps' time. A tenth of the data, forward only, a third of a step's time each.
    pub evaluation_seconds: f64,
    /// Steps from a checkpoint to the next one: 6 to 20 in a run, a multiple of what is reported.
    pub checkpoint_every: i64,
    /// Seconds of a checkpoint, 3 to 60 by its logarithm: adapters and optimizer, 0.3 to 6 GB at 100 MB/s.
    pub checkpoint_seconds: f64,
    /// Standard deviation of the logarithm of a pause: 10 %. Evaluations read the same data, disks differ more.
    pub pause_noise: f64,
    /// One step in so many waits for its data: 20 to 50, …
    pub slow_step_in: usize,
    /// … and takes so many times as long: 3 to 8.
    pub slow_step: f64,
    /// Where the run is cut, as a part of its steps: 30 % to 80 % for a lost worker, 10 % to 90 % for a hang, a death and a clock.
    pub cut: f64,
    /// Seconds until another worker takes over: 60 to 600.
    pub gap: f64,
    /// How much slower the other worker's machine is: 0.9 to 1.1 times, of the same kind, in another place.
    pub other_machine: f64,
    /// Seconds that the worker's clock is ahead until it is set right: 5 to 600.
    pub clock_ahead: f64,
}

impl Parameters {
    pub(super) fn draw(kind: Kind, random: &mut Random) -> Self {
        let total_steps = random.between(200, 2_000) as i64;
        let step_seconds = by_logarithm(random, 0.8, 12.0);
        let noise = even(random, 0.03, 0.20);
        let reporting =
            random.pick(&[Reporting::Steps(1), Reporting::Steps(5), Reporting::Steps(10), Reporting::Polls]);
        let reported = match reporting {
            Reporting::Steps(steps) => steps,
            Reporting::Polls => 1,
        };
        let mut every = |least, most| {
            let steps = total_steps / random.between(least, most) as i64;
            (steps / reported * reported).max(reported)
        };
        let (evaluation_every, checkpoint_every) = (every(6, 20), every(6, 20));
        Self {
            total_steps,
            step_seconds,
            noise,
            reporting,
            preparation: [(10.0, 60.0), (30.0, 300.0), (30.0, 180.0), (5.0, 20.0)]
                .map(|(least, most)| even(random, least, most)),
            first_step: if kind.is_resumed() { even(random, 2.0, 4.0) } else { even(random, 5.0, 20.0) },
            warm_up: even(random, 0.5, 2.0),
            warm_up_steps: even(random, 5.0, 20.0),
            speed_up: even(random, 1.05, 1.3),
            evaluation_every: if kind == Kind::LateEvaluations {
                (total_steps + 2) / 3 / reported * reported
            } else {
                evaluation_every
            },
            evaluation_seconds: step_seconds * even(random, 5.0, 25.0),
            checkpoint_every,
            checkpoint_seconds: by_logarithm(random, 3.0, 60.0),
            pause_noise: 0.1,
            slow_step_in: random.between(20, 50),
            slow_step: even(random, 3.0, 8.0),
            cut: if kind.is_resumed() { even(random, 0.3, 0.8) } else { even(random, 0.1, 0.9) },
            gap: even(random, 60.0, 600.0),
            other_machine: even(random, 0.9, 1.1),
            clock_ahead: even(random, 5.0, 600.0),
        }
    }
}

/// From 0 to below 1.
fn unit(random: &mut Random) -> f64 {
    (random.bits() >> 11) as f64 / (1_u64 << 53) as f64
}

fn even(random: &mut Random, least: f64, most: f64) -> f64 {
    least + (most - least) * unit(random)
}

fn by_logarithm(random: &mut Random, least: f64, most: f64) -> f64 {
    even(random, least.ln(), most.ln()).exp()
}

/// A factor around 1 whose logarithm is normal: its mean is 1, so that noise makes no run longer.
pub(super) fn noise(random: &mut Random, deviation: f64) -> f64 {
    // Box and Muller.
    let (radius, angle) = (1.0 - unit(random), unit(random));
    let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
    (deviation * normal - deviation * deviation / 2.0).exp()
}

/// Seconds as microseconds.
pub(super) fn micros(seconds: f64) -> i64 {
    (seconds * SECOND as f64) as i64
}
