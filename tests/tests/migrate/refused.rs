//! What is refused before anything is written.

use std::path::{Path, PathBuf};
use std::process::Command;

use pg_lora_tests::{Account, Cluster, Database, Outcome, Scratch, Tree, environment, story};

use crate::{assert_same, catalogue, create_platform, schema, value};

#[test]
fn a_plain_postgres_without_the_platform_is_refused() {
    let database = Database::empty();
    let before = schema(&database);
    let outcome = database.pg_lora(&["migrate"]).expect(11);
    for missing in ["schema auth", "table auth.users", "function auth.uid()"] {
        assert!(outcome.stderr.contains(missing), "{missing}: {}", outcome.stderr);
    }
    assert!(
        outcome.stderr.contains("hint: ") && outcome.stderr.contains("--platform standalone"),
        "{}",
        outcome.stderr
    );
    assert_same(&schema(&database), &before);
}

#[test]
fn the_platform_that_is_there_is_left_alone() {
    let database = Database::empty();
    let mut db = database.connect();
    db.batch_execute(
        "create schema auth;
         create table auth.users (id uuid primary key, theirs text not null default 'x');
         comment on table auth.users is 'theirs';
         create function auth.uid() returns uuid language plpgsql stable as $$ begin return null; end $$;
         create function auth.role() returns text language sql as $$ select 'theirs' $$;
         create function auth.jwt() returns jsonb language sql as $$ select '{}'::jsonb $$;
         create schema storage;
         create table storage.buckets (id text primary key, name text not null, theirs int);
         insert into storage.buckets values ('lora-datasets', 'theirs', 7);
         create table storage.objects (id uuid primary key, bucket_id text, name text, metadata jsonb);
         create function storage.foldername(name text) returns text[] language sql as $$ select array[name] $$;
         create function storage.filename(name text) returns text language sql as $$ select name $$;
         create function storage.extension(name text) returns text language sql as $$ select name $$;
         revoke all on function auth.role() from public",
    )
    .unwrap();
    let platform = |database: &Database| -> Vec<String> {
        let lines = schema(database).into_iter();
        let theirs = lines.filter(|line| line.starts_with("auth | ") || line.starts_with("storage | "));
        // What of ours is on tables of theirs.
        theirs
            .filter(|line| {
                !line.contains(" | trigger | CREATE TRIGGER lora_")
                    && !line.contains(" | policy | objects Users can ")
            })
            .collect()
    };
    let before = platform(&database);
    assert!(before.iter().any(|line| line.starts_with("auth | function | auth.uid()")), "{before:#?}");
    database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    assert_same(&platform(&database), &before);
    let bucket = "select theirs from storage.buckets where id = 'lora-datasets' and name = 'theirs'";
    assert_eq!(value(&mut db, bucket), 7);
}

#[test]
fn what_a_database_without_storage_lacks_is_said() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("drop schema storage cascade").unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(0);
    for missing in ["buckets are left out", "policies and triggers for files are left out"] {
        assert!(
            outcome.stderr.contains(&format!("note: {missing}: there is no table")),
            "{}",
            outcome.stderr
        );
    }
    database.pg_lora(&["status", "--check"]).expect(0);
    // What does not need files works without them.
    let alice = story::sign_up(&mut db, "alice");
    let dataset = story::ready_dataset(&mut db, &alice, 2);
    story::queue_job(&mut db, &alice, &dataset, 3);
}

#[test]
fn a_database_that_takes_no_writes_is_refused() {
    let database = Database::empty();
    let read_only = "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$";
    database.connect().batch_execute(read_only).unwrap();
    let outcome = database.pg_lora(&["migrate", "--platform", "standalone"]).expect(11);
    assert!(outcome.stderr.contains("accepts no writes"), "{}", outcome.stderr);
    database.pg_lora(&["status", "--check"]).expect(5);
}

