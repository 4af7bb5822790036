//! A database as a new Supabase project has it: the schemas of the platform are other roles', whoever migrates is no
//! superuser, and every new table is granted to everybody. It ends as a plain Postgres does.

use pg_lora_tests::story::{self, TABLES};
use pg_lora_tests::{Cluster, Database, Options, Outcome, environment, seed};
use postgres::Client;
use serde_json::json;

use crate::adopted::ROWS;
use crate::mended::{as_if_validated, rules};
use crate::{assert_same, catalogue, create_platform, schema, value};

/// The bootstrap superuser of a Supabase server is its own; `postgres` is what a project gets.
const ROLES: &str = "
create role supabase_auth_admin noinherit createrole login;
create role supabase_storage_admin noinherit createrole login;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role postgres login password 'project' nosuperuser createrole createdb replication bypassrls;
grant anon, authenticated, service_role to postgres with admin option;
";

/// What the platform's services own, and what `postgres` may do with it.
const OWNERS: &str = "
alter schema auth owner to supabase_auth_admin;
alter table auth.users owner to supabase_auth_admin;
alter function auth.uid() owner to supabase_auth_admin;
alter function auth.role() owner to supabase_auth_admin;
alter function auth.jwt() owner to supabase_auth_admin;
grant usage on schema auth to postgres;
grant all on auth.users to postgres;
alter schema storage owner to supabase_storage_admin;
alter table storage.buckets owner to supabase_storage_admin;
alter table storage.objects owner to supabase_storage_admin;
grant usage on schema storage to postgres;
grant all on storage.buckets, storage.objects to postgres, anon, authenticated, service_role;
create schema extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema public to postgres;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to postgres, anon, authenticated, service_role;
";

/// On the platform a library of its own lets `postgres` make policies on these two tables. Without it only a member
/// of their owner can.
const POLICIES: &str = "grant supabase_storage_admin to postgres";

/// Where a project differs from a plain Postgres, and why that is no difference of ours. Each holds for some line.
const EXCEPTIONS: [(&str, &str); 8] = [
    (" | default privileges | ", "what the platform gives to new objects; ours take it back"),
    ("auth | schema | ", "the platform's own, with its owner"),
    ("auth | relation | ", "the platform's own, with its owner"),
    ("auth | function | ", "the platform's own, with its owner"),
    ("storage | schema | ", "the platform's own, with its owner"),
    ("storage | relation | ", "the platform's own, with its owner"),
    ("storage | function | ", "the platform's own, with its owner"),
    ("extensions | schema | ", "the platform's own"),
];

/// A server as a project has it, with databases that hold what a new project holds.
pub struct Project(Cluster);

impl Project {
    pub fn start(databases: &[&str]) -> Self {
        let cluster = Options::default().tcp().start(&environment::tree().unwrap());
        let project = Self(cluster.unwrap());
        // Nobody can rename the role of their own session.
        project
            .connect("postgres", "template1")
            .batch_execute("create role renaming login superuser")
            .unwrap();
        project
            .connect("renaming", "template1")
            .batch_execute("alter role postgres rename to supabase_admin")
            .unwrap();
        let mut db = project.connect("supabase_admin", "template1");
        db.batch_execute(&format!("drop role renaming; {ROLES}")).unwrap();
        for name in databases {
            db.batch_execute(&format!("create database {name} owner postgres")).unwrap();
            let mut db = project.connect("supabase_admin", name);
            create_platform(&mut db);
            db.batch_execute(OWNERS).unwrap();
        }
        project
    }

    /// Lets `postgres` do what the platform lets it do.
    pub fn allow_policies(&self) {
        self.connect("supabase_admin", "template1").batch_execute(POLICIES).unwrap();
    }

