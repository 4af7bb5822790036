//! The cells of a row, read from its JSON: which are there, which are NULL, and what the others hold.
//!
//! Refused: a cell of another type than its column has, by the column's name. Keys that are no column of figures
//! are not looked at, so a whole row can be passed.

use super::figure::Figure;
use crate::error::{Error, Result};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// The members of a JSON object, as they are written.
pub(super) struct Cells<'a>(HashMap<String, &'a RawValue>);

/// What a row has in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<T> {
    /// The row has no such column.
    Absent,
    /// The column is NULL.
    Null,
    /// A value.
    Is(T),
}

impl<T> Cell<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Cell::Is(value) => Some(value),
            Cell::Absent | Cell::Null => None,
        }
    }
}

impl<'a> Cells<'a> {
    /// The cells of a row; `what` names it in the error.
    pub fn parse(what: &str, json: &'a str) -> Result<Self> {
        // A value is passed over without being read, however deep it is and however large its numbers are.
        serde_json::from_str(json).map(Self).map_err(|_| {
            Error::invalid_argument(
                format!("\"{what}\" is not a JSON object"),
                "Pass an object with the columns of one row, such as to_jsonb(datasets).",
            )
        })
    }

    /// A number.
    pub fn figure(&self, key: &str) -> Result<Cell<Figure<'a>>> {
        self.read(key, "a number", |json| Figure::parse(key, json))
    }

    /// A boolean.
    pub fn boolean(&self, key: &str) -> Result<Cell<bool>> {
        self.read(key, "a boolean", |json| json.parse().ok().map(Ok))
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Cell<String>> {
        self.read(key, "a text", |json| serde_json::from_str(json).ok().map(Ok))
    }

    /// A value of whatever type, as it is written.
    pub fn any(&self, key: &str) -> Cell<&'a str> {
        match self.0.get(key).map(|raw| raw.get()) {
            None => Cell::Absent,
            Some("null") => Cell::Null,
            Some(json) => Cell::Is(json),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<Result<T>>,
    ) -> Result<Cell<T>> {
        match self.any(key) {
            Cell::Absent => Ok(Cell::Absent),
            Cell::Null => Ok(Cell::Null),
            Cell::Is(json) => match parse(json) {
                Some(value) => value.map(Cell::Is),
                None => Err(Error::invalid_argument(
                    format!("\"{key}\" is {}, {expected} is expected", type_of(json)),
                    format!("Pass {expected} or null for \"{key}\", or leave it out."),
                )),
            },
        }
    }
}

fn type_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}
