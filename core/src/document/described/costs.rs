//! What is told of costs.

use schemars::JsonSchema;

use crate::job::Status;

/// What `cost_summary` answers. Amounts have ten places; a group without a key has null.
#[derive(JsonSchema)]
pub struct CostSummary {
    /// ISO 4217 code; null without a record.
    pub currency: Option<String>,
    /// Rows of the ledger.
    pub records: u64,
    /// Sum of all.
    pub total: f64,
    /// The same in the places in which the currency is paid.
    pub rounded: f64,
    /// What runs, and is in the sums already.
    pub open_intervals: OpenIntervals,
    /// By day of the time zone.
    pub by_day: Vec<CostOfDay>,
    /// By kind of cost.
    pub by_type: Vec<CostOfType>,
    /// By GPU.
    pub by_gpu: Vec<CostOfGPU>,
    /// By job.
    pub by_job: Vec<CostOfJob>,
    /// By status of the job.
    pub by_status: Vec<CostOfStatus>,
    /// First day.
    pub from_date: String,
    /// Day after the last one.
    pub to_date: String,
    /// Whose days they are.
    pub time_zone: String,
}

/// Attempts that go on, and so have no row of the ledger yet.
#[derive(JsonSchema)]
pub struct OpenIntervals {
    /// How many.
    pub count: u64,
    /// What they cost so far, on the days that are asked for.
    pub amount: f64,
    /// Until when.
    pub until: String,
}

/// What `training_job_cost` answers.
#[derive(JsonSchema)]
pub struct TrainingJobCost {
    /// Job.
    pub job_id: String,
    /// Instant by which it costs that.
    pub at: String,
    /// Status of the job.
    pub status: Status,
    /// One for each attempt that was claimed by then.
    pub intervals: Vec<CostInterval>,
    /// ISO 4217 code.
    pub currency: String,
    /// Sum of the intervals, ten places.
    pub total: f64,
    /// The same in the places in which the currency is paid.
    pub rounded: f64,
}

/// An attempt's GPU time.
#[derive(JsonSchema)]
pub struct CostInterval {
    /// Attempt.
    pub attempt: Option<u32>,
    /// When it began.
    pub from: String,
    /// When it ended; null while it goes on.
    pub to: Option<String>,
    /// GPU.
    pub gpu_type: Option<String>,
    /// How many.
    pub gpus: Option<u32>,
    /// Price of one for an hour.
    pub hourly_rate: Option<f64>,
    /// Cost by the instant.
    pub amount: f64,
}

/// A line of `cost_report`: a charge, or what runs, on one day.
#[derive(JsonSchema)]
pub struct CostLine {
    /// Day of the time zone.
    pub day: String,
    /// Kind of cost.
    pub cost_type: String,
    /// GPU.
    pub gpu_type: Option<String>,
    /// How many.
    pub gpus: Option<u32>,
    /// Price of one for an hour.
    pub hourly_rate: Option<f64>,
    /// Job.
    pub job_id: Option<String>,
    /// Its status.
    pub job_status: Option<String>,
    /// ISO 4217 code.
    pub currency: String,
    /// What was spent.
    pub amount: f64,
    /// Whether it goes on.
    pub is_open: bool,
    /// Row of the ledger; null of what goes on.
    pub record_id: Option<String>,
}

/// What was spent on a day.
#[derive(JsonSchema)]
pub struct CostOfDay {
    /// Day, as `2026-01-31`.
    pub day: Option<String>,
    /// Sum.
    pub amount: f64,
}

/// What was spent on a kind of cost.
#[derive(JsonSchema)]
pub struct CostOfType {
    /// Kind, such as `training_compute`.
    pub cost_type: Option<String>,
    /// Sum.
    pub amount: f64,
}

/// What was spent on a GPU.
#[derive(JsonSchema)]
pub struct CostOfGPU {
    /// GPU, as jobs name it.
    pub gpu_type: Option<String>,
    /// Sum.
    pub amount: f64,
}

/// What was spent on a job.
#[derive(JsonSchema)]
pub struct CostOfJob {
    /// Job.
    pub job_id: Option<String>,
    /// Sum.
    pub amount: f64,
}

/// What was spent on jobs of a status.
#[derive(JsonSchema)]
pub struct CostOfStatus {
    /// Status of the jobs.
    pub status: Option<String>,
    /// Sum.
    pub amount: f64,
}
