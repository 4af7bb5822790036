//! The report of a validation: what a caller gets, in the names that the tables use.

use super::body::{Body, Tally};
use super::example::Role;
use super::file::{ReadFile, ValidationFile};
use super::findings::Finding;
use super::histogram::Spread;
use super::options::{ExactTokens, Options};
use super::profile::Profile;
use super::rules::{RULESET_VERSION, file};
use super::sample::Conversation;
use super::shape::Shape;
use super::tokens::{self, Tokens};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that is known of a dataset after one pass. A figure that the `datasets` table has a column
/// for bears that column's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct Report {
    /// No error was found.
    pub valid: bool,
    /// `valid`, and there is at least one training pair.
    pub training_ready: bool,
    /// Shape of the first example, or of the document; NULL when there is none.
    pub shape: Option<Shape>,
    /// What tells the shape.
    pub shape_reason: Option<&'static str>,
    /// Profile of the validation.
    pub profile: Profile,
    /// Version of the rules.
    pub ruleset_version: &'static str,
    /// Size of the content.
    pub bytes: u64,
    /// Physical lines, blank ones included.
    pub lines: u64,
    /// Trainable examples that are not held back for validation.
    pub total_training_pairs: u64,
    /// Trainable examples that are held back: in a file of their own, or by a line that says `"split": "validation"`.
    pub total_validation_pairs: u64,
    /// Distinct conversations among the examples.
    pub conversations: u64,
    /// User and assistant messages; of a document the elements of `training_pairs`.
    pub messages: u64,
    /// Pairs that the file itself declares; NULL when it does not. Exporters often count messages there.
    pub declared_pairs: Option<u64>,
    /// Conversations that a document declares; NULL when it does not.
    pub declared_conversations: Option<u64>,
    /// Content tokens: each user and assistant message once.
    pub total_tokens: u64,
    /// `messages / conversations`, two decimals; NULL without a conversation.
    pub avg_turns_per_conversation: Option<f64>,
    /// `total_tokens / messages`, two decimals; NULL without a message.
    pub avg_tokens_per_turn: Option<f64>,
    /// Tokens, with how they were counted.
    pub tokens: TokenReport,
    /// Messages of a conversation.
    pub turns: Spread,
    /// Exact number of findings of severity error, kept or not.
    pub errors: u64,
    /// Exact number of findings of severity warning, kept or not; what is found once for a file counts once.
    pub warnings: u64,
    /// Exact number of findings of every code, kept or not.
    pub counts: BTreeMap<&'static str, u64>,
    /// The first findings, worst first.
    pub findings: Vec<Finding>,
    /// Whether there were more findings than are kept.
    pub truncated: bool,
    /// The first conversations.
    pub sample: Vec<Conversation>,
    /// Identity of the content: 32 hexadecimal digits, the same however it was divided.
    pub content_digest: String,
    /// The file that is held back for validation; left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<ValidationFile>,
}

/// Token counts and their error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct TokenReport {
    /// How tokens were counted: the name of the estimator, or the caller's own.
    pub method: String,
    /// How far `content` and `sequence` may be off, in percent; 0 when the caller has counted both.
    pub error_band_pct: u32,
    /// Each user and assistant message once.
    pub content: u64,
    /// What an epoch costs: for each example its system prompt, history, input and reply.
    pub sequence: u64,
    /// Messages of the examples by role, by estimate; a history is not counted again.
    pub by_role: BTreeMap<&'static str, u64>,
    /// Sequence tokens of an example, by estimate.
    #[serde(flatten)]
    pub example: Spread,
    /// The longest example that counts as fitting.
    pub window: u64,
    /// Examples that are longer, by estimate.
    pub over_window: u64,
}

/// The edition that has this crate in it: the extension and the command line. The portable one says its own name.
pub const EDITION: &str = "native";

/// A report as callers get it: with the edition that made it, which is no part of its identity.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "DatasetReport"))]
pub struct Answer<'r> {
    #[serde(flatten)]
    report: &'r Report,
    /// Which edition made it: `native` or `portable`.
    edition: &'static str,
    /// Codes of rules that this edition cannot tell, with a coarser finding on the same line in their place. The native one tells all.
    rules_not_evaluated: &'static [&'static str],
}

