//! A database as the specification makes it, with many points, is adopted: how long each step keeps everybody off
//! `metrics_points`, beside what `pg-lora plan` announced.
//!
//! All versions after the one that rewrites the table meet it as an older build of ours left it, so one adoption shows what
//! each of them does to a large table.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use pg_lora_tests::Cluster;
use serde_json::Value;

use super::super::bed::Bed;
use super::super::measurement::{Measurement, Target};
use super::held::{Held, Onlookers, Wait};
use crate::process;
use crate::setup::Prepared;

const DATABASE: &str = "bench_points";
const TABLE: &str = "public.metrics_points";

/// Of each job.
const STEPS: u32 = 100_000;

/// Without an announcement.
const LONGEST: f64 = 200.0;

/// A user with jobs, as the application of the specification leaves them.
const JOBS: &str = "insert into auth.users (id, email)
    values ('00000000-0000-4000-8000-00000000000a', 'alice@example.org');
  insert into public.datasets (id, user_id, name, status, storage_path, file_name, file_size, training_ready)
    values ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-00000000000a', 'one', 'ready', 'x/x', 'x', 1, true);
  insert into public.training_jobs (id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, total_epochs, estimated_total_cost)
  select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid, '00000000-0000-4000-8000-00000000000a',
    '00000000-0000-4000-8000-0000000000d1', 'balanced', '{\"num_epochs\": 3}', '{\"gpu_type\": \"A100\", \"num_gpus\": 1}', 'completed', 3, 4.1
  from generate_series(1, {jobs}) as number;";

const POINTS: &str =
    "insert into public.metrics_points (job_id, \"timestamp\", epoch, step, training_loss, validation_loss,
    learning_rate, gradient_norm, throughput, gpu_utilization)
  select job.id, '2026-01-01Z'::timestamptz + step * interval '1 s', step / 40000, step, 1 + 1.0 / step,
    case when step % 100 = 0 then 1.2 + 1.0 / step end, 0.0002, 0.5, 1234.5, 97.5
  from public.training_jobs as job, generate_series(1, {steps}) as step";

/// The specification's indexes are made after the rows, which is faster and makes the same.
const WITHOUT_INDEXES: &str = "alter table public.metrics_points drop constraint metrics_points_pkey;
  drop index public.idx_metrics_points_job_id, public.idx_metrics_points_timestamp";
const WITH_INDEXES: &str = "alter table public.metrics_points add primary key (id);
  create index idx_metrics_points_job_id on public.metrics_points (job_id);
  create index idx_metrics_points_timestamp on public.metrics_points (job_id, \"timestamp\" desc)";

/// The last point of a job, as a page of the application reads it.
const READ: &str = "select training_loss from public.metrics_points
    where job_id = '00000000-0000-4000-8000-000000000001' order by \"timestamp\" desc limit 1";

/// A step that wrote, and when, in seconds since 1970.
struct Step {
    name: String,
    from: f64,
    to: f64,
}

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, program: &Path, full: bool) -> anyhow::Result<()> {
    let jobs = if full { 100 } else { 10 };
    let rows = f64::from(jobs) * f64::from(STEPS);
    seed(bed, prepared, jobs)?;
    let cluster = bed.cluster();
    let plan: Value = serde_json::from_str(&pg_lora(cluster, program, "plan")?)?;
    let onlookers = Onlookers::of(cluster, DATABASE, TABLE, READ)?;
    let outcome = pg_lora(cluster, program, "migrate");
    let (held, waits) = onlookers.ask()?;
    outcome?;
    let steps = steps(cluster)?;
    let millions = rows / 1e6;
    for Held { seen, at_least, at_most } in &held {
        // Of two that it may have been, the later one: the one that rewrites is announced, and has no target.
        let step = steps.iter().rev().find(|step| seen.0 <= step.to && seen.1 >= step.from);
        let name = step.map_or("a step that wrote nothing", |step| &step.name);
        let announced = announced(&plan, name);
        let target = announced.is_none().then_some(Target::AtMost(LONGEST));
        let words = announced.map_or(String::new(), |seconds| format!(", announced as about {seconds:.1} s"));
        let what = format!("{name}: metrics_points of {millions} M rows under ACCESS EXCLUSIVE{words}");
        let measurement = Measurement::new(what, *at_most, "ms", target).median(
            "held",
            *at_least,
            "at least; the figure is the most that it can have been".to_owned(),
        );
        bed.note(measurement, &[])?;
        if let Some(seconds) = announced {
            let what = format!("{name}: how long the table was held, to what plan announced");
            bed.note(Measurement::new(what, at_most / 1000.0 / seconds, "", None), &[])?;
        }
    }
    let announced = |wait: &Wait| {
        let began = wait.answered - wait.milliseconds / 1000.0;
        let during = steps.iter().filter(|step| began <= step.to && wait.answered >= step.from);
        during.into_iter().any(|step| announced(&plan, &step.name).is_some())
    };
    let longest = waits.iter().filter(|wait| !announced(wait)).map(|wait| wait.milliseconds);
    let longest = longest.fold(0.0, f64::max);
    let what =
        format!("longest of {} reads of metrics_points of {millions} M rows, unannounced", waits.len());
    bed.note(Measurement::new(what, longest, "ms", Target::AtMost(LONGEST)), &[])?;
    let mut client = bed.cluster().connect("postgres")?;
    client.batch_execute(&format!("drop database {DATABASE}"))?;
    Ok(client.close()?)
}

fn seed(bed: &Bed<'_>, prepared: &Prepared<'_>, jobs: u32) -> anyhow::Result<()> {
    super::fresh(bed, DATABASE)?;
    let mut client = bed.cluster().connect(DATABASE)?;
    let seed = super::read(&prepared.checkout.root().join("tests/fixtures/seed.sql"))?;
    client.batch_execute(&seed).context("could not run the specification's SQL")?;
    client.batch_execute(&JOBS.replace("{jobs}", &jobs.to_string()))?;
    client.batch_execute(WITHOUT_INDEXES)?;
    client.batch_execute(&POINTS.replace("{steps}", &STEPS.to_string()))?;
    client.batch_execute(WITH_INDEXES)?;
    // As autovacuum would have left it.
    client.batch_execute("vacuum (analyze) public.metrics_points")?;
    client.batch_execute("analyze; checkpoint")?;
    Ok(client.close()?)
}

fn pg_lora(cluster: &Cluster, program: &Path, command: &str) -> anyhow::Result<String> {
    let mut run = Command::new(program);
    process::output(run.args([command, "--output", "json"]).env("DATABASE_URL", cluster.url(DATABASE)))
}

/// From the run log.
fn steps(cluster: &Cluster) -> anyhow::Result<Vec<Step>> {
    let sql = "select name, extract(epoch from started_at)::float8, extract(epoch from recorded_at)::float8
        from lora_migrate.runs order by recorded_at";
    let mut client = cluster.connect(DATABASE)?;
    let rows = client.query(sql, &[])?;
    let steps = rows.iter().map(|row| Step { name: row.get(0), from: row.get(1), to: row.get(2) });
    let steps = steps.collect();
    client.close()?;
    Ok(steps)
}

/// The seconds that the plan says a step takes to write the table anew.
fn announced(plan: &Value, step: &str) -> Option<f64> {
    let steps = plan["steps"].as_array()?;
    let step = steps.iter().find(|one| one["name"] == step)?;
    let table = step["tables"].as_array()?.iter().find(|table| table["table"] == TABLE)?;
    if table["lock"] != "ACCESS EXCLUSIVE" {
        return None;
    }
    table["seconds"].as_f64()
}
