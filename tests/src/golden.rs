//! Files of what was observed, for people to read and for tests to compare with.
//!
//! `cargo xtask test --bless` writes them. Refuses to write anything otherwise: a file that is not there is a
//! difference like any other.

use std::path::{Path, PathBuf};

use crate::environment;

/// How many lines of a difference are shown.
const SHOWN: usize = 40;

/// A file of this crate.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares what was observed with the file `name` of this crate, or writes it there.
///
/// # Panics
/// If they differ, with the lines that do.
#[track_caller]
pub fn compare(name: &str, observed: &str) {
    let path = path(name);
    if environment::bless() {
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, observed)).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let found = differences(&expected, observed);
    assert!(
        found.is_empty(),
        "\"{name}\" says something else:\n{}\n\
         hint: if what was observed is right, run \"cargo xtask test --only end-to-end --bless\"",
        found.join("\n")
    );
}

/// Lines that only one of two texts has between what both begin and end with.
fn differences(expected: &str, observed: &str) -> Vec<String> {
    if expected == observed {
        return Vec::new();
    }
    let (expected, observed): (Vec<&str>, Vec<&str>) =
        (expected.split('\n').collect(), observed.split('\n').collect());
    let same = expected.iter().zip(&observed).take_while(|(a, b)| a == b).count();
    let rest = expected.len().min(observed.len()) - same;
    let pairs = expected.iter().rev().zip(observed.iter().rev());
    let same_end = pairs.take(rest).take_while(|(a, b)| a == b).count();
    let middle = |lines: &[&str], sign: &str| -> Vec<String> {
        let lines = &lines[same..lines.len() - same_end];
        let more = lines.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("{sign} … and {more} lines more"));
        lines.iter().take(SHOWN).map(|line| format!("{sign} {line}")).chain(more).collect()
    };
    let mut found = vec![format!("@ line {}", same + 1)];
    found.extend(middle(&expected, "-"));
    found.extend(middle(&observed, "+"));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert!(differences("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(differences("a\nb\nc\n", "a\nx\ny\nc\n"), ["@ line 2", "- b", "+ x", "+ y"]);
        assert_eq!(differences("", "a\n"), ["@ line 1", "+ a"]);
        assert_eq!(differences("a\na\n", "a\na\na\n"), ["@ line 3", "+ a"]);
    }
}
