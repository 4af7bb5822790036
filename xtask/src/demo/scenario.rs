//! The main job, step by step, each as whoever does it in real life.
//!
//! Time is the trace's: the one function that all SQL reads it from is replaced before each step, as its owner.
//! Nothing else is arranged; what is printed afterwards is read back through the API.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use pg_lora_tests::{Caller, sqlstate};
use postgres::{Client, Row};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::figures::{Dataset, Figures, Job, Metric, Model, Moment, Notification, Refused, SecondUser};
use super::trace::Trace;

/// The six tables of the specification.
const TABLES: [&str; 6] =
    ["datasets", "training_jobs", "metrics_points", "model_artifacts", "cost_records", "notifications"];

/// Plays the whole story and reads back what came of it.
pub fn play(client: &mut Client, file_name: &str, content: &str, trace: &Trace) -> anyhow::Result<Figures> {
    let owner = add_user(client, "owner@example.org")?;
    let stranger = add_user(client, "stranger@example.org")?;
    let user = Caller::user(&owner);

    set_clock(client, trace.start() - SignedDuration::from_mins(5))?;
    let dataset_id = add_dataset(client, &user, &owner, file_name, content)?;
    let report = validate(client, &dataset_id, content)?;
    let ready = report["training_ready"] == true;

    let mut job_id = None;
    let mut progress = Vec::new();
    let mut recorded = 0;
    if ready {
        set_clock(client, trace.start() - SignedDuration::from_mins(1))?;
        let id = create_job(client, &user, &dataset_id, trace)?;
        (progress, recorded) = train(client, &user, &id, trace)?;
        register_model(client, &owner, &id, trace)?;
        job_id = Some(id);
    }

    let dataset = read_dataset(client, &user, &dataset_id, &report)?;
    let job = job_id.as_ref().map(|id| read_job(client, &user, id, recorded)).transpose()?;
    let second_user = look_as(client, &Caller::user(&stranger), job_id.as_deref())?;
    Ok(Figures {
        metrics: read_metrics(client, &user)?,
        model: ready.then(|| read_model(client, &user)).transpose()?,
        cost: ready.then(|| read_cost(client, &user, trace)).transpose()?,
        notifications: read_notifications(client, &user)?,
        dataset,
        job,
        progress,
        second_user,
    })
}

fn add_user(client: &mut Client, email: &str) -> anyhow::Result<String> {
    let sql = "insert into auth.users (id, email) values (gen_random_uuid(), $1) returning id::text";
    Ok(client.query_one(sql, &[&email])?.get(0))
}

fn set_clock(client: &mut Client, at: Timestamp) -> anyhow::Result<()> {
    // A timestamp's own text holds nothing that SQL could trip over.
    client.batch_execute(&format!(
        "create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe \
         set search_path = '' as 'select timestamptz ''{at}'''"
    ))?;
    Ok(())
}

fn add_dataset(
    client: &mut Client,
    user: &Caller,
    owner: &str,
    file_name: &str,
    content: &str,
) -> anyhow::Result<String> {
    let id = user.run(client, |t| {
        let id: String = t
            .query_one(
                "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
                 select $1::text::uuid, $2::text, concat_ws('/', $1::text, id, $2::text), $2::text, $3 \
                 from gen_random_uuid() as id returning id::text",
                &[&owner, &file_name, &(content.len() as i64)],
            )?
            .get(0);
        t.execute("update public.datasets set status = 'validating' where id = $1::text::uuid", &[&id])?;
        Ok(id)
    });
    id.context("the user could not create a dataset")
}

fn validate(client: &mut Client, dataset_id: &str, content: &str) -> anyhow::Result<Value> {
    let sql = "select public.validate_dataset($1::text::uuid, $2)";
    let row = Caller::service().run(client, |t| t.query_one(sql, &[&dataset_id, &content]));
    Ok(row.context("the service could not validate the dataset")?.get(0))
}

fn create_job(client: &mut Client, user: &Caller, dataset_id: &str, trace: &Trace) -> anyhow::Result<String> {
    // A trace is of one run; as many steps as it has make it fit a dataset of any size.
    let hyperparameters =
        json!({"num_epochs": trace.total_epochs, "batch_size": 1, "max_steps": trace.total_steps});
    let gpus =
        json!({"gpu_type": "A100-80GB", "num_gpus": 2, "gpu_memory_gb": 80, "cost_per_gpu_hour": 3.50});
    let row = user.run(client, |t| {
        t.query_one(
            "select id::text from public.create_training_job(dataset_id => $1::text::uuid, preset_id => 'custom', \
             hyperparameters => $2, gpu_config => $3, idempotency_key => 'demo')",
            &[&dataset_id, &hyperparameters, &gpus],
        )
    });
    Ok(row.context("the user could not create a job")?.get(0))
}

