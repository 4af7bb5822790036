//! Rows that are sound, rows with one fault each, and rows that nobody would write.

use super::super::{Options, report};
use super::{MetricFinding, metric_findings, rules};
use crate::error::ErrorCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;

/// EQ-12 as it is recorded.
fn sound() -> Value {
    json!({
        "id": "x", "name": "EQ-12", "status": "ready", "format": "brightrun_lora_v4", "storage_path": "a/b/c",
        "file_size": 400_981, "total_training_pairs": 44, "total_validation_pairs": 0, "total_tokens": 25_058,
        "avg_turns_per_conversation": 7.33, "avg_tokens_per_turn": 284.75, "training_ready": true,
        "validated_at": "2026-01-15T00:00:00Z", "validation_errors": null, "error_message": null,
        "sample_data": [[[1e300]]], "ruleset_version": null
    })
}

fn with(changes: Value) -> Value {
    let mut row = sound();
    row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    row
}

fn find(row: &Value, report: Option<&Value>) -> Vec<MetricFinding> {
    metric_findings(&row.to_string(), report.map(Value::to_string).as_deref()).unwrap()
}

/// `code column` of each finding.
fn found(row: &Value, report: Option<&Value>) -> Vec<String> {
    find(row, report).iter().map(|finding| format!("{} {}", finding.code, finding.column)).collect()
}

