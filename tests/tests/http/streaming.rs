//! A worker streams files through the API: the report is that of the whole file, whatever happens meanwhile.

mod crashes;
mod file;
pub mod proxy;
mod refusals;

use std::thread;

use pg_lora_tests::chat::{Chat, Kind};
use pg_lora_tests::environment;
use pg_lora_tests::streaming::{Api, Failure, Validation, Worker};
use pg_lora_tests::{Caller, Postgrest};
use postgres::Client;
use serde_json::{Value, json};

use crate::life::Life;
use file::{Choices, File};
use proxy::LossyProxy;

/// A small file with a fault of each kind, bytes that are no UTF-8 among them.
fn faulty(seed: u64) -> Chat {
    let chat = Chat::faulty(seed, 60, Kind::ALL.len());
    assert!(chat.count(Kind::InvalidUtf8) == 1 && std::str::from_utf8(&chat.bytes).is_err());
    chat
}

fn rounds() -> u64 {
    if environment::full() { 30 } else { 3 }
}

/// A worker of the platform.
fn worker(life: &Life) -> Worker {
    worker_at(life.platform.postgrest())
}

fn worker_at(postgrest: &Postgrest) -> Worker {
    Worker::new(Api::new(postgrest.url(), Postgrest::token(&Caller::service())))
}

/// Checks the row of a dataset and what the worker was told against the file itself, in the database.
#[track_caller]
fn is_recorded(db: &mut Client, dataset: &str, validation: &Validation, file: &[u8], options: &Value) {
    let sql = "select validation_report = lora.dataset_report($2::bytea, $3), validation_report = $4, content_sha256, \
               content_sha256 = encode(sha256($2), 'hex'), status = case when training_ready then 'ready' else 'error' end, \
               file_size = length($2) \
               from public.datasets where id = $1::text::uuid";
    let row = db.query_one(sql, &[&dataset, &file, options, &validation.report]).unwrap();
    assert!(row.get::<_, bool>(0), "not the report of the file");
    assert!(row.get::<_, bool>(1), "not the report that was answered");
    assert_eq!(row.get::<_, &str>(2), validation.content_sha256);
    assert!(row.get::<_, bool>(3) && row.get::<_, bool>(4) && row.get::<_, bool>(5));
}

/// Nothing of a validation is on the row.
#[track_caller]
fn is_not_recorded(db: &mut Client, dataset: &str) {
    let sql = "select status, num_nulls(validated_at, validation_report, validation_errors, content_sha256, content_digest, \
               total_training_pairs, sample_data, error_message) \
               from public.datasets where id = $1::text::uuid";
    let row = db.query_one(sql, &[&dataset]).unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("uploading", 8));
    assert_eq!(notices(db, dataset), 0);
}

/// How many notifications tell the owner how it went.
fn notices(db: &mut Client, dataset: &str) -> i64 {
    let sql = "select count(*) from public.notifications where metadata ->> 'dataset_id' = $1";
    db.query_one(sql, &[&dataset]).unwrap().get(0)
}

#[test]
fn a_file_in_small_chunks_has_the_report_of_the_whole_file() {
    let mut life = Life::begin();
    let with_one_chunk = worker(&life);
    let mut choices = Choices(environment::seed());
    for round in 0..rounds() {
        let chat = faulty(environment::seed().wrapping_add(round));
        let size = 300 + choices.below(4000);
        let dataset = life.new_dataset();
        let options = json!({"profile": if round % 2 == 0 { "brightrun" } else { "openai" }});
        // However few bytes the network brings at a time.
        let mut file = File::new(&chat.bytes).in_pieces_of(1 + choices.below(2 * size));
        let worker = worker(&life).chunk_bytes(size).options(options.clone());
        let validation = worker.validate(&dataset, &mut file, None).unwrap();
        assert_eq!(validation.chunks as usize, chat.bytes.len() / size + 1, "chunks of {size} bytes");
        is_recorded(&mut life.db, &dataset, &validation, &chat.bytes, &options);
        assert!(validation.report["counts"].to_string().contains("invalid_utf8"));
        assert_eq!(notices(&mut life.db, &dataset), 1);
    }
    // Nothing, and a last chunk that is exactly full.
    let chat = Chat::sound(environment::seed(), 4);
    for bytes in [&[], &chat.bytes[..]] {
        let dataset = life.new_dataset();
        let worker = worker(&life).chunk_bytes((bytes.len() / 4).max(1));
        let validation = worker.validate(&dataset, &mut &*bytes, None).unwrap();
        is_recorded(&mut life.db, &dataset, &validation, bytes, &json!({}));
    }
    // And one chunk.
    let dataset = life.new_dataset();
    let validation = with_one_chunk.validate(&dataset, &mut &chat.bytes[..], None).unwrap();
    assert_eq!(validation.chunks, 1);
    is_recorded(&mut life.db, &dataset, &validation, &chat.bytes, &json!({}));
}

