//! Texts: module heads, lengths, unfinished code, places of one machine.

use super::{Problem, Source};

/// A file that needs more lines has more than one subject.
const LONGEST: usize = 600;

/// Spelled in halves, so that this file passes its own check.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
const UNFINISHED: &str = concat!("to", "do!(");

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        problems.extend(head(source));
        problems.extend(length(source));
        problems.extend(unfinished(source));
        problems.extend(machine_paths(source));
    }
    problems
}

/// Every module says at its head what it owns.
fn head(source: &Source) -> Option<Problem> {
    let counts = source.has_suffix(".rs") && source.path.split('/').any(|part| part == "src");
    let has_head = source.text().is_some_and(|text| text.starts_with("//!"));
    (counts && !has_head).then(|| Problem::new(&source.path, 1, "the module has no head (//!)"))
}

fn length(source: &Source) -> Option<Problem> {
    // A released install script is what it is.
    let frozen = source.path.starts_with("extension/sql/pg_lora--");
    let counts = (source.has_suffix(".rs") || source.has_suffix(".sql")) && !frozen;
    let lines = source.lines().count();
    (counts && lines > LONGEST)
        .then(|| Problem::new(&source.path, LONGEST + 1, format!("{lines} lines, more than {LONGEST}")))
}

fn unfinished(source: &Source) -> Vec<Problem> {
    if !source.has_suffix(".rs") {
        return Vec::new();
    }
    let lines = source.lines().filter(|(_, line)| line.contains(UNFINISHED));
    lines.map(|(number, _)| Problem::new(&source.path, number, "unfinished code")).collect()
}

/// An absolute path of somebody's machine works nowhere else.
fn machine_paths(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in source.lines() {
        for path in MACHINE_PATHS {
            if starts_a_path(line, path) {
                problems.push(Problem::new(&source.path, number, format!("a path of one machine: {path}…")));
            }
        }
    }
    problems
}

/// `x/home/y` and `https://host/home/` only contain the letters.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~' | '}' | ')' | '>')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_head_is_a_problem() {
        let bad = Source::new("core/src/job.rs", "use std::fmt;\n");
        assert_eq!(head(&bad), Some(Problem::new("core/src/job.rs", 1, "the module has no head (//!)")));
        assert_eq!(head(&Source::new("core/src/job.rs", "//! Jobs.\n")), None);
        assert_eq!(head(&Source::new("core/fuzz/job.rs", "use std::fmt;\n")), None);
    }

    #[test]
    fn a_file_that_is_too_long_is_a_problem() {
        let long = "x\n".repeat(LONGEST + 1);
        assert_eq!(length(&Source::new("a.rs", &long)).unwrap().what, "601 lines, more than 600");
        assert_eq!(length(&Source::new("a.rs", &long[2..])), None);
        assert_eq!(length(&Source::new("extension/sql/pg_lora--0.1.0.sql", &long)), None);
        assert_eq!(length(&Source::new("data.jsonl", &long)), None);
    }

    #[test]
    fn unfinished_code_is_a_problem() {
        let bad = Source::new("a.rs", &format!("//! A.\nfn a() {{ {UNFINISHED}) }}\n"));
        assert_eq!(unfinished(&bad), [Problem::new("a.rs", 2, "unfinished code")]);
        assert!(unfinished(&Source::new("a.md", UNFINISHED)).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_a_problem() {
        for path in MACHINE_PATHS {
            let bad = Source::new("a.md", &format!("fine\nsee \"{path}x\"\n"));
            assert_eq!(machine_paths(&bad).iter().map(|p| p.line).collect::<Vec<_>>(), [2]);
            let good = Source::new("a.md", &format!("https://host{path}x and a{path}b\n"));
            assert!(machine_paths(&good).is_empty());
        }
        let binary = Source { path: "a.bin".to_owned(), bytes: vec![0, 159, 146, 150] };
        assert!(machine_paths(&binary).is_empty());
    }
}
