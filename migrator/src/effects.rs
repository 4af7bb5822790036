//! What the embedded SQL does to tables that are there: which lock it takes, and what it reads or writes anew under it.
//!
//! Invariant: read off the same text that is run, statement by statement. A statement on a table that is not understood
//! fails a unit test, and so does one that is read in more than one way.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::declared::{What, qualified, source, type_name, words};
use crate::embedded::{self, FUNCTION_FILES};
use crate::sql_tokens::{Kind, Token, items, parenthesised, tokens};

/// A table lock, weakest first, as the server orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Lock {
    /// Weakest first, in the words of SQL and as `pg_locks` has them.
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::AccessShare, "ACCESS SHARE", "AccessShareLock"),
        (Self::RowShare, "ROW SHARE", "RowShareLock"),
        (Self::RowExclusive, "ROW EXCLUSIVE", "RowExclusiveLock"),
        (Self::ShareUpdateExclusive, "SHARE UPDATE EXCLUSIVE", "ShareUpdateExclusiveLock"),
        (Self::Share, "SHARE", "ShareLock"),
        (Self::ShareRowExclusive, "SHARE ROW EXCLUSIVE", "ShareRowExclusiveLock"),
        (Self::Exclusive, "EXCLUSIVE", "ExclusiveLock"),
        (Self::AccessExclusive, "ACCESS EXCLUSIVE", "AccessExclusiveLock"),
    ];

    /// In the words of SQL.
    pub fn words(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// By the name that `pg_locks` has.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, other)| *other == name).map(|(lock, ..)| *lock)
    }

    /// Whether two sessions cannot hold the two at once: table 13.2 of the server's manual.
    pub fn conflicts(self, other: Self) -> bool {
        let (weak, strong) = (self.min(other), self.max(other));
        match strong {
            Self::AccessExclusive => true,
            Self::Exclusive => weak >= Self::RowShare,
            Self::ShareRowExclusive => weak >= Self::RowExclusive,
            // Readers for an index may be many.
            Self::Share => weak == Self::RowExclusive || weak == Self::ShareUpdateExclusive,
            Self::ShareUpdateExclusive => weak == Self::ShareUpdateExclusive,
            _ => false,
        }
    }
}

/// What is done to a table's rows under the lock, unless the table is that way already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing: the lock alone.
    None,
    /// Every row and index is written anew: the column gets this type.
    Retype { column: String, r#type: String },
    /// The same: a column is added whose value each row computes.
    Fill { column: String },
    /// A column that is added, with the same value for all rows.
    Add { column: String },
    /// Every row is read, because of a column that may not be NULL any more.
    NotNull { column: String },
    /// Every row is read, for an index of this name.
    Index { name: String },
    /// Every row is read.
    Scan,
    /// Rows are changed.
    Rows,
}

/// What one clause of a statement does to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// None for the layer of functions.
    pub version: Option<i32>,
    /// Which statement it is of, counted from the first.
    pub statement: usize,
    pub table: String,
    pub lock: Lock,
    pub work: Work,
    /// As it stands there.
    pub clause: String,
    /// The table whose making is the reason; where that is there already, this is not done.
    pub makes: Option<String>,
    /// The constraint that is added, with the table that it is on; the same holds of it.
    pub adds: Option<(String, String)>,
    /// The foreign key that is dropped, for the table that it refers to; where it is not there, nothing is locked.
    pub drops: Option<(String, String)>,
}

/// A statement on tables that is not understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

/// Everything that this build's SQL does to tables, in the order in which it is run.
pub fn all() -> &'static [Effect] {
    static ALL: LazyLock<Vec<Effect>> = LazyLock::new(|| {
        let versions = embedded::versions().iter().map(|version| (Some(version.number), version.sql));
        let files = FUNCTION_FILES.iter().map(|file| (None, file.text));
        let mut all = Vec::new();
        for (version, text) in versions.chain(files) {
            let mut reader = Reader { version, named: named(text), ..Reader::default() };
            reader.read(text);
            let offset = all.last().map_or(0, |last: &Effect| last.statement + 1);
            all.extend(reader.effects.into_iter().map(|mut effect| {
                effect.statement += offset;
                effect
            }));
        }
        all
    });
    &ALL
}

