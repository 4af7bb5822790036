//! Where the statements of a SQL file are, and what such a file may not contain, found without a server.
//!
//! Invariant: text inside quotes, dollar quotes and comments is never mistaken for a statement, so `begin` in
//! the body of a PL/pgSQL function is left alone and `commit;` between two statements is not.
//! Refused: transaction statements (each file runs inside a transaction that also holds its history row),
//! psql's backslash commands (the server does not know them), `begin atomic` bodies (they hold catalogue
//! dependencies on what they call), CRLF and a byte order mark (they change the checksum from one checkout to
//! the next).
//!
//! Compiled twice: into the build script, which refuses to build, and into the program, which runs the statements
//! one by one.

use std::ops::Range;

/// One reason to refuse a file, and the line (from 1) where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub line: usize,
    pub reason: String,
}

/// Everything in `text` that this project's files may not contain, in the order of the lines.
#[cfg_attr(not(any(test, debug_assertions)), allow(dead_code, reason = "asked by the build script"))]
pub fn refusals(text: &str) -> Vec<Refusal> {
    let mut found = Vec::new();
    if text.starts_with('\u{feff}') {
        found.push(Refusal { line: 1, reason: "the file starts with a byte order mark".into() });
    }
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with('\r') {
            found.push(Refusal { line: index + 1, reason: "the line ends with CRLF".into() });
            break;
        }
    }
    let mut scanner = Scanner::new(text.trim_start_matches('\u{feff}'));
    scanner.run();
    found.append(&mut scanner.found);
    found.sort_by_key(|refusal| refusal.line);
    found
}

/// The bytes of each statement, from its first word to its semicolon.
pub fn statements(text: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner::new(text);
    scanner.run();
    scanner.statements
}

/// Walks over one file, keeping the first words of the statement that it is in.
struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
    /// Where the current statement begins, once anything of it was seen.
    begin: Option<usize>,
    statements: Vec<Range<usize>>,
    line: usize,
    /// The words of the current statement outside of quotes and comments, lower case, with their lines.
    words: Vec<(String, usize)>,
    found: Vec<Refusal>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        let (words, found, statements) = (Vec::new(), Vec::new(), Vec::new());
        Self { text, rest: text, begin: None, statements, line: 1, words, found }
    }

    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn run(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            let is_comment = self.rest.starts_with("--") || self.rest.starts_with("/*");
            if !is_comment && !c.is_whitespace() && self.begin.is_none() {
                self.begin = Some(self.at());
            }
            if self.rest.starts_with("--") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.skip(block_comment(self.rest));
            } else if c == '\'' || c == '"' {
                self.skip(quoted(self.rest, c, false));
            } else if c == '$' {
                self.skip(dollar_quoted(self.rest).unwrap_or(1));
            } else if c == '_' || c.is_alphabetic() {
                self.word();
            } else if c.is_ascii_digit() {
                self.skip(self.rest.find(|d: char| !d.is_ascii_alphanumeric()).unwrap_or(self.rest.len()));
            } else {
                if c == '\\' {
                    self.refuse(self.line, "a psql command, which the server does not know".into());
                }
                self.skip(c.len_utf8());
                if c == ';' {
                    self.end_of_statement();
                }
            }
        }
        self.end_of_statement();
    }

    fn word(&mut self) {
        let end = self
            .rest
            .find(|c: char| !(c == '_' || c == '$' || c.is_alphanumeric()))
            .unwrap_or(self.rest.len());
        let word = self.rest[..end].to_lowercase();
        if word == "e" && self.rest[end..].starts_with('\'') {
            self.skip(end + quoted(&self.rest[end..], '\'', true));
            return;
        }
        if word == "atomic" && self.words.last().is_some_and(|(last, _)| last == "begin") {
            self.refuse(self.line, "a \"begin atomic\" body; write it as a quoted string".into());
        }
        self.words.push((word, self.line));
        self.skip(end);
    }

    fn end_of_statement(&mut self) {
        let end = self.at();
        self.statements.extend(self.begin.take().map(|begin| begin..end));
        let words = std::mem::take(&mut self.words);
        let first = |n: usize| words.get(n).map_or("", |(word, _)| word.as_str());
        // How many of its words name the statement.
        let named = match (first(0), first(1)) {
            ("begin" | "commit" | "rollback" | "abort" | "end" | "savepoint" | "release", _) => 1,
            ("start" | "prepare" | "set", "transaction") | ("reset" | "discard", "all") => 2,
            _ => return,
        };
        let statement = words[..named].iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
        let why = match words[0].0.as_str() {
            "reset" | "discard" => "it would drop the limits that the migrator sets",
            _ => "the migrator opens and closes the transaction",
        };
        self.refuse(words[0].1, format!("\"{statement}\": {why}"));
    }

    fn refuse(&mut self, line: usize, reason: String) {
        self.found.push(Refusal { line, reason });
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }
}

