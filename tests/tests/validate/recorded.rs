//! `--dataset`: what stands on the row afterwards, and what is refused and leaves everything as it was.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::chat::Chat;
use pg_lora_tests::story::{TABLES, add_dataset, digests, pairs, set_clock, sign_up};
use pg_lora_tests::{Caller, Database, Outcome, environment};
use postgres::Client;
use serde_json::{Value, json};

use crate::{GOOD, as_of_the_program, fed, file, reading};

const DOCUMENT: &str = "{\n  \"dataset_metadata\": {},\n  \"training_pairs\": [\n    {\"system_prompt\": \"Help.\", \
                        \"current_user_input\": \"Hi\", \"target_response\": \"Hello\"}\n  ]\n}\n";

/// Runs it on a file, with the database in `DATABASE_URL`.
fn record(url: &str, file: &Path, dataset: &str, more: &[&str]) -> Outcome {
    let mut arguments = vec!["validate", file.to_str().unwrap(), "--dataset", dataset];
    arguments.extend(more);
    Outcome::of_pg_lora(url, &arguments)
}

/// A row without what tells it from another one of the same file, and the notifications of it.
fn result(db: &mut Client, dataset: &str) -> Value {
    let sql = format!(
        "select jsonb_build_object(
           'row', (select to_jsonb(d) - array['id', 'storage_path'] from public.datasets as d where id = '{dataset}'),
           'notifications', (
             select jsonb_agg(to_jsonb(n) - array['id', 'metadata', 'dedupe_key'] order by type) from public.notifications as n
             where metadata ->> 'dataset_id' = '{dataset}'))"
    );
    Caller::service().ask(db, &sql).unwrap()
}

/// The object of a dataset as storage knows it.
fn store(db: &mut Client, dataset: &str, size: usize) {
    let sql = format!(
        "insert into storage.objects (bucket_id, name, metadata) \
         select storage_bucket, storage_path, jsonb_build_object('size', {size}) from public.datasets where id = '{dataset}'"
    );
    assert_eq!(db.execute(&sql, &[]).unwrap(), 1);
}

/// A faulty file that a text of the database can hold.
fn faulty(seed: u64, examples: usize) -> String {
    let chat = Chat::faulty(seed, examples, examples / 10);
    let lines = chat.bytes.split(|byte| *byte == b'\n');
    lines.map(|line| std::str::from_utf8(line).unwrap_or("{").to_owned() + "\n").collect()
}

#[test]
fn it_records_what_the_database_records() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-02-03 04:05:06+00");
    let alice = sign_up(&mut db, "alice");
    // The portable edition reads 32 MB in one value.
    let examples = match (environment::full(), environment::is_portable()) {
        (true, false) => 50_000,
        (true, true) => 18_000,
        (false, _) => 5_000,
    };
    let contents = [
        pairs(12),
        format!("{GOOD}\nnope\n"),
        faulty(environment::seed(), examples),
        DOCUMENT.to_owned(),
        format!("{}\u{feff}é\r\n", pairs(1)),
        String::new(),
    ];
    for (number, content) in contents.iter().enumerate() {
        let [by_sql, by_command] = [0, 1].map(|_| add_dataset(&mut db, &alice, content.len()));
        store(&mut db, &by_command, content.len());
        store(&mut db, &by_sql, content.len());
        let sql = format!("select public.validate_dataset('{by_sql}', $1, '{{\"window\": 1000}}')");
        Caller::service().run(&mut db, |t| t.execute(&sql, &[content])).unwrap();
        let mut expected = result(&mut db, &by_sql);
        as_of_the_program(&mut expected["row"]["validation_report"]);
        assert!(expected["notifications"].is_array(), "{expected}");

        let (_scratch, path) = file(content.as_bytes());
        let status = expected["row"]["status"].as_str().unwrap();
        let code = if status == "ready" { 0 } else { 13 };
        // Once more, it is recorded once more.
        for (threads, output) in [("3", "json"), ("1", "text")] {
            let more = ["--window", "1000", "--threads", threads, "--output", output];
            let outcome = record(&database.url(), &path, &by_command, &more).expect(code);
            assert_eq!(
                result(&mut db, &by_command)["row"],
                expected["row"],
                "content {number}, {threads} threads"
            );
            if output == "text" {
                let line = format!("recorded   dataset {by_command} is {status}");
                assert_eq!(outcome.stdout.lines().last(), Some(line.as_str()));
                continue;
            }
            assert_eq!(result(&mut db, &by_command), expected);
            let told = outcome.json();
            assert_eq!(told["recorded"], json!({"dataset": by_command, "status": status}));
            assert_eq!(told["changed"], true);
            assert_eq!(told["report"], expected["row"]["validation_report"]);
        }
    }
}

