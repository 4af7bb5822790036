//! `append_dataset_chunk` and `finish_dataset_validation`: a file in any chunks, in any order, by anybody, however often
//! something fell over in between, is the file.

use pg_lora_tests::chat::{Chat, Kind};
use pg_lora_tests::random::Random;
use pg_lora_tests::story::{add_dataset, digests, pairs, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal, environment};
use postgres::{Client, Error};
use serde_json::{Value, json};

/// A chunk as a worker sends it.
struct Chunk<'c> {
    number: i32,
    content: &'c [u8],
    split: &'c str,
    options: &'c str,
}

impl<'c> Chunk<'c> {
    fn new(number: i32, content: &'c [u8]) -> Self {
        Self { number, content, split: "train", options: "{}" }
    }

    fn append(&self, db: &mut Client, dataset: &str) -> Result<Value, Error> {
        let sql = format!(
            "select public.append_dataset_chunk('{dataset}', $1, encode($2, 'base64'), 'base64', $3, $4::text::jsonb)"
        );
        let Self { number, content, split, options } = self;
        Caller::service().run(db, |t| Ok(t.query_one(&sql, &[number, content, split, options])?.get(0)))
    }
}

fn append(db: &mut Client, dataset: &str, number: i32, content: &str) -> Result<Value, Error> {
    Chunk::new(number, content.as_bytes()).append(db, dataset)
}

fn finish(db: &mut Client, dataset: &str, chunks: i32, options: &str) -> Result<Value, Error> {
    let sql = format!("select public.finish_dataset_validation('{dataset}', {chunks}, null, '{options}')");
    Caller::service().ask(db, &sql)
}

/// What the row of a dataset says that its validation decides, and when that does not matter.
fn result(db: &mut Client, dataset: &str) -> Value {
    let sql = format!(
        "select to_jsonb(dataset) - '{{id,storage_path,created_at,updated_at,validated_at,content_sha256}}'::text[] \
         from public.datasets as dataset where id = '{dataset}'"
    );
    Caller::service().ask(db, &sql).unwrap()
}

fn working_rows(db: &mut Client) -> i64 {
    db.query_one("select count(*) from lora_private.dataset_chunks", &[]).unwrap().get(0)
}

/// A file cut at random places: parts may be empty.
fn parts<'c>(content: &'c [u8], random: &mut Random) -> Vec<&'c [u8]> {
    let mut cuts: Vec<usize> = (0..random.below(8)).map(|_| random.below(content.len() + 1)).collect();
    cuts.extend([0, content.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|two| &content[two[0]..two[1]]).collect()
}

fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for at in (1..list.len()).rev() {
        list.swap(at, random.below(at + 1));
    }
}

const DOCUMENT: &str = r#"{"training_file_metadata":{"total_training_pairs":2},"conversations":[{"conversation_metadata":
{"conversation_id":"a"},"training_pairs":[{"system_prompt":"Help.","current_user_input":"Tea?","target_response":"Yes."},
{"system_prompt":"Help.","current_user_input":"Milk?","target_response":null}]}]}"#;

/// Files of every kind: with each fault, sound ones, documents, nothing, and what is no dataset.
fn file(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => Chat::sound(random.bits(), 20).bytes,
        1..=4 => Chat::faulty(random.bits(), 60, Kind::ALL.len()).bytes,
        5 => DOCUMENT.as_bytes().to_vec(),
        6 => vec![0x1f, 0x8b, 8, 0, 0, 0],
        _ => b"\xef\xbb\xbf{\"prompt\":\"\xff\"}\r\n\r\n{\"prompt\":\"a\",\"completion\":\"b\"}".to_vec(),
    }
}

