//! How good an estimate of the time left is, by kind of run: at a fifth of a run, and right after a resume.

use crate::heard::Heard;
use crate::runs::{Kind, Run};
use crate::{REPORTED, TUNED_ON, page, peers};
use std::ops::Range;

/// What is heard of the runs of a kind when somebody asks.
fn asked(runs: &[Run]) -> Vec<Heard<'_>> {
    runs.iter()
        .filter_map(
            |run| if run.kind.is_resumed() { Heard::after_a_resume(run) } else { Heard::at_a_fifth(run) },
        )
        .collect()
}

/// The kinds that come to an end.
fn kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Hang | Kind::SilentDeath))
}

fn play(kind: Kind, seeds: Range<u64>) -> Vec<Run> {
    seeds.map(|seed| Run::of(kind, seed)).collect()
}

/// The error of each estimate, as a part of the truth, from small to large.
fn errors(asked: &[Heard<'_>], formula: impl Fn(&Heard<'_>) -> Option<f64>) -> Vec<f64> {
    let error = |heard: &Heard<'_>| (formula(heard).unwrap_or(0.0) - heard.left()).abs() / heard.left();
    let mut errors: Vec<f64> = asked.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// A quantile of sorted numbers: the one that so many are below of.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

/// Median and 90th percentile in percent.
fn both(errors: &[f64]) -> String {
    format!("{:.1} / {:.1}", 100.0 * quantile(errors, 0.5), 100.0 * quantile(errors, 0.9))
}

/// How good the estimates of one kind of run are.
struct Figures {
    kind: Kind,
    ours: Vec<f64>,
    llama_factory: Vec<f64>,
    unsloth: Vec<f64>,
    /// How often the truth is within low and high, from 0 to 1.
    held: f64,
    /// high / low, from small to large.
    widths: Vec<f64>,
}

impl Figures {
    fn of(kind: Kind, seeds: Range<u64>) -> Self {
        let runs = play(kind, seeds);
        let asked = asked(&runs);
        assert!(asked.len() * 10 >= runs.len() * 9, "{kind:?}: {} of {} runs", asked.len(), runs.len());
        let mut held = 0;
        let mut widths = Vec::new();
        for heard in &asked {
            let eta = heard.eta();
            let (low, high) = (eta.low.unwrap(), eta.high.unwrap());
            // Figures are whole seconds.
            held += usize::from((low - 0.5..=high + 0.5).contains(&heard.left()));
            widths.push(high / low);
        }
        widths.sort_by(f64::total_cmp);
        Self {
            kind,
            ours: errors(&asked, |heard| heard.eta().expected),
            llama_factory: errors(&asked, peers::llama_factory),
            unsloth: errors(&asked, peers::unsloth),
            held: held as f64 / asked.len() as f64,
            widths,
        }
    }

    fn row(&self) -> String {
        format!(
            "| {}{} | {} | {} | {} | {:.0} % | {:.2} |",
            self.kind.title(),
            if self.kind.is_resumed() { ", five points after it" } else { "" },
            both(&self.ours),
            both(&self.llama_factory),
            both(&self.unsloth),
            100.0 * self.held,
            quantile(&self.widths, 0.5),
        )
    }
}

fn table(figures: &[Figures]) -> String {
    let mut table = String::from(
        "\n| run | error in %: ours | LLaMA-Factory | Unsloth | truth within low and high | high / low |\n|---|---|---|---|---|---|\n",
    );
    for figures in figures {
        table += &figures.row();
        table += "\n";
    }
    table
}

#[test]
fn the_time_left_is_as_good_as_promised() {
    let figures: Vec<Figures> = kinds().map(|kind| Figures::of(kind, REPORTED)).collect();
    let table = table(&figures);
    println!("{table}");

    let mut all = Vec::new();
    for of_kind in &figures {
        let (kind, what) = (of_kind.kind, of_kind.row());
        assert!(quantile(&of_kind.widths, 1.0) <= 2.1, "{what}");
        if kind.is_without_surprise() {
            assert!(quantile(&of_kind.ours, 0.5) <= 0.10 && quantile(&of_kind.ours, 0.9) <= 0.15, "{what}");
            assert!(of_kind.held >= 0.8, "{what}");
            all.extend(&of_kind.ours);
        }
        if kind.is_resumed() {
            assert!(quantile(&of_kind.ours, 0.9) <= 0.15 && of_kind.held >= 0.8, "{what}");
            assert!(quantile(&of_kind.llama_factory, 0.5) > 0.5, "steps of earlier processes count: {what}");
        }
        assert!(quantile(&of_kind.unsloth, 0.5) < 1.0, "the peer's formula is computed wrongly: {what}");
    }
    all.sort_by(f64::total_cmp);
    assert!(quantile(&all, 0.9) <= 0.10, "{}", both(&all));
    page::compare(&page::root().join("docs/jobs.md"), "accuracy", &table);
}

/// What is reported is of other seeds than those that constants were chosen by, and these are not better by luck. Whoever
/// tunes again reads this table.
#[test]
fn the_seeds_that_were_tuned_on_are_others_and_say_the_same() {
    const { assert!(TUNED_ON.end <= REPORTED.start, "no run is in both") };
    let figures: Vec<Figures> = kinds().map(|kind| Figures::of(kind, TUNED_ON)).collect();
    println!("{}", table(&figures));
    let usual = figures.iter().filter(|of_kind| of_kind.kind.is_without_surprise());
    let mut all: Vec<f64> = usual.flat_map(|of_kind| of_kind.ours.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    assert!(quantile(&all, 0.9) <= 0.10, "{}", both(&all));
}
