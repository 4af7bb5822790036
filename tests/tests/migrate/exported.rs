//! What `pg-lora export --to supabase` writes, pushed by the Supabase CLI itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_lora_tests::{Database, Outcome, Scratch, environment, program, seed};
use serde_json::{Value, json};

use crate::adopted::ROWS;
use crate::mended::as_if_validated;
use crate::supabase::{Project, without_exceptions};
use crate::{assert_same, recorded, schema, value};

/// The specification's file, under its own name.
const SEED_FILE: &str = "20241223_create_lora_training_tables.sql";

/// A folder as `supabase init` leaves one.
struct Checkout(Scratch);

impl Checkout {
    fn new() -> Self {
        let checkout = Self(Scratch::new().unwrap());
        fs::create_dir_all(checkout.migrations()).unwrap();
        fs::write(checkout.0.path().join("supabase/config.toml"), "project_id = \"lora\"\n").unwrap();
        checkout
    }

    fn migrations(&self) -> PathBuf {
        self.0.path().join("supabase/migrations")
    }

    fn export(&self, arguments: &[&str]) -> Outcome {
        let arguments = [&["export", "--to", "supabase"], arguments].concat();
        Outcome::of(program::pg_lora(&arguments).current_dir(self.0.path()))
    }

    fn files(&self) -> BTreeMap<String, String> {
        texts(&self.migrations())
    }

    /// `supabase db push` on a database of a project.
    fn push(&self, project: &Project, database: &str, arguments: &[&str]) -> Outcome {
        self.supabase(project, database, &[&["push", "--yes"], arguments].concat())
    }

    /// `supabase db …` on a database of a project.
    fn supabase(&self, project: &Project, database: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(environment::supabase().unwrap_or_else(|error| panic!("{error}")));
        command.arg("db").args(arguments).args(["--db-url", &project.tcp_url(database)]);
        command.current_dir(self.0.path()).env("PGSSLMODE", "disable").env("HOME", self.0.path());
        Outcome::of(&mut command)
    }
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

/// Everything that the migrator keeps, but for when it was written.
const KEPT: &str = "select jsonb_build_array(
  (select jsonb_agg(to_jsonb(h) - 'applied_on' order by version) from lora_migrate.refinery_schema_history h),
  (select jsonb_agg(to_jsonb(l) - 'applied_on' order by name) from lora_migrate.layers l),
  (select jsonb_agg(s order by name) from lora_migrate.settings s))";

/// Without a word about it that is the portable edition, which works everywhere.
#[test]
fn pushed_files_leave_what_migrate_leaves() {
    // An adopted database with rows in it is the harder case.
    let databases = if environment::full() { &["fresh", "adopted", "used"][..] } else { &["fresh", "used"] };
    pushed("portable", &[], databases);
    let databases = if environment::full() { databases } else { &["fresh"] };
    pushed("native", &["--provider", "native"], databases);
}

fn pushed(edition: &str, provider: &[&str], databases: &[&str]) {
    let project = Project::start(&["fresh", "adopted", "used"]);
    project.allow_policies();
    let migrated = Database::migrated_to(edition);
    let plain = without_exceptions(schema(&migrated));
    let kept = value(&mut migrated.connect(), KEPT);

    let checkout = Checkout::new();
    checkout.export(provider).expect(0);
    let files = checkout.files();
    for database in databases.iter().copied() {
        let own = Checkout::new();
        if database != "fresh" {
            // Recorded by the CLI, as it was when the specification was all there was.
            fs::write(own.migrations().join(SEED_FILE), seed::SQL).unwrap();
            own.push(&project, database, &[]).expect(0);
        }
        if database == "used" {
            project.connect("supabase_admin", database).batch_execute(ROWS).unwrap();
        }
        own.export(provider).expect(0);
        let pushed = own.push(&project, database, &[]).expect(0);
        assert!(pushed.stderr.contains("_pg_lora_v0001_"), "{}", pushed.stderr);
        let status = project.pg_lora(database, &["status", "--check", "--output", "json"]).expect(0).json();
        assert_eq!((&status["state"], &status["pending"]), (&json!("up_to_date"), &json!([])), "{database}");
        let again = own.push(&project, database, &[]).expect(0);
        assert!(again.stderr.contains("up to date") || again.stdout.contains("up to date"), "{again:?}");
        project.pg_lora(database, &["verify"]).expect(0);
        assert_eq!(status["lora"]["edition"], edition);
        let migrate = project.pg_lora(database, &["migrate", "--output", "json"]).expect(0).json();
        assert_eq!(migrate["changed"], json!(false), "{database}: {migrate}");

        let mut db = project.connect("supabase_admin", database);
        if database != "fresh" {
            db.batch_execute("drop function public.update_updated_at_column()").unwrap();
        }
        assert_eq!(value(&mut db, KEPT), kept, "{database}");
        assert_eq!(recorded(&mut db), recorded(&mut migrated.connect()));
        let names: Vec<&String> = files.keys().collect();
        let applied = "select jsonb_agg(version || '_' || name || '.sql' order by version) from supabase_migrations.schema_migrations \
                       where name ~ '^pg_lora_'";
        assert_eq!(value(&mut db, applied), json!(names), "{database}");
        db.batch_execute("drop schema supabase_migrations cascade").unwrap();
        match database {
            "used" => {
                let (lines, waiting) = as_if_validated(project.catalogue(database));
                assert!(waiting.contains(&"training_jobs_status_check".to_owned()), "{waiting:?}");
                assert_same(&lines, &plain);
            }
            _ => assert_same(&project.catalogue(database), &plain),
        }
    }
}