#[test]
fn a_role_without_the_right_to_create_is_refused() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("create role visitor login").unwrap();
    let before = schema(&database);
    let url = database.url().replace("postgres@", "visitor@");
    let outcome = Outcome::of_pg_lora(&url, &["migrate"]).expect(4);
    assert!(outcome.stderr.contains("role \"visitor\" may not create schemas"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_same(&schema(&database), &before);
    // It may look, as long as there is nothing that it cannot see.
    Outcome::of_pg_lora(&url, &["status", "--check"]).expect(5);
    db.batch_execute("drop role visitor").unwrap();
}

#[test]
fn an_extension_in_another_schema_is_refused() {
    let database = Database::empty();
    let mut db = database.connect();
    create_platform(&mut db);
    db.batch_execute("create schema lora; create extension pg_lora; alter schema lora rename to tools")
        .unwrap();
    let before = schema(&database);
    let outcome = database.pg_lora(&["migrate"]).expect(11);
    assert!(outcome.stderr.contains("installed in schema \"tools\""), "{}", outcome.stderr);
    assert_same(&schema(&database), &before);
}

/// A server whose files have no extension: a copy of the tree under test without it.
#[test]
fn a_server_that_does_not_offer_the_extension_is_refused() {
    let scratch = Scratch::new().unwrap();
    let tree = copy_without_the_extension(&environment::tree().unwrap(), scratch.path());
    let cluster = Cluster::start(&tree).unwrap();
    cluster.create_database("db").unwrap();
    let roles = "select count(*) from pg_roles";
    let dump = || {
        let mut db = cluster.connect("db").unwrap();
        (catalogue(&mut db), value(&mut db, roles))
    };
    let before = dump();
    let outcome = Outcome::of_pg_lora(
        &cluster.url("db"),
        &["migrate", "--platform", "standalone", "--provider", "native"],
    )
    .expect(11);
    assert!(outcome.stderr.contains("the server does not offer extension \"pg_lora\""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("it offers no version of it"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_eq!(dump(), before, "something was written");
    Outcome::of_pg_lora(&cluster.url("db"), &["status", "--check"]).expect(5);
}

/// A relocatable tree finds its files relative to its programs, so their places to each other are kept.
pub fn copy_without_the_extension(tree: &Tree, to: &Path) -> Tree {
    let folders = [tree.bindir(), tree.pkglibdir(), tree.sharedir()];
    let above = folders[0].ancestors().find(|above| folders.iter().all(|f| f.starts_with(above))).unwrap();
    let place = |folder: &Path| -> PathBuf { to.join(folder.strip_prefix(above).unwrap()) };
    for folder in folders {
        let parent = place(folder).parent().unwrap().to_owned();
        std::fs::create_dir_all(&parent).unwrap();
        // Libraries that lie with the server, and not with the system, are found from there too.
        let status = Command::new("cp").arg("-R").arg(folder).arg(&parent).status().unwrap();
        assert!(status.success());
    }
    let libraries = tree.pkglibdir().parent().unwrap();
    if libraries.join("libpq.so.5").exists() {
        let script = "cp -P \"$1\"/*.so* \"$2\"";
        let target = place(libraries);
        assert!(
            Command::new("sh")
                .args(["-c", script, "sh"])
                .args([libraries, &target])
                .status()
                .unwrap()
                .success()
        );
    }
    let extensions = place(tree.sharedir()).join("extension");
    for entry in std::fs::read_dir(&extensions).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("pg_lora") {
            std::fs::remove_file(path).unwrap();
        }
    }
    // The server's account has to read it, and what root copied is root's.
    let mode = Command::new("chmod").args(["-R", "a+rX"]).arg(to).status().unwrap();
    assert!(mode.success());
    if let Some(account) = Account::for_servers().unwrap() {
        assert!(account.can_read(&place(tree.bindir())));
    }
    let pg_config = to.join("pg_config");
    let answer = |option: &str, folder: &Path| format!("{option}) echo '{}' ;;\n", place(folder).display());
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in\n--version) echo '{}' ;;\n{}{}{}esac\n",
        tree.version(),
        answer("--bindir", tree.bindir()),
        answer("--pkglibdir", tree.pkglibdir()),
        answer("--sharedir", tree.sharedir()),
    );
    std::fs::write(&pg_config, script).unwrap();
    assert!(Command::new("chmod").arg("a+x").arg(&pg_config).status().unwrap().success());
    Tree::from_pg_config(&pg_config).unwrap()
}
