//! Schema public of the connected database, as `live.sql` tells it.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Transaction;
use serde::Deserialize;

use crate::error::Error;
use crate::{query, sql_error};

/// Everything that clients see.
#[derive(Deserialize)]
pub struct Live {
    pub relations: Vec<Relation>,
    pub functions: Vec<Function>,
    pub enumerations: Vec<String>,
    pub composites: Vec<Composite>,
    /// By their number on this server.
    types: BTreeMap<String, Type>,
}

/// A table or a view.
#[derive(Deserialize)]
pub struct Relation {
    pub name: String,
    pub is_view: bool,
    pub comment: Option<String>,
    pub columns: Vec<Column>,
    pub references: Vec<Reference>,
}

/// A column of it.
#[derive(Deserialize)]
pub struct Column {
    pub name: String,
    pub r#type: String,
    not_null: bool,
    /// Also of an identity.
    pub has_default: bool,
    /// Nobody can write it.
    pub is_always_generated: bool,
    pub comment: Option<String>,
}

/// A foreign key between two relations of the schema.
#[derive(Deserialize)]
pub struct Reference {
    pub name: String,
    pub columns: Vec<String>,
    pub relation: String,
    pub referenced_columns: Vec<String>,
    /// Whether its columns are unique.
    pub is_one_to_one: bool,
}

/// A function.
#[derive(Deserialize)]
pub struct Function {
    pub name: String,
    pub comment: Option<String>,
    pub arguments: Vec<Argument>,
    /// Of a function that returns a table of its own.
    pub columns: Vec<Field>,
    pub returns: String,
    pub is_set: bool,
}

/// An argument that is passed.
#[derive(Deserialize)]
pub struct Argument {
    pub name: String,
    pub r#type: String,
    pub has_default: bool,
}

/// A composite type that is no table.
#[derive(Deserialize)]
pub struct Composite {
    pub name: String,
    pub columns: Vec<Field>,
}

/// A name and a type.
#[derive(Deserialize)]
pub struct Field {
    pub name: String,
    pub r#type: String,
}

#[derive(Deserialize)]
struct Type {
    name: String,
    is_public: bool,
    /// `pg_type.typtype`.
    kind: String,
    /// Of an array.
    element: Option<String>,
    /// Of a domain.
    base: Option<String>,
    not_null: bool,
    /// Of an enumeration.
    labels: Vec<String>,
    /// The relation whose rows it is.
    relation: Option<String>,
    is_view: Option<bool>,
}

/// What a type is to a client.
pub enum Kind<'l> {
    Boolean,
    Number,
    Text,
    Json,
    Nothing,
    Array(Box<Kind<'l>>),
    /// One of the schema's.
    Enumeration(&'l str),
    /// Another schema's.
    Words(&'l [String]),
    Row {
        relation: &'l str,
        is_view: bool,
    },
    Composite(&'l str),
    Unknown,
}

impl Live {
    /// Asks, in a transaction that reads.
    pub fn read(transaction: &mut Transaction, doing: &str) -> Result<Self, Error> {
        transaction
            .batch_execute("set local search_path = ''; set local jit = off")
            .map_err(|error| sql_error::while_doing(&error, doing))?;
        query::json(transaction, include_str!("live.sql"), &[], doing)
    }

    /// What values of a type look like in JSON.
    pub fn kind(&self, number: &str) -> Kind<'_> {
        self.kind_within(number, &mut BTreeSet::new())
    }

    fn kind_within<'l>(&'l self, number: &str, seen: &mut BTreeSet<String>) -> Kind<'l> {
        // No type of Postgres contains itself in this way; a catalogue that is damaged might.
        let Some(of) = self.types.get(number).filter(|_| seen.insert(number.to_owned())) else {
            return Kind::Unknown;
        };
        if let Some(element) = &of.element {
            return Kind::Array(Box::new(self.kind_within(element, seen)));
        }
        match (of.kind.as_str(), of.name.as_str()) {
            ("d", _) => of.base.as_deref().map_or(Kind::Unknown, |base| self.kind_within(base, seen)),
            ("e", name) if of.is_public => Kind::Enumeration(name),
            ("e", _) => Kind::Words(&of.labels),
            ("c", name) => match &of.relation {
                Some(relation) => Kind::Row { relation, is_view: of.is_view == Some(true) },
                None if of.is_public => Kind::Composite(name),
                None => Kind::Unknown,
            },
            (_, "bool") => Kind::Boolean,
            (_, "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "oid") => Kind::Number,
            (_, "json" | "jsonb") => Kind::Json,
            (_, "void") => Kind::Nothing,
            ("p", _) => Kind::Unknown,
            // Whatever is none of these is a text in JSON: instants, ids, ranges, bytes, addresses.
            _ => Kind::Text,
        }
    }

    /// Labels of an enumeration of the schema.
    pub fn labels(&self, name: &str) -> &[String] {
        let of = self.types.values().find(|of| of.is_public && of.kind == "e" && of.name == name);
        of.map_or(&[], |of| &of.labels)
    }

    /// Whether a column of a table may be NULL. Of a view nobody knows.
    pub fn is_nullable(&self, relation: &Relation, column: &Column) -> bool {
        let is_never_null = column.not_null || self.types.get(&column.r#type).is_some_and(|of| of.not_null);
        relation.is_view || !is_never_null
    }

    /// A relation.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }
}
