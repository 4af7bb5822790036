//! What the tables themselves refuse, whoever writes and whichever trigger is missing.

use pg_lora_tests::Database;
use pg_lora_tests::story::{queue_job, ready_dataset, sign_up};
use postgres::Client;

/// A table, what is set in a good row of it, and the check that refuses it.
const REFUSED: [(&str, &str, &str); 48] = [
    ("datasets", "format = 'x'", "datasets_format_check"),
    ("datasets", "status = 'banana'", "datasets_status_check"),
    ("datasets", "file_size = -1", "datasets_file_size_check"),
    ("datasets", "storage_path = repeat('é', 1001)", "datasets_storage_path_check"),
    (
        "datasets",
        "total_training_pairs = -1, status = 'validating', training_ready = false",
        "datasets_total_training_pairs_check",
    ),
    ("datasets", "training_ready = false", "datasets_status_training_ready_check"),
    ("datasets", "total_tokens = null", "datasets_status_validated_at_check"),
    ("datasets", "total_validation_pairs = -1", "datasets_total_validation_pairs_check"),
    ("datasets", "total_tokens = -1", "datasets_total_tokens_check"),
    ("datasets", "avg_turns_per_conversation = 'NaN'", "datasets_avg_turns_per_conversation_check"),
    ("datasets", "avg_tokens_per_turn = -1", "datasets_avg_tokens_per_turn_check"),
    ("datasets", "validated_at = null", "datasets_status_validated_at_check"),
    ("datasets", "total_training_pairs = 0", "datasets_status_validated_at_check"),
    ("datasets", "total_training_pairs = null", "datasets_status_validated_at_check"),
    ("datasets", "validation_errors = '[{}]'", "datasets_status_validated_at_check"),
    ("datasets", "status = 'error', training_ready = false", "datasets_status_error_message_check"),
    ("training_jobs", "status = 'banana'", "training_jobs_status_check"),
    ("training_jobs", "progress = 100.01", "training_jobs_progress_check"),
    ("training_jobs", "progress = 'NaN'", "training_jobs_progress_check"),
    ("training_jobs", "current_epoch = -1", "training_jobs_current_epoch_check"),
    ("training_jobs", "total_epochs = 0", "training_jobs_total_epochs_check"),
    ("training_jobs", "current_step = -1", "training_jobs_current_step_check"),
    ("training_jobs", "total_steps = -1", "training_jobs_total_steps_check"),
    ("training_jobs", "current_cost = -1", "training_jobs_current_cost_check"),
    ("training_jobs", "estimated_total_cost = 'NaN'", "training_jobs_estimated_total_cost_check"),
    ("training_jobs", "final_cost = -1", "training_jobs_final_cost_check"),
    ("training_jobs", "retry_count = -1", "training_jobs_retry_count_check"),
    ("training_jobs", "attempt = 0", "training_jobs_attempt_check"),
    ("training_jobs", "max_attempts = 0", "training_jobs_max_attempts_check"),
    ("training_jobs", "failure_class = 'It broke'", "training_jobs_failure_class_check"),
    ("metrics_points", "step = -1", "metrics_points_step_check"),
    ("metrics_points", "epoch = -1", "metrics_points_epoch_check"),
    ("metrics_points", "gpu_utilization = 100.1", "metrics_points_gpu_utilization_check"),
    ("model_artifacts", "status = 'banana'", "model_artifacts_status_check"),
    ("cost_records", "amount = -1", "cost_records_amount_corrects_check"),
    ("cost_records", "amount = 'NaN'", "cost_records_amount_check"),
    ("cost_records", "cost_type = 'Odd Type'", "cost_records_cost_type_check"),
    ("cost_records", "hourly_rate = 'NaN'", "cost_records_hourly_rate_check"),
    ("cost_records", "gpus = -1", "cost_records_gpus_check"),
    ("cost_records", "currency = 'usd'", "cost_records_currency_check"),
    ("notifications", "type = 'Odd Type'", "notifications_type_check"),
    ("notifications", "priority = 'urgent'", "notifications_priority_check"),
    ("gpu_prices", "hourly_rate = 'NaN'", "gpu_prices_hourly_rate_check"),
    ("gpu_prices", "spot_hourly_rate = 'NaN'", "gpu_prices_spot_hourly_rate_check"),
    ("gpu_prices", "tokens_per_second = 0", "gpu_prices_tokens_per_second_check"),
    ("gpu_prices", "valid = 'empty'", "gpu_prices_valid_check"),
    ("cost_budgets", "monthly_limit = -1", "cost_budgets_monthly_limit_check"),
    ("cost_budgets", "platform_limit = 'NaN'", "cost_budgets_platform_limit_check"),
];

/// A good row in every table, in a session without triggers: what they refuse first is not what is looked at here.
fn furnish(db: &mut Client) {
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 2);
    let job = queue_job(db, &alice, &dataset, 5);
    let id = alice.id();
    db.batch_execute(&format!(
        "set session_replication_role = replica;
         insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts)
         values ('{id}', '{job}', '{dataset}', 'adapter', '{{}}', '{{}}', '{{}}', '{{}}');
         insert into public.metrics_points (job_id, attempt, epoch, step, training_loss, learning_rate) values ('{job}', 1, 1, 1, 1, 1);
         insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period)
         values ('{id}', '{job}', 'storage', 1, '2026-01-15');
         insert into public.cost_budgets (user_id) values ('{id}')"
    ))
    .unwrap();
}

#[test]
fn a_bad_value_is_refused_by_the_check_that_names_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    furnish(&mut db);
    for (table, change, check) in REFUSED {
        let error = db.execute(&format!("update public.{table} set {change}"), &[]).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!((error.code().code(), error.constraint()), ("23514", Some(check)), "{table}: {change}");
    }
    let mut open = db.query("select conname::text from pg_constraint where not convalidated", &[]).unwrap();
    assert!(open.pop().is_none(), "a fresh database has no row to wait for");
}

#[test]
fn prices_of_one_gpu_do_not_overlap() {
    let database = Database::migrated();
    let mut db = database.connect();
    let price = |gpu: &str, valid: &str| {
        format!("insert into public.gpu_prices values ('{gpu}', 1, 1000, '{valid}')")
    };
    let error = db.execute(&price("H100", "[2026-01-01, 2026-02-01)"), &[]).unwrap_err();
    assert_eq!(error.as_db_error().unwrap().constraint(), Some("gpu_prices_gpu_type_valid_excl"));
    db.execute(&price("H100", "[2024-01-01 00:00Z, 2025-01-01 00:00Z)"), &[]).unwrap();
    db.execute(&price("H200", "[2026-01-01, 2026-02-01)"), &[]).unwrap();
}
