//! Datasets: uploading, validating, and then ready or error; nothing is ready that was not read.

use pg_lora_tests::story::{add_dataset, claim, job_row, pairs, queue_job, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{adopt, refused, row, set};

const READY: &str = "status = 'ready', training_ready = true, validated_at = now(), total_training_pairs = 3, \
                     total_validation_pairs = 0, total_tokens = 100";
const ERROR: &str = "status = 'error', error_message = 'line 3: no JSON'";

/// A dataset in a state, on the way that the states allow.
fn dataset_in(db: &mut Client, user: &Caller, state: &str) -> String {
    let dataset = add_dataset(db, user, 10);
    let service = Caller::service();
    if state != "uploading" {
        set(db, &service, "datasets", &dataset, "status = 'validating'");
    }
    match state {
        "ready" => set(db, &service, "datasets", &dataset, READY),
        "error" => set(db, &service, "datasets", &dataset, ERROR),
        _ => {}
    }
    dataset
}

#[test]
fn every_change_is_allowed_or_refused_as_the_page_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let states = ["uploading", "validating", "ready", "error"];
    let allowed = [
        ("uploading", "validating"),
        ("validating", "ready"),
        ("validating", "error"),
        ("ready", "validating"),
        ("error", "validating"),
    ];
    for from in states {
        for to in states {
            let dataset = dataset_in(&mut db, &alice, from);
            let change = match to {
                "ready" => READY.to_owned(),
                "error" => ERROR.to_owned(),
                other => format!("status = '{other}'"),
            };
            if from == to {
                set(&mut db, &Caller::service(), "datasets", &dataset, "status = status");
            } else if allowed.contains(&(from, to)) {
                set(&mut db, &Caller::service(), "datasets", &dataset, &change);
            } else {
                let said = format!("is \"{from}\" and cannot become \"{to}\"");
                refused(&mut db, &Caller::service(), "datasets", &dataset, &change).is("PT409", &said);
                // The owner of the tables is bound as well.
                let sql = format!("update public.datasets set {change} where id = '{dataset}'");
                Refusal::of(db.execute(&sql, &[])).is("PT409", &said);
            }
        }
    }
}

#[test]
fn a_dataset_begins_unread_whoever_inserts_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let insert = |status: &str| {
        format!(
            "insert into public.datasets (user_id, name, storage_path, file_name, file_size, status, training_ready, format, \
             storage_bucket, created_at) values ('{}', 'x', gen_random_uuid(), 'x', 1, {status}, null, null, null, null)",
            alice.id()
        )
    };
    for status in ["ready", "error", "banana"] {
        let sql = insert(&format!("'{status}'"));
        Refusal::of(Caller::service().write(&mut db, &sql))
            .is("PT409", &format!("a dataset cannot begin as \"{status}\""));
    }
    // The specification has these nullable; its readers are told that they are not.
    assert_eq!(Caller::service().write(&mut db, &insert("null")).unwrap(), 1);
    let found = "select jsonb_build_array(status, training_ready, format, storage_bucket, created_at is not null) from public.datasets";
    assert_eq!(
        Caller::service().ask(&mut db, found).unwrap(),
        json!(["uploading", false, "brightrun_lora_v4", "lora-datasets", true])
    );
}

#[test]
fn a_new_validation_begins_without_the_figures_of_the_last_one() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    set(&mut db, &alice, "datasets", &dataset, "status = 'validating'");
    let found = row(&mut db, "datasets", &dataset);
    assert_eq!(found["training_ready"], false);
    for gone in [
        "validated_at",
        "total_training_pairs",
        "total_validation_pairs",
        "total_tokens",
        "avg_turns_per_conversation",
        "avg_tokens_per_turn",
        "validation_errors",
        "error_message",
        "sample_data",
        "content_sha256",
        "content_digest",
        "validation_report",
        "ruleset_version",
    ] {
        assert_eq!(found[gone], Value::Null, "{gone}");
    }
    // The list of what a client may not set is the list of what is cleared: no column of a validation is forgotten.
    validate(&mut db, &dataset, &pairs(3)).unwrap();
    assert_eq!(row(&mut db, "datasets", &dataset)["status"], "ready");
}

#[test]
fn a_status_that_nobody_knows_is_left_by_validating_or_by_deleting() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let [one, other] = [0, 1].map(|_| add_dataset(&mut db, &alice, pairs(2).len()));
    adopt(&mut db, "update public.datasets set status = 'banana'");
    // Any other change of it is refused by the check.
    refused(&mut db, &alice, "datasets", &one, "name = 'x'").has_code("23514");
    refused(&mut db, &Caller::service(), "datasets", &one, READY).is("PT409", "is \"banana\"");
    set(&mut db, &alice, "datasets", &one, "deleted_at = now()");
    validate(&mut db, &other, &pairs(2)).unwrap();
    assert_eq!(row(&mut db, "datasets", &other)["status"], "ready");
}