/// Length of the quoted thing that `text` starts with; a doubled quote belongs to it, and a backslash with
/// the character after it where `escapes` holds. What is never closed runs to the end: the server will say so
/// better than this scan.
pub fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => drop(characters.next()),
                _ => return at + c.len_utf8(),
            }
        }
    }
    text.len()
}

/// Length of the dollar-quoted string that `text` starts with; None for a plain dollar, as in `$1`.
pub fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = &text[1..][..text[1..].find('$')?];
    let starts_well = tag.chars().next().is_none_or(|c| c == '_' || c.is_alphabetic());
    if !starts_well || !tag.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        return None;
    }
    let open = tag.len() + 2;
    Some(text[open..].find(&text[..open]).map_or(text.len(), |at| open + at + open))
}

/// Length of the block comment that `text` starts with; block comments nest.
pub fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{refusals, statements};

    #[test]
    fn statements_begin_at_their_first_word_and_end_at_their_semicolon() {
        let text = "-- größe\n\nselect 1; /* a; b */ create function f() returns void as $x$ begin; end; $x$\n  language sql;\ndo ';';\n-- the end\n";
        let found: Vec<&str> = statements(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(
            found,
            [
                "select 1;",
                "create function f() returns void as $x$ begin; end; $x$\n  language sql;",
                "do ';';"
            ]
        );
        assert_eq!(statements("select 'a;b'").first(), Some(&(0..12)));
        assert!(statements(" -- nothing\n").is_empty());
    }

    /// The refused lines of a text, with the first word of each reason's quotation.
    fn lines(text: &str) -> Vec<usize> {
        refusals(text).into_iter().map(|refusal| refusal.line).collect()
    }

    #[test]
    fn transaction_statements_are_found_wherever_they_stand() {
        for statement in [
            "begin",
            "BEGIN",
            "Commit work",
            "rollback",
            "rollback to s",
            "abort",
            "end",
            "start transaction",
            "START  /* x */ TRANSACTION isolation level serializable",
            "savepoint a",
            "release a",
            "prepare transaction 'x'",
            "set transaction read only",
            "reset all",
            "discard all",
        ] {
            assert_eq!(lines(&format!("select 1;\n\n{statement};\n")), [3], "{statement}");
            assert_eq!(lines(&format!("select 1; {statement}")), [1], "{statement}, without a semicolon");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for text in [
            "create function f() returns void language plpgsql as $$\nbegin\n  commit;\nend;\n$$;",
            "create function f() returns void language plpgsql as $body$ begin; end $$ ; commit; $body$;",
            "do $é$ begin null; end $é$;",
            "select 'it''s; commit; ' as x;",
            "select E'\\'; commit; ' as x;",
            "select e'a\\\\' as x;",
            "comment on table t is 'a; rollback;';",
            "select \"; commit; \" from t;",
            "-- commit;\nselect 1;",
            "/* a /* nested */ commit; */ select 1;",
            "select $1, a$b$c from t;",
            "set local transaction_timeout = 0; set role x; prepare p as select 1;",
            "select case when true then 1 end;",
            "create table commit_log (begin_at timestamptz, end_at timestamptz);",
        ] {
            assert_eq!(refusals(text), [], "{text}");
        }
    }

    #[test]
    fn an_identifier_that_ends_in_e_does_not_start_an_escape_string() {
        assert_eq!(lines("select type'\\'; commit;"), [1]);
    }

    #[test]
    fn lines_are_counted_through_quotes_and_comments() {
        let text = "select 'a\nb';\n/* c\nd */\n$x$\n\n$x$;\ncommit;\n";
        assert_eq!(lines(text), [8]);
    }

    #[test]
    fn psql_commands_atomic_bodies_crlf_and_bom_are_refused() {
        assert_eq!(lines("select 1;\n\\set x 1\n"), [2]);
        assert_eq!(lines("create function f() returns int\nbegin atomic\n  select 1;\nend;"), [2, 4]);
        assert_eq!(lines("select 1;\nselect 2;\r\nselect 3;\r\n"), [2]);
        assert_eq!(lines("\u{feff}select 1;"), [1]);
    }

    #[test]
    fn what_is_never_closed_does_not_end_in_a_panic() {
        for text in ["'", "\"", "$$", "$a$ b", "/*", "/* /* */", "e'\\", "$", "é$", "--", "\\"] {
            refusals(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ebgcomit$'\"\\\\/*;\n\ré -]{0,60}") {
            refusals(&text);
        }
    }
}
