//! What the first lines of a version's file ask for: no transaction, another limit of time.
//!
//! Invariant: a line that is meant as one of these and is written otherwise is refused, and not taken for a comment.
//! Refused: in a file outside of a transaction, every statement that cannot be run again after it was interrupted.
//!
//! Compiled twice, as `sql_text` is.

use crate::sql_text::{Refusal, statements};
use crate::sql_tokens::{Token, tokens};

/// Stands alone on the first line.
const OUTSIDE: &str = "-- no transaction";
/// With a time after it, on any line before the first statement.
const TIMEOUT: &str = "-- statement timeout: ";

/// What a file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// It runs outside of a transaction, statement by statement.
    pub outside: bool,
    /// In Postgres's own way of writing it.
    pub statement_timeout: Option<String>,
}

/// A statement that can be run again after it was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumable {
    /// Leaves an invalid index of this name, as the catalogue has it, on this table, as the text has it.
    CreateIndex { name: String, table: String },
    /// Leaves invalid indexes beside this one.
    ReindexIndex { index: String },
    /// Leaves invalid indexes on this table.
    ReindexTable { table: String },
    /// Leaves nothing, or what the next run begins with.
    Other,
}

/// Reads it. What cannot be understood is left out here and refused by [`refusals`].
pub fn read(text: &str) -> Header {
    let timeout = comments(text).find_map(|(_, line)| line.strip_prefix(TIMEOUT));
    Header {
        outside: text.lines().next() == Some(OUTSIDE),
        statement_timeout: timeout.filter(|timeout| is_time(timeout)).map(str::to_owned),
    }
}

/// What is wrong with the header of a version, and with a file outside of a transaction.
#[cfg_attr(not(any(test, debug_assertions)), allow(dead_code, reason = "asked by the build script"))]
pub fn refusals(text: &str) -> Vec<Refusal> {
    let mut found = Vec::new();
    let mut refuse = |line: usize, reason: String| found.push(Refusal { line, reason });
    let mut timeouts = 0;
    for (line, comment) in comments(text) {
        let words = comment.trim_start_matches(['-', ' ']).to_lowercase().replace(['-', '_'], " ");
        if words.starts_with("no transaction") && (comment != OUTSIDE || line != 1) {
            refuse(line, format!("\"{OUTSIDE}\" stands alone on the first line"));
        }
        if words.starts_with("statement timeout") {
            timeouts += 1;
            let time = comment.strip_prefix(TIMEOUT);
            if timeouts > 1 || !time.is_some_and(is_time) {
                refuse(line, format!("the limit is said once, like \"{TIMEOUT}30min\", in s, min or h"));
            }
        }
    }
    if read(text).outside {
        let all = statements(text);
        if all.is_empty() {
            refuse(1, "a file outside of a transaction has at least one statement".into());
        }
        for range in all {
            if resumable(&text[range.clone()]).is_none() {
                let words = tokens(&text[range.clone()]);
                let named = words.iter().take(3).map(|token| token.text).collect::<Vec<_>>().join(" ");
                let line = text[..range.start].matches('\n').count() + 1;
                refuse(line, format!("\"{named}\" cannot be run again after it was interrupted; {ALLOWED}"));
            }
        }
    }
    found
}

/// What is refused outside of versions, where a header means nothing.
#[cfg_attr(not(test), allow(dead_code, reason = "asked by the build script"))]
pub fn misplaced(text: &str) -> Vec<Refusal> {
    let header = |comment: &str| {
        let words = comment.trim_start_matches(['-', ' ']).to_lowercase();
        words.starts_with("no transaction") || words.starts_with("statement timeout")
    };
    let reason = "only a version has a header; this is run in one transaction with others";
    comments(text)
        .filter(|(_, comment)| header(comment))
        .map(|(line, _)| Refusal { line, reason: reason.into() })
        .collect()
}

const ALLOWED: &str = "a file outside of a transaction holds create index concurrently (with a name, on a table with its \
     schema), drop index concurrently if exists, reindex index or table concurrently, vacuum (not full), analyze, and \
     alter type … add value if not exists";

/// The comment lines before the first statement, counted from 1.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines
        .take_while(|(_, line)| line.trim().is_empty() || line.starts_with("--"))
        .filter(|(_, line)| !line.is_empty())
}

/// A number above 0 with a unit.
fn is_time(text: &str) -> bool {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    matches!(&text[digits..], "s" | "min" | "h") && text[..digits].parse().is_ok_and(|number: u16| number > 0)
}

/// Which of the statements that can be run again this is.
pub fn resumable(statement: &str) -> Option<Resumable> {
    let all = tokens(statement);
    let all: Vec<&Token> = all.iter().filter(|token| !token.is_sign(';')).collect();
    let (first, rest) = all.split_first()?;
    match first.text.to_lowercase().as_str() {
        "create" => {
            let rest = after(rest, &["unique"]).unwrap_or(rest);
            let rest = after(rest, &["index", "concurrently"])?;
            let rest = after(rest, &["if", "not", "exists"]).unwrap_or(rest);
            let (name, rest) = rest.split_first()?;
            let rest = after(rest, &["on"])?;
            let table = qualified(statement, after(rest, &["only"]).unwrap_or(rest))?;
            Some(Resumable::CreateIndex { name: name.name()?, table })
        }
        "drop" => after(rest, &["index", "concurrently", "if", "exists"]).map(|_| Resumable::Other),
        "reindex" => match (after(rest, &["index", "concurrently"]), after(rest, &["table", "concurrently"]))
        {
            (Some(rest), _) => Some(Resumable::ReindexIndex { index: qualified(statement, rest)? }),
            (_, Some(rest)) => Some(Resumable::ReindexTable { table: qualified(statement, rest)? }),
            _ => None,
        },
        "vacuum" => (!rest.iter().any(|token| token.is("full"))).then_some(Resumable::Other),
        "analyze" => Some(Resumable::Other),
        "alter" => {
            after(rest, &["type"])?;
            let words = ["add", "value", "if", "not", "exists"];
            (0..rest.len()).any(|at| after(&rest[at..], &words).is_some()).then_some(Resumable::Other)
        }
        _ => None,
    }
}

