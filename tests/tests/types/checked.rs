//! `pg-lora types`: what is committed is what it writes, and whatever changes is found.

use std::fs;

use pg_lora_tests::{Database, Outcome, Scratch, environment};
use serde_json::{Value, json};

use super::{folder, project, text};

/// Functions whose answer is a document that is not described, and why.
const UNTYPED: [&str; 0] = [];

const FILES: [&str; 4] = ["lora-training.ts", "database.ts", "lora-training.schema.json", "presets.mjs"];

fn check(database: &Database) -> Outcome {
    database.pg_lora(&["types", "--out", folder().to_str().unwrap(), "--check"])
}

#[test]
fn what_is_committed_is_what_is_written_of_a_migrated_database() {
    let database = Database::migrated();
    if environment::bless() {
        database.pg_lora(&["types", "--out", folder().to_str().unwrap()]).expect(0);
    }
    let outcome = check(&database);
    assert_eq!(
        outcome.code,
        Some(0),
        "{}\nhint: if that is meant, run \"cargo xtask test --only end-to-end --bless what_is_committed_is\"",
        outcome.stderr
    );
    // Also where the specification's SQL was run by hand before: its rows are all that could differ.
    let adopted = pg_lora_tests::seed::database();
    adopted.pg_lora(&["migrate"]).expect(0);
    check(&adopted).expect(0);
}

#[test]
fn a_change_by_hand_is_found_with_its_place() {
    for (change, file, line) in [
        (
            "alter table public.datasets add column rating numeric(3, 1)",
            "lora-training.ts",
            "rating: number | null;",
        ),
        (
            "alter table public.training_jobs alter column final_cost set not null",
            "lora-training.ts",
            "final_cost: number;",
        ),
        ("alter table public.training_jobs drop constraint training_jobs_retry_of_fkey", "database.ts", "];"),
        (
            "create function public.mine(word text) returns text language sql as 'select word'",
            "database.ts",
            "mine: {",
        ),
        (
            "alter table public.cost_budgets alter column hard_stop drop default",
            "database.ts",
            "hard_stop: boolean;",
        ),
    ] {
        let database = Database::migrated();
        database.connect().batch_execute(change).unwrap();
        let outcome = check(&database).expect(10);
        let place = format!("{}:", folder().join(file).display());
        assert!(outcome.stderr.contains(&place), "{change}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(&format!("should be \"{line}\"")), "{change}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: run pg-lora types --out "), "{}", outcome.stderr);
    }
}