/// The worker's life. Answers where the job stood at a quarter, half and end, and how many points were
/// recorded anew when the worker repeated its last one.
fn train(
    client: &mut Client,
    user: &Caller,
    job_id: &str,
    trace: &Trace,
) -> anyhow::Result<(Vec<Moment>, i64)> {
    let service = Caller::service();
    set_clock(client, trace.start())?;
    let claim = "select id::text, attempt from public.claim_training_jobs('demo-worker')";
    let claimed = service.run(client, |t| t.query_one(claim, &[])).context("no job could be claimed")?;
    anyhow::ensure!(claimed.get::<_, String>(0) == job_id, "another job was claimed");
    let attempt: i32 = claimed.get(1);

    let length = trace.end().duration_since(trace.start());
    let mut moments = vec![("quarter", trace.start() + length / 4), ("half", trace.start() + length / 2)]
        .into_iter()
        .peekable();
    let mut progress = Vec::new();
    let mut last_point = None;
    for message in &trace.messages {
        while let Some((moment, at)) = moments.next_if(|(_, at)| *at <= message.at) {
            progress.push(ask_progress(client, user, job_id, moment, at, trace)?);
        }
        set_clock(client, message.at)?;
        match message.stage.as_deref() {
            Some("completed") => {}
            Some(stage) => {
                let beat = "select public.heartbeat_training_job($1::text::uuid, $2, $3)";
                service.run(client, |t| t.query_one(beat, &[&job_id, &attempt, &stage]))?;
            }
            None => {
                report(client, &service, job_id, attempt, &message.body)?;
                last_point = Some(&message.body);
            }
        }
    }
    // A worker that did not hear the answer sends its last point again.
    let before = count_points(client, job_id)?;
    if let Some(point) = last_point {
        report(client, &service, job_id, attempt, point)?;
    }
    let recorded = count_points(client, job_id)? - before;
    let complete = "select status from public.complete_training_job($1::text::uuid, $2)";
    service
        .run(client, |t| t.query_one(complete, &[&job_id, &attempt]))
        .context("the job could not be completed")?;
    progress.push(ask_progress(client, user, job_id, "end", trace.end(), trace)?);
    Ok((progress, recorded))
}

fn report(
    client: &mut Client,
    service: &Caller,
    job_id: &str,
    attempt: i32,
    point: &Value,
) -> anyhow::Result<()> {
    let sql = "select public.report_training_metrics($1::text::uuid, $2, $3)";
    let row = service.run(client, |t| t.query_one(sql, &[&job_id, &attempt, &json!([point])]));
    let answer: Value = row.with_context(|| format!("the point {point} could not be reported"))?.get(0);
    anyhow::ensure!(answer["refused"] == json!([]), "the point {point} was refused: {answer}");
    Ok(())
}

/// Nothing is trained here, so what there is to be stored of the run is its log.
fn register_model(client: &mut Client, owner: &str, job_id: &str, trace: &Trace) -> anyhow::Result<()> {
    set_clock(client, trace.end() + SignedDuration::from_secs(5))?;
    let path = format!("{owner}/{job_id}/trainer_log.jsonl");
    let sql = "select id from public.register_model_artifact($1::text::uuid, 1, 'demo', \
               jsonb_build_object('trainer_log.jsonl', jsonb_build_object('path', $2::text, 'size', $3::bigint, \
               'sha256', encode(sha256($4), 'hex'))))";
    let log = trace.log.as_bytes();
    let registered =
        Caller::service().run(client, |t| t.execute(sql, &[&job_id, &path, &(log.len() as i64), &log]));
    registered.context("the model could not be registered")?;
    Ok(())
}

fn count_points(client: &mut Client, job_id: &str) -> anyhow::Result<i64> {
    let sql = "select count(*) from public.metrics_points where job_id = $1::text::uuid";
    Ok(Caller::service().run(client, |t| t.query_one(sql, &[&job_id]))?.get(0))
}

fn ask_progress(
    client: &mut Client,
    user: &Caller,
    job_id: &str,
    moment: &'static str,
    at: Timestamp,
    trace: &Trace,
) -> anyhow::Result<Moment> {
    set_clock(client, at)?;
    let sql = "select public.training_job_progress($1::text::uuid)";
    let answer = user.run(client, |t| t.query_one(sql, &[&job_id]))?.get(0);
    let seconds_left = trace.last_step_at().duration_since(at).as_secs().max(0);
    Ok(Moment { moment, at: at.to_string(), seconds_left, answer })
}

