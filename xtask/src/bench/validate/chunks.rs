//! A file in chunks through the API, as the example worker of the tests sends it: beside a peer that only stores the
//! same chunks, how long one call takes for a file of the largest size, and the memory of a backend for one chunk.
//!
//! Both sides pay for HTTP, JSON and base64. The worker computes a SHA-256 beside.

use std::path::Path;
use std::time::{Duration, Instant};

use pg_lora_tests::chat::{Chat, SEED};
use pg_lora_tests::story::{add_dataset, sign_up};
use pg_lora_tests::streaming::{Api, Validation, Worker, base64};
use pg_lora_tests::{Caller, Postgrest};
use serde_json::json;

use super::super::bed::{Bed, in_turns, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::memory;
use crate::postgrest;
use crate::setup::Prepared;

/// The worker's own size of a chunk.
const CHUNK: usize = 1 << 20;

/// The most that a chunk may have.
const LARGEST_CHUNK: usize = 8 << 20;

/// The most that a file may have, by the limit of its bucket.
const LARGEST_FILE: usize = 500 << 20;

/// What one chunk may need beside what a backend has anyway, in megabytes.
const BESIDE_THE_BACKEND: f64 = 64.0;

/// A quarter of the 8 seconds that the platform gives a call, in milliseconds.
const A_CALL: f64 = 2000.0;

/// What somebody writes who only wants to have the bytes. Not compressed, which would take longer.
const PEER: &str = "
    create table bench.chunks (number integer primary key, content bytea);
    alter table bench.chunks alter content set storage external;
    create function public.insert_chunk(number integer, content text) returns void language sql
      set search_path = '' as 'insert into bench.chunks values (number, pg_catalog.decode(content, ''base64''))';
    grant usage on schema bench to service_role;
    grant insert on bench.chunks to service_role;
    revoke all on function public.insert_chunk(integer, text) from public, anon, authenticated;
    grant execute on function public.insert_chunk(integer, text) to service_role;";

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, sound: &Chat) -> anyhow::Result<()> {
    let mut db = bed.connect()?;
    let owner = sign_up(&mut db, "bench");
    let dataset = add_dataset(&mut db, &owner, sound.bytes.len());
    drop(db);
    memory_of_a_chunk(bed, &dataset, sound)?;
    match postgrest::provide(prepared.checkout) {
        Ok(program) => through_the_api(bed, &program, &dataset, sound),
        Err(error) => {
            bed.leave_out("chunks through the API", &error);
            Ok(())
        }
    }
}

/// Of a backend that reads one chunk and does nothing else.
fn memory_of_a_chunk(bed: &mut Bed<'_>, dataset: &str, sound: &Chat) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bed.leave_out("memory for a chunk", &anyhow::anyhow!("only Linux says it in /proc"));
        return Ok(());
    }
    let backend = memory::peak(bed, "select 1")?;
    let sizes = [(CHUNK, Some(Target::AtMost(BESIDE_THE_BACKEND))), (LARGEST_CHUNK, None)];
    for (number, (size, target)) in (1..).zip(sizes) {
        let text = base64(&sound.bytes[..size]);
        let sql = format!("select public.append_dataset_chunk('{dataset}', {number}, '{text}', 'base64')");
        let peak = memory::peak(bed, &sql)?;
        let name =
            format!("peak memory for a chunk of {} MB, beyond a backend that does nothing", size / CHUNK);
        bed.note(Measurement::new(name, peak - backend, "MB", target), &[])?;
    }
    Ok(())
}

fn through_the_api(bed: &mut Bed<'_>, program: &Path, dataset: &str, sound: &Chat) -> anyhow::Result<()> {
    bed.execute(PEER)?;
    let postgrest = bed.serve(program)?;
    let api = || Api::new(postgrest.url(), Postgrest::token(&Caller::service()));
    let (worker, peer) = (Worker::new(api()), api());
    let mut counts = true;
    let medians = in_turns(2, |at| {
        if at == 0 {
            let (validation, time) = validate(&worker, dataset, sound)?;
            counts &= validation.report["total_training_pairs"] == sound.pairs;
            return Ok(milliseconds(time));
        }
        bed.execute("truncate bench.chunks")?;
        let start = Instant::now();
        for (number, chunk) in (1..).zip(sound.bytes.chunks(CHUNK)) {
            peer.call("insert_chunk", &json!({"number": number, "content": base64(chunk)}))?;
        }
        Ok(milliseconds(start.elapsed()))
    })?;
    let megabytes = sound.bytes.len() as f64 / 1e6;
    let shown = |milliseconds: f64| format!("{:.0} MB/s", megabytes / milliseconds * 1000.0);
    let name = format!("{megabytes:.1} MB in chunks of 1 MB through the API, to storing the chunks only");
    let measurement = Measurement::new(name, medians[0] / medians[1], "", None)
        .median("validating", medians[0], shown(medians[0]))
        .median("storing", medians[1], shown(medians[1]))
        .condition(format!("all of {} pairs counted", sound.pairs), counts);
    bed.note(measurement, &[])?;
    bed.execute("drop function public.insert_chunk; drop table bench.chunks")?;
    slowest_call(bed, &worker, dataset)
}

/// Of all that a file of the largest size takes, the report included.
fn slowest_call(bed: &mut Bed<'_>, worker: &Worker, dataset: &str) -> anyhow::Result<()> {
    let large = Chat::sound_up_to(SEED, LARGEST_FILE);
    let (validation, time) = validate(worker, dataset, &large)?;
    let [chunk, finish, whole] = [validation.slowest_chunk, validation.finish, time].map(milliseconds);
    let counts = validation.report["total_training_pairs"] == large.pairs;
    let megabytes = large.bytes.len() as f64 / 1e6;
    let name = format!("slowest call for a file of {megabytes:.1} MB in chunks of 1 MB through the API");
    let measurement = Measurement::new(name, chunk.max(finish), "ms", Target::AtMost(A_CALL))
        .median("slowest chunk", chunk, format!("of {}", validation.chunks))
        .median("report", finish, "the last call".to_owned())
        .median("all calls", whole, format!("{:.0} MB/s", megabytes / whole * 1000.0))
        .condition(format!("all of {} pairs counted", large.pairs), counts);
    bed.note(measurement, &[])
}

/// The report on a file, and how long it took from the first byte on.
fn validate(worker: &Worker, dataset: &str, chat: &Chat) -> anyhow::Result<(Validation, Duration)> {
    // What was sent before is dropped, which is not measured.
    worker.begin_anew(dataset)?;
    let start = Instant::now();
    let validation = worker.validate(dataset, &mut &chat.bytes[..], None)?;
    Ok((validation, start.elapsed()))
}
