//! A dataset of two files: one to train on, and one that is held back for validation.

use pg_lora_core::dataset::{Options, Report, Segment, Split};
use proptest::prelude::*;
use serde_json::{Value, json};

fn scan(content: &[u8]) -> Segment<'_> {
    Segment::scan(content, &Options::default(), &mut || ())
}

fn both(training: &[u8], validation: &[u8]) -> Report {
    scan(training).report_with_validation(scan(validation), &Options::default(), &mut || ()).unwrap()
}

fn line(prompt: &str, reply: &str) -> String {
    json!({"prompt": prompt, "completion": reply}).to_string() + "\n"
}

/// Code, split, line and message of each finding.
fn found(report: &Report) -> Vec<(&str, Option<Split>, u64, &str)> {
    report.findings.iter().map(|found| (found.code, found.split, found.line, found.error.as_str())).collect()
}

#[test]
fn examples_of_the_file_are_held_back_and_its_size_is_its_own() {
    let training = line("Is it open?", "From nine on.") + &line("Till when?", "Till five.");
    let validation = line("On Sundays?", "No.");
    let report = both(training.as_bytes(), validation.as_bytes());
    assert!(report.training_ready, "{:?}", report.findings);
    assert_eq!((report.total_training_pairs, report.total_validation_pairs), (2, 1));
    assert_eq!((report.conversations, report.messages), (3, 6));
    assert_eq!((report.bytes, report.lines), (training.len() as u64, 2));
    let file = report.validation_file.as_ref().unwrap();
    assert_eq!((file.bytes, file.lines), (validation.len() as u64, 1));
    let alone = scan(validation.as_bytes()).report(&Options::default(), &mut || ()).unwrap();
    assert_eq!(file.content_digest, alone.content_digest);
    assert_eq!(file.shape, alone.shape);
}

#[test]
fn findings_say_which_file_they_are_of() {
    let training = line("Is it open?", "From nine on.") + "nope\n";
    let validation = "\n".to_owned() + &line(" padded", "x") + "no\n";
    let report = both(training.as_bytes(), validation.as_bytes());
    let held = Some(Split::Validation);
    assert_eq!(
        found(&report).into_iter().map(|(code, split, line, _)| (code, split, line)).collect::<Vec<_>>(),
        [
            ("invalid_json", None, 2),
            ("invalid_json", held, 3),
            ("blank_line", held, 1),
            ("padded_content", held, 2)
        ]
    );
    assert_eq!(report.findings[1].offset, 40, "in the file that it is in");
    assert_eq!(report.counts["invalid_json"], 2);
    let json = serde_json::to_value(&report.findings).unwrap();
    assert_eq!(json[0].get("split"), None);
    assert_eq!(json[1]["split"], "validation");
}

#[test]
fn what_is_trained_on_and_held_back_is_found_in_both_files() {
    let training = line("Is it open?", "From nine on.") + &line("Till when?", "Till five.");
    let validation = line("Till when?", "Till five.") + &line("Is it open?", "No.");
    let report = both(training.as_bytes(), validation.as_bytes());
    let held = Some(Split::Validation);
    assert_eq!(
        found(&report),
        [
            (
                "validation_example_in_training",
                held,
                1,
                "the validation example is trained on in line 2 of the training file"
            ),
            (
                "validation_prompt_in_training",
                held,
                2,
                "the validation prompt is trained on, with another reply, in line 1 of the training file"
            ),
        ]
    );
}

#[test]
fn ids_and_turns_are_those_of_one_file() {
    let pair = |id: &str, turn: u8, input: &str| {
        json!({
            "id": id, "conversation_id": "a", "turn_number": turn,
            "system_prompt": "Help.", "current_user_input": input, "target_response": "Yes."
        })
        .to_string()
            + "\n"
    };
    let training = pair("1", 1, "Tea?") + &pair("2", 3, "Milk?");
    let validation = pair("1", 1, "Sugar?") + &pair("1", 1, "Lemon?");
    let report = both(training.as_bytes(), validation.as_bytes());
    let held = Some(Split::Validation);
    let codes: Vec<_> = found(&report).into_iter().filter(|found| found.0 != "missing_scaffolding").collect();
    let of = |code: &str| codes.iter().filter(|found| found.0 == code).copied().collect::<Vec<_>>();
    assert_eq!(of("duplicate_id"), [("duplicate_id", held, 2, "the id is that of line 1")]);
    let twice = ("turn_not_increasing", held, 2, "turn_number is not above the one on line 1");
    assert_eq!(of("turn_not_increasing"), [twice]);
    assert_eq!(report.conversations, 1, "the conversation goes on in the other file");
}

#[test]
fn a_file_of_another_shape_is_an_error() {
    let training = line("Is it open?", "From nine on.");
    let validation =
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}"#;
    let report = both(training.as_bytes(), validation.as_bytes());
    let error = "the validation file is of shape \"messages\", the training file of \"completion\"";
    assert_eq!(found(&report), [("mixed_shapes", None, 0, error)]);
}