fn read_dataset(client: &mut Client, user: &Caller, id: &str, report: &Value) -> anyhow::Result<Dataset> {
    let sql = "select *, id::text as id_text, avg_turns_per_conversation::float8 as turns, \
               avg_tokens_per_turn::float8 as tokens from public.datasets where id = $1::text::uuid";
    let row = user.run(client, |t| t.query_one(sql, &[&id]))?;
    Ok(Dataset {
        id: row.get("id_text"),
        file_name: row.get("file_name"),
        file_size: row.get("file_size"),
        status: row.get("status"),
        training_ready: row.get("training_ready"),
        error_message: row.get("error_message"),
        total_training_pairs: row.get("total_training_pairs"),
        total_validation_pairs: row.get("total_validation_pairs"),
        total_tokens: row.get("total_tokens"),
        avg_turns_per_conversation: row.get("turns"),
        avg_tokens_per_turn: row.get("tokens"),
        shape: report["shape"].clone(),
        lines: report["lines"].clone(),
        conversations: report["conversations"].clone(),
        messages: report["messages"].clone(),
        declared_pairs: report["declared_pairs"].clone(),
        tokens: report["tokens"].clone(),
        errors: report["errors"].clone(),
        warnings: report["warnings"].clone(),
        findings: report["findings"].as_array().cloned().unwrap_or_default(),
        truncated: report["truncated"].clone(),
    })
}

fn read_job(client: &mut Client, user: &Caller, id: &str, recorded: i64) -> anyhow::Result<Job> {
    let sql = "select *, id::text as id_text, progress::float8 as percent, \
               estimated_total_cost::float8 as estimated, final_cost::float8 as final, \
               to_json(queued_at) #>> '{}' as queued, to_json(started_at) #>> '{}' as started, \
               to_json(completed_at) #>> '{}' as completed \
               from public.training_jobs where id = $1::text::uuid";
    let row = user.run(client, |t| t.query_one(sql, &[&id]))?;
    Ok(Job {
        id: row.get("id_text"),
        status: row.get("status"),
        attempt: row.get("attempt"),
        total_epochs: row.get("total_epochs"),
        total_steps: row.get("total_steps"),
        current_step: row.get("current_step"),
        progress: row.get("percent"),
        gpu_config: row.get("gpu_config"),
        queued_at: row.get("queued"),
        started_at: row.get("started"),
        completed_at: row.get("completed"),
        estimated_total_cost: row.get("estimated"),
        final_cost: row.get("final"),
        current_metrics: row.get("current_metrics"),
        points_recorded_by_a_retry: recorded,
    })
}

fn read_metrics(client: &mut Client, user: &Caller) -> anyhow::Result<Vec<Metric>> {
    let sql = "select step, training_loss, validation_loss from public.metrics_points order by step";
    let metric =
        |row: &Row| Metric { step: row.get(0), training_loss: row.get(1), validation_loss: row.get(2) };
    Ok(user.run(client, |t| t.query(sql, &[]))?.iter().map(metric).collect())
}

fn read_model(client: &mut Client, user: &Caller) -> anyhow::Result<Model> {
    let sql = "select name, version, status, artifacts, training_summary, configuration from public.model_artifacts";
    let row = user.run(client, |t| t.query_one(sql, &[]))?;
    Ok(Model {
        name: row.get(0),
        version: row.get(1),
        status: row.get(2),
        artifacts: row.get(3),
        training_summary: row.get(4),
        configuration: row.get(5),
    })
}

fn read_cost(client: &mut Client, user: &Caller, trace: &Trace) -> anyhow::Result<Box<RawValue>> {
    let sql = "select public.cost_summary(($1::text::timestamptz at time zone 'UTC')::date, \
               ($2::text::timestamptz at time zone 'UTC')::date + 1)::text";
    let (start, end) = (trace.start().to_string(), trace.end().to_string());
    let row = user.run(client, |t| t.query_one(sql, &[&start, &end])).context("the costs cannot be read")?;
    Ok(RawValue::from_string(row.get(0))?)
}

fn read_notifications(client: &mut Client, user: &Caller) -> anyhow::Result<Vec<Notification>> {
    let sql = "select type, title, message, priority, to_json(created_at) #>> '{}' \
               from public.notifications order by created_at, id";
    let notification = |row: &Row| Notification {
        kind: row.get(0),
        title: row.get(1),
        message: row.get(2),
        priority: row.get(3),
        created_at: row.get(4),
    };
    Ok(user.run(client, |t| t.query(sql, &[]))?.iter().map(notification).collect())
}

/// What somebody else sees: nothing, and no difference between a hidden job and none.
fn look_as(client: &mut Client, stranger: &Caller, job_id: Option<&str>) -> anyhow::Result<SecondUser> {
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let count = format!("select count(*) from public.{table}");
        rows.insert(table, stranger.run(client, |t| t.query_one(&count, &[]))?.get(0));
    }
    let sql = "select public.training_job_progress($1::text::uuid)";
    let job = match job_id.map(|id| stranger.run(client, |t| t.query_one(sql, &[&id]))) {
        None => None,
        Some(Ok(_)) => anyhow::bail!("the second user sees the first user's job"),
        Some(Err(error)) => Some(Refused {
            code: sqlstate(&error).to_owned(),
            message: error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned()),
        }),
    };
    Ok(SecondUser { rows, job })
}
