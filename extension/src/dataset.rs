//! Dataset validation.
//!
//! The costs tell the planner that a call reads a file, or a line of one: without them it takes no workers for it.

use crate::arg::{JsonText, TextBytes};
use crate::error::with_sqlstate;
use pg_lora_core::dataset::{self, NOT_IN_SQL, Profile, Report, all_rules, tokens::Tokens};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Validates a dataset file and reports everything that is wrong with it
#[pg_extern(immutable, parallel_safe, strict, create_or_replace, cost = 100000)]
fn dataset_report(content: &[u8], options: default!(JsonText, "'{}'")) -> Result<JsonText, ErrorReport> {
    Ok(as_json(&report(content, &options)?.answer()))
}

/// Validates a dataset file and reports everything that is wrong with it
#[pg_extern(name = "dataset_report", immutable, parallel_safe, strict, create_or_replace, cost = 100000)]
fn dataset_report_text(
    content: TextBytes<'_>,
    options: default!(JsonText, "'{}'"),
) -> Result<JsonText, ErrorReport> {
    Ok(as_json(&report(content.0, &options)?.answer()))
}

/// Validates a dataset file and answers what is wrong with it as rows, worst first
#[pg_extern(immutable, parallel_safe, strict, create_or_replace, cost = 100000)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off the signature and knows no alias")]
fn dataset_findings(
    content: &[u8],
    options: default!(JsonText, "'{}'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(line, i64),
            name!(severity, String),
            name!(code, String),
            name!(path, Option<String>),
            name!(error, String),
            name!(suggestion, String),
            name!(byte_offset, i64),
            name!(excerpt, Option<String>),
        ),
    >,
    ErrorReport,
> {
    Ok(TableIterator::new(rows(report(content, &options)?)))
}

/// Validates a dataset file and answers what is wrong with it as rows, worst first
#[pg_extern(name = "dataset_findings", immutable, parallel_safe, strict, create_or_replace, cost = 100000)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off the signature and knows no alias")]
fn dataset_findings_text(
    content: TextBytes<'_>,
    options: default!(JsonText, "'{}'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(line, i64),
            name!(severity, String),
            name!(code, String),
            name!(path, Option<String>),
            name!(error, String),
            name!(suggestion, String),
            name!(byte_offset, i64),
            name!(excerpt, Option<String>),
        ),
    >,
    ErrorReport,
> {
    Ok(TableIterator::new(rows(report(content.0, &options)?)))
}

/// Lists the rules of dataset validation: severities by profile, whether a finding stands for the whole file, what to do, and whether the portable edition tells it
#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off the signature and knows no alias")]
fn dataset_rules() -> Result<
    TableIterator<
        'static,
        (
            name!(code, String),
            name!(severity, String),
            name!(severities, JsonText),
            name!(once, bool),
            name!(title, String),
            name!(suggestion, String),
            name!(portable, bool),
        ),
    >,
    ErrorReport,
> {
    let mut rules = Vec::new();
    for rule in all_rules() {
        let severities: std::collections::BTreeMap<_, _> =
            Profile::ALL.iter().map(|profile| (profile.name(), rule.severity(*profile))).collect();
        rules.push((
            rule.code.to_owned(),
            rule.severity(Profile::Brightrun).name().to_owned(),
            as_json(&severities),
            rule.once,
            rule.title.to_owned(),
            rule.suggestion.to_owned(),
            !NOT_IN_SQL.contains(&rule.code),
        ));
    }
    Ok(TableIterator::new(rules))
}

/// Estimates how many tokens a text has for a tokenizer such as Mistral's
#[pg_extern(immutable, parallel_safe, strict, create_or_replace, cost = 1000)]
fn estimate_tokens(content: TextBytes<'_>) -> i64 {
    // A database without an encoding may hold text that is none.
    let text = String::from_utf8_lossy(content.0);
    column(
        Tokens::of_long(&text, &mut || {
            pgrx::check_for_interrupts!();
        })
        .count(),
    )
}

pub(crate) fn options_of(options: &JsonText) -> Result<dataset::Options, ErrorReport> {
    dataset::Options::from_json(&options.0).map_err(with_sqlstate)
}

fn report(content: &[u8], options: &JsonText) -> Result<Report, ErrorReport> {
    let options = options_of(options)?;
    Ok(dataset::report(content, &options, &mut || {
        pgrx::check_for_interrupts!();
    }))
}

pub(crate) fn as_json(answer: &impl serde::Serialize) -> JsonText {
    JsonText(serde_json::to_string(answer).expect("an answer has text keys only"))
}

type Row = (i64, String, String, Option<String>, String, String, i64, Option<String>);

fn rows(report: Report) -> impl Iterator<Item = Row> {
    report.findings.into_iter().map(|finding| {
        (
            column(finding.line),
            finding.severity.name().to_owned(),
            finding.code.to_owned(),
            finding.path,
            finding.error,
            finding.suggestion,
            column(finding.offset),
            finding.excerpt,
        )
    })
}

/// A count as a bigint: no value that fits into a database has more lines or bytes.
fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What is wrong with the figures of a dataset's row, against each other and against a report
#[pg_extern(immutable, parallel_safe, create_or_replace)]
#[allow(clippy::type_complexity, reason = "pgrx reads the columns off the signature and knows no alias")]
fn dataset_metric_findings(
    metrics: Option<JsonText>,
    report: default!(Option<JsonText>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(code, &'static str),
            name!(severity, &'static str),
            name!(column_name, &'static str),
            name!(error, String),
            name!(suggestion, &'static str),
        ),
    >,
    ErrorReport,
> {
    let Some(metrics) = metrics else { return Ok(TableIterator::empty()) };
    let report = report.as_ref().map(|report| report.0.as_str());
    let findings = dataset::metric_findings(&metrics.0, report).map_err(with_sqlstate)?;
    Ok(TableIterator::new(findings.into_iter().map(|finding| {
        let severity = finding.severity.name();
        (finding.code, severity, finding.column, finding.error, finding.suggestion)
    })))
}
