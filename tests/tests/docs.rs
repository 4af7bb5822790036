//! Every SQL block of the README and of the pages in docs/ runs as it stands, page by page, in its order.

use pg_lora_tests::Database;
use postgres::SimpleQueryMessage;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The blocks marked `sql` with the line of the page on which each begins.
fn sql_blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut block, line) {
            (None, "```sql") => block = Some((index + 2, String::new())),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    assert!(block.is_none(), "a block has no end");
    blocks
}

/// Runs the blocks of a page; answers the database and the first column of every row that came back.
fn run(page: &Path) -> (Database, Vec<String>) {
    let database = Database::migrated();
    let mut client = database.connect();
    let mut answers = Vec::new();
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    for (line, sql) in sql_blocks(&text) {
        match client.simple_query(&sql) {
            Ok(messages) => answers.extend(messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })),
            Err(error) => panic!("{}:{line}: {:?}\n{sql}", page.display(), error.as_db_error()),
        }
    }
    (database, answers)
}

#[test]
fn the_readme_does_the_main_job() {
    let (database, _) = run(&root().join("README.md"));
    let row = database
        .connect()
        .query_one(
            "select status, total_steps, current_step, progress::text, final_cost is not null, attempt,
               (select count(*) from public.metrics_points),
               (select string_agg(type, ' ' order by created_at, type) from public.notifications),
               (select count(*) from public.cost_records where cost_type = 'training_compute'),
               current_metrics ->> 'non_finite'
             from public.training_jobs",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "completed");
    assert_eq!((row.get::<_, i32>(1), row.get::<_, i32>(2), row.get::<_, i32>(5)), (4, 4, 1));
    assert_eq!(row.get::<_, String>(3), "100.00");
    assert!(row.get::<_, bool>(4));
    assert_eq!(row.get::<_, i64>(6), 4, "the point that was sent twice is there once");
    assert_eq!(row.get::<_, String>(7), "dataset_ready job_queued job_started job_completed");
    assert_eq!(row.get::<_, i64>(8), 1);
    assert_eq!(row.get::<_, Option<String>>(9), None, "the newest loss is a number again");
}

#[test]
fn every_page_of_the_documentation_runs() {
    let mut blocks = 0;
    let mut answers = Vec::new();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_some_and(|kind| kind == "md") {
            blocks += sql_blocks(&fs::read_to_string(&page).unwrap()).len();
            answers.extend(run(&page).1);
        }
    }
    assert!(blocks >= 4, "{blocks} blocks of SQL were found");
    for expected in [
        "false",
        "10.5000000000",
        r#"{"low": 1744.0, "high": 2456.0, "method": "measured", "reason": null, "expected": 2100.0}"#,
        r#"[{"day": "2026-01-01", "amount": 0.2500000000}, {"day": "2026-01-02", "amount": 0.5000000000}]"#,
    ] {
        assert!(answers.iter().any(|answer| answer == expected), "{expected} is not among {answers:?}");
    }
}

#[test]
fn the_readme_calls_what_ci_calls() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(readme.contains("\ncargo xtask test "));
    assert!(ci.contains("\ncargo xtask test || failed=1\n"));
}
