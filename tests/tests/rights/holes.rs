//! What the specification's own schema lets happen, eleven holes by the numbers of `docs/security.md`. Each is played
//! twice: where that schema was run by hand on a project of its time it has to be open, else the test proves nothing;
//! on a migrated database it has to be closed.

use pg_lora_tests::story::{
    GPUS, add_dataset, complete, job_row, pairs, point, queue_job, ready_dataset, report, sign_up, validate,
};
use pg_lora_tests::{Caller, Database, Refusal, story};
use postgres::Client;
use serde_json::{Value, json};

use crate::worlds;

/// What is inserted where nothing guards it, as the superuser.
fn plant(db: &mut Client, sql: &str) -> String {
    db.query_one(&format!("{sql} returning id::text"), &[]).unwrap().get(0)
}

fn plant_dataset(db: &mut Client, owner: &Caller) -> String {
    plant(
        db,
        &format!(
            "insert into public.datasets (user_id, name, storage_path, file_name, file_size)
             values ('{}', 'practice', gen_random_uuid(), 'practice.jsonl', 1)",
            owner.id()
        ),
    )
}

/// An insert of a job, with a column more.
fn job(owner: &Caller, dataset: &str, column: &str, value: &str) -> String {
    let (mut cost_column, mut cost) = (", estimated_total_cost", ", 1");
    if column == "estimated_total_cost" {
        (cost_column, cost) = ("", "");
    }
    format!(
        "insert into public.training_jobs (
           user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs{cost_column}, {column})
         values ('{}', '{dataset}', 'custom', '{{}}', '{GPUS}', 1{cost}, {value})",
        owner.id()
    )
}

/// An insert of the model that a job has made.
fn model(owner: &Caller, job: &str, dataset: &str) -> String {
    format!(
        "insert into public.model_artifacts (
           user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts)
         values ('{}', '{job}', '{dataset}', 'adapter', '{{}}', '{{}}', '{{}}', '{{}}')",
        owner.id()
    )
}

fn count(db: &mut Client, sql: &str) -> i64 {
    db.query_one(&format!("select count(*) from {sql}"), &[]).unwrap().get(0)
}

fn value(db: &mut Client, sql: &str) -> Value {
    db.query_one(&format!("select to_jsonb(x) from ({sql}) as answer (x)"), &[]).unwrap().get(0)
}

fn open() -> (Database, Client) {
    let database = Database::seeded(worlds::LEGACY);
    let db = database.connect();
    (database, db)
}

fn closed() -> (Database, Client) {
    let database = Database::migrated();
    let db = database.connect();
    (database, db)
}

#[test]
fn hole_1_anybody_reads_and_writes_metrics_costs_and_notifications() {
    let writes = |user: &str, job: &str| {
        [
            format!(
                "insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate) values ('{job}', 1, 9, 1, 1)"
            ),
            "update public.metrics_points set training_loss = 0".to_owned(),
            "delete from public.metrics_points".to_owned(),
            format!(
                "insert into public.cost_records (user_id, cost_type, amount, billing_period) values ('{user}', 'storage', 1, '2026-01-01')"
            ),
            "update public.cost_records set amount = 0".to_owned(),
            "delete from public.cost_records".to_owned(),
            format!(
                "insert into public.notifications (user_id, type, title, message) values ('{user}', 'x', 'x', 'x')"
            ),
            "update public.notifications set read = true".to_owned(),
            "delete from public.notifications".to_owned(),
        ]
    };
    let tables = ["metrics_points", "cost_records", "notifications"];
    let anon = Caller::anon();

    let (_database, mut db) = open();
    let alice = sign_up(&mut db, "alice");
    let dataset = plant_dataset(&mut db, &alice);
    let id = plant(&mut db, &job(&alice, &dataset, "status", "'running'"));
    for write in writes(alice.id(), &id) {
        assert_eq!(anon.write(&mut db, &write).unwrap(), 1, "{write}");
    }
    for write in writes(alice.id(), &id).iter().filter(|write| write.starts_with("insert")) {
        anon.write(&mut db, write).unwrap();
    }
    for table in tables {
        let read = format!("select count(*) from public.{table}");
        assert_eq!(anon.ask(&mut db, &read).unwrap(), 1, "{table}");
    }

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let id = queue_job(&mut db, &alice, &dataset, 1);
    story::claim(&mut db, "w");
    report(&mut db, &id, json!([point(1, json!(1.5))])).unwrap();
    complete(&mut db, &id).unwrap();
    let before = story::digests(&mut db);
    for write in writes(alice.id(), &id) {
        Refusal::of(anon.write(&mut db, &write)).has_code("42501");
    }
    for table in tables {
        assert_ne!(count(&mut db, &format!("public.{table}")), 0, "{table}");
        Refusal::of(anon.ask(&mut db, &format!("select count(*) from public.{table}"))).has_code("42501");
    }
    assert_eq!(story::digests(&mut db), before);
}

