//! Columns that are not a client's to decide: each is refused by name, with a way to do it right, and nothing of the
//! statement stays.

use pg_lora_tests::story::{GPUS, add_dataset, digests, pairs, queue_job, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal};
use serde_json::{Value, json};

/// An insert of a dataset of hers with one column more or other than usual.
fn dataset_with(owner: &Caller, column: &str, value: &str) -> String {
    let id = owner.id();
    let usual = [
        ("user_id", format!("'{id}'")),
        ("name", "'practice'".to_owned()),
        ("storage_path", format!("'{id}/' || gen_random_uuid() || '/x.jsonl'")),
        ("file_name", "'x.jsonl'".to_owned()),
        ("file_size", "1".to_owned()),
    ];
    insert("datasets", &usual, column, value)
}

/// The same of a job.
fn job_with(owner: &Caller, dataset: &str, column: &str, value: &str) -> String {
    let usual = [
        ("user_id", format!("'{}'", owner.id())),
        ("dataset_id", format!("'{dataset}'")),
        ("preset_id", "'custom'".to_owned()),
        ("hyperparameters", "'{}'".to_owned()),
        ("gpu_config", format!("'{GPUS}'")),
        ("total_epochs", "1".to_owned()),
        ("estimated_total_cost", "0".to_owned()),
    ];
    insert("training_jobs", &usual, column, value)
}

fn insert(table: &str, usual: &[(&str, String)], column: &str, value: &str) -> String {
    let mut columns: Vec<(&str, &str)> = usual
        .iter()
        .filter(|(name, _)| *name != column)
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    columns.push((column, value));
    let (names, values): (Vec<&str>, Vec<&str>) = columns.into_iter().unzip();
    format!("insert into public.{table} ({}) values ({})", names.join(", "), values.join(", "))
}

#[test]
fn a_client_cannot_insert_what_validation_decides() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let before = digests(&mut db);
    for (column, value) in [
        ("status", "'ready'"),
        ("status", "'error'"),
        ("status", "'banana'"),
        ("status", "null"),
        ("training_ready", "true"),
        ("total_training_pairs", "1000"),
        ("total_validation_pairs", "0"),
        ("total_tokens", "1"),
        ("avg_turns_per_conversation", "1"),
        ("avg_tokens_per_turn", "1"),
        ("validated_at", "now()"),
        ("validation_errors", "'[]'"),
        ("validation_report", "'{\"tokens\": {\"sequence\": 0}}'"),
        ("sample_data", "'[]'"),
        ("error_message", "'no'"),
        ("content_sha256", "repeat('0', 64)"),
        ("ruleset_version", "'9'"),
        ("deleted_at", "now()"),
        ("storage_bucket", "'lora-models'"),
        ("storage_bucket", "'secrets'"),
        ("storage_bucket", "null"),
    ] {
        let refusal = Refusal::of(alice.write(&mut db, &dataset_with(&alice, column, value)));
        refusal.is("42501", &format!("column \"{column}\" of \"datasets\" cannot be set by a client"));
    }
    assert_eq!(digests(&mut db), before);
    for (column, value) in [("status", "'validating'"), ("status", "'uploading'"), ("description", "'x'")] {
        assert_eq!(alice.write(&mut db, &dataset_with(&alice, column, value)).unwrap(), 1, "{column}");
    }
}

/// A worker that reads with the service key reads whatever path a dataset names.
#[test]
fn a_path_leads_to_the_owners_folder() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let before = digests(&mut db);
    for path in [
        format!("'{}/secret.jsonl'", alice.id()),
        "'secret.jsonl'".to_owned(),
        "'/secret.jsonl'".to_owned(),
        "''".to_owned(),
        format!("'/{}/x.jsonl'", bob.id()),
        format!("'{}x/x.jsonl'", bob.id()),
        format!("' {}/x.jsonl'", bob.id()),
        format!("'{}/../{}/secret.jsonl'", bob.id(), alice.id()),
        format!("'{}/./secret.jsonl'", bob.id()),
        format!("'{}//secret.jsonl'", bob.id()),
        format!("'{}'", bob.id()),
        format!("'{}/'", bob.id()),
        format!("E'{}/x\\n.jsonl'", bob.id()),
        format!("E'{}\\\\..\\\\x'", bob.id()),
    ] {
        let refusal = Refusal::of(bob.write(&mut db, &dataset_with(&bob, "storage_path", &path)));
        refusal.is("42501", "column \"storage_path\" of \"datasets\" cannot be set by a client");
    }
    let for_alice = dataset_with(&bob, "user_id", &format!("'{}'", alice.id()));
    Refusal::of(bob.write(&mut db, &for_alice)).has_code("42501");
    let hers = dataset_with(&alice, "name", "'planted'");
    Refusal::of(bob.write(&mut db, &hers)).has_code("42501");
    assert_eq!(digests(&mut db), before);
    let own = format!("'{}/a b/Übung (1).jsonl'", bob.id());
    assert_eq!(bob.write(&mut db, &dataset_with(&bob, "storage_path", &own)).unwrap(), 1);
}