#[test]
fn a_file_in_any_chunks_gives_the_report_of_the_whole() {
    let rounds = if environment::full() { 400 } else { 40 };
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let mut random = Random::stream(environment::seed(), 1);
    for round in 0..rounds {
        let content = file(&mut random);
        let held_back = random.once_in(3).then(|| file(&mut random));
        let options =
            random.pick(&["{}", r#"{"profile": "openai"}"#, r#"{"window": 64, "min_examples": 5}"#]);
        let dataset = add_dataset(&mut db, &alice, content.len());

        let training = parts(&content, &mut random);
        let validation = held_back.as_ref().map(|held| parts(held, &mut random)).unwrap_or_default();
        let of = |split: &'static str| move |content| (split, content);
        let all: Vec<(&str, &[u8])> = training
            .into_iter()
            .map(of("train"))
            .chain(validation.into_iter().map(of("validation")))
            .collect();
        let mut chunks: Vec<Chunk<'_>> = (1..)
            .zip(&all)
            .map(|(number, (split, content))| Chunk { number, content, split, options })
            .collect();
        let count = chunks.len() as i32;
        shuffle(&mut chunks, &mut random);
        for chunk in &chunks {
            // Now and then a client does not hear the answer, and sends it again.
            for again in 0..=u64::from(random.once_in(4)) {
                let answer = chunk.append(&mut db, &dataset).unwrap();
                let expected = json!({"chunk_number": chunk.number, "bytes": chunk.content.len(), "duplicate": again > 0});
                assert_eq!(answer, expected);
            }
        }
        let report = finish(&mut db, &dataset, count, options).unwrap();

        let whole = match &held_back {
            None => {
                db.query_one("select lora.dataset_report($1::bytea, $2::text::jsonb)", &[&content, &options])
            }
            Some(held) => db.query_one(
                "select lora.segment_report(lora.scan_segment($1, $2::text::jsonb), $2::text::jsonb, lora.scan_segment($3, $2::text::jsonb))",
                &[&content, &options, held],
            ),
        };
        let whole: Value = whole.unwrap().get(0);
        assert_eq!(report, whole, "round {round}: {count} chunks of {}", String::from_utf8_lossy(&content));
        assert_eq!(result(&mut db, &dataset)["validation_report"], whole, "round {round}");
        assert_eq!(working_rows(&mut db), 0, "round {round}");
    }
}

#[test]
fn the_row_is_that_of_a_validation_in_one_call() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    for content in [pairs(5), format!("{}nope\n", pairs(2)), String::new()] {
        let [one, chunked] = [0, 1].map(|_| add_dataset(&mut db, &alice, 1));
        validate(&mut db, &one, &content).unwrap();
        let (first, second) = content.split_at(content.len() / 3);
        append(&mut db, &chunked, 1, first).unwrap();
        append(&mut db, &chunked, 2, second).unwrap();
        finish(&mut db, &chunked, 2, "{}").unwrap();
        assert_eq!(result(&mut db, &one), result(&mut db, &chunked));
    }
    let told = "select jsonb_agg(type order by type) from public.notifications";
    let types = alice.ask(&mut db, told).unwrap();
    let twice = |name: &str, times: usize| vec![json!(name); times];
    assert_eq!(types, json!([twice("dataset_error", 4), twice("dataset_ready", 2)].concat()));
}

#[test]
fn a_validation_file_says_where_its_error_is() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(2)).unwrap();
    let held = Chunk { split: "validation", ..Chunk::new(2, b"nope") };
    held.append(&mut db, &dataset).unwrap();
    finish(&mut db, &dataset, 2, "{}").unwrap();
    let row = result(&mut db, &dataset);
    assert!(row["error_message"].as_str().unwrap().starts_with("line 1 of the validation file: "), "{row}");
    assert_eq!(row["validation_errors"][0]["split"], "validation", "{row}");
    assert_eq!(row["file_size"], pairs(2).len(), "the file to train on is the dataset's");
}

#[test]
fn a_digest_is_recorded_as_the_client_gives_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    let finish = |sha256: &str| {
        format!("select public.finish_dataset_validation('{dataset}', 1, {sha256}) -> 'training_ready'")
    };
    for wrong in ["''", "'abc'", &format!("'{}g'", "0".repeat(63))] {
        Refusal::of(Caller::service().ask(&mut db, &finish(wrong))).is("22023", "SHA-256");
    }
    let upper = format!("'{}'", "AB".repeat(32));
    assert_eq!(Caller::service().ask(&mut db, &finish(&upper)).unwrap(), true);
    let stored = format!("select content_sha256 from public.datasets where id = '{dataset}'");
    assert_eq!(alice.ask(&mut db, &stored).unwrap(), json!("ab".repeat(32)));
}