    pub fn connect(&self, role: &str, database: &str) -> Client {
        let url = self.0.url(database).replacen("postgres@", &format!("{role}@"), 1);
        Client::connect(&url, postgres::NoTls).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// Where a program that speaks no unix socket finds it, as `postgres`.
    pub fn tcp_url(&self, database: &str) -> String {
        self.0.address().tcp_url(database, "postgres", "project")
    }

    pub fn pg_lora(&self, database: &str, arguments: &[&str]) -> Outcome {
        Outcome::of_pg_lora(&self.0.url(database), arguments)
    }

    /// The catalogue as a plain Postgres would have it.
    pub fn catalogue(&self, database: &str) -> Vec<String> {
        let mut lines = catalogue(&mut self.connect("supabase_admin", database));
        for (beginning, reason) in EXCEPTIONS {
            assert!(
                lines.iter().any(|line| line.starts_with(beginning)),
                "no \"{beginning}\" any more: {reason}"
            );
        }
        let is_native = lines.iter().any(|line| line.starts_with("lora | extension | "));
        for line in &mut lines {
            // What a trusted extension makes belongs to the server's own superuser.
            if is_native && line.starts_with("lora | function | ") {
                assert!(line.contains(" | supabase_admin | supabase_admin="), "{line}");
                *line = line.replace("supabase_admin", "postgres");
            }
            // The platform grants what an owner has.
            if line.starts_with("public | schema | ") {
                *line = line.replace(" postgres=CREATE postgres=USAGE", "");
            }
        }
        without_exceptions(lines)
    }
}

pub fn without_exceptions(mut lines: Vec<String>) -> Vec<String> {
    lines.retain(|line| !EXCEPTIONS.iter().any(|(beginning, _)| line.starts_with(beginning)));
    lines.sort();
    lines
}

#[test]
fn a_supabase_project_ends_like_a_plain_postgres() {
    let project = Project::start(&["fresh", "adopted"]);
    project.allow_policies();
    project.connect("postgres", "adopted").batch_execute(seed::SQL).unwrap();
    let plain = without_exceptions(schema(&Database::migrated()));
    for database in ["fresh", "adopted"] {
        project.pg_lora(database, &["migrate"]).expect(0);
        project.pg_lora(database, &["status", "--check"]).expect(0);
        let again = project.pg_lora(database, &["migrate", "--output", "json"]).expect(0).json();
        assert_eq!(again["changed"], json!(false), "{again}");
        project.pg_lora(database, &["verify"]).expect(0);
        if database == "adopted" {
            let theirs = "drop function public.update_updated_at_column()";
            project.connect("postgres", database).batch_execute(theirs).unwrap();
        }
        assert_same(&project.catalogue(database), &plain);
    }
}

/// The same where rows break rules, which are named.
#[test]
fn a_used_project_ends_like_a_plain_postgres_up_to_what_its_rows_break() {
    let project = Project::start(&["used"]);
    project.allow_policies();
    project.connect("postgres", "used").batch_execute(seed::SQL).unwrap();
    project.connect("supabase_admin", "used").batch_execute(ROWS).unwrap();
    let answer = project.pg_lora("used", &["migrate", "--output", "json"]).expect(0).json();
    project.pg_lora("used", &["verify"]).expect(0);
    let theirs = "drop function public.update_updated_at_column()";
    project.connect("postgres", "used").batch_execute(theirs).unwrap();
    let (lines, waiting) = as_if_validated(project.catalogue("used"));
    assert_same(&lines, &without_exceptions(schema(&Database::migrated())));
    let mut named = rules(&answer, "constraint");
    named.sort();
    assert_eq!(waiting, named);
    assert!(named.contains(&"training_jobs_status_check".to_owned()), "{answer}");
}

/// Restored without the migrator's own schema, as a dump of `public` alone is.
#[test]
fn a_restored_project_is_recognised_and_goes_on() {
    let project = Project::start(&["restored"]);
    project.allow_policies();
    project.pg_lora("restored", &["migrate"]).expect(0);
    let mut db = project.connect("postgres", "restored");
    db.batch_execute("drop schema lora_migrate cascade").unwrap();
    // What the platform gives to everybody on what is made anew.
    db.batch_execute("grant all on all tables in schema public to anon, authenticated").unwrap();
    project.pg_lora("restored", &["verify"]).expect(10);
    let plan = project.pg_lora("restored", &["plan", "--output", "json"]).expect(0).json();
    assert!(!plan["obstacles"].as_array().unwrap().is_empty(), "{plan}");
    project.pg_lora("restored", &["adopt", "--write"]).expect(0);
    project.pg_lora("restored", &["migrate"]).expect(0);
    project.pg_lora("restored", &["verify"]).expect(0);
    let plain = without_exceptions(schema(&Database::migrated()));
    assert_same(&project.catalogue("restored"), &plain);
}

/// Every half that runs as its owner runs as somebody who is no superuser here.
#[test]
fn everything_works_without_a_superuser() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    project.pg_lora("project", &["migrate"]).expect(0);
    // The API's connection is allowed to become each of its roles, and nothing else.
    let mut db = project.connect("postgres", "project");
    assert_eq!(value(&mut db, "select rolsuper from pg_roles where rolname = current_user"), json!(false));
    let alice = story::sign_up(&mut db, "alice");
    let dataset = story::ready_dataset(&mut db, &alice, 20);
    let job = story::queue_job(&mut db, &alice, &dataset, 2);
    assert_eq!(story::claim(&mut db, "w"), job);
    story::report(&mut db, &job, json!([story::point(1, json!("NaN")), story::point(2, json!(0.5))]))
        .unwrap();
    assert_eq!(story::complete(&mut db, &job).unwrap()["status"], "completed");
    let events = "select count(*) > 2 from public.training_job_events";
    assert_eq!(alice.ask(&mut db, events).unwrap(), json!(true));
    let object =
        format!("insert into storage.objects (bucket_id, name) values ('lora-datasets', '{}/x')", alice.id());
    assert_eq!(alice.write(&mut db, &object).unwrap(), 1);

