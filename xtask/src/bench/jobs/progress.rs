//! What `training_job_progress` adds to `select 1`, asked by a user.

use std::time::Instant;

use pg_lora_tests::{Caller, story};
use postgres::{Client, Transaction};
use serde_json::json;

use super::super::bed::{Bed, median, milliseconds};
use super::super::measurement::{Measurement, Target};

/// Calls of each side, in turns.
const CALLS: usize = 501;

/// What a job in the middle of its run has reported.
const POINTS: u32 = 500;

/// Runs it on a queue that is there.
pub fn run(bed: &mut Bed<'_>, client: &mut Client) -> anyhow::Result<()> {
    let running = story::claim(client, "bench");
    for first in (1..=POINTS).step_by(50) {
        let points =
            (first..first + 50).map(|step| story::point(step, json!(2.0 - f64::from(step) / 1000.0)));
        story::report(client, &running, points.collect())?;
    }
    let last = "select id::text from public.training_jobs where status = 'queued' order by queued_at desc, id desc limit 1";
    let queued: String = client.query_one(last, &[])?.get(0);
    client.batch_execute("vacuum (analyze)")?;
    let count: i64 =
        client.query_one("select count(*) from public.training_jobs where status = 'queued'", &[])?.get(0);
    for (what, job) in [
        (format!("a running job with {POINTS} points"), running),
        (format!("the last of {count} queued jobs"), queued),
    ] {
        let owner = "select user_id::text from public.training_jobs where id = $1::text::uuid";
        let owner = Caller::user(client.query_one(owner, &[&job])?.get::<_, String>(0));
        let ask = format!("select public.training_job_progress('{job}')");
        let (mut ours, mut yardstick) = (Vec::new(), Vec::new());
        let mut request = owner.begin(client)?;
        // Twice as often as counted, and the second half counts.
        for call in 0..2 * CALLS {
            let taken = [time(&mut request, &ask)?, time(&mut request, "select 1")?];
            if call >= CALLS {
                ours.push(taken[0]);
                yardstick.push(taken[1]);
            }
        }
        request.commit()?;
        let (ours, yardstick) = (median(ours), median(yardstick));
        let name = format!("training_job_progress of {what}, beyond select 1, median of {CALLS} calls");
        let measurement = Measurement::new(name, ours - yardstick, "ms", Target::AtMost(1.0))
            .median("authenticated", ours, "training_job_progress".to_owned())
            .median("authenticated", yardstick, "select 1".to_owned());
        bed.note(measurement, &[])?;
    }
    Ok(())
}

fn time(request: &mut Transaction<'_>, sql: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    request.simple_query(sql)?;
    Ok(milliseconds(start.elapsed()))
}
