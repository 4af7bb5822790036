//! Supabase's publication for live pages, where there is one.

use pg_lora_tests::Database;
use serde_json::json;

use crate::{create_platform, seeded, value};

const PUBLISHED: &str = "select coalesce(jsonb_agg(tablename order by tablename), '[]') from pg_publication_tables where pubname = 'supabase_realtime'";

#[test]
fn what_a_page_follows_is_published_where_there_is_a_publication() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("create publication supabase_realtime").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, PUBLISHED), json!(["notifications", "training_job_events", "training_jobs"]));
}

#[test]
fn a_table_that_is_published_already_is_no_error() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute("create publication supabase_realtime for table public.training_jobs, public.datasets")
        .unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let all = json!(["datasets", "notifications", "training_job_events", "training_jobs"]);
    assert_eq!(value(&mut db, PUBLISHED), all);
}
