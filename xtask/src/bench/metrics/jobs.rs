//! Jobs whose metrics are measured, made through the API, and points that are put behind them without it.

use pg_lora_tests::{Caller, story};
use postgres::Client;

/// A user with so many jobs of so many steps, which a worker has claimed; their ids.
pub fn claimed(client: &mut Client, name: &str, count: usize, steps: u32) -> (Caller, Vec<String>) {
    let owner = story::sign_up(client, name);
    let dataset = story::ready_dataset(client, &owner, 100);
    for _ in 0..count {
        story::queue_job(client, &owner, &dataset, steps);
    }
    let jobs = (0..count).map(|_| story::claim(client, "bench")).collect();
    (owner, jobs)
}

/// Leaves everything as autovacuum would.
pub fn vacuum(client: &mut Client) -> anyhow::Result<()> {
    for table in ["public.metrics_points", "public.training_jobs", "lora_private.training_job_paces"] {
        client.batch_execute(&format!("vacuum (analyze) {table}"))?;
    }
    Ok(())
}
