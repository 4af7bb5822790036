//! What the compiler does not check. Each check is a function from what is there to a list of problems, with a
//! test on a bad example; all problems are listed together, as `path:line: what`.

mod arrows;
mod comments;
mod modules;
mod programs;
mod sql;
mod texts;
mod versions;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::setup::Prepared;
use crate::tree;

/// What is not ours to check. In a second working tree of a repository `.git` is a file.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A file of the checkout.
struct Source {
    /// Relative to the root, with slashes.
    path: String,
    bytes: Vec<u8>,
}

impl Source {
    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    /// Its text, unless it is binary.
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }

    /// Numbered lines of a text file.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text().unwrap_or_default().lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    fn has_suffix(&self, suffix: &str) -> bool {
        self.path.ends_with(suffix)
    }
}

/// Runs every check.
pub fn run(prepared: &Prepared<'_>) -> anyhow::Result<()> {
    let root = prepared.checkout.root();
    let mut sources = Vec::new();
    collect(root, root, &mut sources)?;
    let mut problems = Vec::new();
    problems.extend(texts::check(&sources));
    problems.extend(sql::check(&sources));
    problems.extend(comments::check(&sources));
    problems.extend(modules::check(&sources));
    problems.extend(arrows::check(prepared.checkout.metadata(), &sources)?);
    problems.extend(versions::check(prepared.checkout.metadata(), &sources)?);
    problems.extend(programs::check(prepared)?);
    problems.sort();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for path in tree::entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            collect(root, &path, sources)?;
        } else if kind.is_file() {
            let bytes = fs::read(&path).with_context(|| format!("could not read \"{}\"", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            sources.push(Source { path, bytes });
        }
    }
    Ok(())
}

/// Where a manifest says something: problems of metadata point there. Line 1 if nowhere.
fn line_with(sources: &[Source], path: &str, word: &str) -> usize {
    let file = sources.iter().find(|source| source.path == path);
    file.and_then(|source| source.lines().find(|(_, line)| line.contains(word)))
        .map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_a_compilers() {
        assert_eq!(Problem::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
    }

    #[test]
    fn a_word_is_found_in_its_manifest() {
        let sources = [Source::new("core/Cargo.toml", "[package]\nname = \"x\"\n")];
        assert_eq!(line_with(&sources, "core/Cargo.toml", "name"), 2);
        assert_eq!(line_with(&sources, "core/Cargo.toml", "postgres"), 1);
        assert_eq!(line_with(&sources, "other/Cargo.toml", "name"), 1);
    }
}
