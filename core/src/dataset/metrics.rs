//! The figures of a dataset's row against each other and against a report: is this what was counted?
//!
//! [`metric_findings`] takes a row as JSON and answers what is wrong with it, by the rules of [`rules`]. What no
//! honest count can give is found without the file; a row that its own report confirms is never suspected.
//!
//! Invariant: a column that the row does not have is not looked at; one that is NULL is not compared, and is
//! missing where the status says that it was counted. Figures are compared as exact decimals.

mod cells;
mod figure;
pub mod rules;
#[cfg(test)]
mod tests;

use super::rule::Severity;
use super::rules::RULESET_VERSION;
use crate::error::Result;
use cells::{Cell, Cells};
use figure::{Figure, MICROS};
use rules::MetricRule;
use serde::Serialize;

/// What an application that never counts stores for each pair.
const GUESSED_TOKENS_PER_PAIR: i128 = 200;

/// Longest `storage_path` in bytes: with the bucket's name it has to fit into an index entry.
const PATH_BYTES: usize = 2000;

/// How far an average may be from what it is the average of: two decimals, rounded either way.
const ROUNDING: i128 = MICROS / 100;

/// Columns that are counts, and what the report calls each.
const COUNTS: [(&str, &str); 4] = [
    (SIZE, "bytes"),
    (TRAINING, "total_training_pairs"),
    (VALIDATION, "total_validation_pairs"),
    (TOKENS, "total_tokens"),
];
const AVERAGES: [&str; 2] = [TURNS, TOKENS_PER_TURN];

const SIZE: &str = "file_size";
const TRAINING: &str = "total_training_pairs";
const VALIDATION: &str = "total_validation_pairs";
const TOKENS: &str = "total_tokens";
const TURNS: &str = "avg_turns_per_conversation";
const TOKENS_PER_TURN: &str = "avg_tokens_per_turn";

/// One thing that is wrong with the figures of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricFinding {
    /// Stable code of the rule.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The column that is to be looked at first.
    pub column: &'static str,
    /// What is wrong, naming the thing.
    pub error: String,
    /// What to do about it.
    pub suggestion: &'static str,
}

/// What is wrong with the figures of a row, in the order of the rules.
///
/// `metrics` is a JSON object with columns of `datasets` (others are not looked at), `report` the JSON of a
/// [`Report`](super::Report) on the row's file.
///
/// # Errors
/// `InvalidArgument` when `metrics` is not an object, or names a column whose value has another type or is larger
/// than a bigint. A report that cannot be read is a finding: it is data that lies beside the row.
///
/// ```
/// use pg_lora_core::dataset::metric_findings;
/// let row = r#"{"total_training_pairs": 44, "total_tokens": 8800, "name": "EQ-12"}"#;
/// assert_eq!(metric_findings(row, None).unwrap()[0].code, "guessed_tokens");
/// // Counted, it is what it is.
/// let report = r#"{"total_training_pairs": 44, "total_tokens": 8800}"#;
/// assert!(metric_findings(row, Some(report)).unwrap().is_empty());
/// ```
pub fn metric_findings(metrics: &str, report: Option<&str>) -> Result<Vec<MetricFinding>> {
    let row = Row::read(metrics)?;
    let mut found = Found::default();
    each_by_itself(&row, &mut found);
    against_status(&row, &mut found);
    let report = match report.filter(|report| report.trim() != "null").map(Report::read) {
        None => Report::default(),
        Some(Ok(report)) => report,
        Some(Err(error)) => {
            found.raise(&rules::UNREADABLE_REPORT, "validation_report", error.message);
            Report::default()
        }
    };
    against_each_other(&row, &report, &mut found);
    against_report(&row, &report, &mut found);
    let place = |finding: &MetricFinding| rules::ALL.iter().position(|rule| rule.code == finding.code);
    found.0.sort_by_key(place);
    Ok(found.0)
}

#[derive(Default)]
struct Found(Vec<MetricFinding>);

impl Found {
    fn raise(&mut self, rule: &'static MetricRule, column: &'static str, error: impl Into<String>) {
        self.0.push(MetricFinding {
            code: rule.code,
            severity: rule.severity,
            column,
            error: error.into(),
            suggestion: rule.suggestion,
        });
    }
}

