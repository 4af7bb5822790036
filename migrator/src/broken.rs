//! Rows of an adopted database that break a rule: which rule, how many, the first of them, and what ends it.
//!
//! Invariant: no row is changed here. Rules are read off the catalogue and off the embedded SQL: a constraint of ours
//! that is not validated, with its own expression; a unique index of ours that is not there; the foreign keys between
//! tables whose rows have an owner.

use postgres::Transaction;
use postgres::types::Type;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::declared::{self, What};
use crate::error::Error;
use crate::step::Step;
use crate::{query, sql_error};

const DOING: &str = "looking for rows that break a rule";

/// A rule that does not hold for every row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// constraint, index or ownership.
    pub r#type: String,
    /// The name of the constraint, of the index, or of the foreign key whose rows belong to different users.
    pub rule: String,
    pub table: String,
    /// None where this role does not see every row.
    pub rows: Option<u64>,
    /// The keys of the first ten.
    pub ids: Vec<String>,
    /// The statement that makes the rule hold for all rows, once none breaks it; `pg-lora migrate` runs it.
    pub mend: Option<String>,
}

/// Points that an application sent more than once, and that stand beside the curve.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    pub rows: u64,
    pub jobs: u64,
    /// Of the first ten jobs: {job_id, rows}.
    pub first: Vec<Value>,
}

/// A rule, and how to find the rows that break it.
#[derive(Deserialize)]
struct Rule {
    r#type: String,
    name: String,
    table: String,
    key: String,
    condition: String,
    mend: Option<String>,
    readable: bool,
}

impl Broken {
    /// Whether nothing is in the way of the statement that mends it.
    pub fn can_be_mended(&self) -> bool {
        self.rows == Some(0) && self.mend.is_some()
    }
}

/// Constraints and unique indexes of ours that wait for rows to be mended; all versions must have been applied.
pub fn waiting(transaction: &mut Transaction) -> Result<Vec<Broken>, Error> {
    let mut constraints = Vec::new();
    let mut indexes = Vec::new();
    for item in declared::all() {
        match &item.what {
            What::Constraint { table, name, .. } => constraints.push(json!({ "table": table, "name": name })),
            What::Index { table, name, unique: Some(key), statement, .. } => indexes.push(json!({
                "table": table, "name": name, "columns": key.columns,
                "predicate": key.predicate.as_deref().unwrap_or("true"), "statement": statement,
            })),
            _ => {}
        }
    }
    let (constraints, indexes) = (Value::Array(constraints), Value::Array(indexes));
    let parameters = [(&constraints as _, Type::JSONB), (&indexes as _, Type::JSONB)];
    rows(transaction, include_str!("broken_waiting.sql"), &parameters)
}

/// Rows that point at a row of another user.
pub fn ownership(transaction: &mut Transaction) -> Result<Vec<Broken>, Error> {
    let tables: Value = tables();
    let mut broken = rows(transaction, include_str!("broken_ownership.sql"), &[(&tables, Type::JSONB)])?;
    broken.retain(|broken| broken.rows != Some(0));
    Ok(broken)
}

/// Points of the attempts 0, -1 and so on. None where this role does not see them.
pub fn repeated(transaction: &mut Transaction) -> Result<Option<Repeated>, Error> {
    let readable: bool = query::json(
        transaction,
        "select to_jsonb(bool_and(has_table_privilege(oid, 'select') and not row_security_active(oid)))
         from unnest(array['public.metrics_points', 'public.training_jobs']::regclass[]) as oid",
        &[],
        DOING,
    )?;
    match readable {
        true => Ok(Some(query::json(transaction, include_str!("broken_repeated.sql"), &[], DOING)?)),
        false => Ok(None),
    }
}

/// Makes hold what no row breaks any more. Some says what.
pub fn mend(step: &mut Step) -> Result<Option<Vec<Broken>>, Error> {
    let mut mended = waiting(step.transaction())?;
    mended.retain(Broken::can_be_mended);
    for broken in &mended {
        step.run(
            broken.mend.as_deref().unwrap_or_default(),
            &format!("making {} \"{}\" hold", broken.r#type, broken.rule),
        )?;
    }
    Ok(Some(mended).filter(|mended| !mended.is_empty()))
}

fn tables() -> Value {
    let names = declared::all().iter().filter_map(|item| match &item.what {
        What::Table { name, .. } => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// Asks for the rules, and then for the rows that break each.
fn rows(
    transaction: &mut Transaction,
    sql: &str,
    parameters: &[query::Parameter],
) -> Result<Vec<Broken>, Error> {
    // Expressions name what they use with its schema then.
    transaction
        .batch_execute("set local search_path = ''")
        .map_err(|error| sql_error::while_doing(&error, DOING))?;
    let rules: Vec<Rule> = query::json(transaction, sql, parameters, DOING)?;
    let mut found = Vec::new();
    for Rule { r#type, name, table, key, condition, mend, readable } in rules {
        let (rows, ids) = match readable {
            false => (None, Vec::new()),
            true => {
                let (rows, ids): (u64, Vec<String>) = query::json(
                    transaction,
                    &format!(
                        "with broken as (select {key} as id from {table} as this where {condition})
                         select jsonb_build_array((select count(*) from broken), (
                           select coalesce(jsonb_agg(id), '[]') from (select id from broken order by id limit 10) as first))"
                    ),
                    &[],
                    DOING,
                )?;
                (Some(rows), ids)
            }
        };
        found.push(Broken { r#type, rule: name, table, rows, ids, mend });
    }
    Ok(found)
}
