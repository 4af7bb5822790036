//! `pg-lora watch`: one job, until it is over.
//!
//! In front of a person the curves of its losses and a bar, refreshed in place; in a pipeline a line whenever something has changed.
//! A connection that is lost is made again: a run takes hours, and nothing is at stake here.

use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use postgres::types::Type;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::curves::{self, Curve};
use super::{DOING, Progress, ask, not_understood};
use crate::cli;
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;
use crate::query::Parameter;
use crate::report::{Report, printable, say};

/// The bar counts in hundredths of percent.
const WHOLE: u64 = 10_000;
/// How often a connection is made again before it is given up.
const RECONNECTS: u32 = 30;
/// Of a screen that curves are drawn for when the job is over, at least.
const ROWS: u16 = 24;

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
    let bar = bar();
    let mut connection = Connection { session: connect()?, connect, interrupt, bar: &bar };
    let mut drawing = Drawing { is_wanted: !bar.is_hidden() && report.is_text(), ..Drawing::default() };
    let mut told = String::new();
    let (watched, progress) = loop {
        let (watched, progress) = look(&mut connection, options)?;
        let line = format!("{}{}", progress.words(), sparkline(&watched.losses));
        bar.set_position((progress.percent * 100.0) as u64);
        let name = watched.dataset_name.as_deref().unwrap_or_default();
        let name = printable(&format!("{} \"{name}\"", progress.status));
        let is_last = options.once || progress.is_over();
        let seen = (progress.attempt, progress.step, is_last);
        drawing.look(&mut connection, options, seen)?;
        let (rows, columns) = Term::stderr().size();
        bar.set_prefix(
            format!("{name}\n{}", curves::draw(&drawing.curves, rows, columns)).trim_end().to_owned(),
        );
        bar.set_message(line.trim_start().to_owned());
        bar.tick();
        if is_last {
            bar.finish_and_clear();
            // What stays may be longer than the screen.
            let drawn = curves::draw(&drawing.curves, rows.max(ROWS), columns);
            if !drawn.is_empty() {
                say(&drawn);
            }
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

/// A session that is opened again when it is lost.
struct Connection<'a> {
    session: Session,
    connect: &'a dyn Fn() -> Result<Session, Error>,
    interrupt: &'a Interrupt,
    bar: &'a ProgressBar,
}

impl Connection<'_> {
    /// Asks, over a new connection when the one that was used is lost.
    fn ask<T: DeserializeOwned>(
        &mut self,
        function: &str,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            let error = match ask(&mut self.session, function, sql, parameters) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let lost = self.session.client.is_closed() || error.exit == Exit::Unreachable;
            if !lost || tries >= RECONNECTS {
                return Err(error);
            }
            self.bar.suspend(|| say(&format!("note: {}; connecting again", error.message)));
            // The first one may be back already.
            while tries < RECONNECTS {
                tries += 1;
                match (self.connect)() {
                    Ok(new) => {
                        self.session = new;
                        break;
                    }
                    Err(error) if error.exit == Exit::Unreachable && tries < RECONNECTS => {
                        self.interrupt.sleep(Duration::from_secs(2))?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Where the job stands.
fn look(connection: &mut Connection, options: &cli::Watch) -> Result<(Watched, Progress), Error> {
    let watched: Watched = connection.ask(
        "training_job_progress(uuid,timestamp with time zone)",
        include_str!("watching.sql"),
        &[(&options.job, Type::UUID)],
    )?;
    let progress = Progress::deserialize(&watched.progress).map_err(not_understood)?;
    Ok((watched, progress))
}

/// What is drawn of the job's losses.
#[derive(Default)]
struct Drawing {
    /// Until the database refuses: it would do so each time.
    is_wanted: bool,
    curves: Vec<Curve>,
    seen: Option<Seen>,
}

/// The attempt and the step that a look has seen, and whether it is the last one.
type Seen = (i64, Option<i64>, bool);

impl Drawing {
    /// Asks for the curves anew when something was reported. A database that cannot draw them is no reason not to watch.
    fn look(&mut self, connection: &mut Connection, options: &cli::Watch, seen: Seen) -> Result<(), Error> {
        if !self.is_wanted || self.seen == Some(seen) {
            return Ok(());
        }
        let points = curves::points(Term::stderr().size().1);
        let answer = connection.ask(
            "training_metrics_curve(uuid[],text[],integer,integer,integer,text,double precision)",
            "select public.training_metrics_curve(array[$1], '{training_loss,validation_loss}', max_points => $2)",
            &[(&options.job, Type::UUID), (&points, Type::INT4)],
        );
        match answer {
            Ok(curves) => (self.curves, self.seen) = (curves, Some(seen)),
            Err(error) => {
                connection.interrupt.check()?;
                match error.exit {
                    Exit::Unreachable => return Err(error),
                    // Another time.
                    Exit::TableLock => {}
                    _ => {
                        self.is_wanted = false;
                        let why = error.message.trim_start_matches(DOING).trim_start_matches(": ");
                        let words = format!("note: the losses are not drawn: {}", printable(why));
                        connection.bar.suspend(|| say(&words));
                    }
                }
            }
        }
        Ok(())
    }
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