/// Tables that a text names as values, for statements that are put together as it runs.
fn named(text: &str) -> Vec<String> {
    static TABLES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let made = crate::declared::all().iter().filter_map(|item| match &item.what {
            What::Table { name, .. } => Some(name.clone()),
            _ => None,
        });
        made.collect()
    });
    let mut found = Vec::new();
    for token in tokens(text) {
        let Some(inside) = token.inside() else { continue };
        if token.kind == Kind::Body {
            found.extend(named(&inside));
        }
        found.extend(
            [inside.clone(), format!("public.{inside}")].into_iter().filter(|name| TABLES.contains(name)),
        );
    }
    found.sort();
    found.dedup();
    found
}

#[derive(Default)]
struct Reader {
    version: Option<i32>,
    /// What stands for a name that is not written down.
    named: Vec<String>,
    statement: usize,
    effects: Vec<Effect>,
    unknown: Vec<Unknown>,
}

impl Reader {
    fn read(&mut self, text: &str) {
        let all = tokens(text);
        for statement in all.split(|token| token.is_sign(';')) {
            for start in 0..statement.len() {
                let rest = &statement[start..];
                if rest[0].is("do")
                    && let Some(inner) = rest.get(1).and_then(Token::inside)
                {
                    self.read(&inner);
                }
                // The first literal after it, whatever it is put together by.
                if rest[0].is("execute")
                    && let Some(inner) = rest.iter().find_map(Token::inside)
                {
                    self.read(&inner);
                }
                self.statement(text, rest);
            }
        }
    }

    /// What begins with the first of these tokens.
    fn statement(&mut self, text: &str, tokens: &[Token]) {
        let rest = |skipped: usize| tokens.get(skipped..).unwrap_or_default();
        let policy = Lock::AccessExclusive;
        match words(tokens, 4).as_slice() {
            ["alter", "table", ..] => self.alter_table(text, rest(2)),
            ["alter", "publication", ..] => {
                let named = rest(2).iter().position(|token| token.is("table")).map(|at| at + 3);
                self.add(
                    text,
                    named.map(rest).unwrap_or_default(),
                    tokens,
                    Lock::ShareUpdateExclusive,
                    Work::None,
                );
            }
            ["create", "unique", "index", ..] | ["create", "index", ..] => {
                let at = tokens.iter().position(|token| token.is("index")).unwrap_or(0) + 1;
                let at = if rest(at).first().is_some_and(|token| token.is("if")) { at + 3 } else { at };
                let concurrently = rest(at).first().is_some_and(|token| token.is("concurrently"));
                match rest(at).first().and_then(Token::name).filter(|_| !concurrently) {
                    Some(name) => self.add(text, rest(at + 2), tokens, Lock::Share, Work::Index { name }),
                    None => self.unknown(text, tokens),
                }
            }
            ["create", "table", ..] => self.create_table(text, tokens),
            ["create", "policy", ..] => self.add(text, on(rest(2)), tokens, policy, Work::None),
            ["drop", "policy", "if", "exists"] => self.add(text, on(rest(4)), tokens, policy, Work::None),
            ["create", "or", "replace", "trigger"] => {
                self.add(text, on(rest(4)), tokens, Lock::ShareRowExclusive, Work::None);
            }
            ["comment", "on", "table", ..] => {
                self.add(text, rest(3), tokens, Lock::ShareUpdateExclusive, Work::None);
            }
            ["comment", "on", "column", ..] => {
                let name = rest(3);
                // The last part of the name is the column's.
                let length = qualified(name).map_or(0, |(_, length)| length.saturating_sub(2));
                let table = if is_put_together(name) { name } else { &name[..length] };
                self.add(text, table, tokens, Lock::ShareUpdateExclusive, Work::None);
            }
            // A name with a schema: a policy is `for update to` somebody.
            ["update", ..] if qualified(rest(1)).is_some_and(|(_, length)| length > 1) => {
                self.add(text, rest(1), tokens, Lock::RowExclusive, Work::Rows);
            }
            ["insert", "into", ..] => self.add(text, rest(2), tokens, Lock::RowExclusive, Work::None),
            ["delete", "from", ..] => self.add(text, rest(2), tokens, Lock::RowExclusive, Work::Rows),
            ["lock", "table", ..]
            | ["truncate", ..]
            | ["cluster", ..]
            | ["reindex", ..]
            | ["vacuum", ..]
            | ["drop", "table" | "index" | "trigger", ..]
            | ["create", "trigger" | "rule" | "view" | "statistics", ..]
            | ["alter", "index" | "policy" | "trigger", ..]
                if !self.is_privilege(tokens) =>
            {
                self.unknown(text, tokens);
            }
            _ => {}
        }
    }