#[test]
fn both_files_are_recorded_as_chunks_are() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-02-03 04:05:06+00");
    let alice = sign_up(&mut db, "alice");
    let seed = environment::seed();
    let bytes = |chat: Chat| chat.bytes;
    for (training, held_back) in [
        (bytes(Chat::sound(seed, 300)), bytes(Chat::sound(!seed, 40))),
        (bytes(Chat::faulty(seed, 300, 30)), bytes(Chat::faulty(seed, 90, 9))),
    ] {
        let [by_sql, by_command] = [0, 1].map(|_| add_dataset(&mut db, &alice, training.len()));
        store(&mut db, &by_command, training.len());
        store(&mut db, &by_sql, training.len());
        let append = format!(
            "select count(*) from (values (1, $1::bytea, 'train'), (2, $2::bytea, 'validation')) as chunk (number, content, split)
             cross join lateral public.append_dataset_chunk('{by_sql}', number, encode(content, 'base64'), 'base64', split)"
        );
        let finish = format!(
            "select public.finish_dataset_validation('{by_sql}', 2, encode(sha256($1::bytea), 'hex'))"
        );
        Caller::service()
            .run(&mut db, |t| {
                t.query(&append, &[&training, &held_back])?;
                t.query(&finish, &[&training])
            })
            .unwrap();
        let mut expected = result(&mut db, &by_sql);
        as_of_the_program(&mut expected["row"]["validation_report"]);
        let ((_one, training), (_other, held_back)) = (file(&training), file(&held_back));
        let code = if expected["row"]["status"] == "ready" { 0 } else { 13 };
        record(&database.url(), &training, &by_command, &["--split-file", held_back.to_str().unwrap()])
            .expect(code);
        assert_eq!(result(&mut db, &by_command), expected);
        assert!(expected["row"]["validation_report"]["validation_file"].is_object(), "{expected}");
    }
}

#[test]
fn a_dataset_that_nothing_can_be_trained_on_is_no_success() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = r#"{"prompt":"Hi","completion":"Hello","split":"validation"}"#;
    let dataset = add_dataset(&mut db, &alice, content.len());
    let (_scratch, path) = file(content.as_bytes());
    let outcome = record(&database.url(), &path, &dataset, &["--min-examples", "0"]).expect(13);
    assert_eq!(outcome.stderr, format!("error: the dataset \"{}\" has no training pair\n", path.display()));
    assert_eq!(result(&mut db, &dataset)["row"]["error_message"], "the dataset has no training pair");
}

