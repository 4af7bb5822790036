//! Every rule on the figures of a row, each in one place: its stable code, severity, title and suggestion.
//!
//! Invariant: a rule is an error exactly when the table refuses such a row, by a CHECK or by a column's type. What
//! may be true, but hardly is, is a warning: a row that an application wrote years ago is not locked up by a guess.

use super::super::rule::Severity;

/// One rule on the figures of a row.
#[derive(Debug, PartialEq, Eq)]
pub struct MetricRule {
    /// Stable code: part of the API.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is found, as a noun phrase for lists of rules.
    pub title: &'static str,
    /// What a person can do about it.
    pub suggestion: &'static str,
}

/// Declares the rules and the list of them, so that none can be left out of the list.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $severity:ident, $code:literal, $title:literal, $suggestion:literal;)+) => {
        $(
            $(#[$doc])*
            pub static $name: MetricRule = MetricRule {
                severity: Severity::$severity,
                code: $code,
                title: $title,
                suggestion: $suggestion,
            };
        )+
        /// All rules, in the order in which they are documented.
        pub static ALL: &[&MetricRule] = &[$(&$name),+];
    };
}

rules! {
    // One column by itself.

    /// A count, size or average below zero.
    NEGATIVE_FIGURE: Error, "negative_figure",
        "a count, size or average below 0",
        "Store what was counted, or null where nothing was.";
    /// NaN or infinity, which numeric columns hold.
    FIGURE_NOT_FINITE: Error, "figure_not_finite",
        "a figure that is NaN or infinite",
        "Store null where there is nothing to divide by.";
    /// Half a pair.
    FRACTIONAL_COUNT: Error, "fractional_count",
        "a count that is not a whole number",
        "Store the whole number that was counted; only averages have decimals.";
    /// A status outside of the states.
    UNKNOWN_STATUS: Error, "unknown_status",
        "a status that is none of the four",
        "Use \"uploading\", \"validating\", \"ready\" or \"error\".";
    /// A format outside of the two.
    UNKNOWN_FORMAT: Error, "unknown_format",
        "a format that is neither of the two",
        "Use \"brightrun_lora_v4\" or \"brightrun_lora_v3\"; the shape that was found is in the report.";
    /// A path that no index entry holds.
    PATH_TOO_LONG: Error, "path_too_long",
        "a storage path of more than 2000 bytes",
        "Use a shorter path: \"<user id>/<dataset id>/<file name>\".";

    // The status against what validation fills in.

    /// Ready, and nobody read it.
    READY_WITHOUT_VALIDATION: Error, "ready_without_validation",
        "a ready dataset without the time of its validation",
        "Have the file validated: validate_dataset sets status, counts and \"validated_at\" together.";
    /// Ready, and nothing to train on.
    READY_WITHOUT_PAIRS: Error, "ready_without_pairs",
        "a ready dataset without a training pair",
        "Set \"total_training_pairs\" to what was counted; a dataset without a training pair is not ready.";
    /// Ready, and nobody counted tokens.
    READY_WITHOUT_TOKENS: Error, "ready_without_tokens",
        "a ready dataset whose tokens were not counted",
        "Set \"total_tokens\" as well, or have the file validated.";
    /// Ready, with errors.
    READY_WITH_ERRORS: Error, "ready_with_errors",
        "a ready dataset with validation errors",
        "Set \"status\" to \"error\", or \"validation_errors\" to null when they are mended.";
    /// Ready in one column and not in the other.
    READINESS_CONTRADICTS_STATUS: Error, "readiness_contradicts_status",
        "a training_ready that says something else than the status",
        "Set \"training_ready\" to true exactly when \"status\" is \"ready\".";
    /// Broken, and nobody says why.
    ERROR_WITHOUT_REASON: Error, "error_without_reason",
        "a dataset in error without a reason",
        "Set \"error_message\" to what is wrong, or \"validation_errors\" to the findings.";

    // One figure against another.

    /// What an application stores that never counted.
    GUESSED_TOKENS: Warning, "guessed_tokens",
        "tokens that are exactly 200 for each pair",
        "Have the file validated: 200 tokens a pair is a guess, off by -53 to +29 % on real files.";
    /// Tokens of nothing.
    TOKENS_WITHOUT_PAIRS: Warning, "tokens_without_pairs",
        "tokens where no pair was counted",
        "Have the file validated: pairs and tokens come from one count.";
    /// Pairs of nothing.
    PAIRS_WITHOUT_TOKENS: Warning, "pairs_without_tokens",
        "pairs that have no token",
        "Have the file validated; a figure that was not counted is null and not 0.";
    /// A token is at least a byte.
    TOKENS_BEYOND_FILE: Warning, "tokens_beyond_file",
        "more tokens than the file has bytes",
        "Have the file validated: a token takes at least one byte, so one of the two figures is wrong.";
    /// A conversation without a message.
    TURNS_BELOW_ONE: Warning, "turns_below_one",
        "fewer than one turn for each conversation",
        "Have the file validated; an average that was not counted is null and not 0.";
    /// An average that no number of messages gives.
    AVERAGE_CONTRADICTS_TOKENS: Warning, "average_contradicts_tokens",
        "an average of tokens that no number of messages gives",
        "Set \"avg_tokens_per_turn\" to \"total_tokens\" divided by the number of messages, or have the file validated.";

    // The row against a report.

    /// The row is not what was read.
    DIFFERS_FROM_REPORT: Warning, "differs_from_report",
        "a figure that is not the report's",
        "Have the file validated again; validate_dataset fills the columns from the report.";
    /// A report that is none of ours.
    UNREADABLE_REPORT: Warning, "unreadable_report",
        "a report that is not one of dataset_report",
        "Have the file validated again: the report is replaced.";
    /// The rules have moved on.
    OUTDATED_RULESET: Info, "outdated_ruleset",
        "a report of an earlier version of the rules",
        "Nothing to do; validate the file again to have it judged by the rules of today.";
}