#[test]
fn what_is_missing_or_too_much_is_named_and_nothing_is_recorded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let before = digests(&mut db);
    Refusal::of(finish(&mut db, &dataset, 3, "{}")).is("PT409", "chunk 1 is missing");
    for number in [1, 2, 5] {
        append(&mut db, &dataset, number, &pairs(1)).unwrap();
    }
    let refusal = Refusal::of(finish(&mut db, &dataset, 6, "{}"));
    refusal.is("PT409", "chunk 3 is missing");
    assert_eq!(refusal.detail, "3 of 6 chunks are there.");
    Refusal::of(finish(&mut db, &dataset, 4, "{}")).is("22023", "chunk 5 is there");
    for none in ["0", "-1", "null", "2000000000", "100001"] {
        let sql = format!("select public.finish_dataset_validation('{dataset}', {none})");
        Refusal::of(Caller::service().ask(&mut db, &sql)).is("22023", &format!("\"chunks\" is {none}"));
    }
    assert_eq!(digests(&mut db), before);
    assert_eq!(working_rows(&mut db), 3);
}

#[test]
fn a_chunk_that_is_none_is_refused_and_nothing_is_kept() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    for (arguments, what) in [
        ("0, 'x'", "\"chunk_number\" is 0"),
        ("-1, 'x'", "\"chunk_number\" is -1"),
        ("2000000000, 'x'", "\"chunk_number\" is 2000000000"),
        ("null, 'x'", "\"chunk_number\" is null"),
        ("1, null", "must not be null"),
        ("1, 'x', options => null", "must not be null"),
        ("1, 'x', options => '{\"profil\": 1}'", "profil"),
        ("1, 'x', options => '[]'", "options"),
        ("1, 'x', 'hex'", "\"encoding\" is \"hex\""),
        ("1, 'x', null", "\"encoding\" is null"),
        ("1, 'x', split => 'test'", "\"split\" is \"test\""),
        ("1, 'x', split => null", "\"split\" is null"),
        ("1, 'eA=', 'base64'", "not base64"),
        ("1, 'a-_b', 'base64'", "not base64"),
        ("1, repeat('x', 8388609)", "8388609 bytes, 8388608 at most"),
        ("1, encode(convert_to(repeat('x', 8388609), 'UTF8'), 'base64'), 'base64'", "8388609 bytes"),
        ("1, repeat('x', 300000000)", "300000000 bytes"),
        ("1, repeat('!', 300000000), 'base64'", "300000000 bytes"),
    ] {
        let sql = format!("select public.append_dataset_chunk('{dataset}', {arguments})");
        Refusal::of(Caller::service().ask(&mut db, &sql)).is("22023", what);
    }
    assert_eq!(working_rows(&mut db), 0);
    // The largest, either way, with the line ends that encode() writes.
    let largest = format!(
        "select public.append_dataset_chunk('{dataset}', 1, repeat('x', 8388608)) -> 'bytes', \
         public.append_dataset_chunk('{dataset}', 2, encode(convert_to(repeat('x', 8388608), 'UTF8'), 'base64'), 'base64')"
    );
    Caller::service().run(&mut db, |t| t.query_one(&largest, &[])).unwrap();
    assert_eq!(finish(&mut db, &dataset, 2, "{}").unwrap()["bytes"], 16_777_216);
}

