//! Files at and beyond what the portable edition reads at once, which is less than the extension does, and what is compared of
//! many examples.

use pg_lora_tests::environment;

use crate::editions::{Editions, Outcome, outcome};

/// Bytes that the portable edition reads in one value.
const AT_ONCE: usize = 32 << 20;

/// A file of so many bytes: lines of 16,384, all examples but the last one, which makes up the rest.
fn file(bytes: usize) -> String {
    let line = |prompt: &str, size: usize| {
        format!(
            r#"'{{"prompt":"' || {prompt} || '","completion":"' || repeat('a word ', {}) || repeat('b', {}) || '"}}'"#,
            size / 7,
            size % 7
        )
    };
    let members = r#"{"prompt":"0000","completion":""}"#.len();
    let lines = bytes / 16_384 - 1;
    let rest = bytes - lines * 16_384 - members;
    format!(
        "pg_catalog.convert_to((select string_agg({}, chr(10) order by n) || chr(10) from generate_series(1, {lines}) as n) || {}, 'UTF8')",
        line("lpad(n::text, 4, '0')", 16_384 - 1 - members),
        line("'last'", rest),
    )
}

/// A statement has 8 seconds through the API, so a whole file goes in chunks.
#[test]
fn a_dataset_beyond_32_mb_is_refused_in_one_value_by_the_portable_edition() {
    let mut editions = Editions::new();
    let content = file(AT_ONCE + 1);
    let size = outcome(&mut editions.portable, &format!("length({content})"));
    assert_eq!(size, Outcome::Answer((AT_ONCE + 1).to_string()));
    let refusal = Outcome::Refusal {
        code: "22023".to_owned(),
        message: "the content has 33554433 bytes, 33554432 at most are read at once".to_owned(),
        detail: String::new(),
        hint: "Send the file in chunks: append_dataset_chunk, or scan_segment and merge_segments.".to_owned(),
    };
    for call in [
        format!("lora.dataset_report({content})"),
        format!("lora.dataset_report(convert_from({content}, 'UTF8'))"),
        format!("(select count(found) from lora.dataset_findings({content}) as found)"),
        format!("lora.scan_segment({content})"),
    ] {
        assert_eq!(outcome(&mut editions.portable, &call), refusal);
    }
    // The extension reads it, and what the portable edition reads in chunks is the same.
    let content = format!(
        "(select lora.merge_segments(lora.scan_segment(substr(content, 1 + n * 8388608, 8388608)) order by n)
        from (select {content} as content offset 0) as file, generate_series(0, 4) as n)"
    );
    let chunks = outcome(&mut editions.portable, &format!("lora.segment_report({content})"));
    let whole = outcome(&mut editions.native, &format!("lora.dataset_report({})", file(AT_ONCE + 1)));
    assert_eq!(chunks, whole);
}

/// Repeats are looked for among 400,000 examples; one more, and only their conversations are counted.
#[test]
fn more_examples_than_are_compared() {
    // In a plain run there are fewer, which are all compared.
    let examples = if environment::full() { 400_001 } else { 20_000 };
    let lines = format!(
        r#"convert_to((select string_agg('{{"prompt":"' || n % ({examples} - 1) || '","completion":"x"}}', chr(10) order by n) from generate_series(1, {examples}) as n), 'UTF8')"#
    );
    let mut editions = Editions::new();
    let answer = editions
        .agree(&format!("lora.dataset_report({lines})"))
        .unwrap_or_else(|difference| panic!("{difference}"));
    let Outcome::Answer(report) = answer else { panic!("{answer:?}") };
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let found = if environment::full() { "comparison_limited" } else { "duplicate_example" };
    assert_eq!(report["counts"][found], 1, "{report}");
    assert_eq!(report["total_training_pairs"], examples);
}
