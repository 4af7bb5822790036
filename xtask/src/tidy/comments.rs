//! A function's comment in the catalogue is the first line of its documentation in the source.

use super::{Problem, Source};

const COMMENTS: &str = "extension/sql/rights_and_comments.sql";

/// Every documented `#[pg_extern]` of the extension has `'<its first line>'` as its comment.
pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let comments = sources.iter().find(|source| source.path == COMMENTS);
    let comments = comments.and_then(Source::text).unwrap_or_default();
    let glue =
        sources.iter().filter(|source| source.path.starts_with("extension/src/") && source.has_suffix(".rs"));
    glue.flat_map(documented)
        .filter(|(_, _, summary)| !comments.contains(&format!("\n  '{}';", summary.replace('\'', "''"))))
        .map(|(path, line, summary)| {
            Problem::new(path, line, format!("\"{summary}\" is no comment in {COMMENTS}"))
        })
        .collect()
}

/// First lines of documentation that stand directly above `#[pg_extern`.
fn documented(source: &Source) -> impl Iterator<Item = (&str, usize, &str)> {
    let mut summary = None;
    source.lines().filter_map(move |(number, line)| {
        if let Some(text) = line.strip_prefix("/// ") {
            summary = summary.or(Some((number, text)));
            return None;
        }
        let found = summary.take();
        found.filter(|_| line.starts_with("#[pg_extern")).map(|(at, text)| (source.path.as_str(), at, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_says_something_else_is_found() {
        let sources = [
            Source::new(
                "extension/src/job.rs",
                "/// One thing\n/// and more\n#[pg_extern(strict)]\nfn a() {}\n\n/// Another's thing\n#[pg_extern]\nfn b() {}\n\n/// Not for SQL\nfn c() {}\n#[pg_extern]\nfn d() {}\n",
            ),
            Source::new(
                COMMENTS,
                "comment on function lora.a() is\n  'One thing';\ncomment on function lora.b() is\n  'Old';\n",
            ),
        ];
        let problems = check(&sources);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].path.as_str(), problems[0].line), ("extension/src/job.rs", 6));
    }
}
