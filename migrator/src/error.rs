//! The one error of this program: what went wrong, for people and for scripts.
//!
//! Invariant: every error carries an exit code of the documented list, a message that names the thing in
//! lower case without a final period, and, where there is something to do about it, a hint. None carries a
//! secret.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use crate::place::Place;

/// The documented exit codes. `Done` is 0 and no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A defect of this program.
    Internal = 1,
    /// The command line or the connection string cannot be understood.
    Usage = 2,
    /// The database cannot be reached; trying again may help.
    Unreachable = 3,
    /// Authentication, TLS or a right is missing.
    Denied = 4,
    /// `--check`: something is pending or out of date.
    Pending = 5,
    /// Another runner holds the migration lock; trying again may help.
    Locked = 6,
    /// The recorded history is not one that this build could have written.
    History = 7,
    /// A SQL statement failed; its transaction was rolled back.
    SqlFailed = 8,
    /// A file that runs outside of a transaction stopped half-way; the next run goes on.
    Partial = 9,
    /// The database is not what this version should have made of it, or holds rows that can hardly be right, or files of `types` are
    /// not what would be written.
    Drift = 10,
    /// Refused before anything was written.
    Refused = 11,
    /// A table lock was not obtained in time; trying again may help.
    TableLock = 12,
    /// `validate`: the dataset has errors.
    Dataset = 13,
    /// `watch`: the job failed or was cancelled.
    Job = 14,
    /// SIGINT; rolled back.
    Interrupted = 130,
    /// SIGTERM; rolled back.
    Terminated = 143,
}

/// Every exit code of the program: its meaning, and whether the same command may succeed when it is run again.
/// The help and docs/migrate.md say these words.
pub const EXIT_CODES: [(u8, &str, bool); 17] = [
    (0, "done, or nothing to do", false),
    (1, "internal error", false),
    (2, "the command line or the connection string cannot be understood", false),
    (3, "the database cannot be reached", true),
    (4, "authentication, TLS or a right is missing", false),
    (5, "something is pending or out of date (--check)", false),
    (6, "another runner holds the lock", true),
    (7, "the recorded history is not one of this build's", false),
    (8, "a SQL statement failed and was rolled back", false),
    (9, "a file outside of a transaction stopped half-way; the next run goes on", true),
    (
        10,
        "the database is not what this version should have made of it, rows can hardly be right (verify), or files are not those of the database (types)",
        false,
    ),
    (11, "refused before anything was written", false),
    (12, "a table lock was not obtained in time", true),
    (13, "the dataset has errors (validate)", false),
    (14, "the training job failed or was cancelled (watch)", false),
    (130, "interrupted, rolled back", true),
    (143, "terminated, rolled back", true),
];

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// An error on its way to the user.
#[derive(Debug, Serialize)]
pub struct Error {
    #[serde(rename = "exit_code")]
    pub exit: Exit,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<Place>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Error {
    /// An error with nothing but its exit code and its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), sqlstate: None, place: None, detail: None, hint: None }
    }

    /// The same with facts about it.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with what to do about it, an imperative sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The lines for stderr, each ended.
    pub fn render(&self) -> String {
        let mut text = String::from("error: ");
        if let Some(place) = &self.place {
            write!(text, "{}: ", place.address()).expect("a String");
        }
        text.push_str(&self.message);
        if let Some(sqlstate) = &self.sqlstate {
            write!(text, " ({sqlstate})").expect("a String");
        }
        text.push('\n');
        if let Some(excerpt) = self.place.as_deref().map(Place::excerpt) {
            text.push_str(&excerpt);
        }
        for (label, words) in [("detail", &self.detail), ("hint", &self.hint)] {
            if let Some(words) = words {
                // Continuation lines stay under the label they belong to.
                writeln!(text, "{label}: {}", words.trim_end().replace('\n', "\n  ")).expect("a String");
            }
        }
        text
    }
}

/// `"a", "b" and "c"`: how messages list things.
pub fn listed<S: AsRef<str>>(things: &[S]) -> String {
    let quoted = things.iter().map(|thing| format!("\"{}\"", thing.as_ref())).collect::<Vec<_>>();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{EXIT_CODES, Error, Exit, listed};
    use crate::place::Place;

    #[test]
    fn it_is_rendered_with_place_state_detail_and_hint_on_lines_of_their_own() {
        let mut error =
            Error::new(Exit::SqlFailed, "column \"x\" does not exist").detail("a\nb").hint("do it");
        error.sqlstate = Some("42703".into());
        error.place =
            Some(Place::at_character("sql/migrations/V0001__a.sql", "select 1;\n  select x;\n", 20).into());
        assert_eq!(
            error.render(),
            "error: sql/migrations/V0001__a.sql:2:10: column \"x\" does not exist (42703)\n  \
             |   select x;\n  |          ^\ndetail: a\n  b\nhint: do it\n"
        );
    }

    #[test]
    fn things_are_listed_in_quotes() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "\"a\"");
        assert_eq!(listed(&["a", "b", "c"]), "\"a\", \"b\" and \"c\"");
    }

    #[test]
    fn the_documentation_lists_them_in_these_words() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migrate.md")).unwrap();
        let listed: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
            .collect();
        let expected = EXIT_CODES.map(|(code, meaning, retry)| {
            format!("| {code} | {meaning} | {} |", if retry { "yes" } else { "" }).replace("|  |", "| |")
        });
        assert_eq!(listed, expected);
    }
}
