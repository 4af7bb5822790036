//! What is told of metrics.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::metric::{Curve, PointFinding};

/// A measured number. JSON has no NaN and no infinity: those come, and go, as texts.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum MetricValue {
    /// A number.
    Number(f64),
    /// What is none.
    NonFinite(NonFinite),
}

/// What a run that diverges reports.
#[derive(JsonSchema)]
pub enum NonFinite {
    /// No number.
    NaN,
    /// Beyond all numbers.
    Infinity,
    /// Below all numbers.
    #[schemars(rename = "-Infinity")]
    NegativeInfinity,
}

/// `training_jobs.current_metrics`: the newest values that are numbers. A job that has reported nothing but metrics of its own has
/// `custom` alone, although the specification's TypeScript has a loss and a rate always.
#[derive(JsonSchema)]
pub struct CurrentMetrics {
    /// Loss of the newest step.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-required" = true))]
    pub training_loss: Option<f64>,
    /// Loss of the newest evaluation.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Learning rate of the newest step.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-required" = true))]
    pub learning_rate: Option<f64>,
    /// Tokens a second.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<f64>,
    /// Percent.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub gpu_utilization: Option<f64>,
    /// The newest training loss is no number; `training_loss` is the last that was.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub non_finite: Option<bool>,
    /// Metrics without a column, by name.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub custom: Option<BTreeMap<String, CustomValue>>,
}

/// The newest value of a metric without a column.
#[derive(JsonSchema)]
pub struct CustomValue {
    /// Value.
    pub value: f64,
    /// Step that it is of.
    pub step: u32,
}

/// `training_jobs.best_metrics`: the lowest losses so far.
#[derive(JsonSchema)]
pub struct BestMetrics {
    /// Lowest training loss.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub training_loss: Option<BestValue>,
    /// Lowest validation loss.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<BestValue>,
}

/// The best value of a metric.
#[derive(JsonSchema)]
pub struct BestValue {
    /// Value.
    pub value: f64,
    /// Step that it is of.
    pub step: u32,
    /// Attempt that reported it.
    pub attempt: u32,
}

/// A point as `report_training_metrics` takes it. Any other key is a metric of its own. A point of such metrics alone needs nothing but
/// its step.
#[derive(JsonSchema)]
pub struct ReportedPoint {
    /// Optimizer step.
    pub step: u32,
    /// Epoch.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// When it was measured; now when left out.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Loss of the step.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub training_loss: Option<MetricValue>,
    /// Loss of an evaluation.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub validation_loss: Option<MetricValue>,
    /// Learning rate of the step.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<MetricValue>,
    /// Norm of the gradient before it is clipped.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub gradient_norm: Option<MetricValue>,
    /// Tokens a second.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub throughput: Option<MetricValue>,
    /// Percent.
    #[schemars(skip_serializing_if = "Option::is_none", extend("x-nullable" = true))]
    pub gpu_utilization: Option<MetricValue>,
    /// Metrics of their own, beside the members.
    #[schemars(flatten)]
    pub others: BTreeMap<String, Option<MetricValue>>,
}

/// What `report_training_metrics` answers.
#[derive(JsonSchema)]
pub struct MetricsReceipt {
    /// Points that are new.
    pub accepted: u64,
    /// Points that were recorded before.
    pub duplicates: u64,
    /// Points whose values took the place of others.
    pub replaced: u64,
    /// Points that were not recorded.
    pub refused: Vec<ToldPoint>,
    /// Points that were, and should be looked at.
    pub warnings: Vec<ToldPoint>,
    /// Percent of the job.
    pub progress: f64,
    /// Whether to stop.
    pub cancel_requested: bool,
}

/// A point of a batch, and what is wrong with it.
#[derive(JsonSchema)]
pub struct ToldPoint {
    /// Place in the batch, from 0.
    pub index: u64,
    /// Its step, as it was sent.
    pub step: serde_json::Value,
    /// The first reason.
    pub reason: String,
    /// The metric of its own that is meant.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// All that is wrong; left out where another value is recorded.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<PointFinding>>,
}

/// A series of `training_metrics_curve`.
#[derive(JsonSchema)]
pub struct MetricCurve {
    /// Job.
    pub job_id: String,
    /// Metric, as it was asked for.
    pub metric: String,
    /// What is drawn of it.
    #[schemars(flatten)]
    pub curve: Curve<i64>,
}
