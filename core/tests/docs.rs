//! The documentation says what the code does: tables in it are generated, and compared here.

mod page;

use page::{compare, root};
use pg_lora_core::dataset::{Profile, Shape, all_rules, metric_rules};
use pg_lora_core::metric::RULES;
use std::fmt::Write;

#[test]
fn the_table_of_rules_is_that_of_the_code() {
    let mut table = String::from("\n| code | severity | found | suggestion |\n|---|---|---|---|\n");
    for rule in all_rules() {
        let usual = rule.severity(Profile::Brightrun);
        let others: Vec<_> =
            Profile::ALL.iter().filter(|profile| rule.severity(**profile) != usual).collect();
        let severity = match others.as_slice() {
            [] => usual.name().to_owned(),
            [first, ..] => {
                let names: Vec<_> = others.iter().map(|profile| format!("`{}`", profile.name())).collect();
                format!("{}; {} for {}", usual.name(), rule.severity(**first).name(), names.join(", "))
            }
        };
        writeln!(table, "| `{}` | {severity} | {} | {} |", rule.code, rule.title, rule.suggestion).unwrap();
    }
    compare(&root().join("docs/datasets.md"), "rules", &table);
}

#[test]
fn the_table_of_shapes_is_that_of_the_code() {
    let mut table = String::from("\n| shape | a line is |\n|---|---|\n");
    for shape in Shape::ALL {
        writeln!(table, "| `{}` | {} |", shape.name(), shape.description()).unwrap();
    }
    compare(&root().join("docs/datasets.md"), "shapes", &table);
}

#[test]
fn the_table_of_profiles_is_that_of_the_code() {
    let mut table = String::from(
        "\n| profile | least examples | most pairs | window in tokens | largest file in bytes | shapes |\n|---|---|---|---|---|---|\n",
    );
    for profile in Profile::ALL {
        let shapes = profile.shapes().map_or("all".to_owned(), |shapes| {
            shapes.iter().map(|shape| format!("`{}`", shape.name())).collect::<Vec<_>>().join(", ")
        });
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} | {shapes} |",
            profile.name(),
            profile.min_examples(),
            profile.max_examples(),
            profile.window(),
            profile.max_bytes()
        )
        .unwrap();
    }
    compare(&root().join("docs/datasets.md"), "profiles", &table);
}

#[test]
fn the_table_of_metric_rules_is_that_of_the_code() {
    let mut table = String::from("\n| code | severity | found | suggestion |\n|---|---|---|---|\n");
    for rule in metric_rules::ALL {
        let severity = rule.severity.name();
        writeln!(table, "| `{}` | {severity} | {} | {} |", rule.code, rule.title, rule.suggestion).unwrap();
    }
    compare(&root().join("docs/datasets.md"), "metric rules", &table);
}

#[test]
fn the_limits_are_those_of_the_code() {
    use pg_lora_core::limits::*;
    let rows = [
        ("bytes of a line", LINE_BYTES, "finding `line_too_long`, the line is not read"),
        ("levels of nesting", NESTING_DEPTH, "finding `nesting_too_deep`, the line is not read"),
        (
            "keys and values of an example",
            LINE_VALUES as usize,
            "finding `too_many_values`, the example is not read",
        ),
        ("bytes of a document", DOCUMENT_BYTES, "finding `document_too_large`, the document is not read"),
        (
            "examples compared with each other",
            EXAMPLES_COMPARED,
            "finding `comparison_limited`, the others are counted only",
        ),
        ("findings kept of each code", FINDINGS_PER_CODE, "counted, not kept; `truncated`"),
        ("findings kept in all", FINDINGS_IN_ALL, "counted, not kept; `truncated`"),
        (
            "bytes of an example in which a fault's byte is looked for",
            LOCATED_BYTES,
            "the offset is that of the example",
        ),
        ("characters of a key in a path", KEY_CHARS, "cut, with an ellipsis"),
        ("characters of another quotation in a message", QUOTE_CHARS, "cut, with an ellipsis"),
        ("members of a document's object outside of its pairs", DOCUMENT_MEMBERS, "not looked at"),
        ("characters of an excerpt", EXCERPT_CHARS, "cut, with an ellipsis"),
        ("conversations of the sample", SAMPLE_CONVERSATIONS, "left out"),
        ("bytes of a conversation's id in the sample", SAMPLE_ID_BYTES, "the conversation is left out"),
        ("messages of a conversation in the sample", SAMPLE_MESSAGES, "left out"),
        ("characters of a message in the sample", SAMPLE_MESSAGE_CHARS, "cut, with an ellipsis"),
    ];
    let mut table = String::from("\n| limit | value | beyond |\n|---|---|---|\n");
    for (limit, value, beyond) in rows {
        writeln!(table, "| {limit} | {value} | {beyond} |").unwrap();
    }
    compare(&root().join("docs/datasets.md"), "limits", &table);
}

