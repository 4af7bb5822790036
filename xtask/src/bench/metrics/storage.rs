//! What points take on disk, and whether a point costs the same however many jobs report.
//!
//! Six metrics each, through `report_training_metrics`, every job's batch after the other's. Bytes are those of ten jobs that
//! report 50 points at a time, index by index; the time of a point is taken in batches of 1,000 for 1, 10 and 100 jobs, on a
//! database of its own for each, slice by slice in changing order.

use std::time::Instant;

use pg_lora_tests::{Caller, Cluster};
use postgres::{Client, Statement};

use super::super::bed::{Bed, ROUNDS, median, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::jobs;
use super::points::{Batch, Metrics};
use crate::db::DATABASE;

/// What a job that reports now and then sends at once.
const SMALL_BATCH: u32 = 50;

const BATCH: u32 = 1000;

/// Jobs that report to the same table.
const NUMBERS_OF_JOBS: [usize; 3] = [1, 10, 100];

/// How much more a point may cost among many jobs and still count as the same.
const FLAT: f64 = 1.2;

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
        let statement = client.prepare(
            "select (public.report_training_metrics($1::text::uuid, 1, $2::text::jsonb) ->> 'accepted')::int",
        )?;
        Ok(Self { client, statement, jobs, step: 0 })
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
pub fn run(bed: &mut Bed<'_>, full: bool) -> anyhow::Result<()> {
    let points = if full { 100_000 } else { 10_000 };
    bytes(bed, points)?;
    cost(bed, points)
}

fn bytes(bed: &mut Bed<'_>, points: u32) -> anyhow::Result<()> {
    let mut reports = Reports::new(bed.cluster(), "bench_bytes", 10)?;
    reports.report(points, SMALL_BATCH)?;
    let mut note = |when: &str, limit: f64, reports: &mut Reports| -> anyhow::Result<()> {
        let name = format!("bytes for a point of six metrics, 10 jobs of {points}, {when}");
        let measurement = Measurement::new(name, reports.bytes()?, "B", Target::AtMost(limit));
        bed.note(measurement, &[])?;
        for (part, bytes) in reports.bytes_of_parts()? {
            bed.note(Measurement::new(format!("of these {part}, {when}"), bytes, "B", None), &[])?;
        }
        Ok(())
    };
    note("as inserted", 300.0, &mut reports)?;
    reports.client.batch_execute("reindex table public.metrics_points")?;
    note("after REINDEX", 230.0, &mut reports)
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
            // Of a thousand points.
            let thousands = f64::from(slice / BATCH) * reports.jobs.len() as f64;
            slices.push(reports.report(slice, BATCH)? / thousands);
        }
    }
    let mut of_one = None;
    for (reports, slices) in &mut databases {
        let (count, taken) = (reports.jobs.len(), median(slices.clone()));
        let ratio = taken / *of_one.get_or_insert(taken);
        let words = format!("{:.1} bytes for a point", reports.bytes()?);
        let name = format!("a point of {count} jobs of {points}, to one of 1 job");
        let target = (count > 1).then_some(Target::AtMost(FLAT));
        let measurement = Measurement::new(name, ratio, "", target).median("1,000 points", taken, words);
        bed.note(measurement, &[])?;
    }
    Ok(())
}
