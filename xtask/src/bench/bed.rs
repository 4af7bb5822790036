//! Where a benchmark runs: one connection to a migrated database on a fresh server, and how time is taken on it.
//! What needs other data starts over on a copy of the database, because some tables can only be added to.
//!
//! Both sides of a comparison run on that connection, one after the other and in turns, so that whatever else the
//! machine does meets both. Only the query is timed, planning included; not the request around it.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use pg_lora_tests::{Caller, Cluster, Postgrest};
use postgres::types::ToSql;
use postgres::{Client, SimpleQueryMessage};

use super::measurement::{Measurement, Target};
use super::plan::Plan;
use crate::db::DATABASE;

/// Rounds that warm caches and are not counted.
const WARM_UP: usize = 2;

/// Rounds that are counted; their median is what they say.
pub const ROUNDS: usize = 5;

/// How often `select 1` is asked in one round: once takes too short a time for the clock of a busy machine.
const YARDSTICK: u32 = 200;

/// One way to ask for something.
#[derive(Clone)]
pub struct Side<'a> {
    caller: Option<&'a Caller>,
    sql: &'a str,
    repeat: u32,
    workers: u32,
}

impl<'a> Side<'a> {
    /// As this caller asks it through the API.
    pub fn of(caller: &'a Caller, sql: &'a str) -> Self {
        Self { caller: Some(caller), sql, repeat: 1, workers: 0 }
    }

    /// As the superuser, whom no policy holds.
    pub fn superuser(sql: &'a str) -> Self {
        Self { caller: None, sql, repeat: 1, workers: 0 }
    }

    /// So often in one round, for what takes about a millisecond.
    pub fn repeated(mut self, times: u32) -> Self {
        self.repeat = times;
        self
    }

    /// With parallel workers, where the plan allows them.
    pub fn workers(mut self, count: u32) -> Self {
        self.workers = count;
        self
    }

    fn name(&self) -> &str {
        self.caller.map_or("superuser", Caller::role)
    }
}

/// The connection, and what was measured so far.
pub struct Bed<'c> {
    cluster: &'c Cluster,
    client: Client,
    databases: usize,
    /// Milliseconds that `select 1` takes on the first connection.
    pub yardstick: f64,
    /// In the order in which they were taken.
    pub measurements: Vec<Measurement>,
    /// What could not be measured, with the reason.
    pub left_out: Vec<String>,
}

impl<'c> Bed<'c> {
    /// On the first copy of [`DATABASE`], which nobody else may be connected to. Takes the yardstick first.
    pub fn new(cluster: &'c Cluster) -> anyhow::Result<Self> {
        let client = copy(cluster, 1)?;
        let mut bed = Self {
            cluster,
            client,
            databases: 1,
            yardstick: 0.0,
            measurements: Vec::new(),
            left_out: Vec::new(),
        };
        bed.yardstick = bed.medians(&[Side::superuser("select 1").repeated(YARDSTICK)])?[0];
        Ok(bed)
    }

    /// Leaves the data behind, for a database as it was after the migration.
    pub fn start_over(&mut self) -> anyhow::Result<()> {
        self.databases += 1;
        self.client = copy(self.cluster, self.databases)?;
        Ok(())
    }

