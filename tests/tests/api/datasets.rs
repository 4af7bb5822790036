//! `check_dataset` and `validate_dataset`: what a file is found to be, and what its dataset's row says afterwards.

use pg_lora_tests::story::{TABLES, add_dataset, digests, pairs, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal, environment};
use postgres::Client;
use serde_json::{Value, json};

fn row(db: &mut Client, user: &Caller, dataset: &str) -> Value {
    user.ask(db, &format!("select row from public.datasets as row where id = '{dataset}'")).unwrap()
}

#[test]
fn a_good_file_makes_its_dataset_ready() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(12);
    let dataset = add_dataset(&mut db, &alice, content.len());
    let report = validate(&mut db, &dataset, &content).unwrap();

    let row = row(&mut db, &alice, &dataset);
    assert_eq!(row["status"], "ready");
    assert_eq!(row["training_ready"], true);
    assert_eq!(row["total_training_pairs"], 12);
    assert_eq!(row["total_validation_pairs"], 0);
    assert_eq!(row["avg_turns_per_conversation"], 2.0);
    assert_eq!(row["total_tokens"], report["total_tokens"]);
    assert!(row["total_tokens"].as_i64().unwrap() > 12, "{row}");
    assert_eq!(row["avg_tokens_per_turn"], report["avg_tokens_per_turn"]);
    assert_eq!(row["validation_report"], report);
    assert_eq!(row["ruleset_version"], report["ruleset_version"]);
    assert_eq!(row["validation_errors"], Value::Null);
    assert_eq!(row["error_message"], Value::Null);
    assert_eq!(row["sample_data"].as_array().unwrap().len(), 3);
    assert!(row["validated_at"].is_string() && row["ruleset_version"].is_string(), "{row}");

    let sha256 = db.query_one("select encode(sha256(convert_to($1, 'UTF8')), 'hex')", &[&content]).unwrap();
    assert_eq!(row["content_sha256"], sha256.get::<_, String>(0));
}

#[test]
fn a_bad_line_is_named_and_nothing_is_ready() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let mut lines: Vec<String> = pairs(4).lines().map(str::to_owned).collect();
    lines[2] = "{\"conversation_id\": \"c-3\", \"turns\": [{\"role\": \"user\"".to_owned();
    let content = lines.join("\n");
    let dataset = add_dataset(&mut db, &alice, content.len());
    validate(&mut db, &dataset, &content).unwrap();

    let row = row(&mut db, &alice, &dataset);
    assert_eq!(row["status"], "error");
    assert_eq!(row["training_ready"], false);
    assert!(row["error_message"].as_str().unwrap().starts_with("line 3: "), "{row}");
    let errors = row["validation_errors"].as_array().unwrap();
    assert_eq!(errors[0]["line"], 3);
    for key in ["error", "suggestion", "code"] {
        assert!(!errors[0][key].as_str().unwrap().is_empty(), "{key}: {errors:?}");
    }
}

#[test]
fn an_empty_file_is_an_error_and_not_a_failure() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for content in ["", "\n\n", "  "] {
        let dataset = add_dataset(&mut db, &alice, content.len());
        validate(&mut db, &dataset, content).unwrap();
        let row = row(&mut db, &alice, &dataset);
        assert_eq!((&row["status"], &row["training_ready"]), (&json!("error"), &json!(false)), "{content:?}");
        assert!(!row["error_message"].as_str().unwrap().is_empty(), "{content:?}: {row}");
    }
}