/// What is known of a row.
struct Row<'a> {
    counts: [Cell<Figure<'a>>; 4],
    averages: [Cell<Figure<'a>>; 2],
    training_ready: Option<bool>,
    status: Option<String>,
    format: Option<String>,
    storage_path: Option<String>,
    validated_at: Cell<&'a str>,
    validation_errors: Cell<&'a str>,
    error_message: Cell<&'a str>,
    ruleset_version: Option<String>,
}

impl<'a> Row<'a> {
    fn read(json: &'a str) -> Result<Self> {
        let cells = Cells::parse("metrics", json)?;
        let [size, training, validation, tokens] = COUNTS.map(|(column, _)| cells.figure(column));
        let [turns, tokens_per_turn] = AVERAGES.map(|column| cells.figure(column));
        Ok(Self {
            counts: [size?, training?, validation?, tokens?],
            averages: [turns?, tokens_per_turn?],
            training_ready: cells.boolean("training_ready")?.value(),
            status: cells.text("status")?.value(),
            format: cells.text("format")?.value(),
            storage_path: cells.text("storage_path")?.value(),
            validated_at: cells.any("validated_at"),
            validation_errors: cells.any("validation_errors"),
            error_message: cells.any("error_message"),
            ruleset_version: cells.text("ruleset_version")?.value(),
        })
    }

    fn cell(&self, column: &str) -> Cell<Figure<'a>> {
        let count = COUNTS.iter().position(|(name, _)| *name == column).map(|index| self.counts[index]);
        let average = || AVERAGES.iter().position(|name| *name == column).map(|index| self.averages[index]);
        count.or_else(average).unwrap_or(Cell::Absent)
    }

    /// A count that can be one.
    fn count(&self, column: &str) -> Option<i128> {
        self.cell(column).value()?.whole().filter(|&count| count >= 0)
    }

    /// An average that can be one, in millionths.
    fn average(&self, column: &str) -> Option<i128> {
        self.cell(column).value()?.micros().filter(|&micros| micros >= 0)
    }
}

/// What a report says of the same columns.
#[derive(Default)]
struct Report<'a> {
    counts: [Option<Figure<'a>>; 4],
    averages: [Option<Figure<'a>>; 2],
    training_ready: Option<bool>,
    ruleset_version: Option<String>,
    shape: Option<String>,
}

impl<'a> Report<'a> {
    fn read(json: &'a str) -> Result<Self> {
        let cells = Cells::parse("validation_report", json)?;
        let [size, training, validation, tokens] = COUNTS.map(|(_, key)| cells.figure(key));
        let [turns, tokens_per_turn] = AVERAGES.map(|key| cells.figure(key));
        Ok(Self {
            counts: [size?.value(), training?.value(), validation?.value(), tokens?.value()],
            averages: [turns?.value(), tokens_per_turn?.value()],
            training_ready: cells.boolean("training_ready")?.value(),
            ruleset_version: cells.text("ruleset_version")?.value(),
            shape: cells.text("shape")?.value(),
        })
    }

    /// Whether the row says of these columns what the report says. What the row leaves open is not in doubt.
    fn confirms(&self, row: &Row<'_>, columns: &[&str]) -> bool {
        let counts = COUNTS.iter().zip(row.counts).zip(self.counts);
        let counts = counts.map(|(((column, _), cell), figure)| (*column, cell, figure, 0));
        let averages = AVERAGES.iter().zip(row.averages).zip(self.averages);
        let averages = averages.map(|((column, cell), figure)| (*column, cell, figure, ROUNDING));
        counts
            .chain(averages)
            .filter(|(column, cell, ..)| columns.contains(column) && cell.value().is_some())
            .all(|(_, cell, figure, tolerance)| is_same(cell.value(), figure, tolerance))
    }

    /// Fewest messages of a pair. In a document a turn can answer the one before it, and be answered.
    fn messages_of_a_pair(&self) -> i128 {
        let of_two = ["pairs", "turns", "conversations", "messages", "sharegpt", "alpaca", "completion"];
        if self.shape.as_deref().is_some_and(|shape| of_two.contains(&shape)) { 2 } else { 1 }
    }
}

fn is_same(ours: Option<Figure<'_>>, theirs: Option<Figure<'_>>, tolerance: i128) -> bool {
    match (ours.and_then(|figure| figure.micros()), theirs.and_then(|figure| figure.micros())) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= tolerance,
        _ => false,
    }
}

