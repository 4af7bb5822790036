//! What the demo found out. What the tables have a column for bears that column's name.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Everything that is printed, in its order.
#[derive(Serialize)]
pub struct Figures {
    pub dataset: Dataset,
    /// The job at its end; `null` when the dataset is not ready.
    pub job: Option<Job>,
    /// Where the job stood, at a quarter and half of its time and at its end.
    pub progress: Vec<Moment>,
    /// The curve, in the order of steps.
    pub metrics: Vec<Metric>,
    /// What `cost_summary` answers, as it answers it: its figures have more places than a float holds.
    pub cost: Option<Box<RawValue>>,
    /// What the run left; `null` when there was none.
    pub model: Option<Model>,
    pub notifications: Vec<Notification>,
    pub second_user: SecondUser,
}

#[derive(Serialize)]
pub struct Dataset {
    pub id: String,
    pub file_name: String,
    pub file_size: i64,
    pub status: String,
    pub training_ready: bool,
    pub error_message: Option<String>,
    pub total_training_pairs: Option<i32>,
    pub total_validation_pairs: Option<i32>,
    pub total_tokens: Option<i64>,
    pub avg_turns_per_conversation: Option<f64>,
    pub avg_tokens_per_turn: Option<f64>,
    pub shape: Value,
    pub lines: Value,
    pub conversations: Value,
    pub messages: Value,
    /// What the file's own header says.
    pub declared_pairs: Value,
    pub tokens: Value,
    /// Exact numbers, kept or not.
    pub errors: Value,
    pub warnings: Value,
    /// The first ones.
    pub findings: Vec<Value>,
    pub truncated: Value,
}

#[derive(Serialize)]
pub struct Job {
    pub id: String,
    pub status: String,
    pub attempt: i32,
    pub total_epochs: i32,
    pub total_steps: Option<i32>,
    pub current_step: i32,
    pub progress: f64,
    pub gpu_config: Value,
    pub queued_at: String,
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
    pub estimated_total_cost: f64,
    pub final_cost: Option<f64>,
    pub current_metrics: Value,
    /// Points that were recorded anew when the worker sent its last one again.
    pub points_recorded_by_a_retry: i64,
}

#[derive(Serialize)]
pub struct Moment {
    pub moment: &'static str,
    pub at: String,
    /// Seconds that were really left to the last step, known afterwards.
    pub seconds_left: i64,
    /// What `training_job_progress` answered then.
    #[serde(flatten)]
    pub answer: Value,
}

#[derive(Serialize)]
pub struct Metric {
    pub step: i32,
    pub training_loss: f64,
    pub validation_loss: Option<f64>,
}

#[derive(Serialize)]
pub struct Model {
    pub name: String,
    pub version: String,
    pub status: String,
    pub artifacts: Value,
    pub training_summary: Value,
    pub configuration: Value,
}

#[derive(Serialize)]
pub struct Notification {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub message: String,
    pub priority: String,
    pub created_at: String,
}

/// What another user sees of all this.
#[derive(Serialize)]
pub struct SecondUser {
    /// Rows of each of the six tables.
    pub rows: BTreeMap<&'static str, i64>,
    /// What asking for the first user's job answers.
    pub job: Option<Refused>,
}

#[derive(Serialize)]
pub struct Refused {
    pub code: String,
    pub message: String,
}