#[test]
fn another_content_under_a_number_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    Refusal::of(append(&mut db, &dataset, 1, &pairs(2))).is("PT409", "another content");
    let held = Chunk { split: "validation", content: pairs(1).as_bytes(), ..Chunk::new(1, b"") }
        .append(&mut db, &dataset);
    Refusal::of(held).is("PT409", "split \"train\"");
    // The way out that the hint names, which is there for the owner as well.
    for who in [Caller::service(), alice] {
        let anew = format!("update public.datasets set status = 'validating' where id = '{dataset}'");
        assert_eq!(who.write(&mut db, &anew).unwrap(), 1);
        assert_eq!(working_rows(&mut db), 0);
        append(&mut db, &dataset, 1, &pairs(2)).unwrap();
    }
    assert_eq!(finish(&mut db, &dataset, 1, "{}").unwrap()["total_training_pairs"], 2);
}

#[test]
fn chunks_are_read_as_the_report_is_asked_for() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    let openai = r#"{"profile": "openai", "min_examples": 1}"#;
    let refusal = Refusal::of(finish(&mut db, &dataset, 1, openai));
    refusal.is("PT409", "chunk 1 was not read as the report is asked for");
    assert!(refusal.detail.contains("profile brightrun") && refusal.detail.contains("profile openai"));
    // The same content with these options is read anew.
    let content = pairs(1);
    let again = Chunk { options: openai, ..Chunk::new(1, content.as_bytes()) };
    assert_eq!(again.append(&mut db, &dataset).unwrap()["duplicate"], true);
    assert_eq!(finish(&mut db, &dataset, 1, openai).unwrap()["profile"], "openai");
}

/// A library that is replaced by a newer one cannot read what the older has read.
#[test]
fn chunks_of_another_version_are_told_as_such() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    let older = "update lora_private.dataset_chunks set reading = replace(reading, 'rules ', 'rules 0.'), segment = '\\x00'";
    db.execute(older, &[]).unwrap();
    Refusal::of(finish(&mut db, &dataset, 1, "{}")).is("PT409", "chunk 1 was not read as");
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    assert_eq!(finish(&mut db, &dataset, 1, "{}").unwrap()["training_ready"], true);
}

#[test]
fn a_dataset_without_the_file_to_train_on_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let held = Chunk { split: "validation", ..Chunk::new(1, b"{}") };
    held.append(&mut db, &dataset).unwrap();
    Refusal::of(finish(&mut db, &dataset, 1, "{}")).is("22023", "validation file");
}

#[test]
fn who_finishes_once_more_gets_the_same_report() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(3)).unwrap();
    let report = finish(&mut db, &dataset, 1, "{}").unwrap();
    let after = digests(&mut db);
    assert_eq!(finish(&mut db, &dataset, 1, "{}").unwrap(), report);
    assert_eq!(digests(&mut db), after, "the second one records nothing");
    // Another question is none that was answered.
    for (chunks, options) in [(2, "{}"), (1, r#"{"min_examples": 2}"#)] {
        Refusal::of(finish(&mut db, &dataset, chunks, options)).is("PT409", "is \"ready\"");
    }
    // Neither is one about another validation.
    let anew = format!("update public.datasets set status = 'validating' where id = '{dataset}'");
    assert_eq!(alice.write(&mut db, &anew).unwrap(), 1);
    Refusal::of(finish(&mut db, &dataset, 1, "{}")).is("PT409", "chunk 1 is missing");
}

#[test]
fn a_finished_dataset_takes_no_chunks_and_a_deleted_one_is_not_there() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let ready = ready_dataset(&mut db, &alice, 2);
    Refusal::of(append(&mut db, &ready, 1, "x")).is("PT409", "is \"ready\": its validation is finished");
    Refusal::of(finish(&mut db, &ready, 1, "{}")).is("PT409", "is \"ready\"");
    let broken = add_dataset(&mut db, &alice, 1);
    validate(&mut db, &broken, "nope").unwrap();
    Refusal::of(append(&mut db, &broken, 1, "x")).is("PT409", "is \"error\"");

    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    let delete = format!("update public.datasets set deleted_at = now() where id = '{dataset}'");
    assert_eq!(alice.write(&mut db, &delete).unwrap(), 1);
    for unknown in [&dataset, "00000000-0000-4000-8000-000000000000"] {
        Refusal::of(append(&mut db, unknown, 2, "x")).is("PT404", unknown);
        Refusal::of(finish(&mut db, unknown, 1, "{}")).is("PT404", unknown);
    }
    // With the dataset its working rows go.
    db.execute("delete from auth.users where id = $1::text::uuid", &[&alice.id()]).unwrap();
    assert_eq!(working_rows(&mut db), 0);
}