fn each_by_itself(row: &Row<'_>, found: &mut Found) {
    let counts = COUNTS.iter().zip(row.counts).map(|((column, _), cell)| (*column, cell, true));
    let averages = AVERAGES.iter().zip(row.averages).map(|(column, cell)| (*column, cell, false));
    for (column, cell, is_count) in counts.chain(averages) {
        let Some(figure) = cell.value() else { continue };
        let said = format!("\"{column}\" is {}", figure.text());
        match figure.micros() {
            None => found.raise(&rules::FIGURE_NOT_FINITE, column, said),
            Some(micros) if micros < 0 => found.raise(&rules::NEGATIVE_FIGURE, column, said),
            Some(_) if is_count && figure.whole().is_none() => {
                found.raise(&rules::FRACTIONAL_COUNT, column, said);
            }
            Some(_) => {}
        }
    }
    if let Some(status) = &row.status
        && !["uploading", "validating", "ready", "error"].contains(&status.as_str())
    {
        found.raise(&rules::UNKNOWN_STATUS, "status", format!("\"status\" is {}", quoted(status)));
    }
    if let Some(format) = &row.format
        && !["brightrun_lora_v4", "brightrun_lora_v3"].contains(&format.as_str())
    {
        found.raise(&rules::UNKNOWN_FORMAT, "format", format!("\"format\" is {}", quoted(format)));
    }
    if let Some(path) = row.storage_path.as_ref().filter(|path| path.len() > PATH_BYTES) {
        let error = format!("\"storage_path\" has {} bytes", path.len());
        found.raise(&rules::PATH_TOO_LONG, "storage_path", error);
    }
}

fn against_status(row: &Row<'_>, found: &mut Found) {
    let Some(status) = row.status.as_deref() else { return };
    let no_errors = matches!(row.validation_errors, Cell::Null | Cell::Is("[]"));
    if status == "ready" {
        let ready = "the dataset is \"ready\"";
        if row.validated_at == Cell::Null {
            let error = format!("{ready} and \"validated_at\" is null");
            found.raise(&rules::READY_WITHOUT_VALIDATION, "validated_at", error);
        }
        let pairs = match row.cell(TRAINING) {
            Cell::Null => Some("null"),
            Cell::Is(figure) if figure.micros().is_some_and(|micros| micros < MICROS) => Some(figure.text()),
            _ => None,
        };
        if let Some(pairs) = pairs {
            let error = format!("{ready} and \"{TRAINING}\" is {pairs}");
            found.raise(&rules::READY_WITHOUT_PAIRS, TRAINING, error);
        }
        if row.cell(TOKENS) == Cell::Null {
            let error = format!("{ready} and \"{TOKENS}\" is null");
            found.raise(&rules::READY_WITHOUT_TOKENS, TOKENS, error);
        }
        if matches!(row.validation_errors, Cell::Is(_)) && !no_errors {
            let error = format!("{ready} and \"validation_errors\" is not empty");
            found.raise(&rules::READY_WITH_ERRORS, "validation_errors", error);
        }
    }
    if let Some(training_ready) = row.training_ready
        && training_ready != (status == "ready")
    {
        let error = format!("\"training_ready\" is {training_ready} and \"status\" is {}", quoted(status));
        found.raise(&rules::READINESS_CONTRADICTS_STATUS, "training_ready", error);
    }
    if status == "error" && no_errors && row.error_message == Cell::Null {
        let error = "the dataset is in \"error\", and \"error_message\" and \"validation_errors\" are empty";
        found.raise(&rules::ERROR_WITHOUT_REASON, "error_message", error);
    }
}