#[test]
fn it_writes_what_is_missing_or_differs_and_check_writes_nothing() {
    let database = Database::migrated();
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("new/types");
    let run = |more: &[&str]| {
        let arguments = [&["types", "--out", out.to_str().unwrap(), "--output", "json"], more].concat();
        database.pg_lora(&arguments)
    };
    let states = |outcome: &Outcome| -> Value {
        outcome.json()["files"].as_array().unwrap().iter().map(|file| file["state"].clone()).collect()
    };
    let missing = run(&["--check"]).expect(10);
    assert_eq!(states(&missing), json!(["missing", "missing", "missing", "missing"]));
    assert!(missing.json()["error"]["detail"].as_str().unwrap().contains("lora-training.ts\" is not there"));
    assert!(!out.exists());

    let written = run(&[]).expect(0);
    assert_eq!(states(&written), json!(["written", "written", "written", "written"]));
    assert_eq!(written.json()["changed"], true);
    for file in FILES {
        assert_eq!(fs::read_to_string(out.join(file)).unwrap(), text(file), "{file}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), FILES.len());
    let again = run(&[]).expect(0);
    assert_eq!(
        (states(&again), &again.json()["changed"]),
        (json!(["unchanged", "unchanged", "unchanged", "unchanged"]), &json!(false))
    );

    // Line ends are a matter of the checkout, anything else is not.
    let place = out.join("database.ts");
    fs::write(&place, text("database.ts").replace('\n', "\r\n")).unwrap();
    run(&["--check"]).expect(0);
    fs::write(&place, text("database.ts").replace("amount: number", "amount: string")).unwrap();
    assert_eq!(
        states(&run(&["--check"]).expect(10)),
        json!(["unchanged", "differs", "unchanged", "unchanged"])
    );
    assert_eq!(states(&run(&[]).expect(0)), json!(["unchanged", "written", "unchanged", "unchanged"]));
}

#[test]
fn a_database_without_our_tables_is_refused() {
    let outcome =
        Database::empty().pg_lora(&["types", "--out", folder().to_str().unwrap(), "--check"]).expect(11);
    assert!(
        outcome.stderr.contains("public.datasets") && outcome.stderr.contains("pg-lora migrate"),
        "{}",
        outcome.stderr
    );
    let not_a_folder = Scratch::new().unwrap();
    fs::write(not_a_folder.path().join("file"), "").unwrap();
    let out = not_a_folder.path().join("file/types");
    Database::migrated().pg_lora(&["types", "--out", out.to_str().unwrap()]).expect(2);
}

#[test]
fn every_function_that_answers_a_document_says_which() {
    let database = Database::migrated();
    let mut db = database.connect();
    let schema: Value = serde_json::from_str(&text("lora-training.schema.json")).unwrap();
    let functions = "select proname::text from pg_proc where pronamespace = 'public'::regnamespace
                     and prorettype in ('jsonb'::regtype, 'json'::regtype, 'record'::regtype) order by 1";
    let named = |name: &String| !schema["$defs"][format!("{name}()")].is_null();
    let functions: Vec<String> = db.query(functions, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert!(functions.len() > 10);
    let untyped: Vec<&String> = functions.iter().filter(|name| !named(name)).collect();
    assert_eq!(untyped, UNTYPED, "add its type to RESULTS in migrator/src/types/described.rs");
    // And nothing is described that is not there.
    for name in schema["$defs"].as_object().unwrap().keys() {
        match (name.strip_suffix("()"), name.split_once('.')) {
            (Some(function), _) => assert!(functions.iter().any(|known| known == function), "{name}"),
            (_, Some((table, column))) => {
                db.batch_execute(&format!("select {column} from public.{table} limit 0")).unwrap();
            }
            _ => {}
        }
    }
}

/// What somebody may have in a schema beside ours.
const THEIRS: &str = r#"
create type public.mood as enum ('so so', 'it''s fine', '"quoted"');
create type public.place as (x double precision, y double precision, mood public.mood);
create domain public.positive as integer not null check (value > 0);
create schema elsewhere;
create type elsewhere.size as enum ('small', 'large');
create table public.profiles (
  id uuid primary key default gen_random_uuid(), "odd name" text not null, moods public.mood[], place public.place, age public.positive,
  size elsewhere.size, number bigint generated always as identity, twice integer generated always as (2) stored, raw bytea, span interval
);
comment on column public.profiles."odd name" is 'Ends */ here';
create view public.happy as select id, moods from public.profiles where 'it''s fine' = any (moods);
create function public.greet(name text) returns text language sql as 'select name';
create function public.greet(name text, mood public.mood default 'so so') returns setof public.profiles language sql as 'select * from public.profiles';
create function public.nameless(text) returns int language sql as 'select 1';
create function public.nothing() returns void language sql as '';
create function public.both(in a int, out b text, inout c int) language sql as $$ select 'x', c $$;
create function public.anything() returns record language sql as 'select 1';
create function public.many(variadic words text[]) returns public.mood[] language sql as $$ select '{}'::public.mood[] $$;
"#;

#[test]
fn what_is_there_beside_ours_is_in_the_database_type_and_compiles() {
    let database = Database::migrated();
    database.connect().batch_execute(THEIRS).unwrap();
    let scratch = project();
    let out = scratch.path().join("theirs");
    database.pg_lora(&["types", "--out", out.to_str().unwrap()]).expect(0);
    assert_eq!(fs::read_to_string(out.join("lora-training.ts")).unwrap(), text("lora-training.ts"));
    scratch.write(
        "use.ts",
        r#"
import type { Database, Enums, Tables, TablesInsert, TablesUpdate, CompositeTypes } from './theirs/database.js';
import { Constants } from './theirs/database.js';
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(_equal: Equal<A, B>): void {}
type Mood = 'so so' | "it's fine" | '"quoted"';
is<Enums<'mood'>, Mood>(true);
is<Enums<{ schema: 'public' }, 'mood'>, Mood>(true);
is<CompositeTypes<'place'>['mood'], Mood>(true);
is<Tables<'profiles'>['odd name'], string>(true);
is<Tables<'profiles'>['moods'], Mood[] | null>(true);
is<Tables<'profiles'>['age'], number>(true);
is<Tables<'profiles'>['size'], 'small' | 'large' | null>(true);
is<Tables<'happy'>['moods'], Mood[] | null>(true);
is<TablesInsert<'profiles'>['number'], undefined>(true);
is<TablesInsert<{ schema: 'public' }, 'profiles'>['raw'], string | null | undefined>(true);
is<TablesUpdate<'profiles'>['twice'], undefined>(true);
type Functions = Database['public']['Functions'];
is<Functions['both']['Args'], { a: number; c: number }>(true);
is<Functions['both']['Returns'], { b: string; c: number }>(true);
is<Functions['nothing']['Returns'], undefined>(true);
is<Functions['many']['Returns'], Mood[]>(true);
is<Functions['greet']['Returns'], string | Tables<'profiles'>[]>(true);
is<Extract<'nameless', keyof Functions>, never>(true);
is<typeof Constants.public.Enums.mood, readonly ['so so', "it's fine", '"quoted"']>(true);
"#,
    );
    scratch.compile_alone(&["use.ts"], &["--module", "nodenext"]).expect(0);
}
