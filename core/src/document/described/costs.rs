//! What is told of costs.

use schemars::JsonSchema;

/// What `cost_summary` answers. Amounts have ten places; a group without a key has null.
#[derive(JsonSchema)]
pub struct CostSummary {
    /// ISO 4217 code; null without a record.
    pub currency: Option<String>,
    /// Rows of the ledger.
    pub records: u64,
    /// Sum of all.
    pub total: f64,
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
