//! For how long a table is held under ACCESS EXCLUSIVE, seen from outside.
//!
//! `pg_locks` is asked every millisecond or so. A lock that one transaction holds in the samples i to j was held at
//! least from the answer to i until the question of j, and at most from the question of i − 1 until the answer to j + 1.
//! The upper bound is what counts: where the sampler itself has to wait for a processor it becomes larger, never wrong.
//! (`log_lock_waits` tells only of those who wait, and a reader only of the moment in which it came.) A reader beside it
//! tells what a client feels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use pg_lora_tests::Cluster;
use postgres::Client;

use super::super::bed::milliseconds;
use super::seconds_since_epoch;

const PAUSE: Duration = Duration::from_millis(1);

const HOLDER: &str = "select coalesce((select virtualtransaction from pg_catalog.pg_locks
    where locktype = 'relation' and relation = $1 and mode = 'AccessExclusiveLock' and granted
      and database = (select oid from pg_catalog.pg_database where datname = current_database()) limit 1), '')";

/// One transaction that held the lock.
#[derive(Debug, Clone)]
pub struct Held {
    /// Between which moments it was seen first, in seconds since 1970.
    pub seen: (f64, f64),
    /// Milliseconds, at least and at most.
    pub at_least: f64,
    pub at_most: f64,
}

/// A read that took long.
#[derive(Debug, Clone)]
pub struct Wait {
    /// When it was answered, in seconds since 1970.
    pub answered: f64,
    pub milliseconds: f64,
}

/// Two threads that look on until they are asked.
pub struct Onlookers {
    stop: Arc<AtomicBool>,
    sampler: JoinHandle<anyhow::Result<Vec<Held>>>,
    reader: JoinHandle<anyhow::Result<Vec<Wait>>>,
}

impl Onlookers {
    /// Begins to look at a table; `read` is what the reader reads of it.
    pub fn of(cluster: &Cluster, database: &str, table: &str, read: &'static str) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut client = cluster.connect(database)?;
        let relation: u32 = client.query_one("select $1::text::regclass::oid", &[&table])?.get(0);
        let stopped = Arc::clone(&stop);
        let sampler = thread::spawn(move || sample(client, relation, &stopped));
        let client = cluster.connect(database)?;
        let stopped = Arc::clone(&stop);
        let reader = thread::spawn(move || read_on(client, read, &stopped));
        Ok(Self { stop, sampler, reader })
    }

    /// Ends it: who held the lock, and the reads in their order.
    pub fn ask(self) -> anyhow::Result<(Vec<Held>, Vec<Wait>)> {
        self.stop.store(true, Ordering::Relaxed);
        let held = self.sampler.join().map_err(|_| anyhow!("the sampler failed"))??;
        let waits = self.reader.join().map_err(|_| anyhow!("the reader failed"))??;
        Ok((held, waits))
    }
}

fn sample(mut client: Client, relation: u32, stop: &AtomicBool) -> anyhow::Result<Vec<Held>> {
    struct Current {
        transaction: String,
        seen: (f64, f64),
        /// The question before, the first answer, the last question.
        before: Instant,
        first: Instant,
        last: Instant,
    }
    let statement = client.prepare(HOLDER)?;
    let mut held = Vec::new();
    let mut current: Option<Current> = None;
    let mut before = Instant::now();
    while !stop.load(Ordering::Relaxed) || current.is_some() {
        let (asked, from) = (Instant::now(), seconds_since_epoch());
        let transaction: String = client.query_one(&statement, &[&relation])?.get(0);
        let answered = Instant::now();
        match &mut current {
            Some(same) if same.transaction == transaction => same.last = asked,
            _ => {
                if let Some(Current { seen, before, first, last, .. }) = current.take() {
                    let at_least = milliseconds(last.saturating_duration_since(first));
                    held.push(Held { seen, at_least, at_most: milliseconds(answered - before) });
                }
                current = (!transaction.is_empty()).then(|| Current {
                    transaction,
                    seen: (from, seconds_since_epoch()),
                    before,
                    first: answered,
                    last: asked,
                });
            }
        }
        before = asked;
        sleep(PAUSE);
    }
    Ok(held)
}

fn read_on(mut client: Client, sql: &str, stop: &AtomicBool) -> anyhow::Result<Vec<Wait>> {
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        // Not prepared: types of columns change under it.
        client.simple_query(sql)?;
        waits.push(Wait { answered: seconds_since_epoch(), milliseconds: milliseconds(start.elapsed()) });
        sleep(PAUSE);
    }
    Ok(waits)
}
