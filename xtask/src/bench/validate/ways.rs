//! The other ways in, with two workers or threads: lines of a table, and the file by the command line.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use pg_lora_tests::chat::Chat;
use serde_json::Value;

use super::super::bed::{Bed, Side, in_turns, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::together::Together;
use crate::process;
use crate::setup::Prepared;

const TABLE: &str =
    "create table bench.lines (number bigint, line text); alter table bench.lines set (parallel_workers = 2)";
const INSERT: &str = "insert into bench.lines select number, line from unnest($1::text[]) with ordinality as line (line, number)";

const ROWS: &str = "select lora.dataset_lines_report(number, line, '{}') from bench.lines";

/// Runs it.
pub fn run(
    bed: &mut Bed<'_>,
    prepared: &Prepared<'_>,
    sound: &Chat,
    file: &Path,
    together: Result<&Together, &anyhow::Error>,
) -> anyhow::Result<()> {
    bed.execute(TABLE)?;
    let lines: Vec<&str> = std::str::from_utf8(&sound.bytes)?.lines().collect();
    bed.execute_with(INSERT, &[&lines])?;
    bed.execute("vacuum (analyze, freeze) bench.lines")?;
    let program = prepared.released_pg_lora()?;
    let mut counts =
        bed.ask(&format!("select ({ROWS}) -> 'total_training_pairs'"))? == sound.pairs.to_string();
    let sides = if together.is_ok() { 5 } else { 4 };
    let medians = in_turns(sides, |at| match (at, together) {
        (0, _) => bed.time(&Side::superuser(ROWS)),
        (1, _) => bed.time(&Side::superuser(ROWS).workers(2)),
        (4, Ok(together)) => Ok(together.run(file)?.time),
        _ => {
            let threads = if at == 2 { "1" } else { "2" };
            let start = Instant::now();
            let answer = process::output(
                Command::new(&program).args(["validate", "--threads", threads, "--output", "json"]).arg(file),
            )?;
            let time = milliseconds(start.elapsed());
            let answer: Value = serde_json::from_str(&answer)?;
            counts &= answer["report"]["total_training_pairs"] == sound.pairs;
            Ok(time)
        }
    })?;
    let megabytes = sound.bytes.len() as f64 / 1e6;
    let shown = |milliseconds: f64| format!("{:.0} MB/s", megabytes / milliseconds * 1000.0);
    let figure = |name: &str, target, ours: (&str, f64), theirs: (&str, f64)| {
        Measurement::new(name, ours.1 / theirs.1, "", target)
            .median(ours.0, ours.1, shown(ours.1))
            .median(theirs.0, theirs.1, shown(theirs.1))
            .condition(format!("all of {} pairs counted", sound.pairs), counts)
    };
    let (one_worker, rows) = (("one process", medians[0]), ("two workers", medians[1]));
    let (one_thread, threads) = (("one thread", medians[2]), ("two threads", medians[3]));
    bed.note(figure("rows of a table with two workers, to without", None, rows, one_worker), &[])?;
    let target = Some(Target::AtMost(0.6));
    bed.note(figure("pg-lora validate with two threads, to one", target, threads, one_thread), &[])?;
    let with = [
        ("rows of a table with two workers, to Together's check_file", 0.65, rows),
        ("pg-lora validate with two threads, to Together's check_file", 0.5, threads),
    ];
    for (name, target, ours) in with {
        match together {
            Ok(_) => {
                let theirs = ("check_file", medians[4]);
                bed.note(figure(name, Some(Target::AtMost(target)), ours, theirs), &[])?;
            }
            Err(error) => bed.leave_out(name, error),
        }
    }
    bed.execute("drop table bench.lines")
}