/// What jsonb, or a reader of it, would trip over: each has to end in a report, never in a failed call.
#[test]
fn hostile_lines_are_reported() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let turns = |text: &str| {
        format!(
            "{{\"conversation_id\": \"{text}\", \"turns\": [{{\"role\": \"user\", \"content\": \"{text}\"}}, \
             {{\"role\": \"assistant\", \"content\": \"{text}\"}}]}}"
        )
    };
    for line in [
        turns(r"a\u0000b"),
        turns(r"a\ud800b"),
        turns(r"\udc00\ud800"),
        turns("\u{feff}x\u{1}\u{7f}\u{2028}"),
        turns("%s {0} $1 ' \u{1f600}"),
        format!("{}1{}", "[".repeat(9000), "]".repeat(9000)),
        format!("{{\"turns\": {}1{}}}", "{\"a\":".repeat(9000), "}".repeat(9000)),
        r#"{"conversation_id": 1e999999, "turns": [{"role": "user", "content": NaN}]}"#.to_owned(),
        r#"{"turns": [], "turns": [{"role": "user", "content": "a"}]}"#.to_owned(),
        r#"{"\u0000": "\u0000", "turns": {"role": "\u0000"}}"#.to_owned(),
        format!("{{\"turns\": [{{\"role\": \"{}\", \"content\": 1}}]}}", "r".repeat(100_000)),
    ] {
        let content = format!("{}{line}\n", pairs(1));
        let dataset = add_dataset(&mut db, &alice, content.len());
        let shown: String = line.chars().take(60).collect();
        validate(&mut db, &dataset, &content).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let row = row(&mut db, &alice, &dataset);
        assert!(row["status"] == "ready" || row["status"] == "error", "{shown}: {}", row["status"]);
        assert!(row["validation_report"]["lines"] == 2, "{shown}: {}", row["validation_report"]);
    }
}

#[test]
fn a_second_validation_replaces_the_first() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 9);
    validate(&mut db, &dataset, "not json").unwrap();
    assert_eq!(row(&mut db, &alice, &dataset)["status"], "error");
    validate(&mut db, &dataset, &pairs(3)).unwrap();
    let mended = row(&mut db, &alice, &dataset);
    assert_eq!((&mended["status"], &mended["validation_errors"]), (&json!("ready"), &Value::Null));
    assert_eq!(mended["error_message"], Value::Null);
    validate(&mut db, &dataset, "not json").unwrap();
    let broken = row(&mut db, &alice, &dataset);
    assert_eq!((&broken["status"], &broken["training_ready"]), (&json!("error"), &json!(false)));
    assert_eq!(broken["total_training_pairs"], 0);
}

#[test]
fn the_owner_is_notified_of_each_outcome() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let good = ready_dataset(&mut db, &alice, 7);
    let bad = add_dataset(&mut db, &alice, 1);
    validate(&mut db, &bad, "x").unwrap();

    let sql = "select jsonb_agg(jsonb_build_array(type, metadata ->> 'dataset_id', priority, message) order by type desc) \
               from public.notifications";
    let notes = alice.ask(&mut db, sql).unwrap();
    assert_eq!(notes.as_array().unwrap().len(), 2, "{notes}");
    assert_eq!(
        notes[0],
        json!(["dataset_ready", good, "medium", "\"practice\" is ready with 7 training pairs."])
    );
    assert_eq!(
        (&notes[1][0], &notes[1][1], &notes[1][2]),
        (&json!("dataset_error"), &json!(bad), &json!("high"))
    );
    assert!(notes[1][3].as_str().unwrap().starts_with("\"practice\" cannot be used: line 1: "), "{notes}");
    let bob = sign_up(&mut db, "bob");
    assert_eq!(bob.ask(&mut db, "select count(*) from public.notifications").unwrap(), 0);
}

#[test]
fn what_is_not_there_is_not_found() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let unknown = "00000000-0000-4000-8000-000000000000";
    Refusal::of(validate(&mut db, unknown, "x"))
        .is("PT404", &format!("dataset \"{unknown}\" does not exist"));

    let dataset = add_dataset(&mut db, &alice, 1);
    let delete = format!("update public.datasets set deleted_at = now() where id = '{dataset}'");
    assert_eq!(alice.write(&mut db, &delete).unwrap(), 1);
    Refusal::of(validate(&mut db, &dataset, "x")).is("PT404", &dataset);
    let null = "select public.validate_dataset(null, 'x')";
    Refusal::of(Caller::service().ask(&mut db, null)).is("PT404", "dataset");
}

