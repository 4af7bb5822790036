//! A fresh database for each test, on one server for each test program.
//!
//! The server starts with the first database that is asked for and ends with the process: a static is never
//! dropped, and a [`Cluster`] ends with its owner in whatever way that ends. Migrating takes longer than copying,
//! so a migrated database is a copy of one that `pg-lora migrate` has made; the roles of the platform, which
//! belong to the server, are there from then on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use postgres::Client;

use crate::program::Outcome;
use crate::{Cluster, Options, environment};

/// What everybody copies; nobody connects to it after it is made.
const TEMPLATE: &str = "migrated";
/// The same with the portable edition, made when it is asked for first.
const PORTABLE_TEMPLATE: &str = "migrated_portable";

/// The exit code of `pg-lora migrate` on a database that ends in another state than the program was built for.
const DRIFT: i32 = 10;

static SERVER: LazyLock<Cluster> = LazyLock::new(|| {
    let tree = environment::tree().unwrap_or_else(|error| panic!("{error:#}"));
    // A vacuum of the template would make a copy of it wait.
    let cluster = Options::default().set("autovacuum", "off").start(&tree);
    let cluster = cluster.unwrap_or_else(|error| panic!("{error:#}"));
    make_template(&cluster, TEMPLATE, "native");
    cluster
});

/// Migrates a database to be copied.
fn make_template(cluster: &Cluster, name: &str, provider: &str) {
    cluster.create_database(name).unwrap_or_else(|error| panic!("{error:#}"));
    let arguments = ["migrate", "--platform", "standalone", "--provider", provider];
    let outcome = Outcome::of_pg_lora(&cluster.url(name), &arguments);
    // All is written by then, and differs from what the program was built with: whoever changes the SQL comes by here.
    if outcome.code == Some(DRIFT) {
        assert!(
            environment::bless(),
            "the SQL makes something else than \"migrator/src/catalogue.json\" says:\n{}\n\
             hint: if that is meant, run \"cargo xtask test --only end-to-end --bless the_embedded_snapshot\"",
            outcome.stderr
        );
        return;
    }
    outcome.expect(0);
}

/// A database of one test; dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// With nothing in it. The platform's roles exist, as they belong to the server.
    ///
    /// # Panics
    /// If there is no server.
    pub fn empty() -> Self {
        Self::create("template1")
    }

    /// With everything in it that `pg-lora migrate --platform standalone` makes of an empty one.
    ///
    /// # Panics
    /// If there is no server, or it could not be migrated.
    pub fn migrated() -> Self {
        Self::migrated_to("native")
    }

    /// The same with the edition of schema `lora` that is named as `--provider` names it.
    ///
    /// # Panics
    /// If there is no server, or it could not be migrated.
    pub fn migrated_to(provider: &str) -> Self {
        static PORTABLE: OnceLock<()> = OnceLock::new();
        match provider {
            "portable" => {
                PORTABLE.get_or_init(|| make_template(&SERVER, PORTABLE_TEMPLATE, provider));
                Self::create(PORTABLE_TEMPLATE)
            }
            _ => Self::create(TEMPLATE),
        }
    }

    /// With schema `lora` of the portable edition and nothing else, made in one batch by a role that may do nothing but
    /// create in its own database.
    ///
    /// # Panics
    /// If there is no server, or it refuses one of the files.
    pub fn portable() -> Self {
        let database = Self::empty();
        let mut db = database.connect();
        db.batch_execute(
            "do $$ begin create role portable_owner; exception when duplicate_object or unique_violation then null; end $$;
             create schema lora authorization portable_owner; grant usage on schema lora to public;
             set role portable_owner; set search_path = ''",
        )
        .unwrap();
        db.batch_execute(&Self::portable_files()).unwrap();
        database
    }

    /// The files of the portable edition in their order.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn portable_files() -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/portable");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// With the platform of this project's own files, on which `before` and then the specification's SQL were run by
    /// hand.
    ///
    /// # Panics
    /// If there is no server, or it refuses one of them.
    pub fn seeded(before: &str) -> Self {
        let database = Self::empty();
        let mut db = database.connect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/platform");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
        // Roles are there already.
        for text in texts.filter(|text| !text.starts_with("-- required: role")) {
            db.batch_execute(&text).unwrap();
        }
        db.batch_execute(before).unwrap();
        db.batch_execute(include_str!("../fixtures/seed.sql")).unwrap();
        database
    }

    fn create(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        administer(&format!("create database {name} template {template}"));
        Self { name }
    }

    /// The server that it is on.
    pub fn server(&self) -> &'static Cluster {
        &SERVER
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL over the unix socket, as the superuser `postgres`.
    pub fn url(&self) -> String {
        SERVER.url(&self.name)
    }

    /// A connection as the superuser `postgres`.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn connect(&self) -> Client {
        SERVER.connect(&self.name).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Runs `pg-lora` on it.
    pub fn pg_lora(&self, arguments: &[&str]) -> Outcome {
        Outcome::of_pg_lora(&self.url(), arguments)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A failing test leaves connections, and its own message is the one to read.
        if !std::thread::panicking() {
            administer(&format!("drop database if exists {} with (force)", self.name));
        }
    }
}

fn administer(sql: &str) {
    let client = SERVER.connect("postgres");
    let mut client = client.unwrap_or_else(|error| panic!("{error:#}"));
    client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
