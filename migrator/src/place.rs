//! Where in a SQL file an error is: the server counts characters of the text it was sent, people count lines.
//!
//! Invariant: statements are sent as they stand in the file, so that a position in one is a position in the file.

use serde::Serialize;

/// How much of a long line an excerpt shows.
const EXCERPT_WIDTH: usize = 120;

/// A point in a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    file: String,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// The line itself, without its end.
    #[serde(skip)]
    text: String,
}

impl Place {
    /// At the `position`-th character (from 1, as the server counts) of the file's text.
    pub fn at_character(file: &str, text: &str, position: usize) -> Self {
        let index = position.saturating_sub(1);
        let byte = text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte);
        let before = &text[..byte];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[start..byte].chars().count() + 1,
            text: text[start..].lines().next().unwrap_or("").to_owned(),
        }
    }

    /// `file:line:column`.
    pub fn address(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    /// The line and under it a caret at the column, both ended.
    pub fn excerpt(&self) -> String {
        // A long line is cut to a window that has the column in its middle.
        let skipped = match self.text.chars().count() > EXCERPT_WIDTH {
            true => (self.column - 1).saturating_sub(EXCERPT_WIDTH / 2),
            false => 0,
        };
        let shown: String = self.text.chars().skip(skipped).take(EXCERPT_WIDTH).collect();
        // Tabs are repeated, so that the caret stands where the terminal put the character.
        let margin: String = self
            .text
            .chars()
            .chain(std::iter::repeat(' '))
            .take(self.column - 1)
            .skip(skipped)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!("  | {shown}\n  | {margin}^\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    fn address(text: &str, position: usize) -> String {
        Place::at_character("f", text, position).address()
    }

    #[test]
    fn the_server_counts_characters_not_bytes() {
        let text = "-- größe: 1 €\nselect 'é', wrong;\n";
        let position = text.chars().take_while(|c| *c != 'w').count() + 1;
        assert_eq!(address(text, position), "f:2:13");
        assert_eq!(
            Place::at_character("f", text, position).excerpt(),
            "  | select 'é', wrong;\n  |             ^\n"
        );
    }

    #[test]
    fn first_last_and_impossible_positions_have_an_address() {
        assert_eq!(address("select", 1), "f:1:1");
        assert_eq!(address("select", 0), "f:1:1");
        assert_eq!(address("a\n\nb", 3), "f:2:1");
        assert_eq!(address("a\n\nb", 4), "f:3:1");
        assert_eq!(address("a\nb", 4), "f:2:2");
        assert_eq!(address("a\nb\n", 99), "f:3:1");
        assert_eq!(address("", 1), "f:1:1");
    }

    #[test]
    fn a_tab_before_the_column_is_repeated_in_the_margin() {
        assert_eq!(Place::at_character("f", "\tx y", 4).excerpt(), "  | \tx y\n  | \t  ^\n");
    }

    #[test]
    fn a_long_line_is_cut_around_the_column() {
        let text = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Place::at_character("f", &text, 501).excerpt();
        let (line, caret) = excerpt.split_once('\n').unwrap();
        assert_eq!(line.chars().count(), 4 + 120);
        assert_eq!(line.chars().position(|c| c == '!'), caret.chars().position(|c| c == '^'));
    }

    proptest::proptest! {
        #[test]
        fn every_position_of_every_text_points_at_its_character(text in "[a-cé€\n\t]{0,40}", position in 1usize..45) {
            let place = Place::at_character("f", &text, position);
            let address = place.address();
            let mut parts = address.rsplit(':').map(|part| part.parse::<usize>().unwrap_or(0));
            let (column, line) = (parts.next().unwrap(), parts.next().unwrap());
            let found = text.split('\n').nth(line - 1).and_then(|line| line.chars().nth(column - 1));
            let expected = text.chars().nth(position - 1);
            proptest::prop_assert_eq!(found.or(Some('\n').filter(|_| expected == Some('\n'))), expected);
            place.excerpt();
        }
    }
}
