//! The validation engine as its callers see it: whole files in, whole reports out.

use pg_lora_core::dataset::{Options, Report, Severity, report};
use proptest::prelude::*;
use serde_json::{Value, json};

fn check(content: impl AsRef<[u8]>) -> Report {
    report(content.as_ref(), &Options::default(), &mut || ())
}

/// (line, code) of every kept finding of a severity, in the report's order.
fn found(report: &Report, severity: Severity) -> Vec<(u64, &'static str)> {
    report.findings.iter().filter(|f| f.severity == severity).map(|f| (f.line, f.code)).collect()
}

fn errors(content: impl AsRef<[u8]>) -> Vec<(u64, &'static str)> {
    found(&check(content), Severity::Error)
}

fn pair(conversation: &str, input: &str, target: &str) -> Value {
    json!({
        "id": format!("{conversation}-{input}"),
        "conversation_id": conversation,
        "system_prompt": "You help.",
        "current_user_input": input,
        "target_response": target,
    })
}

#[test]
fn counts_pairs_as_the_tables_name_them() {
    let mut held_back = pair("b", "held", "back");
    held_back["split"] = json!("validation");
    let lines = [
        json!({"_meta": {"file_name": "x", "total_pairs": 6, "version": "4.0.0"}}),
        pair("a", "one", "1"),
        pair("a", "two", "2"),
        pair("b", "three", "3"),
        held_back,
    ];
    let report = check(lines.map(|line| line.to_string()).join("\n"));
    assert!(report.valid && report.training_ready, "{:?}", report.findings);
    assert_eq!((report.total_training_pairs, report.total_validation_pairs), (3, 1));
    assert_eq!((report.conversations, report.messages, report.lines), (2, 8, 5));
    assert_eq!(report.avg_turns_per_conversation, Some(4.0));
    assert_eq!(report.declared_pairs, Some(6));
    assert_eq!(found(&report, Severity::Warning), [(1, "declared_count_mismatch")]);
    assert_eq!(report.findings[0].error, "the header declares 6 pairs, the file has 4");
    assert_eq!(report.sample.len(), 2);
    assert_eq!(report.sample[0].turns.len(), 4);
}

#[test]
fn six_lines_with_one_fault_each() {
    let file = [
        r#"{"conversation_id":"a","turns":[{"role":"user","content":"Is anybody there?"}]}"#,
        r#"{"conversation_id":"b","turns":[]}"#,
        r#"{"turns":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}"#,
        r#"{"conversation_id":"d"}"#,
        r#"{"conversation_id":"e", oops"#,
        r#"{"conversation_id":"f","turns":[{"role":"user"},{"role":"assistant","content":"Hello"}]}"#,
    ];
    let report = check(file.join("\n"));
    assert_eq!(
        found(&report, Severity::Error),
        [
            (0, "too_few_pairs"),
            (1, "no_assistant_message"),
            (2, "empty_turns"),
            (3, "missing_field"),
            (4, "unrecognised_line"),
            (5, "invalid_json"),
            (6, "missing_field"),
        ]
    );
    assert!(!report.valid && !report.training_ready);
    assert_eq!((report.total_training_pairs, report.messages, report.conversations), (0, 0, 0));
    let paths: Vec<_> = report.findings.iter().map(|f| f.path.as_deref()).collect();
    assert_eq!(paths[3], Some("conversation_id"));
    assert_eq!(paths[6], Some("turns[0].content"));
}

