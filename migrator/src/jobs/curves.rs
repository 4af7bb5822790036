//! The losses of a job as curves in a terminal.
//!
//! Invariant: every point that is drawn is one of `training_metrics_curve`, which keeps the first, the last, the lowest and the
//! highest one; what is no number is said in words. The picture is textplots', which is given both axes as parts of a whole: as
//! it counts in f32, steps and losses beyond that would be drawn at wrong places.

use serde::Deserialize;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

use crate::patience::counted;
use crate::report::printable;

/// As many columns are drawn in at most: further ones would show noise.
const WIDEST: usize = 120;
/// textplots draws in no fewer; a terminal that has no room for them gets no curve.
const NARROWEST: usize = 16;
/// Lines of a curve without its figures, at least and at most.
const LOWEST: usize = 2;
const HIGHEST: usize = 12;
/// Lines that a curve needs beside them: its name, the steps, what is no number.
const BESIDE: usize = 3;
/// Lines that are left to the bar and the prompt.
const LEFT: usize = 4;
/// Runs of points that are no numbers which are named.
const NAMED: usize = 3;

/// One of the answer of `training_metrics_curve`.
#[derive(Clone, Debug, Deserialize)]
pub struct Curve {
    metric: String,
    x: Vec<i32>,
    y: Vec<f64>,
    marks: Vec<Mark>,
    non_finite: u32,
}

/// Points that are no numbers.
#[derive(Clone, Debug, Deserialize)]
struct Mark {
    from: i32,
    to: i32,
    value: String,
}

/// How many points a terminal of so many columns has room for: two in each.
pub fn points(columns: u16) -> i32 {
    2 * i32::from(columns).clamp(NARROWEST as i32, WIDEST as i32)
}

/// The curves that have points below each other, in so many rows and columns; nothing where there is no room for them.
pub fn draw(curves: &[Curve], rows: u16, columns: u16) -> String {
    let curves: Vec<&Curve> =
        curves.iter().filter(|curve| !curve.x.is_empty() || curve.non_finite > 0).collect();
    let room = usize::from(rows).saturating_sub(LEFT + BESIDE * curves.len());
    // The first one is what is looked at, the others are beside it.
    let (first, other) = match curves.len() {
        0 | 1 => (room, 0),
        count => (room * 2 / 3, room / 3 / (count - 1)),
    };
    // The same step stands at the same place in each of them.
    let steps = curves.iter().flat_map(|curve| &curve.x).copied();
    let first_step = steps.clone().min().unwrap_or_default();
    let last_step = steps.max().unwrap_or_default();
    let figures = curves.iter().filter_map(|curve| curve.figures());
    let longest = figures.flatten().map(|figure| figure.len()).max().unwrap_or_default();
    let frame = Frame {
        first_step,
        last_step,
        columns: usize::from(columns),
        width: usize::from(columns).saturating_sub(longest + 2).min(WIDEST),
    };
    let mut drawn = Vec::new();
    for (place, curve) in curves.iter().enumerate() {
        let height = if place == 0 { first } else { other.min(HIGHEST / 2) };
        if height < LOWEST {
            break;
        }
        drawn.extend(curve.lines(height.min(HIGHEST), frame));
    }
    drawn.join("\n")
}

/// What all curves have in common: which steps there are, the columns of the terminal and of the pictures.
#[derive(Clone, Copy)]
struct Frame {
    first_step: i32,
    last_step: i32,
    columns: usize,
    width: usize,
}

impl Curve {
    /// Its name and figures, the picture, and what is no number; no line is as long as the terminal is wide.
    fn lines(&self, height: usize, frame: Frame) -> Vec<String> {
        let cut = |line: String| line.chars().take(frame.columns.saturating_sub(1)).collect::<String>();
        let name = self.metric.replace('_', " ");
        let mut lines = Vec::new();
        match self.extremes() {
            Some([lowest, highest]) => {
                let at = |place: usize| (figure(self.y[place]), self.x[place]);
                let [newest, lowest_at, highest_at] = [self.y.len() - 1, lowest, highest].map(at);
                lines.push(cut(printable(&format!(
                    "{name} {} at step {}, lowest {} at {}, highest {} at {}",
                    newest.0, newest.1, lowest_at.0, lowest_at.1, highest_at.0, highest_at.1
                ))));
                lines.extend(self.picture(self.y[lowest], self.y[highest], height, frame));
            }
            None => lines.push(cut(printable(&format!("{name}: no point is a number")))),
        }
        if self.non_finite > 0 {
            lines.push(cut(printable(&self.marks())));
        }
        lines
    }

    /// Where the first lowest and the first highest point are.
    fn extremes(&self) -> Option<[usize; 2]> {
        let places = 0..self.x.len().min(self.y.len());
        let lowest = places.clone().reduce(|a, b| if self.y[b] < self.y[a] { b } else { a })?;
        let highest = places.reduce(|a, b| if self.y[b] > self.y[a] { b } else { a })?;
        Some([lowest, highest])
    }

    /// The lowest and the highest one.
    fn figures(&self) -> Option<[String; 2]> {
        Some(self.extremes()?.map(|place| figure(self.y[place])))
    }

