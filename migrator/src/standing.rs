//! A second look at a database, at what stands there under our names, on our tables, and on what the pending versions
//! change.
//!
//! Invariant: it writes nothing, and asks the catalogues only; whether an expression still has a meaning when its
//! columns have another type is asked of the server's own parser, which is what a change of the type would do.

use postgres::Transaction;
use postgres::types::Type;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declared::{self, What};
use crate::error::Error;
use crate::foreign::SEED_FUNCTION;
use crate::{query, sql_error};

const DOING: &str = "looking at what stands on the tables";

/// What stands around the names of a key's columns.
const KEY_SIGNS: [char; 5] = ['(', ')', ',', ' ', '\n'];

/// What stands there; see `standing.sql`.
#[derive(Debug, Default, Deserialize)]
pub struct Standing {
    pub relations: Vec<Relation>,
    /// Types that are no tables, under names of ours.
    pub types: Vec<String>,
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    pub indexes: Vec<OnTable>,
    pub policies: Vec<Policy>,
    pub triggers: Vec<Trigger>,
    pub rules: Vec<Rule>,
    /// What else stands on tables of ours, or refers to them.
    pub others: Vec<Named>,
    /// Functions of our names, and whatever is in our schemas.
    pub functions: Vec<Function>,
    /// What blocks a change of a type or the end of a key.
    #[serde(default)]
    pub dependants: Vec<Dependant>,
}

/// What blocks a change; see `standing_dependants.sql`.
#[derive(Deserialize)]
struct Dependants {
    dependants: Vec<Dependant>,
    expressions: Vec<Expression>,
}

/// A table, view, index, sequence or type of rows.
#[derive(Debug, Deserialize)]
pub struct Relation {
    pub name: String,
    /// As `relkind` has it.
    pub kind: String,
    /// Whether row-level security binds the owner too.
    pub forced: bool,
    pub owner: String,
    /// Whether the role may do what the owner may.
    pub owned: bool,
    pub definition: Option<String>,
    pub valid: Option<bool>,
}

/// A column of one of our tables.
#[derive(Debug, Deserialize)]
pub struct Column {
    pub table: String,
    pub name: String,
    pub r#type: String,
    pub not_null: bool,
    pub default: Option<String>,
    /// By an expression, or as an identity.
    pub generated: bool,
}

/// A constraint on one of our tables.
#[derive(Debug, Deserialize)]
pub struct Constraint {
    pub table: String,
    pub name: String,
    pub definition: String,
}

/// An index on one of our tables.
#[derive(Debug, Deserialize)]
pub struct OnTable {
    pub table: String,
    pub name: String,
}

/// A rule on one of our tables.
#[derive(Debug, Deserialize)]
pub struct Rule {
    pub table: String,
    pub name: String,
    /// Whether it replaces what was asked for.
    pub instead: bool,
}

/// A policy on one of our tables.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
pub struct Policy {
    pub table: String,
    pub name: String,
    pub permissive: bool,
    pub command: String,
    pub roles: Vec<String>,
    pub using: Option<String>,
    pub check: Option<String>,
}

/// A trigger on one of our tables, or on a table of the platform that we have one on.
#[derive(Debug, Deserialize)]
pub struct Trigger {
    pub table: String,
    pub name: String,
    pub function: String,
}

/// Something by its kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
pub struct Named {
    pub r#type: String,
    pub identity: String,
}

/// A function.
#[derive(Debug, Deserialize)]
pub struct Function {
    pub name: String,
    pub r#type: String,
    pub identity: String,
}

/// What needs something to stay as it is, and the statement that takes it away.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependant {
    pub r#type: String,
    pub identity: String,
    pub needs: String,
    pub remedy: String,
}

/// An expression of somebody's over a table that changes, and a question that fails where it has no meaning then.
#[derive(Debug, Deserialize)]
struct Expression {
    #[serde(flatten)]
    dependant: Dependant,
    question: String,
}

impl Standing {
    /// A relation by its name.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// A column by its table and name.
    pub fn column(&self, table: &str, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.table == table && column.name == name)
    }

    /// A constraint by its table and name.
    pub fn constraint(&self, table: &str, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.table == table && constraint.name == name)
    }
}