/// `supabase db advisors` and `supabase db lint`, as a project's own pipeline runs them.
#[test]
fn the_platforms_own_linters_object_to_nothing() {
    for provider in ["native", "portable"] {
        linted(provider);
    }
}

fn linted(provider: &str) {
    let project = Project::start(&["fresh"]);
    project.allow_policies();
    let checkout = Checkout::new();
    checkout.export(&["--provider", provider]).expect(0);
    checkout.push(&project, "fresh", &[]).expect(0);
    let advisors =
        |fail_on: &'static str| ["advisors", "--type", "all", "--level", "info", "--fail-on", fail_on];
    let fail_on = if provider == "native" { "warn" } else { "error" };
    let advised = checkout.supabase(&project, "fresh", &advisors(fail_on)).expect(0).json();
    let (mut named, mut loose) = (BTreeSet::new(), BTreeSet::new());
    for one in advised.as_array().unwrap() {
        // The linter asks of aggregates what Postgres cannot give them: a search_path. Those of an extension it passes over.
        match one["name"].as_str().unwrap() {
            "function_search_path_mutable" => loose.insert(json!(one["metadata"]["name"]).to_string()),
            name => named.insert(name),
        };
    }
    // Nobody has asked anything yet.
    assert_eq!(named, BTreeSet::from(["unused_index"]), "{advised:#}");
    let aggregates = "select coalesce(jsonb_agg(distinct proname), '[]') from pg_proc p where prokind = 'a' and pronamespace = 'lora'::regnamespace
                        and not exists (select from pg_depend where objid = p.oid and deptype = 'e')";
    let aggregates = value(&mut project.connect("postgres", "fresh"), aggregates);
    let aggregates: BTreeSet<String> = aggregates.as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(loose, aggregates);
    // The functions of the portable edition assign figures of one type to variables of another without a word, and some are
    // polymorphic, which the linter takes for integers.
    let schemas = match provider {
        "native" => "public,lora,lora_private,lora_migrate",
        _ => "public,lora_private,lora_migrate",
    };
    let lint = ["lint", "--schema", schemas, "--level", "warning", "--fail-on", "warning"];
    let tree = environment::tree().unwrap();
    let can_lint = tree.sharedir().join("extension/plpgsql_check.control").is_file();
    if can_lint {
        // The platform lets a project make it.
        let check = "create extension plpgsql_check";
        project.connect("supabase_admin", "fresh").batch_execute(check).unwrap();
        checkout.supabase(&project, "fresh", &lint).expect(0);
    } else {
        environment::skipped(&format!(
            "supabase db lint, as there is no plpgsql_check for {}",
            tree.version()
        ));
    }

    // Linters that find nothing anywhere would say nothing.
    let mut db = project.connect("postgres", "fresh");
    db.batch_execute(
        "create table public.open (id integer);
         create function public.broken() returns integer language plpgsql as 'begin return nothing; end'",
    )
    .unwrap();
    let advised = checkout.supabase(&project, "fresh", &advisors(fail_on));
    assert!(advised.code != Some(0) && format!("{advised:?}").contains("public.open"), "{advised:?}");
    if can_lint {
        let linted = checkout.supabase(&project, "fresh", &lint);
        assert!(linted.code != Some(0) && format!("{linted:?}").contains("broken"), "{linted:?}");
    }
}

