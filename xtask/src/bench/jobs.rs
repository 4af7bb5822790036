//! What a queue of jobs takes: claim, heartbeat and complete by 8 workers, beside pg-boss's fetch, touch and complete;
//! and what asking for the progress of a job adds to `select 1`.
//!
//! Both sides are played by one program through one driver (`xtask/tools/pg-boss`), each on databases of its own on the
//! same server, slice after slice in changing order. Server time is the processor time of the server's processes for
//! these connections, as the kernel counts it: with more workers than processors, what statements take by the clock is
//! mostly waiting for a processor.

mod peer;
mod progress;

use std::path::Path;

use pg_lora_tests::{Cluster, story};
use postgres::Client;

use self::peer::{Load, Peer, Run, Side};
use super::bed::{Bed, median};
use super::measurement::{Measurement, Target};
use crate::db::DATABASE;
use crate::setup::Prepared;

const WORKERS: usize = 8;

/// In so many slices a queue is worked off; their median counts.
const SLICES: usize = 10;

/// Jobs before the first slice, which are not counted.
const WARM_UP: usize = 200;

/// One of the databases whose queue is worked off.
struct Queue {
    side: Side,
    batch: usize,
    database: String,
    runs: Vec<Run>,
}

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, full: bool) -> anyhow::Result<()> {
    let jobs = if full { 100_000 } else { 10_000 };
    let mut client = bed.connect()?;
    fill(&mut client, jobs)?;
    progress::run(bed, &mut client)?;
    client.close()?;
    match Peer::provide(prepared.checkout) {
        Ok(peer) => beside_peer(bed, &peer, jobs),
        Err(error) => {
            bed.leave_out("claim, heartbeat and complete, to pg-boss's fetch, touch and complete", &error);
            Ok(())
        }
    }
}

fn beside_peer(bed: &mut Bed<'_>, peer: &Peer, jobs: usize) -> anyhow::Result<()> {
    let cluster = bed.cluster();
    let mut queues = Vec::new();
    for batch in [1, 50] {
        for side in [Side::Ours, Side::PgBoss] {
            let database = format!("bench_jobs_{}_{batch}", side.word().replace('-', "_"));
            let template = if side == Side::Ours { DATABASE } else { "template1" };
            let mut client = cluster.connect("postgres")?;
            client.batch_execute(&format!("create database {database} template {template}"))?;
            client.close()?;
            match side {
                Side::Ours => fill(&mut cluster.connect(&database)?, jobs + WARM_UP)?,
                Side::PgBoss => peer.prepare(cluster, &database, jobs + WARM_UP)?,
            }
            vacuum(cluster, &database)?;
            peer.run(cluster, &database, side, Load { jobs: WARM_UP, batch, workers: WORKERS })?;
            queues.push(Queue { side, batch, database, runs: Vec::new() });
        }
    }
    let count = queues.len();
    for slice in 0..SLICES {
        for turn in 0..count {
            let queue = &mut queues[(slice + turn) % count];
            // As autovacuum would.
            vacuum(cluster, &queue.database)?;
            let load = Load { jobs: jobs / SLICES, batch: queue.batch, workers: WORKERS };
            let run = peer.run(cluster, &queue.database, queue.side, load)?;
            eprintln!(
                "    {} in batches of {}: {:.0} jobs/s",
                queue.side.word(),
                queue.batch,
                run.done as f64 / run.seconds
            );
            queue.runs.push(run);
        }
    }
    for pair in queues.chunks(2) {
        note(bed, &pair[0], &pair[1], jobs)?;
    }
    Ok(())
}

fn note(bed: &mut Bed<'_>, ours: &Queue, theirs: &Queue, jobs: usize) -> anyhow::Result<()> {
    let complete = is_complete(bed.cluster(), &ours.database, jobs + WARM_UP)?;
    let per_job = |queue: &Queue, what: fn(&Run) -> f64| {
        median(queue.runs.iter().map(|run| what(run) / run.done as f64 * 1000.0).collect())
    };
    let all = |queue: &Queue, what: fn(&Run) -> f64| queue.runs.iter().map(what).sum::<f64>();
    let wall: fn(&Run) -> f64 = |run| run.seconds;
    let server: fn(&Run) -> f64 = |run| run.server_seconds;
    let client: fn(&Run) -> f64 = |run| run.client_seconds;
    let words = |queue: &Queue| {
        format!(
            "{:.0} jobs/s; all {:.1} s by the clock, {:.1} s of the server, {:.1} s of the client",
            1000.0 / per_job(queue, wall),
            all(queue, wall),
            all(queue, server),
            all(queue, client)
        )
    };
    let mut measurement = Measurement::new(
        format!("{jobs} jobs by {WORKERS} workers in batches of {}: rate, to pg-boss's", ours.batch),
        per_job(theirs, wall) / per_job(ours, wall),
        "",
        Target::AtLeast(0.7),
    );
    for queue in [ours, theirs] {
        let side = format!("{}, a job", queue.side.word());
        measurement = measurement.median(&side, per_job(queue, wall), words(queue));
    }
    let same = ours.runs.iter().chain(&theirs.runs).all(|run| run.same_connections);
    let measurement = measurement
        .condition("every job has its events, its notification and its charge", complete)
        .condition(format!("{WORKERS} connections from beginning to end"), same);
    bed.note(measurement, &[])?;
    let name = format!("the same in batches of {}: server time of a job, to pg-boss's", ours.batch);
    let (mine, its) = (per_job(ours, server), per_job(theirs, server));
    let measurement = Measurement::new(name, mine / its, "", None)
        .median("pg_lora", mine, "processor time".to_owned())
        .median("pg-boss", its, "processor time".to_owned());
    bed.note(measurement, &[])
}