#[test]
fn every_rule_can_be_found() {
    let turns = |turns: Value| json!({"conversation_id": "c", "turns": turns}).to_string();
    let good = turns(json!([{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]));
    let with_history = |history: Value| {
        let mut line = pair("c", "in", "out");
        line["conversation_history"] = history;
        line.to_string()
    };
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let long = format!("\"{}\"", "x".repeat(pg_lora_core::limits::LINE_BYTES));
    let mut null_target = pair("c", "in", "x");
    null_target["target_response"] = Value::Null;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty_file", b"\n\n".to_vec()),
        ("too_few_pairs", null_target.to_string().into_bytes()),
        ("declared_count_mismatch", format!("{{\"_meta\":{{\"total_pairs\":9}}}}\n{good}").into_bytes()),
        ("invalid_utf8", b"{\"a\": \"\xff\"}".to_vec()),
        ("line_too_long", long.into_bytes()),
        ("byte_order_mark", format!("\u{feff}{good}").into_bytes()),
        ("blank_line", format!("{good}\n \n{good}").into_bytes()),
        ("crlf", format!("{good}\r\n{good}\r\n").into_bytes()),
        ("invalid_json", b"{".to_vec()),
        ("nesting_too_deep", deep.into_bytes()),
        ("too_many_values", format!("[{}0]", "0,".repeat(100_000)).into_bytes()),
        ("duplicate_key", br#"{"turns":[],"turns":[]}"#.to_vec()),
        ("nul_character", turns(json!([{"role":"user","content":"a\u{0}"}])).into_bytes()),
        ("not_an_object", b"[1]".to_vec()),
        ("unrecognised_line", b"{}".to_vec()),
        ("mixed_shapes", format!("{good}\n{}", pair("c", "in", "out")).into_bytes()),
        ("header_not_first", format!("{good}\n{{\"_meta\":{{}}}}").into_bytes()),
        ("missing_field", br#"{"turns":[]}"#.to_vec()),
        ("wrong_type", turns(json!({})).into_bytes()),
        (
            "unknown_split",
            json!({"conversation_id": "c", "split": "test", "turns": [{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]})
                .to_string()
                .into_bytes(),
        ),
        ("empty_content", turns(json!([{"role":"user","content":"\u{200b} "}])).into_bytes()),
        ("null_target", null_target.to_string().into_bytes()),
        ("input_repeated_in_history", with_history(json!([{"role":"user","content":"in"}])).into_bytes()),
        ("empty_turns", turns(json!([])).into_bytes()),
        ("unknown_role", turns(json!([{"role":"human","content":"Hi"}])).into_bytes()),
        ("no_assistant_message", turns(json!([{"role":"user","content":"Hi"}])).into_bytes()),
        (
            "last_not_assistant",
            turns(json!([{"role":"assistant","content":"Hi"},{"role":"user","content":"Hi"}])).into_bytes(),
        ),
        (
            "roles_not_alternating",
            turns(json!([{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"}]))
                .into_bytes(),
        ),
        (
            "system_not_first",
            turns(json!([{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"assistant","content":"c"}]))
                .into_bytes(),
        ),
    ];
    let mut covered: Vec<&str> = cases.iter().map(|(code, _)| *code).collect();
    let mut all: Vec<&str> = pg_lora_core::dataset::rules::ALL.iter().map(|rule| rule.code).collect();
    covered.sort_unstable();
    all.sort_unstable();
    assert_eq!(covered, all, "each rule has exactly one case here");
    for (code, content) in cases {
        let report = check(&content);
        assert!(report.counts.get(code).is_some_and(|&count| count > 0), "{code}: {:?}", report.counts);
        assert!(report.findings.iter().any(|f| f.code == code && !f.suggestion.is_empty()), "{code}");
    }
}

#[test]
fn places_are_exact() {
    let report = check("{\"conversation_id\":\"a\"}\n{\"turns\": nope}\n\n");
    let broken = report.findings.iter().find(|f| f.code == "invalid_json").unwrap();
    assert_eq!((broken.line, broken.offset), (2, 24 + 11));
    assert!(broken.excerpt.as_deref().unwrap().contains("nope"));

    let utf8 = check(b"{}\r\n{\"a\":\"\xe9\"}");
    let broken = utf8.findings.iter().find(|f| f.code == "invalid_utf8").unwrap();
    assert_eq!((broken.line, broken.offset), (2, 10));
    assert_eq!(broken.error, "byte 0xe9 at offset 10 is not UTF-8");
}

#[test]
fn roles_of_other_tools_are_explained() {
    let report = check(r#"{"conversation_id":"a","turns":[{"role":"gpt","content":"Hi"}]}"#);
    let role = report.findings.iter().find(|f| f.code == "unknown_role").unwrap();
    assert_eq!(role.suggestion, "Use \"assistant\" in place of \"gpt\".");
}

#[test]
fn a_repeated_input_is_warned_of_once_and_counted() {
    let lines: Vec<String> = (0..44)
        .map(|n| {
            let mut line = pair("a", &format!("in {n}"), "out");
            line["conversation_history"] = json!([{"role": "user", "content": format!("in {n}")}]);
            line.to_string()
        })
        .collect();
    let report = check(lines.join("\n"));
    assert_eq!(found(&report, Severity::Warning), [(1, "input_repeated_in_history")]);
    assert_eq!(report.counts["input_repeated_in_history"], 44);
    assert!(report.findings[0].error.ends_with("(44 lines in all)"));
    assert_eq!((report.errors, report.warnings), (0, 1));
    assert!(!report.truncated);
}

#[test]
fn roles_in_a_history_are_looked_at() {
    let mut line = pair("a", "in", "out");
    line["conversation_history"] = json!([{"role": "human", "content": "before"}, {"role": "assistant", "content": ""}, {"content": "in"}]);
    assert_eq!(
        found(&check(line.to_string()), Severity::Error),
        [(0, "too_few_pairs"), (1, "empty_content"), (1, "missing_field"), (1, "unknown_role")]
    );
}

#[test]
fn too_few_pairs_is_an_option() {
    let file = pair("a", "in", "out").to_string();
    let options = Options::from_json(r#"{"min_examples": 2}"#).unwrap();
    let report = report(file.as_bytes(), &options, &mut || ());
    assert_eq!(found(&report, Severity::Error), [(0, "too_few_pairs")]);
}

#[test]
fn nothing_is_an_error_of_its_own() {
    assert_eq!(errors(""), [(0, "empty_file")]);
    assert_eq!(errors("   \n\n"), [(0, "empty_file")]);
    assert_eq!(check("").lines, 0);
    assert_eq!(check("{}").lines, 1);
    assert_eq!(check("{}\n").lines, 1);
    assert_eq!(check("{}\n\n").lines, 2);
}

#[test]
fn long_files_can_be_stopped() {
    let mut ticks = 0;
    let file = format!("{}\n", pair("a", "in", &"out ".repeat(1000))).repeat(1000);
    report(file.as_bytes(), &Options::default(), &mut || ticks += 1);
    assert!(ticks >= 3, "{ticks} ticks in {} bytes", file.len());
}

/// A generated conversation: its id and how many pairs it has.
fn conversations() -> impl Strategy<Value = Vec<(String, usize)>> {
    proptest::collection::vec(("[a-z]{1,6}", 1_usize..5), 1..20)
}

proptest! {
    #[test]
    fn counts_are_those_of_the_generator(conversations in conversations()) {
        let mut lines = Vec::new();
        let mut ids = std::collections::HashSet::new();
        for (id, pairs) in &conversations {
            ids.insert(id.clone());
            for n in 0..*pairs {
                lines.push(pair(id, &format!("question {n}"), "answer").to_string());
            }
        }
        let report = check(lines.join("\n"));
        prop_assert!(report.training_ready);
        prop_assert_eq!(report.total_training_pairs, lines.len() as u64);
        prop_assert_eq!(report.conversations, ids.len() as u64);
        prop_assert_eq!(report.messages, 2 * lines.len() as u64);
    }

    #[test]
    fn counts_add_up_over_files(a in conversations(), b in conversations()) {
        let file = |conversations: &[(String, usize)]| {
            conversations.iter().map(|(id, n)| pair(id, &n.to_string(), "answer").to_string()).collect::<Vec<_>>().join("\n")
        };
        let (a, b) = (file(&a), file(&b));
        let both = check(format!("{a}\n{b}"));
        let (a, b) = (check(a), check(b));
        prop_assert_eq!(both.total_training_pairs, a.total_training_pairs + b.total_training_pairs);
        prop_assert_eq!(both.messages, a.messages + b.messages);
        prop_assert!(both.conversations <= a.conversations + b.conversations);
        prop_assert_eq!(both.lines, a.lines + b.lines);
    }

    #[test]
    fn any_bytes_give_a_report(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        let report = check(&content);
        prop_assert_eq!(report.bytes, content.len() as u64);
        for finding in &report.findings {
            prop_assert!(finding.line <= report.lines && finding.offset <= report.bytes);
        }
        prop_assert!(!report.training_ready);
    }

    #[test]
    fn any_damage_to_a_line_is_found(at in 0_usize..400, byte in prop_oneof![Just(0_u8), Just(1), Just(0x80), Just(0xff)]) {
        // None of these bytes may stand anywhere in a line of JSON: not bare in a text, and not outside of one.
        let mut bad = pair("conversation", "a question", "an answer").to_string().into_bytes();
        let at = at % bad.len();
        bad[at] = byte;
        let report = check(&bad);
        prop_assert!(!report.valid && report.errors > 0 && report.total_training_pairs == 0);
    }

    #[test]
    fn a_missing_bracket_quote_or_colon_is_found(nth in 0_usize..60) {
        let good = pair("conversation", "a question", "an answer").to_string();
        let places: Vec<usize> = good.match_indices(['{', '}', '"', ':', ',']).map(|(at, _)| at).collect();
        let mut bad = good.into_bytes();
        bad.remove(places[nth % places.len()]);
        let report = check(&bad);
        prop_assert_eq!(report.counts.get("invalid_json"), Some(&1));
    }

    #[test]
    fn blank_lines_change_no_count(conversations in conversations(), every in 1_usize..4) {
        let lines: Vec<String> = conversations.iter().map(|(id, n)| pair(id, &n.to_string(), "answer").to_string()).collect();
        let spaced: Vec<String> = lines.iter().enumerate().map(|(n, line)| if n % every == 0 { format!("\n{line}") } else { line.clone() }).collect();
        let (plain, spaced) = (check(lines.join("\n")), check(spaced.join("\n")));
        prop_assert_eq!(plain.total_training_pairs, spaced.total_training_pairs);
        prop_assert_eq!(plain.total_tokens, spaced.total_tokens);
        prop_assert_eq!(plain.sample, spaced.sample);
        prop_assert!(spaced.lines > plain.lines);
    }
}
