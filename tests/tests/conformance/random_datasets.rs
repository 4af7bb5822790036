//! Rows of datasets that nobody wrote down, which contradict themselves or their report.

use pg_lora_tests::environment;
use pg_lora_tests::random::Random;
use serde_json::{Map, Value, json};

use crate::editions::literal;
use crate::random::agree_on;

/// Calls of each function, which are short.
fn calls() -> usize {
    if environment::full() { 10_000 } else { 1_000 }
}

/// A value that the column of a figure should not have, or hardly.
fn odd_figure(random: &mut Random) -> String {
    let odd = [
        "null",
        "0",
        "-1",
        "-0.5",
        "0.0",
        "1",
        "1.5",
        "0.99",
        "0.999999999",
        "1e3",
        "12.000",
        "-1e-400",
        "1e-20",
        "true",
        "[]",
        "{}",
        "\"7\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-Infinity\"",
        "\"infinity\"",
        "\"\\\"NaN\\\"\"",
        "9223372036854775807",
        "9223372036854775807.9999999",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775808.0000001",
        "1e19",
        "1e400",
        "9007199254740993",
        "0.12345678901234567890123456789012345678901234567890",
    ];
    random.pick(&odd).to_owned()
}

/// A text that is none of those which are expected.
fn odd_text(random: &mut Random) -> String {
    match random.below(8) {
        0 => random.pick(&["null", "1", "false", "[]", "{}", "\"\""]).to_owned(),
        1 => Value::from("é".repeat(random.pick(&[39, 40, 41, 999, 1_000, 1_001]))).to_string(),
        2 => Value::from("a\"\n\\ü").to_string(),
        _ => Value::from(random.pick(&[
            "0",
            "1",
            "2",
            "3",
            "+1",
            "-1",
            "01",
            " 1",
            "1.0",
            "18446744073709551616",
            "0000000000000000000000001",
        ]))
        .to_string(),
    }
}

/// What a row and its report say of a file, before anybody writes something else there.
fn row_and_report(random: &mut Random) -> [Map<String, Value>; 2] {
    let training = random.pick(&[0, 1, 2, 44, 1_000]);
    let validation = random.pick(&[0, 0, 0, 1, 6]);
    let tokens = match random.below(4) {
        0 => training * 200,
        1 => (training + validation) * 200,
        _ => random.between(0, 50_000),
    };
    let messages = (training + validation) * random.pick(&[1, 2, 2, 3]);
    let per_message = (tokens * 100).checked_div(messages).unwrap_or(0) as f64 / 100.0;
    let ready = random.once_in(2);
    let figures = json!({
        "total_training_pairs": training, "total_validation_pairs": validation, "total_tokens": tokens,
        "avg_turns_per_conversation": random.pick(&[0.0, 0.5, 1.0, 7.33]), "avg_tokens_per_turn": per_message,
        "training_ready": ready, "ruleset_version": random.pick(&["1", "2", "2", "3"]),
    });
    let bytes = random.pick(&[0, 1_000, 20_000, 400_981]);
    let mut row = json!({
        "file_size": bytes, "status": if ready { "ready" } else { random.pick(&["uploading", "validating", "error"]) },
        "format": random.pick(&["brightrun_lora_v4", "brightrun_lora_v3"]), "storage_path": "a/b/c", "validated_at": "2026-01-15",
        "validation_errors": if ready { Value::Null } else { json!([{}]) }, "error_message": Value::Null, "name": "EQ-12",
    });
    let mut report = json!({
        "bytes": bytes, "shape": random.pick(&["full", "individual", "pairs", "messages", "completion", "other"]), "profile": "brightrun",
    });
    let members = figures.as_object().unwrap();
    row.as_object_mut().unwrap().extend(members.clone());
    report.as_object_mut().unwrap().extend(members.clone());
    [row, report].map(|object| object.as_object().unwrap().clone())
}

/// An object whose members are what they were, odd, NULL or gone.
fn written(random: &mut Random, object: &Map<String, Value>, changes: usize) -> String {
    let members: Vec<String> = object
        .iter()
        .filter_map(|(name, value)| {
            let value = match random.below(changes * 4) {
                0 => return None,
                1 => "null".to_owned(),
                2 if value.is_number() => odd_figure(random),
                2 if name == "validation_errors" => {
                    random.pick(&["[]", "{}", "\"x\"", "0", "[1]"]).to_owned()
                }
                2 if value.is_string() => odd_text(random),
                2 => random.pick(&["true", "false", "1", "\"true\""]).to_owned(),
                3 if value.is_number() => random.between(0, 60_000).to_string(),
                _ => value.to_string(),
            };
            Some(format!("{}: {value}", Value::from(name.as_str())))
        })
        .collect();
    format!("{}::jsonb", literal(&format!("{{{}}}", members.join(", "))))
}

#[test]
fn random_rows_of_datasets() {
    agree_on(calls(), "dataset_metric_findings", |random, _| {
        let [row, report] = row_and_report(random);
        let changes = random.pick(&[2, 6, 6, 20]);
        let odd = ["null", "'null'::jsonb", "'[]'::jsonb", "'\"x\"'::jsonb", "'1'::jsonb", "'{}'::jsonb"];
        let row =
            if random.once_in(40) { random.pick(&odd).to_owned() } else { written(random, &row, changes) };
        let report = match random.below(20) {
            0 => format!(", {}", random.pick(&odd)),
            1..7 => String::new(),
            _ => format!(", {}", written(random, &report, changes)),
        };
        Ok(format!(
            "(select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(found)) from lora.dataset_metric_findings({row}{report}) as found)"
        ))
    });
}
