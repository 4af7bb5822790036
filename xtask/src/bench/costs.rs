//! What costs take: a month of one user, a year of a whole platform, and what runs at the moment.
//!
//! The ledger is that of a year: 1,000 users with 100 jobs each, every job with two intervals of GPU time, one in five of
//! them across a midnight, and eight other charges; a million rows with `--full`. The peer groups the same parts of the same
//! charges by GROUPING SETS; beside it stands what is plain SQL on the rows, which knows no time zone and splits nothing.

use anyhow::Context;
use pg_lora_tests::{Caller, story};
use postgres::Client;

use super::bed::{Bed, Side};
use super::measurement::{Measurement, Target};

const USERS: u32 = 1_000;
/// Rows of the ledger for each job.
const CHARGES: u32 = 10;
const RUNNING: u32 = 1_000;

const YEAR: &str = "'2026-01-01', '2027-01-01', 'Europe/Berlin'";

/// The groupings of `cost_summary`, of parts or of rows.
const GROUPED: &str = "count(*), sum(amount) from (select sum(part.amount) as amount from PARTS as part
    group by grouping sets ((), (part.day), (part.cost_type), (part.gpu_type), (part.job_id), (part.job_status))) as sums";

/// Rows as they stand in the ledger, each on its billing day.
const ROWS: &str = "(select record.billing_period as day, record.cost_type, record.gpu_type, record.job_id,
    job.status as job_status, record.amount
    from public.cost_records as record left join public.training_jobs as job on job.id = record.job_id
    where record.billing_period >= '2026-01-01' and record.billing_period < '2027-01-01')";

/// Runs it.
pub fn run(bed: &mut Bed<'_>, full: bool) -> anyhow::Result<()> {
    let jobs_per_user = if full { 100 } else { 10 };
    let mut client = bed.connect()?;
    let owner = fill(&mut client, jobs_per_user)?;
    let rows: i64 = client.query_one("select count(*) from public.cost_records", &[])?.get(0);
    let parts: String = client.query_one("select lora_private.cost_parts_query()", &[])?.get(0);
    client.close()?;

    month(bed, &owner, rows)?;
    year(bed, rows, &parts)?;
    running(bed)
}

/// A month of one of the users, as authenticated.
fn month(bed: &mut Bed<'_>, owner: &Caller, rows: i64) -> anyhow::Result<()> {
    for (sql, what) in [
        ("select public.cost_summary('2026-06-01', '2026-07-01', 'Europe/Berlin')", "cost_summary"),
        (
            "select count(*) from public.cost_report('2026-06-01', '2026-07-01', 'Europe/Berlin')",
            "cost_report",
        ),
    ] {
        let side = Side::of(owner, sql).repeated(20);
        let measured = bed.beyond_yardstick(&side)?;
        let name = format!("{what}: a month of one of {USERS} users, {rows} rows, beyond select 1");
        bed.note(Measurement::new(name, measured, "ms", Target::AtMost(5.0)), &[side])?;
    }
    Ok(())
}

/// A year of all users, as the service.
fn year(bed: &mut Bed<'_>, rows: i64, parts: &str) -> anyhow::Result<()> {
    let service = Caller::service();
    let summary = format!("select length(public.cost_summary({YEAR})::text)");
    let mut parts = format!("({parts})");
    for (at, value) in
        ["'2026-01-01'::date", "'2027-01-01'::date", "'Europe/Berlin'", "null", "now()"].iter().enumerate()
    {
        parts = parts.replace(&format!("${}", at + 1), value);
    }
    let grouped = format!("select {}", GROUPED.replace("PARTS", &parts));
    let plain = format!("select {}", GROUPED.replace("PARTS", ROWS));
    let aggregate = "select length(lora.cost_breakdown(part.amount, 'USD', part.day, part.cost_type, part.gpu_type, part.job_id, \
                     part.job_status)::text) from PARTS as part"
        .replace("PARTS", ROWS);

    let same =
        "select (public.cost_summary(YEAR) ->> 'total')::numeric = sum(amount) from public.cost_report(YEAR)"
            .replace("YEAR", YEAR);
    anyhow::ensure!(
        service.ask(&mut bed.connect()?, &same)? == true,
        "the summary is not the sum of the report"
    );

    bed.compare(
        &format!("cost_summary: a year of all {rows} rows, to GROUPING SETS of the same parts"),
        Target::AtMost(1.0),
        &[Side::of(&service, &summary), Side::superuser(&grouped)],
    )?;
    bed.compare(
        &format!("lora.cost_breakdown of {rows} rows, to GROUPING SETS of the same rows"),
        Target::AtMost(1.0),
        &[Side::superuser(&aggregate), Side::superuser(&plain)],
    )?;
    for workers in [1, 2] {
        bed.compare(
            &format!("the same year with {workers} parallel workers, to none"),
            Target::AtMost(1.0),
            &[Side::of(&service, &summary).workers(workers), Side::of(&service, &summary)],
        )?;
    }
    Ok(())
}

