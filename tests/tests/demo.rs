//! `cargo xtask demo`, from outside: its figures, and what it says to files that it cannot use.

use std::fs;
use std::path::{Path, PathBuf};

use pg_lora_tests::{Outcome, environment, program, story::TABLES};
use serde_json::{Value, json};

fn demo(arguments: &[&str]) -> Outcome {
    let mut all = vec!["demo", "--output", "json"];
    all.extend(arguments);
    Outcome::of(&mut program::xtask(&all))
}

/// A file of this test's own.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

fn sample() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sample-pairs.jsonl")).unwrap()
}

/// The entries of a grouping of costs: their key and their amount.
fn amounts<'a>(list: &'a Value, key: &str) -> Vec<(&'a str, f64)> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| (entry[key].as_str().unwrap(), entry["amount"].as_f64().unwrap())).collect()
}

#[test]
fn the_sample_has_the_figures_of_its_readme() {
    let figures = demo(&[]).expect(0).json();
    let dataset = &figures["dataset"];
    for (column, value) in [
        ("file_name", json!("sample-pairs.jsonl")),
        ("file_size", json!(281_554)),
        ("status", json!("ready")),
        ("training_ready", json!(true)),
        ("total_training_pairs", json!(50)),
        ("total_validation_pairs", json!(0)),
        ("conversations", json!(14)),
        ("messages", json!(100)),
        ("avg_turns_per_conversation", json!(7.14)),
        ("declared_pairs", json!(102)),
        ("lines", json!(51)),
        ("shape", json!("pairs")),
        ("errors", json!(0)),
        ("error_message", Value::Null),
    ] {
        assert_eq!(dataset[column], value, "{column}");
    }
    // Tokens come with the method that counted them and its error.
    assert!(
        dataset["tokens"]["method"].is_string() && dataset["tokens"]["error_band_pct"].is_number(),
        "{dataset}"
    );

    let job = &figures["job"];
    for (column, value) in [
        ("status", json!("completed")),
        ("progress", json!(100.0)),
        ("attempt", json!(1)),
        ("total_steps", json!(360)),
        ("current_step", json!(360)),
        ("total_epochs", json!(3)),
        ("started_at", json!("2026-01-15T23:00:00+00:00")),
        ("completed_at", json!("2026-01-16T00:30:00+00:00")),
        ("final_cost", json!(10.5)),
    ] {
        assert_eq!(job[column], value, "{column}");
    }
    assert_eq!(job["current_metrics"]["training_loss"], 0.8471);
    assert_eq!(job["current_metrics"]["validation_loss"], 1.03);

    the_run_is_told(&figures);
    let metrics = figures["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 180);
    assert_eq!((&metrics[0]["step"], &metrics[0]["training_loss"]), (&json!(2), &json!(2.3948)));
    let validation: Vec<Value> = metrics
        .iter()
        .filter(|point| !point["validation_loss"].is_null())
        .map(|point| json!([point["step"], point["validation_loss"]]))
        .collect();
    assert_eq!(validation, [json!([120, 1.45]), json!([240, 1.12]), json!([360, 1.03])]);
}

/// Whatever edition of schema `lora` answers: the same figures, but for who says so and what is made up anew for each run.
#[test]
fn either_edition_has_the_same_figures() {
    let [native, portable] = ["native", "portable"].map(|provider| {
        let mut figures = demo(&["--provider", provider]).expect(0).json();
        without_what_is_random(&mut figures);
        figures
    });
    assert!(native["job"]["total_steps"] == 360 && native["metrics"].as_array().unwrap().len() == 180);
    for (part, figures) in native.as_object().unwrap() {
        assert_eq!(&portable[part], figures, "{part}");
    }
    assert_eq!(portable.as_object().unwrap().len(), native.as_object().unwrap().len());
}

/// Ids, and what has them in it.
fn without_what_is_random(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !["edition", "rules_not_evaluated"].contains(&name.as_str()));
            members.values_mut().for_each(without_what_is_random);
        }
        Value::Array(list) => list.iter_mut().for_each(without_what_is_random),
        Value::String(text) => {
            while let Some(at) = (0..text.len()).find(|at| text.get(*at..at + 36).is_some_and(is_id)) {
                text.replace_range(at..at + 36, "an id");
            }
        }
        _ => {}
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// What every run of the project's own trace tells, whatever it trains on.
fn the_run_is_told(figures: &Value) {
    let progress = figures["progress"].as_array().unwrap();
    let moments: Vec<(&str, &str)> =
        progress.iter().map(|p| (p["moment"].as_str().unwrap(), p["at"].as_str().unwrap())).collect();
    assert_eq!(
        moments,
        [
            ("quarter", "2026-01-15T23:22:30Z"),
            ("half", "2026-01-15T23:45:00Z"),
            ("end", "2026-01-16T00:30:00Z"),
        ]
    );
    // 72, 172 and all of 360 steps in the band from 5 to 95 percent.
    let percent: Vec<f64> = progress.iter().map(|p| p["percent"].as_f64().unwrap()).collect();
    assert_eq!(percent, [23.0, 48.0, 100.0]);
    for moment in &progress[..2] {
        let eta = &moment["eta"];
        let [low, expected, high] = ["low", "expected", "high"].map(|bound| eta[bound].as_f64().unwrap());
        assert!(low <= expected && expected <= high, "{eta}");
        let truth = moment["seconds_left"].as_f64().unwrap();
        assert!((expected - truth).abs() < 0.1 * truth, "{expected} s foretold, {truth} s were left");
    }
    assert_eq!(progress[2]["eta"]["reason"], "ended");

    // An hour before midnight and half an hour after it, at 2 × $3.50.
    let cost = &figures["cost"];
    assert_eq!(cost["total"], 10.5);
    assert_eq!(amounts(&cost["by_day"], "day"), [("2026-01-15", 7.0), ("2026-01-16", 3.5)]);
    assert_eq!(amounts(&cost["by_type"], "cost_type"), [("training_compute", 10.5)]);

    let notifications: Vec<&str> =
        figures["notifications"].as_array().unwrap().iter().map(|n| n["type"].as_str().unwrap()).collect();
    assert_eq!(
        notifications,
        ["dataset_ready", "job_queued", "job_started", "job_completed", "artifact_ready"]
    );
    let model = &figures["model"];
    assert_eq!(
        (&model["name"], &model["version"], &model["status"]),
        (&json!("demo"), &json!("1.0.0"), &json!("stored"))
    );
    // Filled in by the database: what the job was, and what came of it.
    assert_eq!(model["training_summary"]["steps"], 360);
    assert_eq!(model["configuration"]["gpu_config"], figures["job"]["gpu_config"]);
    let log = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sample-trace.jsonl")).unwrap();
    assert_eq!(model["artifacts"]["trainer_log.jsonl"]["size"], log.len());
    the_second_user_sees_nothing(figures);
    assert_eq!(figures["second_user"]["job"]["code"], "PT404");
}