/// What follows these keywords.
fn after<'a, 'b>(tokens: &'a [&'b Token<'b>], words: &[&str]) -> Option<&'a [&'b Token<'b>]> {
    let begins = tokens.len() >= words.len() && words.iter().zip(tokens).all(|(word, token)| token.is(word));
    begins.then(|| &tokens[words.len()..])
}

/// `schema.name`, as the text has it.
fn qualified(statement: &str, tokens: &[&Token]) -> Option<String> {
    match tokens {
        [schema, dot, name, ..] if dot.is_sign('.') && schema.name().is_some() && name.name().is_some() => {
            Some(statement[schema.at.start..name.at.end].to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Resumable, misplaced, read, refusals, resumable};

    fn lines(text: &str) -> Vec<usize> {
        refusals(text).into_iter().map(|refusal| refusal.line).collect()
    }

    #[test]
    fn headers_are_read_from_the_lines_before_the_first_statement() {
        let timeout = |time: &str| Header { outside: false, statement_timeout: Some(time.into()) };
        assert_eq!(read("select 1;"), Header::default());
        assert_eq!(read("-- Something.\n\n-- statement timeout: 30min\nselect 1;"), timeout("30min"));
        assert_eq!(read("-- statement timeout: 2h"), timeout("2h"));
        assert_eq!(read("select 1;\n-- statement timeout: 2h"), Header::default());
        assert!(read("-- no transaction\nvacuum;").outside);
        assert!(!read("\n-- no transaction\nvacuum;").outside);
    }

    #[test]
    fn what_is_meant_as_a_header_and_is_none_is_refused() {
        for text in [
            "-- no transaction, please\nvacuum;",
            "-- No transaction\nvacuum;",
            "-- no-transaction\nvacuum;",
            "--no transaction\nvacuum;",
            "-- statement timeout: 0s\nselect 1;",
            "-- statement timeout: 30 min\nselect 1;",
            "-- statement timeout 30min\nselect 1;",
            "-- statement_timeout: 30min\nselect 1;",
            "-- Statement timeout: 30d\nselect 1;",
            "-- statement timeout: none\nselect 1;",
        ] {
            assert_eq!(lines(text), [1], "{text}");
        }
        assert_eq!(lines("-- a\n-- no transaction\nvacuum;"), [2]);
        assert_eq!(lines("-- statement timeout: 1s\n-- statement timeout: 2s\n"), [2]);
        assert_eq!(lines("-- Notes on what comes.\n-- statement timeout: 5s\nselect 1;"), [0; 0]);
        assert_eq!(misplaced("-- required: role anon\n-- no transaction\nselect 1;").len(), 1);
        assert_eq!(misplaced("-- required: role anon\nselect 1;\n-- no transaction"), []);
    }

    #[test]
    fn outside_of_a_transaction_stands_only_what_can_be_run_again() {
        for statement in [
            "create index concurrently a on public.b (c)",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"A b\" on only public.\"B\" using btree (c) where d",
            "drop index concurrently if exists public.a",
            "reindex index concurrently public.a",
            "reindex table concurrently public.a",
            "vacuum",
            "vacuum (analyze) public.a",
            "analyze public.a",
            "alter type public.a add value if not exists 'b'",
        ] {
            assert_eq!(refusals(&format!("-- no transaction\n{statement};\n")), [], "{statement}");
        }
        for statement in [
            "create index a on public.b (c)",
            "create index concurrently on public.b (c)",
            "create index concurrently a on b (c)",
            "drop index concurrently public.a",
            "drop index public.a",
            "reindex table public.a",
            "reindex schema concurrently public",
            "vacuum full public.a",
            "vacuum (full) public.a",
            "alter type public.a add value 'b'",
            "alter table public.a add column b int",
            "select 1",
            "insert into public.a values (1)",
        ] {
            assert_eq!(lines(&format!("-- no transaction\n\n{statement};\n")), [3], "{statement}");
        }
        assert_eq!(lines("-- no transaction\n"), [1]);
    }

    #[test]
    fn what_an_interrupted_statement_leaves_is_known_by_name() {
        assert_eq!(
            resumable("create unique index concurrently if not exists A on public.\"B c\" (d)"),
            Some(Resumable::CreateIndex { name: "a".into(), table: "public.\"B c\"".into() })
        );
        assert_eq!(
            resumable("reindex index concurrently public.a;"),
            Some(Resumable::ReindexIndex { index: "public.a".into() })
        );
        assert_eq!(resumable(""), None);
    }
}
