//! Points as a worker sends them, and the same rows as columns. The figures of a step are those that MLflow's side draws
//! (`xtask/tools/mlflow/store.py`): as many digits as trainers log.

use std::time::{Duration, SystemTime};

use pg_lora_tests::random::Random;
use serde_json::{Value, json};

const SEED: u64 = 20_260_115;

/// 2026-01-01, in seconds.
const START: u64 = 1_767_225_600;

/// Some points of one job, in the order of their steps.
pub struct Batch {
    pub steps: Vec<i32>,
    pub epochs: Vec<i32>,
    pub at: Vec<SystemTime>,
    /// training_loss, learning_rate, gradient_norm, throughput, gpu_utilization.
    pub figures: [Vec<f64>; 5],
    /// What `report_training_metrics` takes.
    pub json: String,
}

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// All but the validation loss.
    Five,
    /// All that the table has.
    Six,
}

impl Batch {
    /// The points of so many steps.
    pub fn new(first: u32, count: u32, metrics: Metrics) -> Self {
        let mut batch = Self {
            steps: Vec::new(),
            epochs: Vec::new(),
            at: Vec::new(),
            figures: Default::default(),
            json: String::new(),
        };
        let mut points: Vec<Value> = Vec::new();
        for step in first..first + count {
            let figures = figures(step);
            let [training_loss, learning_rate, gradient_norm, throughput, gpu_utilization] = figures;
            let seconds = START + u64::from(step);
            let mut point = json!({
                "step": step, "epoch": 1, "training_loss": training_loss, "learning_rate": learning_rate,
                "gradient_norm": gradient_norm, "throughput": throughput, "gpu_utilization": gpu_utilization,
                "timestamp": instant(seconds),
            });
            if metrics == Metrics::Six {
                point["validation_loss"] = json!(training_loss + 0.05);
            }
            points.push(point);
            batch.steps.push(step.cast_signed());
            batch.epochs.push(1);
            batch.at.push(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            for (column, figure) in batch.figures.iter_mut().zip(figures) {
                column.push(figure);
            }
        }
        batch.json = Value::Array(points).to_string();
        batch
    }
}

fn figures(step: u32) -> [f64; 5] {
    let mut random = Random::stream(SEED, u64::from(step));
    let mut noise = |size: f64| (random.below(1 << 40) as f64 / (1_u64 << 39) as f64 - 1.0) * size;
    let at = f64::from(step);
    let rounded = |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    [
        rounded(0.5 + 2.0 / (1.0 + at / 1000.0) + noise(0.05), 4),
        0.0002 / (1.0 + at / 10_000.0),
        0.8 + noise(0.1),
        rounded(1800.0 + noise(20.0), 3),
        rounded(95.0 + noise(4.0), 1),
    ]
}

/// As JSON has it, for the first 28 days of 2026.
fn instant(seconds: u64) -> String {
    let of_year = seconds - START;
    let (day, hour, minute) = (of_year / 86_400 + 1, of_year / 3600 % 24, of_year / 60 % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z", of_year % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let batch = Batch::new(86_400, 3, Metrics::Six);
        let points: Value = serde_json::from_str(&batch.json).unwrap();
        assert_eq!(batch.steps, [86_400, 86_401, 86_402]);
        assert_eq!(points[1]["step"], 86_401);
        assert_eq!(points[1]["gpu_utilization"], json!(batch.figures[4][1]));
        assert_eq!(points[1]["timestamp"], "2026-01-02T00:00:01Z");
        assert_eq!(batch.at[1], SystemTime::UNIX_EPOCH + Duration::from_secs(START + 86_401));
    }

    #[test]
    fn only_six_metrics_have_a_validation_loss() {
        assert!(!Batch::new(1, 1, Metrics::Five).json.contains("validation_loss"));
        assert!(Batch::new(1, 1, Metrics::Six).json.contains("validation_loss"));
    }

    #[test]
    fn figures_follow_from_the_step() {
        assert_eq!(figures(17), figures(17));
        assert_ne!(figures(17), figures(18));
    }
}
