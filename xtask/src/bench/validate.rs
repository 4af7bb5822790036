//! What validating a chat file costs in SQL: against core alone, against Together's own check, against plain SQL, with
//! faults and without; whether every fault is found; how much memory the backend needs for it; and the same in chunks
//! through the API.
//!
//! Every side reads the same bytes, and all sides have their turn in each round. In SQL the file is one stored value,
//! out of line and not compressed: reading it out of its pages belongs to the call.

mod chunks;
mod core_alone;
mod large;
mod memory;
mod together;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use pg_lora_tests::chat::{Chat, Judgement, Kind, PLAIN_VALIDATION, SEED};
use serde_json::Value;

use self::core_alone::CoreAlone;
use self::together::Together;
use super::bed::{Bed, Side, in_turns, median};
use super::measurement::{Measurement, Target};
use crate::setup::Prepared;

/// About 170 MB.
const EXAMPLES: usize = 100_000;

/// Files that are small enough for a report to keep every finding.
const SMALL_FILES: u64 = 20;

const TABLE: &str = "create schema bench;
    create table bench.files (name text primary key, content bytea, body text);
    alter table bench.files alter content set storage external, alter body set storage external;";

/// Puts the whole value together and looks at one byte of it.
const ONLY_READ: &str = "select get_byte(content, 0) from bench.files where name = 'sound'";
const OURS: &str = "select lora.dataset_report(content, '{}') from bench.files where name = 'sound'";
const OURS_FAULTY: &str = "select lora.dataset_report(content, '{}') from bench.files where name = 'faulty'";
/// A text needs no conversion on the way, so this is what plain SQL is given.
const PLAIN: &str = "select plain_validation(body) from bench.files where name = 'sound'";

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>) -> anyhow::Result<()> {
    let core = CoreAlone::build(prepared.checkout)?;
    let together = Together::provide(prepared.checkout);
    let sound = Chat::sound(SEED, EXAMPLES);
    let file = write(prepared, &sound)?;
    bed.execute(TABLE)?;
    bed.execute(PLAIN_VALIDATION)?;
    let insert = "insert into bench.files values ('sound', $1, convert_from($1, 'UTF8'))";
    bed.execute_with(insert, &[&sound.bytes])?;
    let faulty = Chat::faulty(SEED, EXAMPLES, EXAMPLES / 100);
    bed.execute_with("insert into bench.files values ('faulty', $1)", &[&faulty.bytes])?;
    bed.execute("vacuum (analyze, freeze) bench.files")?;
    bed.execute("checkpoint")?;

    findings(bed, &faulty)?;
    memory::run(bed)?;
    large::run(bed)?;
    ways::run(bed, prepared, &sound, &file, together.as_ref())?;
    chunks::run(bed, prepared, &sound)?;
    Times::take(bed, &sound, &file, &core, together)?.note(bed, &sound)?;
    fs::remove_file(&file).with_context(|| format!("could not remove \"{}\"", file.display()))
}

fn write(prepared: &Prepared<'_>, chat: &Chat) -> anyhow::Result<PathBuf> {
    // The name's end is how Together's check tells what it is.
    let file = prepared.checkout.place("bench/chat.jsonl")?;
    fs::write(&file, &chat.bytes).with_context(|| format!("could not write \"{}\"", file.display()))?;
    Ok(file)
}

/// By their counts in the large file, and by line and code in small ones.
fn findings(bed: &mut Bed<'_>, faulty: &Chat) -> anyhow::Result<()> {
    let large = Judgement::of(faulty, &report(bed, OURS_FAULTY)?);
    let percent = faulty.faults.len() * 100 / EXAMPLES;
    judged(bed, &format!("{EXAMPLES} examples, {percent} % of them faulty"), &[large])?;

    bed.execute("create table bench.small (number bigint, content bytea)")?;
    let mut judgements = Vec::new();
    for number in 0..SMALL_FILES {
        let small = Chat::faulty(SEED + number, 300, 5 * Kind::ALL.len());
        let number = number as i64;
        bed.execute_with("insert into bench.small values ($1, $2)", &[&number, &small.bytes])?;
        let sql =
            format!("select lora.dataset_report(content, '{{}}') from bench.small where number = {number}");
        judgements.push(Judgement::of(&small, &report(bed, &sql)?));
    }
    judged(bed, &format!("{SMALL_FILES} files of 300 examples, line by line"), &judgements)
}

