//! How good an estimate of the time left is, by kind of run: at a fifth of a run, and right after a resume.

use crate::heard::Heard;
use crate::runs::{Kind, Run};
use crate::{REPORTED, peers};
use std::ops::Range;

/// What is heard of the runs of a kind when somebody asks.
fn asked(runs: &[Run]) -> Vec<Heard<'_>> {
    runs.iter()
        .map(|run| if run.kind.is_resumed() { Heard::after_a_resume(run) } else { Heard::at_a_fifth(run) })
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

#[test]
fn what_others_say() {
    println!("| run | LLaMA-Factory | Unsloth |");
    for kind in kinds() {
        let runs = play(kind, REPORTED);
        let asked = asked(&runs);
        let (llama_factory, unsloth) = (errors(&asked, peers::llama_factory), errors(&asked, peers::unsloth));
        println!("| {} | {} | {} |", kind.title(), both(&llama_factory), both(&unsloth));
        if kind.is_resumed() {
            assert!(quantile(&llama_factory, 0.5) > 0.5, "steps of earlier processes count as this one's");
        }
        assert!(quantile(&unsloth, 0.5) < 1.0, "the peer's formula is computed wrongly: {kind:?}");
    }
}