#[test]
fn hole_2_a_job_on_the_dataset_of_somebody_else_blocks_the_deletion_of_the_account() {
    let delete = |user: &Caller| format!("delete from auth.users where id = '{}'", user.id());

    let (_database, mut db) = open();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let hers = plant_dataset(&mut db, &alice);
    assert_eq!(bob.write(&mut db, &job(&bob, &hers, "status", "'queued'")).unwrap(), 1);
    Refusal::of(db.execute(&delete(&alice), &[])).has_code("23503");

    let (_database, mut db) = closed();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let hers = ready_dataset(&mut db, &alice, 2);
    Refusal::of(bob.write(&mut db, &job(&bob, &hers, "status", "'queued'"))).is("PT404", &hers);
    assert_eq!(db.execute(&delete(&alice), &[]).unwrap(), 1);
}

#[test]
fn hole_3_a_job_begins_as_its_owner_likes() {
    let refused = [
        ("status", "'completed'"),
        ("status", "'banana'"),
        ("progress", "100"),
        ("current_cost", "-1"),
        ("final_cost", "0"),
        ("external_job_id", "'squatted'"),
    ];
    // Of these the database says what they are.
    let overwritten = [("estimated_total_cost", "-1"), ("queued_at", "'2000-01-01'")];

    let (_database, mut db) = open();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let unready = plant_dataset(&mut db, &alice);
    let bobs = plant_dataset(&mut db, &bob);
    let bobs_job = plant(&mut db, &job(&bob, &bobs, "status", "'running'"));
    let bobs_model = plant(&mut db, &model(&bob, &bobs_job, &bobs));
    for (column, value) in refused.iter().chain(&overwritten) {
        let outcome = alice.write(&mut db, &job(&alice, &unready, column, value));
        assert_eq!(outcome.unwrap(), 1, "{column} = {value}");
        assert_eq!(count(&mut db, &format!("public.training_jobs where {column} = {value}")), 1, "{column}");
    }
    let with_his = job(&alice, &unready, "artifact_id", &format!("'{bobs_model}'"));
    assert_eq!(alice.write(&mut db, &with_his).unwrap(), 1);

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let artifact = format!("'{bobs_model}'");
    for (column, value) in refused.into_iter().chain([("artifact_id", artifact.as_str())]) {
        Refusal::of(alice.write(&mut db, &job(&alice, &dataset, column, value)))
            .is("42501", &format!("column \"{column}\" of \"training_jobs\" cannot be set by a client"));
    }
    for (column, value) in overwritten {
        assert_eq!(alice.write(&mut db, &job(&alice, &dataset, column, value)).unwrap(), 1, "{column}");
        assert_eq!(count(&mut db, &format!("public.training_jobs where {column} = {value}")), 0, "{column}");
    }
    let unready = add_dataset(&mut db, &alice, 1);
    Refusal::of(alice.write(&mut db, &job(&alice, &unready, "status", "'queued'")))
        .is("PT409", "is not ready");
}

#[test]
fn hole_4_a_dataset_is_ready_unread() {
    let changes = [
        ("status", "'ready'"),
        ("training_ready", "true"),
        ("validated_at", "'2026-01-01'"),
        ("total_training_pairs", "1000000"),
        ("total_tokens", "1000000"),
        ("file_size", "-1"),
    ];
    let update = |column, value| format!("update public.datasets set {column} = {value}");

    let (_database, mut db) = open();
    let alice = sign_up(&mut db, "alice");
    plant_dataset(&mut db, &alice);
    for (column, value) in changes {
        assert_eq!(alice.write(&mut db, &update(column, value)).unwrap(), 1, "{column}");
    }

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, pairs(2).len());
    for (column, value) in changes {
        Refusal::of(alice.write(&mut db, &update(column, value)))
            .is("42501", &format!("column \"{column}\" of \"datasets\" cannot be set by a client"));
    }
    // Not even a service says it without having read it.
    Refusal::of(Caller::service().write(&mut db, &update("status", "'ready'"))).has_code("PT409");
    validate(&mut db, &dataset, &pairs(2)).unwrap();
    assert_eq!(count(&mut db, "public.datasets where status = 'ready' and total_training_pairs = 2"), 1);
}

