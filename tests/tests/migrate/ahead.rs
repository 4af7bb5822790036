//! An older build on a newer database: it leaves it alone, and says whether it can work with it.

use pg_lora_tests::Database;
use serde_json::{Value, json};

use crate::{assert_same, schema, value};

/// What a newer build leaves: versions and layers of its own, and the oldest build that can work with them.
fn newer(database: &Database, oldest_build: &str) {
    let sql = format!(
        "insert into lora_migrate.refinery_schema_history values
           (9998, 'of_tomorrow', '2036-01-01T00:00:00Z', '7'), (9999, 'of_the_day_after', '2036-01-01T00:00:00Z', '8');
         create table public.of_tomorrow (id int);
         update lora_migrate.layers set hash = 'a newer one', version = '999.0.1' where name = 'functions';
         insert into lora_migrate.settings as s values ('oldest_build', '{oldest_build}')
           on conflict (name) do update set value = excluded.value"
    );
    database.connect().batch_execute(&sql).unwrap();
}

/// Everything that the migrator keeps.
fn kept(database: &Database) -> Value {
    value(
        &mut database.connect(),
        "select jsonb_build_array(
           (select jsonb_agg(h order by version) from lora_migrate.refinery_schema_history h),
           (select jsonb_agg(l order by name) from lora_migrate.layers l),
           (select jsonb_agg(s order by name) from lora_migrate.settings s))",
    )
}

fn oldest_build(database: &Database) -> Value {
    value(&mut database.connect(), "select value from lora_migrate.settings where name = 'oldest_build'")
}

#[test]
fn an_older_build_succeeds_and_writes_nothing() {
    let database = Database::migrated();
    let this = oldest_build(&database);
    newer(&database, this.as_str().unwrap());
    // What it would do to a database of its own: make the platform, a bucket, a layer.
    database
        .connect()
        .batch_execute("delete from storage.buckets; drop function storage.extension(text)")
        .unwrap();
    let (before, rows) = (schema(&database), kept(&database));
    for arguments in
        [&["migrate"][..], &["migrate", "--platform", "standalone"], &["migrate", "--env", "new"]]
    {
        let outcome = database.pg_lora(arguments).expect(0);
        assert_eq!(outcome.stdout, "");
        assert!(
            outcome
                .stderr
                .contains("is ahead, nothing was written: versions 9998 to 9999 unknown to this build"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("made by pg-lora 999.0.1"), "{}", outcome.stderr);
    }
    let ahead = json!({
        "build": "999.0.1", "oldest_build": this,
        "versions": [{"version": 9998, "name": "of_tomorrow"}, {"version": 9999, "name": "of_the_day_after"}],
    });
    for arguments in [&["migrate"][..], &["status"], &["status", "--check"], &["verify"]] {
        let answer = database.pg_lora(&[arguments, &["--output", "json"]].concat()).expect(0).json();
        assert_eq!(
            (&answer["state"], &answer["ahead"]),
            (&json!("ahead"), &ahead),
            "{arguments:?}: {answer}"
        );
        assert_eq!((&answer["changed"], &answer["error"]), (&json!(false), &Value::Null));
    }
    let status = database.pg_lora(&["status"]).expect(0);
    assert!(status.stdout.contains("applied, ahead of this build"), "{}", status.stdout);
    // What the newer one made is nobody else's.
    assert!(!status.stdout.contains("of_tomorrow"), "{}", status.stdout);
    assert_same(&schema(&database), &before);
    assert_eq!(kept(&database), rows);
}

/// A newer build need not bring a version: a layer of its own is not replaced by an older one either.
#[test]
fn a_newer_layer_alone_is_ahead() {
    let database = Database::migrated();
    let change = "update lora_migrate.layers set hash = 'x', version = '999.0.0' where name = 'functions'";
    database.connect().batch_execute(change).unwrap();
    let rows = kept(&database);
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!((&answer["state"], &answer["ahead"]["versions"]), (&json!("ahead"), &json!([])));
    assert_eq!(kept(&database), rows);
}

#[test]
fn below_the_oldest_build_everything_is_refused() {
    let database = Database::migrated();
    newer(&database, "999.0.0");
    let (before, rows) = (schema(&database), kept(&database));
    for arguments in
        [&["migrate"][..], &["migrate", "--platform", "standalone"], &["status", "--check"], &["verify"]]
    {
        let outcome = database.pg_lora(arguments).expect(7);
        assert!(
            outcome.stderr.contains("error: the database needs pg-lora 999.0.0 or newer, and this is "),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("version 9998 \"of_tomorrow\" is recorded"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: use pg-lora 999.0.0 or newer"), "{}", outcome.stderr);
    }
    assert_same(&schema(&database), &before);
    assert_eq!(kept(&database), rows);
}

/// A database ahead whose known part is not ours is a conflict, and not ahead.
#[test]
fn what_lies_below_still_has_to_be_ours() {
    for (change, words) in [
        (
            "update lora_migrate.refinery_schema_history set checksum = '1' where version = 2",
            "version 2 was applied",
        ),
        ("delete from lora_migrate.refinery_schema_history where version = 3", "although the later version"),
    ] {
        let database = Database::migrated();
        newer(&database, "0.0.1");
        database.connect().batch_execute(change).unwrap();
        let outcome = database.pg_lora(&["migrate"]).expect(7);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

/// A build before this one kept no settings; what it made is up to date, and the next change brings them.
#[test]
fn a_database_without_settings_gets_them_with_the_next_change() {
    let database = Database::migrated();
    let fresh = schema(&database);
    let oldest = oldest_build(&database);
    let mut db = database.connect();
    db.batch_execute("drop table lora_migrate.settings").unwrap();
    database.pg_lora(&["status", "--check"]).expect(0);
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["changed"], json!(false));
    assert_eq!(value(&mut db, "select to_regclass('lora_migrate.settings') is null"), json!(true));

    db.batch_execute("update lora_migrate.layers set hash = 'x' where name = 'functions'").unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    assert_same(&schema(&database), &fresh);
    assert_eq!(oldest_build(&database), oldest);
}

#[test]
fn the_oldest_build_only_rises() {
    let database = Database::migrated();
    let this = oldest_build(&database);
    let mut db = database.connect();
    let replace = |db: &mut postgres::Client, oldest: &str| {
        db.batch_execute(&format!(
            "update lora_migrate.settings set value = '{oldest}' where name = 'oldest_build';
             update lora_migrate.layers set hash = 'x' where name = 'functions'"
        ))
        .unwrap();
    };
    replace(&mut db, "0.0.9");
    database.pg_lora(&["migrate"]).expect(0);
    assert_eq!(oldest_build(&database), this);
    replace(&mut db, "not a version");
    let outcome = database.pg_lora(&["migrate"]).expect(7);
    assert!(outcome.stderr.contains("names \"not a version\" as the oldest build"), "{}", outcome.stderr);
}