#[test]
fn content_that_is_not_the_stored_object_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(2);
    let dataset = add_dataset(&mut db, &alice, content.len());
    let stored = format!(
        "insert into storage.objects (bucket_id, name, owner_id, metadata) \
         select storage_bucket, storage_path, user_id::text, jsonb_build_object('size', {}) \
         from public.datasets where id = '{dataset}'",
        content.len()
    );
    assert_eq!(db.execute(&stored, &[]).unwrap(), 1);

    let before = digests(&mut db);
    let cut = &content[..content.len() - 1];
    let refusal = Refusal::of(validate(&mut db, &dataset, cut));
    refusal.is(
        "22023",
        &format!("the content has {} bytes, the stored object {} bytes", cut.len(), content.len()),
    );
    assert_eq!(digests(&mut db), before, "a refused validation wrote something");
    assert_eq!(validate(&mut db, &dataset, &content).unwrap()["training_ready"], true);
}

#[test]
fn an_option_that_is_not_known_is_named() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let before = digests(&mut db);
    for (options, what) in [
        (r#"{"min_exampels": 1}"#, "min_exampels"),
        (r#"{"profile": "huge"}"#, "huge"),
        ("[]", "options"),
        (r#"{"min_examples": "many"}"#, "min_examples"),
    ] {
        let validate = format!("select public.validate_dataset('{dataset}', 'x', '{options}')");
        Refusal::of(Caller::service().ask(&mut db, &validate)).is("22023", what);
        let check = format!("select public.check_dataset('x', '{options}')");
        Refusal::of(alice.ask(&mut db, &check)).is("22023", what);
    }
    for call in [
        format!("select public.validate_dataset('{dataset}', null)"),
        format!("select public.validate_dataset('{dataset}', 'x', null)"),
    ] {
        Refusal::of(Caller::service().ask(&mut db, &call)).is("22023", "must not be null");
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn an_option_counts() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let sql = format!("select public.validate_dataset('{dataset}', $1, '{{\"min_examples\": 4}}')");
    let content = pairs(3);
    Caller::service().run(&mut db, |t| t.execute(&sql, &[&content])).unwrap();
    let row = row(&mut db, &alice, &dataset);
    assert_eq!((&row["status"], &row["total_training_pairs"]), (&json!("error"), &json!(3)), "{row}");
}

#[test]
fn a_check_reports_the_same_and_records_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(5);
    let dataset = add_dataset(&mut db, &alice, content.len());
    let before = digests(&mut db);
    let sql = "select public.check_dataset($1)";
    let checked: Value = alice.run(&mut db, |t| Ok(t.query_one(sql, &[&content])?.get(0))).unwrap();
    assert_eq!(digests(&mut db), before, "one of {TABLES:?} changed");
    assert_eq!(validate(&mut db, &dataset, &content).unwrap(), checked);

    let large = "select public.check_dataset(repeat('x', 8388609))";
    Refusal::of(alice.ask(&mut db, large)).is("22023", "8388609 bytes, 8388608 at most");
    Refusal::of(alice.ask(&mut db, "select public.check_dataset(null)")).is("22023", "must not be null");
    assert_eq!(alice.ask(&mut db, "select public.check_dataset(repeat('x', 8388608))").unwrap()["lines"], 1);
}

/// The real file of the extra data, whole and cut after a number of lines.
#[test]
fn the_real_file_has_its_known_figures() {
    let Some(file) = environment::extra_data("EQ-12-conversations-demo.jsonl") else { return };
    let content = std::fs::read_to_string(file).unwrap();
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for (lines, pairs, conversations, turns) in
        [(usize::MAX, 44, 12, 7.33), (21, 20, 6, 6.67), (31, 30, 9, 6.67)]
    {
        let content: String = content.split_inclusive('\n').take(lines).collect();
        let dataset = add_dataset(&mut db, &alice, content.len());
        let report = validate(&mut db, &dataset, &content).unwrap();
        let row = row(&mut db, &alice, &dataset);
        assert_eq!(row["status"], "ready", "{row}");
        assert_eq!(row["total_training_pairs"], pairs);
        assert_eq!(row["total_validation_pairs"], 0);
        assert_eq!(row["avg_turns_per_conversation"], turns);
        assert_eq!(report["conversations"], conversations);
        assert_eq!(report["declared_pairs"], 89);
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{findings:?}");
    }
}