#[test]
fn a_validation_file_follows_the_file_to_train_on() {
    let mut life = Life::begin();
    let mut choices = Choices(environment::seed());
    for round in 0..rounds() {
        let seed = environment::seed().wrapping_add(round);
        let (chat, held_back) = (faulty(seed), faulty(seed + 1));
        let dataset = life.new_dataset();
        let worker = worker(&life).chunk_bytes(1000 + choices.below(9000));
        let held_back = if round == 0 { &[] } else { &held_back.bytes[..] };
        let validation = worker.validate(&dataset, &mut &chat.bytes[..], Some(&mut &*held_back)).unwrap();
        let sql = "select validation_report = lora.segment_report(lora.scan_segment($2, '{}'), '{}', lora.scan_segment($3, '{}')), \
                   validation_report = $4, content_sha256 = encode(sha256($2), 'hex') \
                   from public.datasets where id = $1::text::uuid";
        let row = life.db.query_one(sql, &[&dataset, &chat.bytes, &held_back, &validation.report]).unwrap();
        for column in 0..3 {
            assert!(row.get::<_, bool>(column), "round {round}, column {column}");
        }
        assert_eq!(notices(&mut life.db, &dataset), 1);
    }
}

#[test]
fn of_a_file_that_cannot_be_read_to_its_end_nothing_is_recorded() {
    let mut life = Life::begin();
    let mut choices = Choices(environment::seed());
    let chat = faulty(environment::seed());
    let sound = Chat::sound(environment::seed(), 20);
    for round in 0..rounds() {
        let worker = worker(&life).chunk_bytes(4000);
        let dataset = life.new_dataset();
        // Also at the very end, and in between two lines, where half a file looks like a whole one.
        let at = match round {
            0 => chat.bytes.len(),
            1 => 1 + chat.bytes.iter().position(|byte| *byte == b'\n').unwrap(),
            _ => choices.below(chat.bytes.len()),
        };
        let mut file = File::new(&chat.bytes).with(at, || Err(std::io::ErrorKind::ConnectionReset.into()));
        let failure = worker.validate(&dataset, &mut file, None).unwrap_err();
        assert!(matches!(failure, Failure::Unreadable(_)), "{failure}");
        is_not_recorded(&mut life.db, &dataset);
        let mut file = File::new(&sound.bytes).with(at.min(9999), || Err(std::io::Error::other("gone")));
        let failure = worker.validate(&dataset, &mut &chat.bytes[..], Some(&mut file)).unwrap_err();
        assert_eq!(failure.to_string(), "could not read the file: gone");
        is_not_recorded(&mut life.db, &dataset);

        // What was sent of the other file has to go; of the same one it is no harm.
        let refused = worker.validate(&dataset, &mut &chat.bytes[..], None).map(drop);
        if at.min(9999) >= 4000 {
            assert!(matches!(refused, Err(Failure::Refused { status: 400, .. })), "{refused:?}");
            worker.begin_anew(&dataset).unwrap();
            worker.validate(&dataset, &mut &chat.bytes[..], None).unwrap();
        }
        let row = "select validation_report from public.datasets where id = $1::text::uuid";
        let report: Value = life.db.query_one(row, &[&dataset]).unwrap().get(0);
        assert_eq!(report["lines"], chat.lines, "{refused:?}");
        assert_eq!(notices(&mut life.db, &dataset), 1);
    }
}

/// With the file read again from its first byte; once with chunks of another size, which takes a new beginning.
#[test]
fn a_worker_that_died_is_followed_by_another_one() {
    let mut life = Life::begin();
    let mut choices = Choices(environment::seed());
    for round in 0..rounds() {
        let chat = faulty(environment::seed().wrapping_add(round));
        let (size, dataset) = (1000 + choices.below(9000), life.new_dataset());
        let sent = 1 + choices.below(chat.bytes.len() / size);
        let first = worker(&life).chunk_bytes(size);
        let mut file = File::new(&chat.bytes).with(sent * size, || Err(std::io::Error::other("died")));
        first.validate(&dataset, &mut file, None).unwrap_err();
        let there = "select count(*) from lora_private.dataset_chunks where dataset_id = $1::text::uuid";
        assert_eq!(life.db.query_one(there, &[&dataset]).unwrap().get::<_, i64>(0), sent as i64);

        let second = if round % 2 == 0 {
            worker(&life).chunk_bytes(size)
        } else {
            let other = worker(&life).chunk_bytes(size - 1);
            let refused = other.validate(&dataset, &mut &chat.bytes[..], None).unwrap_err();
            assert!(matches!(refused, Failure::Refused { status: 409, .. }), "{refused}");
            other.begin_anew(&dataset).unwrap();
            other
        };
        let validation = second.validate(&dataset, &mut &chat.bytes[..], None).unwrap();
        is_recorded(&mut life.db, &dataset, &validation, &chat.bytes, &json!({}));
        assert_eq!(life.db.query_one(there, &[&dataset]).unwrap().get::<_, i64>(0), 0, "chunks stay");

        // And one that comes too late gets the same report, while another file is refused.
        let late = second.validate(&dataset, &mut &chat.bytes[..], None).unwrap();
        assert_eq!((late.report, late.chunks), (validation.report, validation.chunks));
        let refused = second.validate(&dataset, &mut &chat.bytes[1..], None).unwrap_err();
        assert!(matches!(refused, Failure::Refused { status: 409, .. }), "{refused}");
        assert_eq!(notices(&mut life.db, &dataset), 1);
    }
}