#[test]
fn codes_are_unique_snake_case_and_explained() {
    let mut seen = HashSet::new();
    for rule in rules::ALL {
        assert!(seen.insert(rule.code), "code \"{}\" stands twice", rule.code);
        assert!(rule.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(rule.suggestion.ends_with('.'), "{}: a suggestion is a sentence", rule.code);
    }
}

#[test]
fn a_sound_row_has_no_finding() {
    assert!(found(&sound(), None).is_empty());
    assert!(found(&json!({}), None).is_empty());
    // Half a row is not a row with NULLs.
    assert!(found(&json!({"status": "ready", "training_ready": true}), None).is_empty());
    assert!(found(&json!({"status": "error"}), None).is_empty());
    let empty = json!({
        "status": "uploading", "file_size": 0, "total_training_pairs": null, "total_tokens": null,
        "avg_tokens_per_turn": null, "training_ready": false, "validated_at": null, "error_message": null,
        "validation_errors": null
    });
    assert!(found(&empty, Some(&Value::Null)).is_empty());
    assert!(metric_findings(&sound().to_string(), Some(" null ")).unwrap().is_empty());
}

#[test]
fn each_fault_is_found_by_its_rule() {
    let mut raised = HashSet::new();
    for (changes, expected) in [
        (json!({"file_size": -1}), vec!["negative_figure file_size"]),
        (json!({"total_validation_pairs": -3}), vec!["negative_figure total_validation_pairs"]),
        (json!({"avg_turns_per_conversation": -0.5}), vec!["negative_figure avg_turns_per_conversation"]),
        (json!({"avg_tokens_per_turn": "NaN"}), vec!["figure_not_finite avg_tokens_per_turn"]),
        (
            json!({"avg_turns_per_conversation": "Infinity"}),
            vec!["figure_not_finite avg_turns_per_conversation"],
        ),
        (json!({"total_tokens": 25058.5}), vec!["fractional_count total_tokens"]),
        (json!({"status": "banana", "training_ready": false}), vec!["unknown_status status"]),
        (json!({"format": "x"}), vec!["unknown_format format"]),
        (json!({"storage_path": "é".repeat(1001)}), vec!["path_too_long storage_path"]),
        (json!({"validated_at": null}), vec!["ready_without_validation validated_at"]),
        (json!({"total_training_pairs": null}), vec!["ready_without_pairs total_training_pairs"]),
        (
            json!({"total_training_pairs": 0, "total_validation_pairs": 1}),
            vec!["ready_without_pairs total_training_pairs"],
        ),
        (json!({"total_tokens": null}), vec!["ready_without_tokens total_tokens"]),
        (json!({"validation_errors": [{}]}), vec!["ready_with_errors validation_errors"]),
        (json!({"validation_errors": {}}), vec!["ready_with_errors validation_errors"]),
        (json!({"training_ready": false}), vec!["readiness_contradicts_status training_ready"]),
        (json!({"status": "validating"}), vec!["readiness_contradicts_status training_ready"]),
        (json!({"status": "error", "training_ready": false}), vec!["error_without_reason error_message"]),
        (json!({"total_tokens": 8800, "avg_tokens_per_turn": 100}), vec!["guessed_tokens total_tokens"]),
        (
            json!({"total_tokens": 10_000, "avg_tokens_per_turn": 100, "total_validation_pairs": 6}),
            vec!["guessed_tokens total_tokens"],
        ),
        (
            json!({"total_training_pairs": 0, "status": "validating", "training_ready": false}),
            vec!["tokens_without_pairs total_tokens"],
        ),
        (json!({"total_tokens": 0, "avg_tokens_per_turn": null}), vec!["pairs_without_tokens total_tokens"]),
        (json!({"file_size": 25_057}), vec!["tokens_beyond_file total_tokens"]),
        (json!({"avg_turns_per_conversation": 0.99}), vec!["turns_below_one avg_turns_per_conversation"]),
        (json!({"avg_tokens_per_turn": 569.52}), vec!["average_contradicts_tokens avg_tokens_per_turn"]),
        (json!({"avg_tokens_per_turn": 0}), vec!["average_contradicts_tokens avg_tokens_per_turn"]),
    ] {
        let row = with(changes.clone());
        assert_eq!(found(&row, None), expected, "{changes}");
        raised.extend(find(&row, None).iter().map(|finding| finding.code));
    }
    let of_reports = ["differs_from_report", "unreadable_report", "outdated_ruleset"];
    let all: HashSet<_> = rules::ALL.iter().map(|rule| rule.code).collect();
    assert_eq!(all.difference(&raised).copied().collect::<HashSet<_>>(), HashSet::from(of_reports));
}

#[test]
fn the_bounds_themselves_are_sound() {
    // 25058 / 44 = 569.5, one message a pair: what a document may have.
    for changes in [
        json!({"avg_tokens_per_turn": 569.5}),
        json!({"file_size": 25_058}),
        json!({"avg_turns_per_conversation": 1}),
        json!({"total_tokens": 8801, "avg_tokens_per_turn": 100}),
        json!({"validation_errors": []}),
        json!({"status": "error", "training_ready": false, "validation_errors": [{}]}),
        json!({"status": "error", "training_ready": false, "error_message": "x", "total_training_pairs": 0}),
    ] {
        assert!(found(&with(changes.clone()), None).is_empty(), "{changes}");
    }
    // Where the report tells that a pair has two messages, half of it is the most.
    let of = |shape: &str| json!({ "shape": shape });
    let row = with(json!({"avg_tokens_per_turn": 300}));
    assert!(found(&row, Some(&of("full"))).is_empty());
    for shape in ["pairs", "turns", "conversations", "messages", "sharegpt", "alpaca", "completion"] {
        assert_eq!(
            found(&row, Some(&of(shape))),
            ["average_contradicts_tokens avg_tokens_per_turn"],
            "{shape}"
        );
    }
}

#[test]
fn a_row_is_compared_with_its_report() {
    let report = json!({
        "bytes": 400_981, "total_training_pairs": 44, "total_validation_pairs": 0, "total_tokens": 25_058,
        "avg_turns_per_conversation": 7.33, "avg_tokens_per_turn": 284.75, "training_ready": true
    });
    assert!(found(&sound(), Some(&report)).is_empty());
    for (changes, column) in [
        (json!({"file_size": 400_980}), "file_size"),
        (json!({"total_training_pairs": 43}), "total_training_pairs"),
        (json!({"total_validation_pairs": 1}), "total_validation_pairs"),
        (json!({"total_tokens": 25_059}), "total_tokens"),
        (json!({"avg_turns_per_conversation": 7.35}), "avg_turns_per_conversation"),
        (json!({"avg_tokens_per_turn": 284.7}), "avg_tokens_per_turn"),
    ] {
        assert_eq!(found(&with(changes), Some(&report)), [format!("differs_from_report {column}")]);
    }
    assert!(found(&with(json!({"avg_tokens_per_turn": 284.74})), Some(&report)).is_empty());
    let row = with(json!({"training_ready": false, "status": "validating"}));
    assert_eq!(found(&row, Some(&report)), ["differs_from_report training_ready"]);
    let finding = &find(&with(json!({"total_tokens": 8800, "avg_tokens_per_turn": 100})), Some(&report));
    assert_eq!(finding[1].error, "\"total_tokens\" is 8800, the report says 25058");
    // Versions.
    let versions = |ours: &str, theirs: &str| {
        found(&with(json!({"ruleset_version": ours})), Some(&json!({"ruleset_version": theirs})))
    };
    assert_eq!(versions("0", "0"), ["outdated_ruleset ruleset_version"]);
    assert_eq!(versions("999", "998"), ["differs_from_report ruleset_version"]);
    assert!(versions("a", "a").is_empty());
}

#[test]
fn bigints_are_not_compared_as_floats() {
    let row = |tokens: u64| json!({"total_tokens": tokens, "file_size": 9_007_199_254_740_992_u64});
    assert!(found(&row(9_007_199_254_740_992), None).is_empty());
    assert_eq!(found(&row(9_007_199_254_740_993), None), ["tokens_beyond_file total_tokens"]);
    let report = json!({"total_tokens": 9_007_199_254_740_993_u64});
    assert_eq!(found(&row(9_007_199_254_740_992), Some(&report)), ["differs_from_report total_tokens"]);
    // The product of the largest counts is still a number.
    let largest = json!({
        "total_training_pairs": i64::MAX, "total_validation_pairs": i64::MAX, "total_tokens": i64::MAX,
        "avg_tokens_per_turn": i64::MAX
    });
    assert_eq!(
        found(&largest, Some(&json!({"shape": "pairs"}))),
        ["average_contradicts_tokens avg_tokens_per_turn"]
    );
}

#[test]
fn a_report_of_somebody_else_is_a_finding() {
    for report in [json!([]), json!("x"), json!(1), json!({"total_tokens": "many"}), json!({"shape": 1})] {
        assert_eq!(found(&sound(), Some(&report)), ["unreadable_report validation_report"], "{report}");
    }
}

#[test]
fn a_row_that_is_none_is_refused_by_the_name_of_the_key() {
    for (metrics, named) in [
        ("[]", "metrics"),
        ("1", "metrics"),
        ("{", "metrics"),
        (r#"{"file_size": "large"}"#, "file_size"),
        (r#"{"total_tokens": [1]}"#, "total_tokens"),
        (r#"{"total_training_pairs": true}"#, "total_training_pairs"),
        (r#"{"avg_tokens_per_turn": {}}"#, "avg_tokens_per_turn"),
        (r#"{"training_ready": "yes"}"#, "training_ready"),
        (r#"{"training_ready": 1}"#, "training_ready"),
        (r#"{"status": 1}"#, "status"),
        (r#"{"total_tokens": 1e400}"#, "total_tokens"),
        (r#"{"total_tokens": 9223372036854775808}"#, "total_tokens"),
    ] {
        let error = metric_findings(metrics, None).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{metrics}");
        assert!(error.message.contains(&format!("\"{named}\"")), "{metrics}: {}", error.message);
        assert!(error.hint.ends_with('.'), "{metrics}");
    }
    // What is not looked at may be anything.
    let deep = format!(r#"{{"sample_data": {}1e999{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(metric_findings(&deep, None), Ok(Vec::new()));
}

/// A file of conversations, and what a row says of it that is filled from its report.
fn recorded(conversations: &[Vec<String>]) -> (Value, Value) {
    let lines: Vec<String> = conversations
        .iter()
        .enumerate()
        .map(|(number, replies)| {
            let turns: Vec<Value> = replies
                .iter()
                .flat_map(|reply| {
                    [json!({"role": "user", "content": "?"}), json!({"role": "assistant", "content": reply})]
                })
                .collect();
            json!({"conversation_id": number.to_string(), "turns": turns}).to_string()
        })
        .collect();
    let report = report(lines.join("\n").as_bytes(), &Options::default(), &mut || ());
    let report = serde_json::to_value(report).unwrap();
    let ready = report["training_ready"].as_bool().unwrap();
    let row = json!({
        "status": if ready { "ready" } else { "error" }, "training_ready": ready, "validated_at": "now",
        "error_message": if ready { Value::Null } else { json!("x") }, "validation_errors": null,
        "file_size": report["bytes"], "total_training_pairs": report["total_training_pairs"],
        "total_validation_pairs": report["total_validation_pairs"], "total_tokens": report["total_tokens"],
        "avg_turns_per_conversation": report["avg_turns_per_conversation"],
        "avg_tokens_per_turn": report["avg_tokens_per_turn"], "ruleset_version": report["ruleset_version"],
    });
    (row, report)
}

proptest! {
    #[test]
    fn what_was_counted_is_never_suspected(
        conversations in prop::collection::vec(prop::collection::vec("[a-zé ]{0,60}", 0..5), 0..5)
    ) {
        let (row, report) = recorded(&conversations);
        prop_assert_eq!(found(&row, Some(&report)), Vec::<String>::new());
    }

    #[test]
    fn a_count_that_was_changed_is_always_found(
        column in prop::sample::select(vec!["file_size", "total_training_pairs", "total_validation_pairs", "total_tokens"]),
        by in 1_i64..1000,
    ) {
        let (mut row, report) = recorded(&[vec!["Hello, how can I help?".into()], vec!["Yes".into(), "No".into()]]);
        row[column] = json!(row[column].as_i64().unwrap() + by);
        let expected = format!("differs_from_report {column}");
        prop_assert!(found(&row, Some(&report)).contains(&expected));
    }

    #[test]
    fn no_row_makes_it_panic(
        figures in prop::collection::vec(prop_oneof![
            any::<i64>().prop_map(|n| json!(n)), any::<f64>().prop_map(|n| json!(n)), Just(Value::Null),
            Just(json!("NaN")), Just(json!(0)), Just(json!(i64::MAX)), Just(json!(i64::MIN))
        ], 12),
    ) {
        let names = ["file_size", "total_training_pairs", "total_validation_pairs", "total_tokens",
            "avg_turns_per_conversation", "avg_tokens_per_turn"];
        let object = |figures: &[Value]| names.iter().zip(figures).map(|(k, v)| (k.to_string(), v.clone())).collect();
        let (row, report): (Value, Value) = (object(&figures[..6]), object(&figures[6..]));
        let _ = metric_findings(&row.to_string(), Some(&report.to_string()));
    }
}
