//! The words and signs of a SQL text, without its comments.
//!
//! Invariant: every token is a piece of the text, in its order, so that a run of tokens is a piece of the text too.

use std::ops::Range;

use crate::sql_text::{block_comment, dollar_quoted, quoted};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name that is not quoted; also a number.
    Word,
    /// A name in double quotes.
    Name,
    /// A text in quotes.
    Literal,
    /// A text in dollar quotes: bodies.
    Body,
    /// Anything else, one character.
    Sign,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    /// As it stands there.
    pub text: &'a str,
    /// Where it stands.
    pub at: Range<usize>,
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this sign.
    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign && self.text.starts_with(sign)
    }

    /// The name that it says, as the catalogue holds it.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_lowercase()),
            Kind::Name => Some(self.text.get(1..self.text.len() - 1)?.replace("\"\"", "\"")),
            _ => None,
        }
    }

    /// What is inside the quotes of a body or a literal.
    pub fn inside(&self) -> Option<String> {
        match self.kind {
            Kind::Literal => Some(self.text.get(1..self.text.len() - 1)?.replace("''", "'")),
            Kind::Body => {
                let mark = self.text[1..].find('$')? + 2;
                self.text.get(mark..self.text.len().checked_sub(mark)?).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// All tokens of a text.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            _ if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            _ if rest.starts_with("/*") => (None, block_comment(rest)),
            _ if first.is_whitespace() => (None, first.len_utf8()),
            '\'' => (Some(Kind::Literal), quoted(rest, '\'', false)),
            '"' => (Some(Kind::Name), quoted(rest, '"', false)),
            '$' => dollar_quoted(rest).map_or((Some(Kind::Sign), 1), |length| (Some(Kind::Body), length)),
            _ if first == '_' || first.is_alphanumeric() => {
                let inside = |c: char| c == '_' || c == '$' || c.is_alphanumeric();
                (Some(Kind::Word), rest.find(|c| !inside(c)).unwrap_or(rest.len()))
            }
            _ => (Some(Kind::Sign), first.len_utf8()),
        };
        let range = at..at + length;
        at = range.end;
        found.extend(kind.map(|kind| Token { kind, text: &text[range.clone()], at: range }));
    }
    found
}

/// The pieces between the commas that stand in no parentheses.
pub fn items<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0;
    tokens
        .split(|token| {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            depth == 0 && token.is_sign(',')
        })
        .collect()
}

/// What stands in the parentheses that these tokens begin with, and how many tokens that is with them.
pub fn parenthesised<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], usize)> {
    tokens.first().filter(|token| token.is_sign('('))?;
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
        depth == 0
    })?;
    Some((&tokens[1..end], end + 1))
}

#[cfg(test)]
mod tests {
    use super::{Kind, items, parenthesised, tokens};

    #[test]
    fn each_kind_is_told_apart_and_comments_are_left_out() {
        let found = tokens("a_1 \"B \"\"c\" /* d */ 'it''s' -- e\n$x$ body $x$;");
        let kinds: Vec<Kind> = found.iter().map(|token| token.kind).collect();
        assert_eq!(kinds, [Kind::Word, Kind::Name, Kind::Literal, Kind::Body, Kind::Sign]);
        assert_eq!(found[1].name().unwrap(), "B \"c");
        assert_eq!(found[2].inside().unwrap(), "it's");
        assert_eq!(found[3].inside().unwrap(), " body ");
    }

    #[test]
    fn commas_in_parentheses_do_not_divide() {
        let found = tokens("(a, numeric(1, 2)), b");
        assert_eq!(items(&found).len(), 2);
        let (inside, length) = parenthesised(&found).unwrap();
        assert_eq!((items(inside).len(), length), (2, found.len() - 2));
        assert!(parenthesised(&tokens("a")).is_none() && parenthesised(&tokens("(a")).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ab$'\"/*(),; é\n-]{0,60}") {
            for token in tokens(&text) {
                proptest::prop_assert_eq!(&text[token.at.clone()], token.text);
                let _ = (token.name(), token.inside());
            }
        }
    }
}
