//! What has to hold between the jobs that workers had, the events of their attempts and the ledger, and that whatever does
//! not hold is found.

use pg_lora_tests::story::{claim, point, ready_dataset, report, set_clock};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::json;

use crate::{call, queue_on, somebody};

/// What is not as it has to be between the jobs, their events and the ledger, of how many attempts, and of which job.
const UNSETTLED: &str = "
with ran as (
  -- Attempts of a worker's, and how long each went on until something else happened to the job than that it ran.
  select began.job_id, began.attempt, ended.at - began.at as took
  from public.training_job_events as began
  left join lateral (
    select later.at from public.training_job_events as later
    where later.job_id = began.job_id and later.sequence > began.sequence and later.kind = 'status' and later.to_status <> 'running'
    order by later.sequence limit 1
  ) as ended on true
  where began.kind = 'status' and began.to_status = 'initializing' and began.payload ? 'worker'
), charge as (
  select job_id, (details ->> 'attempt')::integer as attempt, count(*) as rows, sum(amount) as amount,
    bool_and(amount = lora.interval_cost(period, hourly_rate, gpus)) as is_exact
  from public.cost_records where cost_type = 'training_compute' and corrects is null and idempotency_key like 'training_compute:%'
  group by job_id, attempt
), known as (
  select job_id, attempt, took, ran.job_id is not null as has_run, coalesce(rows, 0) as rows, is_exact from ran
  full join charge using (job_id, attempt)
), time as (
  select job_id, sum(amount) as amount, sum(upper(period) - lower(period)) as billed, range_agg(period) as periods
  from public.cost_records where idempotency_key like 'training_compute:%' group by job_id
)
select rule.name, count(*)::bigint, min(job.id::text) from public.training_jobs as job
join known on known.job_id = job.id
left join time on time.job_id = job.id
cross join lateral (values
  ('what is charged has run', known.has_run),
  ('an attempt that is over is charged once, and one without any time not at all',
    known.took is null or known.rows = case when known.took > '0' then 1 else 0 end),
  ('an attempt that goes on is not charged', known.took is not null or known.rows = 0),
  ('an attempt goes on only where the job does',
    known.took is not null or (known.attempt = job.attempt and job.status in ('initializing', 'running'))),
  ('each charge is the cost of its time', known.rows = 0 or known.is_exact),
  ('no time of a job is charged twice',
    time.job_id is null or time.billed = (select sum(upper(period) - lower(period)) from unnest(time.periods) as period)),
  ('what is displayed is what was charged, to half a cent', case
    -- Not to know it is to have charged nothing.
    when job.status in ('completed', 'failed', 'cancelled')
      then abs(coalesce(job.final_cost, 0) - coalesce(time.amount, 0)) <= 0.005
    else job.final_cost is null
  end)
) as rule (name, holds)
where rule.holds is not true
group by rule.name";

/// Checks that the jobs that workers had and the ledger agree.
#[track_caller]
pub fn is_settled(db: &mut Client) {
    let wrong: Vec<(String, i64, String)> =
        db.query(UNSETTLED, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(wrong.is_empty(), "not so, of how many attempts, of a job such as: {wrong:?}");
}

/// Each of these is written behind the back of all triggers.
#[test]
fn whatever_does_not_agree_is_found() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = somebody(&mut db);
    set_clock(&mut db, "2026-01-15 10:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let gpus = json!({"gpu_type": "H100", "num_gpus": 2, "cost_per_gpu_hour": 3.50});
    // One that has failed once and is complete, and one that goes on.
    let job = queue_on(&mut db, &alice, &dataset, &gpus);
    for (attempt, end) in
        [(1, "fail_training_job('JOB', 1, 'stalled', 'x')"), (2, "cancel_training_job('JOB')")]
    {
        assert_eq!(claim(&mut db, "w"), job);
        set_clock(&mut db, &format!("2026-01-15 1{attempt}:00Z"));
        call(&mut db, &Caller::service(), &end.replace("JOB", &job)).unwrap();
        if attempt == 1 {
            call(&mut db, &alice, &format!("retry_training_job('{job}')")).unwrap();
        }
    }
    let open = queue_on(&mut db, &alice, &dataset, &gpus);
    assert_eq!(claim(&mut db, "w"), open);
    report(&mut db, &open, json!([point(1, json!(2.0))])).unwrap();
    is_settled(&mut db);

    let charge = |job: &str, attempt: u32, amount: &str, period: &str| {
        format!(
            "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period, period, hourly_rate, gpus, \
               idempotency_key, details) \
             values ('{}', '{job}', 'training_compute', {amount}, '2026-01-15', '{period}', 3.5, 2, \
               'training_compute:{job}:{attempt}', '{{\"attempt\": {attempt}}}')",
            alice.id()
        )
    };
    let first = format!("idempotency_key = 'training_compute:{job}:1'");
    for (change, rule) in [
        (format!("delete from public.cost_records where {first}"), "is charged once"),
        (charge(&job, 3, "7", "[2026-01-15 12:00Z,2026-01-15 13:00Z)"), "what is charged has run"),
        (charge(&open, 1, "7", "[2026-01-15 12:00Z,2026-01-15 13:00Z)"), "that goes on is not charged"),
        (
            format!(
                "update public.cost_records set idempotency_key = 'training_compute:{job}:one', details = '{{\"attempt\": 2}}' where {first}"
            ),
            "is charged once",
        ),
        (
            format!("update public.cost_records set amount = amount + 0.0000000001 where {first}"),
            "is the cost of its time",
        ),
        (
            format!(
                "update public.cost_records set period = period + '[2026-01-15 11:00Z,2026-01-15 11:00:01Z)' where {first}"
            ),
            "is charged twice",
        ),
        (
            format!("update public.training_jobs set final_cost = 13.99 where id = '{job}'"),
            "is what was charged",
        ),
        (
            format!("update public.training_jobs set final_cost = null where id = '{job}'"),
            "is what was charged",
        ),
        (
            format!("update public.training_jobs set final_cost = 7 where id = '{open}'"),
            "is what was charged",
        ),
        (
            format!("update public.training_jobs set status = 'failed' where id = '{open}'"),
            "only where the job does",
        ),
    ] {
        let mut behind = db.transaction().unwrap();
        behind.batch_execute("set local session_replication_role = replica").unwrap();
        assert_eq!(behind.execute(&change, &[]).unwrap(), 1, "{change}");
        let found: Vec<String> = behind.query(UNSETTLED, &[]).unwrap().iter().map(|row| row.get(0)).collect();
        assert!(found.iter().any(|name| name.contains(rule)), "{change}: {found:?}");
        behind.rollback().unwrap();
    }
    is_settled(&mut db);
}