/// The layer that comes later, and what an older one made.
#[test]
fn a_later_layer_is_a_file_of_its_own_and_drops_what_the_older_one_made() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    let checkout = Checkout::new();
    checkout.export(&["--provider", "native"]).expect(0);
    let folder = checkout.migrations();
    let functions =
        checkout.files().into_keys().find(|name| name.ends_with("_pg_lora_functions.sql")).unwrap();
    // As an older build would have left it: a layer of another hash, with a function that has another result now and
    // with one that is gone.
    let text = fs::read_to_string(folder.join(&functions)).unwrap();
    let old = text.replace("-- content: ", "-- content: older").replacen(
        "-- sql/functions/",
        "create function public.old_api(a int) returns int language sql as 'select a';
         create policy \"Old policy\" on public.notifications for select to anon using (false);
         -- sql/functions/",
        1,
    );
    let hash = text.split("insert into lora_migrate.layers").nth(1).unwrap().split('\'').nth(3).unwrap();
    assert_eq!(hash.len(), 64, "{hash}");
    let (older_functions, older_records) =
        (format!("{}000101", &functions[..8]), format!("{}000100", &functions[..8]));
    let older = functions.replacen(&functions[..14], &older_functions, 1);
    fs::remove_file(folder.join(&functions)).unwrap();
    fs::write(
        folder.join(&older),
        old.replace(hash, &"0".repeat(64)).replace(&functions[..14], &older_functions),
    )
    .unwrap();
    // The layer needs what the database keeps, which has its file too.
    let records = checkout.files().into_keys().find(|name| name.ends_with("_records.sql")).unwrap();
    let renamed = records.replacen(&records[..14], &older_records, 1);
    let text = fs::read_to_string(folder.join(&records)).unwrap().replace(&records[..14], &older_records);
    fs::remove_file(folder.join(&records)).unwrap();
    fs::write(folder.join(&renamed), text).unwrap();
    let held: Vec<(PathBuf, PathBuf)> = ["extension", "rules", "buckets"]
        .map(|slug| {
            let name =
                checkout.files().into_keys().find(|name| name.ends_with(&format!("_{slug}.sql"))).unwrap();
            (folder.join(&name), folder.join(format!("{name}.held")))
        })
        .into();
    held.iter().for_each(|(file, away)| fs::rename(file, away).unwrap());
    checkout.push(&project, "project", &[]).expect(0);
    held.iter().for_each(|(file, away)| fs::rename(away, file).unwrap());
    let mut db = project.connect("supabase_admin", "project");
    db.batch_execute(
        "drop function public.check_dataset(text, jsonb);
         create function public.check_dataset(body text, options jsonb default null) returns text language sql as 'select body'",
    )
    .unwrap();
    assert_eq!(value(&mut db, "select public.old_api(1)"), json!(1));

    let before = checkout.files();
    let answer = checkout.export(&["--provider", "native", "--output", "json"]).expect(0).json();
    let written: Vec<&str> = answer["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|file| file["state"] == "written")
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(written, [functions.as_str()]);
    for (name, text) in &before {
        assert_eq!(checkout.files().get(name), Some(text), "{name}");
    }
    checkout.push(&project, "project", &[]).expect(0);
    project.pg_lora("project", &["status", "--check"]).expect(0);
    db.batch_execute("drop schema supabase_migrations cascade").unwrap();
    assert_same(&project.catalogue("project"), &without_exceptions(schema(&Database::migrated())));
    let manifest = "select manifest from lora_migrate.layers where name = 'functions'";
    assert_eq!(value(&mut db, manifest), value(&mut Database::migrated().connect(), manifest));
}