    fn picture(&self, lowest: f64, highest: f64, height: usize, frame: Frame) -> Vec<String> {
        if frame.width < NARROWEST {
            return Vec::new();
        }
        let (first, last) = (frame.first_step, frame.last_step);
        let points: Vec<(f32, f32)> = self
            .x
            .iter()
            .zip(&self.y)
            .map(|(&x, &y)| (part(f64::from(x), f64::from(first), f64::from(last)), part(y, lowest, highest)))
            .map(|(x, y)| (x as f32, y as f32))
            .collect();
        // A character has two dots beside and four below each other, and the dot at either end is drawn too.
        let (width, height) = (2 * frame.width as u32 - 1, 4 * height as u32 - 1);
        let mut chart = Chart::new_with_y_range(width, height, 0.0, 1.0, 0.0, 1.0);
        // A line needs two ends.
        let shape = if points.len() > 1 { Shape::Lines(&points) } else { Shape::Points(&points) };
        let [low, high] = [lowest, highest].map(figure);
        let chart = chart
            .x_label_format(LabelFormat::Custom(Box::new(move |part| {
                if part == 0.0 { first.to_string() } else { last.to_string() }
            })))
            .y_label_format(LabelFormat::Custom(Box::new(move |part| {
                if part == 0.0 { low.clone() } else { high.clone() }
            })))
            .lineplot(&shape);
        chart.axis();
        chart.figures();
        chart.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Which points are no numbers; how many before all else, as a line may be cut.
    fn marks(&self) -> String {
        let named = self.marks.iter().take(NAMED).map(|Mark { from, to, value }| match from == to {
            true => format!("{value} at step {from}"),
            false => format!("{value} at steps {from} to {to}"),
        });
        let count = counted(self.non_finite, "point is no number", "points are no numbers");
        let more = if self.marks.len() > NAMED { ", …" } else { "" };
        format!("{count}: {}{more}", named.collect::<Vec<_>>().join(", "))
    }
}

/// Where a value lies between two others, from 0 to 1; in the middle where these are one.
fn part(value: f64, from: f64, to: f64) -> f64 {
    // Halves: the two may be farther apart than any number is large.
    if to > from { (value / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0) } else { 0.5 }
}

/// A loss with four places, or with an exponent where these would say nothing.
fn figure(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn curve(points: &[(i32, f64)], marks: Value, non_finite: u32) -> Curve {
        let (x, y): (Vec<i32>, Vec<f64>) = points.iter().copied().unzip();
        let answer =
            json!({"metric": "training_loss", "x": x, "y": y, "marks": marks, "non_finite": non_finite});
        serde_json::from_value(answer).unwrap()
    }

    fn drawn(points: &[(i32, f64)], rows: u16, columns: u16) -> Vec<String> {
        draw(&[curve(points, json!([]), 0)], rows, columns).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_spike_reaches_the_top_and_the_ends_are_the_figures() {
        let points: Vec<(i32, f64)> =
            (1..=100).map(|step| (step, if step == 51 { 9.9 } else { 2.0 })).collect();
        let lines = drawn(&points, 12, 40);
        let expected = [
            "training loss 2.0000 at step 100, lowes",
            "⡁⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⢰⡇⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀ 9.9000",
            "⠄⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⢸⡇⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀",
            "⠂⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⢸⡇⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀",
            "⡁⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⢸⡇⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀",
            "⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸⣇⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀ 2.0000",
            "1                           100",
        ];
        assert_eq!(lines, expected, "{}", lines.join("\n"));
        let lines = drawn(&points, 12, 100);
        assert_eq!(lines[0], "training loss 2.0000 at step 100, lowest 2.0000 at 1, highest 9.9000 at 51");
    }

    #[test]
    fn what_is_no_number_is_said_in_words() {
        let mark = |from, to, value| json!({"from": from, "to": to, "value": value, "points": to - from + 1});
        let (nan, infinity) = (mark(2, 3, "NaN"), mark(4, 4, "Infinity"));
        let words = |marks, count| draw(&[curve(&[], marks, count)], 24, 100);
        let one = words(json!([infinity]), 1);
        assert_eq!(one, "training loss: no point is a number\n1 point is no number: Infinity at step 4");
        let many = words(json!([nan, infinity, infinity, nan]), 6);
        let expected =
            "\n6 points are no numbers: NaN at steps 2 to 3, Infinity at step 4, Infinity at step 4, …";
        assert!(many.ends_with(expected), "{many}");
        assert_eq!(words(json!([]), 0), "");
    }

    #[test]
    fn any_curve_fits_into_any_terminal() {
        let long: Vec<(i32, f64)> = (0..200).map(|step| (step, f64::from(step % 7))).collect();
        let marks = json!([{"from": i32::MIN, "to": i32::MAX, "value": "NaN", "points": 2}]);
        for points in [
            &[(7, 2.0)][..],
            &[(1, 1.0), (2, 1.0)],
            &[(i32::MIN, f64::MIN), (i32::MAX, f64::MAX)],
            &[(i32::MAX - 1, 1e-300), (i32::MAX, -0.0)],
            &long,
        ] {
            for (rows, columns) in [(0, 0), (1, 300), (8, 18), (10, 30), (24, 80), (200, 500)] {
                let training = curve(points, marks.clone(), 2);
                let drawn = draw(&[training.clone(), training], rows, columns);
                assert!(drawn.lines().all(|line| line.chars().count() < usize::from(columns)), "{drawn}");
                assert!(drawn.is_empty() || drawn.lines().count() <= usize::from(rows) - LEFT, "{drawn}");
                assert_eq!(drawn.lines().count() > 20, rows >= 200, "{drawn}");
            }
        }
        assert_eq!((points(0), points(80), points(u16::MAX)), (32, 160, 240));
    }
}