/// An upload as the storage server writes it, in its second of two tries.
fn store(db: &mut Client, bucket: &str, path: &str, etag: &str) {
    let sql = format!(
        "insert into storage.objects (bucket_id, name, metadata) values ('{bucket}', '{path}', '{{\"size\": 7, \"eTag\": \"{etag}\"}}')
         on conflict (bucket_id, name) do update set metadata = excluded.metadata"
    );
    assert_eq!(db.execute(&sql, &[]).unwrap(), 1);
}

fn place(db: &mut Client, dataset: &str) -> (String, String) {
    let found = row(db, "datasets", dataset);
    let text = |column: &str| found[column].as_str().unwrap().to_owned();
    (text("storage_bucket"), text("storage_path"))
}

#[test]
fn an_upload_that_has_ended_is_marked() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let (bucket, path) = place(&mut db, &dataset);
    // The first of storage's two tries has no size, and is rolled back.
    let probe = format!(
        "insert into storage.objects (bucket_id, name, metadata) values ('{bucket}', '{path}', '{{}}')"
    );
    let mut transaction = alice.begin(&mut db).unwrap();
    transaction.execute(&probe, &[]).unwrap();
    let seen = format!("select status::text from public.datasets where id = '{dataset}'");
    assert_eq!(transaction.query_one(&seen, &[]).unwrap().get::<_, String>(0), "uploading");
    transaction.rollback().unwrap();

    store(&mut db, &bucket, &path, "one");
    let found = row(&mut db, "datasets", &dataset);
    assert_eq!((&found["status"], &found["file_size"]), (&json!("validating"), &json!(7)));
    // What the application writes then is no change.
    set(&mut db, &alice, "datasets", &dataset, "status = 'validating'");
    // And what was uploaded is not taken back as if it had not been.
    let delete = format!("delete from public.datasets where id = '{dataset}'");
    Refusal::of(alice.write(&mut db, &delete)).is("PT409", "is \"validating\"");
}

#[test]
fn whatever_happens_to_its_file_sends_a_ready_dataset_back() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for (what, happens) in [
        (
            "replaced",
            "update storage.objects set metadata = metadata || '{\"eTag\": \"two\"}' where name = $1",
        ),
        ("stored as another version", "update storage.objects set version = 'two' where name = $1"),
        ("deleted", "delete from storage.objects where name = $1"),
        ("moved away", "update storage.objects set name = name || '.old' where name = $1"),
        // A file of the same size and tag, from elsewhere.
        ("moved here", "update storage.objects set name = $1 where name = $1 || '.other'"),
        // In a bucket of the operator's own.
        (
            "replaced elsewhere",
            "update storage.objects set metadata = metadata || '{\"size\": 8}' where name = $1",
        ),
    ] {
        let dataset = add_dataset(&mut db, &alice, 7);
        if what == "replaced elsewhere" {
            set(&mut db, &Caller::service(), "datasets", &dataset, "storage_bucket = 'archive'");
            db.execute("insert into storage.buckets (id, name) values ('archive', 'archive')", &[]).unwrap();
        }
        let (bucket, path) = place(&mut db, &dataset);
        if what == "moved here" {
            store(&mut db, &bucket, &format!("{path}.other"), "one");
        } else {
            store(&mut db, &bucket, &path, "one");
        }
        set(&mut db, &Caller::service(), "datasets", &dataset, "status = 'validating'");
        set(&mut db, &Caller::service(), "datasets", &dataset, READY);
        assert_eq!(db.execute(happens, &[&path]).unwrap(), 1, "{what}");
        let found = row(&mut db, "datasets", &dataset);
        assert_eq!(
            (&found["status"], &found["training_ready"], &found["total_training_pairs"]),
            (&json!("validating"), &json!(false), &Value::Null),
            "{what}"
        );
        let told = format!(
            "select count(*) from public.notifications where type = 'dataset_changed' and metadata ->> 'dataset_id' = '{dataset}'"
        );
        assert_eq!(alice.ask(&mut db, &told).unwrap(), 1, "{what}");
    }
}

#[test]
fn a_job_that_counts_on_the_file_is_told_that_it_changed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(3);
    let dataset = add_dataset(&mut db, &alice, content.len());
    validate(&mut db, &dataset, &content).unwrap();
    let [over, queued, started] = [0, 1, 2].map(|_| queue_job(&mut db, &alice, &dataset, 5));
    set(&mut db, &alice, "training_jobs", &over, "status = 'cancelled'");
    let first = claim(&mut db, "w");
    assert!([&queued, &started].contains(&&first));
    let (bucket, path) = place(&mut db, &dataset);
    // Only the service can: the file of a dataset in use is nobody else's to replace.
    store(&mut db, &bucket, &path, "two");
    let told = "select jsonb_agg(job_id::text order by job_id::text) from public.training_job_events \
                where kind = 'dataset_changed' and payload ->> 'file' = 'replaced'";
    let mut expected = [queued.clone(), started];
    expected.sort();
    assert_eq!(alice.ask(&mut db, told).unwrap(), json!(expected));
    assert_eq!(job_row(&mut db, &first)["status"], "initializing", "nothing is stopped");
}