#[test]
fn a_file_that_changes_between_two_chunks_begins_anew() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    let store = |size: usize, tag: &str| {
        format!(
            "insert into storage.objects (bucket_id, name, owner_id, metadata)
             select storage_bucket, storage_path, user_id::text, jsonb_build_object('size', {size}, 'eTag', '{tag}')
             from public.datasets where id = '{dataset}'
             on conflict (bucket_id, name) do update set metadata = excluded.metadata"
        )
    };
    let content = pairs(2);
    let (first, second) = content.split_at(content.len() / 2);
    db.batch_execute(&store(content.len(), "a")).unwrap();
    append(&mut db, &dataset, 1, first).unwrap();
    // Of the same size, which no comparison of sizes would tell.
    db.batch_execute(&store(content.len(), "b")).unwrap();
    append(&mut db, &dataset, 2, second).unwrap();
    Refusal::of(finish(&mut db, &dataset, 2, "{}")).is("PT409", "chunk 1 is missing");

    append(&mut db, &dataset, 1, &first[1..]).unwrap();
    let said =
        format!("the content has {} bytes, the stored object {} bytes", content.len() - 1, content.len());
    Refusal::of(finish(&mut db, &dataset, 2, "{}")).is("22023", &said);
    db.batch_execute("delete from storage.objects").unwrap();
    assert_eq!(working_rows(&mut db), 0, "of a file that is gone");

    // Neither is what was read the file at another place.
    append(&mut db, &dataset, 1, first).unwrap();
    let moved =
        format!("update public.datasets set storage_path = storage_path || '2' where id = '{dataset}'");
    assert_eq!(Caller::service().write(&mut db, &moved).unwrap(), 1);
    assert_eq!(working_rows(&mut db), 0);
}

#[test]
fn abandoned_chunks_are_removed_and_no_others() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let [abandoned, slow] = [0, 1].map(|_| add_dataset(&mut db, &alice, 1));
    for dataset in [&abandoned, &slow] {
        append(&mut db, dataset, 1, &pairs(1)).unwrap();
    }
    let age = "update lora_private.dataset_chunks set appended_at = now() - interval '25 hours'";
    db.execute(age, &[]).unwrap();
    // Somebody goes on with it.
    append(&mut db, &slow, 2, &pairs(1)).unwrap();
    let sweep = "select lora_private.remove_abandoned_chunks()";
    assert_eq!(Caller::service().ask(&mut db, sweep).unwrap(), 1);
    assert_eq!(Caller::service().ask(&mut db, sweep).unwrap(), 0);
    finish(&mut db, &slow, 2, "{}").unwrap();
    Refusal::of(finish(&mut db, &abandoned, 1, "{}")).is("PT409", "chunk 1 is missing");
}

/// A service that reads nothing of datasets but what is its own business may not read chunks through anybody else's eyes.
#[test]
fn nobody_but_the_service_sees_chunks() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, 1);
    append(&mut db, &dataset, 1, &pairs(1)).unwrap();
    for who in [Caller::anon(), alice] {
        for table in ["dataset_chunks", "finished_dataset_validations"] {
            let sql = format!("select count(*) from lora_private.{table}");
            Refusal::of(who.ask(&mut db, &sql)).has_code("42501");
        }
        let call = format!("select public.append_dataset_chunk('{dataset}', 1, 'x')");
        Refusal::of(who.ask(&mut db, &call)).has_code("42501");
        let call = format!("select public.finish_dataset_validation('{dataset}', 1)");
        Refusal::of(who.ask(&mut db, &call)).has_code("42501");
        let call = "select lora_private.record_dataset_report(d, '{}', null) from public.datasets as d";
        Refusal::of(who.ask(&mut db, call)).has_code("42501");
    }
    assert_eq!(working_rows(&mut db), 1);
}