fn the_second_user_sees_nothing(figures: &Value) {
    let rows = &figures["second_user"]["rows"];
    for table in TABLES {
        assert_eq!(rows[table], 0, "{table}: {rows}");
    }
}

#[test]
fn the_real_file_has_the_figures_of_the_issue() {
    let Some(real) = environment::extra_data("EQ-12-conversations-demo.jsonl") else { return };
    let figures = demo(&["--dataset", &real.to_string_lossy()]).expect(0).json();
    let dataset = &figures["dataset"];
    for (column, value) in [
        ("total_training_pairs", json!(44)),
        ("total_validation_pairs", json!(0)),
        ("conversations", json!(12)),
        ("avg_turns_per_conversation", json!(7.33)),
        ("declared_pairs", json!(89)),
        ("errors", json!(0)),
        ("status", json!("ready")),
    ] {
        assert_eq!(dataset[column], value, "{column}");
    }
    the_run_is_told(&figures);
}

#[test]
fn a_broken_line_is_named_and_no_job_is_created() {
    let mut lines: Vec<String> = sample().lines().take(6).map(str::to_owned).collect();
    lines[2] = lines[2].chars().take(400).collect();
    let broken = file("broken-line-3.jsonl", lines.join("\n").as_bytes());
    let outcome = demo(&["--dataset", &broken.to_string_lossy()]).expect(13);
    assert!(
        outcome.stderr.contains("\"broken-line-3.jsonl\" cannot be trained on: line 3: "),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
    let figures = outcome.json();
    assert_eq!(figures["dataset"]["findings"][0]["line"], 3, "{figures}");
    nothing_was_trained(&figures);
}

#[test]
fn an_empty_file_is_said_to_be_empty_and_no_job_is_created() {
    let empty = file("empty.jsonl", b"");
    let outcome = demo(&["--dataset", &empty.to_string_lossy()]).expect(13);
    assert!(outcome.stderr.contains("\"empty.jsonl\" cannot be trained on: "), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("empty\nhint: ") || outcome.stderr.contains("empty"),
        "{}",
        outcome.stderr
    );
    nothing_was_trained(&outcome.json());
}

fn nothing_was_trained(figures: &Value) {
    assert_eq!((&figures["dataset"]["status"], &figures["job"]), (&json!("error"), &Value::Null));
    assert_eq!((&figures["metrics"], &figures["cost"]), (&json!([]), &Value::Null));
    let types: Vec<&Value> =
        figures["notifications"].as_array().unwrap().iter().map(|n| &n["type"]).collect();
    assert_eq!(types, ["dataset_error"]);
    the_second_user_sees_nothing(figures);
}

/// Files that are refused before a server starts: nothing on stdout, one error, one hint.
#[test]
fn a_file_that_cannot_be_used_is_refused_at_once() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-file.jsonl");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let binary = file("binary.jsonl", b"\x7fELF\x02\x01\x01\x00\x00");
    let nul = file("nul.jsonl", b"{\"a\": 1}\n\0\n");
    let latin = file("latin-1.jsonl", b"{\"a\": \"\xe9\"}\n");
    for (path, code, words) in [
        (missing.as_path(), 2, "no such file"),
        (folder, 2, "is a directory"),
        (&binary, 13, "is not text: byte"),
        (&nul, 13, "is not text: byte 9 "),
        (&latin, 13, "is not text: byte 7 "),
    ] {
        let outcome = demo(&["--dataset", &path.to_string_lossy()]).expect(code);
        assert_eq!(outcome.stdout, "");
        assert!(
            outcome.stderr.starts_with("error: ") && outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&*path.to_string_lossy()), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
    }
}

#[test]
fn a_broken_trace_is_refused_at_once() {
    let heartbeat = r#"{"timestamp":"2026-01-15T23:00:00Z","stage":"setup"}"#;
    for (name, second, words) in [
        ("no-json", "{\"timestamp\": ", "line 2: "),
        ("no-timestamp", r#"{"stage": "setup"}"#, "line 2: missing field `timestamp`"),
        (
            "no-step-and-no-stage",
            r#"{"timestamp":"2026-01-15T23:00:01Z"}"#,
            "line 2: neither \"step\" nor \"stage\"",
        ),
        (
            "backwards",
            r#"{"timestamp":"2026-01-15T22:00:00Z","stage":"x"}"#,
            "line 2: the timestamp is before",
        ),
        ("no-point", r#"{"timestamp":"2026-01-15T23:00:01Z","stage":"x"}"#, "no line with a \"step\""),
    ] {
        let trace = file(&format!("{name}.trace.jsonl"), format!("{heartbeat}\n{second}\n").as_bytes());
        let outcome = demo(&["--trace", &trace.to_string_lossy()]).expect(2);
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(&*trace.to_string_lossy()), "{}", outcome.stderr);
    }
}
