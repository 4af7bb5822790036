//! `--split-file`: the report on two files, and which of them is told.

use pg_lora_tests::chat::Chat;
use pg_lora_tests::random::Random;
use pg_lora_tests::{Database, environment};
use serde_json::{Value, json};

use crate::{GOOD, as_of_the_program, fed, file, reading, validate};

#[test]
fn the_report_is_that_of_the_database_however_it_is_read() {
    let database = Database::migrated();
    let mut db = database.connect();
    let query = "select lora.segment_report(lora.scan_segment($1::bytea, $3::text::jsonb), $3::text::jsonb, \
                 lora.scan_segment($2::bytea, $3::text::jsonb))";
    for round in 0..if environment::full() { 40 } else { 8 } {
        let seed = environment::seed().wrapping_add(round);
        // The largest are longer than a block.
        let mut random = Random::stream(seed, 0);
        let examples = random.between(1, 4000);
        let training = Chat::faulty(seed, examples, examples / 20).bytes;
        // Mostly of the same seed: what is held back is trained on.
        let other = if random.once_in(3) { !seed } else { seed };
        let held_back = Chat::faulty(other, random.between(30, 400), 10).bytes;
        let options = match random.below(3) {
            0 => json!({}),
            1 => json!({"profile": "openai", "min_examples": 3000}),
            _ => json!({"window": 300}),
        };
        let mut expected: Value =
            db.query_one(query, &[&training, &held_back, &options.to_string()]).unwrap().get(0);
        as_of_the_program(&mut expected);

        let ((_one, training), (_other, held_back)) = (file(&training), file(&held_back));
        let threads = random.between(1, 6).to_string();
        let mut more = vec!["--split-file", held_back.to_str().unwrap(), "--threads", &threads];
        let members: Vec<(String, String)> = options
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (format!("--{}", key.replace('_', "-")), value.to_string().replace('"', "")))
            .collect();
        more.extend(members.iter().flat_map(|(key, value)| [key.as_str(), value]));
        more.extend(["--output", "json"]);
        let told = validate(&training, &more).expect(13).json();
        assert_eq!(told["report"], expected, "seed {seed}, {examples} examples, {more:?}");
        assert_eq!(told["file"], training.to_str().unwrap());
        assert_eq!(told["split_file"], held_back.to_str().unwrap());
        assert_eq!((&told["recorded"], &told["changed"]), (&Value::Null, &json!(false)));
        assert!(told["report"]["validation_file"]["lines"].as_u64().unwrap() >= 30, "{told}");
    }
}

#[test]
fn each_finding_is_told_of_its_file() {
    let other = r#"{"prompt":"Is it closed?","completion":"From ten on."}"#;
    let (_one, training) = file(format!("{GOOD}\nnope\n").as_bytes());
    let (_other, held_back) = file(format!("{other}\n{GOOD}\n{{").as_bytes());
    let outcome = validate(&training, &["--split-file", held_back.to_str().unwrap()]).expect(13);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let (training, held_back) = (training.display(), held_back.display());
    for line in [
        format!("{training}:2: error[invalid_json]: invalid JSON at column 2: expected true, false or null"),
        format!(
            "{held_back}:2: error[validation_example_in_training]: the validation example is trained on in line 1 of the \
             training file"
        ),
        "dataset    completion, 2 lines, 59 bytes".to_owned(),
        "held back  completion, 3 lines, 110 bytes".to_owned(),
        "pairs      1 to train on, 2 for validation".to_owned(),
        "ready      no".to_owned(),
    ] {
        assert!(lines.contains(&line.as_str()), "{line}\n{}", outcome.stdout);
    }
    assert!(outcome.stdout.contains(&format!("{held_back}:3: error[invalid_json]: ")), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, format!("error: the dataset \"{training}\" has 3 errors\n"));

    let (_third, nothing) = file(b"");
    let outcome = validate(&nothing, &["--split-file", nothing.to_str().unwrap()]).expect(13);
    let (name, empty) = (nothing.display(), "error[empty_file]: the file has no content");
    assert!(outcome.stdout.contains(&format!("{name}: {empty}\n")), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\nheld back  no shape, 0 lines, 0 bytes\n"), "{}", outcome.stdout);
}

#[test]
fn either_file_is_standard_input_and_not_both() {
    let (scratch, path) = file(GOOD.as_bytes());
    let other = br#"{"prompt":"Is it closed?","completion":"From ten on."}"#;
    let path = path.to_str().unwrap();
    for arguments in [["validate", "-", "--split-file", path], ["validate", path, "--split-file", "-"]] {
        let outcome = fed(reading("", &arguments), other).expect(0);
        assert!(
            outcome.stdout.contains("\npairs      1 to train on, 1 for validation\n"),
            "{}",
            outcome.stdout
        );
    }
    let both = ["validate", "-", "--split-file", "-"];
    let outcome = fed(reading("", &both), other).expect(2);
    assert!(outcome.stderr.starts_with("error: both files are standard input\nhint: "), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    // What cannot be read is told before the other one is read.
    let missing = scratch.path().join("missing");
    let mut child = reading("", &["validate", "-", "--split-file", missing.to_str().unwrap()]);
    let open = child.stdin.take();
    let outcome = pg_lora_tests::Outcome::from(child.wait_with_output().unwrap()).expect(2);
    assert!(outcome.stderr.contains("could not read"), "{}", outcome.stderr);
    drop(open);
}
