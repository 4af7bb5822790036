//! Every SQL block of the README and of the pages in docs/ runs as it stands, page by page, in its order.

use pg_lora_tests::Database;
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

fn run(page: &Path) -> Database {
    let database = Database::migrated();
    let mut client = database.connect();
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    for (line, sql) in sql_blocks(&text) {
        if let Err(error) = client.batch_execute(&sql) {
            panic!("{}:{line}: {:?}\n{sql}", page.display(), error.as_db_error());
        }
    }
    database
}

#[test]
fn the_readme_does_the_main_job() {
    let database = run(&root().join("README.md"));
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
    assert_eq!((row.get::<_, i32>(1), row.get::<_, i32>(2), row.get::<_, i32>(5)), (4, 3, 1));
    assert_eq!(row.get::<_, String>(3), "100.00");
    assert!(row.get::<_, bool>(4));
    assert_eq!(row.get::<_, i64>(6), 3, "the point that was sent twice is there once");
    assert_eq!(row.get::<_, String>(7), "dataset_ready job_queued job_started job_completed");
    assert_eq!(row.get::<_, i64>(8), 1);
    assert_eq!(row.get::<_, String>(9), "true", "the newest loss is NaN");
}

#[test]
fn every_page_of_the_documentation_runs() {
    let mut blocks = 0;
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_some_and(|kind| kind == "md") {
            blocks += sql_blocks(&fs::read_to_string(&page).unwrap()).len();
            run(&page);
        }
    }
    assert!(blocks >= 4, "{blocks} blocks of SQL were found");
}

#[test]
fn the_readme_calls_what_ci_calls() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(readme.contains("\ncargo xtask test "));
    assert!(ci.trim_end().ends_with("\nexec cargo xtask test"));
}