#[test]
fn whoever_may_record_does_and_nobody_else() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(3);
    let dataset = add_dataset(&mut db, &alice, content.len());
    store(&mut db, &dataset, content.len());
    // A role of the server, which other tests of this program may have made.
    db.batch_execute(
        "do $$ begin create role pipeline login in role service_role; exception when duplicate_object then null; end $$;
         do $$ begin create role gateway login noinherit in role service_role; exception when duplicate_object then null; end $$;
         do $$ begin create role stranger login; exception when duplicate_object then null; end $$",
    )
    .unwrap();
    let url = |user: &str| database.url().replace("postgres@", &format!("{user}@"));
    let as_role = |role: &str| format!("{}&options=-c%20role%3D{role}", database.url());
    let (_good, path) = file(content.as_bytes());
    let (_cut, cut) = file(&content.as_bytes()[..content.len() - 1]);
    for url in [database.url(), as_role("service_role"), url("pipeline"), url("gateway")] {
        Caller::service()
            .write(
                &mut db,
                &format!("update public.datasets set status = 'validating' where id = '{dataset}'"),
            )
            .unwrap();
        let outcome = record(&url, &cut, &dataset, &[]).expect(11);
        assert!(outcome.stderr.contains("the content has"), "{}", outcome.stderr);
        assert_eq!(result(&mut db, &dataset)["row"]["status"], "validating");
        record(&url, &path, &dataset, &[]).expect(0);
        assert_eq!(result(&mut db, &dataset)["row"]["status"], "ready");
    }
    let before = digests(&mut db);
    for url in [as_role("anon"), as_role("authenticated"), url("stranger")] {
        let outcome = record(&url, &path, &dataset, &[]).expect(4);
        assert!(outcome.stderr.contains("permission denied"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: use the role that migrated, or a member of service_role\n"));
        assert_eq!(outcome.stdout, "");
    }
    assert_eq!(digests(&mut db), before);
}

/// Each before a byte is read: the pipe stays open and empty.
#[test]
fn what_cannot_be_recorded_is_refused_before_it_is_read() {
    let database = Database::migrated();
    let empty = Database::empty();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let deleted = add_dataset(&mut db, &alice, 3);
    alice
        .write(&mut db, &format!("update public.datasets set deleted_at = now() where id = '{deleted}'"))
        .unwrap();
    let unknown = "00000000-0000-4000-8000-000000000000";
    let before = digests(&mut db);
    let nobody = "postgresql://nobody:hunter2@127.0.0.1:1/nothing".to_owned();
    for (url, dataset, code, words, hint) in [
        (
            database.url(),
            unknown,
            11,
            "does not exist (PT404)",
            "Pass the id of a dataset that is not deleted.",
        ),
        (
            database.url(),
            &deleted,
            11,
            "does not exist (PT404)",
            "Pass the id of a dataset that is not deleted.",
        ),
        (empty.url(), unknown, 11, "\"lora_private\" does not exist", "run pg-lora migrate"),
        (nobody, unknown, 3, "127.0.0.1:1\" cannot be reached", "check host and port"),
        (String::new(), unknown, 2, "no database was named", "pass --database-url"),
        (database.url(), "7", 2, "'7' for '--dataset <ID>'", ""),
    ] {
        let mut child = reading(&url, &["validate", "-", "--dataset", dataset]);
        let open = child.stdin.take();
        let outcome = Outcome::from(child.wait_with_output().unwrap()).expect(code);
        drop(open);
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        assert!(hint.is_empty() || outcome.stderr.contains(&format!("hint: {hint}")), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("hunter2"));
        assert_eq!(outcome.stdout, "");
    }
    assert_eq!(digests(&mut db), before, "one of {TABLES:?} changed");
}

#[test]
fn a_pipe_that_ends_early_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = pairs(3000);
    let dataset = add_dataset(&mut db, &alice, content.len());
    store(&mut db, &dataset, content.len());
    let before = digests(&mut db);
    // At a line's end: nothing of what came says that something is missing.
    let line_end = content[..content.len() / 2].rfind('\n').unwrap() + 1;
    for end in [0, line_end, content.len() - 1] {
        let child = reading(&database.url(), &["validate", "-", "--dataset", &dataset, "--output", "json"]);
        let outcome = fed(child, &content.as_bytes()[..end]).expect(11);
        let told = outcome.json();
        let message = told["error"]["message"].as_str().unwrap();
        let words = format!("the content has {end} bytes, the stored object {} bytes", content.len());
        assert!(message.contains(&words), "{message}");
        assert_eq!(told["error"]["hint"], "Read the object again, whole and undecoded.");
        assert_eq!((&told["recorded"], &told["changed"]), (&Value::Null, &json!(false)));
        assert_eq!(digests(&mut db), before, "one of {TABLES:?} changed");
    }
    let child = reading(&database.url(), &["validate", "-", "--dataset", &dataset]);
    fed(child, content.as_bytes()).expect(0);
    assert_eq!(result(&mut db, &dataset)["row"]["total_training_pairs"], 3000);
}

