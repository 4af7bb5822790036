//! `pg-lora validate`: files of every kind by the command line, and the report that a database gives of the same bytes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use pg_lora_tests::chat::{Chat, SEED};
use pg_lora_tests::{Database, Outcome, Scratch, dataset_report, environment, program};
use serde_json::{Value, json};

mod held_back;
mod recorded;

/// A folder with a file in it.
fn file(content: &[u8]) -> (Scratch, PathBuf) {
    let scratch = Scratch::new().unwrap();
    let path = scratch.path().join("training.jsonl");
    std::fs::write(&path, content).unwrap();
    (scratch, path)
}

fn validate(path: &Path, more: &[&str]) -> Outcome {
    let arguments: Vec<&str> =
        ["validate", path.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    Outcome::of(&mut program::pg_lora(&arguments))
}

/// `pg-lora` on the database of a URL, reading standard input.
fn reading(url: &str, arguments: &[&str]) -> Child {
    let mut command = program::pg_lora(arguments);
    command.env("DATABASE_URL", url).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How it ends when it has read this and nothing more.
fn fed(mut child: Child, content: &[u8]) -> Outcome {
    let mut input = child.stdin.take().unwrap();
    let content = content.to_owned();
    // Beside it: whoever refuses does not read.
    let writer = std::thread::spawn(move || drop(input.write_all(&content)));
    let outcome = child.wait_with_output().unwrap().into();
    writer.join().unwrap();
    outcome
}

/// A report of the database as the program's own has to be, which is the same but for who made it.
fn as_of_the_program(report: &mut Value) {
    assert_eq!(report["edition"], environment::provider());
    report["edition"] = json!("native");
}

const GOOD: &str = r#"{"prompt":"Is it open?","completion":"From nine on."}"#;

#[test]
fn a_good_file_is_told_and_ends_with_0() {
    let (_scratch, path) = file(format!("{GOOD}\n").as_bytes());
    let outcome = validate(&path, &[]).expect(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "dataset    completion, 1 lines, 54 bytes");
    assert_eq!(lines[1], "pairs      1 to train on, 0 for validation");
    assert_eq!(lines[3..], ["found      0 errors, 0 warnings", "ready      yes"]);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn findings_are_told_as_compilers_tell_theirs() {
    let (_scratch, path) =
        file(format!("{GOOD}\n{{\"prompt\":\"\\u001b[2J\",\"completion\":\" x\"}}\nnope\n").as_bytes());
    let outcome = validate(&path, &["--min-examples", "5"]).expect(13);
    let name = path.display();
    for line in [
        format!("{name}: error[too_few_examples]: the file has 2 training examples, 5 are required"),
        format!("{name}:3: error[invalid_json]: invalid JSON at column 2: expected true, false or null"),
        format!("{name}:2: warning[padded_content]: \"completion\" begins or ends with white space"),
        "  hint: Write each example as one complete JSON object on one line.".to_owned(),
    ] {
        assert!(outcome.stdout.lines().any(|found| found == line), "{line}\n{}", outcome.stdout);
    }
    assert_eq!(outcome.stderr, format!("error: the dataset \"{name}\" has 2 errors\n"));
    assert!(!outcome.stdout.contains('\u{1b}'), "a file does not steer the terminal");
}

#[test]
fn the_report_is_that_of_the_database_whatever_the_number_of_threads() {
    let database = Database::migrated();
    let mut db = database.connect();
    let sizes = if environment::full() { [300, 100_000] } else { [300, 10_000] };
    for examples in sizes {
        let chat = Chat::faulty(SEED, examples, examples / 20);
        let (_scratch, path) = file(&chat.bytes);
        let mut expected = dataset_report(&mut db, &chat.bytes);
        as_of_the_program(&mut expected);
        for threads in ["1", "2", "5"] {
            let told = validate(&path, &["--threads", threads, "--output", "json"]).expect(13).json();
            assert_eq!(told["report"], expected, "{examples} examples, {threads} threads");
            assert_eq!(told["error"]["exit_code"], 13);
        }
    }
}

#[test]
fn standard_input_is_read_to_its_end() {
    let child = reading("", &["validate", "-", "--output", "json"]);
    let outcome = fed(child, GOOD.as_bytes()).expect(0);
    assert_eq!(outcome.json()["report"]["total_training_pairs"], 1);
    // A pipe that ends early is a file that ends early.
    let nothing = Outcome::of(&mut program::pg_lora(&["validate", "-"])).expect(13);
    assert!(nothing.stdout.starts_with("-: error[empty_file]: "), "{}", nothing.stdout);
}

#[test]
fn documents_are_read_as_well() {
    let document = "{\n  \"dataset_metadata\": {},\n  \"training_pairs\": [\n    {\"system_prompt\": \"Help.\", \
                    \"current_user_input\": \"Hi\", \"target_response\": \"Hello\"}\n  ]\n}\n";
    let (_scratch, path) = file(document.as_bytes());
    let told = validate(&path, &["--output", "json"]).expect(0).json();
    assert_eq!(told["report"]["shape"], "individual");
    let profile = validate(&path, &["--profile", "openai"]).expect(13);
    assert!(profile.stdout.contains("error[shape_not_accepted]"), "{}", profile.stdout);
}

#[test]
fn what_cannot_be_read_or_asked_is_refused() {
    let (scratch, path) = file(GOOD.as_bytes());
    for (file, more, words) in [
        (scratch.path().join("missing"), &[][..], "could not read"),
        (scratch.path().to_owned(), &[], "is a folder"),
        (path.clone(), &["--profile", "huge"], "option \"profile\" has the value \"huge\""),
        (path.clone(), &["--window", "0"], "option \"window\" has the value 0"),
        (path.clone(), &["--declared-format", "x"], "option \"declared_format\""),
        (path.clone(), &["--threads", "0"], "--threads"),
    ] {
        let outcome = validate(&file, more).expect(2);
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
    // A database that is named and cannot be reached is nobody's concern here.
    let mut command = program::pg_lora(&["validate", path.to_str().unwrap()]);
    Outcome::of(command.env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")).expect(0);
}