    /// The server, for what needs databases of its own.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// Runs statements that are not measured.
    pub fn execute(&mut self, sql: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Runs a statement with parameters that is not measured.
    pub fn execute_with(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> anyhow::Result<()> {
        self.client.execute(sql, parameters)?;
        Ok(())
    }

    /// Another connection to the same database.
    pub fn connect(&self) -> anyhow::Result<Client> {
        self.cluster.connect(&name(self.databases))
    }

    /// The HTTP layer on the same database.
    pub fn serve(&self, postgrest: &Path) -> anyhow::Result<Postgrest> {
        Postgrest::run(postgrest, self.cluster, &name(self.databases))
    }

    /// One value, as text, that is not measured.
    pub fn ask(&mut self, sql: &str) -> anyhow::Result<String> {
        Ok(self.client.query_one(&format!("select ({sql})::text"), &[])?.get(0))
    }

    /// Runs statements that fill tables, and leaves these as autovacuum would have by and by.
    pub fn load(&mut self, sql: &str, tables: &[&str]) -> anyhow::Result<()> {
        self.execute(sql)?;
        for table in tables {
            self.execute(&format!("vacuum (analyze, freeze) public.{table}"))?;
        }
        self.execute("checkpoint")
    }

    /// Notes how many times as long as the second side the first one takes.
    pub fn compare(
        &mut self,
        name: &str,
        target: impl Into<Option<Target>>,
        sides: &[Side<'_>; 2],
    ) -> anyhow::Result<()> {
        let medians = self.medians(sides)?;
        let mut measurement = Measurement::new(name, medians[0] / medians[1], "", target);
        for (side, median) in sides.iter().zip(medians) {
            measurement = measurement.median(side.name(), median, self.plan(side)?.scans());
        }
        self.note(measurement, sides)
    }

    /// Milliseconds that a side takes longer than `select 1`, which is measured again beside it.
    pub fn beyond_yardstick(&mut self, side: &Side<'_>) -> anyhow::Result<f64> {
        let yardstick = Side { sql: "select 1", ..side.clone() }.repeated(YARDSTICK);
        let medians = self.medians(&[side.clone(), yardstick])?;
        Ok(medians[0] - medians[1])
    }

    /// How a side is going to be run.
    pub fn plan(&mut self, side: &Side<'_>) -> anyhow::Result<Plan> {
        Plan::parse(&self.explain("format json", side)?)
    }

    /// Takes a measurement in. For a miss, the plans with their real figures go to standard error.
    pub fn note(&mut self, measurement: Measurement, sides: &[Side<'_>]) -> anyhow::Result<()> {
        eprintln!("{measurement}");
        if measurement.is_missed() {
            for side in sides {
                let plan = self.explain("analyze, buffers, verbose off", side)?;
                eprintln!("    as {}: {}\n{}", side.name(), side.sql, indented(&plan));
            }
        }
        self.measurements.push(measurement);
        Ok(())
    }

    /// Names what is not measured here, and why.
    pub fn leave_out(&mut self, what: &str, why: &anyhow::Error) {
        let line = format!("{what}\n    LEFT OUT: {}", format!("{why:#}").replace('\n', " "));
        eprintln!("{line}");
        self.left_out.push(line);
    }

    /// Milliseconds of each side, from [`in_turns`].
    fn medians(&mut self, sides: &[Side<'_>]) -> anyhow::Result<Vec<f64>> {
        in_turns(sides.len(), |at| self.time(&sides[at]))
    }

    /// Milliseconds that a side takes this time.
    pub fn time(&mut self, side: &Side<'_>) -> anyhow::Result<f64> {
        self.request(side, |client| {
            let start = Instant::now();
            for _ in 0..side.repeat {
                client.simple_query(side.sql)?;
            }
            Ok(milliseconds(start.elapsed()) / f64::from(side.repeat))
        })
    }

    fn explain(&mut self, options: &str, side: &Side<'_>) -> anyhow::Result<String> {
        self.request(side, |transaction| {
            let mut text = String::new();
            for message in transaction.simple_query(&format!("explain ({options}) {}", side.sql))? {
                if let SimpleQueryMessage::Row(row) = message {
                    text.push_str(row.get(0).unwrap_or_default());
                    text.push('\n');
                }
            }
            Ok(text)
        })
    }

    /// One request of a side; a transaction for the superuser too, so that both sides are alike.
    fn request<T>(
        &mut self,
        side: &Side<'_>,
        work: impl FnOnce(&mut postgres::Transaction<'_>) -> Result<T, postgres::Error>,
    ) -> anyhow::Result<T> {
        let mut transaction = match side.caller {
            Some(caller) => caller.begin(&mut self.client)?,
            None => self.client.transaction()?,
        };
        transaction
            .batch_execute(&format!("set local max_parallel_workers_per_gather = {}", side.workers))?;
        let answer = work(&mut transaction)?;
        transaction.commit()?;
        Ok(answer)
    }
}

/// Milliseconds of each of so many sides: medians of rounds in which each side has its turn, in changing order.
pub fn in_turns(
    sides: usize,
    mut take: impl FnMut(usize) -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<f64>> {
    let mut samples = vec![Vec::new(); sides];
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..sides {
            let at = (round + turn) % sides;
            let taken = take(at)?;
            if round >= WARM_UP {
                samples[at].push(taken);
            }
        }
    }
    Ok(samples.into_iter().map(median).collect())
}

fn name(number: usize) -> String {
    format!("bench_{number}")
}

fn copy(cluster: &Cluster, number: usize) -> anyhow::Result<Client> {
    let name = name(number);
    cluster.connect("postgres")?.batch_execute(&format!("create database {name} template {DATABASE}"))?;
    cluster.connect(&name)
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The middle of them.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "      {line}");
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![5.0, 1.0, 100.0, 2.0, 3.0]), 3.0);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