/// What a page of running jobs costs at this moment.
fn running(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    bed.start_over()?;
    let mut client = bed.connect()?;
    let owner = story::sign_up(&mut client, "running");
    let dataset = story::ready_dataset(&mut client, &owner, 100);
    story::queue_job(&mut client, &owner, &dataset, 100);
    let job = story::claim(&mut client, "bench");
    client.batch_execute(&format!(
        "set session_replication_role = replica;
         {}
         set session_replication_role = origin",
        copies_of(
            &job,
            "generate_series(1, 999) as number",
            "'started_at', job.started_at - number * interval '1 second'"
        )
    ))?;
    client.batch_execute("vacuum (analyze) public.training_jobs")?;
    client.close()?;
    let sql = "select public.cost_summary((now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date + 1)";
    let shown = owner.ask(&mut bed.connect()?, &format!("{sql} -> 'open_intervals' -> 'count'"))?;
    let side = Side::of(&owner, sql).repeated(10);
    let measured = bed.beyond_yardstick(&side)?;
    let name = format!("cost_summary: what {RUNNING} running jobs of a user cost now, each, beyond select 1");
    let measurement = Measurement::new(name, measured, "ms", Target::AtMost(10.0))
        .condition(format!("{RUNNING} open intervals"), shown == RUNNING);
    bed.note(measurement, &[side])
}

/// A statement that inserts a copy of a job for each row of a source, without the triggers.
fn copies_of(job: &str, source: &str, changes: &str) -> String {
    format!(
        "insert into public.training_jobs
           select (jsonb_populate_record(job, jsonb_build_object('id', gen_random_uuid(), 'external_job_id', null, {changes}))).*
           from public.training_jobs as job, {source} where job.id = '{job}';"
    )
}

/// A year of a platform; one of its users.
fn fill(client: &mut Client, jobs_per_user: u32) -> anyhow::Result<Caller> {
    let owner = story::sign_up(client, "ledger");
    let dataset = story::ready_dataset(client, &owner, 100);
    let job = story::queue_job(client, &owner, &dataset, 100);
    anyhow::ensure!(story::claim(client, "bench") == job, "another job was claimed");
    story::report(client, &job, serde_json::json!([story::point(1, serde_json::json!(2.0))]))?;
    story::complete(client, &job).map_err(anyhow::Error::from).context("could not complete the template")?;
    client.batch_execute(&format!(
        "set session_replication_role = replica;
         select setseed(0.5);
         delete from public.cost_records;
         create temporary table accounts as
           select case number when 1 then '{owner}'::uuid else gen_random_uuid() end as id from generate_series(1, {USERS}) as number;
         insert into auth.users (id) select id from accounts where id <> '{owner}';
         {}
         insert into public.cost_records (
           user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus, idempotency_key, details
         )
         select user_id, id, cost_type, coalesce(lora.interval_cost(period, rate, gpus), round(random()::numeric, 4)),
           (lower(period) at time zone 'UTC')::date, case when rate is not null then period end, rate,
           case when rate is not null then case gpus when 1 then 'A100-40GB' when 2 then 'A100-80GB' else 'H100' end end, gpus,
           'bench:' || id || ':' || charge, jsonb_build_object('attempt', charge)
         from (
           select job.user_id, job.id, charge, tstzrange(job.created_at, job.created_at + length) as period,
             case when charge <= 2 then 3.5 end as rate, case when charge <= 2 then 1 + (charge + job.total_steps) % 3 end as gpus,
             (array['training_compute', 'training_compute', 'storage', 'inference_tokens', 'transfer'])[1 + charge % 5] as cost_type
           from (
             select user_id, id, created_at + charge * interval '1 day' as created_at, charge, total_steps,
               random() * interval '10 hours' as length
             from public.training_jobs cross join generate_series(1, {CHARGES}) as charge
             where id <> '{job}'
           ) as job
         ) as made;
         update public.cost_records set cost_type = 'training_compute' where hourly_rate is not null and cost_type <> 'training_compute';
         update public.cost_records set cost_type = 'storage' where hourly_rate is null and cost_type = 'training_compute';
         set session_replication_role = origin",
        copies_of(
            &job,
            &format!("accounts as account, generate_series(1, {jobs_per_user}) as number"),
            "'user_id', account.id, 'total_steps', number, 'created_at', timestamptz '2026-01-01 00:00Z' + random() * interval '350 days'"
        ),
        owner = owner.id(),
    ))?;
    for statement in [
        "vacuum (analyze, freeze) public.cost_records",
        "vacuum (analyze, freeze) public.training_jobs",
        "checkpoint",
    ] {
        client.batch_execute(statement)?;
    }
    Ok(owner)
}