    /// `truncate` is a right, too; and after a comma or before one it is no statement.
    fn is_privilege(&self, tokens: &[Token]) -> bool {
        tokens
            .get(1)
            .is_none_or(|next| next.is("on") || next.is("or") || next.is_sign(',') || next.is_sign('('))
    }

    fn unknown(&mut self, text: &str, tokens: &[Token]) {
        self.unknown.push(Unknown(source(text, &tokens[..tokens.len().min(8)]).to_owned()));
    }

    /// One effect on the table that a name begins; on all that are meant where it is put together.
    fn add(&mut self, text: &str, name: &[Token], clause: &[Token], lock: Lock, work: Work) {
        let tables = match qualified(name) {
            _ if is_put_together(name) => self.named.clone(),
            found => found.map(|(name, _)| name).into_iter().collect(),
        };
        if tables.is_empty() {
            return self.unknown(text, clause);
        }
        for table in tables {
            self.push(table, lock, work.clone(), source(text, clause), None);
        }
        self.statement += 1;
    }

    fn push(&mut self, table: String, lock: Lock, work: Work, clause: &str, makes: Option<String>) {
        let clause = clause.split_whitespace().collect::<Vec<_>>().join(" ").replace("%I", "…");
        let Self { version, statement, .. } = *self;
        self.effects.push(Effect {
            version,
            statement,
            table,
            lock,
            work,
            clause,
            makes,
            adds: None,
            drops: None,
        });
    }

    /// A new table's foreign keys lock what they refer to.
    fn create_table(&mut self, text: &str, tokens: &[Token]) {
        let at = if tokens.get(2).is_some_and(|token| token.is("if")) { 5 } else { 2 };
        let Some((made, length)) = tokens.get(at..).and_then(qualified) else {
            return self.unknown(text, tokens);
        };
        let Some((inside, _)) = tokens.get(at + length..).and_then(parenthesised) else {
            return self.unknown(text, tokens);
        };
        for item in items(inside) {
            if let Some(target) = references(item).filter(|target| *target != made) {
                self.push(
                    target,
                    Lock::ShareRowExclusive,
                    Work::None,
                    source(text, item),
                    Some(made.clone()),
                );
            }
        }
        self.statement += 1;
    }

    /// The end of a foreign key takes the triggers of both of its tables.
    fn drop_key(&mut self, text: &str, tables: &[String], item: &[Token]) {
        let Some(name) = item.last().and_then(Token::name) else { return };
        for table in tables {
            let Some(target) = referred(table, &name).filter(|target| target != table) else { continue };
            self.push(target, Lock::AccessExclusive, Work::None, source(text, item), None);
            if let Some(effect) = self.effects.last_mut() {
                effect.drops = Some((table.clone(), name.clone()));
            }
        }
    }

    fn alter_table(&mut self, text: &str, tokens: &[Token]) {
        let dynamic = tokens.first().is_some_and(|token| token.is_sign('%'));
        let (tables, length) = match qualified(tokens) {
            Some((table, length)) => (vec![table], length),
            None if dynamic => (self.named.clone(), 2),
            None => return self.unknown(text, tokens),
        };
        for item in items(tokens.get(length..).unwrap_or_default()) {
            let Some((lock, work)) = alteration(text, item) else { return self.unknown(text, item) };
            let before = self.effects.len();
            for table in &tables {
                self.push(table.clone(), lock, work.clone(), source(text, item), None);
                if let Some(target) = references(item).filter(|target| target != table) {
                    self.push(target, lock, Work::None, source(text, item), None);
                }
            }
            if let ["drop", "constraint", ..] = words(item, 2).as_slice() {
                self.drop_key(text, &tables, item);
            }
            if let (["add", "constraint", ..], Some(name)) =
                (words(item, 2).as_slice(), item.get(2).and_then(Token::name))
            {
                let adds = tables.first().map(|table| (table.clone(), name));
                self.effects[before..].iter_mut().for_each(|effect| effect.adds.clone_from(&adds));
            }
        }
        self.statement += 1;
    }
}