/// Looks. `applied` is how many versions are recorded: what the later ones change is what matters.
pub fn look(transaction: &mut Transaction, applied: usize) -> Result<Standing, Error> {
    // Names in answers have their schema then. The planner takes the question for a big one, and compiling it would
    // take 3 s where answering it takes 30 ms.
    transaction
        .batch_execute("set local search_path = ''; set local lock_timeout = '3s'; set local jit = off")
        .map_err(|error| sql_error::while_doing(&error, DOING))?;
    let mut question = question(applied);
    let mut standing: Standing =
        query::json(transaction, include_str!("standing.sql"), &[(&question, Type::JSONB)], DOING)?;
    if !keep_changes(&mut question, &standing) {
        return Ok(standing);
    }
    let dependants = include_str!("standing_dependants.sql");
    let Dependants { dependants, expressions } =
        query::json(transaction, dependants, &[(&question, Type::JSONB)], DOING)?;
    standing.dependants = dependants;
    for Expression { dependant, question } in expressions {
        if !has_meaning(transaction, &question)? {
            standing.dependants.push(dependant);
        }
    }
    Ok(standing)
}

fn has_meaning(transaction: &mut Transaction, question: &str) -> Result<bool, Error> {
    let failed = |error| sql_error::while_doing(&error, DOING);
    let mut savepoint = transaction.transaction().map_err(failed)?;
    let outcome = savepoint.batch_execute(question);
    savepoint.rollback().map_err(failed)?;
    match outcome {
        Err(error) if error.as_db_error().is_none() => Err(failed(error)),
        outcome => Ok(outcome.is_ok()),
    }
}

/// Leaves the changes of tables that are there, and says whether there are any: the second question takes as long to plan as
/// all the rest to answer, and a database that is new, or up to date, has none.
fn keep_changes(question: &mut Value, standing: &Standing) -> bool {
    let mut left = false;
    for list in ["retyped", "dropped", "updated", "rekeyed"] {
        if let Some(changes) = question[list].as_array_mut() {
            changes.retain(|change| {
                let table = change.as_str().or_else(|| change["table"].as_str());
                table.is_some_and(|table| standing.relation(table).is_some())
            });
            left |= !changes.is_empty();
        }
    }
    left
}

/// The names to ask for.
fn question(applied: usize) -> Value {
    let mut tables = Vec::new();
    let mut relations = Vec::new();
    let mut functions = vec![SEED_FUNCTION.to_owned()];
    let mut retyped = Vec::new();
    let mut dropped = Vec::new();
    let mut updated = Vec::new();
    let mut rekeyed = Vec::new();
    for item in declared::all() {
        let pending = item.version.is_some_and(|version| version > applied as i32);
        match &item.what {
            What::Table { name, .. } => {
                tables.push(name.clone());
                relations.push(name.clone());
            }
            What::Trigger { table, .. } | What::Policy { table, .. } => tables.push(table.clone()),
            What::Index { table, name, .. } => relations.push(in_schema_of(table, name)),
            What::Constraint { table, name, definition, inline } => {
                relations.push(in_schema_of(table, name));
                if let Some(key) = definition.strip_prefix("primary key").filter(|_| pending && !inline) {
                    let columns: Vec<&str> = key.split(KEY_SIGNS).filter(|name| !name.is_empty()).collect();
                    rekeyed.push(json!({ "table": table, "name": name, "columns": columns }));
                }
            }
            What::Update { table } if pending => updated.push(table.clone()),
            What::Function { name } => functions.push(name.clone()),
            What::Retype { table, column, r#type } if pending => {
                retyped.push(json!({ "table": table, "column": column, "type": r#type }));
            }
            What::DropConstraint { table, name } if pending => {
                dropped.push(json!({ "table": table, "name": name }));
            }
            _ => {}
        }
    }
    tables.sort();
    tables.dedup();
    json!({
        "tables": tables, "relations": relations, "functions": functions,
        "retyped": retyped, "dropped": dropped, "updated": updated, "rekeyed": rekeyed,
    })
}

/// A name in the schema of a table.
pub fn in_schema_of(table: &str, name: &str) -> String {
    format!("{}.{name}", table.split_once('.').map_or("public", |(schema, _)| schema))
}
