//! The validation engine as its callers see it: whole files in, whole reports out.

use pg_lora_core::dataset::{Options, Profile, Report, Severity, all_rules, report};
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
    assert_eq!(report.findings[0].error, "\"_meta.total_pairs\" declares 6 pairs, the file has 4");
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
            (0, "too_few_examples"),
            (1, "no_assistant_message"),
            (2, "empty_conversation"),
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

/// Rules whose example cannot be a file, and which the unit tests of their modules show.
const WITHOUT_EXAMPLE: [&str; 2] = ["file_too_large", "too_many_examples"];

/// The options under which the example of a rule shows what it is for.
fn options_of(code: &str) -> Options {
    match code {
        "shape_not_accepted" => Options { profile: Profile::Openai, ..Options::default() },
        "declared_format_mismatch" => {
            Options::from_json(r#"{"declared_format": "brightrun_lora_v4"}"#).unwrap()
        }
        _ => Options::default(),
    }
}

#[test]
fn every_rule_is_found_in_its_example() {
    for rule in all_rules().filter(|rule| !WITHOUT_EXAMPLE.contains(&rule.code)) {
        let code = rule.code;
        let report = report(&(rule.example)(), &options_of(code), &mut || ());
        assert!(report.counts.get(code).is_some_and(|&count| count > 0), "{code}: {:?}", report.counts);
        let finding = report.findings.iter().find(|finding| finding.code == code).unwrap();
        assert_eq!(finding.severity, rule.severity(report.profile), "{code}");
        assert!(!finding.error.is_empty() && !finding.suggestion.is_empty(), "{code}");
        let others: Vec<_> = report.counts.keys().filter(|other| **other != code).collect();
        assert!(others.len() <= 2, "{code}: the example has {others:?} as well");
    }
}

#[test]
fn a_rule_that_is_no_error_leaves_a_dataset_ready() {
    let follows = ["too_few_examples", "empty_file", "null_target"];
    for rule in all_rules().filter(|rule| rule.severity(Profile::Brightrun) != Severity::Error) {
        let report = report(&(rule.example)(), &options_of(rule.code), &mut || ());
        let errors = found(&report, Severity::Error);
        assert!(
            report.valid || follows.contains(&rule.code) || rule.code == "missing_tool_result",
            "{}: {errors:?}",
            rule.code
        );
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
    assert_eq!(broken.error, "byte 0xe9 at column 7 is not UTF-8");
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
        [(0, "too_few_examples"), (1, "unknown_role"), (1, "empty_content"), (1, "missing_field")]
    );
}

#[test]
fn too_few_examples_is_an_option() {
    let file = pair("a", "in", "out").to_string();
    let options = Options::from_json(r#"{"min_examples": 2}"#).unwrap();
    let report = report(file.as_bytes(), &options, &mut || ());
    assert_eq!(found(&report, Severity::Error), [(0, "too_few_examples")]);
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
