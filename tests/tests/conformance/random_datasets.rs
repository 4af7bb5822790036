//! Texts and rows of datasets that nobody wrote down: texts of many scripts and of none, rows that contradict themselves or their report.

use pg_lora_tests::environment;
use pg_lora_tests::random::Random;
use serde_json::{Map, Value, json};

use crate::editions::{Editions, literal};
use crate::random::agree_on;

const WORDS: [&str; 24] = [
    "the",
    "The",
    "THE",
    "th",
    "Th",
    "TH",
    "tH",
    "with",
    "thth",
    "t",
    "h",
    "a",
    "of",
    "I'm",
    "don’t",
    "“so”",
    "x = [1, 2];",
    "e.g.",
    "https://example.org/a?b=c",
    "C:\\path",
    "\\x41\\101",
    "{\"a\": null}",
    "'quoted'",
    "%s %I $1",
];

const FOREIGN: [&str; 20] = [
    "Größe",
    "élève",
    "señor",
    "żółw",
    "đường",
    "Привет",
    "ещё",
    "Ελλάδα",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "ไทย",
    "ქართული",
    "አማርኛ",
    "日本語",
    "こんにちは、",
    "中文。",
    "한국어",
    "👍🏽",
    "ꀀ",
];

/// First and last characters of ranges: control characters, letters, marks, what has no width, pictures, what belongs to nobody.
const RANGES: [(u32, u32); 26] = [
    (0x01, 0x1f),
    (0x20, 0x7f),
    (0x80, 0xff),
    (0x100, 0x24f),
    (0x250, 0x3ff),
    (0x400, 0x52f),
    (0x530, 0x5ff),
    (0x600, 0x77f),
    (0x780, 0x7ff),
    (0x800, 0x9ff),
    (0xa00, 0xdff),
    (0xe00, 0x10ff),
    (0x1100, 0x1fff),
    (0x2000, 0x20ff),
    (0x2100, 0x2fff),
    (0x3000, 0x31ff),
    (0x3400, 0x4dff),
    (0x4e00, 0x9fff),
    (0xa000, 0xabff),
    (0xac00, 0xd7ff),
    (0xe000, 0xf8ff),
    (0xf900, 0xffff),
    (0x1_0000, 0x1_ffff),
    (0x1_f300, 0x1_faff),
    (0x2_0000, 0x3_2fff),
    (0xe_0000, 0x10_ffff),
];

/// Calls of each function, which are short.
fn calls() -> usize {
    if environment::full() { 10_000 } else { 1_000 }
}

fn character(random: &mut Random) -> char {
    let (first, last) = random.pick(&RANGES);
    char::from_u32(random.between(first as usize, last as usize) as u32).expect("no half of a pair")
}

/// A text of one kind or of several.
fn text(random: &mut Random) -> String {
    let longest = random.pick(&[0, 1, 2, 5, 30, 31, 32, 33, 34, 63, 64, 65, 200, 1_000]);
    let kind = random.below(8);
    let (first, last) = random.pick(&RANGES);
    let mut text = String::new();
    while text.chars().count() < longest {
        match kind {
            // One long word.
            0 => text.push(random.between(0x21, 0x7e) as u8 as char),
            1 => text.push(char::from_u32(random.between(first as usize, last as usize) as u32).unwrap()),
            2 => text.push(character(random)),
            3 => {
                text.push_str(random.pick(&FOREIGN));
                text.push_str(random.pick(&["", " ", ", ", "\n"]));
            }
            4 => text.push_str(random.pick(&["t", "h", "T", "H", " ", "th", "é"])),
            5 if random.once_in(6) => text.push(character(random)),
            _ => {
                let word = if random.once_in(25) { random.pick(&FOREIGN) } else { random.pick(&WORDS) };
                text.push_str(word);
                text.push_str(
                    random.pick(&[" ", " ", " ", "  ", "\n", "\r\n", ". ", ", ", "\t", "", "\n\n- "]),
                );
            }
        }
    }
    // To the character.
    text.chars().take(longest).collect()
}

#[test]
fn random_texts() {
    agree_on(calls(), "estimate_tokens", |random, _| {
        let text = literal(&text(random));
        Ok(match random.below(100) {
            0 => "lora.estimate_tokens(null)".to_owned(),
            // Beyond what the extension counts at once, with any character at the seam.
            1 if random.once_in(4) => {
                format!("lora.estimate_tokens(repeat({text}, 1200000 / greatest(length({text}), 1)))")
            }
            1..5 => format!("lora.estimate_tokens(repeat({text}, {}))", random.between(2, 100)),
            _ => format!("lora.estimate_tokens({text})"),
        })
    });
}

/// What the texts have of each script, as the ranges of Unicode say it.
fn counted(text: &str) -> [i64; 7] {
    let of = |ranges: &[(u32, u32)]| {
        let is_in = |c: char| ranges.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
        text.chars().filter(|&c| is_in(c)).count() as i64
    };
    [
        of(&[(0, 0x7f)]),
        text.matches("th").count() as i64,
        of(&[(0xc0, 0x24f), (0x1e00, 0x1eff)]),
        of(&[(0x400, 0x52f)]),
        of(&[(0x600, 0x77f), (0xfb50, 0xfdff), (0xfe70, 0xfeff)]),
        of(&[
            (0x1100, 0x11ff),
            (0x3000, 0x31ff),
            (0x3400, 0x9fff),
            (0xac00, 0xd7af),
            (0xff00, 0xffef),
            (0x2_0000, 0x3_1fff),
        ]),
        of(&[
            (0x250, 0x3ff),
            (0x530, 0x5ff),
            (0x780, 0x10ff),
            (0x1200, 0x1dff),
            (0x1f00, 0x1fff),
            (0x2c00, 0x2dff),
            (0xa000, 0xabff),
        ]),
    ]
}

/// Many at once: each counts as it does alone, and has its characters by script.
#[test]
fn random_texts_by_script() {
    let mut editions = Editions::new();
    let mut random = Random::stream(environment::seed(), 0);
    let texts: Vec<Option<String>> =
        (0..calls()).map(|_| if random.once_in(50) { None } else { Some(text(&mut random)) }).collect();
    for texts in texts.chunks(250) {
        let rows = editions.portable.query(
            "select place, (units + 512) / 1024, lora.estimate_tokens(coalesce(given.content, '')), array[ascii, th, latin, cyrillic, arabic, cjk, other]
             from lora._tokens_of($1) join unnest($1::text[]) with ordinality as given (content, place) using (place) order by place",
            &[&texts],
        );
        let rows = rows.unwrap();
        assert_eq!(rows.len(), texts.len());
        for (row, text) in rows.iter().zip(texts) {
            let text = text.as_deref().unwrap_or_default();
            assert_eq!(row.get::<_, i64>(1), row.get::<_, i64>(2), "{text:?}");
            assert_eq!(row.get::<_, Vec<i64>>(3), counted(text), "{text:?}");
        }
    }
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