#[test]
fn hole_5_a_dataset_points_at_the_file_of_somebody_else() {
    let insert = |owner: &Caller, bucket: &str, folder: &Caller| {
        format!(
            "insert into public.datasets (user_id, name, storage_bucket, storage_path, file_name, file_size)
             values ('{}', 'x', '{bucket}', '{}/{bucket}/secret.jsonl', 'x', 1)",
            owner.id(),
            folder.id()
        )
    };
    let (_database, mut db) = open();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    for bucket in ["lora-datasets", "lora-models"] {
        assert_eq!(bob.write(&mut db, &insert(&bob, bucket, &alice)).unwrap(), 1, "{bucket}");
    }

    let (_database, mut db) = closed();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    Refusal::of(bob.write(&mut db, &insert(&bob, "lora-datasets", &alice))).is("42501", "\"storage_path\"");
    Refusal::of(bob.write(&mut db, &insert(&bob, "lora-models", &bob))).is("42501", "\"storage_bucket\"");
    assert_eq!(bob.write(&mut db, &insert(&bob, "lora-datasets", &bob)).unwrap(), 1);
    for change in
        [format!("storage_path = '{}/secret.jsonl'", alice.id()), "storage_bucket = 'lora-models'".to_owned()]
    {
        let update = format!("update public.datasets set {change}");
        Refusal::of(bob.write(&mut db, &update)).is("42501", change.split(' ').next().unwrap());
    }
}

#[test]
fn hole_6_created_at_and_deleted_at_are_what_a_client_says() {
    let (_database, mut db) = open();
    let alice = sign_up(&mut db, "alice");
    plant_dataset(&mut db, &alice);
    let update = "update public.datasets set created_at = '2000-01-01', deleted_at = '2000-01-01'";
    assert_eq!(alice.write(&mut db, update).unwrap(), 1);
    let kept = "public.datasets where created_at = '2000-01-01' and deleted_at = '2000-01-01'";
    assert_eq!(count(&mut db, kept), 1);

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    add_dataset(&mut db, &alice, 1);
    Refusal::of(alice.write(&mut db, "update public.datasets set created_at = '2000-01-01'"))
        .is("42501", "\"created_at\"");
    // A deletion is the user's to decide, its time is not.
    assert_eq!(alice.write(&mut db, "update public.datasets set deleted_at = '2000-01-01'").unwrap(), 1);
    assert_eq!(count(&mut db, "public.datasets where deleted_at > now() - interval '1 hour'"), 1);
}

#[test]
fn hole_7_a_user_cannot_cancel_a_job_delete_a_dataset_or_rename_a_model_and_is_told_nothing() {
    let wishes = [
        "update public.model_artifacts set name = 'renamed'",
        "update public.training_jobs set status = 'cancelled' where status = 'queued'",
        "delete from public.datasets where name = 'another'",
    ];
    let (_database, mut db) = open();
    let alice = sign_up(&mut db, "alice");
    let dataset = plant_dataset(&mut db, &alice);
    let id = plant(&mut db, &job(&alice, &dataset, "status", "'queued'"));
    plant(&mut db, &model(&alice, &id, &dataset));
    plant_dataset(&mut db, &alice);
    db.batch_execute(&format!("update public.datasets set name = 'another' where id <> '{dataset}'"))
        .unwrap();
    for wish in wishes {
        assert_eq!(alice.write(&mut db, wish).unwrap(), 0, "{wish}");
    }

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let id = queue_job(&mut db, &alice, &dataset, 1);
    story::claim(&mut db, "w");
    report(&mut db, &id, json!([point(1, json!(1.5))])).unwrap();
    complete(&mut db, &id).unwrap();
    Caller::service().write(&mut db, &model(&alice, &id, &dataset)).unwrap();
    queue_job(&mut db, &alice, &dataset, 1);
    let another = add_dataset(&mut db, &alice, 1);
    db.batch_execute(&format!("update public.datasets set name = 'another' where id = '{another}'")).unwrap();
    for wish in wishes {
        assert_eq!(alice.write(&mut db, wish).unwrap(), 1, "{wish}");
    }
    // What stays refused is said.
    Refusal::of(alice.write(&mut db, "delete from public.training_jobs")).is("42501", "training_jobs");
}

