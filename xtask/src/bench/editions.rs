//! What each function of schema `lora` takes as the extension and in plain SQL: two databases of one server, in turns.
//!
//! A small function is called many times in one statement, on arguments that no planner can see through. Both editions have
//! to give the same answer, or the figure does not count.

mod calls;

use std::time::Instant;

use pg_lora_tests::Database;
use pg_lora_tests::chat::{Chat, SEED};
use postgres::{Client, SimpleQueryMessage};

use self::calls::{Aggregate, Call};
use super::bed::{Bed, in_turns, milliseconds};
use super::measurement::{Measurement, Target};
use super::memory;

/// The database with the portable edition and nothing else.
const PORTABLE: &str = "bench_portable";

/// How much slower a small function may be in plain SQL, unless it is quick enough.
const SLOWER: f64 = 5.0;
/// Milliseconds that are quick enough.
const QUICK: f64 = 1.0;
/// Bytes of one.
const MEGABYTE: usize = 1 << 20;

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    let cluster = bed.cluster();
    cluster.create_database(PORTABLE)?;
    // What should fit into memory fills no disk.
    let limit = format!("alter database {PORTABLE} set temp_file_limit = '4GB'");
    cluster.connect(PORTABLE)?.batch_execute(&limit)?;
    let mut editions = [bed.connect()?, cluster.connect(PORTABLE)?];
    editions[1].batch_execute("create schema lora")?;
    editions[1].batch_execute(&Database::portable_files())?;
    for client in &mut editions {
        client.batch_execute(calls::TABLES)?;
        chats(client)?;
    }
    for call in &calls::CALLS {
        small(bed, &mut editions, call)?;
    }
    for aggregate in &calls::AGGREGATES {
        large(bed, &mut editions, aggregate)?;
    }
    Ok(())
}

/// The generated chats of 1 and of 16 MB, each in one value that is not compressed, and their parts.
fn chats(client: &mut Client) -> anyhow::Result<()> {
    client.batch_execute(
        "create unlogged table chats (megabytes integer, content bytea);
         alter table chats alter column content set storage external",
    )?;
    for megabytes in [1_i32, 16] {
        let chat = Chat::sound_up_to(SEED, megabytes as usize * MEGABYTE);
        client.execute("insert into chats values ($1, $2)", &[&megabytes, &chat.bytes])?;
    }
    client.batch_execute(calls::PARTS)?;
    Ok(())
}

/// One call of a small function.
fn small(bed: &mut Bed<'_>, editions: &mut [Client; 2], call: &Call) -> anyhow::Result<()> {
    let same = same(editions, &call.answer())?;
    let medians = in_turns(2, |at| Ok(time(&mut editions[at], &call.many())? / f64::from(call.times)))?;
    let (native, portable) = (medians[0], medians[1]);
    let name =
        format!("{}: a call in plain SQL, at most {SLOWER} times the extension's or {QUICK} ms", call.name);
    let measurement = Measurement::new(name, portable, "ms", Target::AtMost(QUICK.max(SLOWER * native)))
        .median("native", native, format!("{:.1} times", portable / native))
        .condition("the same answer", same);
    bed.note(measurement, &[])
}

/// One aggregate over a table, and the memory of a backend that does nothing else.
fn large(bed: &mut Bed<'_>, editions: &mut [Client; 2], aggregate: &Aggregate) -> anyhow::Result<()> {
    let same = same(editions, aggregate.sql)?;
    let medians = in_turns(2, |at| time(&mut editions[at], aggregate.sql))?;
    let (native, portable) = (medians[0], medians[1]);
    let measurement = Measurement::new(
        format!("{}: in plain SQL", aggregate.name),
        portable,
        "ms",
        aggregate.most.map(Target::AtMost),
    )
    .median("native", native, format!("{:.1} times", portable / native))
    .condition("the same answer", same);
    bed.note(measurement, &[])?;
    if let Some(least) = aggregate.least_gain {
        let name = format!("{}: how many times faster the extension is", aggregate.name);
        bed.note(Measurement::new(name, portable / native, "", Target::AtLeast(least)), &[])?;
    }
    let databases = [bed.connect()?, bed.cluster().connect(PORTABLE)?];
    for (edition, client) in ["the extension", "plain SQL"].into_iter().zip(databases) {
        let name = format!("{}: peak memory of a backend, {edition}", aggregate.name);
        bed.note(Measurement::new(name, memory::peak(client, aggregate.sql)?, "MB", None), &[])?;
    }
    Ok(())
}

fn time(client: &mut Client, sql: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    client.simple_query(sql)?;
    Ok(milliseconds(start.elapsed()))
}

/// Whether both editions answer alike.
fn same(editions: &mut [Client; 2], sql: &str) -> anyhow::Result<bool> {
    let mut answers = Vec::new();
    for client in editions {
        let mut rows = Vec::new();
        for message in client.simple_query(sql)? {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect::<Vec<_>>());
            }
        }
        anyhow::ensure!(!rows.is_empty(), "no row of {sql}");
        answers.push(rows);
    }
    Ok(answers[0] == answers[1])
}