#[test]
fn a_file_that_is_empty_or_something_else_is_an_error_of_that_file() {
    let sound = line("Is it open?", "From nine on.");
    let held = Some(Split::Validation);
    let codes = |training: &[u8], validation: &[u8]| -> Vec<(String, Option<Split>)> {
        let report = both(training, validation);
        assert!(!report.training_ready);
        found(&report).into_iter().map(|(code, split, ..)| (code.to_owned(), split)).collect()
    };
    assert_eq!(codes(sound.as_bytes(), b""), [("empty_file".to_owned(), held)]);
    assert_eq!(codes(sound.as_bytes(), b"\x1f\x8b\x08\x00"), [("binary_file".to_owned(), held)]);
    assert_eq!(codes(b"\x1f\x8b\x08\x00", sound.as_bytes()), [("binary_file".to_owned(), None)]);
    assert_eq!(codes(b"", sound.as_bytes()), [("empty_file".to_owned(), None)]);
}

#[test]
fn each_file_declares_its_own_counts() {
    let header = |pairs: u8| json!({"_meta": {"version": "4.0", "total_pairs": pairs}}).to_string() + "\n";
    let pair = |conversation: &str, input: &str| {
        json!({
            "conversation_id": conversation, "system_prompt": "Help.", "current_user_input": input,
            "target_response": "Yes."
        })
        .to_string()
            + "\n"
    };
    let training = header(2) + &pair("a", "Tea?") + &pair("b", "Milk?");
    let right = header(1) + &pair("c", "Sugar?");
    assert_eq!(both(training.as_bytes(), right.as_bytes()).counts.get("declared_count_mismatch"), None);
    let wrong = header(3) + &pair("c", "Sugar?");
    let report = both(training.as_bytes(), wrong.as_bytes());
    let mismatches: Vec<_> =
        found(&report).into_iter().filter(|found| found.0 == "declared_count_mismatch").collect();
    let error = "\"_meta.total_pairs\" declares 3 pairs, the file has 1";
    assert_eq!(mismatches, [("declared_count_mismatch", Some(Split::Validation), 1, error)]);
}

#[test]
fn documents_are_counted_together() {
    let document = |input: &str| {
        json!({"training_file_metadata": {"total_training_pairs": 1}, "conversations": [{
            "conversation_metadata": {"conversation_id": input},
            "training_pairs": [{"system_prompt": "Help.", "current_user_input": input, "target_response": "Yes."}]
        }]})
        .to_string()
    };
    let report = both(document("Tea?").as_bytes(), document("Milk?").as_bytes());
    assert_eq!(report.errors, 0, "{:?}", report.findings);
    assert_eq!((report.total_training_pairs, report.total_validation_pairs), (1, 1));
    assert_eq!((report.conversations, report.messages), (2, 2));
    assert_eq!(report.turns.max, Some(1));
}

#[test]
fn another_reading_of_the_file_is_refused() {
    let options = Options::from_json(r#"{"profile": "openai"}"#).unwrap();
    let openai = Segment::scan(b"", &options, &mut || ());
    let error = scan(b"").report_with_validation(openai, &Options::default(), &mut || ()).unwrap_err();
    assert!(error.message.contains("openai"), "{}", error.message);
}

/// The figures that do not tell how the validation examples came.
fn counted(report: &Report) -> Value {
    let mut report = serde_json::to_value(report).unwrap();
    for of_file in
        ["bytes", "lines", "content_digest", "findings", "validation_file", "declared_pairs", "sample"]
    {
        report.as_object_mut().unwrap().remove(of_file);
    }
    report
}

proptest! {
    /// A line that says "validation" and a line of the file that is held back are the same.
    #[test]
    fn in_a_file_or_by_its_line(
        training in proptest::collection::vec(("[a-d ]{1,3}", "[a-b]"), 1..20),
        validation in proptest::collection::vec(("[a-d ]{1,3}", "[a-b]"), 1..20),
    ) {
        let lines = |examples: &[(String, String)], split: &str| -> String {
            let chat = |(user, assistant): &(String, String)| json!({
                "split": split, "messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
            }).to_string() + "\n";
            examples.iter().map(chat).collect()
        };
        let tagged = lines(&training, "train") + &lines(&validation, "validation");
        let in_one = scan(tagged.as_bytes()).report(&Options::default(), &mut || ()).unwrap();
        let in_two = both(lines(&training, "train").as_bytes(), lines(&validation, "train").as_bytes());
        prop_assert_eq!(counted(&in_one), counted(&in_two));
        // Behind the training file its lines have the numbers that they have in one file.
        let placed = |report: &Report, behind: u64| -> Vec<(&'static str, u64)> {
            let line = |split: Option<Split>, line: u64| line + split.map_or(0, |_| behind);
            let mut placed: Vec<_> =
                report.findings.iter().map(|found| (found.code, line(found.split, found.line))).collect();
            placed.sort_unstable();
            placed
        };
        prop_assert_eq!(placed(&in_one, 0), placed(&in_two, training.len() as u64));
    }
}