#[test]
fn two_workers_at_once_get_the_same_report() {
    let mut life = Life::begin();
    let mut choices = Choices(environment::seed());
    for round in 0..rounds() {
        let chat = faulty(environment::seed().wrapping_add(round));
        let (size, dataset) = (2000 + choices.below(9000), life.new_dataset());
        let worker = worker(&life).chunk_bytes(size);
        let stream = || worker.validate(&dataset, &mut &chat.bytes[..], None);
        let validations = thread::scope(|scope| {
            let workers = [(); 2].map(|()| scope.spawn(stream));
            workers.map(|worker| worker.join().unwrap().unwrap())
        });
        assert_eq!(validations[0].report, validations[1].report);
        for validation in &validations {
            is_recorded(&mut life.db, &dataset, validation, &chat.bytes, &json!({}));
        }
        assert_eq!(notices(&mut life.db, &dataset), 1);
    }
}

/// The second one is through in between two chunks of the first.
#[test]
fn a_worker_that_is_overtaken_gets_the_report_of_the_other() {
    let mut life = Life::begin();
    let chat = faulty(environment::seed());
    let dataset = life.new_dataset();
    let worker = worker(&life).chunk_bytes(5000);
    let overtake =
        || worker.validate(&dataset, &mut &chat.bytes[..], None).map(drop).map_err(std::io::Error::other);
    let mut file = File::new(&chat.bytes).with(15_000, overtake);
    let validation = worker.validate(&dataset, &mut file, None).unwrap();
    is_recorded(&mut life.db, &dataset, &validation, &chat.bytes, &json!({}));
    assert_eq!(notices(&mut life.db, &dataset), 1);
}

/// Each chunk arrives twice then, and the report is asked for twice.
#[test]
fn answers_that_are_lost_are_no_harm() {
    let mut life = Life::begin();
    let chat = faulty(environment::seed());
    let dataset = life.new_dataset();
    let url = life.platform.postgrest().url();
    let proxy = LossyProxy::to(&url);
    let (validation, lost) = proxy.run(|url| {
        let api = Api::new(url, Postgrest::token(&Caller::service()));
        Worker::new(api).chunk_bytes(15_000).validate(&dataset, &mut &chat.bytes[..], None)
    });
    let validation = validation.unwrap();
    assert_eq!(lost, validation.chunks as usize + 1);
    is_recorded(&mut life.db, &dataset, &validation, &chat.bytes, &json!({}));
    assert_eq!(notices(&mut life.db, &dataset), 1);
}

/// A client may take a connection that was closed too early for the end of the file. The database knows how long the
/// stored file is, and when it is another one.
#[test]
fn a_file_that_is_not_the_stored_one_is_refused() {
    let mut life = Life::begin();
    let (chat, newer) = (faulty(environment::seed()), Chat::sound(environment::seed(), 40));
    let dataset = life.new_dataset();
    let store = "insert into storage.objects (bucket_id, name, metadata) \
                 select storage_bucket, storage_path, jsonb_build_object('size', $2::int4) \
                 from public.datasets where id = $1::text::uuid \
                 on conflict (bucket_id, name) do update set metadata = excluded.metadata";
    life.db.execute(store, &[&dataset, &(chat.bytes.len() as i32)]).unwrap();
    let worker = worker(&life).chunk_bytes(5000);
    let half = &chat.bytes[..chat.bytes.len() / 2];
    match worker.validate(&dataset, &mut &*half, None) {
        Err(Failure::Refused { status: 400, message, .. }) => {
            assert!(message.contains(&format!("{} bytes", half.len())), "{message}");
        }
        other => panic!("{other:?}"),
    }
    let replace = || {
        let mut db = life.platform.database.connect();
        db.execute(store, &[&dataset, &(newer.bytes.len() as i32)]).unwrap();
        Ok(())
    };
    worker.begin_anew(&dataset).unwrap();
    match worker.validate(&dataset, &mut File::new(&chat.bytes).with(20_000, replace), None) {
        Err(Failure::Refused { status: 409, message, .. }) => assert_eq!(message, "chunk 1 is missing"),
        other => panic!("{other:?}"),
    }
    assert_eq!(notices(&mut life.db, &dataset), 0);
    worker.begin_anew(&dataset).unwrap();
    let validation = worker.validate(&dataset, &mut &newer.bytes[..], None).unwrap();
    is_recorded(&mut life.db, &dataset, &validation, &newer.bytes, &json!({}));
}
