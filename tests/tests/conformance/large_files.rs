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

/// The report that both editions answer with.
fn report(call: &str) -> serde_json::Value {
    let answer = Editions::new().agree(call).unwrap_or_else(|difference| panic!("{difference}"));
    let Outcome::Answer(report) = answer else { panic!("{answer:?}") };
    serde_json::from_str(&report).unwrap()
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

/// A line that is too long is read with no others, which together would be more than is read at once.
#[test]
fn numbered_lines_around_one_that_is_too_long() {
    let report = report(
        r#"(select lora.dataset_lines_report(n, '{"prompt":"' || n || '","completion":"' || repeat('a word ', size / 7) || '"}', '{}')
        from (values (1::bigint, 1000000), (2, 33000000), (3, 100000), (4, 100000), (5, 100000), (6, 100000), (7, 100000), (8, 100000)) as line (n, size))"#,
    );
    assert_eq!(report["counts"]["line_too_long"], 1, "{report}");
    assert_eq!(report["total_training_pairs"], 7);
}

/// Short files of which a careless reader writes hundreds of megabytes, and one that it would search over and over.
#[test]
fn files_that_cost_more_than_they_look_like() {
    for (value, code) in [
        ("[' || repeat('1e131000,', 8300) || '0]", "number_out_of_range"),
        ("[' || repeat('-1E+131000 ,', 2100) || '0]", "number_out_of_range"),
        (r#"[' || repeat('1e-16000,', 17000) || '0],"of":[]"#, "duplicate_key"),
        (r#""' || repeat('a word ', 150000) || '\u0000""#, "nul_character"),
    ] {
        let line = format!(r#"'{{"prompt":"a","completion":"b","metadata":{{"of":{value}}}}}'"#);
        let report = report(&format!("lora.dataset_report(convert_to({line}, 'UTF8'))"));
        assert_eq!(report["counts"][code], 1, "{report}");
    }
}

/// Repeats are looked for among 400,000 examples; one more, and only their conversations are counted.
#[test]
fn more_examples_than_are_compared() {
    // In a plain run there are fewer, which are all compared.
    let examples = if environment::full() { 400_001 } else { 20_000 };
    let lines = format!(
        r#"convert_to((select string_agg('{{"prompt":"' || n % ({examples} - 1) || '","completion":"x"}}', chr(10) order by n) from generate_series(1, {examples}) as n), 'UTF8')"#
    );
    let report = report(&format!("lora.dataset_report({lines})"));
    let found = if environment::full() { "comparison_limited" } else { "duplicate_example" };
    assert_eq!(report["counts"][found], 1, "{report}");
    assert_eq!(report["total_training_pairs"], examples);
}