/// The table that a foreign key of the project refers to.
fn referred(table: &str, name: &str) -> Option<String> {
    crate::declared::all().iter().find_map(|item| match &item.what {
        What::Constraint { table: t, name: n, definition, .. } if t == table && n == name => {
            references(&tokens(definition))
        }
        _ => None,
    })
}

/// `name on table`, from the table on.
fn on<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let at = tokens.iter().position(|token| token.is("on"));
    at.and_then(|at| tokens.get(at + 1..)).unwrap_or_default()
}

/// The table that a clause refers to.
fn references(tokens: &[Token]) -> Option<String> {
    let at = tokens.iter().position(|token| token.is("references"))?;
    Some(qualified(tokens.get(at + 1..)?)?.0)
}

/// What a clause of ALTER TABLE locks and does; None if it is not understood.
fn alteration(text: &str, item: &[Token]) -> Option<(Lock, Work)> {
    let has = |word: &str| item.iter().any(|token| token.is(word));
    let name = |at: usize| item.get(at).and_then(Token::name);
    let strict = |work| Some((Lock::AccessExclusive, work));
    match words(item, 5).as_slice() {
        ["add", "column", ..] => {
            let at = if item.get(2)?.is("if") { 5 } else { 2 };
            // With a key, a check or an expression of its own it would be more than one thing.
            if ["primary", "unique", "references", "check", "generated"].iter().any(|word| has(word)) {
                return None;
            }
            let column = name(at)?;
            // A function may give each row another value; whether it does, this text does not say.
            let default = item.iter().position(|token| token.is("default"));
            let computed = default.is_some_and(|at| item[at..].iter().any(|token| token.is_sign('(')));
            strict(if computed { Work::Fill { column } } else { Work::Add { column } })
        }
        ["add", "constraint", ..] => {
            let validated = !item.windows(2).any(|pair| pair[0].is("not") && pair[1].is("valid"));
            match words(item.get(3..)?, 1).as_slice() {
                ["check"] => strict(if validated { Work::Scan } else { Work::None }),
                ["foreign"] => {
                    Some((Lock::ShareRowExclusive, if validated { Work::Scan } else { Work::None }))
                }
                ["primary" | "unique" | "exclude"] => strict(Work::Index { name: name(2)? }),
                _ => None,
            }
        }
        ["alter", "column", _, "type", ..] => {
            if has("using") || has("collate") {
                return None;
            }
            let r#type = type_name(source(text, item.get(4..)?));
            strict(Work::Retype { column: name(2)?, r#type })
        }
        ["alter", "column", _, "set", "not"] => strict(Work::NotNull { column: name(2)? }),
        ["alter", "column", _, "set", "default"] | ["alter", "column", _, "drop", "default" | "not"] => {
            strict(Work::None)
        }
        ["drop", "constraint", ..] | ["enable" | "disable", "row", "level", "security"] => strict(Work::None),
        ["enable" | "disable", "trigger", ..] => Some((Lock::ShareRowExclusive, Work::None)),
        ["validate", "constraint", ..] => Some((Lock::ShareUpdateExclusive, Work::Scan)),
        // The one parameter of storage that is known to need no more.
        ["set", ..] if item.get(1).is_some_and(|next| next.is_sign('(')) && has("fillfactor") => {
            Some((Lock::ShareUpdateExclusive, Work::None))
        }
        _ => None,
    }
}

/// Whether a name, with its schema or without, is filled in when the statement runs.
fn is_put_together(name: &[Token]) -> bool {
    name.iter().take(3).any(|token| token.is_sign('%'))
}

#[cfg(test)]
#[path = "effects_tests.rs"]
mod tests;