    // The auth server deletes an account, with all that hangs on it.
    let mut auth = project.connect("supabase_auth_admin", "project");
    assert_eq!(auth.execute("delete from auth.users", &[]).unwrap(), 1);
    for table in TABLES {
        let count = format!("select count(*) from public.{table}");
        assert_eq!(value(&mut db, &count), json!(0), "{table}");
    }
}

/// Triggers on the platform's tables may be made and not dropped.
#[test]
fn a_function_whose_signature_changed_is_made_anew_without_a_superuser() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    project.pg_lora("project", &["migrate"]).expect(0);
    let before = project.catalogue("project");
    let older = "drop function public.check_dataset(text, jsonb);
         create function public.check_dataset(body text, options jsonb default null) returns text language sql as 'select body';
         update lora_migrate.layers set hash = 'another' where name = 'functions'";
    project.connect("postgres", "project").batch_execute(older).unwrap();
    let answer = project.pg_lora("project", &["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["functions"]["recreated"].as_array().unwrap().len(), 1, "{answer}");
    assert_same(&project.catalogue("project"), &before);
}

/// A server without the platform's library refuses the policies on its files: what came before stays, and the next
/// run goes on from there.
#[test]
fn a_right_that_is_missing_is_named_and_the_next_run_goes_on() {
    let project = Project::start(&["project"]);
    let refused = project.pg_lora("project", &["migrate"]).expect(4);
    assert!(refused.stderr.contains("must be owner of table objects (42501)"), "{}", refused.stderr);
    assert!(refused.stderr.contains("V0009__storage_policies.sql"), "{}", refused.stderr);
    project.pg_lora("project", &["status", "--check"]).expect(5);
    project.allow_policies();
    project.pg_lora("project", &["migrate"]).expect(0);
    let plain = without_exceptions(schema(&Database::migrated()));
    assert_same(&project.catalogue("project"), &plain);
}
