//! Every fault of a file is found where it is, nothing else is, and what is sound is counted to the last message;
//! also that the plain SQL which the benchmark compares with judges the same files alike.

use std::collections::BTreeSet;

use pg_lora_tests::chat::{Chat, Judgement, Kind, PLAIN_VALIDATION, SEED};
use pg_lora_tests::{Database, dataset_report, environment};
use postgres::Client;
use serde_json::Value;

/// Examples of the large file: a tenth of the benchmark's, which holds the figures.
fn examples() -> usize {
    if environment::full() { 100_000 } else { 10_000 }
}

/// What schema `lora` says of a file. Bytes, because no text of the database can hold some of the faults.
fn report(db: &mut Client, chat: &Chat) -> Value {
    dataset_report(db, &chat.bytes)
}

#[track_caller]
fn counts_are_right(chat: &Chat, report: &Value) {
    let counted =
        ["lines", "total_training_pairs", "conversations", "messages"].map(|name| report[name].as_u64());
    let expected = [chat.lines, chat.pairs, chat.sound, chat.messages].map(Some);
    assert_eq!(counted, expected, "lines, pairs, conversations, messages");
}

#[test]
fn nothing_is_wrong_with_a_sound_file() {
    let database = Database::migrated();
    let chat = Chat::sound(SEED, examples());
    let report = report(&mut database.connect(), &chat);
    let judgement = Judgement::of(&chat, &report);
    assert!(judgement.is_perfect(), "{judgement}");
    assert_eq!(report["training_ready"], true);
    counts_are_right(&chat, &report);
}

#[test]
fn every_fault_of_a_large_file_is_counted() {
    let database = Database::migrated();
    let chat = Chat::faulty(SEED, examples(), examples() / 100);
    let report = report(&mut database.connect(), &chat);
    let judgement = Judgement::of(&chat, &report);
    assert!(judgement.is_perfect(), "{judgement}");
    assert_eq!(report["training_ready"], false);
    counts_are_right(&chat, &report);
}

/// Few enough for a report to keep every finding.
#[test]
fn every_fault_of_a_small_file_is_found_on_its_line() {
    let database = Database::migrated();
    let mut db = database.connect();
    for round in 0..examples() as u64 / 1000 {
        let seed = environment::seed().wrapping_add(round);
        let chat = Chat::faulty(seed, 300, 5 * Kind::ALL.len());
        let report = report(&mut db, &chat);
        let judgement = Judgement::of(&chat, &report);
        assert!(judgement.is_perfect(), "seed {seed}: {judgement}");
        assert_eq!(report["truncated"], false, "seed {seed}");
        counts_are_right(&chat, &report);
    }
}

/// A peer that overlooked faults would be faster than it may be.
#[test]
fn plain_sql_finds_what_it_can() {
    let database = Database::empty();
    let mut db = database.connect();
    db.batch_execute(PLAIN_VALIDATION).unwrap();
    let mut ask =
        |text: &str| -> Value { db.query_one("select plain_validation($1)", &[&text]).unwrap().get(0) };

    let sound = Chat::sound(SEED, 1000);
    let report = ask(std::str::from_utf8(&sound.bytes).unwrap());
    let expected = [sound.lines, sound.pairs, sound.messages].map(Some);
    assert_eq!(["lines", "pairs", "messages"].map(|name| report[name].as_u64()), expected);
    assert_eq!(report["counts"], serde_json::json!({}));

    let chat = Chat::faulty(SEED, 1000, 5 * Kind::ALL.len());
    // A text is UTF-8 or is not at all: broken bytes become a brace too many.
    let lines: Vec<_> = chat.bytes.split(|byte| *byte == b'\n').collect();
    let lines: Vec<_> = lines.into_iter().map(|line| std::str::from_utf8(line).unwrap_or("{")).collect();
    let report = ask(&lines.join("\n"));
    let found: BTreeSet<_> = report["findings"].as_array().unwrap().iter().map(place).collect();
    let there = chat.faults.iter().filter_map(|fault| Some((fault.line, plain_code(fault.kind)?.to_owned())));
    assert_eq!(found, there.collect());
    assert_eq!(report["lines"], chat.lines);
}

fn place(finding: &Value) -> (u64, String) {
    (finding["line"].as_u64().unwrap(), finding["code"].as_str().unwrap().to_owned())
}

/// The code that a kind has where there is nothing but jsonb: it says that a line cannot be read and not why, knows one
/// of two equal keys, any number, any depth, and one line at a time.
fn plain_code(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::DuplicateKey | Kind::DuplicateExample | Kind::NumberOutOfRange | Kind::NestingTooDeep => None,
        Kind::InvalidUtf8 | Kind::NulCharacter | Kind::UnpairedSurrogate | Kind::NonFiniteNumber => {
            Some(Kind::InvalidJson.code())
        }
        other => Some(other.code()),
    }
}
