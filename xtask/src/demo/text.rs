//! The demo's figures for people.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use textplots::{Chart, Plot, Shape};

use super::figures::{Dataset, Figures, Job, Metric, Model, Moment};

/// The whole text.
pub fn render(figures: &Figures) -> anyhow::Result<String> {
    let mut out = String::new();
    dataset(&mut out, &figures.dataset)?;
    if let Some(job_figures) = &figures.job {
        job(&mut out, job_figures)?;
        progress(&mut out, &figures.progress)?;
        curve(&mut out, &figures.metrics)?;
    }
    if let Some(cost_figures) = &figures.cost {
        cost(&mut out, cost_figures)?;
    }
    if let Some(model_figures) = &figures.model {
        model(&mut out, model_figures)?;
    }
    heading(&mut out, "Notifications")?;
    for notification in &figures.notifications {
        let time = day_and_time(&notification.created_at);
        writeln!(out, "  {time}  {:<14} {}", notification.kind, notification.message)?;
    }
    if let Some(refused) = &figures.second_user.job {
        heading(&mut out, "What a second user sees")?;
        let rows = &figures.second_user.rows;
        let rows: Vec<String> = rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
        writeln!(out, "  rows: {}", rows.join(", "))?;
        writeln!(out, "  the job, by its id: {} {}", refused.code, refused.message)?;
    }
    Ok(out)
}

fn heading(out: &mut String, text: &str) -> std::fmt::Result {
    writeln!(out, "{}{text}", if out.is_empty() { "" } else { "\n" })
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) -> std::fmt::Result {
    writeln!(out, "  {name:<28}{value}")
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn dataset(out: &mut String, dataset: &Dataset) -> std::fmt::Result {
    heading(out, &format!("Dataset \"{}\"", dataset.file_name))?;
    line(out, "status", &dataset.status)?;
    line(out, "shape", dataset.shape.as_str().unwrap_or("–"))?;
    line(out, "bytes, lines", format!("{}, {}", dataset.file_size, dataset.lines))?;
    line(out, "training pairs", or_none(dataset.total_training_pairs))?;
    line(out, "validation pairs", or_none(dataset.total_validation_pairs))?;
    line(out, "declared in the header", or_none(dataset.declared_pairs.as_i64()))?;
    line(out, "conversations, messages", format!("{}, {}", dataset.conversations, dataset.messages))?;
    line(out, "turns per conversation", or_none(dataset.avg_turns_per_conversation))?;
    line(out, "tokens per turn", or_none(dataset.avg_tokens_per_turn))?;
    let tokens = &dataset.tokens;
    let method = tokens["method"].as_str().unwrap_or("–");
    let band = &tokens["error_band_pct"];
    line(out, "tokens", format!("{} (±{band} %, {method})", tokens["content"]))?;
    line(out, "sequence tokens per epoch", &tokens["sequence"])?;
    let count = |count: &Value, what: &str| {
        format!("{count} {what}{}", if count.as_u64() == Some(1) { "" } else { "s" })
    };
    let (errors, warnings) = (count(&dataset.errors, "error"), count(&dataset.warnings, "warning"));
    let kept = if dataset.truncated == true { "; the first ones of each code:" } else { "" };
    line(out, "findings", format!("{errors}, {warnings}{kept}"))?;
    for finding in &dataset.findings {
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        let place = match finding["line"].as_u64() {
            Some(0) | None => "file".to_owned(),
            Some(line) => format!("line {line}"),
        };
        writeln!(out, "    {place}: {}[{}]: {}", text("severity"), text("code"), text("error"))?;
        writeln!(out, "      {}", text("suggestion"))?;
    }
    Ok(())
}

fn job(out: &mut String, job: &Job) -> std::fmt::Result {
    heading(out, &format!("Training job {}", job.id))?;
    line(out, "status", format!("{}, {} %", job.status, job.progress))?;
    line(
        out,
        "steps, epochs",
        format!("{} of {}, {}", job.current_step, or_none(job.total_steps), job.total_epochs),
    )?;
    let gpus = &job.gpu_config;
    let name = gpus["gpu_type"].as_str().unwrap_or("–");
    let price = money(gpus["cost_per_gpu_hour"].as_f64());
    line(out, "GPUs", format!("{} × {name} at {price} an hour", gpus["num_gpus"]))?;
    let estimate = money(Some(job.estimated_total_cost));
    line(out, "estimated before the start", format!("{estimate} USD, at the GPU's list throughput"))?;
    line(out, "final cost", format!("{} USD, for the time that the trace took", money(job.final_cost)))?;
    line(out, "last point sent twice", format!("{} recorded anew", job.points_recorded_by_a_retry))
}

fn progress(out: &mut String, moments: &[Moment]) -> std::fmt::Result {
    heading(out, "Progress (UTC)")?;
    for moment in moments {
        let answer = &moment.answer;
        let stage = answer["stage"].as_str().unwrap_or("–");
        let eta = &answer["eta"];
        writeln!(
            out,
            "  {}  {:<8}{:>6} %  step {:>4}  {stage}",
            day_and_time(&moment.at),
            moment.moment,
            format!("{:.2}", answer["percent"].as_f64().unwrap_or_default()),
            or_none(answer["step"].as_i64()),
        )?;
        let cost = &answer["cost"];
        let (current, projected) = (money(cost["current"].as_f64()), money(cost["projected"].as_f64()));
        match eta["expected"].as_f64() {
            Some(expected) => {
                let bound = |name: &str| duration(eta[name].as_f64().unwrap_or(expected));
                writeln!(
                    out,
                    "    to the last step: {} at the pace so far ({} to {}), and it took {}",
                    duration(expected),
                    bound("low"),
                    bound("high"),
                    duration(moment.seconds_left as f64),
                )?;
                writeln!(out, "    cost: {current} USD so far, {projected} by then")?;
            }
            None => writeln!(out, "    cost: {current} USD")?,
        }
    }
    Ok(())
}

fn curve(out: &mut String, metrics: &[Metric]) -> std::fmt::Result {
    heading(out, "Training loss by step")?;
    let points: Vec<(f32, f32)> = metrics
        .iter()
        .filter(|metric| metric.training_loss.is_finite())
        .map(|metric| (metric.step as f32, metric.training_loss as f32))
        .collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return writeln!(out, "  no finite point");
    };
    let least = points.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(*last);
    // A chart needs some width even for a run of one step.
    let mut chart = Chart::new(120, 48, first.0, last.0.max(first.0 + 1.0));
    let shape = Shape::Lines(&points);
    let chart = chart.lineplot(&shape);
    chart.axis();
    chart.figures();
    for row in chart.to_string().lines() {
        writeln!(out, "  {}", row.trim_end())?;
    }
    writeln!(out, "  first {:.4}, lowest {:.4} at step {}, last {:.4}", first.1, least.1, least.0, last.1)?;
    let validation: Vec<String> = metrics
        .iter()
        .filter_map(|metric| Some(format!("{} at step {}", metric.validation_loss?, metric.step)))
        .collect();
    writeln!(
        out,
        "  validation: {}",
        if validation.is_empty() { "–".to_owned() } else { validation.join(", ") }
    )
}