/// A file that fails, or runs in another way, leaves nothing and says why.
#[test]
fn a_file_runs_whole_in_its_turn_or_not_at_all() {
    let project = Project::start(&["project"]);
    let checkout = Checkout::new();
    checkout.export(&["--provider", "native"]).expect(0);
    // The policies on files are not allowed yet: version 9 fails.
    let failed = checkout.push(&project, "project", &[]);
    assert_ne!(failed.code, Some(0));
    let words = format!("{}{}", failed.stdout, failed.stderr);
    assert!(words.contains("must be owner of table objects"), "{words}");
    let mut db = project.connect("supabase_admin", "project");
    assert_eq!(recorded(&mut db), json!([1, 2, 3, 4, 5, 6, 7, 8]));
    let status = project.pg_lora("project", &["status", "--output", "json"]).expect(0).json();
    assert_eq!(status["versions"]["applied"], json!(8));

    let file = |ending: &str| {
        let files = checkout.files();
        files.into_iter().find(|(name, _)| name.contains(ending)).unwrap().1
    };
    let refused = |sql: &str, words: &str| {
        let mut db = project.connect("postgres", "project");
        let mut open = db.transaction().unwrap();
        let error = open.batch_execute(sql).unwrap_err();
        let message = error.as_db_error().unwrap().message();
        assert!(message.contains(words), "{message}");
    };
    refused(&file("_v0011_"), "the versions of pg_lora up to 10 are not all recorded");
    refused(&file("_v0003_"), "version 3 of pg_lora is recorded already");
    refused(&file("_functions"), "the versions of pg_lora up to");
    // psql without --single-transaction sends statement by statement.
    let text = file("_v0009_");
    let mut alone = project.connect("postgres", "project");
    let guard = text.find("do $pg_lora$").unwrap();
    alone.batch_execute(&text[..guard]).unwrap();
    let error = alone.batch_execute(&text[guard..]).unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "this file has to run in one transaction");
    let mut open = db.transaction().unwrap();
    open.batch_execute("select pg_advisory_xact_lock(x'70675f6c6f726100'::bigint)").unwrap();
    refused(&file("_v0009_"), "another runner holds the migration lock");
    drop(open);

    // The next push, or migrate, goes on from there.
    project.allow_policies();
    checkout.push(&project, "project", &[]).expect(0);
    project.pg_lora("project", &["status", "--check"]).expect(0);
}

#[test]
fn a_file_that_is_there_is_never_changed() {
    let checkout = Checkout::new();
    let first = checkout.export(&["--provider", "native"]).expect(0);
    assert!(
        first
            .stdout
            .starts_with("written    supabase/migrations/20250101000000_pg_lora_v0001_training_tables.sql\n"),
        "{}",
        first.stdout
    );
    let files = checkout.files();
    for (name, text) in &files {
        assert!(name.len() > 14 && name[..14].bytes().all(|digit| digit.is_ascii_digit()), "{name}");
        assert!(name.as_str() > SEED_FILE, "{name}");
        assert!(!text.contains('\r') && text.ends_with('\n'));
    }
    let again = checkout.export(&["--provider", "native", "--output", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!(false), "{again}");
    assert!(again["files"].as_array().unwrap().iter().all(|file| file["state"] == "unchanged"), "{again}");
    assert_eq!(checkout.files(), files);

    // One that does something else: nothing at all is written.
    for ending in ["_v0002_exact_money_and_attempts.sql", "_functions.sql"] {
        let name = files.keys().find(|name| name.ends_with(ending)).unwrap();
        let path = checkout.migrations().join(name);
        fs::write(&path, files[name].replace("-- content: ", "-- content: 9")).unwrap();
        let removed = checkout.migrations().join(files.keys().next().unwrap());
        fs::remove_file(&removed).unwrap();
        let refused = checkout.export(&["--provider", "native"]).expect(11);
        assert!(
            refused.stderr.contains(name.as_str()) && refused.stderr.contains("\nhint: "),
            "{}",
            refused.stderr
        );
        assert!(!removed.exists());
        fs::remove_file(&path).unwrap();
        checkout.export(&["--provider", "native"]).expect(0);
        assert_eq!(checkout.files(), files);
    }
}

#[test]
fn one_folder_holds_one_edition() {
    for (first, other, file) in
        [("portable", "native", "_pg_lora_portable.sql"), ("native", "portable", "_pg_lora_extension.sql")]
    {
        let checkout = Checkout::new();
        checkout.export(&["--provider", first]).expect(0);
        let before = checkout.files();
        assert!(before.keys().any(|name| name.ends_with(file)), "{before:?}");
        let refused = checkout.export(&["--provider", other]).expect(11);
        assert!(refused.stderr.contains(&format!("makes the {first} edition")), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("hint: add --provider {first}")), "{}", refused.stderr);
        assert_eq!(checkout.files(), before);
    }
}

