//! What holds between rows, for every role: parents and children have one owner, the ledger and the events are only
//! added to, every change of a job is written down, and an account can always be deleted.

use pg_lora_tests::story::{
    add_dataset, add_model, claim, complete, pairs, point, queue_job, ready_dataset, report, sign_up,
    validate,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::json;

/// Two users, each with a dataset, a completed job and a model of it.
struct World {
    alice: Caller,
    bob: Caller,
    dataset: [String; 2],
    job: [String; 2],
    model: [String; 2],
}

impl World {
    fn live(db: &mut Client) -> Self {
        let (alice, bob) = (sign_up(db, "alice"), sign_up(db, "bob"));
        let users = [&alice, &bob];
        let dataset = users.map(|user| ready_dataset(db, user, 3));
        let job = [0, 1].map(|n| {
            let job = queue_job(db, users[n], &dataset[n], 10);
            assert_eq!(claim(db, "w"), job);
            report(db, &job, json!([point(1, json!(2.5))])).unwrap();
            complete(db, &job).unwrap();
            job
        });
        let model = [0, 1].map(|n| add_model(db, users[n], &job[n], &dataset[n]));
        Self { alice, bob, dataset, job, model }
    }
}

#[test]
fn a_row_refers_to_rows_of_its_own_owner_only() {
    let database = Database::migrated();
    let mut db = database.connect();
    let world = World::live(&mut db);
    let service = Caller::service();
    let [mine, theirs] = [0, 1].map(|n| (&world.dataset[n], &world.job[n], &world.model[n]));
    let (alice, missing) = (world.alice.id(), "00000000-0000-4000-8000-000000000000");
    let write =
        |db: &mut Client, sql: String| Refusal::of(service.write(db, &sql)).is("PT404", "does not exist");
    for other in [theirs.2.as_str(), missing] {
        write(
            &mut db,
            format!("update public.training_jobs set artifact_id = '{other}' where id = '{}'", mine.1),
        );
        write(
            &mut db,
            format!("update public.model_artifacts set parent_model_id = '{other}' where id = '{}'", mine.2),
        );
    }
    // What a job that is over refers to is frozen.
    let waiting = queue_job(&mut db, &world.alice, mine.0, 10);
    write(
        &mut db,
        format!("update public.training_jobs set retry_of = '{}' where id = '{waiting}'", theirs.1),
    );
    write(
        &mut db,
        format!("update public.model_artifacts set job_id = '{}' where id = '{}'", theirs.1, mine.2),
    );
    write(
        &mut db,
        format!("update public.model_artifacts set dataset_id = '{}' where id = '{}'", theirs.0, mine.2),
    );
    let cost = |columns: &str, values: &str| {
        format!(
            "insert into public.cost_records (user_id, cost_type, amount, billing_period, {columns}) \
             values ('{alice}', 'other', 1, '2026-01-01', {values})"
        )
    };
    write(&mut db, cost("job_id", &format!("'{}'", theirs.1)));
    let correct = format!(
        "insert into public.cost_records (user_id, cost_type, amount, billing_period, corrects) \
         select '{alice}', 'other', -1, '2026-01-01', id from public.cost_records where user_id <> '{alice}'"
    );
    write(&mut db, correct);

    // What is one's own can be referred to.
    let linked =
        format!("update public.training_jobs set artifact_id = '{}' where id = '{}'", mine.2, mine.1);
    assert_eq!(service.write(&mut db, &linked).unwrap(), 1);
    assert_eq!(service.write(&mut db, &cost("job_id", &format!("'{}'", mine.1))).unwrap(), 1);
}

#[test]
fn a_row_keeps_its_id_and_its_owner_whoever_writes() {
    let database = Database::migrated();
    let mut db = database.connect();
    let world = World::live(&mut db);
    for (table, id) in [
        ("datasets", &world.dataset[0]),
        ("training_jobs", &world.job[0]),
        ("model_artifacts", &world.model[0]),
    ] {
        for (column, value) in
            [("id", "gen_random_uuid()".to_owned()), ("user_id", format!("'{}'", world.bob.id()))]
        {
            let sql = format!("update public.{table} set {column} = {value} where id = '{id}'");
            Refusal::of(Caller::service().write(&mut db, &sql))
                .is("42501", &format!("column \"{column}\" of \"{table}\""));
            Refusal::of(db.execute(&sql, &[])).is("42501", "never changes");
        }
    }
}

#[test]
fn the_ledger_and_the_events_are_only_added_to_even_by_their_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    World::live(&mut db);
    for sql in [
        "update public.cost_records set amount = 0",
        "update public.cost_records set job_id = null",
        "delete from public.cost_records",
        "truncate public.cost_records",
        "update public.training_job_events set actor = 'nobody'",
        "delete from public.training_job_events",
        "truncate public.training_job_events",
    ] {
        Refusal::of(db.execute(sql, &[])).is("PT409", "only ever added to");
        // Nor from inside of a trigger of one's own, which pg_trigger_depth() would let through.
        let inside = format!(
            "create temporary table door (x int); create function pg_temp.open() returns trigger language plpgsql as \
             $$ begin {sql}; return new; end $$; create trigger t before insert on door for each row \
             execute function pg_temp.open(); insert into door values (1)"
        );
        Refusal::of(db.batch_execute(&inside)).is("PT409", "only ever added to");
        db.batch_execute("drop table if exists door").unwrap();
    }
}

