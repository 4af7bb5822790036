//! How fast points come in: batches of 1,000 through `report_training_metrics`, beside a plain insert of the same rows into
//! the same table and beside MLflow's store; and one point in a call.
//!
//! Ours and the plain insert are prepared statements of `service_role` on one connection, each in a transaction of its own
//! whose commit counts. Every side serves ten jobs (MLflow: runs) in turns; what is sent is made before it is timed.

use std::time::Instant;

use pg_lora_tests::Caller;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use super::super::bed::{Bed, in_turns, median, milliseconds};
use super::super::measurement::{Measurement, Target};
use super::jobs;
use super::mlflow::{self, Store};
use super::points::{Batch, Metrics};

/// Jobs, and runs of MLflow, that take batches in turns.
pub const JOBS: usize = 10;

/// Points in a batch of ours.
const BATCH: u32 = 1000;

/// Single points whose time counts, after as many that do not.
const CALLS: usize = 501;

/// As any service would that writes the table itself.
const INSERT: &str = r#"
    insert into public.metrics_points (
      job_id, attempt, step, epoch, "timestamp", training_loss, learning_rate, gradient_norm, throughput, gpu_utilization
    )
    select $1::text::uuid, 1, * from unnest(
      $2::int[], $3::int[], $4::timestamptz[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::float8[]
    )"#;

/// The records of a batch of JSON, as the function reads them.
const RECORDS: &str = r#"
    from pg_catalog.jsonb_array_elements($2::text::jsonb) with ordinality as item (point, number)
    cross join lateral pg_catalog.jsonb_to_record(item.point) as point (
      step integer, epoch integer, "timestamp" timestamptz, training_loss double precision,
      validation_loss double precision, learning_rate double precision, gradient_norm double precision,
      throughput double precision, gpu_utilization double precision
    )"#;

/// What is done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `report_training_metrics`.
    Report,
    /// [`INSERT`].
    Insert,
    /// The plain insert of what is read out of the JSON.
    InsertRecords,
    /// Reading the records out of the JSON, and nothing else.
    Records,
    /// Reading the JSON, and nothing of it.
    Parse,
}

const WAYS: [Way; 5] = [Way::Report, Way::Insert, Way::InsertRecords, Way::Records, Way::Parse];

impl Way {
    fn sql(self) -> String {
        match self {
            Self::Report => {
                "select (public.report_training_metrics($1::text::uuid, 1, $2::text::jsonb) ->> 'accepted')::int"
                    .to_owned()
            }
            Self::Insert => INSERT.to_owned(),
            Self::InsertRecords => format!(
                "insert into public.metrics_points (job_id, attempt, step, epoch, \"timestamp\", training_loss, \
                 learning_rate, gradient_norm, throughput, gpu_utilization) \
                 select $1::text::uuid, 1, step, epoch, \"timestamp\", training_loss, learning_rate, gradient_norm, \
                 throughput, gpu_utilization {RECORDS}"
            ),
            Self::Records => format!(
                "select $1::text, count(*), max(step), max(\"timestamp\"), max(training_loss), max(learning_rate), \
                 max(gradient_norm), max(throughput), max(gpu_utilization) {RECORDS}"
            ),
            Self::Parse => "select $1::text, pg_catalog.jsonb_array_length($2::text::jsonb)".to_owned(),
        }
    }

    /// Whether its points stay.
    fn inserts(self) -> bool {
        matches!(self, Self::Report | Self::Insert | Self::InsertRecords)
    }
}

/// A way at work: its statement, its jobs, and the step that each of them has reached.
struct Side {
    way: Way,
    statement: Statement,
    jobs: Vec<String>,
    batches: usize,
}

impl Side {
    fn new(client: &mut Client, way: Way) -> anyhow::Result<Self> {
        let (_, jobs) = jobs::claimed(client, &format!("{way:?}").to_lowercase(), JOBS, 10_000_000);
        Ok(Self { way, statement: client.prepare(&way.sql())?, jobs, batches: 0 })
    }

    /// Milliseconds of so many batches.
    fn time(&mut self, client: &mut Client, batches: usize) -> anyhow::Result<f64> {
        let mut all = 0.0;
        for _ in 0..batches {
            let first = (self.batches / JOBS) as u32 * BATCH + 1;
            all += self.send(client, &Batch::new(first, BATCH, Metrics::Five))?;
        }
        Ok(all)
    }

    /// Milliseconds of one batch, for the job whose turn it is.
    fn send(&mut self, client: &mut Client, batch: &Batch) -> anyhow::Result<f64> {
        let job = &self.jobs[self.batches % JOBS];
        self.batches += 1;
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![job];
        if self.way == Way::Insert {
            parameters.extend([&batch.steps as &(dyn ToSql + Sync), &batch.epochs, &batch.at]);
            parameters.extend(batch.figures.iter().map(|column| column as &(dyn ToSql + Sync)));
        } else {
            parameters.push(&batch.json);
        }
        let mut request = Caller::service().begin(client)?;
        let start = Instant::now();
        let rows = request.query(&self.statement, &parameters)?;
        request.commit()?;
        let taken = milliseconds(start.elapsed());
        if self.way == Way::Report {
            let accepted: i32 = rows[0].get(0);
            anyhow::ensure!(accepted as usize == batch.steps.len(), "{accepted} points were accepted");
        }
        Ok(taken)
    }
}