#[test]
fn a_client_cannot_update_what_validation_decides() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let dataset = add_dataset(&mut db, &alice, 1);
    let before = digests(&mut db);
    let bobs = format!("'{}'", bob.id());
    for (column, value) in [
        ("id", "gen_random_uuid()"),
        ("user_id", bobs.as_str()),
        ("status", "'ready'"),
        ("status", "'error'"),
        ("status", "null"),
        ("training_ready", "true"),
        ("training_ready", "null"),
        ("total_training_pairs", "1000"),
        ("total_tokens", "1"),
        ("validated_at", "now()"),
        ("validation_errors", "'[]'"),
        ("validation_report", "'{}'"),
        ("sample_data", "'[]'"),
        ("error_message", "'no'"),
        ("content_sha256", "''"),
        ("ruleset_version", "'9'"),
        ("storage_bucket", "'lora-models'"),
        ("storage_path", "user_id || '/other.jsonl'"),
        ("file_name", "'other.jsonl'"),
        ("file_size", "-1"),
        ("format", "'brightrun_lora_v3'"),
        ("created_at", "'2000-01-01'"),
    ] {
        let update =
            format!("update public.datasets set name = 'renamed', {column} = {value} where id = '{dataset}'");
        let refusal = Refusal::of(alice.write(&mut db, &update));
        refusal.is("42501", &format!("column \"{column}\" of \"datasets\" cannot be set by a client"));
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_client_names_deletes_and_restores_its_datasets() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let mut update = |change: &str| {
        let sql = format!("update public.datasets set {change} where id = '{dataset}'");
        assert_eq!(alice.write(&mut db, &sql).unwrap(), 1, "{change}");
        let row = format!(
            "select to_jsonb(d) || jsonb_build_object('recent', deleted_at > now() - interval '1 minute' \
                           and deleted_at <= now()) from public.datasets d where id = '{dataset}'"
        );
        alice.ask(&mut db, &row).unwrap()
    };
    let row = update("name = 'B', description = 'c'");
    assert_eq!(
        (&row["name"], &row["description"], &row["status"]),
        (&json!("B"), &json!("c"), &json!("ready"))
    );
    // The time is the database's, whatever is sent, and a second deletion does not move it.
    let first = update("deleted_at = '2000-01-01'");
    assert_eq!(first["recent"], true, "{first}");
    assert_eq!(update("deleted_at = '2099-01-01'")["deleted_at"], first["deleted_at"]);
    assert_eq!(update("deleted_at = null")["deleted_at"], Value::Null);
    let row = update("status = 'validating'");
    assert_eq!(row["status"], "validating");
}

/// A dataset that is being validated again has figures that nobody vouches for.
#[test]
fn a_dataset_under_validation_takes_no_job() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let again = format!("update public.datasets set status = 'validating' where id = '{dataset}'");
    assert_eq!(alice.write(&mut db, &again).unwrap(), 1);
    let job = job_with(&alice, &dataset, "preset_id", "'custom'");
    Refusal::of(alice.write(&mut db, &job)).is("PT409", "is not ready");
    validate(&mut db, &dataset, &pairs(2)).unwrap();
    assert_eq!(alice.write(&mut db, &job).unwrap(), 1);
}

