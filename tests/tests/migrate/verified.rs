//! `pg-lora verify`: whether a database is what this version makes of it, and whether its datasets have figures that can be
//! right.

use pg_lora_tests::story::{add_dataset, pairs, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, Outcome};
use serde_json::{Value, json};

use crate::{assert_same, schema, seeded, value};

const GUESSED: &str = "00000000-0000-4000-8000-0000000000d1";

/// What an application leaves behind that stores 200 tokens for each pair, whatever the file holds.
const ROWS: &str = "
insert into auth.users (id, email) values ('00000000-0000-4000-8000-00000000000a', 'alice@example.org');
insert into public.datasets (id, user_id, name, status, storage_path, file_name, file_size, training_ready, total_training_pairs,
  total_validation_pairs, total_tokens, avg_turns_per_conversation, avg_tokens_per_turn, validated_at, deleted_at)
select id::uuid, '00000000-0000-4000-8000-00000000000a', name, 'ready', name, 'x', size, true, pairs, 0, tokens, 7.33, per_turn,
  validated_at, deleted_at
from (values
  ('00000000-0000-4000-8000-0000000000d1', E'EQ\\x1b[2J-12', 400981, 44, 8800, 100, timestamptz '2026-01-01', null),
  ('00000000-0000-4000-8000-0000000000d2', 'counted', 400981, 44, 25058, 284.75, '2026-01-01', null),
  ('00000000-0000-4000-8000-0000000000d3', 'impossible', 100, 44, 25058, 284.75, null, null),
  ('00000000-0000-4000-8000-0000000000d4', 'gone', -1, 44, 8800, 100, null, timestamptz '2026-01-02')
) as row (id, name, size, pairs, tokens, per_turn, validated_at, deleted_at);
";

fn found(answer: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = answer["findings"].as_array().unwrap().iter();
    findings
        .map(|f| {
            format!(
                "{} {} {} {}",
                &text(f, "id")[34..],
                text(f, "severity"),
                text(f, "code"),
                text(f, "column")
            )
        })
        .collect()
}

#[test]
fn an_adopted_database_names_the_figures_that_nobody_counted() {
    let database = seeded();
    database.connect().batch_execute(ROWS).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let before = schema(&database);
    let rows = "select jsonb_agg(d order by id) from public.datasets d";
    let rows_before = value(&mut database.connect(), rows);

    let outcome = database.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(10);
    let answer = outcome.json();
    assert_eq!(
        found(&answer),
        [
            "d3 error ready_without_validation validated_at",
            "d1 warning guessed_tokens total_tokens",
            "d3 warning tokens_beyond_file total_tokens",
        ]
    );
    let guessed = &answer["findings"][1];
    assert_eq!((&guessed["id"], &guessed["name"]), (&json!(GUESSED), &json!("EQ\u{1b}[2J-12")));
    assert_eq!(guessed["error"], "\"total_tokens\" is 8800, exactly 200 for each of 44 pairs");
    assert!(guessed["suggestion"].as_str().unwrap().ends_with('.'));
    assert_eq!(
        answer["counts"],
        json!([
            {"code": "ready_without_validation", "severity": "error", "findings": 1, "rows": 1},
            {"code": "guessed_tokens", "severity": "warning", "findings": 1, "rows": 1},
            {"code": "tokens_beyond_file", "severity": "warning", "findings": 1, "rows": 1},
        ])
    );
    assert_eq!(
        (&answer["rows"], &answer["faulty_rows"], &answer["truncated"]),
        (&json!(3), &json!(2), &json!(false))
    );
    assert_eq!((&answer["command"], &answer["changed"]), (&json!("verify"), &json!(false)));
    assert_eq!(answer["error"]["exit_code"], 10);
    assert!(answer["error"]["hint"].as_str().unwrap().contains("validate_dataset"));

    // The same in lines: worst first, totals, and no name that rules the terminal.
    let outcome = database.pg_lora(&["verify", "--datasets"]).expect(10);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 7, "{}", outcome.stdout);
    assert!(
        lines[1].starts_with(&format!("warning    {GUESSED} \"EQ\\u{{1b}}[2J-12\" guessed_tokens: ")),
        "{}",
        lines[1]
    );
    assert_eq!(lines[4], "total      guessed_tokens (warning): 1");
    assert_eq!(lines[6], "datasets   3 looked at, 2 with errors or warnings");
    assert!(
        outcome.stderr.contains("error: 2 of 3 datasets") && outcome.stderr.contains("\nhint: "),
        "{}",
        outcome.stderr
    );

    // However few are listed, all are counted.
    let answer =
        database.pg_lora(&["verify", "--datasets", "--limit", "1", "--output", "json"]).expect(10).json();
    assert_eq!((found(&answer).len(), &answer["truncated"]), (1, &json!(true)));
    assert_eq!((answer["counts"].as_array().unwrap().len(), &answer["faulty_rows"]), (3, &json!(2)));
    let outcome = database.pg_lora(&["verify", "--datasets", "--limit", "0"]).expect(10);
    assert!(outcome.stderr.contains("note: 3 more findings"), "{}", outcome.stderr);

    assert_same(&schema(&database), &before);
    assert_eq!(value(&mut database.connect(), rows), rows_before);
}

