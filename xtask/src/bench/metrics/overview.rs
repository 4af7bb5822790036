//! A page of `training_jobs_overview`: 50 of 10,000 jobs of one user, with all their points behind them.
//!
//! One job of each state comes through the API, with its points, its pace and its events; the others are its copies, which
//! takes minutes in place of hours.

use pg_lora_tests::{Caller, story};
use postgres::Client;

use super::super::bed::{Bed, Side};
use super::super::measurement::{Measurement, Target};
use super::jobs;
use super::points::{Batch, Metrics};

const JOBS: u32 = 10_000;

const PAGE: u32 = 50;

/// Which job the copy with this number is one of: the newest page has jobs of every state, behind it they are over. The
/// newest copy has number 1.
const KINDS: &str = "
    case
      when number <= 10 then 'queued'
      when number <= 20 then 'running'
      when number % 10 = 0 then 'failed'
      when number % 10 = 5 then 'cancelled'
      else 'completed'
    end";

/// Runs it.
pub fn run(bed: &mut Bed<'_>, full: bool) -> anyhow::Result<()> {
    let points = if full { 1000 } else { 100 };
    bed.start_over()?;
    let mut client = bed.connect()?;
    let owner = fill(&mut client, points)?;
    let behind: i64 = client.query_one("select count(*) from public.metrics_points", &[])?.get(0);
    client.close()?;
    let millions = behind as f64 / 1e6;
    let mixed = format!("select public.training_jobs_overview(page_size => {PAGE})");
    let over = format!("select public.training_jobs_overview('completed', {PAGE})");
    for (sql, what, target) in
        [(&mixed, "of every state", Some(Target::AtMost(5.0))), (&over, "completed", None)]
    {
        let count = format!("select jsonb_array_length(({sql}) -> 'jobs')");
        let shown = owner.ask(&mut bed.connect()?, &count)?;
        let side = Side::of(&owner, sql).repeated(20);
        let measured = bed.beyond_yardstick(&side)?;
        let name = format!(
            "training_jobs_overview: {PAGE} of {JOBS} jobs, {what}, {millions:.1} M points behind them, beyond select 1"
        );
        let measurement =
            Measurement::new(name, measured, "ms", target).condition(format!("{PAGE} jobs"), shown == PAGE);
        bed.note(measurement, &[side])?;
    }
    Ok(())
}

/// The jobs of one user; who that is.
fn fill(client: &mut Client, points: u32) -> anyhow::Result<Caller> {
    // Claims take the oldest first; what is left stays in the queue.
    let kinds = ["completed", "failed", "cancelled", "running"];
    let owner = story::sign_up(client, "overview");
    let dataset = story::ready_dataset(client, &owner, 100);
    for _ in 0..=kinds.len() {
        story::queue_job(client, &owner, &dataset, points);
    }
    client.batch_execute("create temporary table templates (kind text, id uuid)")?;
    for kind in kinds {
        let job = story::claim(client, "bench");
        let reported = if kind == "completed" { points } else { points / 2 };
        let report = format!("select public.report_training_metrics('{job}', 1, $1::text::jsonb)");
        let batch = Batch::new(1, reported, Metrics::Six);
        Caller::service().run(client, |request| request.execute(&report, &[&batch.json]))?;
        match kind {
            "completed" => {
                story::complete(client, &job)?;
            }
            "failed" => {
                let fail = format!(
                    "select public.fail_training_job('{job}', 1, 'infrastructure', 'the machine went away')"
                );
                Caller::service().run(client, |request| request.execute(&fail, &[]))?;
            }
            "cancelled" => {
                let cancel = format!("select public.cancel_training_job('{job}', 'a better idea')");
                owner.run(client, |request| request.execute(&cancel, &[]))?;
            }
            _ => {}
        }
        client.execute("insert into templates values ($1, $2::text::uuid)", &[&kind, &job])?;
    }
    client.batch_execute(&format!(
        "insert into templates
           select 'queued', id from public.training_jobs where status = 'queued';
         set session_replication_role = replica;
         create temporary table copies as
           select gen_random_uuid() as id, made.number, templates.id as template
           from (select number, {KINDS} as kind from generate_series(1, {JOBS} - 5) as number) as made
           join templates on templates.kind = made.kind;
         insert into public.training_jobs
           select (jsonb_populate_record(job, jsonb_build_object('id', copies.id, 'external_job_id', null,
             'created_at', now() - copies.number * interval '1 minute',
             'queued_at', job.queued_at + copies.number * interval '1 us'))).*
           from public.training_jobs as job join copies on copies.template = job.id;
         insert into lora_private.training_job_paces
           select copies.id, pace.attempt, pace.pace
           from lora_private.training_job_paces as pace join copies on copies.template = pace.job_id;
         insert into public.training_job_events
           select (jsonb_populate_record(event, jsonb_build_object('job_id', copies.id))).*
           from public.training_job_events as event join copies on copies.template = event.job_id;
         -- As many for each job that is over, whatever its template has reported.
         insert into public.metrics_points (
           job_id, attempt, \"timestamp\", epoch, step, training_loss, validation_loss, learning_rate, gradient_norm, throughput,
           gpu_utilization
         )
           select copies.id, 1, point.\"timestamp\", point.epoch, point.step, point.training_loss, point.validation_loss,
             point.learning_rate, point.gradient_norm, point.throughput, point.gpu_utilization
           from copies
           join templates on templates.id = copies.template and templates.kind <> 'queued'
           cross join public.metrics_points as point
           where point.job_id = (select id from templates where kind = 'completed');
         drop table copies, templates;
         set session_replication_role = origin"
    ))?;
    jobs::vacuum(client)?;
    client.batch_execute("vacuum (analyze) public.training_job_events")?;
    client.batch_execute("checkpoint")?;
    Ok(owner)
}
