//! The proofs of what is charged: exact to the last digit, once, by whoever has to, whatever happens meanwhile.

mod adopted;
mod edges;
mod oracle;
mod retries;
mod sums;

use pg_lora_tests::Caller;
use pg_lora_tests::story::sign_up;
use postgres::{Client, Error};
use serde_json::Value;

/// What a function answers, as JSON.
fn call(db: &mut Client, caller: &Caller, function: &str) -> Result<Value, Error> {
    caller.ask(db, &format!("select to_jsonb(public.{function})"))
}

/// Somebody who has signed up, one of many.
fn somebody(db: &mut Client) -> Caller {
    let number: i64 = db.query_one("select count(*) from auth.users", &[]).unwrap().get(0);
    sign_up(db, &format!("somebody-{number}"))
}

/// A job of ten steps in the queue, on these GPUs; answers its id.
fn queue_on(db: &mut Client, user: &Caller, dataset: &str, gpus: &Value) -> String {
    let create = format!("create_training_job('{dataset}', 'custom', '{{\"max_steps\": 10}}', '{gpus}')");
    call(db, user, &create).unwrap()["id"].as_str().unwrap().to_owned()
}

/// The text of one value, with all its digits.
fn text(db: &mut Client, caller: &Caller, sql: &str) -> String {
    caller.ask(db, &format!("select ({sql})::text")).unwrap().as_str().unwrap_or_default().to_owned()
}

/// Amounts of a job in the ledger, in the order of its attempts.
fn charged(db: &mut Client, job: &str) -> String {
    let sql = format!(
        "select coalesce(string_agg(amount::text, ' ' order by lower(period), amount), 'nothing') \
         from public.cost_records where job_id = '{job}'"
    );
    text(db, &Caller::service(), &sql)
}

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
fn is_settled(db: &mut Client) {
    let wrong: Vec<(String, i64, String)> =
        db.query(UNSETTLED, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(wrong.is_empty(), "not so, of how many attempts, of a job such as: {wrong:?}");
}
