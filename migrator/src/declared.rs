//! What the embedded SQL makes, read off its text: the names that are ours, and what becomes of columns.
//!
//! Invariant: nothing about tables, columns, constraints, indexes, policies, triggers and functions is written down a
//! second time in this program, so that what it checks and reports cannot drift from what it runs. That the text is
//! read rightly is a test's to say, which compares this with the catalogue of a database that was migrated.
//!
//! Understood is the SQL of this project, not all of SQL: statements as they stand in the files, in DO blocks, and in
//! the literals that these execute.

use std::sync::LazyLock;

use crate::embedded::{self, FUNCTION_FILES};
use crate::sql_tokens::{Kind, Token, items, parenthesised, tokens};

/// Something that the SQL makes or changes, and which version does; None for the layer of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub version: Option<i32>,
    pub what: What,
}

/// What it is. Tables are named with their schema, like functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Table {
        name: String,
        if_absent: bool,
    },
    /// `created` tells a column of a new table from one that is added to a table.
    Column {
        table: String,
        name: String,
        shape: Shape,
        created: bool,
    },
    Retype {
        table: String,
        column: String,
        r#type: String,
    },
    NotNull {
        table: String,
        column: String,
    },
    Default {
        table: String,
        column: String,
    },
    /// `inline`: it came with its table, and has the name that the server gives it.
    Constraint {
        table: String,
        name: String,
        definition: String,
        inline: bool,
    },
    DropConstraint {
        table: String,
        name: String,
    },
    Index {
        table: String,
        name: String,
        unique: Option<Key>,
        /// As it would be made in a transaction.
        statement: String,
        concurrently: bool,
    },
    Policy {
        table: String,
        name: String,
    },
    DropPolicy {
        table: String,
        name: String,
    },
    Trigger {
        table: String,
        name: String,
    },
    Function {
        name: String,
    },
    /// Rows of a table change.
    Update {
        table: String,
    },
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// As `format_type` says it.
    pub r#type: String,
    pub not_null: bool,
    pub default: Option<String>,
}

/// What a unique index keeps apart: pieces of its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub columns: String,
    pub predicate: Option<String>,
}

/// Everything that this build's SQL declares, in the order in which it is run.
pub fn all() -> &'static [Declared] {
    static ALL: LazyLock<Vec<Declared>> = LazyLock::new(|| {
        let versions = embedded::versions().iter().map(|version| (Some(version.number), version.sql));
        let files = FUNCTION_FILES.iter().map(|file| (None, file.text));
        let declared = versions
            .chain(files)
            .flat_map(|(version, text)| read(text).into_iter().map(move |what| Declared { version, what }));
        declared.collect()
    });
    &ALL
}

/// What a text declares.
pub fn read(text: &str) -> Vec<What> {
    let mut found = Vec::new();
    let all = tokens(text);
    for statement in all.split(|token| token.is_sign(';')) {
        for start in 0..statement.len() {
            let rest = &statement[start..];
            if (rest[0].is("do") || rest[0].is("execute"))
                && let Some(inner) = rest.get(1).and_then(Token::inside)
            {
                found.append(&mut read(&inner));
            }
            found.append(&mut declaration(text, rest));
        }
    }
    found
}

/// What begins with the first of these tokens.
fn declaration(text: &str, tokens: &[Token]) -> Vec<What> {
    let rest = |skipped: usize| tokens.get(skipped..).unwrap_or_default();
    match words(tokens, 4).as_slice() {
        ["create", "table", "if", "not"] => table(text, rest(5), true),
        ["create", "table", ..] => table(text, rest(2), false),
        ["alter", "table", ..] => alterations(text, rest(2)),
        ["create", "unique", "index", ..] => index(text, tokens, 3).into_iter().collect(),
        ["create", "index", ..] => index(text, tokens, 2).into_iter().collect(),
        ["create", "policy", ..] => {
            on(rest(2)).map(|(name, table)| What::Policy { table, name }).into_iter().collect()
        }
        ["drop", "policy", "if", "exists"] => {
            on(rest(4)).map(|(name, table)| What::DropPolicy { table, name }).into_iter().collect()
        }
        ["create", "or", "replace", "trigger"] => {
            on(rest(4)).map(|(name, table)| What::Trigger { table, name }).into_iter().collect()
        }
        ["create", "or", "replace", "function"] => {
            qualified(rest(4)).map(|(name, _)| What::Function { name }).into_iter().collect()
        }
        // A name with a schema: a policy is `for update to` somebody.
        ["update", ..] => qualified(rest(1))
            .filter(|(_, length)| *length > 1)
            .map(|(table, _)| What::Update { table })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// The first so many tokens, as far as they are keywords.
pub fn words<'a>(tokens: &[Token<'a>], count: usize) -> Vec<&'a str> {
    tokens.iter().take(count).map_while(|token| (token.kind == Kind::Word).then_some(token.text)).collect()
}

/// A name with its schema, and how many tokens it is.
pub fn qualified(tokens: &[Token]) -> Option<(String, usize)> {
    let mut name = tokens.first()?.name()?;
    let mut length = 1;
    while tokens.get(length).is_some_and(|token| token.is_sign('.')) {
        name = format!("{name}.{}", tokens.get(length + 1)?.name()?);
        length += 2;
    }
    Some((name, length))
}

/// `name … on table`.
fn on(tokens: &[Token]) -> Option<(String, String)> {
    let at = tokens.iter().position(|token| token.is("on"))?;
    Some((tokens.first()?.name()?, qualified(&tokens[at + 1..])?.0))
}

/// The text that these tokens are.
pub fn source<'a>(text: &'a str, tokens: &[Token]) -> &'a str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => &text[first.at.start..last.at.end],
        _ => "",
    }
}

