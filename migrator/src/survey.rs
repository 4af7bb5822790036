//! One look at a database: everything that `status`, the plan and the checks before and after a run go by.
//!
//! Invariant: it writes nothing, reads no table of ours unless every version was applied and a rule still waits, and needs no right beyond reading; all of it is seen in one
//! snapshot.
//! Refused: servers older than PostgreSQL 15, before anything else is asked of them.

use std::collections::HashMap;

use postgres::types::Type;
use postgres::{IsolationLevel, SimpleQueryMessage, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::broken::Broken;
use crate::connect::Session;
use crate::embedded::{self, BUILD_VERSION, PlatformThing};
use crate::error::{Error, Exit};
use crate::history::{self, Recorded};
use crate::layer::{self, Layer};
use crate::settings::{self, Settings};
use crate::standing::Dependant;
use crate::{broken, buckets, query, sql_error};

/// The first server with everything that the migrations use (nulls not distinct, security invoker views,
/// merge).
const OLDEST_SERVER: i32 = 150_000;

/// What a database is like.
pub struct Survey {
    pub facts: Facts,
    /// Empty where the table is not there.
    pub history: Vec<Recorded>,
    pub layers: Vec<Layer>,
    pub settings: Settings,
    /// The rows of our buckets, as they are; None where they cannot be seen.
    pub buckets: Option<Vec<Value>>,
    /// Rules of ours that wait for rows to be mended. Empty while versions are pending.
    pub waiting: Vec<Broken>,
}

/// What the catalogues say; see `survey.sql`.
#[derive(Deserialize)]
pub struct Facts {
    pub server_version: String,
    pub database: String,
    pub role: String,
    pub encoding: String,
    pub read_only: bool,
    pub may_create_schemas: bool,
    pub may_create_roles: bool,
    platform: Vec<String>,
    tables: HashMap<String, Table>,
    pub extension: Option<Extension>,
    /// What the server offers; not asked where this build's version is installed.
    pub extension_versions: Vec<String>,
    pub extension_updatable: bool,
    /// Whether the role may create the extension, where that is a question.
    pub extension_allowed: bool,
    /// Whether schema `lora` has its functions without the extension.
    pub portable: bool,
    /// Whether the role owns schema `lora` and the functions in it, or may make them.
    pub lora_owned: bool,
    /// What of others stands on functions that only one edition has.
    pub lora_dependants: Vec<Dependant>,
    pub schema_lora_usable: bool,
}

/// A table that may be there.
#[derive(Deserialize)]
struct Table {
    readable: bool,
    filtered: bool,
}

/// The installed extension.
#[derive(Deserialize)]
pub struct Extension {
    pub version: String,
    pub schema: String,
}

impl Facts {
    /// The things of the platform that are not there.
    pub fn missing_platform(&self) -> Vec<PlatformThing> {
        embedded::platform().filter(|thing| !self.platform.iter().any(|found| found == thing.name)).collect()
    }

    /// Whether one of the tables that `survey.sql` looks for is there.
    pub fn has_table(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// A table's rows are all to be seen; an error where they are only partly, None where there is no such
    /// table.
    pub fn may_read(&self, name: &str) -> Result<bool, Error> {
        match self.tables.get(name) {
            None => Ok(false),
            Some(Table { readable: true, filtered: false }) => Ok(true),
            Some(_) => {
                Err(Error::new(Exit::Denied, format!("role \"{}\" may not read \"{name}\"", self.role)).hint(
                    format!("grant pg_read_all_data to \"{}\", or use the role that migrated", self.role),
                ))
            }
        }
    }
}

/// Looks.
pub fn take(session: &mut Session) -> Result<Survey, Error> {
    look(session, |_, survey| Ok(survey))
}

/// Looks, and asks more of the same snapshot.
pub fn look<T>(
    session: &mut Session,
    more: impl FnOnce(&mut Transaction, Survey) -> Result<T, Error>,
) -> Result<T, Error> {
    session.interrupt.check()?;
    let doing = "looking at the database";
    let mut transaction = session
        .client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .map_err(|error| sql_error::while_doing(&error, doing))?;
    check_server(&mut transaction)?;
    let survey = read(&mut transaction)?;
    let found = more(&mut transaction, survey)?;
    transaction.rollback().map_err(|error| sql_error::while_doing(&error, doing))?;
    Ok(found)
}

/// The same in a transaction that is open.
pub fn read(transaction: &mut Transaction) -> Result<Survey, Error> {
    let doing = "looking at the database";
    let facts = facts(transaction)?;
    let history = match facts.may_read(history::TABLE)? {
        true => query::json(transaction, history::RECORDED, &[], doing)?,
        false => Vec::new(),
    };
    let layers = match facts.may_read(layer::TABLE)? {
        true => query::json(transaction, layer::RECORDED, &[], doing)?,
        false => Vec::new(),
    };
    let settings = match facts.may_read(settings::TABLE)? {
        true => query::json(transaction, settings::RECORDED, &[], doing)?,
        false => Settings::default(),
    };
    // A role that sees no bucket can still migrate everything else; that is said, not refused.
    let buckets = match facts.may_read(buckets::TABLE) {
        Ok(true) => Some(query::json(transaction, &buckets::rows_sql(), &[], doing)?),
        _ => None,
    };
    // Another runner's version may hold a table as long as it takes.
    let waiting = match history.len() == embedded::versions().len() {
        true => broken::waiting(transaction)?,
        false => Vec::new(),
    };
    Ok(Survey { facts, history, layers, settings, buckets, waiting })
}

/// What the catalogues say now.
pub fn facts(transaction: &mut Transaction) -> Result<Facts, Error> {
    let things: Value =
        embedded::platform().map(|thing| json!({ "kind": thing.kind, "name": thing.name })).collect();
    query::json(
        transaction,
        include_str!("survey.sql"),
        &[(&things, Type::JSONB), (&BUILD_VERSION, Type::TEXT)],
        "looking at the database",
    )
}

fn check_server(transaction: &mut Transaction) -> Result<(), Error> {
    let doing = "asking the server for its version";
    let answer = transaction
        .simple_query(
            "set local lock_timeout = '3s';
             select current_setting('server_version_num'), current_setting('server_version')",
        )
        .map_err(|error| sql_error::while_doing(&error, doing))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.parse::<i32>().ok()?, row.get(1)?.to_owned())),
        _ => None,
    });
    match row {
        Some((number, _)) if number >= OLDEST_SERVER => Ok(()),
        Some((_, version)) => Err(Error::new(
            Exit::Refused,
            format!("the server is PostgreSQL {version}, and pg_lora needs 15 or later"),
        )
        .hint("upgrade the server, or name another one")),
        None => Err(Error::new(Exit::Internal, "the server did not tell its version")),
    }
}