fn against_each_other(row: &Row<'_>, report: &Report<'_>, found: &mut Found) {
    let (training, tokens) = (row.count(TRAINING), row.count(TOKENS));
    let pairs = training.map(|training| training + row.count(VALIDATION).unwrap_or(0));
    let counted = report.confirms(row, &[TRAINING, VALIDATION, TOKENS]);
    if let (Some(training), Some(pairs), Some(tokens)) = (training, pairs, tokens)
        && !counted
    {
        let guess = [training, pairs].into_iter().find(|&n| n > 0 && n * GUESSED_TOKENS_PER_PAIR == tokens);
        if let Some(n) = guess {
            let error = format!("\"{TOKENS}\" is {tokens}, exactly 200 for each of {}", counted_pairs(n));
            found.raise(&rules::GUESSED_TOKENS, TOKENS, error);
        }
        // Lines that cannot be used may hold messages: of a file with errors that is no contradiction.
        if pairs == 0 && tokens > 0 && row.status.as_deref() != Some("error") {
            let error = format!("\"{TOKENS}\" is {tokens}, and there is no pair");
            found.raise(&rules::TOKENS_WITHOUT_PAIRS, TOKENS, error);
        }
        if pairs > 0 && tokens == 0 {
            let error = format!("\"{TOKENS}\" is 0, with {}", counted_pairs(pairs));
            found.raise(&rules::PAIRS_WITHOUT_TOKENS, TOKENS, error);
        }
    }
    if let (Some(tokens), Some(size)) = (tokens, row.count(SIZE))
        && tokens > size
    {
        let error = format!("\"{TOKENS}\" is {tokens}, and the file has {size} bytes");
        found.raise(&rules::TOKENS_BEYOND_FILE, TOKENS, error);
    }
    if let (Some(turns), Some(pairs @ 1..)) = (row.cell(TURNS).value(), pairs)
        && row.average(TURNS).is_some_and(|average| average < MICROS)
        && !report.confirms(row, &[TRAINING, TURNS])
    {
        let error = format!("\"{TURNS}\" is {}, with {}", turns.text(), counted_pairs(pairs));
        found.raise(&rules::TURNS_BELOW_ONE, TURNS, error);
    }
    if let (Some(figure), Some(average), Some(tokens)) =
        (row.cell(TOKENS_PER_TURN).value(), row.average(TOKENS_PER_TURN), tokens)
        && !report.confirms(row, &[TRAINING, VALIDATION, TOKENS, TOKENS_PER_TURN])
    {
        let fewest = (report.messages_of_a_pair() * pairs.unwrap_or(0)).max(1);
        let said = format!("\"{TOKENS_PER_TURN}\" is {}", figure.text());
        // Rounded up, so that no rounding is taken for a fault.
        let most = (tokens * MICROS + fewest - 1) / fewest + ROUNDING;
        if average > most {
            let error = format!("{said}: {tokens} tokens in at least {fewest} messages give less");
            found.raise(&rules::AVERAGE_CONTRADICTS_TOKENS, TOKENS_PER_TURN, error);
        } else if average == 0 && tokens > 0 {
            let error = format!("{said}, and \"{TOKENS}\" is {tokens}");
            found.raise(&rules::AVERAGE_CONTRADICTS_TOKENS, TOKENS_PER_TURN, error);
        }
    }
}

fn against_report(row: &Row<'_>, report: &Report<'_>, found: &mut Found) {
    let counts = COUNTS.iter().zip(row.counts).zip(report.counts);
    let counts = counts.map(|(((column, _), cell), figure)| (*column, cell, figure, 0));
    let averages = AVERAGES.iter().zip(row.averages).zip(report.averages);
    let averages = averages.map(|((column, cell), figure)| (*column, cell, figure, ROUNDING));
    for (column, cell, theirs, tolerance) in counts.chain(averages) {
        if let (Some(ours), Some(theirs)) = (cell.value(), theirs)
            && !is_same(Some(ours), Some(theirs), tolerance)
        {
            let error = format!("\"{column}\" is {}, the report says {}", ours.text(), theirs.text());
            found.raise(&rules::DIFFERS_FROM_REPORT, column, error);
        }
    }
    if let (Some(ours), Some(theirs)) = (row.training_ready, report.training_ready)
        && ours != theirs
    {
        let error = format!("\"training_ready\" is {ours}, the report says {theirs}");
        found.raise(&rules::DIFFERS_FROM_REPORT, "training_ready", error);
    }
    if let (Some(ours), Some(theirs)) = (&row.ruleset_version, &report.ruleset_version)
        && ours != theirs
    {
        let error = format!("\"ruleset_version\" is {}, the report says {}", quoted(ours), quoted(theirs));
        found.raise(&rules::DIFFERS_FROM_REPORT, "ruleset_version", error);
    }
    let version = |text: &str| text.parse::<u64>().ok();
    if let Some(theirs) = &report.ruleset_version
        && let (Some(then), Some(now)) = (version(theirs), version(RULESET_VERSION))
        && then < now
    {
        let error = format!("the report is by rules {then}, today's are {now}");
        found.raise(&rules::OUTDATED_RULESET, "ruleset_version", error);
    }
}

fn counted_pairs(number: i128) -> String {
    format!("{number} {}", if number == 1 { "pair" } else { "pairs" })
}

/// A text of a row in quotes, cut where it is longer than any of its kind.
fn quoted(text: &str) -> String {
    super::text::quote(text)
}