impl Report {
    /// The report as callers get it.
    pub fn answer(&self) -> Answer<'_> {
        Answer { report: self, edition: EDITION, rules_not_evaluated: &[] }
    }

    /// Judges the examples as a whole, and compares them with each other.
    pub(super) fn of(read: ReadFile, options: &Options, tick: &mut dyn FnMut()) -> Self {
        let ReadFile { mut body, shape, digest, is_foreign, validation_file } = read;
        let entries = std::mem::take(&mut body.entries);
        let (mut conversations, mut turns) =
            entries.finish(body.document.is_some(), &mut body.findings, tick);
        if let Some(document) = &body.document {
            (conversations, turns) = (document.conversations, document.turns.spread());
        }
        if body.filled > 0 && !is_foreign {
            judge_examples(&mut body, options);
        }
        let found = body.findings.finish(options.profile);
        let tally = body.tally;
        let tokens = token_report(&tally, options);
        let valid = found.errors == 0;
        Self {
            valid,
            training_ready: valid && tally.training_pairs > 0,
            shape,
            shape_reason: shape.map(Shape::reason),
            profile: options.profile,
            ruleset_version: RULESET_VERSION,
            bytes: digest.bytes,
            lines: body.lines,
            total_training_pairs: tally.training_pairs,
            total_validation_pairs: tally.validation_pairs,
            conversations,
            messages: tally.messages,
            declared_pairs: body.declared.pairs.map(|(_, pairs)| pairs),
            declared_conversations: body.declared.conversations,
            total_tokens: tokens.content,
            avg_turns_per_conversation: ratio(tally.messages, conversations),
            avg_tokens_per_turn: ratio(tokens.content, tally.messages),
            tokens,
            turns,
            errors: found.errors,
            warnings: found.warnings,
            counts: found.counts,
            findings: found.findings,
            truncated: found.truncated,
            sample: body.sample.finish(),
            content_digest: digest.shown(),
            validation_file,
        }
    }
}

fn judge_examples(body: &mut Body, options: &Options) {
    let Tally { training_examples: examples, training_pairs: pairs, .. } = body.tally;
    let least = options.min_examples();
    if examples < least {
        let error = format_args!("the file has {examples} training examples, {least} are required");
        body.findings.raise_file(&file::TOO_FEW_EXAMPLES, error);
    } else if pairs == 0 && least > 0 {
        let error = format_args!("no training example has a user message with the assistant's reply to it");
        body.findings.raise_file(&file::TOO_FEW_EXAMPLES, error);
    }
    let limit = options.profile.max_examples();
    if pairs > limit {
        let error = format_args!("the file has {pairs} training pairs, {limit} are allowed");
        body.findings.raise_file(&file::TOO_MANY_EXAMPLES, error);
    }
}

fn token_report(tally: &Tally, options: &Options) -> TokenReport {
    let mut content = Tokens::default();
    let mut by_role = BTreeMap::new();
    for (role, tokens) in Role::ALL.into_iter().zip(tally.by_role) {
        by_role.insert(role.name(), tokens.count());
        if matches!(role, Role::User | Role::Assistant) {
            content.add(tokens);
        }
    }
    let exact = options.exact_tokens.as_ref();
    TokenReport {
        method: exact.map_or(tokens::METHOD.to_owned(), |exact| exact.method.clone()),
        error_band_pct: match exact {
            Some(ExactTokens { sequence: Some(_), .. }) => 0,
            _ => tally.sequence.error_band_pct(),
        },
        content: exact.map_or(content.count(), |exact| exact.content),
        sequence: exact.and_then(|exact| exact.sequence).unwrap_or(tally.sequence.count()),
        by_role,
        example: tally.lengths.spread(),
        window: options.window(),
        over_window: tally.over_window,
    }
}

/// `a / b` rounded half up to two decimals; `None` when `b` is 0.
pub(super) fn ratio(a: u64, b: u64) -> Option<f64> {
    let hundredths = (u128::from(a) * 200 + u128::from(b)).checked_div(u128::from(b) * 2)?;
    Some(hundredths as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;

    #[test]
    fn ratios_are_rounded_to_two_decimals() {
        assert_eq!(ratio(88, 12), Some(7.33));
        assert_eq!(ratio(40, 6), Some(6.67));
        assert_eq!(ratio(1, 8), Some(0.13));
        assert_eq!(ratio(0, 5), Some(0.0));
        assert_eq!(ratio(5, 0), None);
    }

    #[test]
    fn what_is_beyond_the_limits_of_a_profile_is_an_error() {
        let judged = |pairs: u64, bytes: u64, profile: Profile| {
            let mut body = Body { filled: 1, ..Body::default() };
            body.tally.training_pairs = pairs;
            body.tally.training_examples = 1_000;
            let options = Options { profile, ..Options::default() };
            let digest = Digest { bytes, ..Digest::default() };
            Report::of(ReadFile::of(body, Some(Shape::Messages), digest, &options), &options, &mut || ())
        };
        let openai = judged(50_000_001, 512_000_001, Profile::Openai);
        assert!(
            openai.counts.contains_key("too_many_examples") && openai.counts.contains_key("file_too_large")
        );
        let ours = judged(50_000_001, 512_000_001, Profile::Brightrun);
        assert!(ours.valid, "{:?}", ours.findings);
        let wide = judged(2_147_483_648, 524_288_001, Profile::Brightrun);
        assert_eq!(wide.counts.len(), 2, "{:?}", wide.findings);
    }
}