#[test]
fn every_change_of_a_job_is_written_down() {
    let database = Database::migrated();
    let mut db = database.connect();
    let world = World::live(&mut db);
    let sql = format!(
        "select jsonb_agg(jsonb_build_array(sequence, kind, from_status, to_status, attempt) order by sequence) \
         from public.training_job_events where job_id = '{}'",
        world.job[0]
    );
    let expected = json!([
        [1, "created", null, "queued", 1],
        [2, "status", "queued", "initializing", 1],
        [3, "status", "initializing", "running", 1],
        [4, "status", "running", "completed", 1],
    ]);
    assert_eq!(world.alice.ask(&mut db, &sql).unwrap(), expected);
    assert_eq!(world.bob.ask(&mut db, &sql).unwrap(), json!(null), "not of somebody else's job");
    let actors = format!(
        "select jsonb_agg(actor order by sequence) from public.training_job_events where job_id = '{}'",
        world.job[0]
    );
    let service = "service_role";
    assert_eq!(
        world.alice.ask(&mut db, &actors).unwrap(),
        json!([world.alice.id(), service, service, service])
    );
}

#[test]
fn an_account_can_be_deleted_with_everything_in_it_and_whatever_points_at_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let world = World::live(&mut db);
    // As an adopted database may hold them: bob's rows on alice's.
    db.batch_execute("alter table public.training_jobs disable trigger user; alter table public.model_artifacts disable trigger user; alter table public.cost_records disable trigger user").unwrap();
    let [(dataset, job, model), (_, bobs_job, bobs_model)] =
        [0, 1].map(|n| (&world.dataset[n], &world.job[n], &world.model[n]));
    let bob = world.bob.id();
    db.batch_execute(&format!(
        "update public.training_jobs set artifact_id = '{model}' where id in ('{job}', '{bobs_job}');
         update public.model_artifacts set parent_model_id = '{model}' where id = '{bobs_model}';
         insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost)
         values ('{bob}', '{dataset}', 'x', '{{}}', '{{}}', 1, 1);
         insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period)
         values ('{bob}', '{job}', 'other', 5, '2026-01-01');"
    ))
    .unwrap();
    db.batch_execute("alter table public.training_jobs enable trigger user; alter table public.model_artifacts enable trigger user; alter table public.cost_records enable trigger user").unwrap();

    // As the auth server does it: a role without any right on our tables.
    db.batch_execute(
        "create role test_auth_admin nologin; grant usage on schema auth to test_auth_admin;
         grant select, delete on auth.users to test_auth_admin;
         create policy test_auth_admin on auth.users to test_auth_admin using (true);
         set role test_auth_admin",
    )
    .unwrap();
    let deleted = db.execute("delete from auth.users where email = 'alice@example.org'", &[]);
    db.batch_execute("reset role").unwrap();
    assert_eq!(deleted.unwrap(), 1);

    let counts = "select jsonb_build_object('datasets', (select count(*) from public.datasets), \
                  'jobs', (select count(*) from public.training_jobs), 'models', (select count(*) from public.model_artifacts), \
                  'unlinked', (select count(*) from public.cost_records where job_id is null), \
                  'costs', (select count(*) from public.cost_records))";
    assert_eq!(
        Caller::service().ask(&mut db, counts).unwrap(),
        json!({"datasets": 1, "jobs": 1, "models": 1, "unlinked": 1, "costs": 2}),
        "bob keeps his own; his cost of alice's job stays without it"
    );
}