fn judged(bed: &mut Bed<'_>, what: &str, judgements: &[Judgement]) -> anyhow::Result<()> {
    // They fail alike, if they fail.
    if let Some(judgement) = judgements.iter().find(|judgement| !judgement.is_perfect()) {
        eprintln!("    {judgement}");
    }
    let faults: u64 = judgements.iter().map(|judgement| judgement.faults).sum();
    let found: u64 = judgements.iter().map(|judgement| judgement.found).sum();
    let wrong: u64 = judgements.iter().map(Judgement::wrong).sum();
    let name = format!("recall of {faults} faults of {} kinds: {what}", Kind::ALL.len());
    let recall = found as f64 * 100.0 / faults as f64;
    bed.note(Measurement::new(name, recall, "%", Target::AtLeast(100.0)), &[])?;
    let name = format!("false findings: {what}");
    bed.note(Measurement::new(name, wrong as f64, "", Target::AtMost(0.0)), &[])
}

/// Milliseconds of each side, and whether it did the whole work.
struct Times {
    ours: (f64, bool),
    faulty: f64,
    /// Reading the value without looking at it.
    reading: f64,
    plain: (f64, bool),
    core: (f64, bool),
    /// serde_json over the same lines, keeping nothing.
    parser: f64,
    together: anyhow::Result<(f64, bool)>,
}

impl Times {
    fn take(
        bed: &mut Bed<'_>,
        sound: &Chat,
        file: &Path,
        core: &CoreAlone,
        together: anyhow::Result<Together>,
    ) -> anyhow::Result<Self> {
        let ours_counts = report(bed, OURS)?["total_training_pairs"] == sound.pairs;
        let plain_counts = report(bed, PLAIN)?["pairs"] == sound.pairs;
        let (mut core_counts, mut together_passes) = (true, true);
        let mut parser = Vec::new();
        let in_sql = [OURS, OURS_FAULTY, ONLY_READ, PLAIN];
        let sides = if together.is_ok() { 6 } else { 5 };
        let medians = in_turns(sides, |at| match (in_sql.get(at), &together) {
            (Some(sql), _) => bed.time(&Side::superuser(sql)),
            (None, Ok(together)) if at == 5 => {
                let run = together.run(file)?;
                together_passes &= run.passed && run.samples == sound.lines;
                Ok(run.time)
            }
            _ => {
                let run = core.run(file)?;
                core_counts &= run.pairs == sound.pairs;
                parser.push(run.parser);
                Ok(run.report)
            }
        })?;
        Ok(Self {
            ours: (medians[0], ours_counts),
            faulty: medians[1],
            reading: medians[2],
            plain: (medians[3], plain_counts),
            core: (medians[4], core_counts),
            parser: median(parser),
            together: together.map(|_| (medians[5], together_passes)),
        })
    }

    /// All figures, each of which counts only if the whole work was done.
    fn note(self, bed: &mut Bed<'_>, sound: &Chat) -> anyhow::Result<()> {
        let megabytes = sound.bytes.len() as f64 / 1e6;
        let rate = |milliseconds: f64| megabytes / milliseconds * 1000.0;
        let shown = |milliseconds: f64| format!("{:.0} MB/s", rate(milliseconds));
        let (ours, ours_counts) = self.ours;
        let figure = |name: &str, value: f64, target: Target, (side, time): (&str, f64)| {
            Measurement::new(name, value, "", target)
                .median("SQL", ours, shown(ours))
                .median(side, time, shown(time))
                .condition(format!("all of {} pairs counted", sound.pairs), ours_counts)
        };
        let file = format!("{EXAMPLES} examples, {megabytes:.1} MB, in SQL");

        let name = format!("{file}, to Together's check_file");
        match self.together {
            Ok((theirs, passes)) => {
                let measurement = figure(&name, ours / theirs, Target::AtMost(0.8), ("check_file", theirs))
                    .condition(format!("all of {} samples checked", sound.lines), passes);
                bed.note(measurement, &[])?;
            }
            Err(error) => bed.leave_out(&name, &error),
        }
        let name = format!("{file}, to core alone");
        let (core, counts) = self.core;
        let measurement = figure(&name, ours / core, Target::AtMost(1.5), ("core", core));
        bed.note(measurement.condition("the same in core", counts), &[])?;
        let name = format!("{file} with 1 % faulty lines, to without");
        let faulty = self.faulty;
        bed.note(figure(&name, faulty / ours, Target::AtMost(1.1), ("with faults", faulty)), &[])?;
        let name = "structural rules in plain SQL, to all rules in ours";
        let (plain, counts) = self.plain;
        let measurement = figure(name, plain / ours, Target::AtLeast(3.0), ("plain SQL", plain));
        bed.note(measurement.condition("the same in plain SQL", counts), &[])?;

        // What bounds them.
        for (name, time) in [
            ("core alone", core),
            ("serde_json over the same lines, keeping nothing", self.parser),
            ("reading the value in SQL without looking at it", self.reading),
        ] {
            bed.note(Measurement::new(name, rate(time), "MB/s", None), &[])?;
        }
        Ok(())
    }
}

/// The report as JSON.
fn report(bed: &mut Bed<'_>, sql: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&bed.ask(sql)?)?)
}
