//! What a check of datasets refuses is said in words, by the rule of `lora.dataset_metric_findings` that is the same; and
//! nothing is refused that no check refuses.

use std::collections::BTreeSet;

use pg_lora_tests::story::{add_dataset, pairs, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::json;

use crate::{adopt, refused, set, update};

/// What is set in a ready dataset, the check that it breaks, and the column that is named.
const REFUSED: [(&str, &str, &str); 16] = [
    ("file_size = -1", "file_size", "file_size"),
    ("total_training_pairs = -1", "status_validated_at", "total_training_pairs"),
    ("total_training_pairs = 0", "status_validated_at", "total_training_pairs"),
    ("total_training_pairs = null", "status_validated_at", "total_training_pairs"),
    ("total_validation_pairs = -1", "total_validation_pairs", "total_validation_pairs"),
    ("total_tokens = -1", "total_tokens", "total_tokens"),
    ("total_tokens = null", "status_validated_at", "total_tokens"),
    ("avg_turns_per_conversation = 'NaN'", "avg_turns_per_conversation", "avg_turns_per_conversation"),
    ("avg_tokens_per_turn = -1", "avg_tokens_per_turn", "avg_tokens_per_turn"),
    ("validated_at = null", "status_validated_at", "validated_at"),
    ("validation_errors = '[{}]'", "status_validated_at", "validation_errors"),
    ("training_ready = false", "status_training_ready", "training_ready"),
    ("format = 'x'", "format", "format"),
    (
        "storage_path = split_part(storage_path, '/', 1) || '/' || repeat('é', 1001)",
        "storage_path",
        "storage_path",
    ),
    ("status = 'banana', training_ready = false", "status", "status"),
    ("status = 'error', training_ready = false", "status_error_message", "error_message"),
];

#[test]
fn every_check_has_words() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    // A change of the state, and of the place, is refused or made into another one before it comes that far.
    db.batch_execute(
        "alter table public.datasets disable trigger change_dataset_state, disable trigger c_place_dataset",
    )
    .unwrap();
    let mut seen = BTreeSet::new();
    for (change, check, column) in REFUSED {
        let check = format!("datasets_{check}_check");
        let outcome = Caller::service().write(&mut db, &update("datasets", &dataset, change));
        let error = outcome.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(
            (error.code().code(), error.constraint(), error.column(), error.table(), error.schema()),
            ("23514", Some(check.as_str()), Some(column), Some("datasets"), Some("public")),
            "{change}: {error:?}"
        );
        assert!(error.message().contains(&format!("\"{column}\"")), "{change}: {error:?}");
        assert!(error.detail().is_some_and(|detail| detail.contains(&check)), "{change}: {error:?}");
        assert!(error.hint().is_some_and(|hint| hint.ends_with('.')), "{change}: {error:?}");
        seen.insert(check);
    }
    // A dataset that is not ready may be without pairs, and not with fewer.
    set(&mut db, &Caller::service(), "datasets", &dataset, "status = 'validating', training_ready = false");
    let change = "total_training_pairs = -1";
    refused(&mut db, &Caller::service(), "datasets", &dataset, change)
        .is("23514", "\"total_training_pairs\" is -1");
    seen.insert("datasets_total_training_pairs_check".into());
    let all = "select array_agg(conname::text) from pg_constraint where conrelid = 'public.datasets'::regclass and contype = 'c'";
    let all: Vec<String> = db.query_one(all, &[]).unwrap().get(0);
    assert_eq!(seen, all.into_iter().collect());
}

#[test]
fn a_new_dataset_is_told_as_well() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for who in [Caller::service(), alice.clone()] {
        let insert = format!(
            "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
             values ('{id}', 'x', '{id}/x/x', 'x', -1)",
            id = alice.id()
        );
        let error = who.write(&mut db, &insert).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!((error.code().code(), error.column()), ("23514", Some("file_size")));
        assert_eq!(error.constraint(), Some("datasets_file_size_check"));
        assert_eq!(error.message(), "\"file_size\" is -1");
        assert_eq!(error.hint(), Some("Store what was counted, or null where nothing was."));
    }
}

/// A row in somebody else's name is none of the client's, whatever else is wrong with it.
#[test]
fn whose_row_it_is_comes_first() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let insert = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
         values ('{id}', 'x', '{id}/x/x', 'x', -1)",
        id = alice.id()
    );
    Refusal::of(bob.write(&mut db, &insert)).has_code("42501");
}

/// Figures that can hardly be right are not refused: an application that never counts goes on.
#[test]
fn a_guess_is_not_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 10);
    set(&mut db, &Caller::service(), "datasets", &dataset, "status = 'validating'");
    let guess = "status = 'ready', training_ready = true, validated_at = now(), total_training_pairs = 44, \
                 total_validation_pairs = 0, total_tokens = 8800, avg_tokens_per_turn = 200.5";
    set(&mut db, &Caller::service(), "datasets", &dataset, guess);
    let found = "select jsonb_agg(distinct code) from public.datasets d, \
                 lora.dataset_metric_findings(to_jsonb(d), d.validation_report)";
    assert_eq!(
        Caller::service().ask(&mut db, found).unwrap(),
        json!(["average_contradicts_tokens", "guessed_tokens", "tokens_beyond_file"])
    );
    validate(&mut db, &dataset, &pairs(44)).unwrap();
    assert_eq!(Caller::service().ask(&mut db, found).unwrap(), json!(null), "counted, nothing is suspected");
}