/// So many queued jobs of 100 users. One comes through the API and the others are its copies, with what the triggers
/// wrote for it: it is the same, and takes seconds in place of minutes.
fn fill(client: &mut Client, jobs: usize) -> anyhow::Result<()> {
    let alice = story::sign_up(client, "alice");
    let dataset = story::ready_dataset(client, &alice, 100);
    let job = story::queue_job(client, &alice, &dataset, 1000);
    client.batch_execute(&format!(
        "set session_replication_role = replica;
         create temporary table users as
           select number, gen_random_uuid() as id, gen_random_uuid() as dataset_id from generate_series(0, 99) as number;
         insert into auth.users (id, email) select id, format('user-%s@example.org', number) from users;
         insert into public.datasets
           select (jsonb_populate_record(dataset, jsonb_build_object('id', users.dataset_id, 'user_id', users.id,
             'storage_path', replace(storage_path, dataset.user_id::text, users.id::text)))).*
           from public.datasets as dataset, users where dataset.id = '{dataset}';
         create temporary table copies as
           select gen_random_uuid() as id, users.id as user_id, users.dataset_id, number.number
           from generate_series(2, {jobs}) as number join users on users.number = number.number % 100;
         insert into public.training_jobs
           select (jsonb_populate_record(job, jsonb_build_object('id', copies.id, 'user_id', copies.user_id,
             'dataset_id', copies.dataset_id, 'queued_at', queued_at + copies.number * interval '1 us'))).*
           from public.training_jobs as job, copies where job.id = '{job}';
         insert into public.training_job_events
           select (jsonb_populate_record(event, jsonb_build_object('job_id', copies.id))).*
           from public.training_job_events as event, copies where event.job_id = '{job}';
         insert into public.notifications
           select (jsonb_populate_record(notification, jsonb_build_object('id', gen_random_uuid(), 'user_id', copies.user_id,
             'dedupe_key', replace(dedupe_key, '{job}', copies.id::text),
             'metadata', metadata || jsonb_build_object('job_id', copies.id, 'dataset_id', copies.dataset_id)))).*
           from public.notifications as notification, copies where notification.dedupe_key = 'job_queued:{job}';
         drop table users, copies;
         set session_replication_role = origin"
    ))?;
    client.batch_execute("vacuum (analyze)")?;
    Ok(client.batch_execute("checkpoint")?)
}

fn vacuum(cluster: &Cluster, database: &str) -> anyhow::Result<()> {
    let mut client = cluster.connect(database)?;
    client.batch_execute("vacuum (analyze)")?;
    Ok(client.close()?)
}

/// Whether so many jobs are completed, each with everything that follows from it.
fn is_complete(cluster: &Cluster, database: &str, jobs: usize) -> anyhow::Result<bool> {
    let mut client = cluster.connect(database)?;
    let sql = "select
        (select count(*) from public.training_jobs where status = 'completed') = $1
        and (select count(distinct job_id) from public.training_job_events where to_status = 'completed') = $1
        and (select count(*) from public.training_job_events where to_status = 'initializing') = $1
        and (select count(*) from public.notifications where dedupe_key like 'job_completed:%') = $1
        and (select count(distinct job_id) from public.cost_records where cost_type = 'training_compute') = $1";
    let complete = client.query_one(sql, &[&(jobs as i64)])?.get(0);
    client.close()?;
    Ok(complete)
}

/// The URL of a database for the driver of Node, which takes a socket's folder as a parameter alone.
fn node_url(socket: &Path, database: &str) -> String {
    format!("postgresql://postgres@localhost/{database}?host={}", socket.display())
}