#[test]
fn what_was_validated_is_not_suspected() {
    let database = Database::migrated();
    let mut db = database.connect();
    let nothing = database.pg_lora(&["verify", "--datasets"]).expect(0);
    assert_eq!(nothing.stdout, "datasets   0 looked at, 0 with errors or warnings\n");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    add_dataset(&mut db, &alice, pairs(3).len());
    let answer = database.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&answer["rows"], &answer["findings"], &answer["error"]),
        (&json!(2), &json!([]), &Value::Null)
    );
    // A report by earlier rules asks for nothing; a figure that is not the report's does.
    let outdate = format!(
        "update public.datasets set ruleset_version = '0', \
         validation_report = validation_report || '{{\"ruleset_version\": \"0\"}}' where id = '{dataset}'"
    );
    Caller::service().write(&mut db, &outdate).unwrap();
    let answer = database.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(0).json();
    assert_eq!(
        (answer["findings"][0]["severity"].as_str(), &answer["faulty_rows"]),
        (Some("info"), &json!(0))
    );
    let change = format!("update public.datasets set total_tokens = total_tokens + 1 where id = '{dataset}'");
    Caller::service().write(&mut db, &change).unwrap();
    let answer = database.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(10).json();
    assert_eq!(answer["findings"][0]["code"], "differs_from_report");
    // A report of somebody else does not end the command.
    let change =
        format!("update public.datasets set validation_report = '[\"theirs\"]' where id = '{dataset}'");
    Caller::service().write(&mut db, &change).unwrap();
    let answer = database.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(10).json();
    assert_eq!(answer["findings"][0]["code"], "unreadable_report");
}

#[test]
fn it_is_refused_where_nothing_can_be_said() {
    let refused = |outcome: Outcome, code: i32, words: &str| {
        let outcome = outcome.expect(code);
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
    };
    refused(Database::empty().pg_lora(&["verify", "--datasets"]), 11, "no table \"public.datasets\"");
    let unmigrated = seeded();
    refused(
        unmigrated.pg_lora(&["verify", "--datasets"]),
        11,
        "no function \"lora.dataset_metric_findings\"",
    );
    // The extension alone is enough.
    let mut db = unmigrated.connect();
    db.batch_execute(&format!("{ROWS}; create schema lora; create extension pg_lora schema lora")).unwrap();
    let answer = unmigrated.pg_lora(&["verify", "--datasets", "--output", "json"]).expect(10).json();
    assert_eq!(found(&answer).len(), 3, "{answer}");

    // Part of the rows is not all of them.
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "create role metric_reader login; grant select on public.datasets to metric_reader;
         create role metric_stranger login bypassrls; grant select on public.datasets to metric_stranger",
    )
    .unwrap();
    for (role, words) in [("metric_reader", "does not see every row"), ("metric_stranger", "may not call")] {
        let url = database.url().replace("postgres@", &format!("{role}@"));
        refused(Outcome::of_pg_lora(&url, &["verify", "--datasets"]), 4, words);
    }
    db.batch_execute(
        "drop owned by metric_reader, metric_stranger; drop role metric_reader, metric_stranger",
    )
    .unwrap();
    database.pg_lora(&["verify", "--limit", "1"]).expect(2);
}

#[test]
fn a_database_is_verified_without_a_change() {
    let database = Database::migrated();
    let before = schema(&database);
    let outcome = database.pg_lora(&["verify"]).expect(0);
    assert!(outcome.stdout.starts_with("verified   database "), "{}", outcome.stdout);
    assert_same(&schema(&database), &before);
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&answer["up_to_date"], &answer["pending"], &answer["changed"]),
        (&json!(true), &json!([]), &json!(false))
    );

    database.connect().batch_execute("drop trigger z_explain_dataset on public.datasets").unwrap();
    database.connect().batch_execute("delete from lora_migrate.layers where name = 'functions'").unwrap();
    let answer = database.pg_lora(&["verify", "--output", "json"]).expect(10).json();
    assert_eq!(answer["up_to_date"], false);
    assert!(answer["error"]["hint"].as_str().unwrap().contains("pg-lora migrate"));
    let unmigrated = seeded();
    let before = schema(&unmigrated);
    unmigrated.pg_lora(&["verify"]).expect(10);
    assert_same(&schema(&unmigrated), &before);
}
