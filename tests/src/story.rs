//! What happens on the platform, each step as whoever does it in real life and through what they call.
//!
//! Invariant: nothing is written behind the back of the API, except what is outside of it: accounts, stored
//! objects, and the time, which the owner of the functions may set.

use postgres::Client;
use serde_json::{Value, json};

use crate::Caller;

/// The six tables of the specification.
pub const TABLES: [&str; 6] =
    ["datasets", "training_jobs", "metrics_points", "model_artifacts", "cost_records", "notifications"];

/// A GPU at $3.50 an hour, twice.
pub const GPUS: &str =
    r#"{"gpu_type": "A100-80GB", "num_gpus": 2, "gpu_memory_gb": 80, "cost_per_gpu_hour": 3.50}"#;

/// Somebody signs up.
///
/// # Panics
/// As all of these, when the step is refused.
pub fn sign_up(client: &mut Client, name: &str) -> Caller {
    let sql = "insert into auth.users (id, email) values (gen_random_uuid(), $1) returning id::text";
    let row = client.query_one(sql, &[&format!("{name}@example.org")]).unwrap();
    Caller::user(row.get::<_, String>(0))
}

/// It is this instant from now on, for everything that asks `lora_private.clock()`.
pub fn set_clock(client: &mut Client, at: &str) {
    let sql = format!(
        "create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe \
         set search_path = '' as 'select timestamptz ''{at}'''"
    );
    client.batch_execute(&sql).unwrap();
}

/// A file with so many training pairs, one conversation of two turns on each line.
pub fn pairs(count: usize) -> String {
    let line = |number| {
        let turns = json!([
            {"role": "user", "content": format!("What is on line {number}?")},
            {"role": "assistant", "content": format!("The conversation with number {number}.")},
        ]);
        format!("{}\n", json!({"conversation_id": format!("c-{number}"), "turns": turns}))
    };
    (1..=count).map(line).collect()
}

/// A user says which file will be uploaded; answers the id of the dataset.
pub fn add_dataset(client: &mut Client, user: &Caller, size: usize) -> String {
    let sql = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
         select '{owner}', 'practice', concat_ws('/', '{owner}', id, 'practice.jsonl'), 'practice.jsonl', {size} \
         from gen_random_uuid() as id returning id::text",
        owner = user.id(),
    );
    user.run(client, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap()
}

/// The service has read the file and validates it; answers the report.
///
/// # Errors
/// Whatever the server says.
pub fn validate(client: &mut Client, dataset: &str, content: &str) -> Result<Value, postgres::Error> {
    let sql = format!("select public.validate_dataset('{dataset}', $1)");
    Caller::service().run(client, |t| Ok(t.query_one(&sql, &[&content])?.get(0)))
}

/// A dataset with so many pairs that can be trained on.
pub fn ready_dataset(client: &mut Client, user: &Caller, count: usize) -> String {
    let content = pairs(count);
    let dataset = add_dataset(client, user, content.len());
    let report = validate(client, &dataset, &content).unwrap();
    assert_eq!(report["training_ready"], true, "{report}");
    dataset
}

/// A job of so many steps in the queue, on two GPUs at $3.50; answers its id.
pub fn queue_job(client: &mut Client, user: &Caller, dataset: &str, steps: u32) -> String {
    let sql = format!(
        "select id from public.create_training_job('{dataset}', 'custom', '{{\"max_steps\": {steps}}}', '{GPUS}')"
    );
    text(&user.ask(client, &sql).unwrap())
}

/// A worker takes the oldest job; answers its id. It is the job's first attempt.
pub fn claim(client: &mut Client, worker: &str) -> String {
    let sql = format!("select id from public.claim_training_jobs('{worker}')");
    text(&Caller::service().ask(client, &sql).unwrap())
}

/// Somebody signs up, and a worker has claimed their job of so many steps; who that is, and the job.
pub fn claimed(client: &mut Client, name: &str, steps: u32) -> (Caller, String) {
    let user = sign_up(client, name);
    let dataset = ready_dataset(client, &user, 3);
    let job = queue_job(client, &user, &dataset, steps);
    assert_eq!(claim(client, "w"), job);
    (user, job)
}

/// A point as a worker sends it.
pub fn point(step: u32, loss: Value) -> Value {
    json!({"step": step, "epoch": 1, "training_loss": loss, "learning_rate": 0.0002})
}

/// The worker of the first attempt reports points; answers what it is told.
///
/// # Errors
/// Whatever the server says.
pub fn report(client: &mut Client, job: &str, points: Value) -> Result<Value, postgres::Error> {
    report_of(client, job, 1, points, "refuse")
}

/// The worker of an attempt reports points, and says what holds where something else is recorded; answers what it is told.
///
/// # Errors
/// Whatever the server says.
pub fn report_of(
    client: &mut Client,
    job: &str,
    attempt: u32,
    points: Value,
    on_conflict: &str,
) -> Result<Value, postgres::Error> {
    let sql = format!("select public.report_training_metrics('{job}', {attempt}, $1, '{on_conflict}')");
    Caller::service().run(client, |t| Ok(t.query_one(&sql, &[&points])?.get(0)))
}

/// The worker of the first attempt is done; answers the row of the job.
///
/// # Errors
/// Whatever the server says.
pub fn complete(client: &mut Client, job: &str) -> Result<Value, postgres::Error> {
    Caller::service().ask(client, &format!("select job from public.complete_training_job('{job}', 1) as job"))
}

/// The service registers the model that a job has made; answers its id. Each has a version of its own.
pub fn add_model(client: &mut Client, owner: &Caller, job: &str, dataset: &str) -> String {
    let sql = format!(
        "insert into public.model_artifacts (user_id, job_id, dataset_id, name, version, quality_metrics, training_summary, \
         configuration, artifacts) values ('{}', '{job}', '{dataset}', 'adapter', gen_random_uuid(), '{{}}', '{{}}', '{{}}', '{{}}') \
         returning id::text",
        owner.id()
    );
    Caller::service().run(client, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap()
}

/// A job as its row says, seen by the service.
pub fn job_row(client: &mut Client, job: &str) -> Value {
    let sql = format!("select job from public.training_jobs as job where id = '{job}'");
    Caller::service().ask(client, &sql).unwrap()
}

/// A digest of each of the six tables: equal as long as no row is added, changed or removed.
pub fn digests(client: &mut Client) -> Vec<String> {
    let digest = |table: &str| {
        format!(
            "select md5(coalesce(string_agg(row::text, ' ' order by row::text), '')) from public.{table} as row"
        )
    };
    TABLES.iter().map(|table| client.query_one(&digest(table), &[]).unwrap().get(0)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
