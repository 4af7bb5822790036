//! Whose files are whose in the two buckets, by SQL as the storage server's requests run it.

use pg_lora_tests::story::{add_dataset, queue_job, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use serde_json::json;

fn put(bucket: &str, folder: &str) -> String {
    format!("insert into storage.objects (bucket_id, name) values ('{bucket}', '{folder}/x/file.jsonl')")
}

#[test]
fn files_lie_in_the_folder_of_their_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    assert_eq!(alice.write(&mut db, &put("lora-datasets", alice.id())).unwrap(), 1);
    for (who, bucket, folder) in [
        (&bob, "lora-datasets", alice.id().to_owned()),
        (&bob, "lora-datasets", String::new()),
        (&bob, "lora-models", bob.id().to_owned()),
        (&bob, "lora-datasets", format!("x/{}", bob.id())),
    ] {
        Refusal::of(who.write(&mut db, &put(bucket, &folder))).has_code("42501");
    }
    assert!(Caller::anon().write(&mut db, &put("lora-datasets", alice.id())).is_err());
    let files = "select count(*) from storage.objects";
    assert_eq!(alice.ask(&mut db, files).unwrap(), 1);
    assert_eq!(bob.ask(&mut db, files).unwrap(), 0);
    for sql in ["update storage.objects set name = name", "delete from storage.objects"] {
        assert_eq!(bob.write(&mut db, sql).unwrap(), 0, "{sql}");
    }
    // Out of one's own folder is no way either.
    let moved = format!("update storage.objects set name = '{}/x/file.jsonl'", bob.id());
    Refusal::of(alice.write(&mut db, &moved)).has_code("42501");
    assert_eq!(alice.write(&mut db, "delete from storage.objects").unwrap(), 1);
}

#[test]
fn models_are_read_by_their_owner_and_written_by_nobody_but_the_service() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    db.execute(&put("lora-models", alice.id()), &[]).unwrap();
    let files = "select count(*) from storage.objects";
    assert_eq!(alice.ask(&mut db, files).unwrap(), 1);
    assert_eq!(bob.ask(&mut db, files).unwrap(), 0);
    for sql in ["update storage.objects set name = name", "delete from storage.objects"] {
        assert_eq!(alice.write(&mut db, sql).unwrap(), 0, "{sql}");
    }
}

#[test]
fn the_file_of_a_dataset_in_use_is_neither_replaced_nor_deleted() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let stored = format!(
        "insert into storage.objects (bucket_id, name) select storage_bucket, storage_path from public.datasets where id = '{dataset}'"
    );
    assert_eq!(alice.write(&mut db, &stored).unwrap(), 1);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for sql in ["update storage.objects set metadata = '{}'", "delete from storage.objects"] {
        assert_eq!(alice.write(&mut db, sql).unwrap(), 0, "{sql}");
    }
    // An upsert, as storage replaces a file.
    let upsert = format!("{stored} on conflict (bucket_id, name) do update set metadata = '{{}}'");
    Refusal::of(alice.write(&mut db, &upsert)).has_code("42501");
    // Where it is missing none may come: neither a new one nor one from elsewhere.
    db.execute("delete from storage.objects", &[]).unwrap();
    Refusal::of(alice.write(&mut db, &stored)).has_code("42501");
    assert_eq!(alice.write(&mut db, &put("lora-datasets", alice.id())).unwrap(), 1);
    let moved = format!(
        "update storage.objects set name = (select storage_path from public.datasets where id = '{dataset}')"
    );
    Refusal::of(alice.write(&mut db, &moved)).has_code("42501");
    let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{job}'");
    assert_eq!(alice.write(&mut db, "delete from storage.objects").unwrap(), 1);
    assert_eq!(alice.write(&mut db, &cancel).unwrap(), 1);
    assert_eq!(alice.write(&mut db, &upsert).unwrap(), 1);
    assert_eq!(alice.write(&mut db, "delete from storage.objects").unwrap(), 1);
}

/// The storage server's own way: it looks at the bucket, tries the write as the user, and does it as the service.
#[test]
fn an_upload_is_tried_as_the_user_and_written_as_the_service() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let service = Caller::service();
    let bucket = "select jsonb_build_array(public, file_size_limit, allowed_mime_types @> '{application/jsonl}') \
                  from storage.buckets where id = 'lora-datasets'";
    assert_eq!(service.ask(&mut db, bucket).unwrap(), json!([false, 524_288_000, true]));
    // Buckets are nobody's to look at.
    assert_eq!(alice.ask(&mut db, "select count(*) from storage.buckets").unwrap(), 0);

    let dataset = add_dataset(&mut db, &alice, 10);
    // By the path itself: others do not see the row that has it.
    let path = format!("select storage_path from public.datasets where id = '{dataset}'");
    let path = format!("'{}'", alice.ask(&mut db, &path).unwrap().as_str().unwrap());
    let row =
        format!("select jsonb_build_array(status, file_size) from public.datasets where id = '{dataset}'");
    let probe = |owner: &Caller| {
        format!(
            "insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata) \
             values ('lora-datasets', {path}, '{0}', '{0}', 'one', '{{}}')",
            owner.id(),
        )
    };
    let mut tried = alice.begin(&mut db).unwrap();
    tried.execute(&probe(&alice), &[]).unwrap();
    let seen: serde_json::Value = tried.query_one(&row, &[]).unwrap().get(0);
    assert_eq!(seen, json!(["uploading", 10]), "a file without a size is none yet");
    tried.rollback().unwrap();
    Refusal::of(bob.write(&mut db, &probe(&bob))).has_code("42501");

    // Without a user: whose it is says the column, and the path.
    for (version, size) in [("one", 77), ("two", 78)] {
        let written = format!(
            "insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata) \
             values ('lora-datasets', {path}, '{0}', '{0}', '{version}', '{{\"size\": {size}, \"eTag\": \"{version}\", \"mimetype\": \"application/jsonl\"}}') \
             on conflict (bucket_id, name) do update set version = excluded.version, metadata = excluded.metadata",
            alice.id()
        );
        assert_eq!(service.write(&mut db, &written).unwrap(), 1);
        assert_eq!(alice.ask(&mut db, &row).unwrap(), json!(["validating", size]));
    }
    assert_eq!(alice.ask(&mut db, "select count(*) from storage.objects").unwrap(), 1);
    assert_eq!(bob.ask(&mut db, "select count(*) from storage.objects").unwrap(), 0);
}
