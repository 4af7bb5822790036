//! The law of segments: a file in any parts gives the report of the whole.

use pg_lora_core::dataset::{Options, Report, Segment, all_rules, report};
use proptest::prelude::*;
use serde_json::json;

/// The report of a file that is cut at these places.
fn in_parts(content: &[u8], cuts: &[usize], options: &Options) -> Report {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (content.len() + 1)).collect();
    cuts.sort_unstable();
    let mut start = 0;
    let mut parts = Vec::new();
    for cut in cuts {
        parts.push(&content[start..cut]);
        start = cut;
    }
    parts.push(&content[start..]);
    let segments = parts.into_iter().map(|part| Segment::scan(part, options, &mut || ()));
    let whole = segments.reduce(|a, b| a.merge(b, options)).expect("there is a part");
    whole.report(options, &mut || ())
}

/// As `in_parts`, the parts joined from the right.
fn from_the_right(content: &[u8], cut: usize, options: &Options) -> Report {
    let (a, rest) = content.split_at(cut % (content.len() + 1));
    let (b, c) = rest.split_at(rest.len() / 2);
    let scan = |part| Segment::scan(part, options, &mut || ());
    let (a, b, c) = (scan(a), scan(b), scan(c));
    a.merge(b.merge(c, options), options).report(options, &mut || ())
}

fn assert_parts_make_the_whole(content: &[u8], cuts: &[usize], options: &Options) {
    let whole = report(content, options, &mut || ());
    assert_eq!(
        in_parts(content, cuts, options),
        whole,
        "cut at {cuts:?}: {}",
        String::from_utf8_lossy(content)
    );
    for cut in cuts {
        assert_eq!(from_the_right(content, *cut, options), whole, "cut at {cut}");
    }
}

/// Lines of every kind: sound ones of all shapes, repeats, and every fault that has an example.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<Vec<u8>> =
        all_rules().map(|rule| (rule.example)()).filter(|example| example.len() < 2_000).collect();
    let text = "[a-zé ]{1,6}";
    let chat = (text, text, any::<bool>()).prop_map(|(user, assistant, held_back)| {
        let split = if held_back { "validation" } else { "train" };
        json!({"split": split, "messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]})
            .to_string()
            .into_bytes()
    });
    let pair = (0_u8..5, 1_u8..9, text).prop_map(|(conversation, turn, input)| {
        json!({
            "id": format!("{conversation}-{turn}"), "conversation_id": conversation.to_string(), "turn_number": turn,
            "conversation_metadata": {"emotional_arc": turn % 2},
            "system_prompt": "Help.", "current_user_input": input, "target_response": "Yes."
        })
        .to_string()
        .into_bytes()
    });
    let document = Just(json!({"training_file_metadata": {"total_training_pairs": 1}, "conversations": [{
        "conversation_metadata": {"conversation_id": "a"},
        "training_pairs": [{"system_prompt": "Help.", "current_user_input": "Hi", "target_response": "Hello"}]
    }]}));
    prop_oneof![
        4 => chat,
        3 => pair,
        2 => proptest::sample::select(examples),
        1 => document.clone().prop_map(|document| document.to_string().into_bytes()),
        1 => document.prop_map(|document| serde_json::to_vec_pretty(&document).unwrap()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => hostile(),
    ]
}

/// Objects with any of our keys at any place, under texts that are hard to show.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let keys = [
        "messages",
        "turns",
        "conversations",
        "role",
        "content",
        "from",
        "value",
        "prompt",
        "completion",
        "_meta",
        "version",
        "total_pairs",
        "training_metadata",
        "quality_criteria",
        "tool_calls",
        "id",
        "function",
        "name",
        "arguments",
        "split",
        "conversation_id",
        "weight",
        "tools",
        "current_user_input",
        "target_response",
        "\u{0}",
        "chosen",
    ];
    let texts = [
        "",
        "user",
        "assistant",
        "tool",
        "\u{0}",
        "a\u{0}b",
        "\u{fffd}",
        "NaN",
        "<|im_end|>",
        " x ",
        "\u{7}",
    ];
    let leaf = prop_oneof![
        4 => proptest::sample::select(texts.to_vec()).prop_map(|text| json!(text)),
        1 => any::<i8>().prop_map(|number| json!(number)),
        1 => Just(json!(null)),
        1 => Just(json!(false)),
    ];
    let value = leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner), 0..4).prop_map(
                |members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            ),
        ]
    });
    value.prop_map(|value| value.to_string().into_bytes())
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![3 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..]), 1 => Just(&b""[..])];
    (proptest::collection::vec((line(), end), 0..14), any::<bool>()).prop_map(|(lines, ends)| {
        let mut content = Vec::new();
        for (line, end) in lines {
            content.extend_from_slice(&line);
            content.extend_from_slice(if end.is_empty() && ends { b"\n" } else { end });
        }
        content
    })
}

proptest! {
    #[test]
    fn any_parts_make_the_whole(content in content(), cuts in proptest::collection::vec(any::<usize>(), 1..6)) {
        assert_parts_make_the_whole(&content, &cuts, &Options::default());
    }

    #[test]
    fn under_any_profile(content in content(), cut in any::<usize>(), profile in proptest::sample::select(vec!["openai", "mistral", "together"])) {
        let options = Options::from_json(&format!(r#"{{"profile": "{profile}", "window": 8, "min_examples": 2}}"#)).unwrap();
        assert_parts_make_the_whole(&content, &[cut], &options);
    }
}

#[test]
fn every_cut_of_every_example() {
    for rule in all_rules() {
        let content = (rule.example)();
        if content.len() < 1_000 {
            let cuts: Vec<usize> = (0..=content.len()).collect();
            for cut in &cuts {
                assert_eq!(
                    in_parts(&content, &[*cut], &Options::default()),
                    report(&content, &Options::default(), &mut || ()),
                    "{} cut at {cut}",
                    rule.code
                );
            }
            // A byte at a time.
            assert_parts_make_the_whole(&content, &cuts, &Options::default());
        }
    }
}

#[test]
fn a_line_too_long_is_one_in_any_parts() {
    let long = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(pg_lora_core::limits::LINE_BYTES));
    let cuts = [5, 1 << 20, 3 << 20, long.len() - 6, long.len() - 3];
    let options = Options::default();
    let whole = report(long.as_bytes(), &options, &mut || ());
    assert_eq!(whole.counts["line_too_long"], 1);
    assert_eq!(in_parts(long.as_bytes(), &cuts, &options), whole);
}

#[test]
fn a_document_too_large_is_one_in_any_parts() {
    // Its keys stand behind what is kept of a line that long.
    let blank = " ".repeat(5_000);
    let heads = [
        format!("{{\"a\":\"{}\",\"training_pairs\":[\"", "x".repeat(10_000)),
        format!("{blank}{{\"training_pairs\":[\""),
        format!("{blank}[{{\""),
        format!("[{blank}5,\""),
    ];
    let options = Options::default();
    for head in heads {
        for size in [pg_lora_core::limits::LINE_BYTES + 1_000, pg_lora_core::limits::DOCUMENT_BYTES + 1_000] {
            let mut content = head.clone().into_bytes();
            content.resize(size, b' ');
            let whole = report(&content, &options, &mut || ());
            assert_eq!(in_parts(&content, &[7, 5_000, 20_000, size / 2], &options), whole);
        }
    }
}
