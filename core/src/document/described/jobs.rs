//! What is told of training jobs.

use schemars::JsonSchema;

use super::{BestMetrics, CurrentMetrics, PresetId, Verdict};
use crate::document::GpuConfig;
use crate::job::{Progress, Status};

/// Hyperparameters as they may be sent: what is left out comes from the preset, and the short names are understood.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct HyperparameterRequest {
    /// Name of the model that is tuned, as its hub knows it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<String>,
    /// Peak learning rate, above 0 and at most 1.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Examples in one optimizer step.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Passes over the dataset.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub num_epochs: Option<u32>,
    /// `num_epochs`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Rank of the adapter's matrices.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub lora_rank: Option<u32>,
    /// `lora_rank`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Scale of the adapter.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub lora_alpha: Option<u32>,
    /// `lora_alpha`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<u32>,
    /// Dropout of the adapter's inputs, 0 to below 1.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub lora_dropout: Option<f64>,
    /// `lora_dropout`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Steps over which the learning rate rises.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u32>,
    /// Decay of the weights.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Batches that make one optimizer step.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub gradient_accumulation_steps: Option<u32>,
    /// Optimizer steps, in place of the epochs.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
}

/// GPUs as they may be asked for: a type and a number, by either of their names; what the price book knows may be left out.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct GPURequest {
    /// GPU, as the price book names it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub gpu_type: Option<String>,
    /// `gpu_type`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// How many of them.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub num_gpus: Option<u32>,
    /// `num_gpus`, by its short name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Memory of one, in GB.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_gb: Option<f64>,
    /// Price of one for an hour; that of the price book when left out.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub cost_per_gpu_hour: Option<f64>,
}

/// A checkpoint that a worker has saved.
#[derive(JsonSchema)]
pub struct Checkpoint {
    /// Step after which it was saved.
    pub step: u32,
    /// Where the next attempt finds it.
    pub path: String,
    /// Size in bytes.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub size: Option<u64>,
}

/// `training_jobs.resume_from`: the last checkpoint of the attempts before this one.
#[derive(JsonSchema)]
pub struct ResumePoint {
    /// Attempt that saved it.
    pub attempt: u32,
    /// Step after which it was saved.
    pub step: u32,
    /// Where it is.
    pub path: String,
    /// Size in bytes.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// `training_jobs.estimate`: what is expected of the attempt before it shows its pace.
#[derive(JsonSchema)]
pub struct PaceEstimate {
    /// Seconds until the first step begins.
    pub preparation_seconds: f64,
    /// Seconds of a step, pauses apart.
    pub seconds_per_step: f64,
    /// Seconds of evaluations and checkpoints for each step.
    pub pause_seconds_per_step: f64,
    /// Step after which the attempt goes on.
    pub from_step: u32,
}

/// What a job costs.
#[derive(JsonSchema)]
pub struct JobCost {
    /// Up to the instant; null while it is not charged.
    pub current: Option<f64>,
    /// At the end, as far as that can be told.
    pub projected: Option<f64>,
}

/// For how long nothing was reported.
#[derive(JsonSchema)]
pub struct Silence {
    /// How long it is.
    pub seconds: f64,
    /// How long it may be.
    pub budget_seconds: Option<f64>,
}

/// What `training_job_progress` answers.
#[derive(JsonSchema)]
pub struct TrainingJobProgress {
    /// Status of the job.
    pub status: Status,
    /// Stage that its worker announced last.
    pub stage: String,
    /// Attempt that all of this is of.
    pub attempt: u32,
    /// Where it stands.
    #[schemars(flatten)]
    pub progress: Progress,
    /// Whether it is well; null of an instant of the past.
    pub verdict: Option<Verdict>,
    /// Why: `ended`, `unknown`, `progressing`, `in_stage`, `slow_steps`, `no_progress`, `stage_too_long`, `queue_too_long`,
    /// `lease_expired`, `no_heartbeat`, `queued`, or `past` and `unknown_status`, of which there is no verdict.
    pub verdict_reason: String,
    /// For how long nothing was reported; null where that is no sign.
    pub silence: Option<Silence>,
    /// How many jobs are claimed before it, and one; null of a job that is not queued.
    pub queue_position: Option<u64>,
    /// When its turn comes, as workers went on in the last hour.
    pub expected_start_at: Option<String>,
    /// What it costs.
    pub cost: JobCost,
}

/// A job of a page of `training_jobs_overview`.
#[derive(JsonSchema)]
pub struct TrainingJobSummary {
    /// Job.
    pub id: String,
    /// Dataset that it trains on.
    pub dataset_id: String,
    /// Name of the dataset.
    pub dataset_name: Option<String>,
    /// Preset.
    pub preset_id: PresetId,
    /// Model that is tuned.
    pub base_model: Option<String>,
    /// GPUs.
    pub gpu_config: GpuConfig,
    /// When it was made.
    pub created_at: String,
    /// Since when it waited.
    pub queued_at: String,
    /// When its attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub completed_at: Option<String>,
    /// Model that it has made.
    pub artifact_id: Option<String>,
    /// Kind of its failure.
    pub failure_class: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// Newest metrics.
    pub last_metrics: Option<CurrentMetrics>,
    /// Lowest losses.
    pub best_metrics: Option<BestMetrics>,
    /// As `training_job_progress` answers it.
    pub progress: TrainingJobProgress,
}

/// What `training_jobs_overview` answers.
#[derive(JsonSchema)]
pub struct TrainingJobsPage {
    /// The newest first.
    pub jobs: Vec<TrainingJobSummary>,
    /// The `before` of the next page; null on the last one.
    pub next: Option<String>,
}

/// What `heartbeat_training_job` answers.
#[derive(JsonSchema)]
pub struct HeartbeatAnswer {
    /// Whether to stop.
    pub cancel_requested: bool,
    /// Until when the worker may be silent; null of a cancelled job.
    pub lease_expires_at: Option<String>,
}

/// A thing that `sweep_training_jobs` has done, or has seen.
#[derive(JsonSchema)]
pub struct SweptThing {
    /// `job`, `queue`, `chunks` or `notifications`.
    pub kind: String,
    /// The job; null of what is no job.
    pub job_id: Option<String>,
    /// Its attempt.
    pub attempt: Option<u32>,
    /// `queued again`, `failed`, `notified`, `stalled`, `left`, `waiting` or `removed`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Option<String>,
}