/// The part of a cost summary that is printed. Amounts stay the text that the database wrote.
#[derive(Deserialize)]
struct Summary {
    currency: Option<String>,
    total: Box<RawValue>,
    by_day: Vec<Entry>,
    by_type: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "day", alias = "cost_type")]
    key: Option<String>,
    amount: Box<RawValue>,
}

fn cost(out: &mut String, answer: &RawValue) -> anyhow::Result<()> {
    let summary: Summary = serde_json::from_str(answer.get())?;
    let currency = summary.currency.as_deref().unwrap_or_default();
    heading(out, "Cost by day and type")?;
    for entry in summary.by_day.iter().chain(&summary.by_type) {
        let key = entry.key.as_deref().unwrap_or("–");
        line(out, key, format!("{:>16} {currency}", entry.amount.get()))?;
    }
    line(out, "total", format!("{:>16} {currency}", summary.total.get()))?;
    Ok(())
}

fn model(out: &mut String, model: &Model) -> std::fmt::Result {
    heading(out, &format!("Model \"{}\" {}", model.name, model.version))?;
    line(out, "status", &model.status)?;
    for (file, facts) in model.artifacts.as_object().into_iter().flatten() {
        let digest = facts["sha256"].as_str().and_then(|digest| digest.get(..12)).unwrap_or("–");
        line(out, file, format!("{} bytes, SHA-256 {digest}…", facts["size"]))?;
    }
    for (fact, value) in model.training_summary.as_object().into_iter().flatten() {
        if !value.is_object() {
            line(out, &fact.replace('_', " "), value.to_string().trim_matches('"'))?;
        }
    }
    Ok(())
}

fn money(amount: Option<f64>) -> String {
    amount.map_or_else(|| "–".to_owned(), |amount| format!("{amount:.2}"))
}

/// `1:05:07`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as i64;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Month, day and time of a timestamp's text: `01-15 23:00:34`, UTC as the text is.
fn day_and_time(timestamp: &str) -> String {
    timestamp.get(5..19).unwrap_or(timestamp).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_short() {
        assert_eq!(duration(3907.4), "1:05:07");
        assert_eq!(duration(0.0), "0:00:00");
        assert_eq!(day_and_time("2026-01-15T23:00:34.798Z"), "01-15 23:00:34");
    }

    #[test]
    fn a_curve_of_one_point_or_none_is_drawn() {
        let mut out = String::new();
        curve(&mut out, &[]).unwrap();
        assert!(out.contains("no finite point"));
        curve(&mut out, &[Metric { step: 1, training_loss: 2.0, validation_loss: None }]).unwrap();
        assert!(out.contains("first 2.0000, lowest 2.0000 at step 1, last 2.0000"));
        assert_eq!(or_none(None::<i64>), "–");
    }
}
