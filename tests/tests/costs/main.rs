//! The proofs of what is charged: exact to the last digit, once, by whoever has to, whatever happens meanwhile.

mod adopted;
mod edges;
mod killed;
mod oracle;
mod retries;
mod settled;
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