/// Runs it, beside MLflow's store where there is one.
pub fn run(bed: &mut Bed<'_>, mut store: Option<&mut Store>, full: bool) -> anyhow::Result<()> {
    let batches = if full { 100 } else { 20 };
    let mut client = bed.connect()?;
    let mut sides = Vec::new();
    for way in WAYS {
        sides.push(Side::new(&mut client, way)?);
    }
    let count = WAYS.len() + usize::from(store.is_some());
    let medians = in_turns(count, |at| match (sides.get_mut(at), store.as_deref_mut()) {
        (Some(side), _) => {
            jobs::vacuum(&mut client)?;
            Ok(side.time(&mut client, batches)? / batches as f64)
        }
        (None, Some(store)) => {
            // It takes some forty times as long for a point.
            let times = store.log(batches, mlflow::BATCH)?;
            Ok(times.iter().sum::<f64>() / (batches * mlflow::BATCH) as f64 * f64::from(BATCH))
        }
        (None, None) => unreachable!("there are as many sides as were counted"),
    })?;
    let points: usize = sides.iter().filter(|side| side.way.inserts()).map(|side| side.batches).sum();
    let rows: i64 = client.query_one("select count(*) from public.metrics_points", &[])?.get(0);
    let complete = rows == points as i64 * i64::from(BATCH);
    let of = |way: Way| medians[WAYS.iter().position(|other| *other == way).unwrap_or_default()];
    let ours = of(Way::Report);
    let name =
        format!("batches of {BATCH} points through report_training_metrics: rate, to a plain insert's");
    let measurement = Measurement::new(name, of(Way::Insert) / ours, "", Target::AtLeast(0.6))
        .median("report_training_metrics, a batch", ours, rate(ours))
        .median("insert from arrays", of(Way::Insert), rate(of(Way::Insert)))
        .condition("every point is there", complete);
    bed.note(measurement, &[])?;
    for (way, what) in [
        (Way::InsertRecords, "a plain insert from the JSON"),
        (Way::Records, "reading the records out of the JSON alone"),
        (Way::Parse, "reading the JSON alone"),
    ] {
        let name = format!("{what}, to report_training_metrics");
        let measurement =
            Measurement::new(name, of(way) / ours, "", None).median(what, of(way), rate(of(way)));
        bed.note(measurement, &[])?;
    }
    if let Some(store) = store {
        let theirs = medians[WAYS.len()];
        let name = format!(
            "the same with {} values each: rate, to that of MLflow {}'s log_batch",
            mlflow::VALUES,
            store.version()
        );
        let measurement = Measurement::new(name, theirs / ours, "", Target::AtLeast(40.0))
            .median("report_training_metrics, 1,000 points", ours, rate(ours))
            .median("log_batch, 5 times 200 points", theirs, rate(theirs))
            .condition("MLflow has every value", store.is_complete()?);
        bed.note(measurement, &[])?;
        single_points(bed, &mut client, &mut sides[0], Some(store))
    } else {
        single_points(bed, &mut client, &mut sides[0], None)
    }
}

/// One point in a call, in turns with `select 1`, which has a transaction of its own as well.
fn single_points(
    bed: &mut Bed<'_>,
    client: &mut Client,
    side: &mut Side,
    store: Option<&mut Store>,
) -> anyhow::Result<()> {
    jobs::vacuum(client)?;
    let yardstick = client.prepare("select 1")?;
    let (mut ours, mut nothing) = (Vec::new(), Vec::new());
    // Behind what the batches have reached.
    let first = (side.batches / JOBS) as u32 * BATCH + 2 * BATCH;
    for call in 0..2 * CALLS as u32 {
        let taken = side.send(client, &Batch::new(first + call, 1, Metrics::Five))?;
        let mut request = Caller::service().begin(client)?;
        let start = Instant::now();
        request.query(&yardstick, &[])?;
        request.commit()?;
        if call as usize >= CALLS {
            ours.push(taken);
            nothing.push(milliseconds(start.elapsed()));
        }
    }
    let (ours, nothing) = (median(ours), median(nothing));
    let name = format!("one point in a call, beyond select 1, p50 of {CALLS} calls");
    let mut measurement = Measurement::new(name, ours - nothing, "ms", Target::AtMost(2.0))
        .median("report_training_metrics", ours, "with its commit".to_owned())
        .median("select 1", nothing, "with its commit".to_owned());
    if let Some(store) = store {
        let theirs = store.log(2 * CALLS, 1)?.split_off(CALLS);
        measurement = measurement.median("MLflow's log_batch", median(theirs), "as it is".to_owned());
    }
    bed.note(measurement, &[])
}

/// As people compare it.
fn rate(milliseconds: f64) -> String {
    format!("{:.0} points/s", f64::from(BATCH) * 1000.0 / milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_in_ten_milliseconds_is_100_000_points_a_second() {
        assert_eq!(rate(10.0), "100000 points/s");
    }
}
