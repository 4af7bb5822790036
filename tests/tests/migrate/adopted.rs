//! A database on which somebody ran the specification's own SQL by hand, and then used it.

use pg_lora_tests::{Caller, Database, story::TABLES};
use serde_json::json;

use crate::{assert_same, recorded, schema, seeded, value};

/// What an application leaves behind in two years: a run that diverged, points that were sent again and again, a
/// job that nobody priced.
pub const ROWS: &str = "
insert into auth.users (id, email) values
  ('00000000-0000-4000-8000-00000000000a', 'alice@example.org'), ('00000000-0000-4000-8000-00000000000b', 'bob@example.org');
insert into public.datasets (id, user_id, name, status, storage_path, file_name, file_size, training_ready, format) values
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-00000000000a', 'one', 'ready', 'anywhere/x', 'x', -1, true, null),
  ('00000000-0000-4000-8000-0000000000d2', '00000000-0000-4000-8000-00000000000b', 'two', 'banana', 'y', 'y', 0, null, 'x');
insert into public.training_jobs (id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, total_epochs, estimated_total_cost, external_job_id) values
  ('00000000-0000-4000-8000-000000000e01', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000d1', 'fast', '{\"epochs\": 3}', '{\"type\": \"A100\", \"count\": 2}', 'running', 3, 4.1, 'x-1'),
  ('00000000-0000-4000-8000-000000000e02', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000d1', 'quality', '[]', 'null', null, 3, -4.1, null);
insert into public.metrics_points (id, job_id, timestamp, epoch, step, training_loss, learning_rate) values
  ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000e01', '2026-01-01 10:00Z', 1, 7, 2.5, 0.0002),
  ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000e01', '2026-01-01 10:01Z', 1, 7, 2.25, 0.0002),
  ('00000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000e01', null, 1, 7, 2.75, 0.0002),
  ('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000e01', '2026-01-01 10:02Z', 1, 8, 'NaN', 0.0002),
  ('00000000-0000-4000-8000-000000000005', '00000000-0000-4000-8000-000000000e02', '2026-01-01 10:00Z', 1, 7, 0.123456, 0.0000000001);
insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts) values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000e01', '00000000-0000-4000-8000-0000000000d1', 'adapter', '{}', '{}', '{}', '{}');
insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period) values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000e01', 'training_compute', 12.34, '2026-01-01'),
  ('00000000-0000-4000-8000-00000000000b', null, 'Odd Type', -99999999.99, '2026-01-01');
insert into public.notifications (user_id, type, title, message) values
  ('00000000-0000-4000-8000-00000000000a', 'job_queued', 'Queued', 'x'),
  ('00000000-0000-4000-8000-00000000000a', 'Odd Type', 'Odd', 'x');
insert into public.datasets (id, user_id, name, storage_path, file_name, file_size, created_at, updated_at) values
  ('00000000-0000-4000-8000-0000000000d3', '00000000-0000-4000-8000-00000000000a', 'three', 'z', 'z', 1, null, '2026-01-02 10:00Z');
insert into public.training_jobs (id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, total_epochs, estimated_total_cost, current_cost, progress) values
  ('00000000-0000-4000-8000-000000000e03', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000d1', 'fast', '{}', '{}', 'banana', 0, -4.1, -3, 180);
insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period) values
  ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000e01', 'Odd Type', -1, '2026-01-01');
";

/// All rows, in the columns that the specification has, numbers as they compare.
fn rows(database: &Database, columns: &serde_json::Value) -> Vec<serde_json::Value> {
    let mut db = database.connect();
    let of_table = |table: &&str| {
        let question = format!(
            "select jsonb_agg((select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(t)) where '{}' ? key) order by id)
             from public.{table} t",
            columns[*table]
        );
        value(&mut db, &question)
    };
    TABLES.iter().map(of_table).collect()
}

#[test]
fn a_seeded_database_keeps_every_row() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    let columns = value(
        &mut db,
        "select jsonb_object_agg(relname, names) from (
           select relname, jsonb_agg(attname) as names from pg_class join pg_attribute on attrelid = pg_class.oid
           where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 group by relname) as t",
    );
    let mut before = rows(&database, &columns);
    database.pg_lora(&["migrate"]).expect(0);
    // What readers are told is never NULL has the one right value now, and nothing else is another.
    let [datasets, jobs] = &mut before[..2] else { panic!("no tables") };
    datasets[0]["format"] = json!("brightrun_lora_v4");
    datasets[1]["training_ready"] = json!(false);
    datasets[2]["created_at"] = datasets[2]["updated_at"].clone();
    jobs[1]["status"] = json!("failed");
    jobs[1]["error_message"] = json!("the job had no status");
    jobs[1]["completed_at"] = jobs[1]["updated_at"].clone();
    assert_eq!(rows(&database, &columns), before);

    // The newest of the points that were sent twice is the curve's; the others stay beside it.
    let attempts = "select jsonb_object_agg(right(id::text, 1), attempt) from public.metrics_points";
    assert_eq!(value(&mut db, attempts), json!({"1": 0, "2": 1, "3": -1, "4": 1, "5": 1}));
    let nan = "select training_loss = 'NaN' from public.metrics_points where step = 8";
    assert_eq!(value(&mut db, nan), json!(true));
    assert_eq!(database.pg_lora(&["migrate", "--output", "json"]).expect(0).json()["changed"], false);
    database.pg_lora(&["status", "--check"]).expect(0);
}

