//! Ordinary files of every shape, as other tools write them: nothing wrong is found in them, and they are counted
//! as the documentation says. And files that are no lines at all.

use pg_lora_core::dataset::{Options, Report, Shape, report};
use serde_json::{Value, json};

fn check(content: impl AsRef<[u8]>) -> Report {
    report(content.as_ref(), &Options::default(), &mut || ())
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.counts.keys().copied().collect()
}

/// Pairs, messages and conversations of a sound file.
fn sound(shape: Shape, lines: &[Value]) -> (u64, u64, u64) {
    let report = check(lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(codes(&report), Vec::<&str>::new(), "{:?}", report.findings);
    assert!(report.training_ready);
    assert_eq!(report.shape, Some(shape));
    (report.total_training_pairs, report.messages, report.conversations)
}

#[test]
fn messages() {
    let call =
        json!([{"id": "a", "type": "function", "function": {"name": "add", "arguments": "{\"n\": [1, 2]}"}}]);
    let lines = [
        json!({"messages": [
            {"role": "system", "content": "Help."}, {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "weight": 0}, {"role": "user", "content": "Bye", "name": "ann"},
            {"role": "assistant", "content": "Goodbye", "weight": 1}], "metadata": {"any": ["thing"]}}),
        json!({"tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}], "messages": [
            {"role": "user", "content": "Sum?"}, {"role": "assistant", "content": "", "tool_calls": call},
            {"role": "tool", "tool_call_id": "a", "content": "3"}, {"role": "assistant", "content": "Three."}]}),
        json!({"messages": [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Hm.", "tool_calls": []}]}),
        json!({"messages": [
            {"role": "developer", "content": "Help."}, {"role": "user", "content": "Sum?"},
            {"role": "assistant", "content": null, "function_call": {"name": "add", "arguments": "{}"}},
            {"role": "function", "name": "add", "content": "0"}, {"role": "assistant", "content": "Nothing."}],
            "tools": [{"name": "add"}]}),
        json!({"id": 7, "messages": [{"role": "user", "content": "Price?"}, {"role": "assistant", "content": "£5, naïve: 10 °C"}]}),
    ];
    // A message of weight 0 is no pair; a call that follows the user is one.
    assert_eq!(sound(Shape::Messages, &lines), (5, 4 + 3 + 2 + 3 + 2, 5));
}

#[test]
fn conversations_of_every_kind() {
    let turns = [
        json!({"conversation_id": "a", "turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
        json!({"conversation_id": "a", "turns": [{"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Goodbye"}]}),
        json!({"conversation_id": 7, "turns": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me"}]}),
    ];
    assert_eq!(sound(Shape::Turns, &turns), (3, 6, 2));
    let conversations = [
        json!({"conversations": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
    ];
    assert_eq!(sound(Shape::Conversations, &conversations), (1, 2, 1));
    let sharegpt = [
        json!({"id": "1", "system": "", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}),
        json!({"id": "2", "conversations": [
            {"from": "system", "value": "Help."}, {"from": "human", "value": "Sum?"}, {"from": "function_call", "value": "{}"},
            {"from": "observation", "value": "3"}, {"from": "gpt", "value": "Three.", "weight": 1}]}),
        json!({"conversation_id": 12, "conversations": [{"from": "user", "value": "One"}, {"from": "assistant", "value": "1"}]}),
        json!({"conversation_id": 12, "conversations": [{"from": "user", "value": "Two"}, {"from": "assistant", "value": "2"}]}),
    ];
    assert_eq!(sound(Shape::Sharegpt, &sharegpt), (4, 2 + 3 + 2 + 2, 3));
}

#[test]
fn instructions() {
    let alpaca = [
        json!({"instruction": "Add", "input": "1 and 2", "output": "3"}),
        json!({"instruction": "Say hello", "input": "", "output": "Hello", "system": ""}),
        json!({"instruction": "And now?", "output": "Bye", "history": [["Say hello", "Hello"]], "system": "Help."}),
        // The same words under another history are another prompt.
        json!({"instruction": "And now?", "output": "Later", "history": [["Wait", "I wait"]]}),
    ];
    assert_eq!(sound(Shape::Alpaca, &alpaca), (4, 8, 4));
    let completion = [
        json!({"prompt": "Hi", "completion": "Hello", "id": 1}),
        json!({"prompt": "Bye", "completion": "Goodbye", "id": 2}),
    ];
    assert_eq!(sound(Shape::Completion, &completion), (2, 4, 2));
    let both = check(r#"{"instruction":"Add","input":"1 and 2","output":"3"}"#);
    let without = check(r#"{"instruction":"Add","output":"3"}"#);
    assert!(both.total_tokens > without.total_tokens, "the input is a part of the message");
}

#[test]
fn the_way_a_file_is_written_does_not_matter() {
    let line = r#"{"messages":[{"role":"user","content":"Gr\u00fc\u00dfe \ud83d\ude00"},{"role":"assistant","content":"Hallo\nDu"}]}"#;
    let report = check(line);
    assert!(report.training_ready && report.counts.is_empty(), "{:?}", report.findings);
    let plain = check(
        "{\"messages\":[{\"content\":\"Grüße 😀\",\"role\":\"user\"},{\"content\":\"Hallo\\nDu\",\"role\":\"assistant\"}]}\n",
    );
    assert_eq!(report.total_tokens, plain.total_tokens);
    assert!(check(format!("{line}\n{line}")).counts.contains_key("duplicate_example"));
}

#[test]
fn weights_roles_and_ids_are_those_of_the_shape() {
    let found = |line: &str| codes(&check(line));
    let sharegpt =
        |message: &str| format!(r#"{{"conversations":[{{"from":"human","value":"Hi"}},{message}]}}"#);
    assert_eq!(
        found(&sharegpt(r#"{"from":"gpt","value":"Hello","weight":0}"#)),
        ["all_weights_zero", "too_few_examples"]
    );
    assert_eq!(
        found(&sharegpt(r#"{"from":"gpt","value":"Hello","weight":2}"#)),
        ["invalid_weight", "too_few_examples"]
    );
    assert_eq!(
        found(&sharegpt(r#"{"from":"narrator","value":"Hello"}"#)),
        ["too_few_examples", "unknown_role"]
    );
    let ids = "{\"id\":7,\"prompt\":\"a\",\"completion\":\"b\"}\n{\"id\":7,\"prompt\":\"c\",\"completion\":\"d\"}\n{\"id\":9007199254740993,\"prompt\":\"e\",\"completion\":\"f\"}\n{\"id\":9007199254740992,\"prompt\":\"g\",\"completion\":\"h\"}";
    let ids = check(ids);
    assert_eq!(ids.counts["duplicate_id"], 1, "a number that a double cannot hold is no id");
    let user_calls = r#"{"messages":[{"role":"user","content":"Hi","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},{"role":"assistant","content":"Hello"}]}"#;
    assert!(found(user_calls).contains(&"invalid_tool_call"));
    let old_call = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"x"}}]}"#;
    assert!(found(old_call).contains(&"invalid_tool_arguments"));
}

#[test]
fn a_history_is_judged_like_any_conversation() {
    let pair = |history: Value| {
        json!({"conversation_id": "c", "system_prompt": "Help.", "current_user_input": "Now?", "target_response": "Now.",
            "conversation_history": history})
        .to_string()
    };
    let say = |role: &str, content: &str| json!({"role": role, "content": content});
    assert!(check(pair(json!([say("user", "Hi"), say("assistant", "Hello")]))).counts.is_empty());
    let twice = check(pair(json!([say("user", "Hi"), say("user", "Hello?")])));
    assert_eq!(codes(&twice), ["roles_not_alternating"]);
    let unknown = check(pair(json!([{"role": "user", "content": "Hi", "mood": 1}])));
    assert_eq!(codes(&unknown), ["unknown_key"]);
}

fn document() -> Value {
    let pair = |turn: u32, target: Value| {
        json!({"id": format!("pair_{turn}"), "turn_number": turn, "system_prompt": "Help.",
            "current_user_input": format!("Question {turn}"), "target_response": target})
    };
    let conversation = |id: &str| {
        json!({"conversation_metadata": {"conversation_id": id}, "training_pairs": [
            pair(1, Value::Null), pair(2, json!(format!("Answer of {id}"))), pair(4, json!(format!("Last of {id}")))]})
    };
    json!({"training_file_metadata": {"total_conversations": 2, "total_training_pairs": 6}, "consultant_profile": {"name": "Ann"},
        "conversations": [conversation("a"), conversation("b")]})
}

/// The document in every way in which it may be written.
fn written(document: &Value) -> Vec<String> {
    let conversations: Vec<String> =
        document["conversations"].as_array().unwrap().iter().map(Value::to_string).collect();
    vec![
        document.to_string(),
        serde_json::to_string_pretty(document).unwrap(),
        format!("\u{feff}{}\n", serde_json::to_string_pretty(document).unwrap()),
        serde_json::to_string_pretty(document).unwrap().replace("  ", ""),
        // One element a line, the last of which is a whole object.
        format!(
            "{{\"training_file_metadata\":{},\"conversations\":[\n{}\n]}}\n",
            document["training_file_metadata"],
            conversations.join(",\n")
        ),
    ]
}

#[test]
fn documents_however_they_are_written() {
    for text in written(&document()) {
        let report = check(&text);
        assert_eq!(report.shape, Some(Shape::Full), "{text}: {:?}", report.findings);
        assert_eq!((report.total_training_pairs, report.messages, report.conversations), (4, 6, 2));
        assert_eq!((report.declared_pairs, report.declared_conversations), (Some(6), Some(2)));
        // Replies of the two conversations to one question differ, as in any two.
        assert_eq!(report.errors, 0, "{:?}", report.findings);
        assert_eq!(report.sample.len(), 2);
    }
    let individual = json!({"dataset_metadata": {"dataset_name": "x", "total_turns": 2}, "consultant_profile": {}, "training_pairs": [
        {"system_prompt": "Help.", "current_user_input": "Hi", "target_response": "Hello"},
        {"system_prompt": "Help.", "current_user_input": "Bye", "target_response": "Goodbye"}]});
    for text in [individual.to_string(), serde_json::to_string_pretty(&individual).unwrap()] {
        let report = check(&text);
        assert_eq!((report.shape, report.errors), (Some(Shape::Individual), 0), "{:?}", report.findings);
        assert_eq!((report.total_training_pairs, report.messages, report.conversations), (2, 2, 1));
    }
}

#[test]
fn a_document_is_found_behind_any_other_member() {
    let profile: String = (0..200).map(|n| format!("\"note {n}\":\"{n}\",")).collect();
    let text = document().to_string();
    let text = format!("{{\"a_profile\":{{{}\"z\":1}},{}", profile, &text[1..]);
    let report = check(&text);
    assert_eq!(report.shape, Some(Shape::Full));
    assert_eq!(codes(&report), ["conflicting_reply", "unknown_key"]);
}

#[test]
fn what_is_wrong_in_a_document_has_its_place() {
    let mut bad = document();
    bad["conversations"][1]["training_pairs"][1]["system_prompt"] = json!(" ");
    bad["consultant_profile"]["name"] = json!("a\u{0}b");
    let text = serde_json::to_string_pretty(&bad).unwrap();
    let report = check(&text);
    let finding = |code: &str| report.findings.iter().find(|finding| finding.code == code).unwrap();
    let empty = finding("empty_content");
    assert_eq!(empty.path.as_deref(), Some("conversations[1].training_pairs[1].system_prompt"));
    assert!(text[empty.offset as usize..].starts_with("\" \""));
    let line = text[..empty.offset as usize].matches('\n').count() as u64 + 1;
    assert_eq!(empty.line, line);
    assert!(text[finding("nul_character").offset as usize..].starts_with("\\u0000"));

    let cut = &text[..text.len() - 20];
    let broken = check(cut);
    assert_eq!(codes(&broken), ["invalid_json", "too_few_examples"]);
    let end = broken.findings.iter().find(|finding| finding.code == "invalid_json").unwrap();
    assert_eq!(end.line, cut.matches('\n').count() as u64 + 1);
    let mut bytes = text.clone().into_bytes();
    let at = text.find("Question 4").unwrap();
    bytes[at] = 0xe9;
    assert_eq!(codes(&check(&bytes)), ["invalid_utf8"]);
}

#[test]
fn nothing_of_a_document_is_taken_on_trust() {
    let with = |member: &str| codes(&check(document().to_string().replacen("{\"name\":\"Ann\"}", member, 1)));
    for (member, code) in [
        (r#"{"a":1,"a":2}"#.to_owned(), "duplicate_key"),
        (r#""\u0000""#.to_owned(), "nul_character"),
        (format!("{}{}", "[".repeat(100), "]".repeat(100)), "nesting_too_deep"),
        (format!("[{}0]", "0,".repeat(200_000)), "too_many_values"),
        (format!("\"{}\"", "x".repeat(pg_lora_core::limits::LINE_BYTES)), "line_too_long"),
    ] {
        assert!(with(&member).contains(&code), "{code}");
    }
    // What breaks the whole document is told where it breaks.
    assert_eq!(with(r#""\ud800""#), ["too_few_examples", "unpaired_surrogate"]);
    assert_eq!(with("1e999"), ["number_out_of_range", "too_few_examples"]);
    let both = json!({"training_pairs": [], "conversations": []});
    assert!(codes(&check(both.to_string())).contains(&"mixed_shapes"));
    for other in [
        json!({"name": "x", "items": [1, 2]}),
        json!({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}),
    ] {
        assert_eq!(codes(&check(serde_json::to_string_pretty(&other).unwrap())), ["pretty_printed"]);
    }
}

#[test]
fn what_says_nothing_is_no_pair() {
    let found = |line: Value| codes(&check(line.to_string()));
    let user = json!({"role": "user", "content": "Hi"});
    for silent in [
        json!({"role": "assistant", "content": null, "tool_calls": []}),
        json!({"role": "assistant", "tool_calls": []}),
        json!({"role": "assistant", "content": "\u{3164}"}),
        json!({"role": "assistant", "function_call": 1}),
    ] {
        let codes = found(json!({"messages": [user, silent]}));
        assert!(codes.contains(&"too_few_examples"), "{silent}: {codes:?}");
    }
    let letters = check(json!({"prompt": "a", "completion": "b"}).to_string());
    assert_eq!(letters.total_tokens, 2, "no text has less than a token");
}

#[test]
fn what_is_no_jsonl_is_one_error() {
    let line = r#"{"prompt":"Hi","completion":"Hello"}"#;
    for (content, code) in [
        (format!("[{line}]"), "json_array"),
        (format!("[\n  {line},\n  {line}\n]\n"), "json_array"),
        (format!("[{line},\n{line},\n{line}]\n"), "json_array"),
        ("[]".to_owned(), "json_array"),
        (
            serde_json::to_string_pretty(&json!({"prompt": "Hi", "completion": "Hello"})).unwrap(),
            "pretty_printed",
        ),
        ("{\n\"prompt\": \"Hi\"\n}\n{\n\"prompt\": \"Ho\"\n}\n".to_owned(), "pretty_printed"),
        ("prompt,completion\nHi,Hello\nBye,Goodbye\n".to_owned(), "csv_file"),
        ("question;answer\nHi;Hello\n".to_owned(), "csv_file"),
        ("instruction\toutput\nHi\tHello\n".to_owned(), "csv_file"),
    ] {
        let report = check(&content);
        assert_eq!(codes(&report), [code], "{content}: {:?}", report.findings);
        assert_eq!((report.errors, report.findings[0].line, report.shape), (1, 0, None));
        assert!(!report.valid);
    }
    for (content, code) in [
        (&b"PK\x03\x04rest"[..], "binary_file"),
        (b"PAR1\x15\x04", "binary_file"),
        (b"\xff\xfe{\0\"\0", "invalid_utf8"),
    ] {
        assert_eq!(codes(&check(content)), [code]);
    }
    // Broken lines are broken lines, also where they look a little like something else.
    assert!(check(format!("[1]\n{line}\n{line}")).counts.contains_key("not_an_object"));
    assert_eq!(check("nope\nnope").counts["invalid_json"], 2);
    assert_eq!(check("{\"a\": nope}\n{\"a\": nope}").counts["invalid_json"], 2);
}

#[test]
fn exact_counts_are_believed() {
    let file = r#"{"prompt":"Hi","completion":"Hello"}"#;
    let with = |options: &str| report(file.as_bytes(), &Options::from_json(options).unwrap(), &mut || ());
    let both = with(r#"{"exact_tokens": {"content": 40, "sequence": 50, "method": "mistral-7b"}}"#);
    assert_eq!((both.total_tokens, both.tokens.sequence, both.tokens.error_band_pct), (40, 50, 0));
    assert_eq!((both.tokens.method.as_str(), both.avg_tokens_per_turn), ("mistral-7b", Some(20.0)));
    let one = with(r#"{"exact_tokens": {"content": 40, "method": "mistral-7b"}}"#);
    assert_eq!(
        (one.total_tokens, one.tokens.error_band_pct > 0),
        (40, true),
        "the other figure is an estimate"
    );
}