fn table(text: &str, tokens: &[Token], if_absent: bool) -> Vec<What> {
    let Some((table, length)) = qualified(tokens) else { return Vec::new() };
    let Some((inside, _)) = parenthesised(&tokens[length..]) else { return Vec::new() };
    let mut found = vec![What::Table { name: table.clone(), if_absent }];
    for item in items(inside) {
        match item {
            [first, name, definition @ ..] if first.is("constraint") => found.push(What::Constraint {
                table: table.clone(),
                name: name.name().unwrap_or_default(),
                definition: source(text, definition).to_owned(),
                inline: true,
            }),
            _ => found.append(&mut column(text, &table, item, true)),
        }
    }
    found
}

/// A column and the constraints that stand with it.
fn column(text: &str, table: &str, tokens: &[Token], created: bool) -> Vec<What> {
    let Some(name) = tokens.first().and_then(Token::name) else { return Vec::new() };
    let ends_type = |token: &Token| {
        ["not", "null", "default", "primary", "unique", "references", "check", "constraint", "generated"]
            .iter()
            .any(|word| token.is(word))
    };
    let end = tokens.iter().position(ends_type).unwrap_or(tokens.len());
    let after = |word: &str| tokens.iter().position(|token| token.is(word)).map(|at| &tokens[at + 1..]);
    let default = after("default").map(|tokens| {
        let end = tokens.iter().position(ends_type).unwrap_or(tokens.len());
        source(text, &tokens[..end]).to_owned()
    });
    let is_key = after("primary").is_some();
    let not_null = is_key || tokens.windows(2).any(|pair| pair[0].is("not") && pair[1].is("null"));
    let shape = Shape { r#type: type_name(source(text, &tokens[1..end])), not_null, default };
    let plain = table.rsplit('.').next().unwrap_or(table);
    let constraint = |name: String, definition: String| What::Constraint {
        table: table.to_owned(),
        name,
        definition,
        inline: true,
    };
    let key = is_key.then(|| constraint(format!("{plain}_pkey"), format!("primary key ({name})")));
    let unique =
        after("unique").map(|_| constraint(format!("{plain}_{name}_key"), format!("unique ({name})")));
    let reference = after("references").map(|target| {
        constraint(
            format!("{plain}_{name}_fkey"),
            format!("foreign key ({name}) references {}", source(text, target)),
        )
    });
    let column = What::Column { table: table.to_owned(), name, shape, created };
    [Some(column), key, unique, reference].into_iter().flatten().collect()
}

fn alterations(text: &str, tokens: &[Token]) -> Vec<What> {
    let Some((table, length)) = qualified(tokens) else { return Vec::new() };
    let mut found = Vec::new();
    for item in items(&tokens[length..]) {
        let rest = |skipped: usize| item.get(skipped..).unwrap_or_default();
        let name = |at: usize| item.get(at).and_then(Token::name).unwrap_or_default();
        let table = table.clone();
        match words(item, 5).as_slice() {
            ["add", "column", "if", "not", "exists"] => {
                found.append(&mut column(text, &table, rest(5), false))
            }
            ["add", "column", ..] => found.append(&mut column(text, &table, rest(2), false)),
            ["add", "constraint", ..] => found.push(What::Constraint {
                table,
                name: name(2),
                definition: source(text, rest(3)).to_owned(),
                inline: false,
            }),
            ["alter", "column", column, "type", ..] => found.push(What::Retype {
                table,
                column: column.to_lowercase(),
                r#type: type_name(source(text, rest(4))),
            }),
            ["alter", "column", column, "set", "not"] => {
                found.push(What::NotNull { table, column: column.to_lowercase() });
            }
            ["alter", "column", column, "set", "default"] => {
                found.push(What::Default { table, column: column.to_lowercase() });
            }
            ["drop", "constraint", "if", "exists", ..] => {
                found.push(What::DropConstraint { table, name: name(4) });
            }
            ["drop", "constraint", ..] => found.push(What::DropConstraint { table, name: name(2) }),
            _ => {}
        }
    }
    found
}

/// An index whose name begins at a token, or after `concurrently` and `if not exists`.
fn index(text: &str, tokens: &[Token], at: usize) -> Option<What> {
    let concurrently = tokens.get(at)?.is("concurrently");
    let start = if concurrently { at + 1 } else { at };
    let at = if tokens.get(start)?.is("if") { start + 3 } else { start };
    let name = tokens.get(at)?.name()?;
    let (table, length) = qualified(tokens.get(at + 2..)?)?;
    let (columns, _) = parenthesised(tokens.get(at + 2 + length..)?)?;
    let predicate =
        tokens.iter().position(|token| token.is("where")).map(|at| source(text, &tokens[at + 1..]));
    let key = Key { columns: source(text, columns).to_owned(), predicate: predicate.map(str::to_owned) };
    let unique = tokens[1].is("unique").then_some(key);
    let statement = match concurrently {
        true => format!("{} {}", source(text, &tokens[..start - 1]), source(text, &tokens[start..])),
        false => source(text, tokens).to_owned(),
    };
    Some(What::Index { table, name, unique, statement, concurrently })
}

/// A type as `format_type` says it.
pub fn type_name(text: &str) -> String {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let (name, modifier) = match text.split_once('(') {
        Some((name, modifier)) => (name.trim().to_owned(), format!("({}", modifier.replace(' ', ""))),
        None => (text, String::new()),
    };
    let name = match name.as_str() {
        "varchar" => "character varying",
        "char" => "character",
        "timestamptz" => "timestamp with time zone",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "bool" => "boolean",
        "decimal" => "numeric",
        "float8" => "double precision",
        name => name,
    };
    format!("{name}{modifier}")
}

#[cfg(test)]
#[path = "declared_tests.rs"]
mod tests;
