//! What row-level security costs: a user's read against the same read of the superuser, who names the owner.
//!
//! The policies are the only difference: both sides read the same rows, and consume them on the server.

mod data;

use pg_lora_tests::Caller;

use super::bed::{Bed, Side};
use super::measurement::{Measurement, Target};

/// Users whom the others' rows belong to. One makes the planner's guess at the owner's share right; with many it
/// takes the owner for one of them, because a policy compares with a value that is known only when the query runs.
const OTHERS: [u32; 2] = [1, 1000];

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    for (at, others) in OTHERS.into_iter().enumerate() {
        if at > 0 {
            bed.start_over()?;
        }
        reads(bed, others)?;
    }
    pages(bed)
}

fn reads(bed: &mut Bed<'_>, others: u32) -> anyhow::Result<()> {
    bed.execute(data::IDS)?;
    bed.execute(&format!("set bench.others = {others}"))?;
    bed.load(data::READS, &["datasets", "training_jobs", "metrics_points"])?;
    let whose = if others == 1 { "one other user".to_owned() } else { format!("{others} other users") };
    let owner = Caller::user(user(1));
    for (table, sum) in [("datasets", "max(length(name))"), ("training_jobs", "max(total_steps)")] {
        let read = format!("select count(*), {sum} from public.{table}");
        let named = format!("{read} where user_id = '{}'", user(1));
        let name = format!("{table}: 100k of 200k, the rest of {whose}");
        let sides = [Side::of(&owner, &read), Side::superuser(&named)];
        bed.compare(&name, Target::AtMost(1.15), &sides)?;
        if others == 1 {
            // The function that reads the claims is parallel unsafe, as on Supabase: only one side can gain.
            let name = format!("{name}; 2 workers allowed to the superuser");
            bed.compare(&name, None, &[Side::of(&owner, &read), Side::superuser(&named).workers(2)])?;
        }
    }
    if others > 1 {
        return Ok(());
    }
    for (number, jobs) in [(11, "10"), (12, "1,000")] {
        let job = format!("00000000-0000-4000-9000-{number:012}");
        let read = format!(
            "select count(*), max(step), min(training_loss) from public.metrics_points where job_id = '{job}'"
        );
        let owner = Caller::user(user(number));
        let name = format!("metrics_points of one job: 100k of 200k, user of {jobs} jobs");
        bed.compare(&name, Target::AtMost(1.3), &[Side::of(&owner, &read), Side::superuser(&read)])?;
    }
    Ok(())
}

fn pages(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    bed.start_over()?;
    bed.execute(data::IDS)?;
    bed.load(data::PAGES, &["datasets"])?;
    // As PostgREST asks: the rows as one JSON value. Its length stands for sending it.
    let page = "select length(json_agg(page)::text) from (select * from public.datasets \
                where deleted_at is null order by created_at desc limit 25) as page";
    for (number, who) in [(50, "who is at work"), (1, "whose datasets are the oldest")] {
        let owner = Caller::user(user(number));
        let side = Side::of(&owner, page).repeated(20);
        let plan = bed.plan(&side)?;
        let measured = bed.beyond_yardstick(&side)?;
        let name = format!("list page: 25 of 10,000 out of 1 M datasets, user {who}");
        let measurement = Measurement::new(name, measured, "ms", Target::AtMost(2.0))
            .condition(format!("read through {}", plan.scans()), plan.reads_index_only_of("datasets"));
        bed.note(measurement, &[side])?;
    }
    Ok(())
}

fn user(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
