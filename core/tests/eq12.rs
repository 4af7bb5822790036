//! The real file EQ-12, as JSONL and as the document it was made from: every code and count.
//!
//! The data are not a part of the project: without `PG_LORA_DATA` the tests say that they were skipped.

use pg_lora_core::dataset::{Options, Report, Shape, report};
use std::collections::BTreeMap;

/// The report on a file of the data, unless there are none.
fn eq12(name: &str) -> Option<(Vec<u8>, Report)> {
    let Some(folder) = std::env::var_os("PG_LORA_DATA") else {
        eprintln!("skipped: PG_LORA_DATA is not set");
        return None;
    };
    let content = std::fs::read(std::path::Path::new(&folder).join(name)).expect("the data hold EQ-12");
    let report = report(&content, &Options::default(), &mut || ());
    Some((content, report))
}

#[test]
fn as_lines() {
    let Some((content, report)) = eq12("EQ-12-conversations-demo.jsonl") else { return };
    assert!(report.training_ready);
    assert_eq!((report.shape, report.bytes, report.lines), (Some(Shape::Pairs), 400_981, 45));
    assert_eq!((report.total_training_pairs, report.total_validation_pairs), (44, 0));
    assert_eq!((report.conversations, report.messages), (12, 88));
    assert_eq!((report.declared_pairs, report.avg_turns_per_conversation), (Some(89), Some(7.33)));
    assert_eq!((report.errors, report.truncated), (0, false));
    let counts = BTreeMap::from([
        ("declared_count_mismatch", 1),
        ("input_repeated_in_history", 44),
        ("reply_truncated", 6),
        ("window_overflow", 10),
    ]);
    assert_eq!(report.counts, counts, "{:?}", report.findings);
    let declared = report.findings.iter().find(|finding| finding.code == "declared_count_mismatch").unwrap();
    assert_eq!(declared.error, "\"_meta.total_pairs\" declares 89 pairs, the file has 44");
    // Mistral-7B's own tokenizer counts 25,058 and 63,528.
    assert!(report.total_tokens.abs_diff(25_058) * 100 <= 4 * 25_058, "{}", report.total_tokens);
    assert!(report.tokens.sequence.abs_diff(63_528) * 100 <= 4 * 63_528, "{}", report.tokens.sequence);

    for (lines, pairs, conversations, turns) in [(21, 20, 6, 6.67), (31, 30, 9, 6.67)] {
        let first = content.split_inclusive(|byte| *byte == b'\n').take(lines).collect::<Vec<_>>().concat();
        let report = pg_lora_core::dataset::report(&first, &Options::default(), &mut || ());
        assert_eq!((report.total_training_pairs, report.conversations), (pairs, conversations));
        assert_eq!(report.avg_turns_per_conversation, Some(turns));
    }
}

#[test]
fn as_a_document() {
    let Some((_, report)) = eq12("EQ-12-conversations-demo.json") else { return };
    assert!(report.training_ready);
    assert_eq!(report.shape, Some(Shape::Full));
    assert_eq!((report.total_training_pairs, report.messages, report.conversations), (44, 89, 12));
    assert_eq!((report.declared_pairs, report.declared_conversations), (Some(89), Some(12)));
    assert_eq!((report.avg_turns_per_conversation, report.errors), (Some(7.42), 0));
    let turns = report.turns;
    assert_eq!((turns.min, turns.p50, turns.max), (Some(6), Some(8), Some(9)));
    let counts =
        BTreeMap::from([("input_repeated_in_history", 44), ("reply_truncated", 6), ("window_overflow", 10)]);
    assert_eq!(report.counts, counts, "{:?}", report.findings);
}