/// Without the checks, what is left is what the words alone refuse.
#[test]
fn an_update_of_something_else_is_not_looked_at() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    adopt(&mut db, &update("datasets", &dataset, "file_size = -1, validated_at = null"));
    // The way out that there always was.
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = now()");
    set(&mut db, &Caller::service(), "datasets", &dataset, "total_tokens = -1");
    db.batch_execute(
        "alter table public.datasets drop constraint datasets_file_size_check,
           drop constraint datasets_status_validated_at_check, drop constraint datasets_total_tokens_check",
    )
    .unwrap();
    set(&mut db, &alice, "datasets", &dataset, "deleted_at = null, name = 'other'");
    set(
        &mut db,
        &Caller::service(),
        "datasets",
        &dataset,
        "file_size = file_size, total_tokens = total_tokens, sample_data = '[]'",
    );
    // The first one by the name of its check, as Postgres itself has it.
    refused(&mut db, &Caller::service(), "datasets", &dataset, "avg_tokens_per_turn = 1")
        .is("23514", "\"file_size\" is -1");
    set(&mut db, &Caller::service(), "datasets", &dataset, "avg_tokens_per_turn = 1, deleted_at = now()");
}

/// The same rows in a table that has the checks, and in one that has the words alone.
#[test]
fn the_words_refuse_what_the_checks_refuse() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "create schema twin;
         create table twin.checks (like public.datasets including constraints);
         create table twin.words (like public.datasets);
         create trigger words before insert on twin.words for each row when (new.deleted_at is null)
           execute function lora_private.explain_dataset_checks();
         create function twin.refused(target regclass, candidate jsonb) returns text language plpgsql as $$
         declare name text;
         begin
           execute format('insert into %1$s select (jsonb_populate_record(null::%1$s, $1)).*', target) using candidate;
           return null;
         exception when check_violation then
           get stacked diagnostics name = constraint_name;
           return name;
         end $$;
         create table twin.outcome as
         select candidate, twin.refused('twin.checks', candidate) as by_checks, twin.refused('twin.words', candidate) as by_words
         from (
           select jsonb_build_object(
             'id', gen_random_uuid(), 'user_id', gen_random_uuid(), 'name', 'x', 'file_name', 'x', 'storage_bucket', 'x',
             'created_at', now(), 'updated_at', now(), 'deleted_at', deleted_at,
             'storage_path', repeat('x', (array[10, 2000, 2001])[1 + floor(random() * 30)::int / 14]),
             'format', (array['brightrun_lora_v4', 'brightrun_lora_v3', 'x'])[1 + floor(random() * 30)::int / 14],
             'file_size', (array[-1, 0, 1, 9007199254740993])[1 + floor(random() * 4)::int],
             'total_validation_pairs', (array[null, -1, 0, 1])[1 + floor(random() * 4)::int],
             'avg_turns_per_conversation', (array[null, 0, 1.5, -0.01, 'NaN'])[1 + floor(random() * 9)::int / 2],
             'avg_tokens_per_turn', (array[null, 0, 99999999.99, -1, 'NaN'])[1 + floor(random() * 9)::int / 2],
             'status', status, 'training_ready', training_ready, 'total_training_pairs', training_pairs, 'total_tokens', tokens,
             'validated_at', validated_at, 'validation_errors', errors, 'error_message', error_message) as candidate
           from unnest(array['uploading', 'validating', 'ready', 'error', 'banana']) as status,
             unnest(array[true, false]) as training_ready, unnest(array[null, -1, 0, 3]) as training_pairs,
             unnest(array[null, -1, 500]) as tokens, unnest(array[null, now()]) as validated_at,
             unnest(array[null, '[]', '[1]', '{}']::jsonb[]) as errors, unnest(array[null, '']) as error_message,
             unnest(array[null, null, null, now()]) as deleted_at
         ) as candidates",
    )
    .unwrap();
    let question = "select count(*), count(by_checks), count(*) filter (where by_checks is not distinct from by_words) from twin.outcome";
    let row = db.query_one(question, &[]).unwrap();
    let (rows, refused, same): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert!(refused > rows / 4 && refused < rows - rows / 4, "{refused} of {rows} were refused");
    assert_eq!(same, rows, "{:#?}", differing(&mut db));
}

fn differing(db: &mut Client) -> Vec<String> {
    let question = "select concat_ws(' ', by_checks, '|', by_words, '|', candidate) from twin.outcome \
                    where by_checks is distinct from by_words limit 3";
    db.query(question, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}
