//! Who may do what, as docs/security.md has it: written down here and in `tables`, `calls` and `files`, and not taken
//! from anything that was observed.
//!
//! A statement may name rows: `{owner}` and `{other}` are two users, the rest are rows of the owner (see `victim`).

/// What comes of one thing that is tried, for nobody, the owner, another user and the service.
pub type Callers = [&'static str; 4];

/// One row is written and says what was sent, or a function answers.
pub const YES: &str = "yes";
/// One row is written, and what was sent is replaced by what the database says.
pub const OURS: &str = "the database's";
/// No such row exists for the caller.
pub const NONE: &str = "no row";
/// Refused by a guard, which names the column and says how to do it right.
pub const NO: &str = "42501, column, hint";
/// Refused by a missing grant or by a policy: Postgres's own words.
pub const DENIED: &str = "42501";
/// Refused by the states.
pub const STATE: &str = "PT409, hint";
/// The same, of one column of a row that is frozen.
pub const FROZEN: &str = "PT409, column, hint";
/// A row of somebody else is not to be told from one that does not exist.
pub const UNKNOWN: &str = "PT404, hint";
/// The same, where a column names the row.
pub const UNKNOWN_COLUMN: &str = "PT404, column, hint";
/// Refused by a trigger, which names the column: no such value can be meant.
pub const DOMAIN: &str = "22023, column, hint";
/// Refused by a check.
pub const CHECK: &str = "23514";
/// The same in words, on datasets.
pub const WORDS: &str = "23514, column, hint";

/// The same for all of them.
pub const fn everybody(what: &'static str) -> Callers {
    [what; 4]
}

/// A column, a value for it, and what comes of it: insert and update by the owner, insert and update by the service.
/// What is empty is not tried.
pub type Column = (&'static str, &'static str, [&'static str; 4]);

/// What is tried on one table, with one row of it.
#[derive(Clone, Copy)]
pub struct Section {
    /// Heading: the table, and which row if that matters.
    pub title: &'static str,
    pub table: &'static str,
    /// The row that is changed and deleted.
    pub row: &'static str,
    /// What a new row needs. Nothing is inserted where there is nothing.
    pub new_row: &'static [(&'static str, &'static str)],
    /// Run before an insert, by the owner of the tables.
    pub before_insert: &'static str,
    /// A new row of the owner, by anybody.
    pub insert: Callers,
    /// An update by the other user, whatever the column.
    pub other_update: &'static str,
    pub columns: &'static [Column],
    /// Operations on whole rows: what to call it, the statement, and what comes of it.
    pub whole: &'static [(&'static str, &'static str, Callers)],
}

impl Section {
    pub const NOTHING: Self = Self {
        title: "",
        table: "",
        row: "",
        new_row: &[],
        before_insert: "",
        insert: everybody(""),
        other_update: "",
        columns: &[],
        whole: &[],
    };

    /// What comes of an insert with this column.
    pub fn insert_of(&self, column: &Column) -> Callers {
        let [owner, _, service, _] = column.2;
        // A guard sees the row before a policy does, and whose it is changes nothing for it.
        let guarded =
            ["42501", "22023"].iter().any(|code| owner.starts_with(code)) && owner.ends_with("hint");
        let other = if guarded { owner } else { self.insert[2] };
        [DENIED, owner, other, service]
    }

    /// What comes of an update of this column.
    pub fn update_of(&self, column: &Column) -> Callers {
        let [_, owner, _, service] = column.2;
        [DENIED, owner, self.other_update, service]
    }
}