/// A validation that has read its file to train on and waits for the rest of the one that is held back.
fn waiting(database: &Database, training: &Path, dataset: &str) -> Child {
    let arguments = ["validate", training.to_str().unwrap(), "--split-file", "-", "--dataset", dataset];
    let mut child = reading(&database.url(), &arguments);
    // More than a pipe holds: some of it was read when all of it is written.
    child.stdin.as_mut().unwrap().write_all(pairs(3000).as_bytes()).unwrap();
    child
}

/// Waits until the connections of `pg-lora` to this database are so.
#[track_caller]
fn wait_until(db: &mut Client, are: &str, otherwise: &str) {
    let sql = format!(
        "select coalesce({are}, false) from pg_stat_activity \
         where datname = current_database() and application_name = 'pg-lora'"
    );
    let end = Instant::now() + Duration::from_secs(60);
    while !db.query_one(&sql, &[]).unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < end, "{otherwise}");
        sleep(Duration::from_millis(20));
    }
}

/// Sends a signal, and gives it the time to be heard.
fn signal(name: &str, child: &Child) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
    sleep(Duration::from_millis(300));
}

#[test]
fn what_changes_while_it_is_read_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let content = format!("{GOOD}\n");
    let dataset = add_dataset(&mut db, &alice, content.len());
    let (_scratch, path) = file(content.as_bytes());
    let before = digests(&mut db);
    let child = waiting(&database, &path, &dataset);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more\n").unwrap();
    let outcome = fed(child, b"").expect(11);
    let words = format!("error: the file \"{}\" changed while it was read\n", path.display());
    assert!(outcome.stderr.starts_with(&words), "{}", outcome.stderr);
    assert_eq!((outcome.stdout.as_str(), digests(&mut db)), ("", before));

    // The dataset itself, which nothing holds in the meantime.
    let child = waiting(&database, &path, &dataset);
    wait_until(&mut db, "count(*) = 0", "a connection is open while files are read");
    alice
        .write(&mut db, &format!("update public.datasets set deleted_at = now() where id = '{dataset}'"))
        .unwrap();
    let before = digests(&mut db);
    let outcome = fed(child, b"").expect(11);
    let words =
        format!("\nerror: recording the result: dataset \"{dataset}\" does not exist (PT404)\nhint: ");
    assert!(format!("\n{}", outcome.stderr).contains(&words), "{}", outcome.stderr);
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_validation_that_is_interrupted_records_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, GOOD.len());
    let (_scratch, path) = file(GOOD.as_bytes());
    let before = digests(&mut db);
    let child = waiting(&database, &path, &dataset);
    signal("TERM", &child);
    fed(child, b"").expect(143);
    assert_eq!(digests(&mut db), before);

    // Also while it waits for somebody who holds the dataset.
    let mut other = database.connect();
    let mut holder = other.transaction().unwrap();
    holder.execute("select from public.datasets for update", &[]).unwrap();
    let child = reading(&database.url(), &["validate", "-", "--dataset", &dataset]);
    wait_until(&mut db, "bool_or(wait_event_type = 'Lock')", "it does not wait");
    signal("INT", &child);
    fed(child, GOOD.as_bytes()).expect(130);
    holder.rollback().unwrap();
    assert_eq!(digests(&mut db), before);
}
