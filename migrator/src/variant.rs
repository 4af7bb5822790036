//! Texts that differ from a version's in whitespace alone, found again by the checksum that they would have been
//! recorded with. Pure.
//!
//! A database keeps no text, only refinery's checksum of one. What an editor, a linter or a checkout with other settings
//! makes of a file can be made of it here too, and its checksum compared; whatever else was applied remains another text.
//!
//! Invariant: every variant is the text of this build but for white space at the ends of lines, at their
//! beginnings, between paragraphs, at the end of the file, or a byte order mark.

use refinery::Migration;
use serde::Serialize;

use crate::embedded::Version;

/// In what a text differs that does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// CRLF in place of LF, and nothing else.
    LineEnds,
    /// Other whitespace, with or without that.
    Whitespace,
}

impl Difference {
    /// For messages: "… with CRLF line ends".
    pub fn words(self) -> &'static str {
        match self {
            Difference::LineEnds => "CRLF line ends",
            Difference::Whitespace => "other whitespace",
        }
    }
}

/// How the text that was recorded with this checksum differs from the version's; None where it is another one, or the
/// same.
pub fn find(version: &Version, checksum: &str) -> Option<Difference> {
    let checksum: u64 = checksum.parse().ok()?;
    if checksum == version.checksum {
        return None;
    }
    let of = |text: &str| Migration::unapplied(version.label(), text).ok().map(|found| found.checksum());
    if of(&crlf(version.sql)) == Some(checksum) {
        return Some(Difference::LineEnds);
    }
    let found = |text: String| {
        let with_bom = format!("\u{feff}{text}");
        [&text, &with_bom]
            .into_iter()
            .any(|text| of(text) == Some(checksum) || of(&crlf(text)) == Some(checksum))
    };
    variants(version.sql).any(found).then_some(Difference::Whitespace)
}

/// What editors and linters make of a text, with LF.
fn variants(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<&str> = text.trim_end().split('\n').collect();
    let without_trailing: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let mut bodies: Vec<String> = Vec::new();
    for lines in [lines, without_trailing] {
        for blank_lines in [usize::MAX, 1, 0] {
            let kept = few_blank_lines(&lines, blank_lines);
            for tab in [None, Some(2), Some(4), Some(8)] {
                let body: Vec<String> = kept.iter().map(|line| indented(line, tab)).collect();
                let body = body.join("\n");
                if !bodies.contains(&body) {
                    bodies.push(body);
                }
            }
        }
    }
    let ends = ["", "\n", "\n\n", "\n\n\n", " ", " \n"];
    bodies.into_iter().flat_map(move |body| ends.map(|end| format!("{body}{end}")))
}

/// The lines with no more than so many blank ones in a row.
fn few_blank_lines<'a>(lines: &[&'a str], most: usize) -> Vec<&'a str> {
    let mut blank = 0;
    let keep = |line: &&&str| {
        blank = if line.trim().is_empty() { blank + 1 } else { 0 };
        blank <= most
    };
    lines.iter().filter(keep).copied().collect()
}

/// The line with tabs for so many spaces at its beginning.
fn indented(line: &str, tab: Option<usize>) -> String {
    let Some(width) = tab else { return line.to_owned() };
    let text = line.trim_start_matches(' ');
    let spaces = line.len() - text.len();
    format!("{}{}{text}", "\t".repeat(spaces / width), " ".repeat(spaces % width))
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use refinery::Migration;

    use super::{Difference, find};
    use crate::embedded::{Version, versions};

    fn difference(version: &Version, text: &str) -> Option<Difference> {
        let recorded = Migration::unapplied(version.label(), text).unwrap().checksum();
        find(version, &recorded.to_string())
    }

    #[test]
    fn line_ends_whitespace_and_other_texts_are_told_apart() {
        for version in versions() {
            let text = version.sql;
            let of = |text: &str| difference(version, text);
            assert_eq!(of(text), None);
            assert_eq!(of(&text.replace('\n', "\r\n")), Some(Difference::LineEnds), "{}", version.file);
            for (name, variant) in [
                ("no newline at the end", text.trim_end().to_owned()),
                ("another newline", format!("{text}\n")),
                ("no newline, CRLF", text.trim_end().replace('\n', "\r\n")),
                ("a byte order mark", format!("\u{feff}{text}")),
                ("a byte order mark, CRLF", format!("\u{feff}{text}").replace('\n', "\r\n")),
                ("tabs", text.replace("\n  ", "\n\t")),
                (
                    "no blank lines",
                    format!("{}\n", text.trim_end().replace("\n\n", "\n").replace("\n\n", "\n")),
                ),
            ] {
                let expected = if variant == text { None } else { Some(Difference::Whitespace) };
                // Deeper indentation takes more than one replacement; those files are tried by the others.
                if name != "tabs" || !variant.contains("\t ") {
                    assert_eq!(of(&variant), expected, "{}: {name}", version.file);
                }
            }
            for other in [
                text.replacen("create", "CREATE", 1),
                format!("{text}-- a comment\n"),
                format!("{text};"),
                text.replacen(' ', "", 1),
                String::new(),
            ] {
                assert_eq!(of(&other), None, "{}", version.file);
            }
        }
    }

    #[test]
    fn the_same_text_under_another_version_is_another_one() {
        let [one, two, ..] = versions() else { panic!("two versions") };
        let recorded = Migration::unapplied(two.label(), &one.sql.replace('\n', "\r\n")).unwrap().checksum();
        assert_eq!(find(one, &recorded.to_string()), None);
        for odd in ["", "x", "-1", "99999999999999999999999"] {
            assert_eq!(find(one, odd), None);
        }
    }
}
