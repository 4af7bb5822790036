//! How long a validation takes without Postgres around it: prints the seconds as one line of JSON.
//!
//! `measured_report FILE` reads the file first and then times the report alone, and after it, for what limits any
//! validation, a pass of serde_json over the same lines that keeps nothing.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use pg_lora_core::dataset::{Options, report};
use serde::de::IgnoredAny;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: measured_report FILE")?;
    let bytes = std::fs::read(file)?;
    let start = Instant::now();
    let answer = black_box(report(black_box(&bytes), &Options::default(), &mut || ()));
    let report = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let unreadable = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && serde_json::from_slice::<IgnoredAny>(line).is_err())
        .count();
    let parser = start.elapsed().as_secs_f64();
    let pairs = answer.total_training_pairs;
    println!(
        "{}",
        serde_json::json!({
            "report": report, "parser": parser, "bytes": bytes.len(), "pairs": pairs, "unreadable": unreadable,
        })
    );
    Ok(())
}
