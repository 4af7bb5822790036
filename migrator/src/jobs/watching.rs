//! `pg-lora watch`: one job, until it is over.
//!
//! In front of a person a bar with a line below it, refreshed in place; in a pipeline a line whenever something has changed. A
//! connection that is lost is made again: a run takes hours, and nothing is at stake here.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use postgres::types::Type;
use serde::Deserialize;
use serde_json::Value;

use super::{Progress, ask, not_understood};
use crate::cli;
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::report::{Report, printable, say};

/// The bar counts in hundredths of percent.
const WHOLE: u64 = 10_000;
/// How often a connection is made again before it is given up.
const RECONNECTS: u32 = 30;

/// What is shown of a job; see `watching.sql`.
#[derive(Deserialize)]
struct Watched {
    dataset_name: Option<String>,
    error_message: Option<String>,
    /// As `training_job_progress` answers it.
    progress: Value,
    /// The newest losses of the attempt that are numbers, the oldest first.
    losses: Vec<f64>,
}

/// Watches until the job is over; one look with `--once`.
pub fn watch(
    options: &cli::Watch,
    connect: &dyn Fn() -> Result<Session, Error>,
    interrupt: &Interrupt,
    report: &mut Report,
) -> Result<(), Error> {
    report.expect(&[], &["job", "progress", "error_message"]);
    report.set("job", options.job);
    let mut session = connect()?;
    let bar = bar();
    let mut told = String::new();
    let (watched, progress) = loop {
        let (watched, progress) = look(&mut session, options, connect, interrupt)?;
        let line = format!("{}{}", progress.words(), sparkline(&watched.losses));
        bar.set_position((progress.percent * 100.0) as u64);
        bar.set_prefix(printable(&format!(
            "{} \"{}\"",
            progress.status,
            watched.dataset_name.as_deref().unwrap_or_default()
        )));
        bar.set_message(line.trim_start().to_owned());
        bar.tick();
        if options.once || progress.is_over() {
            bar.finish_and_clear();
            report.line(&progress.status, &line);
            break (watched, progress);
        }
        if bar.is_hidden() && line != told {
            report.line(&progress.status, &line);
            told = line;
        }
        interrupt.sleep(options.every)?;
    };
    report.set("progress", &watched.progress);
    report.set("error_message", &watched.error_message);
    match progress.status.as_str() {
        status @ ("failed" | "cancelled") if !options.once => {
            let error = Error::new(Exit::Job, format!("training job \"{}\" is {status}", options.job));
            Err(match watched.error_message {
                Some(message) => error.detail(printable(&message)),
                None => error,
            }
            .hint("look at its events; retry_training_job puts a failed job back into the queue and repeats a cancelled one"))
        }
        _ => Ok(()),
    }
}

/// Asks, over a new connection when the one that was used is lost.
fn look(
    session: &mut Session,
    options: &cli::Watch,
    connect: &dyn Fn() -> Result<Session, Error>,
    interrupt: &Interrupt,
) -> Result<(Watched, Progress), Error> {
    let mut tries = 0;
    let watched: Watched = loop {
        let error = match ask(
            session,
            "training_job_progress(uuid,timestamp with time zone)",
            include_str!("watching.sql"),
            &[(&options.job, Type::UUID)],
        ) {
            Ok(answer) => break answer,
            Err(error) => error,
        };
        let lost = session.client.is_closed() || error.exit == Exit::Unreachable;
        if !lost || tries >= RECONNECTS {
            return Err(error);
        }
        say(&format!("note: {}; connecting again", error.message));
        // The first one may be back already.
        while tries < RECONNECTS {
            tries += 1;
            match connect() {
                Ok(new) => {
                    *session = new;
                    break;
                }
                Err(error) if error.exit == Exit::Unreachable && tries < RECONNECTS => {
                    interrupt.sleep(Duration::from_secs(2))?;
                }
                Err(error) => return Err(error),
            }
        }
    };
    let progress = Progress::deserialize(&watched.progress).map_err(not_understood)?;
    Ok((watched, progress))
}

/// Hidden where nobody sits in front of it.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}\n{bar:40} {wide_msg}");
    ProgressBar::with_draw_target(Some(WHOLE), ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The newest loss and how it came there; nothing before there are two.
fn sparkline(losses: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let [_, .., newest] = losses else { return String::new() };
    let (lowest, highest) = losses
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &loss| (low.min(loss), high.max(loss)));
    let bar = |loss: &f64| {
        let part = (loss - lowest) / (highest - lowest);
        // A line that is flat is in the middle, and of what is no number the lowest bar is taken.
        BARS[if highest > lowest { (part * 7.0).round() as usize } else { 3 }.min(7)]
    };
    format!(", loss {newest:.4} {}", losses.iter().map(bar).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn the_lowest_and_the_highest_loss_are_the_ends_of_the_scale() {
        assert_eq!(sparkline(&[4.0, 3.0, 2.0, 0.5]), ", loss 0.5000 █▆▄▁");
        assert_eq!(sparkline(&[1.0, 1.0]), ", loss 1.0000 ▄▄");
        assert_eq!(sparkline(&[1.0]), "");
        assert_eq!(
            sparkline(&[f64::MAX, f64::MIN]).chars().count(),
            sparkline(&[0.0, f64::MIN]).chars().count()
        );
    }
}
