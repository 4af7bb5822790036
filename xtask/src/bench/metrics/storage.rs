//! What points take on disk, and whether a point costs the same however many jobs report.
//!
//! Six metrics each, through `report_training_metrics`, every job's batch after the other's. Bytes are those of ten jobs that
//! report 50 points at a time, index by index; the time of a point is taken in batches of 500 for 1, 10 and 100 jobs, on a
//! database of its own for each, slice by slice in changing order.

use std::time::Instant;

use pg_lora_tests::{Caller, Cluster};
use postgres::{Client, Statement};

use super::super::bed::{Bed, ROUNDS, median, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::points::{Batch, Metrics};
use super::{ingest, jobs, mlflow};
use crate::db::DATABASE;

/// What a job that reports now and then sends at once.
const SMALL_BATCH: u32 = 50;

/// Small enough that one job has several calls in each slice.
const BATCH: u32 = 500;

/// Jobs that report to the same table.
const NUMBERS_OF_JOBS: [usize; 3] = [1, 10, 100];

/// How much more a point may cost among many jobs and still count as the same.
const FLAT: f64 = 1.2;

const REPORT: &str =
    "select (public.report_training_metrics($1::text::uuid, 1, $2::text::jsonb) ->> 'accepted')::int";

/// A database that so many jobs report to.
struct Reports {
    client: Client,
    statement: Statement,
    jobs: Vec<String>,
    /// The step that all jobs have reached.
    step: u32,
}

impl Reports {
    fn new(cluster: &Cluster, database: &str, count: usize) -> anyhow::Result<Self> {
        cluster
            .connect("postgres")?
            .batch_execute(&format!("create database {database} template {DATABASE}"))?;
        let mut client = cluster.connect(database)?;
        let (_, jobs) = jobs::claimed(&mut client, "storage", count, 10_000_000);
        let statement = client.prepare(REPORT)?;
        Ok(Self { client, statement, jobs, step: 0 })
    }

    fn reconnect(&mut self, cluster: &Cluster, database: &str) -> anyhow::Result<()> {
        self.client = cluster.connect(database)?;
        self.statement = self.client.prepare(REPORT)?;
        Ok(())
    }

    /// So many points more of each job, in turns; the milliseconds of all calls.
    fn report(&mut self, points: u32, batch: u32) -> anyhow::Result<f64> {
        let mut taken = 0.0;
        for _ in 0..points / batch {
            let points = Batch::new(self.step + 1, batch, Metrics::Six);
            self.step += batch;
            for job in &self.jobs {
                let mut request = Caller::service().begin(&mut self.client)?;
                let start = Instant::now();
                let accepted: i32 = request.query_one(&self.statement, &[job, &points.json])?.get(0);
                request.commit()?;
                taken += milliseconds(start.elapsed());
                anyhow::ensure!(accepted.cast_unsigned() == batch, "{accepted} points were accepted");
            }
        }
        Ok(taken)
    }

    /// Bytes of the whole table for a point.
    fn bytes(&mut self) -> anyhow::Result<f64> {
        let sql = "select pg_total_relation_size('public.metrics_points')::float8 / count(*) from public.metrics_points";
        Ok(self.client.query_one(sql, &[])?.get(0))
    }

    /// Bytes for a point of the rows and of each index, the largest first.
    fn bytes_of_parts(&mut self) -> anyhow::Result<Vec<(String, f64)>> {
        let rows = self.client.query(
            "with points as (select count(*)::float8 as count from public.metrics_points)
             select 'rows' as name, pg_table_size('public.metrics_points') / points.count as bytes from points
             union all
             select indexrelid::regclass::text, pg_relation_size(indexrelid) / points.count
             from pg_index, points where indrelid = 'public.metrics_points'::regclass
             order by bytes desc",
            &[],
        )?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

/// Runs it.
pub fn run(bed: &mut Bed<'_>, of_mlflow: Option<[mlflow::Bytes; 2]>, full: bool) -> anyhow::Result<()> {
    let points = if full { 100_000 } else { 10_000 };
    bytes(bed, of_mlflow, points)?;
    cost(bed, points)?;
    before_statistics(bed)
}

fn bytes(bed: &mut Bed<'_>, of_mlflow: Option<[mlflow::Bytes; 2]>, points: u32) -> anyhow::Result<()> {
    let mut reports = Reports::new(bed.cluster(), "bench_bytes", ingest::JOBS)?;
    for _ in 0..10 {
        jobs::vacuum(&mut reports.client)?;
        reports.report(points / 10, SMALL_BATCH)?;
    }
    for (at, (when, limit)) in [("as inserted", 300.0), ("after REINDEX", 230.0)].into_iter().enumerate() {
        if at > 0 {
            reports.client.batch_execute("reindex table public.metrics_points")?;
        }
        let name = format!("bytes for a point of six metrics, {} jobs of {points}, {when}", ingest::JOBS);
        bed.note(Measurement::new(name, reports.bytes()?, "B", Target::AtMost(limit)), &[])?;
        for (part, bytes) in reports.bytes_of_parts()? {
            bed.note(Measurement::new(format!("of these {part}, {when}"), bytes, "B", None), &[])?;
        }
        if let Some(of_mlflow) = of_mlflow {
            let mlflow::Bytes { all, indexes } = of_mlflow[at];
            let name = format!("bytes of MLflow for one value, {indexes:.0} of them in indexes, {when}");
            bed.note(Measurement::new(name, all, "B", None), &[])?;
        }
    }
    Ok(())
}

fn cost(bed: &mut Bed<'_>, points: u32) -> anyhow::Result<()> {
    let mut databases = Vec::new();
    for count in NUMBERS_OF_JOBS {
        databases.push((Reports::new(bed.cluster(), &format!("bench_{count}_jobs"), count)?, Vec::new()));
    }
    let slice = points / ROUNDS as u32;
    for round in 0..ROUNDS {
        for turn in 0..databases.len() {
            let at = (round + turn) % NUMBERS_OF_JOBS.len();
            let (reports, slices) = &mut databases[at];
            jobs::vacuum(&mut reports.client)?;
            // What is known of the tables has changed: the first calls make their plans anew, and count for nobody.
            reports.report(BATCH, BATCH)?;
            let counted = slice - BATCH;
            let thousands = f64::from(counted) / 1000.0 * reports.jobs.len() as f64;
            slices.push(reports.report(counted, BATCH)? / thousands);
        }
    }
    let mut of_one = None;
    for (reports, slices) in &mut databases {
        let (count, taken) = (reports.jobs.len(), median(slices.clone()));
        let words = format!("{:.1} bytes for a point", reports.bytes()?);
        let measurement = match of_one {
            None => {
                Measurement::new(format!("time of 1,000 points of one job of {points}"), taken, "ms", None)
            }
            Some(of_one) => {
                let name = format!("time of a point, {count} jobs of {points} in turns, to one job alone");
                Measurement::new(name, taken / of_one, "", Target::AtMost(FLAT))
            }
        };
        of_one.get_or_insert(taken);
        let measurement = measurement.median("1,000 points", taken, words);
        bed.note(measurement, &[])?;
    }
    Ok(())
}

/// Whether a call stays as fast while nobody has analyzed the table, as between two visits of autovacuum: the planner guesses
/// then how many points a job has.
fn before_statistics(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    const TENTH: u32 = 1000;
    let mut reports = Reports::new(bed.cluster(), "bench_not_analyzed", ingest::JOBS)?;
    let calls = f64::from(TENTH / SMALL_BATCH) * ingest::JOBS as f64;
    let mut tenths = Vec::new();
    for _ in 0..10 {
        // Another worker, whose plans are made for the table as it is now.
        reports.reconnect(bed.cluster(), "bench_not_analyzed")?;
        tenths.push(reports.report(TENTH, SMALL_BATCH)? / calls);
    }
    let name = format!(
        "a call of {SMALL_BATCH} points behind 9,000 of each of {} jobs, to one of the first 1,000, table never analyzed",
        ingest::JOBS
    );
    let measurement = Measurement::new(name, tenths[9] / tenths[0], "", None)
        .median("the last tenth, a call", tenths[9], "with its commit".to_owned())
        .median("the first tenth, a call", tenths[0], "with its commit".to_owned());
    bed.note(measurement, &[])
}