#[test]
fn a_deleted_dataset_comes_back_as_what_was_read() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(3);
    let dataset = add_dataset(&mut db, &alice, content.len());
    validate(&mut db, &dataset, &content).unwrap();
    let job = queue_job(&mut db, &alice, &dataset, 5);
    let (bucket, path) = place(&mut db, &dataset);
    // Nothing happens to its file: it is ready as it was.
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = now()");
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = null");
    assert_eq!(row(&mut db, "datasets", &dataset)["status"], "ready");

    set(&mut db, &alice, "datasets", &dataset, "deleted_at = now()");
    store(&mut db, &bucket, &path, "two");
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = null");
    let found = row(&mut db, "datasets", &dataset);
    assert_eq!(
        (&found["status"], &found["training_ready"], &found["total_training_pairs"], &found["file_size"]),
        (&json!("validating"), &json!(false), &Value::Null, &json!(7))
    );
    // Its job trains on another file now; its owner has deleted it and is told nothing.
    let told = "select jsonb_agg(job_id) from public.training_job_events where kind = 'dataset_changed'";
    assert_eq!(alice.ask(&mut db, told).unwrap(), json!([job]));
    let told = "select count(*) from public.notifications where type = 'dataset_changed'";
    assert_eq!(alice.ask(&mut db, told).unwrap(), 0);
}

#[test]
fn the_place_of_a_deleted_dataset_is_free() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let (bucket, path) = place(&mut db, &dataset);
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = now()");
    let again = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size) values ('{}', 'again', '{path}', 'x', 1)",
        alice.id()
    );
    assert_eq!(alice.write(&mut db, &again).unwrap(), 1);
    // A file that comes there is that of both.
    store(&mut db, &bucket, &path, "two");
    let both = "select jsonb_agg(distinct status::text) from public.datasets";
    assert_eq!(alice.ask(&mut db, both).unwrap(), json!(["validating"]));
    // And back to life the first one does not come, as long as the second one is there.
    refused(&mut db, &alice, "datasets", &dataset, "deleted_at = null").has_code("23505");
}

#[test]
fn a_dataset_that_comes_to_another_place_was_not_read() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let service = Caller::service();
    for change in [
        "storage_path = storage_path || '.2'",
        "storage_bucket = 'archive'",
        // Nor does saying so make it read.
        "status = 'ready', storage_path = storage_path || '.2'",
    ] {
        let dataset = ready_dataset(&mut db, &alice, 3);
        let job = queue_job(&mut db, &alice, &dataset, 5);
        set(&mut db, &service, "datasets", &dataset, change);
        let found = row(&mut db, "datasets", &dataset);
        assert_eq!(
            (&found["status"], &found["training_ready"], &found["total_training_pairs"]),
            (&json!("validating"), &json!(false), &Value::Null),
            "{change}"
        );
        for told in [
            format!("training_job_events where kind = 'dataset_changed' and job_id = '{job}'"),
            format!(
                "notifications where type = 'dataset_changed' and metadata ->> 'dataset_id' = '{dataset}'"
            ),
        ] {
            assert_eq!(service.ask(&mut db, &format!("select count(*) from public.{told}")).unwrap(), 1);
        }
        set(&mut db, &alice, "datasets", &dataset, "deleted_at = now()");
    }
    let dataset = add_dataset(&mut db, &alice, 1);
    set(&mut db, &service, "datasets", &dataset, "status = 'validating'");
    set(&mut db, &service, "datasets", &dataset, &format!("{READY}, storage_path = storage_path || '.2'"));
    assert_eq!(row(&mut db, "datasets", &dataset)["status"], "validating");
}

#[test]
fn a_dataset_that_comes_after_its_file_was_uploaded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let path = format!("{}/early.jsonl", alice.id());
    store(&mut db, "lora-datasets", &path, "one");
    let insert = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
         values ('{}', 'early', '{path}', 'early.jsonl', 1000000) returning jsonb_build_array(status, file_size)",
        alice.id()
    );
    let found: Value = alice.run(&mut db, |t| Ok(t.query_one(&insert, &[])?.get(0))).unwrap();
    assert_eq!(found, json!(["validating", 7]), "as storage measured it, and not as it is said");
}

#[test]
fn the_size_of_a_file_is_what_was_read() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    validate(&mut db, &dataset, &pairs(3)).unwrap();
    assert_eq!(row(&mut db, "datasets", &dataset)["file_size"], json!(pairs(3).len()));
}