/// A check is tested again on any update, and so could hold on to a row that it would never have let in.
#[test]
fn a_row_that_breaks_a_rule_can_be_put_away() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let broken = "select jsonb_agg(conname order by conname) from pg_constraint where not convalidated";
    assert_eq!(
        value(&mut db, broken),
        json!([
            "cost_records_amount_corrects_check",
            "cost_records_cost_type_check",
            "datasets_file_size_check",
            "datasets_format_check",
            "datasets_status_check",
            "datasets_status_validated_at_check",
            "notifications_type_check",
            "training_jobs_current_cost_check",
            "training_jobs_estimated_total_cost_check",
            "training_jobs_progress_check",
            "training_jobs_status_check",
            "training_jobs_total_epochs_check"
        ])
    );
    let alice = Caller::user("00000000-0000-4000-8000-00000000000a");
    let bob = Caller::user("00000000-0000-4000-8000-00000000000b");
    assert_eq!(alice.write(&mut db, "update public.notifications set read = true").unwrap(), 2);
    let cancel = "update public.training_jobs set status = 'cancelled' where status in ('banana', 'running')";
    assert_eq!(Caller::service().write(&mut db, cancel).unwrap(), 2);
    let delete = "update public.datasets set deleted_at = now()";
    assert_eq!(alice.write(&mut db, delete).unwrap(), 2);
    assert_eq!(bob.write(&mut db, delete).unwrap(), 1);
    // What a deleted job does to the ledger.
    let unlink = "update public.cost_records set job_id = null where amount < 0";
    db.batch_execute(&format!("set session_replication_role = replica; {unlink}")).unwrap();
}

#[test]
fn models_of_one_name_wait_for_their_key() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(ROWS).unwrap();
    db.batch_execute(
        "insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts)
         select user_id, '00000000-0000-4000-8000-000000000e02', dataset_id, name, '{}', '{}', '{}', '{}' from public.model_artifacts",
    )
    .unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    let key = "select to_regclass('public.model_artifacts_user_id_name_version_key') is not null";
    assert_eq!(value(&mut db, key), json!(false));
    assert_eq!(value(&mut Database::migrated().connect(), key), json!(true));
}

/// Fresh = adopted: the two catalogues differ in what only the specification's SQL makes.
#[test]
fn a_seeded_database_ends_like_a_fresh_one() {
    let database = seeded();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    // Ours has another name, as an application may have its own function of this common one.
    database.connect().batch_execute("drop function public.update_updated_at_column()").unwrap();
    let fresh = Database::migrated();
    assert_same(&schema(&database), &schema(&fresh));
    assert_eq!(recorded(&mut database.connect()), recorded(&mut fresh.connect()));
}

#[test]
fn an_applications_own_function_of_a_common_name_stays() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(
        "create table public.theirs (id int, updated_at text);
         create or replace function public.update_updated_at_column() returns trigger language plpgsql as
           $$ begin new.updated_at := 'theirs'; return new; end $$;
         create trigger t before update on public.theirs for each row execute function public.update_updated_at_column();
         insert into public.theirs values (1)",
    )
    .unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(value(&mut db, "select count(*) from public.theirs"), json!(1));
    db.batch_execute("update public.theirs set id = 2").unwrap();
    assert_eq!(value(&mut db, "select updated_at from public.theirs"), json!("theirs"));
}