/// The files of a project do not switch; the program does.
#[test]
fn the_file_of_an_edition_refuses_the_other_one() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    project.pg_lora("project", &["migrate", "--provider", "native"]).expect(0);
    let checkout = Checkout::new();
    checkout.export(&[]).expect(0);
    let files = checkout.files();
    let (_, text) = files.iter().find(|(name, _)| name.ends_with("_pg_lora_portable.sql")).unwrap();
    let mut db = project.connect("postgres", "project");
    let error = db.transaction().unwrap().batch_execute(text).unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(
        error.message(),
        "schema lora is the extension \"pg_lora\" here, and this file makes its portable edition"
    );
    assert!(error.hint().unwrap().contains("pg-lora migrate --provider portable"), "{error:?}");
    assert_eq!(value(&mut db, "select lora.build_info() ->> 'edition'"), "native");
}

/// A newer portable edition over an older one, under what stands on it.
#[test]
fn a_later_portable_edition_replaces_the_older_one() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    let checkout = Checkout::new();
    checkout.export(&[]).expect(0);
    checkout.push(&project, "project", &[]).expect(0);
    let mut db = project.connect("postgres", "project");
    db.batch_execute(
        "create function lora._old_part(a int) returns int language sql as 'select a';
         create function lora.old_function(a int) returns int language sql as 'select lora._old_part(a)';
         drop function lora._check_weight(double precision);
         create function lora._check_weight(older double precision) returns text language sql as 'select null::text';
         create view public.theirs as select lora.estimate_tokens('one') as tokens, lora.job_pace(1, now());
         update lora_migrate.layers set hash = 'portable older', manifest = (
           select jsonb_agg(jsonb_build_object('type', i.type, 'schema', i.schema, 'identity', i.identity))
           from pg_proc p, pg_identify_object('pg_proc'::regclass, p.oid, 0) i where pronamespace = 'lora'::regnamespace)
         where name = 'lora'",
    )
    .unwrap();
    // The file once more, as a newer build would number it.
    let files = checkout.files();
    let (name, text) = files.iter().find(|(name, _)| name.ends_with("_pg_lora_portable.sql")).unwrap();
    let number = &name[..14];
    let later = (number.parse::<u64>().unwrap() + 5).to_string();
    fs::write(checkout.migrations().join(name.replacen(number, &later, 1)), text.replace(number, &later))
        .unwrap();
    checkout.push(&project, "project", &[]).expect(0);
    project.pg_lora("project", &["status", "--check"]).expect(0);
    assert_eq!(
        value(&mut db, "select tokens from public.theirs"),
        value(&mut db, "select lora.estimate_tokens('one')")
    );
    db.batch_execute("drop view public.theirs").unwrap();
    project
        .connect("supabase_admin", "project")
        .batch_execute("drop schema supabase_migrations cascade")
        .unwrap();
    assert_same(
        &project.catalogue("project"),
        &without_exceptions(schema(&Database::migrated_to("portable"))),
    );
}

#[test]
fn without_a_project_it_is_refused() {
    let elsewhere = Scratch::new().unwrap();
    let run = |arguments: &[&str]| {
        let arguments = [&["export", "--to", "supabase", "--provider", "native"], arguments].concat();
        Outcome::of(program::pg_lora(&arguments).current_dir(elsewhere.path()))
    };
    let refused = run(&[]).expect(2);
    assert!(refused.stderr.contains("there is no folder \"supabase\" here"), "{}", refused.stderr);
    let answer = run(&["--out", "some/where", "--output", "json"]).expect(0).json();
    assert_eq!((&answer["folder"], &answer["error"]), (&json!("some/where"), &Value::Null));
    assert_eq!(texts(&elsewhere.path().join("some/where")).len(), answer["files"].as_array().unwrap().len());
    fs::write(elsewhere.path().join("file"), "").unwrap();
    let refused = run(&["--out", "file"]).expect(2);
    assert!(refused.stderr.contains("error: could not read \"file\""), "{}", refused.stderr);
    Outcome::of(&mut program::pg_lora(&["export"])).expect(2);
}
