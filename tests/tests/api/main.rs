//! The API in `public`, function by function, called as clients and workers call it.

mod budgets;
mod chunks;
mod costs;
mod crashes;
mod curves;
mod custom;
mod datasets;
mod endings;
mod estimates;
mod hostile;
mod intervals;
mod jobs;
mod ledger;
mod loopholes;
mod memory;
mod metrics;
mod models;
mod progress;
mod queue;
mod random;
mod spoiled;
mod states;
mod thresholds;
mod verdicts;
mod writers;

use pg_lora_tests::Caller;
use postgres::{Client, Error};
use serde_json::Value;

/// What a function answers, as JSON.
fn call(db: &mut Client, caller: &Caller, function: &str) -> Result<Value, Error> {
    caller.ask(db, &format!("select to_jsonb(public.{function})"))
}

/// What the events of this kind say of a job, in order.
fn events(db: &mut Client, job: &str, kind: &str) -> Vec<Value> {
    let sql = format!(
        "select coalesce(jsonb_agg(payload order by sequence), '[]') from public.training_job_events \
         where job_id = '{job}' and kind = '{kind}'"
    );
    Caller::service().ask(db, &sql).unwrap().as_array().unwrap().clone()
}

/// The types of a user's notifications, in order.
fn notices(db: &mut Client, user: &Caller) -> Value {
    user.ask(db, "select jsonb_agg(type order by created_at, type) from public.notifications").unwrap()
}
