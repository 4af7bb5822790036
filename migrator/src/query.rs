//! Asking the server one question and getting one answer.
//!
//! Invariant: statements are unnamed, so that they work through a transaction pooler too; every answer is one
//! jsonb, so that no column is read by its place.

use postgres::Transaction;
use postgres::types::{ToSql, Type};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Exit};
use crate::sql_error;

/// A value for `$1`, `$2`, … and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The one value of a query that answers with one jsonb. `doing` is for messages.
pub fn json<T: DeserializeOwned>(
    transaction: &mut Transaction,
    sql: &str,
    parameters: &[Parameter],
    doing: &str,
) -> Result<T, Error> {
    let row = transaction
        .query_typed_one(sql, parameters)
        .map_err(|error| sql_error::while_doing(&error, doing))?;
    // SQL's NULL is JSON's.
    let value: Option<Value> = row.try_get(0).map_err(|error| sql_error::while_doing(&error, doing))?;
    serde_json::from_value(value.unwrap_or_default()).map_err(|error| {
        Error::new(Exit::Internal, format!("{doing}: the answer is not understood: {error}"))
    })
}
