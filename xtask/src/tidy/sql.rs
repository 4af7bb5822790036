//! SQL files: where they may lie, what they are called, and how their text is formed.

use super::{Problem, Source};

/// Below these, and nowhere else, a `.sql` file has a meaning.
const HOMES: [&str; 8] = [
    "sql/migrations/",
    "sql/functions/",
    "sql/platform/",
    "sql/portable/",
    "migrator/src/",
    "extension/sql/",
    "extension/tests/",
    "tests/",
];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        problems.extend(place(source));
        problems.extend(text(source));
    }
    problems.extend(numbers(sources));
    problems
}

/// A file in the wrong folder is embedded by nobody, and nobody would notice.
fn place(source: &Source) -> Option<Problem> {
    let path = source.path.as_str();
    if !source.has_suffix(".sql") {
        let stray =
            path.strip_prefix("sql/").is_some_and(|rest| rest.contains('/') && !rest.ends_with("/README.md"));
        return stray.then(|| Problem::new(path, 1, "not an SQL file"));
    }
    if !HOMES.iter().any(|home| path.starts_with(home)) {
        return Some(Problem::new(path, 1, "an SQL file that nothing reads"));
    }
    let migration = path.strip_prefix("sql/migrations/")?;
    version(migration)
        .is_none()
        .then(|| Problem::new(path, 1, "a migration is called V0001__noun_phrase.sql"))
}

/// `V0042__words_of_it.sql` → 42.
fn version(name: &str) -> Option<u32> {
    let (number, words) = name.strip_prefix('V')?.strip_suffix(".sql")?.split_once("__")?;
    let right = number.len() == 4
        && number.bytes().all(|b| b.is_ascii_digit())
        && !words.is_empty()
        && words.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    right.then(|| number.parse().ok())?
}

/// Migrations are numbered from 1, without gaps or duplicates.
fn numbers(sources: &[Source]) -> Vec<Problem> {
    let mut found: Vec<(u32, &str)> = sources
        .iter()
        .filter_map(|source| {
            Some((version(source.path.strip_prefix("sql/migrations/")?)?, source.path.as_str()))
        })
        .collect();
    found.sort_unstable();
    let mut problems = Vec::new();
    let mut expected = 1;
    for (number, path) in found {
        if number < expected {
            problems.push(Problem::new(path, 1, format!("there are two migrations {number}")));
        } else if number > expected {
            problems.push(Problem::new(path, 1, format!("there is no migration {expected} before it")));
        }
        expected = number + 1;
    }
    problems
}

/// Layers are compared by a hash of their text, so what an editor adds unseen would be a change.
fn text(source: &Source) -> Vec<Problem> {
    if !source.has_suffix(".sql") {
        return Vec::new();
    }
    let path = source.path.as_str();
    let Some(text) = source.text() else { return vec![Problem::new(path, 1, "not UTF-8 text")] };
    let mut problems = Vec::new();
    if text.starts_with('\u{feff}') {
        problems.push(Problem::new(path, 1, "starts with a byte order mark"));
    }
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let what = if line.ends_with('\r') {
            "ends with a carriage return"
        } else if line.ends_with([' ', '\t']) {
            "ends with white space"
        } else if line.contains('\t') {
            "contains a tab"
        } else {
            continue;
        };
        problems.push(Problem::new(path, at + 1, what));
    }
    if !text.ends_with('\n') {
        problems.push(Problem::new(path, text.lines().count().max(1), "does not end with a newline"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(problems: Vec<Problem>) -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_stray_file_is_a_problem() {
        assert_eq!(place(&Source::new("docs/x.sql", "")).unwrap().what, "an SQL file that nothing reads");
        assert_eq!(place(&Source::new("sql/functions/x.sql.orig", "")).unwrap().what, "not an SQL file");
        assert_eq!(place(&Source::new("sql/x.sql", "")).unwrap().what, "an SQL file that nothing reads");
        assert_eq!(place(&Source::new("sql/functions/job.sql", "")), None);
        assert_eq!(place(&Source::new("sql/README.md", "")), None);
        assert_eq!(place(&Source::new("src/lib.rs", "")), None);
    }

    #[test]
    fn a_misnamed_migration_is_a_problem() {
        for bad in
            ["V1__x.sql", "V0001_x.sql", "V0001__.sql", "V0001__Big.sql", "v0001__x.sql", "V00a1__x.sql"]
        {
            assert!(place(&Source::new(&format!("sql/migrations/{bad}"), "")).is_some(), "{bad}");
        }
        assert_eq!(place(&Source::new("sql/migrations/V0001__the_tables.sql", "")), None);
    }

    #[test]
    fn gaps_and_duplicates_are_problems() {
        let named = |names: &[&str]| -> Vec<Source> {
            names.iter().map(|name| Source::new(&format!("sql/migrations/{name}"), "")).collect()
        };
        assert_eq!(
            words(numbers(&named(&["V0001__a.sql", "V0003__b.sql", "V0003__c.sql", "V0004__d.sql"]))),
            [
                "sql/migrations/V0003__b.sql:1: there is no migration 2 before it",
                "sql/migrations/V0003__c.sql:1: there are two migrations 3",
            ]
        );
        assert!(numbers(&named(&["V0002__b.sql", "V0001__a.sql"])).is_empty());
    }

    #[test]
    fn unseen_characters_are_problems() {
        let bad = Source::new("x.sql", "\u{feff}select 1;\r\nselect\t2;\nselect 3; \nselect 4;");
        assert_eq!(
            words(text(&bad)),
            [
                "x.sql:1: starts with a byte order mark",
                "x.sql:1: ends with a carriage return",
                "x.sql:2: contains a tab",
                "x.sql:3: ends with white space",
                "x.sql:4: does not end with a newline",
            ]
        );
        assert_eq!(words(text(&Source::new("x.sql", ""))), ["x.sql:1: does not end with a newline"]);
        assert!(text(&Source::new("x.sql", "select 1;\n\nselect 2;\n")).is_empty());
        let latin1 = Source { path: "x.sql".to_owned(), bytes: vec![0xe9, b'\n'] };
        assert_eq!(words(text(&latin1)), ["x.sql:1: not UTF-8 text"]);
    }
}
