//! The nine tables, column by column.

use super::allowed::{
    CHECK, Callers, DENIED, FROZEN, NO, NONE, OURS, STATE, Section, UNKNOWN, UNKNOWN_COLUMN, YES, everybody,
};

type Whole = (&'static str, &'static str, Callers);

const SELECT: Whole = ("select", "select", [DENIED, "own rows", "own rows", "all rows"]);
const TRUNCATE: Whole = ("truncate", "truncate public.{table} cascade", everybody(DENIED));
const DELETE: &str = "delete from public.{table} where {row} returning true";

/// Nobody but the service writes, and nobody changes or deletes.
const ADDED_TO: [Whole; 3] = [SELECT, ("delete", DELETE, everybody(DENIED)), TRUNCATE];

pub const SECTIONS: [Section; 12] = [
    DATASETS,
    READY_DATASETS,
    TRAINING_JOBS,
    COMPLETED_JOBS,
    METRICS_POINTS,
    MODEL_ARTIFACTS,
    COST_RECORDS,
    NOTIFICATIONS,
    TRAINING_JOB_EVENTS,
    GPU_PRICES,
    COST_BUDGETS,
    NEW_COST_BUDGETS,
];

const DATASETS: Section = Section {
    title: "datasets: one that is uploading",
    table: "datasets",
    row: "id = '{uploading}'",
    new_row: &[
        ("user_id", "'{owner}'"),
        ("name", "'planted'"),
        ("storage_path", "'{owner}/new.jsonl'"),
        ("file_name", "'new.jsonl'"),
        ("file_size", "1"),
    ],
    insert: [DENIED, YES, DENIED, YES],
    other_update: NONE,
    //   column, value, [owner inserts, owner updates, service inserts, service updates]
    columns: &[
        ("id", "'{new}'", [YES, NO, YES, NO]),
        ("user_id", "'{third}'", ["42501, hint", NO, YES, NO]),
        ("name", "'changed'", [YES, YES, YES, YES]),
        ("description", "'changed'", [YES, YES, YES, YES]),
        ("format", "'brightrun_lora_v3'", [YES, NO, YES, YES]),
        ("format", "'banana'", [CHECK, NO, CHECK, CHECK]),
        ("status", "'validating'", [YES, YES, YES, YES]),
        ("status", "'ready'", [NO, NO, STATE, STATE]),
        ("status", "'error'", [NO, NO, STATE, STATE]),
        ("status", "'banana'", [NO, NO, STATE, STATE]),
        ("storage_bucket", "'elsewhere'", [NO, NO, YES, YES]),
        ("storage_path", "'{owner}/other.jsonl'", [YES, NO, YES, YES]),
        ("storage_path", "'{other}/other.jsonl'", [NO, NO, YES, YES]),
        ("file_name", "'changed'", [YES, NO, YES, YES]),
        ("file_size", "7", [YES, NO, YES, YES]),
        ("file_size", "-1", [CHECK, NO, CHECK, CHECK]),
        ("total_training_pairs", "7", [NO, NO, YES, YES]),
        ("total_validation_pairs", "7", [NO, NO, YES, YES]),
        ("total_tokens", "7", [NO, NO, YES, YES]),
        ("avg_turns_per_conversation", "7", [NO, NO, YES, YES]),
        ("avg_tokens_per_turn", "7", [NO, NO, YES, YES]),
        ("training_ready", "true", [NO, NO, CHECK, CHECK]),
        ("validated_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("validation_errors", "'[]'", [NO, NO, YES, YES]),
        ("sample_data", "'[]'", [NO, NO, YES, YES]),
        ("created_at", "'2000-01-01'", [OURS, NO, YES, YES]),
        ("updated_at", "'2000-01-01'", [OURS, OURS, YES, OURS]),
        ("deleted_at", "'2000-01-01'", [NO, OURS, YES, YES]),
        ("error_message", "'changed'", [NO, NO, YES, YES]),
        ("content_digest", "'changed'", [NO, NO, YES, YES]),
        ("content_sha256", "'changed'", [NO, NO, YES, YES]),
        ("validation_report", "'{}'", [NO, NO, YES, YES]),
        ("ruleset_version", "'changed'", [NO, NO, YES, YES]),
    ],
    whole: &[SELECT, ("delete", DELETE, [DENIED, YES, NONE, YES]), TRUNCATE],
    ..Section::NOTHING
};

const READY_DATASETS: Section = Section {
    title: "datasets: one that is ready and was trained on",
    table: "datasets",
    row: "id = '{ready}'",
    other_update: NONE,
    columns: &[
        ("name", "'changed'", ["", YES, "", YES]),
        ("status", "'validating'", ["", YES, "", YES]),
        ("status", "'uploading'", ["", NO, "", STATE]),
        ("status", "'error'", ["", NO, "", STATE]),
        ("deleted_at", "'2000-01-01'", ["", OURS, "", YES]),
    ],
    whole: &[("delete", DELETE, [DENIED, STATE, NONE, STATE])],
    ..Section::NOTHING
};

const TRAINING_JOBS: Section = Section {
    title: "training_jobs: one that is queued",
    table: "training_jobs",
    row: "id = '{queued}'",
    new_row: &[
        ("user_id", "'{owner}'"),
        ("dataset_id", "'{ready}'"),
        ("preset_id", "'custom'"),
        ("hyperparameters", "'{}'"),
        ("gpu_config", "'{GPUS}'"),
        ("total_epochs", "1"),
        ("estimated_total_cost", "1"),
    ],
    insert: [DENIED, YES, UNKNOWN, YES],
    other_update: NONE,
    columns: &[
        ("id", "'{new}'", [YES, NO, YES, NO]),
        ("user_id", "'{third}'", [UNKNOWN, NO, UNKNOWN, NO]),
        ("dataset_id", "'{second}'", [YES, NO, YES, YES]),
        ("dataset_id", "'{uploading}'", [STATE, NO, STATE, YES]),
        ("dataset_id", "'{others}'", [UNKNOWN, NO, UNKNOWN, UNKNOWN_COLUMN]),
        ("preset_id", "'balanced'", [YES, NO, YES, YES]),
        ("hyperparameters", "'{\"max_steps\": 3}'", [OURS, NO, OURS, YES]),
        ("gpu_config", "'{\"gpu_type\": \"H100\", \"num_gpus\": 1}'", [OURS, NO, OURS, YES]),
        ("status", "'cancelled'", [NO, YES, STATE, YES]),
        ("status", "'initializing'", [NO, NO, STATE, YES]),
        ("status", "'running'", [NO, NO, STATE, STATE]),
        ("status", "'completed'", [NO, NO, STATE, STATE]),
        ("status", "'failed'", [NO, NO, STATE, YES]),
        ("status", "'banana'", [NO, NO, STATE, STATE]),
        ("current_stage", "'training'", [NO, NO, YES, YES]),
        ("progress", "7", [NO, NO, YES, YES]),
        ("current_epoch", "7", [NO, NO, YES, YES]),
        ("total_epochs", "7", [OURS, NO, OURS, YES]),
        ("current_step", "7", [NO, NO, YES, YES]),
        ("total_steps", "7", [OURS, NO, OURS, YES]),
        ("current_metrics", "'{}'", [NO, NO, YES, YES]),
        ("queued_at", "'2000-01-01'", [OURS, NO, OURS, YES]),
        ("started_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("completed_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("estimated_completion_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("current_cost", "7", [NO, NO, YES, YES]),
        ("estimated_total_cost", "7", [OURS, NO, OURS, YES]),
        ("final_cost", "7", [NO, NO, YES, YES]),
        ("error_message", "'changed'", [NO, NO, YES, YES]),
        ("error_stack", "'changed'", [NO, NO, YES, YES]),
        ("retry_count", "7", [NO, NO, YES, YES]),
        ("external_job_id", "'changed'", [NO, NO, YES, YES]),
        ("artifact_id", "'{model}'", [NO, NO, YES, YES]),
        ("created_at", "'2000-01-01'", [OURS, NO, OURS, YES]),
        ("updated_at", "'2000-01-01'", [OURS, OURS, YES, OURS]),
        ("attempt", "7", [NO, NO, YES, YES]),
        ("claimed_by", "'changed'", [NO, NO, YES, YES]),
        ("lease_expires_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("last_heartbeat_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("last_progress_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("cancel_requested_at", "'2000-01-01'", [NO, NO, YES, YES]),
        ("idempotency_key", "'changed'", [YES, NO, YES, YES]),
        ("max_attempts", "7", [NO, NO, YES, YES]),
        ("failure_class", "'changed'", [NO, NO, YES, YES]),
        ("retry_of", "'{completed}'", [NO, NO, YES, YES]),
    ],
    whole: &[
        SELECT,
        (
            "update `status = 'cancelled'`, its end and its cost with it",
            "update public.training_jobs set status = 'cancelled', completed_at = now(), final_cost = 7 \
             where {row} returning final_cost is not distinct from 7",
            [DENIED, OURS, NONE, OURS],
        ),
        ("delete", DELETE, [DENIED, "42501, hint", "42501, hint", "42501, hint"]),
        TRUNCATE,
    ],
    ..Section::NOTHING
};

const COMPLETED_JOBS: Section = Section {
    title: "training_jobs: one that is completed, without a model",
    table: "training_jobs",
    row: "id = '{bare}'",
    other_update: NONE,
    columns: &[
        ("user_id", "'{third}'", ["", NO, "", NO]),
        ("dataset_id", "'{second}'", ["", NO, "", FROZEN]),
        ("preset_id", "'balanced'", ["", NO, "", FROZEN]),
        ("hyperparameters", "'{\"max_steps\": 3}'", ["", NO, "", FROZEN]),
        ("gpu_config", "'{\"gpu_type\": \"H100\", \"num_gpus\": 1}'", ["", NO, "", FROZEN]),
        ("status", "'queued'", ["", NO, "", STATE]),
        ("status", "'cancelled'", ["", STATE, "", STATE]),
        ("progress", "7", ["", NO, "", FROZEN]),
        ("current_step", "7", ["", NO, "", FROZEN]),
        ("current_metrics", "'{}'", ["", NO, "", FROZEN]),
        ("completed_at", "'2000-01-01'", ["", NO, "", FROZEN]),
        ("current_cost", "7", ["", NO, "", FROZEN]),
        ("final_cost", "7", ["", NO, "", FROZEN]),
        ("error_message", "'changed'", ["", NO, "", FROZEN]),
        ("artifact_id", "'{model}'", ["", NO, "", YES]),
        ("attempt", "7", ["", NO, "", FROZEN]),
        ("updated_at", "'2000-01-01'", ["", OURS, "", OURS]),
    ],
    ..Section::NOTHING
};

const METRICS_POINTS: Section = Section {
    title: "metrics_points",
    table: "metrics_points",
    row: "job_id = '{completed}' and step = 1",
    new_row: &[
        ("job_id", "'{completed}'"),
        ("epoch", "1"),
        ("step", "99"),
        ("training_loss", "0"),
        ("learning_rate", "0"),
    ],
    insert: [DENIED, DENIED, DENIED, YES],
    other_update: DENIED,
    columns: &[
        ("id", "'{new}'", [DENIED, DENIED, YES, DENIED]),
        ("job_id", "'{queued}'", [DENIED, DENIED, YES, DENIED]),
        ("job_id", "'{new}'", [DENIED, DENIED, "23503", DENIED]),
        ("timestamp", "'2000-01-01'", [DENIED, DENIED, YES, DENIED]),
        ("epoch", "7", [DENIED, DENIED, YES, DENIED]),
        ("step", "7", [DENIED, DENIED, YES, DENIED]),
        ("step", "1", [DENIED, DENIED, "23505", DENIED]),
        ("step", "-1", [DENIED, DENIED, CHECK, DENIED]),
        ("training_loss", "'NaN'", [DENIED, DENIED, YES, DENIED]),
        ("validation_loss", "'Infinity'", [DENIED, DENIED, YES, DENIED]),
        ("learning_rate", "1e-12", [DENIED, DENIED, YES, DENIED]),
        ("gradient_norm", "7", [DENIED, DENIED, YES, DENIED]),
        ("throughput", "7", [DENIED, DENIED, YES, DENIED]),
        ("gpu_utilization", "7", [DENIED, DENIED, YES, DENIED]),
        ("attempt", "7", [DENIED, DENIED, YES, DENIED]),
    ],
    whole: &ADDED_TO,
    ..Section::NOTHING
};

const MODEL_ARTIFACTS: Section = Section {
    title: "model_artifacts",
    table: "model_artifacts",
    row: "id = '{model}'",
    new_row: &[
        ("user_id", "'{owner}'"),
        ("job_id", "'{bare}'"),
        ("dataset_id", "'{ready}'"),
        ("name", "'planted'"),
        ("quality_metrics", "'{}'"),
        ("training_summary", "'{}'"),
        ("configuration", "'{}'"),
        ("artifacts", "'{}'"),
    ],
    insert: [DENIED, DENIED, DENIED, YES],
    other_update: NONE,
    columns: &[
        ("id", "'{new}'", [DENIED, NO, YES, NO]),
        ("user_id", "'{third}'", [DENIED, NO, UNKNOWN, NO]),
        ("job_id", "'{bare}'", [DENIED, NO, YES, YES]),
        ("job_id", "'{completed}'", [DENIED, "", "23505", ""]),
        ("dataset_id", "'{second}'", [DENIED, NO, YES, YES]),
        ("dataset_id", "'{others}'", [DENIED, NO, UNKNOWN_COLUMN, UNKNOWN_COLUMN]),
        ("name", "'changed'", [DENIED, YES, YES, YES]),
        ("version", "'2.0.0'", [DENIED, YES, YES, YES]),
        ("description", "'changed'", [DENIED, YES, YES, YES]),
        ("status", "'deployed'", [DENIED, NO, STATE, YES]),
        ("status", "'archived'", [DENIED, NO, STATE, STATE]),
        ("status", "'banana'", [DENIED, NO, STATE, STATE]),
        ("deployed_at", "'2000-01-01'", [DENIED, NO, YES, YES]),
        ("quality_metrics", "'{\"x\": 1}'", [DENIED, NO, YES, YES]),
        ("training_summary", "'{\"x\": 1}'", [DENIED, NO, YES, YES]),
        ("configuration", "'{\"x\": 1}'", [DENIED, NO, YES, YES]),
        ("artifacts", "'{\"x\": 1}'", [DENIED, NO, YES, YES]),
        ("parent_model_id", "'{model}'", [DENIED, NO, YES, YES]),
        ("created_at", "'2000-01-01'", [DENIED, NO, YES, YES]),
        ("updated_at", "'2000-01-01'", [DENIED, OURS, YES, OURS]),
        ("deleted_at", "'2000-01-01'", [DENIED, OURS, YES, YES]),
    ],
    whole: &[SELECT, ("delete", DELETE, [DENIED, DENIED, DENIED, YES]), TRUNCATE],
    ..Section::NOTHING
};

const COST_RECORDS: Section = Section {
    title: "cost_records",
    table: "cost_records",
    row: "id = '{cost}'",
    new_row: &[
        ("user_id", "'{owner}'"),
        ("job_id", "'{completed}'"),
        ("cost_type", "'storage'"),
        ("amount", "1"),
        ("billing_period", "'2026-01-01'"),
    ],
    insert: [DENIED, DENIED, DENIED, YES],
    other_update: DENIED,
    columns: &[
        ("id", "'{new}'", [DENIED, DENIED, YES, DENIED]),
        ("user_id", "'{third}'", [DENIED, DENIED, UNKNOWN, DENIED]),
        ("job_id", "null", [DENIED, DENIED, YES, DENIED]),
        ("cost_type", "'training_compute'", [DENIED, DENIED, STATE, DENIED]),
        ("cost_type", "'Odd type'", [DENIED, DENIED, CHECK, DENIED]),
        ("amount", "0.0000000004", [DENIED, DENIED, YES, DENIED]),
        ("amount", "-1", [DENIED, DENIED, CHECK, DENIED]),
        ("amount", "'NaN'", [DENIED, DENIED, CHECK, DENIED]),
        ("details", "'{}'", [DENIED, DENIED, YES, DENIED]),
        ("billing_period", "'2000-01-01'", [DENIED, DENIED, YES, DENIED]),
        ("recorded_at", "'2000-01-01'", [DENIED, DENIED, YES, DENIED]),
        ("idempotency_key", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("corrects", "'{cost}'", [DENIED, DENIED, YES, DENIED]),
        ("period", "'[2026-01-01 00:00Z,2026-01-01 01:00Z)'", [DENIED, DENIED, YES, DENIED]),
        ("hourly_rate", "7", [DENIED, DENIED, YES, DENIED]),
        ("gpu_type", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("gpus", "7", [DENIED, DENIED, YES, DENIED]),
        ("currency", "'EUR'", [DENIED, DENIED, YES, DENIED]),
    ],
    whole: &ADDED_TO,
    ..Section::NOTHING
};

const NOTIFICATIONS: Section = Section {
    title: "notifications",
    table: "notifications",
    row: "id = '{notice}'",
    new_row: &[
        ("user_id", "'{owner}'"),
        ("type", "'system_notice'"),
        ("title", "'planted'"),
        ("message", "'planted'"),
    ],
    insert: [DENIED, YES, DENIED, YES],
    other_update: NONE,
    columns: &[
        ("id", "'{new}'", [YES, NO, YES, NO]),
        ("user_id", "'{third}'", [DENIED, NO, YES, NO]),
        ("type", "'x_y'", [YES, NO, YES, YES]),
        ("type", "'Odd type'", [CHECK, NO, CHECK, CHECK]),
        ("title", "'changed'", [YES, NO, YES, YES]),
        ("message", "'changed'", [YES, NO, YES, YES]),
        ("priority", "'low'", [YES, NO, YES, YES]),
        ("priority", "'urgent'", [NO, NO, CHECK, CHECK]),
        ("read", "true", [YES, YES, YES, YES]),
        ("action_url", "'changed'", [YES, NO, YES, YES]),
        ("metadata", "'{}'", [YES, NO, YES, YES]),
        ("created_at", "'2000-01-01'", [OURS, NO, YES, YES]),
        ("dedupe_key", "'changed'", [OURS, NO, OURS, OURS]),
    ],
    whole: &[SELECT, ("delete", DELETE, [DENIED, YES, NONE, YES]), TRUNCATE],
    ..Section::NOTHING
};

const TRAINING_JOB_EVENTS: Section = Section {
    title: "training_job_events",
    table: "training_job_events",
    row: "job_id = '{completed}' and sequence = 1",
    new_row: &[
        ("job_id", "'{completed}'"),
        ("sequence", "99"),
        ("actor", "'planted'"),
        ("kind", "'checkpoint'"),
        ("attempt", "1"),
    ],
    insert: [DENIED, DENIED, DENIED, YES],
    other_update: DENIED,
    columns: &[
        ("job_id", "'{queued}'", [DENIED, DENIED, YES, DENIED]),
        ("sequence", "77", [DENIED, DENIED, YES, DENIED]),
        ("sequence", "1", [DENIED, DENIED, "23505", DENIED]),
        ("at", "'2000-01-01'", [DENIED, DENIED, YES, DENIED]),
        ("actor", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("kind", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("kind", "'Odd kind'", [DENIED, DENIED, CHECK, DENIED]),
        ("from_status", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("to_status", "'changed'", [DENIED, DENIED, YES, DENIED]),
        ("attempt", "7", [DENIED, DENIED, YES, DENIED]),
        ("payload", "'{}'", [DENIED, DENIED, YES, DENIED]),
    ],
    whole: &ADDED_TO,
    ..Section::NOTHING
};

const GPU_PRICES: Section = Section {
    title: "gpu_prices",
    table: "gpu_prices",
    row: "gpu_type = 'H100'",
    new_row: &[
        ("gpu_type", "'B200'"),
        ("hourly_rate", "6"),
        ("tokens_per_second", "4000"),
        ("valid", "'[2026-01-01,)'"),
    ],
    insert: [DENIED, DENIED, DENIED, YES],
    other_update: DENIED,
    columns: &[
        ("gpu_type", "'L4'", [DENIED, DENIED, YES, YES]),
        ("gpu_type", "'A100-80GB'", [DENIED, DENIED, "23P01", "23505"]),
        ("hourly_rate", "7", [DENIED, DENIED, YES, YES]),
        ("hourly_rate", "-1", [DENIED, DENIED, CHECK, CHECK]),
        ("tokens_per_second", "7", [DENIED, DENIED, YES, YES]),
        ("valid", "'[2027-01-01,)'", [DENIED, DENIED, YES, YES]),
    ],
    whole: &[
        ("select", "select", [DENIED, "all rows", "all rows", "all rows"]),
        ("delete", DELETE, [DENIED, DENIED, DENIED, YES]),
        TRUNCATE,
    ],
    ..Section::NOTHING
};

const COST_BUDGETS: Section = Section {
    title: "cost_budgets",
    table: "cost_budgets",
    row: "user_id = '{owner}'",
    other_update: NONE,
    columns: &[
        ("user_id", "'{third}'", ["", NO, "", NO]),
        ("monthly_limit", "7", ["", YES, "", YES]),
        ("monthly_limit", "-1", ["", CHECK, "", CHECK]),
        ("platform_limit", "7", ["", NO, "", YES]),
        ("hard_stop", "true", ["", YES, "", YES]),
        ("time_zone", "'Europe/Berlin'", ["", YES, "", YES]),
        ("currency", "'EUR'", ["", YES, "", YES]),
        ("created_at", "'2000-01-01'", ["", NO, "", YES]),
        ("updated_at", "'2000-01-01'", ["", OURS, "", OURS]),
    ],
    whole: &[SELECT, ("delete", DELETE, [DENIED, DENIED, DENIED, YES]), TRUNCATE],
    ..Section::NOTHING
};

const NEW_COST_BUDGETS: Section = Section {
    title: "cost_budgets: of a user who has none yet",
    table: "cost_budgets",
    row: "false",
    before_insert: "delete from public.cost_budgets where user_id = '{owner}'",
    new_row: &[("user_id", "'{owner}'")],
    insert: [DENIED, YES, DENIED, YES],
    columns: &[
        ("user_id", "'{third}'", [DENIED, "", YES, ""]),
        ("monthly_limit", "7", [YES, "", YES, ""]),
        ("monthly_limit", "-1", [CHECK, "", CHECK, ""]),
        ("platform_limit", "7", [NO, "", YES, ""]),
        ("hard_stop", "true", [YES, "", YES, ""]),
        ("time_zone", "'Europe/Berlin'", [YES, "", YES, ""]),
        ("currency", "'EUR'", [YES, "", YES, ""]),
        ("created_at", "'2000-01-01'", [OURS, "", YES, ""]),
        ("updated_at", "'2000-01-01'", [OURS, "", YES, ""]),
    ],
    ..Section::NOTHING
};