#[test]
fn a_job_is_born_in_the_queue() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    let before = digests(&mut db);
    for (column, value) in [
        ("status", "'running'"),
        ("status", "'completed'"),
        ("status", "'initializing'"),
        ("status", "'failed'"),
        ("status", "'cancelled'"),
        ("status", "'banana'"),
        ("current_stage", "'training'"),
        ("progress", "100"),
        ("progress", "0.01"),
        ("current_epoch", "1"),
        ("current_step", "1"),
        ("current_metrics", "'{}'"),
        ("started_at", "now()"),
        ("completed_at", "now()"),
        ("estimated_completion_at", "now()"),
        ("current_cost", "-1"),
        ("current_cost", "0.01"),
        ("final_cost", "0"),
        ("error_message", "'x'"),
        ("error_stack", "'x'"),
        ("retry_count", "-5"),
        ("attempt", "2"),
        ("attempt", "0"),
        ("external_job_id", "'squatted'"),
        ("artifact_id", "gen_random_uuid()"),
        ("claimed_by", "'me'"),
        ("lease_expires_at", "now()"),
        ("last_heartbeat_at", "now()"),
        ("last_progress_at", "now()"),
        ("cancel_requested_at", "now()"),
    ] {
        let refusal = Refusal::of(alice.write(&mut db, &job_with(&alice, &dataset, column, value)));
        refusal.is("42501", &format!("column \"{column}\" of \"training_jobs\" cannot be set by a client"));
    }
    assert_eq!(digests(&mut db), before);
}

/// NULL is not the default: a job without a status would be none of the known ones.
#[test]
fn a_job_is_born_with_what_the_database_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 2);
    for (column, value, kept) in [
        ("status", "null", json!("queued")),
        ("current_stage", "null", json!("queued")),
        ("progress", "null", json!(0.0)),
        ("current_epoch", "null", json!(0)),
        ("current_step", "null", json!(0)),
        ("current_cost", "null", json!(0.0)),
        ("retry_count", "null", json!(0)),
        ("total_steps", "7", json!(5)),
        ("total_epochs", "7", json!(5)),
    ] {
        let sql = job_with(&alice, &dataset, column, value);
        let sql = format!("{sql} returning to_jsonb({column})");
        let found: Value = alice.run(&mut db, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap();
        assert_eq!(found, kept, "{column}");
    }
    // Neither back-dated nor at a price of the client's own.
    for (column, value) in
        [("queued_at", "'2000-01-01'"), ("created_at", "'2000-01-01'"), ("estimated_total_cost", "-1")]
    {
        let sql = job_with(&alice, &dataset, column, value);
        let sql = format!(
            "{sql} returning queued_at >= now() and created_at >= now() and estimated_total_cost > 0"
        );
        let kept: bool = alice.run(&mut db, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap();
        assert!(kept, "{column}");
    }
}

#[test]
fn a_job_needs_a_dataset_of_its_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let hers = ready_dataset(&mut db, &alice, 2);
    let his = ready_dataset(&mut db, &bob, 2);
    let unready = add_dataset(&mut db, &bob, 1);
    let before = digests(&mut db);
    let on = |owner: &Caller, dataset: &str| job_with(owner, dataset, "preset_id", "'custom'");
    Refusal::of(bob.write(&mut db, &on(&bob, &hers)))
        .is("PT404", &format!("dataset \"{hers}\" does not exist"));
    Refusal::of(bob.write(&mut db, &on(&bob, &unready)))
        .is("PT409", &format!("dataset \"{unready}\" is not ready"));
    // In her name, on hers or on his own.
    Refusal::of(bob.write(&mut db, &on(&alice, &hers))).is("PT404", &hers);
    Refusal::of(bob.write(&mut db, &on(&alice, &his))).is("PT404", &his);
    // Neither for the service: the owner of the job is the owner of the dataset.
    Refusal::of(Caller::service().write(&mut db, &on(&bob, &hers))).is("PT404", &hers);
    assert_eq!(digests(&mut db), before);
}

#[test]
fn of_a_notification_only_read_can_be_changed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let dataset = ready_dataset(&mut db, &alice, 2);
    queue_job(&mut db, &alice, &dataset, 1);
    let before = digests(&mut db);
    let bobs = format!("'{}'", bob.id());
    for (column, value) in [
        ("id", "gen_random_uuid()"),
        ("user_id", bobs.as_str()),
        ("type", "'x'"),
        ("title", "'x'"),
        ("message", "'x'"),
        ("priority", "'high'"),
        ("action_url", "'x'"),
        ("metadata", "'{}'"),
        ("created_at", "'2000-01-01'"),
    ] {
        let update = format!("update public.notifications set read = true, {column} = {value}");
        let refusal = Refusal::of(alice.write(&mut db, &update));
        refusal.is("42501", &format!("column \"{column}\" of \"notifications\" cannot be set by a client"));
    }
    assert_eq!(digests(&mut db), before);
    assert_eq!(alice.write(&mut db, "update public.notifications set read = true").unwrap(), 2);
}
