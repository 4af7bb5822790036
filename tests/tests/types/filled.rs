//! What may be left out of an insert although its column has no default: the database fills it in, as the types say.

use pg_lora_tests::story::{GPUS, claim, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database};
use serde_json::json;

use super::text;

/// The members of an Insert that may be left out.
fn optional(table: &str) -> Vec<String> {
    let text = text("database.ts");
    let (_, rest) = text.split_once(&format!("      {table}: {{\n")).unwrap();
    let (_, rest) = rest.split_once("        Insert: {\n").unwrap();
    let (insert, _) = rest.split_once("        };\n").unwrap();
    insert.lines().filter_map(|line| Some(line.trim().split_once("?: ")?.0.to_owned())).collect()
}

#[test]
fn triggers_fill_in_what_the_types_let_one_leave_out() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, service) = (sign_up(&mut db, "alice"), Caller::service());
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config) \
         values ('{}', '{dataset}', 'fast', '{{\"rank\": 8, \"max_steps\": 5}}', '{GPUS}')",
        alice.id()
    );
    assert_eq!(alice.write(&mut db, &job).unwrap(), 1);
    let id = claim(&mut db, "w");
    let point = format!(
        "insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate) values ('{id}', 1, 1, 'NaN', 0.1)"
    );
    let event = format!(
        "insert into public.training_job_events (job_id, actor, kind, attempt) values ('{id}', 'service', 'noted', 1)"
    );
    for insert in [point, event] {
        assert_eq!(service.write(&mut db, &insert).unwrap(), 1, "{insert}");
    }
    let filled = "select jsonb_build_array(job.total_epochs, job.estimated_total_cost > 0, job.preset_id, job.hyperparameters -> 'lora_rank',
      (select attempt from public.metrics_points where job_id = job.id),
      (select sequence > 1 from public.training_job_events where job_id = job.id and kind = 'noted'))
      from public.training_jobs as job";
    assert_eq!(service.ask(&mut db, filled).unwrap(), json!([5, true, "custom", 8, 1, true]));
    for (table, columns) in [
        ("training_jobs", &["total_epochs", "estimated_total_cost"][..]),
        ("metrics_points", &["attempt"]),
        ("training_job_events", &["sequence"]),
    ] {
        let optional = optional(table);
        for column in columns {
            assert!(optional.iter().any(|known| known == column), "{table}.{column}: {optional:?}");
        }
        assert!(!optional.iter().any(|known| known == "job_id" || known == "dataset_id"), "{optional:?}");
    }
}