#[test]
fn a_dataset_that_was_used_is_kept_while_its_owner_lives() {
    let database = Database::migrated();
    let mut db = database.connect();
    let world = World::live(&mut db);
    let sql = format!("delete from public.datasets where id = '{}'", world.dataset[0]);
    Refusal::of(Caller::service().write(&mut db, &sql)).is("PT409", "was used by a training job");
    Refusal::of(db.execute(&sql, &[])).is("PT409", "was used by a training job");
}

/// An upload as the storage server writes it, in its second of two tries.
fn upload(db: &mut Client, dataset: &str, size: usize, etag: &str) {
    let sql = format!(
        "insert into storage.objects (bucket_id, name, metadata)
         select storage_bucket, storage_path, '{{\"size\": {size}, \"eTag\": \"{etag}\"}}' from public.datasets where id = '{dataset}'
         on conflict (bucket_id, name) do update set metadata = excluded.metadata"
    );
    assert_eq!(db.execute(&sql, &[]).unwrap(), 1);
}

fn dataset_row(db: &mut Client, dataset: &str) -> serde_json::Value {
    let sql = format!("select dataset from public.datasets as dataset where id = '{dataset}'");
    Caller::service().ask(db, &sql).unwrap()
}

#[test]
fn a_dataset_is_as_large_as_storage_says_and_not_ready_when_its_file_has_changed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(3);
    let dataset = add_dataset(&mut db, &alice, 1);
    upload(&mut db, &dataset, content.len(), "one");
    assert_eq!(dataset_row(&mut db, &dataset)["file_size"], content.len());
    validate(&mut db, &dataset, &content).unwrap();
    assert_eq!(dataset_row(&mut db, &dataset)["status"], "ready");

    // A look at the file changes nothing of it.
    db.execute("update storage.objects set last_accessed_at = now(), updated_at = now()", &[]).unwrap();
    upload(&mut db, &dataset, content.len(), "one");
    assert_eq!(dataset_row(&mut db, &dataset)["status"], "ready");

    upload(&mut db, &dataset, content.len(), "two");
    let row = dataset_row(&mut db, &dataset);
    assert_eq!((&row["status"], &row["training_ready"]), (&json!("validating"), &json!(false)));
    for gone in ["total_training_pairs", "validated_at", "validation_report", "content_sha256", "sample_data"]
    {
        assert_eq!(row[gone], json!(null), "{gone}");
    }
    let told = "select count(*) from public.notifications where type = 'dataset_changed'";
    assert_eq!(alice.ask(&mut db, told).unwrap(), 1);
    let sql = format!("select id from public.create_training_job('{dataset}')");
    Refusal::of(alice.ask(&mut db, &sql)).is("PT409", "is not ready");
}

#[test]
fn an_object_without_a_dataset_or_a_size_is_let_be() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 7);
    for metadata in ["null", "'{}'", "'{\"size\": \"many\"}'", "'{\"size\": -1}'", "'{\"size\": 1e99}'"] {
        let sql = format!(
            "insert into storage.objects (bucket_id, name, metadata)
             select storage_bucket, storage_path, {metadata} from public.datasets where id = '{dataset}'
             on conflict (bucket_id, name) do update set metadata = excluded.metadata"
        );
        assert_eq!(db.execute(&sql, &[]).unwrap(), 1, "{metadata}");
        assert_eq!(dataset_row(&mut db, &dataset)["file_size"], 7, "{metadata}");
    }
    let elsewhere = "insert into storage.objects (bucket_id, name, metadata) values ('lora-datasets', 'nobody/x', '{\"size\": 5}')";
    assert_eq!(db.execute(elsewhere, &[]).unwrap(), 1);
}
