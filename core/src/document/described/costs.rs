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

/// What `estimate_training_cost` answers.
#[derive(JsonSchema)]
pub struct CostEstimate {
    /// Four times out of five it is not cheaper, where it was found by similar runs.
    pub low: f64,
    /// What is expected.
    pub expected: f64,
    /// As `low`, above.
    pub high: f64,
    /// How long the run takes.
    pub hours: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// How it was found: `formula`, or by what similar runs have taken.
    pub method: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// What `cost_budget` and `set_cost_budget` answer: a budget, and how far its month has gone.
#[derive(JsonSchema)]
pub struct BudgetState {
    /// The smaller of the two limits; null without one.
    pub limit: Option<f64>,
    /// Limit that the owner chose.
    pub monthly_limit: Option<f64>,
    /// Limit that the operator set.
    pub platform_limit: Option<f64>,
    /// Whether no job starts beyond the owner's limit.
    pub hard_stop: bool,
    /// The limit beyond which no job starts; null without one.
    pub hard_limit: Option<f64>,
    /// ISO 4217 code.
    pub currency: String,
    /// Whose months are meant.
    pub time_zone: String,
    /// The month.
    pub period: BudgetPeriod,
    /// Spent in it, what runs included.
    pub spent: f64,
    /// What queued and running jobs are still expected to take.
    pub committed: f64,
    /// What is left of the limit; null without one.
    pub remaining: Option<f64>,
    /// What the month will have cost.
    pub forecast: f64,
    /// What of it has led to nothing.
    pub waste: BudgetWaste,
    /// Shares of the limit that the owner is told of.
    pub thresholds: Vec<BudgetThreshold>,
}

/// From one instant to another one.
#[derive(JsonSchema)]
pub struct BudgetPeriod {
    /// Begin.
    pub from: String,
    /// End.
    pub to: String,
}

/// What of a month's cost has led to nothing.
#[derive(JsonSchema)]
pub struct BudgetWaste {
    /// Attempts that failed.
    pub failed: f64,
    /// Attempts that were cancelled.
    pub cancelled: f64,
    /// Attempts that were lost with their worker.
    pub lost: f64,
    /// How long runs have stood still.
    pub stalled: f64,
}

/// A share of a limit.
#[derive(JsonSchema)]
pub struct BudgetThreshold {
    /// Share, in percent.
    pub percent: u32,
    /// The same as an amount; null without a limit.
    pub amount: Option<f64>,
    /// Whether what is spent and committed has come so far.
    pub reached: bool,
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