#[test]
fn the_errors_of_tokens_are_those_of_the_code() {
    use pg_lora_core::dataset::tokens::HELD_OUT;
    let mut table = String::from("\n| held-out texts | texts | lowest | highest |\n|---|---|---|---|\n");
    for (what, texts, low, high) in HELD_OUT {
        let percent = |tenths: i32| format!("{:+.1} %", f64::from(tenths) / 10.0).replace('-', "−");
        writeln!(table, "| {what} | {texts} | {} | {} |", percent(low), percent(high)).unwrap();
    }
    compare(&root().join("docs/datasets.md"), "tokens", &table);
}

#[test]
fn the_budgets_are_those_of_the_code() {
    use pg_lora_core::job::{OTHER_STAGE, STAGE_BUDGETS, TRAINING_LEAST, TRAINING_MOST};
    let mut table = format!(
        "\n| stage | seconds | why |\n|---|---|---|\n| `training` | {TRAINING_LEAST} to {TRAINING_MOST} | the slowest of the newest sixteen reports, and five steps more |\n"
    );
    for (stage, seconds, why) in STAGE_BUDGETS {
        writeln!(table, "| `{stage}` | {seconds} | {why} |").unwrap();
    }
    writeln!(table, "| any other | {OTHER_STAGE} | nobody but the worker knows what it does |").unwrap();
    compare(&root().join("docs/jobs.md"), "budgets", &table);
}

#[test]
fn the_diagram_of_states_is_that_of_the_code() {
    use pg_lora_core::job::Status::{self, Cancelled, Completed, Failed, Initializing, Queued, Running};
    let way = |from: Status, to: Status| match (from, to) {
        (Queued, Initializing) => "claimed",
        (Initializing, Running) => "first point reported",
        (Initializing | Running, Queued) => "lease over, attempt + 1",
        (Failed, Queued) => "retried, attempt + 1",
        (Running, Completed) => "completed by its worker",
        (Queued, Failed) => "given up by the service",
        (_, Failed) => "failed, or its lease is over and no attempt is left",
        (_, Cancelled) => "cancelled by its owner",
        (from, to) => panic!("nobody says how {} becomes {}", from.name(), to.name()),
    };
    let mut diagram = String::from("\n```mermaid\nstateDiagram-v2\n  [*] --> queued\n");
    for from in Status::ALL {
        for to in from.next() {
            writeln!(diagram, "  {} --> {}: {}", from.name(), to.name(), way(from, *to)).unwrap();
        }
        if from.next().is_empty() {
            writeln!(diagram, "  {} --> [*]", from.name()).unwrap();
        }
    }
    compare(&root().join("docs/jobs.md"), "states", &format!("{diagram}```\n"));
}

#[test]
fn sql_reads_as_many_points_as_the_pace_looks_at() {
    let limit = format!("limit {}\n", pg_lora_core::limits::PACE_POINTS);
    let sql = std::fs::read_to_string(root().join("sql/functions/training_job_paces.sql")).unwrap();
    assert_eq!(sql.matches(&limit).count(), 1);
}

#[test]
fn the_table_of_the_rules_of_health_is_that_of_the_code() {
    let mut table = String::from("\n| rule | severity | broken when | suggestion |\n|---|---|---|---|\n");
    for rule in RULES {
        writeln!(table, "| `{}` | {} | {} | {} |", rule.name, rule.severity, rule.when, rule.suggestion)
            .unwrap();
    }
    compare(&root().join("docs/metrics.md"), "health", &table);
}
