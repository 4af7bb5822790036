//! The law of segments: a file in any parts gives the report of the whole.

use pg_lora_core::dataset::{Options, Report, Runs, Segment, all_rules, report};
use pg_lora_core::{ErrorCode, limits};
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
    // Every part goes through bytes, as if it had been stored.
    let stored = |part| Segment::decode(&Segment::scan(part, options, &mut || ()).encode()).unwrap();
    let segments = parts.into_iter().map(stored);
    let whole = segments.reduce(|a, b| a.merge(b).unwrap()).expect("there is a part");
    whole.report(options, &mut || ()).unwrap()
}

/// As `in_parts`, the parts joined from the right.
fn from_the_right(content: &[u8], cut: usize, options: &Options) -> Report {
    let (a, rest) = content.split_at(cut % (content.len() + 1));
    let (b, c) = rest.split_at(rest.len() / 2);
    let scan = |part| Segment::scan(part, options, &mut || ());
    let (a, b, c) = (scan(a), scan(b), scan(c));
    a.merge(b.merge(c).unwrap()).unwrap().report(options, &mut || ()).unwrap()
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

/// The report of numbered lines that come in this order, shared out among so many workers.
fn by_lines(lines: &[&[u8]], order: &[usize], workers: usize, options: &Options) -> Report {
    let mut states: Vec<Runs> = (0..workers).map(|_| Runs::new(options.clone())).collect();
    for (at, number) in order.iter().enumerate() {
        states[at % workers].add_line(*number as i64 + 1, lines[*number], &mut || ()).unwrap();
    }
    let mut whole = Runs::new(options.clone());
    for mut state in states {
        let sent = Runs::decode(&state.encode(&mut || ()).unwrap()).unwrap();
        whole.append(sent, &mut || ()).unwrap();
    }
    whole.report(&mut || ()).unwrap()
}

proptest! {
    #[test]
    fn lines_in_any_order_and_from_any_workers_make_the_file(
        lines in proptest::collection::vec(line(), 0..20), seed in any::<u64>(), workers in 1_usize..4,
    ) {
        let file: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let options = Options::default();
        let whole = report(&file, &options, &mut || ());
        let in_order: Vec<usize> = (0..lines.len()).collect();
        prop_assert_eq!(&by_lines(&lines, &in_order, workers, &options), &whole);
        let mut shuffled = in_order;
        let backwards: Vec<usize> = shuffled.iter().rev().copied().collect();
        prop_assert_eq!(&by_lines(&lines, &backwards, workers, &options), &whole);
        shuffled.sort_by_key(|number| (seed ^ *number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
        prop_assert_eq!(&by_lines(&lines, &shuffled, workers, &options), &whole);
    }

    #[test]
    fn a_damaged_state_is_refused(content in content(), at in any::<usize>(), bit in 0_u8..8) {
        let mut state = Segment::scan(&content, &Options::default(), &mut || ()).encode();
        let at = at % state.len();
        state[at] ^= 1 << bit;
        prop_assert_eq!(Segment::decode(&state).unwrap_err().code, ErrorCode::DamagedState);
        state.truncate(at);
        prop_assert!(Segment::decode(&state).is_err());
    }

    #[test]
    fn a_state_that_was_made_up_ends_in_no_panic(content in content(), at in any::<usize>(), bytes in proptest::collection::vec(any::<u8>(), 1..4)) {
        let options = Options::default();
        let good = Segment::scan(&content, &options, &mut || ());
        let mut state = good.encode();
        let content = state.len() - 8;
        for (n, byte) in bytes.iter().enumerate() {
            state[(at.wrapping_add(n * 7)) % content] = *byte;
        }
        let checksum = xxhash_rust::xxh3::xxh3_64(&state[..content]).to_le_bytes();
        state[content..].copy_from_slice(&checksum);
        if let Ok(made_up) = Segment::decode(&state) {
            let twice = made_up.clone().merge(good).and_then(|whole| whole.merge(made_up.clone()));
            for segment in [Ok(made_up), twice].into_iter().flatten() {
                let _ = segment.report(&options, &mut || ());
            }
        }
    }
}

#[test]
fn parts_of_different_readings_are_refused() {
    let options = Options::default();
    let strict = Options::from_json(r#"{"profile": "openai"}"#).unwrap();
    let part = |options: &Options| Segment::scan(b"{}\n", options, &mut || ());
    assert_eq!(part(&options).merge(part(&strict)).unwrap_err().code, ErrorCode::InvalidArgument);
    let error = part(&options).report(&strict, &mut || ()).unwrap_err();
    assert_eq!(
        error.message,
        "a part was read with profile \"brightrun\" and window 2048, another with profile \"openai\" and window 65536"
    );
    // The options that count at the end may be others.
    let later = Options::from_json(r#"{"min_examples": 7}"#).unwrap();
    assert_eq!(part(&options).report(&later, &mut || ()).unwrap().counts["too_few_examples"], 1);
}

#[test]
fn numbers_have_to_be_those_of_lines() {
    let options = Options::default();
    let add = |numbers: &[i64]| {
        let mut runs = Runs::new(options.clone());
        numbers.iter().try_for_each(|number| runs.add_line(*number, b"{}", &mut || ())).map(|()| runs)
    };
    let refused = |numbers: &[i64]| add(numbers).unwrap_err().message;
    assert_eq!(refused(&[0]), "the line number 0 is below 1");
    assert_eq!(refused(&[i64::MIN]), format!("the line number {} is below 1", i64::MIN));
    assert_eq!(refused(&[1, 2, 3, 2]), "the line number 2 stands twice");
    assert_eq!(refused(&[5, 4, 5]), "the line number 5 stands twice");
    let missing = |numbers: &[i64]| add(numbers).unwrap().report(&mut || ()).unwrap_err().message;
    assert_eq!(missing(&[2, 3]), "the line number 1 is missing");
    assert_eq!(missing(&[1, 2, 4]), "the line number 3 is missing");
    assert_eq!(missing(&[i64::MAX, i64::MAX - 1]), "the line number 1 is missing");
    assert_eq!(add(&[]).unwrap().report(&mut || ()).unwrap().counts["empty_file"], 1);
    // Backwards, with as many lines as are held apart and more: no gap is left.
    let backwards: Vec<i64> = (1..=3 * limits::RUNS as i64).rev().collect();
    assert_eq!(add(&backwards).unwrap().report(&mut || ()).unwrap().lines, 3 * limits::RUNS as u64);
    let gaps: Vec<i64> = (0..=limits::RUNS as i64).map(|n| 2 * n + 1).collect();
    let error = add(&gaps).unwrap_err();
    assert_eq!(error.code, ErrorCode::OutOfRange);
    // Two workers may each have met one of two lines of one number.
    let mut both = add(&[1, 2]).unwrap();
    assert!(both.append(add(&[2, 3]).unwrap(), &mut || ()).is_err());
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
    let long = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(limits::LINE_BYTES));
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
        for size in [limits::LINE_BYTES + 1_000, limits::DOCUMENT_BYTES + 1_000] {
            let mut content = head.clone().into_bytes();
            content.resize(size, b' ');
            let whole = report(&content, &options, &mut || ());
            assert_eq!(in_parts(&content, &[7, 5_000, 20_000, size / 2], &options), whole);
        }
    }
}