#[test]
fn hole_8_figures_are_rounded_lost_or_stored_twice() {
    let insert = |job: &str, step: u32, loss: &str, rate: &str| {
        format!(
            "insert into public.metrics_points (job_id, epoch, step, training_loss, learning_rate)
             values ('{job}', 1, {step}, {loss}, {rate})"
        )
    };
    let cost = |user: &Caller, amount: &str| {
        format!(
            "insert into public.cost_records (user_id, cost_type, amount, billing_period)
             values ('{}', 'storage', {amount}, '2026-01-01')",
            user.id()
        )
    };

    let (_database, mut db) = open();
    let alice = sign_up(&mut db, "alice");
    let dataset = plant_dataset(&mut db, &alice);
    let id = plant(&mut db, &job(&alice, &dataset, "status", "'running'"));
    for loss in ["10000", "'Infinity'"] {
        Refusal::of(db.execute(&insert(&id, 1, loss, "1"), &[])).has_code("22003");
    }
    for _ in 0..2 {
        db.execute(&insert(&id, 2, "'NaN'", "1e-12"), &[]).unwrap();
    }
    assert_eq!(count(&mut db, "public.metrics_points where step = 2 and learning_rate = 0"), 2);
    db.execute(&cost(&alice, "0.004"), &[]).unwrap();
    for _ in 0..3600 {
        db.execute(&cost(&alice, "0.0044"), &[]).unwrap();
    }
    assert_eq!(
        count(&mut db, "(select sum(amount) as sum from public.cost_records) as all_of_them where sum = 0"),
        1
    );

    let (_database, mut db) = closed();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let id = queue_job(&mut db, &alice, &dataset, 10);
    story::claim(&mut db, "w");
    let service = Caller::service();
    for (step, loss) in [(1, "10000"), (2, "'Infinity'"), (3, "'NaN'")] {
        service.write(&mut db, &insert(&id, step, loss, "1e-12")).unwrap();
        let kept = format!(
            "public.metrics_points where step = {step} and training_loss = {loss} and learning_rate = 1e-12"
        );
        assert_eq!(count(&mut db, &kept), 1, "{loss}");
    }
    Refusal::of(service.write(&mut db, &insert(&id, 3, "1", "1"))).has_code("23505");
    let mut steps = service.begin(&mut db).unwrap();
    steps.execute(&cost(&alice, "0.004"), &[]).unwrap();
    for _ in 0..3600 {
        steps.execute(&cost(&alice, "0.0044"), &[]).unwrap();
    }
    steps.commit().unwrap();
    let sum = "(select sum(amount) as sum from public.cost_records where cost_type = 'storage') as all_of_them where sum = 15.844";
    assert_eq!(count(&mut db, sum), 1);
}

#[test]
fn hole_9_a_second_run_fails_and_a_common_name_is_overwritten() {
    let theirs =
        "create or replace function public.update_updated_at_column() returns trigger language plpgsql as
                  $$ begin new.updated_at := 'theirs'; return new; end $$";
    let is_theirs = "pg_proc where proname = 'update_updated_at_column' and prosrc like '%theirs%'";
    let seed = include_str!("../../fixtures/seed.sql");

    let database = Database::seeded(theirs);
    let mut db = database.connect();
    assert_eq!(count(&mut db, is_theirs), 0);
    Refusal::of(db.batch_execute(seed)).has_code("42P07");

    let database = Database::empty();
    let mut db = database.connect();
    db.batch_execute(theirs).unwrap();
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    let again =
        database.pg_lora(&["migrate", "--platform", "standalone", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(count(&mut db, is_theirs), 1);
}

#[test]
fn hole_10_what_readers_are_told_is_never_null_may_be_null() {
    // The Dataset and the TrainingJob of the specification's TypeScript.
    let columns = [
        ("datasets", "format status storage_bucket training_ready created_at updated_at"),
        (
            "training_jobs",
            "status current_stage progress current_epoch current_step queued_at current_cost retry_count created_at updated_at",
        ),
    ];
    let nullable = |db: &mut Client| -> i64 {
        let found = |(table, names): (&str, &str)| {
            format!(
                "information_schema.columns where table_schema = 'public' and table_name = '{table}'
                   and column_name = any (string_to_array('{names}', ' ')) and is_nullable = 'YES'"
            )
        };
        columns.into_iter().map(|of| count(db, &found(of))).sum()
    };
    let (_database, mut db) = open();
    assert_eq!(nullable(&mut db), 16);
    let (_database, mut db) = closed();
    assert_eq!(nullable(&mut db), 0);
    // An insert that leaves one out or says NULL, as applications do, still gets the value.
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let outcome = alice.write(&mut db, &job(&alice, &dataset, "status", "null"));
    assert_eq!(outcome.unwrap(), 1);
    let id = value(&mut db, "select id from public.training_jobs");
    assert_eq!(job_row(&mut db, id.as_str().unwrap())["status"], "queued");
}

#[test]
fn hole_11_foreign_keys_lack_an_index() {
    let lacking = "
      select coalesce(jsonb_agg(format('%s.%s', conrelid::regclass, attname) order by 1), '[]')
      from (
        select conrelid, attname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
        where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
          select from pg_index where indrelid = conrelid and indkey[0] = conkey[1])
        order by conrelid::regclass::text, attname
      ) as key";
    let (_database, mut db) = open();
    assert_eq!(
        value(&mut db, lacking),
        json!([
            "cost_records.job_id",
            "model_artifacts.dataset_id",
            "model_artifacts.parent_model_id",
            "training_jobs.artifact_id"
        ])
    );
    let (_database, mut db) = closed();
    assert_eq!(value(&mut db, lacking), json!([]));
}
